"""What the tests of backups and restores share: a server with a database, and a broker and an agent for it."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from backup_lab import Agent, Broker, Postgres, programs  # noqa: E402
from kbtest import Tap  # noqa: E402

tap = Tap()


class World:
    """One server, one broker, one agent with a database that has something of everything."""

    def __init__(self, program, scratch, name):
        self.dir = Path(scratch) / name
        self.dir.mkdir()
        self.dir.chmod(0o755)
        self.pg = Postgres(self.dir)
        self.broker = Broker(self.dir / "broker.sock", self.dir, Path(program).parents[1] / "tests/agent/sql_tool")
        self.broker.containers["db"] = self.pg
        self.agent = Agent(program, self.dir, self.broker)
        self.program = program
        self.storage = None
        self.at_end = []  # what is looked at after a test
        self.fill()

    def fill(self):
        self.pg.sql("create role app login password 'geheim'")
        self.pg.sql("create database app owner app")
        self.pg.sql("""
            create schema shop;
            create table shop.orders(id bigserial primary key, note text, at timestamptz default now());
            insert into shop.orders(note) select repeat(md5(g::text), 1 + g % 5) from generate_series(1, 5000) g;
            create table "odd name.with dot"(a int, b text);
            insert into "odd name.with dot" values (1, E'two\\nlines'), (2, E'\\\\.'), (3, '-- Database "x" dump'), (4, E'tab\\there');
            create table empty(a int);
            create table files(id int, data bytea);
            insert into files select g, decode(repeat('00ff5c2e0a', 2000), 'hex') from generate_series(1, 20) g;
            create view newest as select * from shop.orders order by id desc limit 5;
            create function f() returns text language sql as $$
            select 'x'::text
            $$;
            select lo_from_bytea(0, 'a large object');
            """, "app")

    def key(self):
        """A pair of the operator: his file, and what the configuration names."""
        path = self.dir / "key.txt"
        if not path.exists():
            subprocess.run(["age-keygen", "-o", str(path)], check=True, stderr=subprocess.DEVNULL)
            path.chmod(0o600)
        return path, subprocess.run(["age-keygen", "-y", str(path)], check=True, capture_output=True,
                                    text=True).stdout.strip()

    def stop(self):
        if self.storage:
            self.storage.stop()
        self.broker.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


def opened(world, path, key=None):
    """A file of a backup as stock programs open it."""
    data = path.read_bytes()
    if key:
        data = subprocess.run(["age", "-d", "-i", str(key)], input=data, check=True, capture_output=True).stdout
    return subprocess.run(["zstd", "-dcq"], input=data, check=True, capture_output=True).stdout


def into_new(world, name, dump, program):
    world.pg.sql(f"create database {name} template template0")
    command = ["pg_restore", "--exit-on-error", "-d", name] if program == "pg_restore" else \
        ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", name]
    world.pg.call(*command, input=dump, capture_output=True)
    return world.pg.rows(name)


def one(done):
    return json.loads(done.stdout) if done.returncode == 0 else None


def kill_somewhere(agent, rng, seconds, *args):
    child = agent.start(*args)
    time.sleep(rng.random() * seconds)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    return child.returncode


def took(agent, *args):
    """The shortest of three. With half as much more, some kills come after the end, and most before it."""
    times = []
    for _ in range(3):
        start = time.monotonic()
        done = agent.run(*args)
        times.append(time.monotonic() - start if done.returncode == 0 else 3)
    return min(times)


def alerts_of(agent, key):
    found = [json.loads(p.read_text()) for p in (agent.state / "alerts").glob("*.json")]
    return [a["subject"] for a in found if a["key"] == key and not a["over"]]


def run_tests(found):
    """Those of a module whose name begins with test_, or those that are asked for; each has a world of its own."""
    if len(sys.argv) < 2:
        sys.exit(found["__doc__"])
    program = Path(sys.argv[1]) / "firstboot/kbuild-agent"
    wanted = sys.argv[2:]
    if not programs():
        sys.exit("PostgreSQL is not installed")
    scratch = tempfile.mkdtemp(prefix="kbuild-backup-")
    os.chmod(scratch, 0o755)
    try:
        for name, test in found.items():
            if not name.startswith("test_") or (wanted and name[5:] not in wanted):
                continue
            tap.note(name[5:].replace("_", " "))
            world = World(program, scratch, name)
            try:
                test(world)
                for look in world.at_end:
                    look()
            except Exception as problem:  # pylint: disable=broad-except
                tap.check(False, name, repr(problem))
            finally:
                world.stop()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return tap.done()
