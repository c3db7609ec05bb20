#!/usr/bin/env python3
"""kbuild plan, launch and the verbs about servers against real Nova (fake driver), Neutron and Cinder.

  test_launch.py KBUILD [STATE]     prints TAP; STATE: of a running lab with core, nova and cinder, else one is started

What is there is judged by calls of the test's own. The calls that kbuild makes are counted by itself (-v) and
compared with the minimum that docs/ARCHITECTURE.md names.
"""
import base64
import hashlib
import json
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lab import SOURCE, Lab, Tap, wait_for  # noqa: E402

sys.path.insert(0, str(SOURCE / "tests" / "lib"))
from kbtest import Kbuild  # noqa: E402

TAP = Tap()
USER_DATA = "#cloud-config\nhostname: r\n"
# One call each: token, versions of Nova, servers, flavors, networks, images, key pairs, security groups, volumes, three
# times limits; then key pair, group, rules, volume and one look at it, server and one look, attachment and one look,
# settled. What launch prints in the end, and the image, come on top where they are asked for.
MINIMUM = {"launch": 22}


class World:
    def __init__(self, program, lab):
        self.lab = lab
        self.scratch = Path(tempfile.mkdtemp(prefix="kbuild-launch-"))
        self.kbuild = Kbuild(program, scratch=self.scratch, cache=self.scratch / "cache")
        for name in [n for n in self.kbuild.env if n.startswith("OS_")]:
            del self.kbuild.env[name]
        self.kbuild.env.update(lab.env("gra"))
        self.token = lab.token()
        self.project = lab.call("GET", "keystone", "/v3/auth/projects", token=self.token)[1]["projects"][0]["id"]
        self.prefix = f"r{os.getpid()}"
        self.disk = self.scratch / "disk.raw"
        self.disk.write_bytes(os.urandom(1 << 20) + bytes(7 << 20))
        self.user_data = self.scratch / "user-data"
        self.user_data.write_text(USER_DATA)

    def name(self, name):
        return f"{self.prefix}-{name}"

    def launch_args(self, name, *more, flavor="t-tiny", verb="launch"):
        return [verb, "--cloud", "openstack", "--image", self.disk, "--name", self.name(name), "--flavor", flavor,
                "--user-data", self.user_data, *(["--no-wait"] if verb == "launch" else []), *more]

    def launch(self, name, *more, **how):
        return self.kbuild.run(*self.launch_args(name, *more, **how))

    def verb(self, verb, name, *more):
        return self.kbuild.run(verb, self.name(name), "--cloud", "openstack", *more)

    # What is there, without kbuild.

    def nova(self, path, method="GET", body=None, token=None, version="2.47"):
        return self.lab.call(method, "nova", "/v2.1" + path, body, token=token or self.token,
                             headers={"OpenStack-API-Version": f"compute {version}"}.items())[1]

    def servers(self, name=""):
        return [s for s in self.nova("/servers/detail")["servers"] if s["name"].startswith(self.name(name))]

    def keys(self, name=""):
        return [k["keypair"] for k in self.nova("/os-keypairs")["keypairs"]
                if k["keypair"]["name"].startswith("kbuild-" + self.name(name))]

    def groups(self, name=""):
        found = self.lab.call("GET", "neutron", "/v2.0/security-groups", token=self.token)[1]["security_groups"]
        return [g for g in found if g["name"].startswith("kbuild-" + self.name(name))]

    def volumes(self, name=""):
        found = self.lab.call("GET", "cinder", f"/v3/{self.project}/volumes/detail", token=self.token)[1]["volumes"]
        return [v for v in found if v["name"].startswith("kbuild-" + self.name(name))]

    def count(self, name=""):
        return {"servers": len(self.servers(name)), "keys": len(self.keys(name)), "groups": len(self.groups(name)),
                "volumes": len(self.volumes(name))}

    def clean(self):
        names = {s["name"] for s in self.servers()} | {v["name"][7:] for v in self.volumes()} | \
                {g["name"][7:] for g in self.groups()} | {k["name"][7:].rsplit("-", 1)[0] for k in self.keys()}
        for name in sorted(names):
            self.kbuild.run("destroy", name, "--cloud", "openstack", "--with-data", "--yes")
        for image in self.lab.images():
            if image.get("kbuild_definition") is None and image["name"].startswith("image-") and \
                    image.get("os_hash_value") == self.digest():
                self.lab.call("DELETE", "glance", f"/v2/images/{image['id']}", token=self.token)
        self.kbuild.remove()

    def digest(self):
        return hashlib.sha512(self.disk.read_bytes()).hexdigest()


def calls_of(done):
    found = re.search(r"(\d+) calls of OpenStack", done.stderr)
    return int(found[1]) if found else -1


NOTHING = {"servers": 0, "keys": 0, "groups": 0, "volumes": 0}
ONE = {"servers": 1, "keys": 1, "groups": 1, "volumes": 1}


def planned(w):
    done = w.launch("plan", "--volume", "1G", "--json", verb="plan")
    TAP.equal(done.returncode, 0, "plan: exit status 0")
    plan = json.loads(done.stdout)
    TAP.equal({i["what"]: i["state"] for i in plan["items"]},
              {"network": "there", "image": "make", "key pair": "make", "security group": "make",
               "data volume": "make", "server": "make"}, "it names what it would make")
    TAP.equal(plan["region"], "GRA11", "and where")
    TAP.equal(w.count("plan"), NOTHING, "nothing was made")
    done = w.launch("plan", "--dry-run", flavor="t-tini")
    TAP.check(done.returncode == 1 and "did you mean 't-tiny'?" in done.stdout, "a flavor that is not there: the nearest one",
              done.stdout + done.stderr)
    done = w.launch("plan", flavor="over-quota")
    TAP.check(done.returncode == 1 and "quota 'cores'" in done.stderr, "a flavor beyond the quota is an error before anything is made",
              done.stderr)
    done = w.launch("plan", "--disk", "500G")
    TAP.check(done.returncode == 1 and "those that fit" in done.stderr, "a flavor whose disk is too small", done.stderr)
    TAP.equal(w.count("plan"), NOTHING, "still nothing was made")


def launched(w):
    done = w.launch("one", "--volume", "1G", "-v")
    TAP.equal(done.returncode, 0, "launch")
    if done.returncode:
        TAP.note(done.stderr)
    server, = w.servers("one")
    TAP.equal(server["status"], "ACTIVE", "the server is ACTIVE")
    TAP.equal({k for k in server["metadata"]}, {"kbuild:name", "kbuild:image", "kbuild:flavor", "kbuild:intent", "kbuild:settled"},
              "its metadata is its identity")
    TAP.equal(server["config_drive"], "True", "it has a config drive")
    TAP.check(re.fullmatch(f"kbuild-{w.name('one')}-[0-9a-f]{{8}}", server["key_name"]), "and its own key pair", server["key_name"])
    full = w.nova(f"/servers/{server['id']}", token=w.lab.token("admin", "admin"))["server"]
    TAP.equal(base64.b64decode(full.get("OS-EXT-SRV-ATTR:user_data") or "").decode(), USER_DATA, "user-data arrived whole")
    TAP.equal([g["name"] for g in server["security_groups"]], ["kbuild-" + w.name("one")], "its own security group, and no other")
    group, = w.groups("one")
    rules = sorted((r["direction"], r["ethertype"], r["protocol"], r["port_range_min"], r["port_range_max"])
                   for r in group["security_group_rules"] if r["direction"] == "ingress")
    TAP.equal(rules, [("ingress", "IPv4", "tcp", 22, 22), ("ingress", "IPv6", "tcp", 22, 22)],
              "which lets in nothing but ssh, over IPv4 and IPv6")
    volume, = w.volumes("one")
    TAP.equal((volume["status"], volume["metadata"].get("kbuild:server")), ("in-use", w.name("one")), "the data volume is attached")
    TAP.equal([v["id"] for v in server["os-extended-volumes:volumes_attached"]], [volume["id"]], "to that server")
    TAP.check((w.kbuild.state / f"clouds/openstack-{w.project}/GRA11/{w.name('one')}/id_ed25519").stat().st_mode & 0o77 == 0,
              "the private key is its owner's alone")
    TAP.note(f"calls of a launch with upload and volume: {calls_of(done)}")
    again = w.launch("one", "--volume", "1G", "--json")
    TAP.equal((again.returncode, json.loads(again.stdout or "{}").get("id")), (0, server["id"]), "launched again: it is there already")
    TAP.equal(w.count("one"), ONE, "and nothing else was made")
    done = w.launch("one", "--volume", "2G")
    TAP.check(done.returncode == 1 and "already (ACTIVE)" in done.stderr, "launched otherwise: there is one already", done.stderr)


def counted(w):
    w.kbuild.run("list", "--cloud", "openstack")
    begin = time.monotonic()
    done = w.launch("calls", "--volume", "1G", "-v")
    polls = (time.monotonic() - begin) / 2  # what is not ready is asked for every two seconds
    n = calls_of(done)
    TAP.note(f"calls of a launch with a volume, image there: {n}, minimum {MINIMUM['launch']}")
    TAP.check(0 < n <= MINIMUM["launch"] * 1.5 + polls, "at most 1.5 times the minimum", done.stderr)
    w.verb("destroy", "calls", "--yes", "--with-data")


def shown(w):
    status = w.kbuild.json("status", w.name("one"), "--cloud", "openstack")
    TAP.equal((status["state"], status["flavor"], status["region"], status["volume"]), ("running", "t-tiny", "GRA11", 1 << 30),
              "status")
    TAP.check(re.match(r"203\.0\.113\.\d+$", status["ipv4"]) and ":" in status["ipv6"], "with its addresses", str(status))
    done = w.verb("console", "one")
    TAP.check(done.returncode == 0 and "FAKE CONSOLE OUTPUT" in done.stdout, "console", done.stdout + done.stderr)
    done = w.verb("ssh", "one", "--json")
    command = json.loads(done.stdout)["command"]
    TAP.check(status["ipv4"] in command[-2:] and "-i" in command, "the ssh command", str(command))
    for verb, state in (("stop", "stopped"), ("stop", "stopped"), ("start", "running")):
        done = w.verb(verb, "one", *(["--no-wait"] if verb == "start" else []), "--json")
        TAP.equal(json.loads(done.stdout or "{}").get("state"), state, verb)
    done = w.verb("status", "oen")
    TAP.check(done.returncode == 1 and f"did you mean '{w.name('one')}'?" in done.stderr, "a name that is not there: the nearest one",
              done.stderr)
    done = w.verb("logs", "one", "--region", "SBG5")
    TAP.check(done.returncode == 2 and "GRA11" in done.stderr, "a region without servers: those that have some", done.stderr)


def destroyed(w):
    volume, = w.volumes("one")
    done = w.verb("destroy", "one")
    TAP.check(done.returncode == 7 and "root disk" in done.stderr and "data volume (1 GiB" in done.stderr and "--with-data" in done.stderr,
              "destroy names what is lost and what is kept, and wants to be told (7)", done.stderr)
    TAP.equal(w.count("one"), ONE, "nothing was removed")
    TAP.equal(w.verb("destroy", "one", "--yes").returncode, 0, "destroy --yes")
    TAP.equal(w.count("one"), dict(NOTHING, volumes=1), "all is gone but the data volume")
    TAP.equal([v["status"] for v in w.volumes("one")], ["available"], "which is detached")
    done = w.launch("one", "--volume", "1G", "--json")
    TAP.equal(json.loads(done.stdout or "{}").get("volume_id"), volume["id"], "the next launch uses it again")
    TAP.equal(w.verb("destroy", "one", "--yes", "--with-data").returncode, 0, "destroy --with-data")
    TAP.equal(w.count("one"), NOTHING, "leaves nothing")
    TAP.equal(w.verb("destroy", "one", "--yes").returncode, 1, "and then there is nothing to destroy")


def killed(w):
    """At instants all over a launch; the same command again."""
    ends, step = [], 0.35
    for i in range(40):
        child = w.kbuild.start(*w.launch_args("killed", "--volume", "1G"))
        time.sleep(step * (i + 1))
        ended = child.poll() is not None
        child.send_signal(signal.SIGKILL)
        child.communicate()
        if ended:
            break
        ends.append(step * (i + 1))
        counts = w.count("killed")
        if max(counts.values()) > 1:
            TAP.check(False, f"killed after {ends[-1]:.2f} s", counts)
    done = w.launch("killed", "--volume", "1G")
    TAP.check(done.returncode == 0, f"killed {len(ends)} times, and run to its end", done.stderr)
    TAP.equal(w.count("killed"), ONE, "there is one of each")
    volume, = w.volumes("killed")
    TAP.equal(volume["status"], "in-use", "attached")
    # And half-made ones are removed.
    child = w.kbuild.start(*w.launch_args("half", "--volume", "1G"))
    wait_for(lambda: w.volumes("half"), 60, every=0.05)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    for name in ("half", "killed"):
        done = w.verb("destroy", name, "--yes", "--with-data")
        TAP.equal((done.returncode, w.count(name)), (0, NOTHING), f"destroy {name} leaves nothing")


def failed(w):
    done = w.launch("big", flavor="too-big")
    TAP.check(done.returncode == 5 and "No valid host" in done.stderr and f"server '{w.name('big')}'" in done.stderr and
              f"kbuild destroy {w.name('big')}" in done.stderr,
              "no host for it: the fault, what there is now, how to remove it", done.stderr)
    TAP.equal([s["status"] for s in w.servers("big")], ["ERROR"], "the server is in ERROR")
    error = json.loads(w.launch("big", "--json", flavor="too-big").stdout or "{}").get("error", {})
    there = error.get("there") or []
    TAP.equal((error.get("code"), [t["what"] for t in there], {t["server"] for t in there}),
              (5, ["server", "root disk", "security group", "key pair"], {w.name("big")}), "a program is told what there is")
    done = w.launch("big")
    TAP.equal(done.returncode, 0, "another flavor")
    TAP.equal([(s["status"], s["flavor"]["original_name"]) for s in w.servers("big")], [("ACTIVE", "t-tiny")], "replaces it")
    w.verb("destroy", "big", "--yes")
    TAP.equal(w.count("big"), NOTHING, "nothing is left")


def zone(w):
    done = w.launch("placed", "--zone", "nowhere", "--json")
    error = json.loads(done.stdout or "{}").get("error", {})
    TAP.check(done.returncode == 1 and "there is none in" in error.get("message", "") and "there is: nova" in error["message"],
              "a zone that is not there", done.stdout)
    TAP.equal((error.get("there"), w.count("placed")), ([], NOTHING), "nothing was made")
    done = w.launch("placed", "--zone", "nova", "--volume", "1G")
    TAP.check(done.returncode == 0, "a zone that is there", done.stderr)
    TAP.equal(w.count("placed"), ONE, "server and volume are in it")
    w.verb("destroy", "placed", "--yes", "--with-data")
    TAP.equal(w.count("placed"), NOTHING, "and go")


def several(w):
    done = w.launch("many", "--count", "2", "--json")
    names = [w.name("many-1"), w.name("many-2")]
    TAP.equal([s["name"] for s in json.loads(done.stdout or "[]")], names, "--count makes NAME-1 and NAME-2")
    TAP.equal(w.count("many"), {"servers": 2, "keys": 2, "groups": 2, "volumes": 0}, "each with its own things")
    for name in ("many-1", "many-2"):
        w.verb("destroy", name, "--yes")
    TAP.equal(w.count("many"), NOTHING, "and they go")


def listed(w):
    """The number of servers plays no part: fifty are listed in tests/cloud/test_servers.py."""
    w.launch("listed")
    done = w.kbuild.run("list", "--cloud", "openstack", "--json", "-v")
    TAP.check(w.name("listed") in [s["name"] for s in json.loads(done.stdout or "[]")], "list has it", done.stderr)
    TAP.check(0 < calls_of(done) <= 6, f"in {calls_of(done)} calls, at most 6", done.stderr)
    # A person may call it otherwise; its mark is what counts.
    server, = w.servers("listed")
    w.nova(f"/servers/{server['id']}", "PUT", {"server": {"name": w.name("renamed")}})
    done = w.launch("listed", "--json")
    TAP.equal(json.loads(done.stdout or "{}").get("id"), server["id"], "one that was renamed is still it")
    w.verb("destroy", "listed", "--yes")
    TAP.equal(w.count("renamed"), NOTHING, "and goes")


TESTS = [planned, launched, counted, shown, destroyed, killed, failed, zone, several, listed]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    only = os.environ.get("ONLY", "").split()
    state = sys.argv[2] if len(sys.argv) > 2 else None
    with Lab("core", "nova", "cinder", state=state, base=None if state else 15400) as lab:
        w = World(sys.argv[1], lab)
        try:
            for test in TESTS:
                if not only or test.__name__ in only:
                    TAP.note(f"{time.strftime('%H:%M:%S')} {test.__name__}")
                    test(w)
        finally:
            w.clean()
    return TAP.done()


sys.exit(main())
