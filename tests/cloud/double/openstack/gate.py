"""One request to a service of OpenStack, from its host name to its answer."""
import uuid

from ..request import Answer, CutShort
from . import (cinder, glance, glance_data, keystone, neutron, neutron_groups, nova,  # noqa: F401 (their routes)
               nova_servers, oidc, router, swift)
from .catalog import AUTH, host_of
from .errors import Refusal, answer, challenge, unauthorized, webob
from .microversion import negotiate

VERSIONS = {"identity": keystone.versions, "image": glance.versions, "compute": nova.versions,
            "network": neutron.versions, "volume": cinder.versions, "object-store": swift.versions}
# What stands before a call's own path.
PREFIXES = {"identity": ("/v3",), "image": ("/v2",), "network": ("/v2.0",), "object-store": ("/v1/{scope}",),
            "compute": ("/v2.1/{project}", "/v2.1"), "volume": ("/v3/{project}", "/v3")}
REQUEST_ID = {"identity": ("x-openstack-request-id",), "image": ("x-openstack-request-id",),
              "network": ("X-Openstack-Request-Id",), "object-store": ("X-Trans-Id",),
              "compute": ("x-openstack-request-id", "x-compute-request-id"),
              "volume": ("x-compute-request-id", "x-openstack-request-id")}


def strip(service, path, project):
    """(prefix, rest) of a path; None when no version stands there."""
    for prefix in PREFIXES[service]:
        full = prefix.replace("{project}", project.id).replace("{scope}", f"AUTH_{project.id}") \
            if project else prefix
        if path == full or path.startswith(full + "/"):
            return full, path[len(full):] or "/"
    return None


def region_of(world, token, name):
    """The region's object in the token's project; None: nothing answers under this name."""
    project = token.project if token and token.project else world.project()
    region = project.regions.get(name)
    return region if region and region.active else None


def prepare(world, service, region_name, request):
    """(ctx, route, parts), or raises; the token is looked at first, as the middleware does it."""
    text = request.headers.get("X-Auth-Token")
    token = world.tokens.find(world, text)
    if service == "identity":
        path = strip(service, request.path, None)
        if path is None:
            raise Refusal(404, "(http://localhost%s): The resource could not be found." % request.path)
        route, parts = router.find(service, request.method, path[1])
        if not route.anyone and token is None:
            raise Refusal(401, keystone.REFUSED)
    else:
        if token is None or token.project is None:
            raise Refusal(401, kind="no token")
        path = strip(service, request.path, token.project)
        if path is None:
            raise Refusal(404, kind="no route")
        wait = world.limits.allow("others", (service, token.project.id))
        if wait:
            raise Refusal(429, kind="limit", headers=[("Retry-After", str(wait))])
        route, parts = router.find(service, request.method, path[1])
    ctx = router.Ctx(world, service, region_of(world, token, region_name) if region_name else None, request,
                     token)
    host = AUTH if service == "identity" else host_of(service, region_name)
    ctx.base = world.endpoint(host) + path[0]
    if token and token.project:
        token.project.settle()
    request.versions = ctx.headers  # refusals have them, too
    negotiate(ctx)
    if route.role and not ctx.may(route.role):
        forbid(service, route)
    return ctx, route, parts


def forbid(service, route):
    name = f"{route.function.__module__.rpartition('.')[2]}:{route.function.__name__}"
    if service in ("compute", "volume"):
        raise Refusal(403, f"Policy doesn't allow {name} to be performed.")
    if service == "network":
        raise Refusal(403, f"rule:{name} is disallowed by policy", kind="PolicyNotAuthorized")
    raise Refusal(403, f"You are not authorized to complete {name} action.")


def carry_out(world, request, service, region):
    """The answer, in every case."""
    if service == "role-adapter":
        request.body = request.stream.whole()
        return oidc.carry_out(world, request)
    with world.lock:
        if region is not None and region_of(world, None, region) is None:
            return Answer(503, "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle "
                               "this request.\n</body></html>\n", kind="text/html")
        told = VERSIONS[service](world, request, request.path, region_of(world, None, region)) \
            if region else VERSIONS[service](world, request, request.path)
    if told is not None:
        return identified(service, told)
    try:
        return identified(service, called(world, request, service, region))
    except CutShort:
        return identified(service, webob(request, 400))


def called(world, request, service, region):
    try:
        with world.lock:
            ctx, route, parts = prepare(world, service, region, request)
        if route.streams:  # takes the lock itself
            return router.call(ctx, route, parts)
        request.body = request.stream.whole()
        with world.lock:
            ctx.body = router.read_json(request, service)
            return router.call(ctx, route, parts)
    except Refusal as r:
        if r.kind == "no token":
            return unauthorized(service, request, world.endpoint(AUTH) + "/v3")
        if r.kind == "no route":
            return no_route(service, request, r)
        done = answer(service, request, r)
        if service == "identity" and r.status == 401:
            done.headers.append(challenge(world.endpoint(AUTH) + "/v3"))
        done.headers += request.versions
        return done


NOT_FOUND = ("<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The requested URL "
             "was not found on the server. If you entered the URL manually please check your spelling and try "
             "again.</p>\n")


def no_route(service, request, r):
    """Where nothing is, each framework answers for itself."""
    if service == "identity":
        return Answer(r.status, NOT_FOUND, kind="text/html; charset=utf-8")
    if service == "network":
        return answer(service, request, Refusal(404, "The resource could not be found.", kind="HTTPNotFound"))
    done = webob(request, r.status)
    done.ids = REQUEST_ID[service] if service == "compute" else ("x-openstack-request-id",)
    return done


def identified(service, done):
    """Headers that every answer has, unless it came from the middleware before the service."""
    names = done.ids if done.ids is not None else REQUEST_ID[service]
    done.headers += [(name, "req-" + str(uuid.uuid4())) for name in names]
    if service == "identity":
        done.headers.append(("Vary", "X-Auth-Token"))
    return done
