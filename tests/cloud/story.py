#!/usr/bin/env python3
"""
The whole story: an empty OVH project becomes a running server, by the commands a person would type, against
the double of OVH, whose servers are real ones: kbuild's own local servers.

    story.py KBUILD     build, upload, plan, launch, first boot, DNS, a commit goes live, a backup, destroy; prints TAP

Needs root; the build needs the network. Then all of it is in a network of its own: OVH, a git server and a registry
over HTTPS on its loopback, and the server at its own public address, which its A record gives. Without KVM it takes
more than an hour.
"""
import json
import re
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from lab import apart, die_with_parent, outer_network

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "agent"))
import proof  # noqa: E402
import world  # noqa: E402
from kbtest import Kbuild, Server, Tap, free_port, wait_for  # noqa: E402

REGION, FLAVOR, NAME = "GRA11", "d2-4", "web"
# The double's public network of that region. Its second address leads to the loopback of whoever runs QEMU.
GATEWAY = "198.51.116.2"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def other(text, pattern, by):
    """The proof's text for another cloud; that a pattern is found nowhere is a mistake of this file."""
    text, n = re.subn(pattern, by, text)
    if n == 0:
        raise ValueError(f"proof.py has nothing like {pattern!r} any more")
    return text


# Nothing is said of addresses: the server has to know its own.
proof.DEFINITION = other(other(proof.DEFINITION, r"%\(ntp\)s", f"ntp: {{servers: [{GATEWAY}]}}"),
                         r"server: \{cloud: local", f"server: {{cloud: ovh, region: {REGION}, flavor: {FLAVOR}")
proof.SECRETS = other(other(proof.SECRETS, re.escape(world.GUEST_SEES), GATEWAY), r"  addresses: \[.*\]\n", "")


def rows(text):
    """"  address   203.0.113.7": by what stands first."""
    return {line[2:12].strip(): line[12:] for line in (text or "").splitlines() if line.startswith("  ")}


class World(world.World):
    """The proof's world; OVH's double has servers in it, and a store for images."""

    def hosts(self):
        return super().hosts().replace(world.GUEST_SEES, GATEWAY)

    def start(self):
        self.registry.start()
        a, self.ovh_port = self.authority, free_port()
        self.ovh_child = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("ovh_double.py"), "--zone", world.ZONE, "--tls", a.cert, a.key,
             "--port", str(self.ovh_port), "--url", f"https://ovh.{world.ZONE}:{self.ovh_port}",
             "--store", self.where / "store", "--servers", sys.argv[1]],
            stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        self.ovh = json.loads(self.ovh_child.stdout.readline())

    def look(self, what):
        """Something the double tells of itself."""
        tls = ssl.create_default_context(cafile=self.authority.ca)
        with urllib.request.urlopen(f"{self.ovh['control']}/{what}", timeout=60, context=tls) as reply:
            return json.load(reply)

    def stop(self):
        self.registry.stop()
        if self.ovh:
            # Orderly: it ends its servers.
            self.ovh_child.terminate()
            self.ovh_child.wait(60)


proof.World = World


class Story(proof.Proof):
    def __init__(self, tap, kbuild, where):
        super().__init__(tap, kbuild, where, False)
        self.on = ("--cloud", "ovh", "--region", REGION)
        self.server = Server(kbuild, NAME, *self.on)
        self.address = None

    def settle_in(self):
        """What a person has: OVH's names, an authority that is trusted, an ovh.conf."""
        names = self.kbuild.scratch / "hosts"
        names.write_text("127.0.0.1 localhost\n" + "".join(f"127.0.0.1 {h}.{world.ZONE}\n" for h in world.HOSTS))
        trusted = self.kbuild.scratch / "ca-certificates.crt"
        trusted.write_text(CERTIFICATES.read_text() + self.world.authority.ca.read_text())
        for file, place in ((names, "/etc/hosts"), (trusted, CERTIFICATES)):
            subprocess.run(["mount", "--bind", file, place], check=True)
        about, conf = self.world.ovh, self.kbuild.scratch / ".ovh.conf"
        keys = {k: about[k] for k in ("application_key", "application_secret", "consumer_key")}
        keys["openstack_auth_url"] = about["auth_url"]
        conf.touch(0o600)
        conf.write_text(f"[default]\nendpoint={about['url']}\n\n[{about['url']}]\n" +
                        "".join(f"{k}={v}\n" for k, v in keys.items()))
        self.kbuild.env.update(HOME=str(self.kbuild.scratch), OVH_CLOUD_PROJECT_SERVICE=about["project"])

    def verb(self, *args, what, timeout=600, until=None):
        """Runs a command as a person would, again until() it says so; its result is a check, its words are quoted."""
        end = time.monotonic() + timeout
        while True:
            started = time.monotonic()
            done = self.kbuild.run(*args, timeout=timeout)
            if not until or until(done.stdout) or started > end:
                break
        self.tap.check(done.returncode == 0, what, done.stdout + done.stderr)
        self.progress = done.stderr
        shown = " ".join(str(a).replace(str(self.kbuild.scratch) + "/", "") for a in args)
        self.tap.note(f"$ kbuild {shown}      ({time.monotonic() - started:.0f} s)")
        for line in done.stdout.splitlines():
            self.tap.note("  " + line)
        return done.stdout if done.returncode == 0 else None

    # The proof asks for the application at a forwarded port; here it has an address, which DNS tells.

    def record(self, name):
        host, _, port = self.world.ovh["dns"].rpartition(":")
        got = subprocess.run(["dig", "+short", f"@{host}", "-p", port, name, "A"], capture_output=True, text=True,
                             check=False).stdout.split()
        return got[0] if got else None

    def get(self, path="/version", seconds=10):
        address = self.record(f"api.{world.ZONE}") or self.address
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=seconds) as reply:
                return reply.read().decode().strip()
        except urllib.error.HTTPError as problem:
            return problem.code
        except OSError:
            return None

    # The chapters.

    def launched(self):
        t, on = self.tap, self.on
        out = self.verb("plan", self.definition, "--name", NAME, "--secrets", self.secrets_file(),
                        what="plan says what a launch would make, and its price")
        self.cost = re.search(r"([\d.]+ EUR) a month in all, before tax", out or "").group(1)
        t.equal(self.cloud_counts(), [0, 0, 0], "and made nothing")
        self.verb("upload", self.definition, "--cloud", "ovh", "--region", REGION,
                  what="the image is uploaded", timeout=1800)
        self.verb("upload", self.definition, "--cloud", "ovh", "--region", REGION,
                  what="and not a second time", timeout=1800)
        self.verb("images", *on, what="images lists it")
        started = time.monotonic()
        out = self.verb("launch", self.definition, "--name", NAME, "--secrets", self.secrets_file(),
                        "--timeout", "60m", what="the server is launched, and its agent says that it is ready",
                        timeout=4000)
        if out is None:
            t.note(self.kbuild.run("console", NAME, *on).stdout[-8000:])
            return False
        shown = {line.split()[0].rstrip(":") for line in self.progress.splitlines() if line.strip()}
        t.check({"handoff", "volume", "gate", "dns"} <= shown, "its steps are shown while they are done", self.progress)
        t.equal(re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ufffd]|\[\d*(?:;\d+)*m", self.progress), [],
                "and nothing remains of the console's colours")
        listed, = self.kbuild.json("list", *on) or [{}]
        self.address, self.v6, self.image = (listed.get(key) for key in ("address", "ipv6", "image"))
        t.check(time.monotonic() - started >= int(rows(out).get("took", "0 s").split()[0]) > 0,
                "launch says what it took", out)
        t.equal(rows(out).get("dns"), self.leads(), "and where its records lead")
        t.check(re.fullmatch(r"198\.51\.116\.\d+", self.address or ""), "list has its public address", listed)
        t.equal(self.cloud_counts(), [1, 1, 1], "the project has one image, one server, one volume")
        return True

    def cloud_counts(self):
        """Images of ours, servers, volumes."""
        made = self.world.look("cloud")
        return [len(made[kind]) for kind in ("images", "servers", "volumes")]

    def named(self):
        t = self.tap
        for name in (world.ZONE, f"api.{world.ZONE}"):
            t.equal(self.record(name), self.address, f"the name server gives the server's address for {name}")
        t.equal(wait_for(lambda: self.get() == "1", 120), True, "the application answers there, with version 1")

    # What the everyday commands say of it, word by word: for people, and as JSON.

    def leads(self):
        return f"{world.ZONE} A {self.address}, api.{world.ZONE} A {self.address}"

    def head(self):
        return subprocess.run(["git", "-C", self.world.git.work, "rev-parse", "HEAD"], capture_output=True, text=True,
                              check=True).stdout.strip()

    def status_is(self, backup, when):
        """backup: a pattern. A deployment that is at work is waited for, and a server that is too busy to answer."""
        t, sha = self.tap, self.head()
        want = {"image": f"proof {self.image[:12]}", "place": f"{REGION}, flavor {FLAVOR}",
                "machine": "4000 MiB, 2 CPUs", "volume": "2048 MiB", "address": f"{self.address}, {self.v6}",
                "cost": f"{self.cost} a month, before tax", "agent": "ready", "revision": f"{sha[:12]}, idle",
                "dns": self.leads(), "drift": "none"}
        got = rows(self.verb("status", NAME, *self.on, what=f"kbuild status {when}",
                             until=lambda out: want.items() <= rows(out).items()))
        t.equal({key: got.get(key) for key in want}, want, "says all that is known of it")
        t.check(re.fullmatch(backup, got.get("backup", "")), f"and of its backups: {backup}", got)
        s = wait_for(lambda: self.told("agent"), 600) or {}
        a = s.get("agent", {})
        keys = ("name", "state", "region", "flavor", "address", "ipv6", "image", "volume", "cost")
        t.equal([s.get(key) for key in keys],
                [NAME, "running", REGION, FLAVOR, self.address, self.v6, self.image, 2 << 30, self.cost],
                "--json has the server")
        t.equal([a.get("state"), a["app"]["good"]["sha"], a["drift"], a["dns"]["zone"],
                 [(r["name"], r["type"], r["target"]) for r in a["dns"]["records"]]],
                ["ready", sha, {"count": 0, "packages": []}, world.ZONE,
                 [(n, "A", self.address) for n in ("@", "api")]], "and what its agent says")
        return a

    def told(self, member):
        s = self.kbuild.json("status", NAME, *self.on) or {}
        return s if member in s else None

    def dns_says(self, action, states, what):
        """kbuild dns, after which the records are told as in these states; its JSON."""
        out = self.verb("dns", action, NAME, *self.on, what=what)
        want = [f"{world.ZONE}: this server is {self.address}"] + [
            f"  {state:<9} {name:<20} A    {self.address} (ttl 60){was}" for name, state, was in states]
        self.tap.equal((out or "").splitlines()[:3], want, "and says so")

    def asked(self):
        t, on = self.tap, self.on
        t.equal(self.status_is("none yet that is good", "after first boot")["backup"]["last_good"], None,
                "there is no backup yet")
        right = [("@", "right", ""), ("api", "right", "")]
        self.dns_says("show", right, "dns show: the records are right")
        self.world.turn(f"zone/{world.ZONE}", {"publish": True, "records": [
            ["A", "", self.address, 60], ["A", "api", "192.0.2.99", 60], ["TXT", "", "somebody's", 60]]})
        self.dns_says("show", [right[0], ("api", "different", ", was 192.0.2.99")], "dns show: one was changed")
        shown = self.kbuild.json("dns", "show", NAME, *on)
        t.equal([(r["name"], r["state"], r["was"]) for r in shown["records"]] + [s["state"] for s in shown["servers"]],
                [("@", "right", self.address), ("api", "different", "192.0.2.99"), "differs"], "as JSON, too")
        self.dns_says("sync", [("@", "kept", ""), ("api", "changed", ", was 192.0.2.99")], "dns sync: it is made right")
        t.equal(self.record(f"api.{world.ZONE}"), self.address, "as the name server serves it")
        synced = self.kbuild.json("dns", "sync", NAME, *on)
        t.equal([synced["written"], [r["state"] for r in synced["records"]], [s["state"] for s in synced["servers"]]],
                [False, ["right", "right"], ["serves"]], "and not a second time")
        self.reached()
        self.logged()

    def reached(self):
        t, on = self.tap, self.on
        t.equal(self.kbuild.run("ssh", NAME, *on, "--", "hostname").stdout, f"{NAME}\n", "kbuild ssh leads to it")
        t.equal(self.kbuild.run("ssh", NAME, *on, "--", "exit", "7").returncode, 7, "with the command's exit status")
        argv = self.kbuild.json("ssh", NAME, *on)["command"]
        known = next(word for word in argv if word.startswith("UserKnownHostsFile=")).split('"')[1]
        t.equal((argv[0], argv[-4:], "StrictHostKeyChecking=yes" in argv),
                ("ssh", ["-l", "debian", "--", self.address], True),
                "--json has the command; host keys were read on the console")
        key = self.server.out("cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub")
        t.check(f"kbuild-{NAME} {key}\n" in Path(known).read_text(), "and are the server's", Path(known).read_text())

    def logged(self):
        t, unit = self.tap, "kbuild-firstboot.service"
        out = self.verb("logs", NAME, "firstboot", "-n", "6", *self.on, what="kbuild logs") or ""
        line = re.compile(r"\d{4}-\d\d-\d\dT[\d:+]+ web (kbuild-agent|systemd)\[\d+\]: \S.*")
        lines = out.splitlines()
        t.check(len(lines) == 6 and all(map(line.fullmatch, lines)), "six lines of the journal", out)
        t.check(f"Finished {unit}" in out, "of first boot's end")
        done = self.kbuild.run("logs", NAME, "firstboot", "-n", "6", *self.on, "--json")
        entries = [json.loads(entry) for entry in done.stdout.splitlines()]
        t.equal([unit in (e.get("UNIT"), e.get("_SYSTEMD_UNIT")) for e in entries], [True] * 6, "as JSON, too")
        t.equal([e["MESSAGE"] for e in entries], [text.split("]: ", 1)[1] for text in lines], "the same ones")

    def live(self):
        self.settle()
        took = self.deploy("2")
        self.tap.check(took is not None, "a commit goes live by the timer", self.journal("kbuild-gitops.service"))
        self.tap.note(f"live after {took or 0:.0f} s")
        self.status_is("none yet that is good", "after the commit")

    def backed_up(self):
        t = self.tap
        self.settle()
        self.query("create table facts(id int primary key, what text)")
        self.query("insert into facts select g, md5(g::text) from generate_series(1, 1000) g")
        t.equal(self.run_unit("kbuild-backup.service"), "success", "a backup is taken") or \
            t.note(self.journal("kbuild-backup.service"))
        t.check(self.backups(), "and listed", self.journal("kbuild-backup.service"))
        t.equal(self.agent("backup", "verify")[0], 0, "and whole")
        a = self.status_is(r"\S+, \d+ (s|min) ago", "after the backup")
        t.check(a["backup"]["last_good"] in self.backups() and a["backup"]["count"] == len(self.backups()),
                "which is that one", a["backup"])

    def gone(self):
        t = self.tap
        refused = self.kbuild.run("destroy", NAME, *self.on)
        t.equal(refused.returncode, 7, "destroy asks first")
        self.verb("destroy", NAME, *self.on, "--yes", "--with-data", what="destroyed, data and all")
        t.equal(wait_for(lambda: self.cloud_counts() == [1, 0, 0], 60), True, "only the image is left")

    def tell(self):
        for chapter in ("launched", "named", "asked", "live", "backed_up", "gone"):
            started = time.monotonic()
            try:
                if getattr(self, chapter)() is False:
                    break
            except (OSError, ValueError, KeyError, subprocess.SubprocessError) as problem:
                self.tap.check(False, f"the chapter {chapter} comes to its end", repr(problem))
            self.tap.note(f"{chapter}: {time.monotonic() - started:.0f} s")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    ended = apart()
    if ended is not None:
        return ended
    tap, kbuild = Tap(), Kbuild(sys.argv[1])
    story = Story(tap, kbuild, kbuild.scratch)
    try:
        with outer_network():
            built = story.prepare()
        if built:
            story.world.start()
            story.settle_in()
            story.tell()
    finally:
        story.world.stop()
        kbuild.remove()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
