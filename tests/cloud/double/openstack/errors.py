"""Errors as each service of OpenStack words them."""
import html
import json

from ..request import Answer

TITLES = {300: "Multiple Choices", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
          405: "Method Not Allowed", 406: "Not Acceptable", 409: "Conflict", 410: "Gone",
          411: "Length Required", 413: "Request Entity Too Large", 415: "Unsupported Media Type",
          429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented",
          503: "Service Unavailable"}
# nova/api/openstack/wsgi.py, Fault; cinder has the same
FAULTS = {400: "badRequest", 401: "unauthorized", 403: "forbidden", 404: "itemNotFound", 405: "badMethod",
          409: "conflictingRequest", 413: "overLimit", 415: "badMediaType", 429: "overLimit",
          501: "notImplemented", 503: "serviceUnavailable"}
# webob's own explanations
EXPLAINED = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    401: "This server could not verify that you are authorized to access the document you requested.  "
         "Either you supplied the wrong credentials (e.g., bad password), or your browser does not "
         "understand how to supply the credentials required.",
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
    405: "The method %s is not allowed for this resource. ",
    410: "This resource is no longer available.  No forwarding address is given.",
    409: "There was a conflict when trying to complete your request.",
    415: "The request media type %s is not supported by this server. ",
    500: "The server has either erred or is incapable of performing the requested operation."}


UNAUTHORIZED_IDS = {"image": (), "compute": ("x-openstack-request-id", "x-compute-request-id"),
                    "network": ("x-openstack-request-id",), "volume": ("x-openstack-request-id",),
                    "object-store": ()}


class Refusal(Exception):
    """status, words; kind: Neutron's type of error, "detail": the words stand behind webob's own."""

    def __init__(self, status, message="", kind=None, headers=()):
        super().__init__(message)
        self.status, self.message, self.kind, self.headers = status, message, kind, headers


def offers(accept, kinds):
    """The first of kinds that the client takes, by q and place; None: none of them."""
    best = None
    for part in (accept or "*/*").split(","):
        name, _, rest = part.strip().partition(";")
        q = float(rest.partition("q=")[2] or 1) if "q=" in rest else 1.0
        for place, kind in enumerate(kinds):
            if name.strip() in ("*/*", kind, kind.split("/")[0] + "/*") and q > 0:
                rank = (q, -place)
                if best is None or rank > best[0]:
                    best = (rank, kind)
    return best[1] if best else None


def webob(request, status, message="", detail="", headers=()):
    """A WSGI exception as webob writes it: HTML for who takes anything, else JSON or text."""
    title = TITLES[status]
    words = message or EXPLAINED.get(status, "")
    if "%s" in words:
        words = words % (request.method if status == 405 else request.headers.get("Content-Type", ""))
    kind = offers(request.headers.get("Accept"), ("text/html", "application/json"))
    if kind == "text/html":
        body = f"{html.escape(words)}<br /><br />\n{html.escape(detail)}\n\n"
        text = (f"<html>\n <head>\n  <title>{status} {title}</title>\n </head>\n <body>\n"
                f"  <h1>{status} {title}</h1>\n  {body}\n </body>\n</html>")
        return Answer(status, text, headers, "text/html; charset=UTF-8")
    if kind == "application/json":
        text = json.dumps({"message": f"{words}<br /><br />\n{detail}\n\n", "code": f"{status} {title}",
                           "title": title})
        return Answer(status, text, headers, "application/json; charset=UTF-8")
    return Answer(status, f"{status} {title}\n\n{words}\n\n{detail}\n\n", headers,
                  "text/plain; charset=UTF-8")


def keystone(request, r):
    return Answer(r.status, {"error": {"code": r.status, "message": r.message, "title": TITLES[r.status]}},
                  r.headers)


def glance(request, r):
    if r.kind == "detail":
        return webob(request, r.status, "", r.message, r.headers)
    return webob(request, r.status, r.message, headers=r.headers)


def nova(request, r):
    name = FAULTS.get(r.status, "computeFault")
    body = {"code": r.status, "message": r.message}
    headers = list(r.headers)
    if r.status in (413, 429):
        body["retryAfter"] = "0"
        headers.append(("Retry-After", "0"))
    return Answer(r.status, {name: body}, headers, "application/json; charset=UTF-8")


def neutron(request, r):
    kind = r.kind or {400: "HTTPBadRequest", 401: "HTTPUnauthorized", 403: "PolicyNotAuthorized",
                      404: "HTTPNotFound", 409: "Conflict", 501: "HTTPNotImplemented"}.get(r.status, "Error")
    return Answer(r.status, {"NeutronError": {"type": kind, "message": r.message, "detail": ""}}, r.headers)


FORMS = {"identity": keystone, "image": glance, "compute": nova, "network": neutron, "volume": nova,
         "object-store": glance}


def answer(service, request, refusal):
    if refusal.status == 429 and refusal.kind == "limit":
        # The gate before all services, not the service.
        return Answer(429, {"error": {"status": "429 Too Many Requests", "message": "Too Many Requests"}},
                      refusal.headers)
    return FORMS[service](request, refusal)


def challenge(auth_url):
    return "WWW-Authenticate", f'Keystone uri="{auth_url}"'


def unauthorized(service, request, auth_url):
    """keystonemiddleware's answer; before Glance it lets the request through, and Glance's own gate refuses it."""
    if service == "image":
        done = webob(request, 401)
    else:
        done = Answer(401, {"error": {"code": 401, "title": "Unauthorized",
                                      "message": "The request you have made requires authentication."}})
    done.headers.append(challenge(auth_url))
    done.ids = UNAUTHORIZED_IDS[service]
    return done
