"""Which microversion a call wants, and whether this region has it."""
import re

from .errors import Refusal

LOWEST = {"compute": (2, 1), "volume": (3, 0)}
VOLUME_HIGHEST = (3, 59)


def numbers(text):
    major, _, minor = text.partition(".")
    return int(major), int(minor)


def highest(ctx):
    return numbers(ctx.region.microversion) if ctx.service == "compute" else VOLUME_HIGHEST


def asked(ctx):
    get = ctx.request.headers.get
    for part in (get("OpenStack-API-Version") or "").split(","):
        name, _, version = part.strip().partition(" ")
        if name == ctx.service:
            return version.strip()
    if ctx.service == "compute":
        return get("X-OpenStack-Nova-API-Version")
    return None


def negotiate(ctx):
    if ctx.service not in LOWEST:
        return
    low, high, text = LOWEST[ctx.service], highest(ctx), asked(ctx)
    if text is None:
        version = low
    elif text == "latest":
        version = high
    elif not re.fullmatch(r"[1-9]\d*\.(0|[1-9]\d*)", text):
        raise Refusal(400, f"API Version String {text} is of invalid format. Must be of format "
                           "MajorNum.MinorNum.")
    else:
        version = numbers(text)
        if not low <= version <= high:
            announce(ctx, version)
            raise Refusal(406, f"Version {text} is not supported by the API. Minimum is {low[0]}.{low[1]} and "
                               f"maximum is {high[0]}.{high[1]}.")
    ctx.version = version
    announce(ctx, version)


def announce(ctx, version):
    """In the headers of the answer; of a refusal, too."""
    shown = f"{version[0]}.{version[1]}"
    ctx.headers.append(("OpenStack-API-Version", f"{ctx.service} {shown}"))
    if ctx.service == "compute":
        ctx.headers += [("X-OpenStack-Nova-API-Version", shown),
                        ("Vary", "OpenStack-API-Version, X-OpenStack-Nova-API-Version")]
    else:
        ctx.headers.append(("Vary", "OpenStack-API-Version"))
