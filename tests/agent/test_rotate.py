#!/usr/bin/env python3
"""Rotating a PostgreSQL password on a real engine: changed in the database, in the file, in what uses it; killed at every stage.

    tests/agent/test_rotate.py KBUILD-AGENT

Prints TAP. Needs root.
"""
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from find_secrets import Watch, find_in_tree  # noqa: E402
from gitops_lab import Gitops  # noqa: E402
from kbtest import Tap, wait_for  # noqa: E402

COMPOSE = """\
services:
  db:
    image: {registry}/postgres:1
    container_name: db
    environment: {{POSTGRES_USER: app, POSTGRES_DB: shop, POSTGRES_PASSWORD: "${{PG}}"}}
    volumes: ["db:/var/lib/postgresql/data"]
    healthcheck: {{test: ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "app"], interval: 1s, retries: 30}}
    restart: unless-stopped
  worker:
    image: {registry}/postgres:1
    command: ["/bin/sleep", "1000000"]
    environment: {{PGPASSWORD: "${{PG}}"}}
    healthcheck: {{test: ["CMD", "psql", "-h", "db", "-U", "app", "-d", "shop", "-Atc", "select 1"], interval: 1s, retries: 30}}
    restart: unless-stopped
  mailer:
    image: {registry}/store:1
    environment: {{KEY: "${{KEY}}"}}
    healthcheck: {{test: ["CMD-SHELL", "case $$KEY in wrong*) exit 1;; esac"], interval: 1s, retries: 2}}
    restart: unless-stopped
  bystander:
    image: {registry}/store:1
    restart: unless-stopped
volumes:
  db: {{}}
"""
FIRST = {"PG": "the-first-password-of-the-database", "JWT": "the-first-token-of-the-application",
         "KEY": "the-first-key-of-the-operator"}
STAGES = ["begun", "altered", "kept"]


class Rotation(Gitops):
    def make_images(self):
        self.lab.busybox_image(f"{self.registry}/store:1")
        self.lab.postgres_image(f"{self.registry}/postgres:1")
        for name in ("store", "postgres"):
            self.lab.docker("push", f"{self.registry}/{name}:1")

    def prepare(self):
        super().prepare()
        del self.app["health"]
        self.used = []

    def arguments(self, *args):
        argv = super().arguments(*args)
        config = {"name": "demo", "app": self.app, "backup": {"postgres": {"container": "db", "user": "app"}},
                  "secrets": {"env": ".env", "values": {
                      "PG": {"generate": 256, "postgres": {"role": "app"}}, "JWT": {"generate": 256},
                      "KEY": {"operator": "the key of the mailer"}}}}
        Path(argv[argv.index("--config") + 1]).write_text(json.dumps(config))
        return argv

    def make_secrets(self):
        where = self.dir / "state/secrets"
        where.mkdir(mode=0o700)
        (where / "values.json").touch(mode=0o600)
        (where / "values.json").write_text(json.dumps({"v": 1, "values": FIRST}))

    def values(self):
        now = json.loads((self.dir / "state/secrets/values.json").read_text())["values"]
        self.used += [v for v in now.values() if v not in self.used]
        return now

    def rotation(self):
        try:
            return json.loads((self.dir / "state/secrets/rotation.json").read_text())
        except (OSError, ValueError):
            return {}

    def psql(self, sql, password=None):
        """As the worker asks: over the network, with a password."""
        more = ["-e", f"PGPASSWORD={password}"] if password else []
        return self.lab.docker("exec", *more, self.containers()["worker"][0][0], "psql", "-h", "db", "-U", "app", "-d", "shop",
                               "-Atc", sql, check=False)

    def state(self):
        """What must hold whenever nothing is under way."""
        now = self.values()["PG"]
        return {"logs in": self.psql("select 1", now).returncode == 0, "worker": self.psql("select 1").returncode == 0,
                "rows": self.psql("select count(*) from kept").stdout.strip(), "under way": bool(self.rotation())}


GOOD = {"logs in": True, "worker": True, "rows": "3", "under way": False}


def deploy(t, g):
    g.make_secrets()
    g.commit("1", text=COMPOSE.format(registry=g.registry))
    t.equal(g.now()[0], "deployed", "the application is deployed")
    made = g.psql("create table kept(n int); insert into kept values (1), (2), (3)")
    t.equal((made.returncode, g.state()), (0, GOOD), "its worker logs in to its database")
    listed = g.run("secrets", "list")
    t.equal(sorted(line.split()[0] for line in listed.stdout.splitlines()), ["JWT", "KEY", "PG"], "secrets are listed by name")


class Shown(Watch):
    """Keeps what the agent's processes show of themselves while they are there: arguments and environments."""

    def __init__(self, program):
        super().__init__()
        self.program, self.shown = program.encode(), set()

    def look_at(self, p):
        command = (p / "cmdline").read_bytes()
        if command.startswith(self.program):
            self.shown.add(command + (p / "environ").read_bytes())


def a_password_is_rotated(t, g):
    before, old = g.containers(), g.values()["PG"]
    with Shown(g.program) as watch:
        done = g.run("secrets", "rotate", "PG")
    g.values()
    t.check(len(watch.shown) > 1 and not [v for v in g.used for shown in watch.shown if v.encode() in shown],
            f"no argument and no environment of the agent's {len(watch.shown)} processes has a value, old or new")
    t.equal((done.returncode, done.stdout, done.stderr.count("kbuild-agent:")),
            (0, "rotated PG: what uses it was made anew\n", 0), "a password is rotated") or t.note(done.stderr)
    t.check(g.values()["PG"] != old, "it is another one")
    t.equal(g.state(), GOOD, "the database takes the new one, the worker has it, no row is lost")
    t.check(g.psql("select 1", old).returncode != 0, "the old one does not open it any more")
    after = g.containers()
    t.equal({s: after[s] == before[s] for s in after}, {"db": False, "worker": False, "mailer": True, "bystander": True},
            "only what uses it was made anew")
    t.equal(g.now()[0], "unchanged", "and gitops finds nothing to do")
    done = g.run("secrets", "rotate", "JWT")
    t.equal((done.returncode, done.stdout), (0, "rotated JWT: nothing that runs uses it\n"), "another secret needs no database")


def going_back_keeps_the_password_of_now(t, g):
    text = COMPOSE.format(registry=g.registry)
    g.commit("2", text=text.replace('PGPASSWORD: "${PG}"', 'PGPASSWORD: "${PG}", MORE: two'))
    t.equal(g.now()[0], "deployed", "another revision is deployed")
    t.equal(g.run("secrets", "rotate", "PG").returncode, 0, "and the password is rotated")
    back = g.now("rollback")
    worker = json.dumps(g.lab.inspect(g.containers()["worker"][0][0])["Config"]["Env"])
    t.equal((back[0], "MORE" in worker, g.values()["PG"] in worker), ("deployed", False, True),
            "going back to a revision from before gives it the password of now") or t.note(back)
    t.equal(g.state(), GOOD, "with which it logs in")
    t.equal(g.now("retry")[0], "deployed", "and forth again")
    t.equal(g.state(), GOOD, "it still does")


def a_kill_at_any_stage_is_mended(t, g):
    for stage in STAGES:
        child = g.start("secrets", "rotate", "PG")
        wait_for(lambda s=stage: STAGES.index(g.rotation().get("stage", "begun")) >= STAGES.index(s) and g.rotation(), 60, 0.001)
        seen = g.rotation().get("stage", "ended")
        child.send_signal(signal.SIGKILL)
        child.communicate()
        done = g.run("gitops")
        t.equal((done.returncode, g.state()), (0, GOOD), f"killed at '{stage}' (seen: {seen}): the next run of gitops ends it") or \
            t.note(done.stdout + done.stderr)


def a_dead_database_is_waited_for(t, g):
    old = g.values()["PG"]
    g.lab.docker("stop", "-t", "1", "db")
    done = g.run("secrets", "rotate", "PG")
    t.check(done.returncode != 0 and "rotating the secret 'PG'" in done.stderr and g.rotation().get("stage") == "begun" and
            g.values()["PG"] == old, "a database that is down stops it before anything is changed", done.stderr)
    g.lab.docker("start", "db")
    wait_for(lambda: g.lab.docker("exec", "db", "pg_isready", "-h", "127.0.0.1", check=False).returncode == 0, 60)
    done = g.run("secrets", "rotate", "--resume")
    t.equal((done.returncode, g.state()), (0, GOOD), "--resume ends it when the database is back") or t.note(done.stderr)


def a_value_that_is_rejected_can_be_corrected(t, g):
    def give(value):
        env = dict(os.environ, LC_ALL="C.UTF-8", CREDENTIALS_DIRECTORY=str(g.dir / "credentials"))
        return subprocess.run(g.arguments("secrets", "rotate", "KEY"), env=env, input=value, text=True, capture_output=True, check=False)

    done = give("wrong-key-of-the-operator\n")
    t.check(done.returncode != 0 and "was not well with it" in done.stderr, "a value that the application rejects is taken back", done.stderr)
    before = g.containers()
    done = g.run("gitops")
    t.equal((done.returncode, g.containers() == before), (0, True), "the timer's run does not try it again") or t.note(done.stdout + done.stderr)
    t.equal([a["over"] for a in g.alerts()], [None], "and does not tell that all is well")
    g.run("gitops", "pause")
    g.run("gitops")
    t.equal(g.containers(), before, "nor does one while deployments are paused")
    g.run("gitops", "resume")
    with open(g.dir / "state/lock-secrets", "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = give("right-key-of-the-operator\n")
        t.check("or a run of kbuild-gitops" in done.stderr, "what holds the secrets is said", done.stderr)
        t.equal(g.run("gitops").returncode, 0, "and the timer's run leaves it alone")
    done = give("right-key-of-the-operator\n")
    env = g.lab.inspect(g.containers()["mailer"][0][0])["Config"]["Env"]
    t.equal((done.returncode, "KEY=right-key-of-the-operator" in env, g.state()), (0, True, GOOD), "another value is taken") or t.note(done.stderr)
    g.used += ["wrong-key-of-the-operator"]
    t.equal(g.run("gitops").returncode, 0, "and the next run")
    t.check(all(a["over"] for a in g.alerts()), "tells that it is over", g.alerts())


def it_needs_nothing_but_what_is_here(t, g):
    """The database has the new password by then: nothing else may keep it from the application."""
    def images():
        return {s: g.lab.inspect(found[0][0])["Image"] for s, found in g.containers().items()}

    had = images()
    g.lab.busybox_image(f"{g.registry}/postgres:1", files={"/moved": "yes\n"})
    g.lab.docker("push", f"{g.registry}/postgres:1")
    for what in ("a tag means another image by now", "the registry is down"):
        old = g.values()["PG"]
        done = g.run("secrets", "rotate", "PG")
        t.equal((done.returncode, g.values()["PG"] != old, g.state(), images() == had), (0, True, GOOD, True),
                f"{what}: rotated all the same, with the images of then") or t.note(done.stderr)
        if g.registry_process:
            g.registry_process.terminate()
            g.registry_process.wait()
            g.registry_process = None


def no_value_is_told(t, g):
    g.values()
    found = find_in_tree(str(g.dir), g.used, skip=["state/secrets", "root/etc/kbuild/credentials", "broker/plans"])
    t.equal(found, [], "no value is in any file but its own, the credential of what an operator gave, and the broker's plans")


def main():
    t = Tap()
    with Rotation(sys.argv[1] if len(sys.argv) > 1 else "build/firstboot/kbuild-agent") as g:
        for step in (deploy, a_password_is_rotated, going_back_keeps_the_password_of_now, a_kill_at_any_stage_is_mended, a_dead_database_is_waited_for,
                     a_value_that_is_rejected_can_be_corrected, it_needs_nothing_but_what_is_here, no_value_is_told):
            step(t, g)
    return t.done()


if __name__ == "__main__":
    sys.exit(main())
