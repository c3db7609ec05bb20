"""
The table of the services' calls. A module adds its own by

    @service("compute", "GET", "/servers/{id}", role="compute")
    def server_get(ctx, id): ...

with paths from behind the version and project on. A function returns what becomes JSON, or an Answer.
"""
import json
import re
from urllib.parse import unquote

from ..request import Answer
from .errors import Refusal

routes = {}


class Route:
    def __init__(self, method, pattern, function, status, role, streams, anyone):
        self.method, self.function, self.status = method, function, status
        self.role, self.streams, self.anyone = role, streams, anyone
        self.regex = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern) + "/?$")


def service(name, method, pattern, status=200, role=None, streams=False, anyone=False):
    """role: of those that OVH gives to users, one that may do this beside administrator; None: all may."""
    def add(function):
        routes.setdefault(name, []).append(
            Route(method, pattern, function, status, role, streams, anyone))
        return function
    return add


class Ctx:
    """What a function needs of one call."""

    def __init__(self, world, service_name, region, request, token):
        self.world, self.service, self.region, self.request, self.token = (
            world, service_name, region, request, token)
        self.query = request.query
        self.project = token.project if token else None
        self.user = token.user if token else None
        self.version = (2, 1)
        self.base = ""      # the endpoint as this client sees it, with its version
        self.body = None
        self.headers = []   # of the answer, beside its own

    def at_least(self, minor):
        return self.version >= (self.version[0], minor)

    def object(self, key):
        """The one member that a body has to have."""
        if not isinstance(self.body, dict) or not isinstance(self.body.get(key), dict):
            raise Refusal(400, f"Invalid input: a body with the object '{key}' is expected")
        return self.body[key]

    def may(self, *roles):
        return any(r in ("administrator", "admin", "infrastructure_supervisor") or r in roles
                   for r in self.token.role_names())


def find(name, method, path):
    """Route and parts; Refusal 404 or 405."""
    best, other = None, False
    for route in routes.get(name, ()):
        match = route.regex.match(path)
        if match and route.method == method and (best is None or len(match.groups()) < len(best[1].groups())):
            best = route, match  # the more literal one: /servers/detail before /servers/{id}
        other = other or bool(match)
    if best:
        return best[0], {key: unquote(text) for key, text in best[1].groupdict().items()}
    raise Refusal(405 if other else 404, "The resource could not be found.", kind="no route")


def read_json(request, service_name):
    if not request.body.strip():
        return None
    try:
        return json.loads(request.body)
    except ValueError:
        words = {"identity": "Expecting to find valid JSON in request body. The server could not comply with the request "
                             "since it is either malformed or otherwise incorrect. The client is assumed to be in "
                             "error.",
                 "network": "Malformed request body: Cannot understand JSON.",
                 "image": "Malformed JSON in request body."}
        raise Refusal(400, words.get(service_name, "Malformed request body"),
                      kind="MalformedRequestBody") from None


def call(ctx, route, parts):
    done = route.function(ctx, **parts)
    answer = done if isinstance(done, Answer) else Answer(route.status, done)
    answer.headers += ctx.headers
    return answer
