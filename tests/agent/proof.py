#!/usr/bin/env python3
"""
The proof of the agent on a real server: an image with an application in it is built, launched in QEMU
beside a world of real services (git over HTTPS, a registry, OVH's double with its name server, mail), and
then a server's life is lived: first boot, a good commit, bad ones, a lost database, faults, power cuts.

    proof.py KBUILD [--long] [--keep] [SECTION...]

Sections: boot good bad backup faults cuts secrets. --long: twenty power cuts, not four. Needs root; the
build needs the network, all after it is on loopback. Prints TAP.
"""
import argparse
import json
import random
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from kbtest import Kbuild, Server, Tap, free_port, wait_for  # noqa: E402
from world import GIT_TOKEN, GIT_USER, ZONE, World  # noqa: E402

NAME = "proof-agent"
BOOT = 1800
ADDRESS = "203.0.113.10"

DEFINITION = """\
#cloud-config
timezone: Europe/Brussels
users: [default]
ca_certs:
  trusted:
    - |
%(ca)s
write_files:
  - path: /etc/hosts
    append: true
    content: |
%(hosts)s
kbuild:
  name: proof
  base: {distribution: debian, release: trixie}
  disk: {size: 6G}
  firewall: {allow: [22/tcp, 80/tcp]}
  app:
    repository: %(git)s
    branch: main
    compose: compose.yaml
    health: http://127.0.0.1/health
    interval: 1m
    timeout: 4m
    zero_downtime: [api]
  secrets:
    env: .env
    values:
      POSTGRES_PASSWORD: {generate: 256}
      JWT_SECRET: {generate: 256}
      MAIL_KEY: {operator: the key of the mail provider}
      DATABASE_URL: "postgresql://postgres:${POSTGRES_PASSWORD}@db:5432/proof"
  dns: {zone: %(zone)s, ttl: 60, records: ["@", api]}
  backup:
    postgres: {container: proof-postgres}
    recipients: [%(recipient)s]
    keep: {daily: 3}
  health:
    interval: 1m
    alert:
      mail: [kara@proof.test]
      smtp: {server: mail.%(zone)s, port: %(smtp)d, from: server@proof.test, user: alerts}
      webhook: {url: "https://hook.%(zone)s:%(hook)d/alert"}
  server: {cloud: local, volume: 2G}
"""

SECRETS = """\
repository: {user: %(user)s, token: %(token)s}
dns:
  endpoint: %(ovh)s
  application_key: %(application_key)s
  application_secret: %(application_secret)s
  consumer_key: %(consumer_key)s
  addresses: [%(address)s]
  nameservers: ["10.0.2.2:%(dns_port)s"]
alert: {smtp_password: "pAssword-of-the-mail-0815"}
secrets: {MAIL_KEY: "0perator-g1ven-value-77"}
"""


def indent(text, by):
    return "\n".join(" " * by + line for line in text.strip().splitlines())


class Proof:
    def __init__(self, tap, kbuild, where, long):
        self.tap, self.kbuild, self.where, self.long = tap, kbuild, Path(where), long
        self.world = World(self.where / "world", dns_port=0)
        self.server = Server(kbuild, NAME)
        self.port = 0
        self.version = "1"
        self.known = []

    # Making

    def prepare(self):
        """All that needs the network: images of containers, the image of the server."""
        w = self.world
        key = self.where / "operator.key"
        out = subprocess.run(["age-keygen", "-o", key], stderr=subprocess.PIPE, text=True, check=True).stderr
        recipient = re.search(r"age1\w+", out).group(0)
        self.identity = key
        definition = DEFINITION % {
            "ca": indent(w.authority.ca.read_text(), 6), "hosts": indent(w.hosts(), 6), "git": w.git.url,
            "zone": ZONE, "recipient": recipient, "smtp": w.mail.port, "hook": w.hook.port}
        self.definition = self.kbuild.scratch / "proof.yaml"
        self.definition.write_text(definition)
        w.images()
        w.commit("1", "the first version")
        started = time.monotonic()
        done = self.kbuild.run("build", self.definition, timeout=2400)
        self.tap.check(done.returncode == 0, "the image is built", done.stderr)
        self.tap.note(f"build: {time.monotonic() - started:.0f} s")
        return done.returncode == 0

    def launch(self):
        w, d = self.world, dict(self.world.ovh)
        secrets = self.kbuild.scratch / "secrets.yaml"
        d.update(user=GIT_USER, token=GIT_TOKEN, ovh=d["url"], address=ADDRESS, dns_port=d["dns"].rsplit(":", 1)[1])
        secrets.touch(0o600)
        secrets.write_text(SECRETS % d)
        self.port = free_port()
        started = time.monotonic()
        child = self.kbuild.start("launch", self.definition, "--cloud", "local", "--name", NAME, "--disk", "12G",
                                  "--memory", "3G", "--secrets", secrets, "--forward", f"{self.port}:80",
                                  "--timeout", "25m")
        out, err = child.communicate(timeout=BOOT)
        self.tap.note(f"launch to ready: {time.monotonic() - started:.0f} s")
        good = self.tap.check(child.returncode == 0, "the server is launched and its agent is ready", out + err)
        if not good:
            self.tap.note(self.kbuild.run("console", NAME).stdout[-8000:])
            self.tap.note(self.server.out("journalctl -u 'kbuild-*' --no-pager -o cat | tail -n 80"))
        return good

    # Looking

    def get(self, path="/version", seconds=10):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=seconds) as reply:
                return reply.read().decode().strip()
        except urllib.error.HTTPError as problem:
            return problem.code
        except OSError:
            return None

    def agent(self, *args, timeout=900):
        return self.server.sh("kbuild-agent " + " ".join(args), timeout=timeout)

    def status(self, *verb):
        text = self.agent(*(verb or ("status",)), "--json")[1]
        try:
            return json.loads(text[text.index("{"):])
        except ValueError:
            return {}

    def run_unit(self, unit, timeout=1200):
        """Starts a oneshot unit and waits for its end; its result."""
        self.server.sh(f"systemctl start {unit}", timeout=timeout)
        return self.server.out(f"systemctl show -p Result --value {unit}")

    def journal(self, unit, lines=40):
        return self.server.out(f"journalctl -u {unit} --no-pager -o cat -n {lines}")

    def mails(self):
        return [text for _, _, text in self.world.mail.mails]

    def query(self, sql):
        return self.server.out("docker exec proof-postgres psql -h 127.0.0.1 -U postgres -d proof -Atc " +
                               json.dumps(sql))

    # Sections

    def boot(self):
        t, s = self.tap, self.server
        t.equal(wait_for(lambda: self.get() == "1", 60), True, "the application answers with version 1")
        t.equal(s.out("stat -c '%a %U' /var/lib/kbuild/secrets/values.json"), "600 kbuild",
                "the secrets are readable by nobody else")
        t.equal(s.out("systemctl --failed --no-legend --plain"), "", "no unit has failed")
        status = self.status()
        t.check(status, "kbuild-agent status --json answers", self.agent("status")[1])
        t.note(self.agent("status")[1])
        dns = self.world.ovh["dns"].split(":")
        for name in (ZONE, f"api.{ZONE}"):
            got = subprocess.run(["dig", "+short", f"@{dns[0]}", "-p", dns[1], name, "A"], capture_output=True,
                                 text=True, check=False).stdout.strip()
            t.equal(got, ADDRESS, f"the name server answers {name}")
        t.equal(s.out("findmnt -no LABEL /var/lib/kbuild-data"), "kbuild-data", "the data volume is mounted")
        t.equal(s.out("systemctl is-active kbuild-gitops.timer kbuild-backup.timer kbuild-health.timer").split(),
                ["active"] * 3, "the timers run")
        t.equal(s.out("test -e /etc/kbuild/handoff.json && echo there"), "", "the handoff is gone")
        t.equal(s.out("pgrep -x kbuild-agent"), "", "no process of the agent is there between its timers")
        code = s.sh("docker run --rm --entrypoint /api $(docker ps -q --filter name=api | head -1 | xargs docker inspect "
                    "-f '{{.Image}}') check")[0]
        t.check(code != 125, "a container of the application's image can be run", code)
        first = s.out("date +%s")
        self.query("create table facts(id int primary key, what text)")
        self.query("insert into facts select g, md5(g::text) from generate_series(1, 5000) g")
        t.equal(self.query("select count(*) from facts"), "5000", "the database takes rows")
        t.note(f"clock of the server: {first}")

    def load(self, stop, result):
        while not stop.is_set():
            got = self.get(seconds=20)
            result["n"] += 1
            if not isinstance(got, str):
                result["failed"].append((time.strftime("%T"), got))
            time.sleep(0.05)

    def deploy(self, version, **more):
        """Commits, and waits for the timer to bring it up; seconds, or None."""
        self.world.commit(version, **more)
        started = time.monotonic()
        good = wait_for(lambda: self.get() == version, 600, every=1)
        if good:
            self.version = version
        return time.monotonic() - started if good else None

    def good(self):
        stop, result = threading.Event(), {"n": 0, "failed": []}
        thread = threading.Thread(target=self.load, args=(stop, result), daemon=True)
        thread.start()
        took = self.deploy("2")
        self.tap.check(took is not None, "a good commit goes live", self.journal("kbuild-gitops.service"))
        wait_for(lambda: self.status("gitops", "status").get("state") == "idle", 300, every=5)
        stop.set()
        thread.join()
        self.tap.note(f"live after {took or 0:.0f} s, {result['n']} requests meanwhile")
        self.tap.equal(result["failed"], [], f"without a failed request of {result['n']}")

    BAD = [
        ("a crash loop", {"broken": "crash"}),
        ("an unhealthy version", {"broken": "unhealthy"}),
        ("an image that is not there", {"image": f"registry.{ZONE}/nothing:9"}),
        ("broken YAML", {"more": "  broken: [\n"}),
        ("a privileged container", {"more": "  evil:\n    image: busybox\n    privileged: true\n"}),
    ]

    def bad(self):
        for n, (what, more) in enumerate(self.BAD):
            before = len(self.world.hook.got)
            if "image" in more:
                more = {"image": f"{self.world.registry.name}/nothing:9"}
            sha = self.world.commit(f"bad{n}", **more)
            done = wait_for(lambda sha=sha: sha in [b.get("sha") for b in
                                                    self.status("gitops", "status").get("bad", [])], 900, every=10)
            self.tap.check(done, f"{what}: the commit is remembered as bad", self.journal("kbuild-gitops.service"))
            self.tap.equal(self.get(), self.version, f"{what}: the application still answers")
            self.run_unit("kbuild-gitops.service")
            self.run_unit("kbuild-health.service")
            tried = [h for h in self.status("gitops", "history").get("history", []) if h.get("sha") == sha]
            self.tap.equal(len(tried), 1, f"{what}: it was tried once")
            alerts = [h for h in self.world.hook.got[before:] if sha[:7] in h[2]]
            self.tap.equal(len(alerts), 1, f"{what}: one alert was sent")
        self.tap.check(self.deploy("3") is not None, "the next good commit goes live",
                       self.journal("kbuild-gitops.service"))

    def backup(self):
        t = self.tap
        t.equal(self.run_unit("kbuild-backup.service"), "success", "a backup is taken")
        backups = self.status("backup", "list").get("backups", [])
        t.check(backups, "and listed", self.journal("kbuild-backup.service"))
        rows = self.query("select count(*), sum(hashtext(what)) from facts")
        self.query("drop table facts")
        t.check("facts" not in self.query("select relname from pg_class where relname = 'facts'"), "the table is lost")
        status, text = self.server.sh("umask 077; cat > /run/operator.key; kbuild-agent restore latest --identity "
                                      "/run/operator.key; code=$?; rm /run/operator.key; exit $code",
                                      data=self.identity.read_bytes(), timeout=900)
        t.equal(status, 0, "the restore succeeds") or t.note(text)
        t.equal(self.query("select count(*), sum(hashtext(what)) from facts"), rows, "and all rows are equal")
        t.equal(wait_for(lambda: self.get() == self.version, 120), True, "the application answers")

    def faults(self):
        t, w, s = self.tap, self.world, self.server
        w.git.mode = "dead"
        self.run_unit("kbuild-gitops.service")
        t.equal(self.get(), self.version, "with a dead git server the application answers")
        w.git.mode = "well"
        w.registry.stop()
        sha = w.commit("4", image=None)
        self.run_unit("kbuild-gitops.service")
        w.registry.start()
        t.check(self.deploy("5") is not None, "after a dead registry the next run goes on",
                self.journal("kbuild-gitops.service"))
        t.check(sha not in [b.get("sha") for b in self.status("gitops", "status").get("bad", [])],
                "what failed for that was not called bad")
        s.sh("fallocate -l $(($(df --output=avail -B1 /var/lib/kbuild | tail -1) - 8000000)) /var/fill")
        self.run_unit("kbuild-backup.service")
        w.commit("6")
        self.run_unit("kbuild-gitops.service")
        t.equal(self.get() in (self.version, "6"), True, "on a full disk the application answers")
        s.sh("rm -f /var/fill")
        t.check(wait_for(lambda: self.get() == "6", 600, every=2), "with room again it goes on",
                self.journal("kbuild-gitops.service"))
        self.version = "6"
        t.equal(self.run_unit("kbuild-backup.service"), "success", "and a backup is taken again")
        control = w.ovh["control"]
        t.note(f"faults of OVH through {control}: see the suite dns")
        s.sh("date -s '2021-01-01'")
        self.run_unit("kbuild-gitops.service")
        t.equal(self.get(), self.version, "with a wrong clock the application answers")
        s.sh("date -s @%d" % time.time())
        t.check(self.deploy("7") is not None, "with the right one a commit goes live",
                self.journal("kbuild-gitops.service"))

    def cuts(self):
        """QEMU is killed while GitOps or a backup is at work; the next boot goes on."""
        t, rng = self.tap, random.Random(4711)
        env = self.server.out("sha256sum /var/lib/kbuild/secrets/* | sort")
        for n in range(20 if self.long else 4):
            what = ("gitops", "backup")[n % 2]
            before = self.version
            if what == "gitops":
                self.world.commit(f"cut{n}")
            self.server.sh(f"systemctl start --no-block kbuild-{what}.service")
            time.sleep(rng.uniform(0.5, 30))
            self.kbuild.run("stop", NAME, "--force")
            done = self.kbuild.run("start", NAME, timeout=BOOT)
            t.check(done.returncode == 0, f"cut {n + 1} ({what}): the server comes back", done.stderr)
            if what == "gitops":
                t.check(wait_for(lambda n=n: self.get() == f"cut{n}", 900, every=2),
                        f"cut {n + 1}: and runs the new revision", (before, self.get()))
                self.version = f"cut{n}"
            else:
                t.check(wait_for(lambda: self.get() == self.version, 600, every=2),
                        f"cut {n + 1}: and runs the same revision", self.get())
                t.equal(self.agent("backup", "verify")[0], 0, f"cut {n + 1}: no backup is truncated")
            t.equal(self.server.out("sha256sum /var/lib/kbuild/secrets/* | sort"), env, f"cut {n + 1}: no secret changed")

    def secrets(self):
        """No secret is in a log, a status or the journal."""
        values = re.findall(r'"([A-Za-z0-9_-]{40,})"', self.server.out("cat /var/lib/kbuild/secrets/values.json"))
        values += [GIT_TOKEN, "pAssword-of-the-mail-0815", "0perator-g1ven-value-77",
                   self.world.ovh["application_secret"], self.world.ovh["consumer_key"]]
        script = ("journalctl --no-pager -o export > /run/j; cat /var/log/* /var/log/*/* /var/lib/kbuild/*.json "
                  "/var/lib/kbuild/*.journal /proc/[0-9]*/cmdline /run/j 2>/dev/null | grep -aFc -f /run/values; rm /run/j")
        self.server.sh("umask 077; cat > /run/values", data="\n".join(values).encode())
        self.tap.check(len(values) >= 7, "there are secrets to look for", len(values))
        self.tap.equal(self.server.out(script), "0", "no secret is in a log, a status, a command line or the journal")
        self.server.sh("rm -f /run/values")
        self.tap.check(all(v not in self.kbuild.run("console", NAME).stdout for v in values), "nor on the console")

    def everything(self, only):
        sections = ["boot", "good", "bad", "backup", "faults", "cuts", "secrets"]
        for name in sections:
            if only and name not in only:
                continue
            started = time.monotonic()
            try:
                getattr(self, name)()
            except (OSError, ValueError, KeyError, subprocess.SubprocessError) as problem:
                self.tap.check(False, f"the section {name} runs to its end", repr(problem))
            self.tap.note(f"{name}: {time.monotonic() - started:.0f} s")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("kbuild")
    p.add_argument("section", nargs="*")
    p.add_argument("--long", action="store_true")
    p.add_argument("--keep", action="store_true", help="the server and all around it, until Enter is pressed")
    o = p.parse_args()
    tap, kbuild = Tap(), Kbuild(o.kbuild)
    proof = Proof(tap, kbuild, kbuild.scratch, o.long)
    try:
        if proof.prepare():
            proof.world.start()
            if proof.launch():
                proof.everything(o.section)
            if o.keep:
                input(f"KBUILD_STATE={kbuild.state} KBUILD_CACHE={kbuild.cache}; Enter ends it")
    finally:
        kbuild.run("destroy", NAME, "--yes")
        proof.world.stop()
        kbuild.remove()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
