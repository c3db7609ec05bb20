#!/usr/bin/env python3
"""
What the double does that no real service here can be made to do: OVH's own limits, lags, states and refusals, and
faults on demand. Prints TAP.
"""
import http.client
import json
import subprocess
import sys
import threading
import time
from urllib.parse import urlencode, urlsplit

from lab import Double, wait_until
from alike import Cloud
from kbtest import Tap

P = "/cloud/project/"
tap = Tap()


class Native:
    """OVH's own API with a service account's token."""

    def __init__(self, d, client=None, secret=None):
        self.d, self.base = d, d.about["url"]
        form = urlencode({"grant_type": "client_credentials", "scope": "all",
                          "client_id": client or d.about["client_id"],
                          "client_secret": secret or d.about["client_secret"]})
        status, _, text = self.send("POST", d.about["token_url"], form.encode(),
                                    {"Content-Type": "application/x-www-form-urlencoded"})
        assert status == 200, text
        self.token = json.loads(text)["access_token"]

    @staticmethod
    def send(method, url, body=None, headers=None):
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        connection.request(method, parts.path + ("?" + parts.query if parts.query else ""), body, headers or {})
        answer = connection.getresponse()
        found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        connection.close()
        return found

    def raw(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        return self.send(method, self.base + path, data, {
            "Authorization": "Bearer " + self.token, **({"Content-Type": "application/json"} if data else {})})

    def __call__(self, method, path, body=None):
        status, _, text = self.raw(method, path.replace("P/", P + self.d.about["project"] + "/"), body)
        return status, json.loads(text)


class Service:
    """One of OpenStack's services in one region."""

    def __init__(self, d, region="GRA11"):
        about = d.about
        self.cloud = Cloud("the double", about["auth_url"], region, about["user"], about["password"],
                           {"id": about["project"]})

    def __call__(self, service, method, path, body=None, **headers):
        base = self.cloud.endpoints[service] + {"image": "/v2", "network": "/v2.0"}.get(service, "")
        status, found, text = self.cloud.send(method, base + path, body, {
            "X-Auth-Token": self.cloud.token, **{k.replace("_", "-"): v for k, v in headers.items()}})
        self.headers = found
        try:
            return status, json.loads(text) if text else None
        except ValueError:
            return status, text.decode()


# What is seen only for a while is seen for some seconds, so that a busy machine does not miss it, or until the test
# says that it is over.
A_WHILE = 5


def fresh(d, **delays):
    d.control("/reset", None, post=True)
    d.control("/limits", {"on": False})
    d.control("/project", {"expired": False})
    d.control("/delays", {"server": 0.4, "action": 0.1, "delete": 0.1, "image": 0, "import": 0.1, "volume": 0.1,
                          "attach": 0.1, "detach": 0.1, "user": 0.1, "list": 0, "ipv6": 0, **delays})


# --- OVH's own -------------------------------------------------------------------------------------------------


def limits(d):
    fresh(d)
    d.control("/limits", {"on": True, "keystone": [5, 60], "others": [4, 20], "native": [6, 60]})
    s, seen = None, []
    for _ in range(7):
        try:
            s = Service(d)
            seen.append(201)
        except RuntimeError as e:
            seen.append(429 if '"429 Too Many Requests"' in str(e) else str(e))
    tap.equal(seen, [201] * 5 + [429] * 2, "Keystone gives so many tokens a minute and user")
    answers = [s("compute", "GET", "/servers")[0] for _ in range(6)]
    wait = int(s.headers.get("retry-after", 0))
    tap.equal((answers, 1 <= wait <= 20), ([200] * 4 + [429] * 2, True),
              "a service answers so many calls in a time, then 429 with Retry-After")
    tap.equal(s("image", "GET", "/images")[0], 200, "each service counts for itself")
    time.sleep(wait + 0.6)
    tap.equal(s("compute", "GET", "/servers")[0], 200, "and after that time it answers again")
    n = Native(d)
    tap.equal([n("GET", "P/region")[0] for _ in range(8)], [200] * 6 + [429] * 2, "so does OVH's own API")
    d.control("/limits", {"on": False, "keystone": [60, 60], "others": [20, 1], "native": [20, 1]})


def refusals(d):
    fresh(d)
    n = Native(d)
    status, headers, text = n.raw("GET", P + d.about["project"])
    tap.equal((status, headers["x-ovh-queryid"][:9], json.loads(text)["status"]), (200, "EU.ext-3.", "ok"),
              "answers have a query id")
    d.control("/project", {"expired": True})
    tap.equal(n("GET", "P/region")[0], 460, "an expired project is 460")
    d.control("/project", {"expired": False})
    tap.equal(n("GET", P + "0" * 32), (404, {"class": "Client::NotFound", "message": "This service does not exist"}),
              "an unknown project does not exist")
    d.control("/client", {"actions": ["publicCloudProject:apiovh:region/get"]})
    denied = n("POST", "P/user", {"description": "x"})
    tap.equal((denied[0], denied[1]["details"]["unauthorizedActionsByIAM"], n("GET", "P/region")[0]),
              (403, "publicCloudProject:apiovh:user/create", 200), "what IAM does not allow is named")
    d.control("/client", {"actions": ["*"]})
    d.fault("P/region|/region", "html")
    status, headers, text = n.raw("GET", P + d.about["project"] + "/region")
    tap.equal((status, headers["content-type"], text[:6]), (503, "text/html", b"<html>"), "HTML on demand")
    tap.equal(n("POST", "P/region", {"region": "XXX1"})[0], 400, "no such region to activate")
    before = set(Service(d).cloud.endpoints)
    status, shown = n("POST", "P/region", {"region": "DE1"})
    tap.equal((status, shown["name"], "compute" in before), (200, "DE1", True), "a region is activated")
    tap.equal(Service(d, "DE1")("compute", "GET", "/servers"), (200, {"servers": []}), "and is in the catalogue then")
    s = Service(d, "EU-WEST-LZ-BRU-A")
    tap.equal((n("GET", "P/region/EU-WEST-LZ-BRU-A")[1]["type"], s("image", "POST", "/images", {
        "name": "x", "disk_format": "raw", "container_format": "bare"})[0]), ("localzone", 409),
        "local zones take no images")


def users(d):
    fresh(d)
    d.control("/users", {"polls": 3})
    n = Native(d)
    status, user = n("POST", "P/user", {"roles": ["image_operator"]})
    path = f"P/user/{user['id']}"
    tap.equal((status, user["status"], len(user["password"])), (200, "creating", 32), "a user is being created")

    def enter():
        try:
            Cloud("x", d.about["auth_url"], "GRA11", user["username"], user["password"], {"id": d.about["project"]})
            return True
        except RuntimeError as e:
            return "401" not in str(e)
    tap.equal(enter(), False, "and cannot sign in yet")
    time.sleep(0.15)
    states = [n("GET", path)[1]["status"] for _ in range(5)]
    tap.equal((states, enter()), (["creating"] * 3 + ["ok"] * 2, True), "three questions later it can")
    d.control("/users", {"polls": 0})
    s = Service(d)
    s.cloud = Cloud("x", d.about["auth_url"], "GRA11", user["username"], user["password"], {"id": d.about["project"]})
    tap.equal((s("image", "GET", "/images")[0], s("compute", "POST", "/os-keypairs", {"keypair": {"name": "x"}})[0]),
              (200, 403), "it may do what its role says")
    old = user["password"]
    user["password"] = n("POST", path + "/regeneratePassword")[1]["password"]
    tap.equal((user["password"] != old, enter()), (True, True), "a new password counts")
    n("DELETE", path)
    tap.equal((enter(), s("image", "GET", "/images")[0]), (False, 401), "a deleted user is out, and its token")


def service_account(d):
    fresh(d)
    about = d.about
    status, _, text = Native.send("GET", about["oidc_discovery"])
    found = json.loads(text)
    form = urlencode({"grant_type": "client_credentials", "scope": "openid profile email publicCloudProject/all",
                      "client_id": about["client_id"], "client_secret": about["client_secret"]})
    status, _, text = Native.send("POST", found["token_endpoint"], form.encode())
    id_token = json.loads(text)["id_token"]
    way = "/OS-FEDERATION/identity_providers/ovhcloud-emea/protocols/openid/auth"
    status, headers, text = Native.send("POST", about["auth_url"] + way, None, {"Authorization": "Bearer " + id_token})
    unscoped = headers.get("x-subject-token")
    tap.equal((status, "project" in json.loads(text)["token"]), (201, False), "an id_token gives a token without a project")
    body = {"auth": {"identity": {"methods": ["token"], "token": {"id": unscoped}},
                     "scope": {"project": {"id": about["project"]}}}}
    status, headers, text = Native.send("POST", about["auth_url"] + "/auth/tokens", json.dumps(body).encode())
    tap.equal((status, json.loads(text)["token"]["project"]["id"]), (201, about["project"]), "and that one with a project")
    wrong = Native.send("POST", about["auth_url"] + way, None, {"Authorization": "Bearer nonsense"})
    tap.equal(wrong[0], 401, "a wrong id_token does not")


# --- images ------------------------------------------------------------------------------------------------------


def new_image(s, **more):
    return s("image", "POST", "/images", {"name": "i", "disk_format": "raw", "container_format": "bare",
                                          "visibility": "private", **more})[1]["id"]


def images(d):
    fresh(d, image=A_WHILE, list=3600)
    s, n = Service(d), Native(d)
    id = new_image(s)
    tap.equal(s("image", "PUT", f"/images/{id}/file", b"x" * 1000, Content_Type="application/octet-stream")[0], 204,
              "an upload is taken")
    states = [s("image", "GET", f"/images/{id}")[1]["status"]]
    wait_until(lambda: s("image", "GET", f"/images/{id}")[1]["status"] == "active")
    states.append(s("image", "GET", f"/images/{id}")[1]["status"])
    tap.equal(states, ["saving", "active"], "and active later, when told so")
    tap.equal(n("GET", "P/snapshot"), (200, []), "OVH's own list does not know it yet")
    d.control("/delays", {"list": 0.5})
    tap.check(wait_until(lambda: [i["id"] for i in n("GET", "P/snapshot?region=GRA11")[1]] == [id]), "but soon")
    tap.check(id not in [i["id"] for i in n("GET", "P/image")[1]], "and never among OVH's own images")


# --- servers ---------------------------------------------------------------------------------------------------


def ask_server(s, **more):
    flavor = next(f["id"] for f in s("compute", "GET", "/flavors")[1]["flavors"] if f["name"] == "b3-8")
    image = s("image", "GET", "/images?name=Debian%2012")[1]["images"][0]["id"]
    network = s("network", "GET", "/networks?name=Ext-Net")[1]["networks"][0]["id"]
    return s("compute", "POST", "/servers", {"server": {"name": "web", "flavorRef": flavor, "imageRef": image,
                                                        "networks": [{"uuid": network}], **more}})


def server_states(d):
    fresh(d, server=4 * A_WHILE, delete=A_WHILE, list=2 * A_WHILE)
    s, n = Service(d), Native(d)
    id = ask_server(s)[1]["server"]["id"]
    late = n("GET", "P/instance")[1]
    states = []
    end = time.monotonic() + 120
    while time.monotonic() < end and "ACTIVE" not in [x[0] for x in states]:
        shown = s("compute", "GET", f"/servers/{id}")[1]["server"]
        state = (shown["status"], shown["OS-EXT-STS:task_state"])
        if state not in states:
            states.append(state)
        time.sleep(0.02)
    tap.equal(states, [("BUILD", t) for t in ("scheduling", "networking", "block_device_mapping", "spawning")] +
              [("ACTIVE", None)], "a server goes through its states")
    wait_until(lambda: n("GET", "P/instance")[1])
    there = n("GET", "P/instance?region=GRA11")[1]
    tap.equal((late, [i["id"] for i in there], [a["version"] for a in there[0]["ipAddresses"]]), ([], [id], [6, 4]),
              "OVH's own list has it later; IPv6 may come first")
    s("compute", "DELETE", f"/servers/{id}")
    shown = s("compute", "GET", f"/servers/{id}")[1]["server"]
    tap.equal((shown["status"], shown["OS-EXT-STS:task_state"]), ("ACTIVE", "deleting"), "deleting takes time")
    tap.check(wait_until(lambda: s("compute", "GET", f"/servers/{id}")[0] == 404), "then it is gone")


def server_addresses(d):
    fresh(d, server=0.0, ipv6=3600)
    s = Service(d)
    id = ask_server(s)[1]["server"]["id"]

    def versions():
        shown = s("compute", "GET", f"/servers/{id}")[1]["server"]
        return shown["status"], [a["version"] for a in shown["addresses"].get("Ext-Net", [])]
    first = versions()
    d.control("/delays", {"ipv6": 0.5})
    tap.check(wait_until(lambda: versions() == ("ACTIVE", [4, 6])) and first == ("ACTIVE", [4]),
              "a server is ACTIVE before its IPv6 address is shown", first)


def server_failures(d):
    fresh(d, server=0.1)
    s = Service(d)
    d.control("/outcomes", [{"message": "No valid host was found. There are not enough hosts available.", "code": 500}])
    id = ask_server(s)[1]["server"]["id"]
    wait_until(lambda: s("compute", "GET", f"/servers/{id}")[1]["server"]["status"] == "ERROR")
    shown = s("compute", "GET", f"/servers/{id}")[1]["server"]
    tap.equal((shown["status"], shown.get("fault", {}).get("message", "")[:27]), ("ERROR", "No valid host was found. Th"),
              "a server ends in ERROR with its fault")
    d.control("/region/GRA11", {"limits": {"instances": 1}})
    status, body = ask_server(s)
    tap.equal((status, body["forbidden"]["message"]),
              (403, "Quota exceeded for instances: Requested 1, but already used 1 of 1 instances"), "quotas count")
    d.control("/region/GRA11", {"limits": {"instances": 20}})


def server_volume(d):
    fresh(d, server=0.0, detach=A_WHILE)
    s = Service(d)
    id = ask_server(s)[1]["server"]["id"]
    volume = s("volume", "POST", "/volumes", {"volume": {"size": 1}})[1]["volume"]["id"]
    wait_until(lambda: s("volume", "GET", f"/volumes/{volume}")[1]["volume"]["status"] == "available")
    s("compute", "POST", f"/servers/{id}/os-volume_attachments", {"volumeAttachment": {"volumeId": volume}})
    wait_until(lambda: s("volume", "GET", f"/volumes/{volume}")[1]["volume"]["status"] == "in-use")
    s("compute", "DELETE", f"/servers/{id}")
    wait_until(lambda: s("compute", "GET", f"/servers/{id}")[0] == 404)
    tap.equal(s("volume", "DELETE", f"/volumes/{volume}")[0], 400, "a volume outlives its server busy for a while")
    tap.check(wait_until(lambda: s("volume", "GET", f"/volumes/{volume}")[1]["volume"]["status"] == "available"),
              "then it is free")


# --- faults -------------------------------------------------------------------------------------------------------

CALLER = "import sys, urllib.request; sys.stdin.readline(); urllib.request.urlopen(sys.argv[1]).read(); input()"


def faults(d):
    fresh(d)
    n, s = Native(d), Service(d)
    for way, made in (("before", 0), ("after", 1), ("lost", 1)):
        child = subprocess.Popen([sys.executable, "-c", CALLER, d.about["url"] + "/auth/time"], stdin=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True)
        d.control("/log/clear", None, post=True)
        d.fault("/auth/time", "kill", way=way, pid=child.pid)
        child.stdin.write("go\n")
        child.stdin.flush()
        child.wait(60)
        tap.equal((child.returncode, [e["status"] for e in d.log()]), (-9, [200 * made]), f"a client is killed: {way}")
    d.fault("/servers", "reset", after=True)
    try:
        s("compute", "POST", "/os-server-groups", {"server_group": {"name": "g", "policies": []}})
        s("compute", "GET", "/servers")
        answer = "an answer"
    except ConnectionError:
        answer = "reset"
    tap.equal(answer, "reset", "a reset after the call")
    d.fault("/region", "half")
    try:
        n("GET", "P/region")
        answer = "an answer"
    except http.client.IncompleteRead:
        answer = "half"
    tap.equal(answer, "half", "half an answer")
    d.fault("/region", "delay", seconds=0.4)
    start = time.monotonic()
    tap.check(n("GET", "P/region")[0] == 200 and time.monotonic() - start > 0.4, "a late answer")
    d.fault("/region", "status", status=429, headers={"Retry-After": "7"}, skip=1)
    answers = [n.raw("GET", P + d.about["project"] + "/region") for _ in range(3)]
    tap.equal([(a[0], a[1].get("retry-after")) for a in answers], [(200, None), (429, "7"), (200, None)],
              "429 with Retry-After at the second call")
    d.control("/log/clear", None, post=True)
    n("GET", "P/region")
    s("network", "GET", "/networks")
    counts = d.control("/counts")
    # 1: a busy machine let a second pass between the two.
    tap.check((counts["by_service"], counts["calls"]) == ({"native": 1, "network": 1}, 2) and
              counts["most_in_a_second"] in (1, 2), "calls are counted by service", counts)


def many_at_once(d):
    fresh(d, server=0.0)
    s = Service(d)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(Service(d)("network", "POST", "/security-groups", {
        "security_group": {"name": "same"}})[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = s("network", "GET", "/security-groups?name=same")[1]["security_groups"]
    tap.equal((answers, len(found)), ([201] * 8, 8), "names are not unique: eight at once make eight groups")


def main():
    d = Double()
    try:
        for test in (limits, refusals, users, service_account, images, server_states, server_addresses,
                     server_failures, server_volume, faults, many_at_once):
            test(d)
    finally:
        d.stop()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
