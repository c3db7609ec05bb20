"""
The table of calls. A module adds its own by

    @route("GET", "/domain/zone/{zone}/record/{id}", action="dnsZone:apiovh:record/get")
    def record_get(world, call, zone, id): ...

and returns what becomes the JSON of the answer (None: null). Names of queries and of fields in bodies
are checked against `query` and `fields` (a name ending in "*" is required), as OVH's schemas do it.
"""
import json
import re
from urllib.parse import parse_qsl, unquote

from .errors import bad, no_such_url

routes = []


class Call:
    """One request, after it was let in."""

    def __init__(self, method, path, query, body, headers):
        self.method, self.path, self.raw_query, self.raw_body = method, path, query, body
        self.headers = headers
        self.query = dict(parse_qsl(query, keep_blank_values=True))
        self.fields = {}


class Route:
    def __init__(self, method, pattern, action, auth, query, fields, function):
        self.method, self.action, self.auth = method, action, auth
        self.query, self.fields, self.function = query, fields, function
        names = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
        self.regex = re.compile(names + "/?$")  # a slash at the end is forgiven, as there

    def read(self, call, parts):
        """The body, by the schema of this call. What the path names may be named once more."""
        known = {name.rstrip("*") for name in self.fields} | set(parts)
        if call.raw_body.strip():
            try:
                call.fields = json.loads(call.raw_body)
            except ValueError:
                raise bad("Invalid JSON received") from None
            if not isinstance(call.fields, dict):
                raise bad("Invalid JSON received, an object was expected")
        if call.method == "GET":  # some clients send the query so
            call.query.update({k: str(v) for k, v in call.fields.items() if k in self.query})
            known |= set(self.query)
        for name in call.fields:
            if name not in known:
                raise bad(f"Received unknown parameter(s) : {name}")
        for name in self.fields:
            if name.endswith("*") and call.fields.get(name[:-1]) is None:
                raise bad(f"Missing parameter(s): {name[:-1]}")
        for name in call.query:
            if name not in self.query and name not in parts:
                raise bad(f"Received unknown parameter(s) : {name}")


def route(method, pattern, action=None, auth=True, query=(), fields=()):
    def add(function):
        routes.append(Route(method, pattern, action, auth, query, fields, function))
        return function
    return add


def dump(value):
    return json.dumps(value, separators=(",", ":")).encode()


def find(method, path):
    """The route of a call and the parts of its path; no_such_url when there is none."""
    best = None
    for r in routes:
        match = r.regex.match(path)
        if match and r.method == method and (best is None or len(match.groups()) < len(best[1].groups())):
            best = r, match  # the more literal one: /volume/snapshot before /volume/{volumeId}
    if best:
        return best[0], {name: unquote(text) for name, text in best[1].groupdict().items()}
    raise no_such_url()
