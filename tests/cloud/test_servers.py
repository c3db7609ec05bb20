#!/usr/bin/env python3
"""
kbuild's everyday verbs about servers against the double in paper mode, the same on `openstack` and on `ovh`: plan, launch,
list, status, console, logs, stop, start, destroy. Calls are counted where they arrive, not where they are made.

    test_servers.py KBUILD [openstack|ovh …]

Prints TAP.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from lab import Double
from kbtest import Kbuild, Tap, answered_late

READY = 'kbuild-status: {"v":1,"state":"ready","cloud_init":"done","failed_units":[]}\n'
# Over between two looks at the console: three steps and the answer come in one portion.
STEPS = "".join(f'kbuild-status: {{"v":1,"state":"working","step":"{step}","n":{n + 1},"of":3}}\n'
                for n, step in enumerate(("handoff", "volume", "gate")))
KEYS = ("-----BEGIN SSH HOST KEY KEYS-----\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Fm7vmXcRkqzjW4hgTWDE8vQmE0Z2mbc1dCkzS4K8S root@web\n"
        "-----END SSH HOST KEY KEYS-----\n")
# What a launch with a volume and a list cannot do without; see docs/ARCHITECTURE.md.
LAUNCH, LIST = 22, 4
tap = Tap()


class Place:
    def __init__(self, program, double, cloud):
        self.double, self.cloud, about = double, cloud, double.about
        self.scratch = Path(tempfile.mkdtemp(prefix="kbuild-servers-"))
        self.kbuild = Kbuild(program, scratch=self.scratch, cache=self.scratch / "cache")
        for name in [n for n in self.kbuild.env if n.startswith(("OS_", "OVH_"))]:
            del self.kbuild.env[name]
        self.kbuild.env["HOME"] = str(self.scratch)
        if cloud == "ovh":
            keys = {k: about[k] for k in ("application_key", "application_secret", "consumer_key")}
            conf = self.scratch / ".ovh.conf"
            conf.touch(0o600)
            conf.write_text(f"[default]\nendpoint={about['url']}\n\n[{about['url']}]\n" + "".join(
                f"{k}={v}\n" for k, v in dict(keys, openstack_auth_url=about["auth_url"]).items()))
            self.kbuild.env["OVH_CLOUD_PROJECT_SERVICE"] = about["project"]
        else:
            self.kbuild.env.update(OS_AUTH_URL=about["auth_url"], OS_USERNAME=about["user"], OS_PASSWORD=about["password"],
                                   OS_PROJECT_ID=about["project"], OS_USER_DOMAIN_NAME="Default")
        self.disk = self.scratch / "disk.raw"
        self.disk.write_bytes(os.urandom(1 << 20))
        double.control("/reset", None, post=True)
        double.control("/console", [[0, KEYS], [0.5, STEPS + READY]])

    def words(self, verb, *more):
        return [verb, *more, "--cloud", self.cloud, "--region", "GRA11"]

    def run(self, verb, *more):
        return self.kbuild.run(*self.words(verb, *more), timeout=180)

    def json(self, verb, *more):
        done = self.run(verb, *more, "--json")
        return json.loads(done.stdout) if done.stdout and done.returncode == 0 else {"failed": done.stdout + done.stderr}

    def launch(self, name="web", *more, verb="launch"):
        return self.run(verb, "--image", self.disk, "--name", name, "--flavor", "b3-8", "--volume", "5G", *more)

    def made(self):
        made = self.double.control("/cloud")
        return {kind: len(made[kind]) for kind in ("servers", "volumes", "groups", "keypairs")}

    def counted(self, what):
        """What it comes to, and how many calls it took."""
        self.double.control("/log/clear", None, post=True)
        result = what()
        counts = self.double.control("/counts")
        return result, counts["calls"], counts["most_in_a_second"]


ONE, NOTHING = ({kind: n for kind in ("servers", "volumes", "groups", "keypairs")} for n in (1, 0))


def planned(p, say):
    if p.cloud == "ovh":
        first = json.loads(p.launch("web", "--json", verb="plan").stdout or "{}")
        tap.equal(first.get("items", [{}])[0].get("what"), "OpenStack user", say("a first plan names the user that would be made"))
        tap.equal(p.json("list"), [], say("which a list makes"))
    done = p.launch("web", "--json", verb="plan")
    plan = json.loads(done.stdout or "{}")
    tap.equal([i["what"] for i in plan.get("items", []) if i["state"] == "make"],
              ["image", "key pair", "security group", "data volume", "server"], say("plan names what would be made"))
    tap.equal(p.made(), NOTHING, say("and makes nothing"))
    if p.cloud == "ovh":
        tap.check(plan.get("month", 0) > 0 and plan.get("currency") == "EUR", say("with prices of OVH's catalogue"), done.stdout)


def launched(p, say):
    done, calls, most = p.counted(lambda: p.launch())
    tap.check(done.returncode == 0 and "server 'web' is running" in done.stdout and re.search(r"took +\d+ s", done.stdout),
              say("launch waits until it is ready, and says how long that took"), done.stdout + done.stderr)
    tap.equal(re.findall(r"(?m)^ +(handoff|volume|gate): done", done.stderr), ["handoff", "volume", "gate"],
              say("every step is shown, however short"))
    tap.equal(p.made(), ONE, say("one of each"))
    tap.check(most <= 10, say(f"never more than 10 calls a second ({most}; {calls} in all, with the upload)"))
    hosts = list((p.kbuild.state / "clouds").rglob("known_hosts"))
    tap.check(len(hosts) == 1 and "kbuild-web ssh-ed25519 " in hosts[0].read_text(), say("the host keys of its console are kept"))
    p.run("destroy", "web", "--yes", "--with-data")
    done, calls, most = p.counted(lambda: p.launch("web", "--no-wait"))
    tap.check(done.returncode == 0 and calls <= 1.5 * LAUNCH,
              say(f"a launch, the image there: {calls} calls, at most 1.5 × {LAUNCH}"), done.stderr)


def shown(p, say):
    status = p.json("status", "web")
    tap.equal((status.get("state"), status.get("flavor"), status.get("region"), status.get("volume")),
              ("running", "b3-8", "GRA11", 5 << 30), say("status"))
    tap.equal((status.get("status") or {}).get("state"), "ready", say("with its last word on the console"))
    if p.cloud == "ovh":
        tap.check(re.match(r"\d+\.\d\d EUR$", status.get("cost", "")), say("and its cost"), status)
    console = p.run("console", "web")
    tap.check(READY in console.stdout, say("console"), console.stdout + console.stderr)
    listed = p.json("list")
    tap.equal([(s["name"], s["state"]) for s in listed], [("web", "running")], say("list"))


def again(p, say):
    before = p.made()
    done = p.launch("web", "--json")
    tap.equal((done.returncode, json.loads(done.stdout or "{}").get("state")), (0, "running"),
              say("launched again it is done"))
    done = p.launch("web", "--network", "Ext-Net")
    tap.check(done.returncode == 1 and "there is a server 'web' already (ACTIVE)" in done.stderr,
              say("launched otherwise it is in the way"), done.stderr)
    tap.equal(p.made(), before, say("nothing more was made"))


def without_volumes(p, say):
    """The service of volumes is in the catalogue and does not answer."""
    for verb, name in (("list", ()), ("status", ("web",))):
        p.double.fault(r"GET /volume\.compute.*/volumes/detail", "status", status=503, times=99)
        done = p.run(verb, *name)
        tap.check(done.returncode == 0 and "web" in done.stdout and "not known: the volumes in GRA11" in done.stderr,
                  say(f"{verb} without the service of volumes, and a word of it"), done.stdout + done.stderr)
        one = p.json(verb, *name)
        one = one if verb == "status" else one[0]
        tap.check("the volumes in GRA11" in one.get("lacks", ""), say(f"{verb} --json has it, too"), one)
        p.double.control("/faults", None, post=True)
    p.double.fault(r"GET /volume\.compute.*/volumes/detail", "status", status=503, times=99)
    done = p.run("list", "--volumes")
    tap.equal(done.returncode, 5, say("but not a list of volumes (5)"))
    p.double.control("/faults", None, post=True)
    tap.check("lacks" not in p.json("status", "web"), say("afterwards all is known"))


def of_several_regions(p, say):
    """Nobody says which region: what does not answer, or refuses, is said; and nothing is destroyed that may be another's."""
    def run(verb, *more):
        return p.kbuild.run(verb, *more, "--cloud", p.cloud, timeout=180)

    def without(match, status):
        p.double.control("/faults", None, post=True)
        p.double.fault(match, "status", status=status, times=99)
    without(r"GET /compute\.sbg5.*/servers/detail", 503)
    done = run("list")
    tap.check(done.returncode == 0 and "web" in done.stdout and "not known: the servers in SBG5" in done.stderr,
              say("list without a region that is down, and a word of it"), done.stdout + done.stderr)
    done = run("status", "web", "--quick")
    tap.check(done.returncode == 0 and "not known: the servers in SBG5" in done.stderr, say("status, too"), done.stdout + done.stderr)
    done = run("status", "bee")
    tap.check(done.returncode == 5 and "looking for the server 'bee'" in done.stderr, say("what was not found may be there (5)"), done.stderr)
    done = run("destroy", "web", "--yes")
    tap.check(done.returncode == 5 and p.made() == ONE, say("destroy wants to see all (5)"), done.stderr)
    without(r"GET /compute\.gra11.*/servers/detail", 403)
    done = run("images")
    tap.check(done.returncode == 0 and re.search(r" \?$", done.stdout, re.M) and "who uses the images in GRA11" in done.stderr,
              say("images of whom it is not known who uses them"), done.stdout + done.stderr)
    tap.equal([i["servers"] for i in json.loads(run("images", "--json").stdout or "[]")], [None], say("in JSON, too"))
    without(r"GET /image\.compute\.sbg5.*/images", 503)
    done = run("images", "--quiet")
    tap.check(done.returncode == 0 and "GRA11" in done.stdout and "not known: the images in SBG5" in done.stderr,
              say("images without a region that is down, and a word of it however quiet"), done.stdout + done.stderr)
    done = run("images", "--json")
    tap.check(done.returncode == 5 and "the images in SBG5" in done.stdout, say("to a program they are not listed (5)"), done.stdout)
    without(r"GET /compute\.gra11.*/servers/detail", 403)
    done = run("prune", "--keep", "0", "--yes")
    tap.check(done.returncode == 1 and "403" in done.stderr and "none is removed" in done.stderr, say("of which prune removes none (1)"), done.stderr)
    without(r"GET /volume\.compute\.gra11.*/volumes/detail", 403)
    done = run("list")
    tap.check(done.returncode == 0 and "not known: the volumes in GRA11" in done.stderr, say("list without the right to see volumes"), done.stderr)
    p.double.control("/faults", None, post=True)


def powered(p, say):
    for verb, state in (("stop", "stopped"), ("stop", "stopped"), ("start", "running"), ("start", "running")):
        done = p.json(verb, "web", *(["--no-wait"] if verb == "start" else []))
        tap.equal(done.get("state"), state, say(verb))
    done = p.run("stop", "web", "--force")
    tap.check(done.returncode == 2 and f"the cloud '{p.cloud}' has no --force" in done.stderr, say("stop --force"), done.stderr)
    p.json("stop", "web")
    done = p.run("ssh", "web")
    tap.check(done.returncode == 1 and f"'kbuild start web --cloud {p.cloud} --region GRA11' first" in done.stderr, say("ssh to a stopped one"), done.stderr)
    done = p.run("dns", "show", "web")
    tap.check(done.returncode == 1 and "is stopped" in done.stderr, say("dns of a stopped one"), done.stderr)
    done = p.run("logs", "web")
    tap.check(done.returncode == 0 and "kbuild-status" in done.stdout, say("logs of a stopped one are its console"), done.stderr)
    done = p.run("logs", "web", "a;b")
    tap.equal(done.returncode, 2, say("logs of what is no unit"))


def nova_of(p):
    """A token, and the services of GRA11 by their kind."""
    about = p.double.about
    headers, token = call(None, about["auth_url"].rstrip("/") + "/auth/tokens", {"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "name": about["user"], "password": about["password"], "domain": {"name": "Default"}}}},
        "scope": {"project": {"id": about["project"]}}}})
    return headers["X-Subject-Token"], {s["type"]: e["url"] for s in token["token"]["catalog"] for e in s["endpoints"]
                                        if e["region_id"] == "GRA11" and e["interface"] == "public"}


def power_awry(p, say):
    """What is started when no boot follows; answers that do not come; what Nova is doing already."""
    key, urls = nova_of(p)
    about = next(s for s in p.double.control("/cloud")["servers"] if s["name"] == "web")

    def act(action, wait=True):
        call(key, f"{urls['compute']}/servers/{about['id']}/action", action)
        time.sleep(0.5 if wait else 0)

    def start(what, code, *words, **boot):
        if boot:
            p.double.control("/console", [[0, boot["says"]]])
        done = p.run("start", "web", "--timeout", "25s")
        tap.check(done.returncode == code and all(w in done.stdout + done.stderr for w in words), say(f"start of {what}"), f"{done.returncode} {done.stdout} {done.stderr}")
    p.json("stop", "web")
    start("one that is off waits for its boot", 0, "ready", says="another boot\n" + READY)
    start("one that runs says what it said", 0, "it was running already")
    act({"pause": None})
    start("a paused one waits for no boot", 0, "it goes on where it was")
    p.json("stop", "web")
    start("one whose boot was bad", 6, "not as it should be", says="a third boot\n" + READY.replace("ready", "degraded"))
    start("it again: that still counts", 6, "not as it should be")
    for how, fault in (("lost", {"kind": "reset", "after": True}), ("502", {"kind": "status", "status": 502, "after": True})):
        p.double.fault(r"^POST /compute.*/action$", **fault)
        done = p.run("stop", "web")
        tap.check(done.returncode == 0 and "stopped" in done.stdout, say(f"stop, and its answer is {how}"), done.stderr)
        p.double.control("/faults", None, post=True)
        p.run("start", "web", "--no-wait")
    p.double.control("/delays", {"action": 4})
    act({"reboot": {"type": "SOFT"}}, wait=False)
    done = p.run("stop", "web", "--timeout", "30s")
    tap.check(done.returncode == 0 and "stopped" in done.stdout, say("stop of one that reboots comes after that"), done.stderr)
    p.double.control("/delays", {"action": 0.1})
    p.run("start", "web", "--no-wait")
    p.double.control("/delays", {"action": 4})
    act({"os-stop": None}, wait=False)
    done = p.run("start", "web", "--no-wait")
    tap.check(done.returncode == 0 and "stopped" not in done.stdout, say("start of one that is being stopped comes after that"), done.stderr)
    p.double.control("/delays", {"action": 60})
    act({"reboot": {"type": "SOFT"}}, wait=False)
    done = p.run("stop", "web", "--timeout", "3s")
    tap.check(done.returncode == 5 and "could not be asked to shut down within 3 s" in done.stderr and "ends it" not in done.stderr,
              say("what could never be asked is said"), done.stderr)
    p.double.control("/delays", {"action": 0.1})
    p.double.control("/console", [[0, KEYS], [0.5, STEPS + READY]])
    p.run("destroy", "web", "--yes", "--with-data")
    p.launch()


def asked_too_long(p, say):
    """While the question stands, somebody else destroys the server and launches another one."""
    def replace():
        p.run("destroy", "web", "--yes")
        p.launch()
    status, said = answered_late([p.kbuild.program, *p.words("destroy", "web", "--with-data")], replace, env=p.kbuild.env)
    tap.check(status == 1 and "another server by now" in said and p.made() == ONE,
              say("what was asked about is gone: nothing is removed"), said)


def destroyed(p, say):
    done = p.run("destroy", "web")
    tap.check(done.returncode == 7 and "data volume" in done.stderr, say("destroy wants to be told (7)"), done.stderr)
    asked_too_long(p, say)
    tap.equal(p.made(), ONE, say("nothing was removed"))
    tap.equal(p.json("destroy", "web", "--yes"), {"name": "web", "destroyed": True, "server": True, "volume_kept": True}, say("destroy --yes"))
    tap.equal(p.made(), dict(NOTHING, volumes=1), say("leaves the data volume alone"))
    done = p.run("list")
    tap.check("there is no server" in done.stdout and re.search(r"^web +5120 MiB +GRA11$", done.stdout, re.M) and
              f"'kbuild destroy NAME --with-data --cloud {p.cloud} --region GRA11'" in done.stdout, say("which list shows"), done.stdout)
    tap.equal(p.json("list"), [], say("in JSON servers are servers"))
    tap.equal([(v["server"], v["size"], v["region"]) for v in p.json("list", "--volumes")], [("web", 5 << 30, "GRA11")],
              say("and volumes a list of their own"))
    tap.equal(p.json("destroy", "web", "--yes", "--with-data"), {"name": "web", "destroyed": True, "server": False}, say("--with-data"))
    tap.equal(p.made(), NOTHING, say("leaves nothing"))


def hourly(p):
    """Prices of the double's catalogue by their plan."""
    with urllib.request.urlopen(p.double.about["url"] + "/order/catalog/public/cloud?ovhSubsidiary=FR", timeout=10) as answer:
        return {a["planCode"]: a["pricings"][0]["price"] for a in json.load(answer)["addons"]}


def three_zones(p, say):
    """In a region of three buildings a volume is attached in its own only, and the double refuses others."""
    def run(verb, *more):
        return p.kbuild.run(verb, *more, "--cloud", p.cloud, "--region", "EU-WEST-PAR", timeout=180)

    def launch(name):
        return run("launch", "--image", p.disk, "--name", name, "--flavor", "b3-8", "--volume", "5G")

    def zones():
        made = p.double.control("/cloud")
        return [s["zone"] for s in made["servers"]], [v["zone"] for v in made["volumes"]]
    done = launch("web")
    if p.cloud == "ovh":
        shown = json.loads(run("status", "web", "--json").stdout or "{}")
        hour = hourly(p)
        tap.equal(shown.get("cost"), f"{(hour['b3-8.consumption'] + 5 * hour['volume.classic.consumption.3AZ']) * 730 / 1e8:.2f} EUR",
                  say("three zones: the volume costs what it does there"))
    servers, volumes = zones()
    tap.check(done.returncode == 0 and servers == volumes and len(servers) == 1, say("three zones: the server is where its volume is"),
              f"{servers} {volumes} {done.stderr}")
    run("destroy", "web", "--yes")
    done = launch("web")
    tap.check(done.returncode == 0 and zones() == (servers, volumes), say("and where it was kept"), f"{zones()} {done.stderr}")
    run("destroy", "web", "--yes", "--with-data")
    for name in ("web-1", "web-2", "web-3"):
        launch(name)
    tap.check(len(set(zones()[0])) == 3, say("three of them stand in three"), zones())
    for name in ("web-1", "web-2", "web-3"):
        run("destroy", name, "--yes", "--with-data")


def failed(p, say):
    p.double.control("/outcomes", [{"message": "No valid host was found."}])
    done = p.launch()
    tap.check(done.returncode == 5 and "No valid host was found." in done.stderr and f"kbuild destroy web --with-data --cloud {p.cloud} --region GRA11'" in done.stderr,
              say("a server that could not be made: the fault, and how to remove it"), done.stderr)
    p.run("destroy", "web", "--yes", "--with-data")
    tap.equal(p.made(), NOTHING, say("nothing is left of it"))


def uploaded_before(p, say):
    """What "upload" has brought is what a launch of the same file boots, whether a build has named it or not."""
    def images():
        return {i["id"] for i in p.double.control("/cloud")["images"]}

    def both(disk, what):
        before = images()
        p.run("upload", disk)
        made = images() - before
        done = p.run("launch", "--image", disk, "--name", "web", "--flavor", "b3-8", "--no-wait")
        servers = [s["image"] for s in p.double.control("/cloud")["servers"]]
        tap.check(done.returncode == 0 and len(made) == 1 and servers == list(made) and images() - before == made,
                  say(f"a disk {what}, uploaded and then launched, is stored once"), f"{made} {servers} {done.stderr}")
        p.run("destroy", "web", "--yes")
    disk = p.scratch / "foreign.raw"
    disk.write_bytes(os.urandom(1 << 20))
    both(disk, "from elsewhere")
    out = p.scratch / "out"
    out.mkdir()
    disk = out / "disk.raw"
    disk.write_bytes(os.urandom(1 << 20))
    about = disk.stat()
    (out / "manifest.json").write_text(json.dumps({"name": "demo", "image": "ab" * 32, "files": {"disk.raw": {
        "size": about.st_size, "modified": f"{about.st_mtime_ns // 10**9}.{about.st_mtime_ns % 10**9:09}"}}}))
    both(disk, "of a build")


def late(p, say):
    """A proxy gives up on Nova, which makes the server all the same."""
    for thing in ("servers", "volumes", "security-groups"):
        p.double.fault(rf"^POST .*/{thing}$", "status", status=504, late=10)
        done = p.launch()
        tap.check(done.returncode == 0 and p.made() == ONE, say(f"made ten seconds after 504 there is one of the {thing}"),
                  f"{p.made()} {done.stderr}")
        p.run("destroy", "web", "--yes", "--with-data")


def unseen(p, say):
    """Servers that nobody has seen ready: whoever waited gave up, or the answer was a bad one."""
    def metadata():
        return p.double.control("/cloud")["servers"][0]["metadata"]
    p.double.control("/console", [[0, "login:\n"]])
    done = p.launch("web", "--timeout", "2s")
    tap.check(done.returncode == 6 and "the same command waits for it again" in done.stderr and "kbuild:settled" not in metadata(),
              say("a launch that gives up says that the server is there"), done.stderr)
    tap.check(p.cloud != "ovh" or re.search(r"It still runs \(\d+\.\d\d EUR a month\)", done.stderr), say("and what it costs"), done.stderr)
    tap.equal(p.json("status", "web").get("state"), "booting", say("it has not answered"))
    p.double.control("/console", [[0, READY]])
    tap.equal(p.json("status", "web").get("state"), "running", say("once it has, status sees it"))
    made = p.double.control("/cloud")["servers"][0]["id"]
    p.double.control(f"/server/{made}", {"vm_state": "error", "message": "the host failed"})
    done = p.launch()
    tap.check(done.returncode == 1 and "has run, and is ERROR now: the host failed" in done.stderr,
              say("what has run is not replaced when its host fails"), done.stderr)
    tap.equal(p.made(), ONE, say("nothing of it is removed"))
    p.run("destroy", "web", "--yes", "--with-data")
    p.double.control("/console", [[0, READY.replace("ready", "degraded")]])
    done = p.launch()
    tap.check(done.returncode == 6 and metadata().get("kbuild:settled") == "yes", say("a bad answer ends a launch as well"), done.stderr)
    done = p.launch()
    tap.check(done.returncode == 6 and "not as it should be" in done.stderr, say("and is told again by the next"), done.stderr)
    p.double.control("/console", [[0, READY]])
    done = p.launch()
    tap.check(done.returncode == 0, say("until it has mended itself"), done.stderr)
    p.run("destroy", "web", "--yes", "--with-data")


def call(token, url, body=None):
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None,
                                     {"X-Auth-Token": token or "", "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.headers, json.loads(answer.read() or b"null")


def fifty(p, say):
    """Made without kbuild: their marks are what counts."""
    key, urls = nova_of(p)
    nova, glance, neutron = (urls[kind] for kind in ("compute", "image", "network"))
    p.double.control("/region/GRA11", {"limits": {"instances": 100, "cores": 1000, "ram": 10_000_000}})
    image = call(key, glance.rstrip("/").removesuffix("/v2") + "/v2/images")[1]["images"][0]["id"]
    flavor = next(f["id"] for f in call(key, nova + "/flavors/detail")[1]["flavors"] if f["name"] == "b3-8")
    network = next(n["id"] for n in call(key, neutron.rstrip("/").removesuffix("/v2.0") + "/v2.0/networks")[1]["networks"]
                   if n["name"] == "Ext-Net")
    for i in range(50):
        call(key, nova + "/servers", {"server": {"name": f"s-{i}", "flavorRef": flavor, "imageRef": image,
                                                 "networks": [{"uuid": network}], "metadata": {"kbuild:name": f"s-{i}"}}})
    shutil.rmtree(p.scratch / "cache", ignore_errors=True)
    listed, calls, _ = p.counted(lambda: p.json("list"))
    tap.equal(len([s for s in listed if s["name"].startswith("s-")]), 50, say("list has fifty servers"))
    tap.check(calls <= 6, say(f"in {calls} calls with nothing in the cache, at most 6"), p.double.log()[-10:])


TESTS = (planned, launched, shown, again, without_volumes, of_several_regions, powered, power_awry, destroyed, three_zones, failed, uploaded_before, late,
         unseen, fifty)


def all_clouds(program):
    """Side by side: most of the time is waiting."""
    children = [subprocess.Popen([sys.executable, __file__, program, cloud], stdout=subprocess.PIPE, text=True)
                for cloud in ("openstack", "ovh")]
    for child in children:
        print(child.communicate()[0], end="", flush=True)
    return max(abs(child.returncode) for child in children)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if not sys.argv[2:]:
        return all_clouds(sys.argv[1])
    for cloud in sys.argv[2:]:
        double = Double()
        place = Place(sys.argv[1], double, cloud)
        try:
            for test in TESTS:
                test(place, lambda text: f"{cloud}: {text}")
        finally:
            place.kbuild.remove()
            double.stop()
    return tap.done()


sys.exit(main())
