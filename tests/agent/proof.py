#!/usr/bin/env python3
"""
The proof of the agent on a real server: an image with an application in it is built, launched in QEMU
beside a world of real services (git over HTTPS, a registry, OVH's double with its name server, mail), and
then a server's life is lived: first boot, a good commit, bad ones, a lost database, faults, power cuts.

    proof.py KBUILD [--long] [--keep] [SECTION...]

Sections: boot good bad backup faults clock secrets cuts firstcuts. --long: twenty power cuts, not five. Needs root; the
build needs the network, all after it is on loopback. Prints TAP.
"""
import argparse
import email
import email.policy
import json
import re
import shlex
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from kbtest import KERNEL_FAULT, Kbuild, Server, Tap, free_port, wait_for  # noqa: E402
from world import (GIT_TOKEN, GIT_USER, HOOK_TOKEN, PING_WORD, REGISTRY_PASSWORD, REGISTRY_USER, ZONE,  # noqa: E402
                   World)

NAME = "proof-agent"
BOOT = 1800
PATIENCE = ("--timeout", "25m")
ADDRESS = "203.0.113.10"
FIVE_HUNDREDS = 8

DEFINITION = """\
#cloud-config
timezone: Europe/Brussels
users: [default]
%(ntp)s
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
    image_wait: 1m
    zero_downtime: [api]
  secrets:
    env: .env
    values:
      POSTGRES_PASSWORD: {generate: 256, postgres: {role: postgres}}
      JWT_SECRET: {generate: 256}
      MAIL_KEY: {operator: the key of the mail provider}
      DATABASE_URL: "postgresql://postgres:${POSTGRES_PASSWORD}@db:5432/proof"
  dns: {zone: %(zone)s, ttl: 60, records: ["@", api]}
  backup:
    postgres: {container: proof-postgres}
    volumes: [files]
    recipients: [%(recipient)s]
    keep: {daily: 3}
  health:
    interval: 1m
    alert:
      mail: [kara@proof.test]
      smtp: {server: mail.%(zone)s, port: %(smtp)d, from: server@proof.test, user: alerts}
      webhook: {url: "https://hook.%(zone)s:%(hook)d/alert"}
  server: {cloud: local%(volume)s}
"""

SECRETS = """\
repository: {user: %(user)s, token: %(token)s}
registries: {"%(registry)s": {user: %(registry_user)s, password: %(registry_password)s}}
dns:
  endpoint: %(ovh)s
  application_key: %(application_key)s
  application_secret: %(application_secret)s
  consumer_key: %(consumer_key)s
  addresses: [%(address)s]
  nameservers: ["10.0.2.2:%(dns_port)s"]
alert:
  smtp_password: "pAssword-of-the-mail-0815"
  webhook_token: %(hook_token)s
  ping_url: "https://hook.%(zone)s:%(hook_port)d/%(ping)s"
secrets: {MAIL_KEY: "0perator-g1ven-value-77"}
"""


def indent(text, by):
    return "\n".join(" " * by + line for line in text.strip().splitlines())


class Proof:
    volume = True
    emulated = ", emulated"
    address = None  # of the application; None: the port that QEMU forwards

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
            "zone": ZONE, "recipient": recipient, "smtp": w.mail.port, "hook": w.hook.port,
            "ntp": "ntp: {servers: [10.0.2.2]}" if self.volume else "ntp: {enabled: false}",
            "volume": ", volume: 2G" if self.volume else ""}
        self.definition = self.kbuild.scratch / "proof.yaml"
        self.definition.write_text(self.refine(definition))
        w.images()
        w.commit("1", "the first version")
        started = time.monotonic()
        done = self.make_image()
        self.tap.check(done.returncode == 0, "the image is built", done.stderr)
        self.tap.note(f"build: {time.monotonic() - started:.0f} s")
        return done.returncode == 0

    def refine(self, definition):
        """For variations of this proof."""
        return definition

    def make_image(self):
        return self.kbuild.run("build", self.definition, timeout=2400)

    def secrets_file(self):
        d = dict(self.world.ovh)
        path = self.kbuild.scratch / "secrets.yaml"
        d.update(user=GIT_USER, token=GIT_TOKEN, ovh=d["url"], address=ADDRESS, dns_port=d["dns"].rsplit(":", 1)[1],
                 registry=self.world.registry.name, registry_user=REGISTRY_USER, registry_password=REGISTRY_PASSWORD,
                 zone=ZONE, hook_port=self.world.hook.port, hook_token=HOOK_TOKEN, ping=PING_WORD)
        path.touch(0o600)
        path.write_text(SECRETS % d)
        return path

    def launch_arguments(self):
        self.port = free_port()
        return ["launch", self.definition, "--cloud", "local", "--name", NAME, "--disk", "12G", "--memory", "3G",
                "--secrets", self.secrets_file(), "--forward", f"{self.port}:80"]

    def ovh_is_ill(self):
        """For the first calls of first boot."""
        self.world.turn("faults", {
            "match": "/domain/zone", "kind": "status", "status": 500, "times": FIVE_HUNDREDS,
            "body": {"class": "Server::InternalServerError", "message": "Internal server error"}})

    def launch(self):
        self.ovh_is_ill()
        started = time.monotonic()
        done = self.kbuild.boots(NAME, *self.launch_arguments(), *PATIENCE, again=PATIENCE, timeout=BOOT)
        self.tap.note(f"launch to ready: {time.monotonic() - started:.0f} s")
        good = self.tap.check(done.returncode == 0, "the server is launched and its agent is ready",
                              done.stdout + done.stderr)
        if not good:
            self.tap.note(self.kbuild.run("console", NAME).stdout[-8000:])
            self.tap.note(self.server.out("journalctl -u 'kbuild-*' --no-pager -o cat | tail -n 80"))
        return good

    # Looking

    def get(self, path="/version", seconds=10):
        try:
            base = self.address or f"http://127.0.0.1:{self.port}"
            with urllib.request.urlopen(base + path, timeout=seconds) as reply:
                return reply.read().decode().strip()
        except urllib.error.HTTPError as problem:
            return problem.code
        except OSError:
            return None

    def answer(self):
        """What the application says, and not the proxy for it while it comes up."""
        got = self.get()
        return got if isinstance(got, str) else None

    def agent(self, *args, timeout=900):
        return self.server.sh("kbuild-agent " + " ".join(args), timeout=timeout)

    def status(self, *verb):
        text = self.agent(*(verb or ("status",)), "--json")[1]
        try:
            return json.loads(text[text.index("{"):])
        except ValueError:
            return {}

    def gitops(self):
        return self.status("gitops", "status")

    def history(self):
        text = self.agent("gitops", "history", "--json")[1]
        return json.loads(text[text.index("["):])

    def settle(self, seconds=600):
        """Waits until no deployment is at work."""
        return wait_for(lambda: self.gitops().get("state") in ("idle", "failed", "needs-human"), seconds, every=3)

    def run_unit(self, unit, timeout=1200):
        """Starts a oneshot unit and waits for its end; its result."""
        self.server.sh(f"systemctl start {unit}", timeout=timeout)
        return self.server.out(f"systemctl show -p Result --value {unit}")

    def journal(self, unit, lines=40):
        return self.server.out(f"journalctl -u {unit} --no-pager -o cat -n {lines}")

    def mails(self):
        """Subject and text of each."""
        parsed = [email.message_from_string(text, policy=email.policy.default) for _, _, text in self.world.mail.mails]
        return [f"{m['Subject']}\n{m.get_content()}" for m in parsed]

    def hooks(self):
        """What the web hook was told; the dead man's switch is another path of the same sink."""
        return [h for h in self.world.hook.got if h[1] == "/alert"]

    def notices(self, words, since):
        """Alerts with these words: by the web hook, by mail. since: how many of each there were."""
        return [h for h in self.hooks()[since[0]:] if words in h[2]], [m for m in self.mails()[since[1]:] if words in m]

    def so_far(self):
        return len(self.hooks()), len(self.mails())

    def query(self, sql):
        return self.server.out("docker exec proof-postgres psql -U postgres -d proof -Atc " +
                               shlex.quote(sql))

    # How a shell on the server gets the password: it stands in no command line.
    PASSWORD = ("$(python3 -c 'import json; "
                "print(json.load(open(\"/var/lib/kbuild/secrets/values.json\"))[\"values\"][\"POSTGRES_PASSWORD\"])')")

    def login(self, password):
        """What the database says to who comes over TCP. The socket, by which query() comes, lets everybody in."""
        return self.server.out(f"PGPASSWORD={password}; export PGPASSWORD; docker exec -e PGPASSWORD proof-postgres "
                               "psql -w -h 127.0.0.1 -U postgres -d proof -Atc 'select 1'")

    def takes_password(self, name):
        wrong, right = self.login("another-one"), self.login(self.PASSWORD)
        self.tap.check("password authentication failed" in wrong and right == "1", f"{name}, and no other", (wrong, right))

    def rows(self):
        return self.query("select count(*), sum(hashtext(what)) from facts")

    def backups(self):
        return [m["id"] for m in self.manifests()]

    def manifests(self):
        lines = self.agent("backup", "list", "--json")[1].splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    OPEN = """\
umask 077
cat >/run/operator.key
code=0
for id in %s; do
	kbuild-agent backup verify $id --identity /run/operator.key || code=1
done
rm /run/operator.key
exit $code
"""

    def opens_all(self, name):
        """Each backup is opened with the operator's key: what is in it is what its manifest says."""
        ids = self.backups()
        code, said = self.server.sh(self.OPEN % " ".join(ids), data=self.identity.read_bytes(), timeout=900)
        whole = re.findall(r"^(\S+) is whole", said, re.M)
        return self.tap.check((code, whole) == (0, ids), f"{name} ({len(ids)})", said)

    def kept_secrets(self):
        return self.server.out("sha256sum /var/lib/kbuild/secrets/* | sort")

    def equally_live(self, version, name, seconds=600):
        good = wait_for(lambda: self.get() == version, seconds, every=1)
        return self.tap.check(good, name, f"answered: {self.get()!r}\n" + self.journal("kbuild-gitops.service"))

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
        self.check_dns("after first boot")
        calls = [call for call in self.world.log() if call.get("status") == 500 or call.get("fault")]
        t.check(len(calls) >= FIVE_HUNDREDS, f"although OVH answered 500 to the first {FIVE_HUNDREDS} calls", calls)
        if self.volume:
            t.equal(s.out("findmnt -no LABEL /var/lib/kbuild-data"), "kbuild-data", "the data volume is mounted")
            t.equal(s.out("chronyc -n sources | grep -c '\\*.*10.0.2.2'"), "1", "the clock follows the time server")
        t.equal(s.out("systemctl is-active kbuild-gitops.timer kbuild-backup.timer kbuild-health.timer").split(),
                ["active"] * 3, "the timers run")
        for timer, unit in (("health", "kbuild-health"), ("gitops", "kbuild-gitops")):
            t.check(wait_for(lambda unit=unit: s.out(f"journalctl -b -u {unit}.service --no-pager -o cat | grep -c "
                                                     "^Finished") not in ("", "0"), 180, every=5),
                    f"the {timer} timer fires by itself")
        self.metrics()
        t.check([h for h in self.world.hook.got if h[1] == f"/{PING_WORD}"], "the dead man's switch is told",
                self.world.hook.got)
        t.equal(s.out("test -e /etc/kbuild/handoff.json && echo there"), "", "the handoff is gone")
        t.check(wait_for(lambda: s.out("pgrep -x kbuild-agent") == "", 120, every=2),
                "no process of the agent is there between its timers", s.out("ps ax | grep kbuild"))
        code = s.sh("docker exec $(docker ps -q --filter label=com.docker.compose.service=api) /api check")[0]
        t.equal(code, 0, "the application is healthy in its own container")
        self.query("create table if not exists facts(id int primary key, what text)")
        s.sh("docker exec proof-postgres sh -c 'echo a picture >/files/picture'")
        self.query("insert into facts select g, md5(g::text) from generate_series(1, 50000) g")
        t.equal(self.query("select count(*) from facts"), "50000", "the database takes rows")
        self.takes_password("it takes the password that first boot made")
        # Under emulation this is many times what a server takes; test_firstboot.py judges it.
        for unit in ("kbuild-firstboot.service", "kbuild-broker.service"):
            t.note(f"CPU of {unit}{self.emulated}: " + s.out(f"systemctl show -P CPUUsageNSec {unit}") + " ns")
        limits = s.out("systemctl show -p MemoryMax -p TasksMax kbuild-gitops.service kbuild-backup.service "
                       "kbuild-health.service kbuild-broker.service | grep -c -E 'infinity|^$'")
        t.equal(limits, "3", "each unit has limits of memory and tasks")  # the three empty lines between four units
        t.equal(s.out("systemctl show -P Persistent kbuild-backup.timer"), "yes", "a backup that was missed is made up for")

    def metrics(self):
        """What the health run leaves for others, as one who is nobody reads it."""
        t = self.tap
        prom, status = (self.server.out("setpriv --reuid=nobody --regid=nogroup --clear-groups cat "
                                        f"/run/kbuild-metrics/{name}") for name in ("kbuild.prom", "status.json"))
        t.check(re.search(r"^kbuild_faults \d+$", prom, re.M), "nobody can read the metrics of the health run", prom)
        try:
            names = [check["name"] for check in json.loads(status)["checks"]]
        except (ValueError, KeyError) as problem:
            names = repr(problem)
        t.check("first-boot" in names, "and its status, which is JSON", status)

    def check_dns(self, when):
        dns = self.world.ovh["dns"].split(":")
        for name in (ZONE, f"api.{ZONE}"):
            got = subprocess.run(["dig", "+short", f"@{dns[0]}", "-p", dns[1], name, "A"], capture_output=True,
                                 text=True, check=False).stdout.strip()
            self.tap.equal(got, ADDRESS, f"the name server answers {name} {when}")

    def load(self, stop, result):
        while not stop.is_set():
            got = self.get(seconds=20)
            result["n"] += 1
            result["seen"].add(got)
            if not isinstance(got, str):
                result["failed"].append((time.strftime("%T"), got))
            time.sleep(0.2)  # a guest without KVM has little to spare

    def under_load(self, action):
        """What action() gives, and what became of requests made meanwhile."""
        stop, result = threading.Event(), {"n": 0, "failed": [], "seen": set()}
        thread = threading.Thread(target=self.load, args=(stop, result), daemon=True)
        thread.start()
        try:
            return action(), result
        finally:
            stop.set()
            thread.join()

    def deploy(self, version, **more):
        """Commits, and waits for the timer to bring it up; seconds, or None."""
        self.world.commit(version, **more)
        started = time.monotonic()
        good = wait_for(lambda: self.get() == version, 900, every=1)
        if good:
            self.version = version
        return time.monotonic() - started if good else None

    def good(self):
        git = self.world.git
        self.settle()

        def work():
            started = time.monotonic()
            took = self.deploy("2")
            self.settle()
            seen = next((at for at in git.fetched if at > started), None)
            return took, seen and seen - started

        (took, seen), result = self.under_load(work)
        self.tap.check(took is not None, "a good commit goes live by the timer", self.journal("kbuild-gitops.service"))
        # The interval, the timer's own jitter, and a look that was at work when the commit came.
        self.tap.check(seen and seen < 60 + 20 + 20, "it was fetched within one interval", seen)
        self.tap.note(f"fetched after {seen or 0:.0f} s, live after {took or 0:.0f} s, of which the deployment took "
                      f"{(took or 0) - (seen or 0):.0f} s; {result['n']} requests")
        self.tap.equal(result["failed"], [], f"without a failed request of {result['n']}")
        self.tap.equal(result["seen"], {"1", "2"}, "all of them answered by one version or the other")
        self.back_by_hand()

    def back_by_hand(self):
        t = self.tap
        (code, said), result = self.under_load(lambda: self.agent("gitops", "rollback"))
        t.note(f"gitops rollback: {said}")
        t.equal((code, self.get(), result["failed"]), (0, "1", []),
                f"a rollback by hand: the version before answers, and so were all of {result['n']} requests")
        self.run_unit("kbuild-gitops.service")
        t.equal(self.get(), "1", "the timer leaves it so")
        t.note("gitops history: " + self.agent("gitops", "history")[1])
        t.check(self.deploy("3"), "until a new commit goes live", self.journal("kbuild-gitops.service"))

    BAD = [
        ("a crash loop", {"broken": "crash"}, "rolled-back"),
        ("an unhealthy version", {"broken": "unhealthy"}, "rolled-back"),
        ("an image that is not there", {"image": "%s/nothing:9"}, "refused"),
        ("broken YAML", {"more": "  broken: [\n"}, "refused"),
        ("a privileged container", {"more": "  evil:\n    image: busybox\n    privileged: true\n"}, "refused"),
    ]

    def bad(self):
        for n, (what, more, want) in enumerate(self.BAD):
            since = self.so_far()
            if "image" in more:
                more = {"image": more["image"] % self.world.registry.name}
            self.settle()
            before = self.rows()
            _, result = self.under_load(lambda n=n, more=more, what=what, want=want: self.one_bad(n, what, more, want))
            # nginx asks nobody's health: the new container may answer beside the old one while it is judged.
            self.tap.equal((result["failed"], self.get()), ([], self.version),
                           f"{what}: all of {result['n']} requests were answered, and the good version answers on")
            self.tap.equal(self.rows(), before, f"{what}: no row is lost")
            hooks, mails = self.notices(self.sha[:7], since)
            self.tap.equal((len(hooks), len(mails)), (1, 1), f"{what}: one alert was sent, by web hook and by mail")
        self.tap.equal({shown for path, shown in self.world.hook.signed if path == "/alert"}, {f"Bearer {HOOK_TOKEN}"},
                       "the web hook was shown its token each time")
        self.tap.check(self.deploy("3") is not None, "the next good commit goes live",
                       self.journal("kbuild-gitops.service"))

    def one_bad(self, n, what, more, want):
        def verdict():
            return next((b for b in self.gitops().get("bad", []) if b.get("sha") == self.sha), None)

        self.sha = self.world.commit(f"bad{n}", **more)
        found = wait_for(lambda: self.run_unit("kbuild-gitops.service") and verdict(), 600, every=3)
        self.tap.check(found and found.get("result") == want, f"{what}: the commit is remembered as bad: {want}",
                       f"{found}\n" + self.journal("kbuild-gitops.service"))
        self.tap.note(f"{what}: {found and found.get('why')}")
        fetched = len(self.world.git.fetched)
        for _ in range(2):
            self.run_unit("kbuild-gitops.service")
            self.run_unit("kbuild-health.service")
        tried = [h for h in self.history() if h.get("sha") == self.sha]
        self.tap.equal((len(tried), len(self.world.git.fetched)), (1, fetched), f"{what}: it was tried once")

    # What runs once and ends, and changes the database: as Compose's own documents have it.
    MIGRATION = """\
  migrate:
    image: %s/postgres:1
    environment: {DATABASE_URL: "${DATABASE_URL}"}
    command: ["sh", "-c", "psql $$DATABASE_URL -c 'create table migrated as select count(*) n from facts'"]
    depends_on: {db: {condition: service_healthy}}
    restart: "no"
"""

    def migration(self):
        """A commit that changes the database, which is dumped before."""
        t, before = self.tap, self.backups()
        name = f"{self.version}m"
        t.check(self.deploy(name, more=self.MIGRATION % self.world.registry.name), "a commit with a migration goes live",
                self.journal("kbuild-gitops.service"))
        self.settle()
        t.equal(self.query("select n from migrated"), "50000", "the migration ran")
        made = [m for m in self.manifests() if m["id"] not in before]
        t.equal([m.get("reason") for m in made], ["deploy"], "the database was dumped before it") or t.note(made)
        self.run_unit("kbuild-gitops.service")
        t.equal([h.get("what") for h in self.history()][:1], ["good"], "what has run once and ended is no drift")
        self.query("drop table migrated")
        t.check(self.deploy(name[:-1]), "a commit without it goes live", self.journal("kbuild-gitops.service"))

    def backup(self):
        t, s = self.tap, self.server
        self.settle()
        self.migration()
        self.settle()
        t.equal(self.run_unit("kbuild-backup.service"), "success", "a backup is taken") or \
            t.note(self.journal("kbuild-backup.service"))
        t.check(self.backups(), "and listed", self.journal("kbuild-backup.service"))
        rows = self.rows()
        self.server.sh("docker rm -f proof-postgres && docker volume rm proof_data proof_files")
        code, text = self.agent("gitops", "now")
        # The timer's run may have been faster; it was waited for then.
        t.equal(code, 0, "gitops makes the database's container again") or t.note(text)
        t.check(wait_for(lambda: "facts" not in self.query("select relname from pg_class where relname = 'facts'") and
                         self.query("select 1") == "1", 120, every=3),
                "the database and its volume are destroyed; the container comes back empty", self.query("select 1"))
        status, text = self.server.sh("umask 077; cat > /run/operator.key; kbuild-agent restore latest --identity "
                                      "/run/operator.key; code=$?; rm /run/operator.key; exit $code",
                                      data=self.identity.read_bytes(), timeout=900)
        t.equal(status, 0, "the restore succeeds")
        t.note(text)
        t.check(wait_for(lambda: self.query("select 1") == "1", 120, every=2), "the database answers")
        t.equal(self.rows(), rows, "and all rows are equal")
        t.equal(s.out("docker exec proof-postgres cat /files/picture"), "a picture", "and the volume's files are back")
        t.equal(wait_for(lambda: self.get() == self.version, 120), True, "the application answers")

    def faults(self):
        self.dead_git()
        self.dead_registry()
        self.dead_network()
        self.full_disk()

    def dead_git(self):
        t, w = self.tap, self.world
        self.settle()
        w.git.mode = "dead"
        w.commit("4")
        self.run_unit("kbuild-gitops.service")
        t.equal(self.get(), self.version, "with a dead git server the application answers")
        t.check(self.gitops().get("waiting_for"), "and a later try is written down", self.gitops())
        w.git.mode = "well"
        if self.equally_live("4", "with the git server back the commit goes live by itself"):
            self.version = "4"

    def dead_registry(self):
        t, w = self.tap, self.world
        self.settle()
        w.registry.stop()
        sha = w.commit("5")
        self.run_unit("kbuild-gitops.service")
        t.equal(self.get(), self.version, "with a dead registry the application answers")
        t.check(sha not in [b.get("sha") for b in self.gitops().get("bad", [])], "the commit is not blamed for it")
        w.registry.start()
        if self.equally_live("5", "with the registry back the same commit goes live by itself"):
            self.version = "5"

    def dead_network(self):
        """Nothing gets out that the server begins; what comes in goes on. After conntrack, which knows that."""
        t, w, s = self.tap, self.world, self.server
        self.settle()
        since = self.so_far()
        s.sh("nft -f -", data=b"table inet dead {\n"
             b" chain out { type filter hook output priority 0; oifname != lo ct state new drop; }\n"
             b" chain on { type filter hook forward priority 0; oifname != \"br-*\" ct state new drop; }\n}\n")
        w.commit("6")
        self.run_unit("kbuild-gitops.service")
        s.sh("systemd-run -q --unit=proof-sick false")
        # Two bad looks of three are a fault; each run waits for ways out that there are not.
        for _ in range(2):
            self.run_unit("kbuild-health.service")
        t.equal(self.get(), self.version, "with a dead network the application answers")
        waiting = s.out("ls /var/lib/kbuild/alerts | wc -l")
        t.check(waiting.isdigit() and int(waiting) >= 1 and self.so_far() == since, "an alert waits meanwhile",
                (waiting, self.hooks()[since[0]:]))
        s.sh("nft delete table inet dead")
        if self.equally_live("6", "with the network back the commit goes live by itself"):
            self.version = "6"

        wait_for(lambda: all(self.notices("proof-sick", since)), 240, every=3)
        t.equal(tuple(map(len, self.notices("proof-sick", since))), (1, 1),
                "and the alert arrives by itself, once by each way")
        s.sh("systemctl reset-failed proof-sick")

    def full_disk(self):
        t, w, s = self.tap, self.world, self.server
        self.settle()
        rows, env = self.rows(), self.kept_secrets()
        before = self.backups()
        for where, file in (("/var/lib/kbuild", "/var/fill"), ("/var/lib/kbuild-data", "/var/lib/kbuild-data/fill")):
            s.sh(f"fallocate -l $(($(df --output=avail -B1 {where} | tail -1) - 4000000)) {file}")
        t.note(s.out("df -h / /var/lib/kbuild-data"))
        t.check(self.run_unit("kbuild-backup.service") != "success", "on a full disk no backup is taken")
        t.equal(self.backups(), before, "those of before are there")
        self.opens_all("and each of them is whole")
        w.commit("7")
        self.run_unit("kbuild-gitops.service")
        t.check(self.get() in (self.version, "7"), "the application answers", self.get())
        s.sh("rm -f /var/fill /var/lib/kbuild-data/fill")
        if self.equally_live("7", "with room again the commit goes live by itself", 1200):
            self.version = "7"
        t.equal(self.run_unit("kbuild-backup.service"), "success", "and a backup is taken again")
        t.equal((self.rows(), self.kept_secrets()), (rows, env), "no row and no secret was lost")

    def clock(self):
        """The server boots with a clock of years ago; systemd itself knows no better than when it was compiled."""
        t, s = self.tap, self.server
        self.settle()
        rows, env = self.rows(), self.kept_secrets()
        s.sh("date -s '2021-01-01 00:00:00'; python3 - <<'END'\n"
             "import fcntl, struct\n"
             "with open('/dev/rtc0') as rtc:\n"
             "    fcntl.ioctl(rtc, 0x4024700a, struct.pack('9i', 0, 0, 0, 1, 0, 121, 0, 0, 0))\n"
             "END\nsync; systemctl reboot --force")
        wait_for(lambda: self.get() is None, 60)
        t.check(wait_for(lambda: self.get() == self.version, 600, every=2), "after a boot in the year 2021 it answers")
        t.check(wait_for(lambda: abs(float(s.out("date +%s") or 0) - time.time()) < 60, 600, every=3),
                "the clock comes right by itself", s.out("date; chronyc -n tracking"))
        first = s.out("journalctl -b -o short-iso --no-pager | head -n 1")
        t.check(first[:7] != time.strftime("%Y-%m"), "it was wrong at first", first)
        wait_for(lambda: self.status().get("first_boot", {}).get("state") in ("ready", "degraded"), 900, every=5)
        t.equal(self.status().get("first_boot", {}).get("state"), "ready", "first boot's steps hold") or \
            t.note(self.journal("kbuild-firstboot.service"))
        if self.equally_live(self.version, "the same revision runs"):
            took = self.deploy("8")
            t.check(took is not None, "a commit goes live", self.journal("kbuild-gitops.service"))
        t.equal(self.run_unit("kbuild-backup.service"), "success", "a backup is taken")
        t.equal((self.rows(), self.kept_secrets()), (rows, env), "no row and no secret was lost")

    # Power cuts: QEMU is killed, which the guest's disks see as the plug being pulled.

    def cut(self):
        self.kbuild.run("stop", NAME, "--force")

    def begin(self):
        self.kbuild.run("start", NAME, "--no-wait", timeout=BOOT)

    def begin_first(self):
        self.kbuild.run(*self.launch_arguments(), "--no-wait", timeout=BOOT)

    def forget(self):
        self.kbuild.run("destroy", NAME, "--yes", "--with-data")

    def console(self):
        return self.kbuild.run("console", NAME).stdout

    def start_again(self, what):
        done = self.kbuild.boots(NAME, "start", NAME, *PATIENCE, again=PATIENCE, timeout=BOOT)
        return self.tap.check(done.returncode == 0, f"{what}: the server comes back ready", done.stdout + done.stderr)

    STEPS = ["volume", "secrets", "checkout", "start", "gate", "dns"]

    def this_boot(self):
        """What the console has of the boot that is seen last: it is a window, in which nothing can be counted."""
        return self.console().rsplit("Linux version", 1)[-1]

    def comes_to(self, step, seconds=900):
        """Whether first boot comes to a step. A guest that the emulator broke (kbtest.boots) is begun again, once."""
        said = f'"step":"{step}"'
        for last in (False, True):
            seen = wait_for(lambda: said in self.this_boot() or KERNEL_FAULT.search(self.this_boot()), seconds, every=0.1)
            if seen is True or last or not seen:
                return seen is True
            self.tap.note(f"the emulator broke the guest ({seen.group(0)}), once more")
            self.cut()
            self.begin()

    def first_boot_cuts(self, steps):
        """A server of its own, cut off at each step of its first boot, in one go; at last it gets ready."""
        t, version = self.tap, self.version
        for n, step in enumerate(steps):
            self.begin_first() if n == 0 else self.begin()
            seen = self.comes_to(step)
            time.sleep(n % 3 * 0.4)
            self.cut()
            t.check(seen, f"first boot is cut off in the step {step}", self.console()[-1500:])
        self.start_again(f"first boot, after {len(steps)} cuts")
        t.equal(wait_for(lambda: self.get() == version, 120), True, "and runs the application")
        names = self.server.out("journalctl --no-pager -o cat -u kbuild-firstboot | grep -c '^Started\\|Starting'")
        t.note(f"first boot was begun {names} times")
        made = self.server.out("grep -c '\"event\":\"done\".*secrets\\|secrets.*\"event\":\"done\"' "
                               "/var/lib/kbuild/first-boot.journal")
        t.equal(made, "1", "its secrets were made once")
        t.equal(self.server.out("docker volume ls -q | grep -c proof_data"), "1", "on one volume")
        # PostgreSQL has its own log to go through first.
        wait_for(lambda: self.query("select 1") == "1", 120, every=1)
        self.takes_password("and the database takes the password of then")

    def cuts(self):
        t = self.tap
        self.settle()
        for what in ("gitops", "backup"):
            self.cuts_of(what, 7 if self.long else 1)
        t.note("cuts of GitOps and backup: 7 of each" if self.long else "one of each")

    def firstcuts(self):
        self.forget()
        steps = self.STEPS if self.volume else self.STEPS[1:]
        self.first_boot_cuts(steps if self.long else steps[1::2])

    def measure(self, what):
        """Seconds of a whole run."""
        self.settle()
        started = time.monotonic()
        if what == "gitops":
            self.world.commit("measured")
            self.version = "measured"
        self.run_unit(f"kbuild-{what}.service")
        return time.monotonic() - started

    def cuts_of(self, what, n, whole=None):
        whole = whole or self.measure(what)
        t, env, rows = self.tap, self.kept_secrets(), self.rows()
        t.note(f"a whole run of {what}: {whole:.0f} s")
        for i in range(n):
            name = f"{what} cut off after {whole * (i + 0.5) / n:.0f} of {whole:.0f} s"
            old = self.version
            if what == "gitops":
                self.world.commit(f"cut{i}")
                self.version = f"cut{i}"
            self.server.sh(f"systemctl start --no-block kbuild-{what}.service")
            time.sleep(whole * (i + 0.5) / n)
            self.cut()
            if not self.start_again(name):
                continue
            t.note("its last words: " + self.server.out(
                f"journalctl -b -1 -u kbuild-{what} --no-pager -o cat -n 1 || true"))
            first = wait_for(self.answer, 300, every=1)
            t.check(first in (old, self.version), f"{name}: one of the two revisions answers", first)
            self.equally_live(self.version, f"{name}: the wanted revision runs in the end", 900)
            self.settle()
            running = self.server.out("docker ps --format '{{.Label \"com.docker.compose.service\"}}'").split()
            t.equal(sorted(running), ["api", "db", "proxy"], f"{name}: one container a service")
            self.opens_all(f"{name}: no backup is truncated")
            # PostgreSQL has its own log to go through first.
            wait_for(lambda: self.query("select 1") == "1", 120, every=1)
            t.equal((self.kept_secrets(), self.rows()), (env, rows), f"{name}: no secret and no row changed")
            self.takes_password(f"{name}: the database takes the password of then")
            if what == "backup":
                t.equal(self.run_unit("kbuild-backup.service"), "success", f"{name}: the next backup succeeds")

    ALLOWED = [
        "var/lib/kbuild/secrets", "var/lib/kbuild-data/secrets", "var/lib/kbuild-data/kbuild", "etc/kbuild/credentials",
        "var/lib/kbuild-broker", "var/lib/docker/containers", "var/lib/docker/volumes", "var/lib/kbuild-data/docker",
        "run/credentials", "var/lib/docker/image",
        # What the engine's own parts keep of the containers' environments.
        "run/containerd", "run/docker", "var/lib/containerd",
    ]

    def secret_values(self):
        made = re.findall(r'"([A-Za-z0-9_-]{40,})"', self.server.out("cat /var/lib/kbuild/secrets/values.json"))
        return made + [GIT_TOKEN, REGISTRY_PASSWORD, HOOK_TOKEN, PING_WORD, "pAssword-of-the-mail-0815",
                       "0perator-g1ven-value-77", self.world.ovh["application_secret"], self.world.ovh["consumer_key"]]

    def secrets(self):
        """No secret is anywhere on the server but where it belongs."""
        t, s = self.tap, self.server
        values = self.secret_values()
        t.check(len(values) >= 8, "there are secrets to look for", len(values))
        tool = Path(__file__).resolve().parent / "find_secrets.py"
        s.sh("cat > /run/find_secrets.py", data=tool.read_bytes())
        s.sh("journalctl --no-pager -o export > /var/tmp/journal.export; "
             "kbuild-agent status --json > /var/tmp/status.json; "
             "kbuild-agent gitops status --json >> /var/tmp/status.json; docker ps -a >> /var/tmp/status.json")
        code, text = s.sh("python3 /run/find_secrets.py /", timeout=3000,
                          data=json.dumps({"values": values, "skip": self.ALLOWED}).encode())
        t.check(code in (0, 1) and text.startswith("["), "the whole server was searched", text)
        found = [f for f in json.loads(text) if not self.belongs(f[0])] if text.startswith("[") else text
        t.equal(found, [], "no secret is in a file, the journal, a status, a command line or an environment")
        s.sh("rm -f /var/tmp/journal.export /var/tmp/status.json /run/find_secrets.py")
        t.check(all(v not in self.console() for v in values), "nor on the console")
        t.check(all(v not in text for v in values for text in self.mails() + [h[2] for h in self.world.hook.got]),
                "nor in a mail or a message")

    @staticmethod
    def belongs(place):
        """Compose gives the application its values as its environment; that is the application's."""
        return place.startswith("tmp/runc-process") or place.startswith("the environment of ") and "kbuild" not in place

    def everything(self, only, sections=("boot", "good", "bad", "backup", "faults", "clock", "secrets", "cuts",
                                   "firstcuts")):
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
    o = p.parse_intermixed_args()
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
        kbuild.run("destroy", NAME, "--yes", "--with-data")
        proof.world.stop()
        kbuild.remove()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
