"""Two clouds asked the same: what of two answers has to be equal, and who asks."""
import http.client
import json
import re
import time
from urllib.parse import urlsplit

# Of an answer's headers, those that a client may go by: whether they are there.
HEADERS = ("location", "x-subject-token", "openstack-api-version", "x-openstack-nova-api-version", "vary",
           "x-openstack-request-id", "x-compute-request-id", "www-authenticate", "accept-patch",
           "openstack-image-import-methods", "openstack-image-store-ids")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00|-00:00)?")
URL = re.compile(r"https?://[^/\s\"]+(/[a-z0-9.-]+\.ovh\.net)?")
LONG = re.compile(r"\b[0-9a-f]{16,}\b")


def form(value):
    """What a value is like: names and kinds, not contents."""
    if isinstance(value, dict):
        return {name: form(inner) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        forms = []
        for inner in map(form, value):
            if inner not in forms:
                forms.append(inner)
        return sorted(forms, key=json.dumps)
    if isinstance(value, str):
        for name, pattern in (("id", UUID), ("time", TIME)):
            if pattern.fullmatch(value):
                return pattern is TIME and TIME.sub(lambda m: "time" + ("." if m[1] else "") + (m[2] or ""), value) \
                    or name
        return "text"
    if isinstance(value, bool):
        return "boolean"
    return "null" if value is None else "number"


def words(text):
    """A message without what differs from run to run."""
    for pattern, name in ((UUID, "ID"), (TIME, "TIME"), (LONG, "LONG")):
        text = pattern.sub(name, text)
    return re.sub(r"\s+", " ", URL.sub("URL", text)).strip()


class Cloud:
    """One of the two, through the endpoints of its catalogue."""

    def __init__(self, name, auth_url, region, user, password, scope):
        self.name, self.auth_url, self.region = name, auth_url.rstrip("/"), region
        self.names = {"user": user, "password": password}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": {
            "name": user, "domain": {"name": "Default"}, "password": password}}}, "scope": {"project": scope}}}
        status, headers, answer = self.send("POST", self.auth_url + "/auth/tokens", body, {})
        if status != 201:
            raise RuntimeError(f"{name}: no token: {status} {answer}")
        token = json.loads(answer)["token"]
        self.token = headers["x-subject-token"]
        self.names.update({"project": token["project"]["id"], "user_id": token["user"]["id"], "token": self.token})
        kinds = {"volumev3": "volume", "block-storage": "volume"}
        self.endpoints = {"identity": self.auth_url}
        for entry in token["catalog"]:
            for point in entry["endpoints"]:
                if point["interface"] == "public" and point["region"] == region and entry["type"] != "identity":
                    self.endpoints[kinds.get(entry["type"], entry["type"])] = point["url"].rstrip("/")

    def send(self, method, url, body, headers):
        parts = urlsplit(url)
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        headers = dict({"Content-Type": "application/json"} if body is not None else {}, **headers)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        connection.request(method, parts.path + ("?" + parts.query if parts.query else ""), data,
                           {k: v for k, v in headers.items() if v is not None})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text

    def root(self, service):
        """Without a version."""
        return re.sub(r"/v[0-9.]+(/[0-9a-zA-Z_]+)?$", "", self.endpoints[service])

    def fill(self, value):
        if isinstance(value, str):
            return re.sub(r"<(\w+)>", lambda m: self.names[m[1]], value)
        if isinstance(value, dict):
            return {k: self.fill(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.fill(v) for v in value]
        return value

    def ask(self, step):
        """An answer as it is compared; what the step wants to keep is kept."""
        path = self.fill(step.path)
        base = self.root(step.service) if path.startswith("^") else self.endpoints[step.service]
        if step.service == "image" and not path.startswith("^") and not base.endswith("/v2"):
            base += "/v2"
        if step.service == "network" and not path.startswith("^") and not base.endswith("/v2.0"):
            base += "/v2.0"
        headers = dict({"X-Auth-Token": self.token}, **self.fill(step.headers))
        for _ in range(9):
            try:
                return self.send(step.method, base + path.lstrip("^"), self.fill(step.body), headers)
            except ConnectionResetError:
                # A server that refuses before it has read the body may lose its answer.
                time.sleep(0.1)
        return self.send(step.method, base + path.lstrip("^"), self.fill(step.body), headers)

    def keep(self, step, text):
        for name, place in step.keep.items():
            value = json.loads(text)
            for part in place.split("."):
                value = pick(value, part)
            self.names[name] = str(value)

    def until(self, step, seconds=120):
        """Asks until a member has the wanted value; or the wanted status."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            status, headers, text = self.ask(step)
            if isinstance(step.until, int):
                if status == step.until:
                    return status, headers, text
            elif status == 200:
                place, wanted = step.until
                value = json.loads(text)
                for part in place.split("."):
                    value = pick(value, part)
                if value == wanted:
                    return status, headers, text
            time.sleep(0.2)
        raise TimeoutError(f"{self.name}: {step.path} never came to {step.until}: {status} {text[:600]!r}")


def pick(value, part):
    """A member; of a list by number or by "member=value"."""
    if isinstance(value, list):
        if "=" in part:
            name, _, wanted = part.partition("=")
            return next(v for v in value if v.get(name) == wanted)
        return value[int(part)]
    return value[part]


class Step:
    """
    One request. path: from the endpoint on, from the service's root with "^"; <name> is what was kept. keep: {name:
    place in the answer}. words: messages have to be equal, not only the form. but: members that may differ. first: of
    a text that is no JSON, so many characters count.
    """

    def __init__(self, name, service, method, path, body=None, headers=None, keep=None, until=None, words=None,
                 but=(), first=None):
        self.name, self.service, self.method, self.path, self.body = name, service, method, path, body
        self.headers, self.keep, self.until, self.but = headers or {}, keep or {}, until, but
        self.words, self.first = words, first


def without(value, names):
    if isinstance(value, dict):
        return {k: without(v, names) for k, v in value.items() if k not in names}
    if isinstance(value, list):
        return [without(v, names) for v in value]
    return value


def compared(step, answer):
    """What has to be equal of an answer, as one thing that can be printed."""
    status, headers, text = answer
    kind = headers.get("content-type", "").partition(";")[0] if text else None
    seen = {"status": status, "type": kind, "headers": [h for h in HEADERS if h in headers and h not in step.but]}
    try:
        body = without(json.loads(text), step.but) if text else None
    except ValueError:
        seen["body"] = words(text.decode("utf-8", "replace"))[:step.first]
        return seen
    exact = status >= 400 if step.words is None else step.words
    seen["body"] = words(json.dumps(body, sort_keys=True)) if exact else form(body)
    return seen


def differences(a, b, place=""):
    """Lines that say where two such things differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        lines = []
        for name in sorted(set(a) | set(b)):
            if name not in a or name not in b:
                lines.append(f"{place}/{name}: only in {'the other' if name not in a else 'the first'}: "
                             f"{a.get(name, b.get(name))!r}")
            else:
                lines += differences(a[name], b[name], f"{place}/{name}")
        return lines
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b) == 1:
        return differences(a[0], b[0], place + "[]")
    return [] if a == b else [f"{place}: {a!r}\n{place}: {b!r}"]
