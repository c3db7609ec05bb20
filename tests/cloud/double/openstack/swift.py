"""Object storage: as much as lists of containers need; the account is empty."""
from ..request import Answer
from .router import service


def versions(world, request, path, region=None):
    return None


@service("object-store", "GET", "/")
def account(ctx):
    return Answer(200, [], [("X-Account-Container-Count", "0"), ("X-Account-Bytes-Used", "0")])


@service("object-store", "HEAD", "/")
def account_head(ctx):
    return Answer(204, None, [("X-Account-Container-Count", "0"), ("X-Account-Bytes-Used", "0")])
