"""One request to OVH's own API, from its path to its answer."""
import uuid

from .. import auth, routes
from .. import zone as _zone  # noqa: F401 (its routes)
from ..errors import ApiError, gate
from ..request import Answer, CutShort
from . import account, images, instance, operation, project, user, volume  # noqa: F401 (their routes)

TOKEN_PATH = "/auth/oauth2/token"


def path_of(raw_path):
    for prefix in ("/1.0", "/v1"):
        if raw_path.startswith(prefix + "/"):
            return raw_path[len(prefix):]
    return raw_path if raw_path.startswith("/v2/") else ""


def called(world, request):
    if request.path == TOKEN_PATH and request.method == "POST":
        return auth.token_request(world, request.headers, request.body)
    path = path_of(request.path)
    route, parts = routes.find(request.method, path)
    call = routes.Call(request.method, path, request.raw_query, request.body, request.headers)
    if route.auth:
        auth.authenticate(world, call, request.urls, route.action)
        wait = world.limits.allow("native", request.headers.get("X-Ovh-Consumer") or "bearer")
        if wait:
            raise gate(429, "TOO_MANY_REQUESTS", "Too many requests, please retry later")
    route.read(call, parts)
    return route.function(world, call, **parts)


def carry_out(world, request):
    """The answer, in every case."""
    try:
        request.body = request.stream.whole()
    except CutShort:
        return Answer(400, {"class": "Client::BadRequest", "message": "Incomplete body"})
    with world.lock:
        try:
            done = Answer(200, called(world, request))
            text = done.body
        except ApiError as e:
            done, text = Answer(e.status), e.body
    done.body = routes.dump(text)
    done.kind = "application/json; charset=utf-8"
    done.headers += [("X-Ovh-QueryID", f"EU.ext-3.{uuid.uuid4().hex[:8]}.1.{uuid.uuid4()}"),
                     ("Cache-Control", "no-cache, no-store")]
    return done
