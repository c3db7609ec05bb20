#!/usr/bin/env python3
"""Backups and restores of a real PostgreSQL by the real kbuild-agent; stock programs judge what it wrote.

usage: test_backup.py BUILD [NAME...]
"""
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import s3_lab  # noqa: E402
from backup_lab import Agent, Broker, Postgres, programs  # noqa: E402
from kbtest import Tap, wait_for  # noqa: E402

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


def test_stock_programs_open_it(world):
    agent, pg = world.agent, world.pg
    key, recipient = world.key()
    agent.backup["recipients"] = [recipient]
    done = agent.run("backup", "now", "--json")
    backup = one(done)
    if not tap.check(backup, "a backup is taken", done.stderr):
        return
    names = [f["name"] for f in backup["files"]]
    tap.check("database-app.dump.zst.age" in names and "globals.sql.zst.age" in names, "its files are named",
              names)
    index = names.index("database-app.dump.zst.age")
    dump = opened(world, agent.path(backup, index), key)
    tap.equal(into_new(world, "stock", dump, "pg_restore"), pg.rows("app"),
              "age -d | zstd -d | pg_restore gives equal rows")
    tap.equal(dict(backup["files"][index]["tables"]),
              {"shop.orders": 5000, "public.odd name.with dot": 4, "public.empty": 0, "public.files": 20},
              "tables and rows are counted in the dump")
    tap.check(b"CREATE ROLE app" in opened(world, agent.path(backup, names.index("globals.sql.zst.age")), key),
              "roles are in globals")
    tap.equal(backup["verified"], ["whole", "list"], "it was checked whole and by pg_restore --list")
    tap.check(backup["image"] == world.broker.image and backup["server"].startswith("1"),
              "the manifest has image and version", backup)
    modes = {oct(p.stat().st_mode & 0o777) for p in (agent.state / "backup").rglob("*")}
    tap.equal(modes, {"0o700", "0o600"}, "nobody else can read it")
    done = agent.run("backup", "verify")
    tap.check(done.returncode == 0 and "--identity" in done.stdout, "verify compares digests without a key",
              done.stdout + done.stderr)
    done = agent.run("backup", "verify", "--identity", key)
    tap.check(done.returncode == 0 and "tables and rows" in done.stdout, "and looks inside with it",
              done.stdout + done.stderr)
    key.chmod(0o644)
    done = agent.run("backup", "verify", "--identity", key)
    tap.check(done.returncode == 3 and "chmod 600" in done.stderr, "a key that others can read is refused",
              done.stderr)
    key.chmod(0o600)
    done = agent.run("backup", "verify", "--identity", "-", text=key.read_text())
    tap.equal(done.returncode, 0, "a key can come on standard input")
    everything = b"".join(p.read_bytes() for p in agent.state.rglob("*") if p.is_file())
    tap.check(b"geheim" not in everything and b"SCRAM" not in everything, "no password lies open in the state")


def test_plain_format(world):
    agent, pg = world.agent, world.pg
    agent.backup["postgres"]["format"] = "plain"
    backup = one(agent.run("backup", "now", "--json"))
    dump = opened(world, agent.path(backup))
    tap.check(dump.rstrip().endswith(b"-- PostgreSQL database cluster dump complete\n--"), "pg_dumpall's text is whole")
    tap.equal(dict(backup["files"][0]["tables"]),
              {"app.shop.orders": 5000, "app.public.odd name.with dot": 4, "app.public.empty": 0,
               "app.public.files": 20}, "its rows are counted by database")
    before = pg.rows("app")
    pg.sql("delete from shop.orders", "app")
    done = agent.run("restore")
    tap.equal(done.returncode, 0, "a plain backup is restored") or tap.note(done.stderr)
    tap.equal(pg.rows("app"), before, "with equal rows")


def test_cut_dumps_are_never_listed(world):
    agent, broker = world.agent, world.broker
    full = one(agent.run("backup", "now", "--json"))
    names = {f["name"]: f["bytes"] for f in full["files"]}
    size = names["database-app.dump.zst"]
    for form, whole in (("custom", size), ("plain", 500000)):
        agent.backup["postgres"]["format"] = form
        if form == "plain":
            whole = one(agent.run("backup", "now", "--json"))["files"][0]["bytes"]
        before = agent.list()
        for at in [0, 1, 300, whole // 2, whole - 300, whole - 60, whole - 10]:
            broker.cut_dump_at, broker.cut_exit = at, 0
            done = agent.run("backup", "now")
            if done.returncode == 0:
                tap.check(False, f"{form}: cut at {at} of {whole} was taken for whole")
            elif agent.list() != before:
                tap.check(False, f"{form}: cut at {at} is listed")
        broker.cut_dump_at, broker.cut_exit = whole * 2, 1
        done = agent.run("backup", "now")
        tap.check(done.returncode != 0 and "ended with 1" in done.stderr,
                  f"{form}: a dump that is whole but failed is none", done.stderr)
        broker.cut_dump_at = None
        tap.equal(agent.list(), before, f"{form}: nothing that was cut off is ever listed")
    left = [p.name for p in (agent.state / "backup").iterdir()]
    tap.check(not [n for n in left if "." in n], "and nothing is left of it", left)
    alerts = [json.loads(p.read_text()) for p in (agent.state / "alerts").glob("*.json")]
    tap.check(any(a["key"] == "backup" and not a["over"] for a in alerts), "one alert is raised", alerts)
    one(agent.run("backup", "now", "--json"))
    alerts = [json.loads(p.read_text()) for p in (agent.state / "alerts").glob("*.json")]
    tap.check(all(a["over"] for a in alerts if a["key"] == "backup"), "and is over with the next good one", alerts)


def test_damage_is_found(world):
    agent = world.agent
    backup = one(agent.run("backup", "now", "--json"))
    path = agent.path(backup, 1)
    good = path.read_bytes()
    for what, bad in (("a changed byte", good[:50] + bytes([good[50] ^ 1]) + good[51:]), ("a cut", good[:-7]),
                      ("an empty file", b"")):
        path.write_bytes(bad)
        done = agent.run("backup", "verify", backup["id"])
        tap.check(done.returncode == 4 and path.name in done.stderr, f"verify finds {what}",
                  done.stdout + done.stderr)
        done = agent.run("restore", backup["id"])
        tap.check(done.returncode == 4 and not [d for d in world.pg.databases() if "_" in d],
                  f"and restore refuses {what}", done.stderr)
    path.write_bytes(good)
    (agent.state / "backup" / backup["id"] / "manifest.json").write_text('{"v": 1}')
    tap.equal(agent.list(), [], "without a manifest it is no backup")


def test_shrinking_is_suspect(world):
    agent, pg = world.agent, world.pg
    good = one(agent.run("backup", "now", "--json"))
    pg.sql("truncate shop.orders", "app")
    pg.sql("truncate files", "app")
    shrunk = one(agent.run("backup", "now", "--json"))
    tap.check(shrunk["suspect"] and "less than half" in shrunk["suspect"], "a dump that shrank is suspect", shrunk)
    alerts = [json.loads(p.read_text()) for p in (agent.state / "alerts").glob("*.json")]
    tap.check(any(a["key"] == "backup" and not a["over"] for a in alerts), "and told", alerts)
    agent.backup["keep"] = {"daily": 1, "weekly": 0, "monthly": 0}
    for _ in range(5):
        agent.run("backup", "now")
    ids = [b["id"] for b in agent.list()]
    tap.check(good["id"] in ids and len(ids) == 4, "suspect ones never push the good one out", ids)
    agent.run("backup", "verify", ids[0], "--accept")
    after = one(agent.run("backup", "now", "--json"))
    tap.check(after["suspect"] is None, "until somebody says that it is right", after["suspect"])
    pg.sql("drop schema shop cascade; drop table \"odd name.with dot\", empty, files", "app")
    empty = one(agent.run("backup", "now", "--json"))
    tap.check(empty["suspect"], "no tables at all is suspect", empty)


def test_restore_swaps_and_keeps_the_old(world):
    agent, pg = world.agent, world.pg
    key, recipient = world.key()
    agent.backup["recipients"] = [recipient]
    backup = one(agent.run("backup", "now", "--json"))
    before = pg.rows("app")
    pg.sql("update shop.orders set note = 'spoiled'; drop table files", "app")
    spoiled = pg.rows("app")
    done = agent.run("restore")
    tap.check(done.returncode == 7 and "--identity" in done.stderr, "without the key it says what to give", done.stderr)
    done = agent.run("restore", "--dry-run", "--identity", key)
    tap.check(done.returncode == 0 and "would be" in done.stdout and pg.rows("app") == spoiled,
              "a dry run changes nothing", done.stdout + done.stderr)
    held = subprocess.Popen([str(pg.bin / "psql"), "-X", "-d", "app"], env=pg.env, cwd="/", stdin=subprocess.PIPE,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **pg.who)
    wait_for(lambda: pg.sql("select count(*) from pg_stat_activity where datname='app'") != "0", 10)
    done = agent.run("restore", "--identity", key)
    held.kill()
    held.wait()
    tap.check(done.returncode == 0, "it is restored while somebody is connected", done.stderr)
    tap.equal(pg.rows("app"), before, "rows are those of the backup")
    old = f"app_before_{backup['id']}"
    tap.check(old in pg.databases(), "the one before is kept", pg.databases())
    tap.equal(pg.rows(f"{old}"), spoiled, "as it was")
    safety = agent.list()[0]
    tap.check(safety["reason"] == "restore", "and was backed up first", safety)
    tap.equal(pg.sql("select pg_get_userbyid(datdba) || ' ' || rolcanlogin from pg_database, pg_roles "
                     "where datname='app' and rolname='app'"), "app true", "owner and roles are as they are now")
    done = agent.run("restore", "latest", "--to", "look", "--identity", key)
    tap.check(done.returncode == 0 and pg.rows("look") == before, "--to makes another one beside it; latest is not "
              "the safety dump", done.stderr)
    done = agent.run("restore", "latest", "--to", "look", "--identity", key)
    tap.equal(done.returncode, 2, "and never replaces")
    done = agent.run("restore", backup["id"], "--identity", key)
    tap.check(done.returncode == 0 and f"{old}_2" in pg.databases(), "the same one again keeps both", done.stderr)
    after = one(agent.run("backup", "now", "--json"))
    tap.equal(sorted(f["of"] for f in after["files"] if f["kind"] == "database"), ["app", "look", "postgres"],
              "neither of which is in a later backup")
    agent.backup["postgres"]["databases"] = ["app", old]
    after = one(agent.run("backup", "now", "--json"))
    tap.equal([f["of"] for f in after["files"] if f["kind"] == "database"], ["app", old], "unless it is named")


DRESS = """
    create role reader login;
    alter database app connection limit 7;
    alter database app set work_mem = '8MB';
    alter database app set search_path = 'a b', public;
    alter database app set default_transaction_read_only = on;
    alter database app set app.text = 'two\n\\connect it''s\n-- Name: app; Type: DATABASE; Schema: -; Owner: x';
    alter role app in database app set statement_timeout = 77;
    revoke connect, temporary on database app from public;
    grant connect on database app to reader with grant option;
    comment on database app is 'it''s
\\connect postgres
create role spoofed superuser';
    """

LOOKS = """
    select pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, datconnlimit,
        (select string_agg(a::text, ' ' order by a::text) from unnest(datacl) a),
        (select string_agg(setrole::regrole || ':' || setconfig::text, ' ' order by setrole) from pg_db_role_setting
         where setdatabase = d.oid), shobj_description(oid, 'pg_database')
    from pg_database d where datname = '%s'
    """


def test_restored_databases_look_as_before(world):
    agent, pg = world.agent, world.pg
    pg.sql("drop database app")
    pg.sql("create database app owner app template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'")
    pg.sql("create table t(a int, i interval); insert into t values (1, '-1 day -02:03:04'); "
           "create function f() returns text language sql as $$ select '\n-- Name: DATABASE app; Type: ACL; Schema: -; "
           "Owner: x\nGRANT ALL ON DATABASE app TO spoofed;\nGRANT reader TO spoofed;\n'::text $$;", "app")
    for statement in DRESS.split(";\n"):
        if statement.strip():
            pg.sql(statement)
    looks, rows = pg.sql(LOOKS % "app"), pg.rows("app")
    for form in ("custom", "plain"):
        agent.backup["postgres"]["format"] = form
        backup = one(agent.run("backup", "now", "--json"))
        pg.sql("alter database app set work_mem = '9MB'")
        now = pg.sql(LOOKS % "app")
        done = agent.run("restore")
        tap.equal(done.returncode, 0, f"{form}: it is restored while the old one is there") or tap.note(done.stderr)
        tap.equal(pg.sql(LOOKS % "app"), now, f"{form}: owner, locale, limit, grants and settings are those of now")
        old = next(d for d in pg.databases() if "_before_" in d)
        tap.equal(pg.sql(LOOKS % old), now, f"{form}: the one before has its own")
        done = agent.run("restore", backup["id"], "--to", "look")
        tap.equal([done.returncode, pg.sql(LOOKS % "look"), pg.rows("look")], [0, now, rows], f"{form}: --to is alike")
        for name in ("app", "look", old):
            pg.sql(f'drop database "{name}"')
        done = agent.run("restore", backup["id"])
        tap.equal(done.returncode, 0, f"{form}: it is restored when nothing is there") or tap.note(done.stderr)
        tap.equal(pg.sql(LOOKS % "app"), looks, f"{form}: and looks as in the backup")
        tap.equal(pg.rows("app"), rows, f"{form}: with equal rows")
        tap.equal(pg.sql("select count(*) from pg_roles where rolname = 'spoofed'"), "0",
                  f"{form}: what only looks like a command is none")
        tap.equal([d for d in pg.databases() if d not in ("app", "postgres")], [], f"{form}: nothing else is left")


ACCENTED = "chr(233) || 't' || chr(233)"


def test_other_encodings(world):
    """Names are in the encoding of their database; SQL_ASCII has none."""
    agent, pg = world.agent, world.pg
    for encoding in ("LATIN1", "SQL_ASCII"):
        pg.sql("drop database app")
        pg.sql(f"create database app owner app template template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C'")
        pg.sql(f"do $$begin execute format('create table %I as select chr(233) t', {ACCENTED}); end$$", "app")
        for form in ("custom", "plain"):
            agent.backup["postgres"]["format"] = form
            shutil.rmtree(agent.state / "backup", ignore_errors=True)
            done = agent.run("backup", "--json")
            tap.check(done.returncode == 0 and "restore" in agent.list()[0]["verified"],
                      f"{encoding}, {form}: it is backed up, and restored for a test", done.stderr)
            done = agent.run("backup", "verify")
            tap.check(done.returncode == 0, f"{encoding}, {form}: it is what its manifest says", done.stderr)
            done = agent.run("restore")
            tap.check(done.returncode == 0, f"{encoding}, {form}: it is restored", done.stderr)
            tap.equal(pg.sql(f"select count(*) from pg_class where relname = {ACCENTED}", "app"), "1",
                      f"{encoding}, {form}: with its name")
            pg.sql(f"drop database \"{next(d for d in pg.databases() if '_before_' in d)}\"")


def test_more_than_a_manifest_holds(world):
    agent = world.agent
    agent.backup["paths"] = [f"/srv/{i}" for i in range(999)]
    done = agent.run("backup", "now")
    tap.check(done.returncode == 1 and "at most 1000 files, and this one would have 1002" in done.stderr and
              not [c for c in world.broker.calls if c["op"] == "pg-dump"], "a backup of too many files is not begun",
              done.stderr)


def test_what_cannot_be_made_as_it_was(world):
    agent, pg = world.agent, world.pg
    pg.sql("create role gone")
    pg.sql("grant connect on database app to gone")
    backup = one(agent.run("backup", "now", "--json"))
    before = pg.rows("app")
    pg.sql("drop database app")
    pg.sql("drop role gone")
    index = [f["kind"] for f in backup["files"]].index("globals")
    path, text = agent.path(backup, index), opened(world, agent.path(backup, index))
    text = text.replace(b"CREATE ROLE gone;", b"").replace(b"ALTER ROLE gone ", b"-- ")
    path.write_bytes(subprocess.run(["zstd", "-cq"], input=text, check=True, capture_output=True).stdout)
    manifest = agent.state / "backup" / backup["id"] / "manifest.json"
    doc = json.loads(manifest.read_text())
    doc["files"][index].update(sha256=hashlib.sha256(path.read_bytes()).hexdigest(), size=path.stat().st_size)
    manifest.write_text(json.dumps(doc))
    done = agent.run("restore")
    tap.check(done.returncode == 0 and "cannot be made as it was" in done.stderr and '"gone" does not' in done.stderr,
              "a database whose grants cannot be made is restored, and that is said", done.stderr)
    tap.equal(pg.rows("app"), before, "with equal rows")
    tap.equal(pg.sql(LOOKS % "app").split("|")[0], "app", "and its owner")


def test_roles_that_are_there_stay_as_they_are(world):
    agent, pg = world.agent, world.pg

    def members():
        return pg.sql("select string_agg(roleid::regrole || ' to ' || member::regrole, ', ' order by member::regrole::text) "
                      "from pg_auth_members where roleid = 'admins'::regrole")

    for form in ("custom", "plain"):
        agent.backup["postgres"]["format"] = form
        pg.sql("create role admins; create role bob in role admins; create role \"the boss\" in role admins; "
               "comment on role bob is 'x\nCREATE ROLE spoofed SUPERUSER;\nGRANT admins TO spoofed;\n'")
        done = agent.run("backup", "now")
        tap.equal(done.returncode, 0, f"{form}: there is a backup") or tap.note(done.stderr)
        pg.sql("revoke admins from bob; drop role \"the boss\"")
        done = agent.run("restore")
        tap.equal([done.returncode, members()], [0, 'admins to "the boss"'],
                  f"{form}: only who was lost is a member again") or tap.note(done.stderr)
        done = agent.run("restore", "latest", "--to", "look", "--database", "app", "--roles")
        tap.equal([done.returncode, members()], [0, 'admins to "the boss", admins to bob'],
                  f"{form}: with --roles all are") or tap.note(done.stderr)
        tap.equal(pg.sql("select count(*) from pg_roles where rolname = 'spoofed'"), "0",
                  f"{form}: what only looks like a role is none")
        pg.sql("drop database look")
        pg.sql("drop role bob, \"the boss\", admins")


def test_restore_after_the_loss_of_all(world):
    agent, pg = world.agent, world.pg
    agent.backup["postgres"]["databases"] = ["app"]
    agent.run("backup", "now")
    before = pg.rows("app")
    pg.sql("drop database app")
    pg.sql("drop role app")
    done = agent.run("backup", "now")
    tap.check(done.returncode == 1 and "no database 'app'" in done.stderr, "a missing database fails a backup",
              done.stderr)
    done = agent.run("restore", "--roles")
    tap.check(done.returncode == 0, "it is restored though nothing is there", done.stderr)
    tap.equal(pg.rows("app"), before, "rows are equal")
    tap.equal(pg.sql("select rolcanlogin and rolpassword is not null from pg_authid where rolname='app'"), "t",
              "roles came with it")


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


def test_killed_backups(world):
    agent, rng = world.agent, random.Random(1)
    seconds = took(agent, "backup", "now") * 1.5
    killed = 0
    for _ in range(25):
        killed += kill_somewhere(agent, rng, seconds, "backup", "now") == -9
        for listed in agent.list():
            done = agent.run("backup", "verify", listed["id"])
            if done.returncode:
                tap.check(False, "what is listed after a kill is whole", done.stderr)
    done = agent.run("backup", "now")
    left = [p.name for p in (agent.state / "backup").iterdir() if "." in p.name]
    tap.check(done.returncode == 0 and not left and killed > 5,
              f"{killed} of 25 kills: what is listed is whole, the next run works and sweeps", f"{left} {done.stderr}")


def test_killed_restores(world):
    agent, pg, rng = world.agent, world.pg, random.Random(2)
    backup = one(agent.run("backup", "now", "--json"))
    before = pg.rows("app")
    seconds = took(agent, "restore", backup["id"]) * 1.5
    killed = gone = 0
    for _ in range(20):
        killed += kill_somewhere(agent, rng, seconds, "restore", backup["id"]) == -9
        gone += "app" not in pg.databases()
    done = agent.run("restore", backup["id"])
    tap.check(done.returncode == 0 and killed > 5, f"{killed} of 20 kills ({gone} between the two names): the next "
              "restore works", done.stderr)
    tap.equal(pg.rows("app"), before, "and rows are equal")
    left = [d for d in pg.databases() if "_restore_" in d]
    tap.equal(left, [], "no half database is left")
    # The narrow moment by hand: the old one has gave up its name, the new one has not got it.
    fresh, old = f"app_restore_{backup['id']}", "app_before_x"
    (agent.state / "restore.json").write_text(json.dumps({"id": backup["id"], "step": "swap", "databases": [
        {"name": "app", "fresh": fresh, "old": old}]}))
    pg.sql(f'alter database app rename to "{old}"')
    pg.sql(f'create database "{fresh}" template "{old}"')
    done = agent.run("backup", "now")
    tap.check(done.returncode == 0 and "app" in pg.databases() and pg.rows("app") == before,
              "the next backup ends a swap that was cut between the names", done.stderr)


def test_restore_of_the_database_postgres(world):
    """The application's database is the one that tools are connected to by default."""
    agent, pg = world.agent, world.pg
    pg.sql("drop database app")
    pg.sql("create table orders as select g id from generate_series(1, 500) g", "postgres")
    for form in ("custom", "plain"):
        agent.backup["postgres"]["format"] = form
        backup = one(agent.run("backup", "now", "--json"))
        before, old = pg.rows("postgres"), f"postgres_before_{backup['id']}"
        pg.sql("delete from orders", "postgres")
        done = agent.run("restore")
        tap.equal(done.returncode, 0, f"{form}: it is restored") or tap.note(done.stderr)
        tap.equal(pg.rows("postgres"), before, f"{form}: with equal rows")
        tap.equal(pg.databases("and datallowconn"), ["postgres", old], f"{form}: and all are open")
        pg.sql(f'drop database "{old}"', "template1")
        # A cut between the two names: there is none; or it was closed when the first rename was cut.
        for cut in (f'alter database postgres rename to "{old}"',
                    "update pg_database set datallowconn = false where datname = 'postgres'"):
            fresh = f"postgres_restore_{backup['id']}"
            (agent.state / "restore.json").write_text(json.dumps({"id": backup["id"], "step": "swap", "databases": [
                {"name": "postgres", "fresh": fresh, "old": old}]}))
            pg.sql(f'create database "{fresh}" template "postgres"', "template1")
            pg.sql(cut, "template1")
            done = agent.run("backup", "now")
            tap.equal([done.returncode, pg.rows("postgres")], [0, before], f"{form}: a swap that was cut ends") or \
                tap.note(done.stderr)
            pg.sql(f'drop database if exists "{old}"', "template1")
        shutil.rmtree(agent.state / "backup")
        agent.run("backup", "now")
        pg.sql("drop database postgres", "template1")
        done = agent.run("restore", "--without-safety-dump")
        tap.equal([done.returncode, pg.rows("postgres")], [0, before], f"{form}: it is restored when it is not there") or \
            tap.note(done.stderr)
        tap.equal(pg.databases("and datallowconn"), ["postgres"], f"{form}: and nothing else is left")


def test_long_names(world):
    agent, pg = world.agent, world.pg
    names = [f"customer_{'x' * 39}_{n:05}" for n in (1, 2)]
    for name in names:
        pg.sql(f"create database {name}")
        pg.sql(f"create table who as select '{name}'::text is", name)
    backup = one(agent.run("backup", "now", "--json"))
    for _ in range(2):
        for name in names:
            pg.sql("delete from who", name)
        done = agent.run("restore", backup["id"])
        tap.equal([done.returncode, *(pg.sql("select * from who", name) for name in names)], [0, *names],
                  "databases whose long names begin alike get their own rows") or tap.note(done.stderr)
    tap.equal([(d[:15], len(d)) for d in pg.databases() if "_before_" in d and d.startswith("customer")],
              [("customer_xxxxxx", 63)] * 4, "and each one of before is kept")


def unsettled(agent, backup, *databases, files=(), step="swap"):
    """As if a restore had been cut off. Returns its names of the databases."""
    noted = [{"name": d, "fresh": f"{d}_restore_{backup['id']}", "old": f"{d}_before_{backup['id']}"} for d in databases]
    (agent.state / "restore.json").write_text(json.dumps({"id": backup["id"], "step": step, "databases": noted,
                                                          "files": [{"kind": "path", "of": str(f)} for f in files]}))
    return [(n["fresh"], n["old"]) for n in noted]


def alerts_of(agent, key):
    found = [json.loads(p.read_text()) for p in (agent.state / "alerts").glob("*.json")]
    return [a["subject"] for a in found if a["key"] == key and not a["over"]]


def test_a_swap_that_never_began(world):
    agent, pg, broker = world.agent, world.pg, world.broker
    pg.sql("create database second")
    pg.sql("create table t as select 1 a", "second")
    backup = one(agent.run("backup", "now", "--json"))
    pg.sql("insert into shop.orders(note) values ('of today')", "app")
    now = pg.rows("app")
    broker.refuses = lambda q: q.get("query") == "rename-db"
    done = agent.run("restore", backup["id"])
    tap.check(done.returncode == 1 and "nothing was changed" in done.stderr and "somebody is connected" in done.stderr,
              "a swap whose first rename fails says that nothing was changed", done.stderr)
    tap.equal([pg.databases(), pg.rows("app")], [["app", "postgres", "second"], now], "nor was it, and nothing is left")
    broker.refuses = lambda q: False
    (app, _), _ = unsettled(agent, backup, "app", "second")
    pg.sql(f'create database "{app}"')
    pg.sql(f'create database "second_restore_{backup["id"]}"')
    pg.sql("update pg_database set datallowconn = false where datname = 'app'")
    broker.refuses = lambda q: q.get("query") == "drop-db" and q["database"].startswith("second")
    done = agent.run("backup", "now")
    tap.check(done.returncode == 1 and app not in pg.databases(), "one is dropped, the other one cannot be", done.stderr)
    broker.refuses = lambda q: False
    done = agent.run("backup", "now")
    tap.equal([done.returncode, pg.databases("and datallowconn"), pg.rows("app")], [0, ["app", "postgres", "second"], now],
              "one that was cut off before it is not begun at night") or tap.note(done.stderr)
    tap.equal(alerts_of(agent, "restore"), ["a restore was cut off and changed nothing"], "which an alert tells")
    # The second one cannot be renamed at first, when the first one was.
    failed = []
    broker.refuses = lambda q: q.get("query") == "rename-db" and q["database"] == "second" and not failed and \
        not failed.append(q)
    done = agent.run("restore")
    tap.check(done.returncode == 0 and failed and "tried again" in done.stderr, "one that has begun is ended at once",
              done.stderr)
    tap.equal(len([d for d in pg.databases() if "_before_" in d]), 2, "with all databases")
    tap.equal(alerts_of(agent, "restore"), [], "which ends the alert")


def test_a_name_that_was_taken_in_a_swap(world):
    agent, pg = world.agent, world.pg
    backup = one(agent.run("backup", "now", "--json"))
    before = pg.rows("app")
    (fresh, old), = unsettled(agent, backup, "app")
    pg.sql(f'create database "{fresh}" template app')
    pg.sql(f'alter database app rename to "{old}"')
    pg.sql("create database app")
    pg.sql("create table migrated(a int)", "app")
    done = agent.run("backup", "now")
    tap.equal([done.returncode, pg.rows("app")], [0, before],
              "a swap is ended though its name was taken meanwhile") or tap.note(done.stderr)
    tap.check(list(pg.rows(f"{old}_2")) == ["public.migrated"] and pg.rows(old) == before, "what took it is kept", pg.databases())
    tap.equal(alerts_of(agent, "restore"), ["a database was made while another was restored"], "which an alert tells")


def test_files_that_cannot_be_put_back(world):
    agent, pg, broker = world.agent, world.pg, world.broker
    path, other = world.dir / "files/deep", world.dir / "files/other"
    for where in (path, other):
        where.mkdir(parents=True)
        (where / "file").write_text("saved")
    agent.backup["paths"] = [str(path), str(other)]
    backup = one(agent.run("backup", "now", "--json"))
    before = pg.rows("app")
    for where in (path, other):
        (where / "file").write_text("of today")
    pg.sql("delete from shop.orders", "app")
    now = pg.rows("app")

    def content():
        return [(where / "file").read_text() for where in (path, other)]

    # As when the configuration does not name it any more.
    broker.refuses = lambda q: q.get("path") == str(other)
    for words in (["--dry-run"], []):
        done = agent.run("restore", *words)
        tap.check(done.returncode == 1 and "--databases" in done.stderr and str(other) in done.stderr,
                  f"restore {words} says before it begins what cannot be put back, and how to go on", done.stderr)
    tap.equal([content(), pg.rows("app"), len(agent.list())], [["of today"] * 2, now, 1], "and nothing was touched")
    unsettled(agent, backup, files=[path, other], step="fill")
    done = agent.run("backup", "now")
    tap.check(done.returncode == 0 and "may be there still" in done.stderr and not (agent.state / "restore.json").exists(),
              "what cannot be removed of one that was cut off keeps no backup from being made", done.stderr)
    broker.refuses = lambda q: q["op"] == "files-swap" and q["path"] == str(other)
    done = agent.run("restore", backup["id"])
    tap.check(done.returncode == 1 and "all but some files" in done.stderr and str(other) in done.stderr,
              "files that cannot be swapped are named", done.stderr)
    tap.equal([content(), pg.rows("app")], [["saved", "of today"], before], "all else is in place")
    (path.parent / f"deep.before-{backup['id']}").rename(world.dir / "aside")
    unsettled(agent, backup, files=[path, other])
    (path.parent / ".fresh-other").mkdir()
    done = agent.run("backup", "now")
    tap.equal([done.returncode, content()[1], alerts_of(agent, "restore")],
              [0, "of today", ["a restore was cut off and is not whole"]],
              "where it was cut off, they are told and given up") or tap.note(done.stderr)
    tap.check(not (path.parent / ".fresh-other").exists() and not (agent.state / "restore.json").exists(),
              "and keep no backup from being made")
    broker.refuses = lambda q: q["op"] == "files-swap"
    done = agent.run("restore", backup["id"], "--without-safety-dump")
    broker.refuses = lambda q: False
    tap.check(done.returncode == 1, "it fails once more", done.stderr)
    agent.backup.pop("postgres")
    (path / "file").write_text("of today")
    unsettled(agent, backup, files=[path, other])
    for name in (".fresh-deep", ".fresh-other"):
        (path.parent / name).mkdir()
    agent.run("backup", "now")
    tap.equal([content(), [p.name for p in path.parent.glob(".fresh-*")]], [["of today"] * 2, []],
              "files alone, where no swap has begun: none is begun at night")


def test_full_disk(world):
    agent = world.agent
    small = world.dir / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=72m,mode=700", "none", str(small)],
                      check=False, capture_output=True).returncode:
        tap.note("no tmpfs can be mounted here: the full disk was not tried")
        return
    try:
        agent.state = small
        done = agent.run("backup", "now", "--json")
        first = one(done)
        tap.check(first, "there is room for one", done.stderr)
        (small / "ballast").write_bytes(os.urandom(30 << 20))
        done = agent.run("backup", "now")
        tap.check(done.returncode == 1 and "too full" in done.stderr, "too little room is known before", done.stderr)
        tap.equal([b["id"] for b in agent.list()], [first["id"]], "the old one stays")
        (small / "ballast").unlink()
        world.pg.sql("create table big as select g, random()::text || md5(random()::text) || md5(random()::text) x "
                     "from generate_series(1, 2400000) g", "app")
        done = agent.run("backup", "now")
        tap.check(done.returncode == 1 and "No space" in done.stderr, "a disk that fills meanwhile is said", done.stderr)
        left = sorted(p.name for p in (small / "backup").iterdir())
        tap.equal(left, [first["id"]], "and costs no old backup")
        tap.equal(agent.run("backup", "verify").returncode, 0, "which is still whole")
    finally:
        subprocess.run(["umount", str(small)], check=False)


def test_no_room_to_restore(world):
    """What is put back lies beside the application's own database, which stops when their disk is full."""
    agent, broker, pg = world.agent, world.broker, world.pg
    path = world.dir / "path"
    path.mkdir()
    (path / "file").write_bytes(os.urandom(64 << 20))

    def begun():
        return [c for c in broker.calls if c["op"] in ("pg-throwaway", "pg-restore", "files-fill") and
                c.get("kind") != "list"]

    pg.sql("create table big as select g, md5(g::text) x from generate_series(1, 1000000) g", "app")
    size = int(pg.sql("select pg_database_size('app')"))
    for form in ("custom", "plain"):
        agent.backup["postgres"]["format"] = form
        shutil.rmtree(agent.state / "backup", ignore_errors=True)
        broker.free, broker.calls[:] = 2 * size + (255 << 20), []
        done = agent.run("backup", "--json")
        alerts = [json.loads(p.read_text()) for p in (agent.state / "alerts").glob("*.json")]
        told = [a["text"] for a in alerts if a["key"] == "backup-rehearsal" and not a["over"]]
        tap.check(done.returncode == 1 and len(told) == 1 and f"{broker.free >> 20} MiB are free" in told[0] and
                  "1 MiB are lacking" in told[0] and not begun(),
                  f"{form}: a test restore that has no room is not begun, and an alert says so", f"{told} {done.stderr}")
        broker.free += 2 << 20
        done = agent.run("backup", "--json")
        tap.check(done.returncode == 0 and begun(), f"{form}: where there is just enough, it is", done.stderr)
    agent.backup["postgres"]["format"] = "custom"
    agent.backup["paths"] = [str(path)]
    sizes = {f["of"]: f["bytes"] for f in one(agent.run("backup", "now", "--json"))["files"]}
    both = sizes["app"] // 2 + sizes[str(path)]
    for words, need, fits in (((), both, False), (("--databases",), sizes["app"] // 2, True), ((), both, True)):
        pg.sql("truncate big", "app")  # what it takes now says nothing of what it will
        rows, listed = pg.rows("app"), agent.list()
        broker.free, broker.calls[:] = 2 * need + ((257 if fits else 255) << 20), []
        done = agent.run("restore", *words)
        if fits:
            tap.check(done.returncode == 0 and begun(), f"restore {words}: where there is room, it is done", done.stderr)
        else:
            tap.check(done.returncode == 1 and "MiB are lacking" in done.stderr and not begun() and
                      pg.rows("app") == rows and agent.list() == listed,
                      "a restore that has no room is refused before anything is made", done.stderr)


def test_volumes_and_paths(world):
    agent = world.agent
    volume = world.dir / "volume"
    (volume / "deep").mkdir(parents=True)
    (volume / "deep" / "file").write_bytes(os.urandom(3 << 20))
    world.broker.volumes["uploads"] = str(volume)
    agent.backup["volumes"] = ["uploads"]
    agent.backup["paths"] = [str(volume / "deep")]
    backup = one(agent.run("backup", "now", "--json"))
    kinds = [(f["kind"], f["of"]) for f in backup["files"]]
    tap.check(("volume", "uploads") in kinds and ("path", str(volume / "deep")) in kinds, "volumes and paths are in it",
              kinds)
    tar = opened(world, agent.path(backup, kinds.index(("volume", "uploads"))))
    out = subprocess.run(["tar", "-xO", "./deep/file"], input=tar, capture_output=True, check=False)
    tap.check(out.stdout == (volume / "deep" / "file").read_bytes(), "stock tar opens them", out.stderr)


def test_lost_files_cost_nothing_else(world):
    agent = world.agent
    volume, path = world.dir / "volume", world.dir / "files/deep"
    for where in (volume, path):
        where.mkdir(parents=True)
        (where / "file").write_text(where.name)
    world.broker.volumes["uploads"] = str(volume)
    agent.backup.update(volumes=["uploads"], paths=[str(path)])
    good = one(agent.run("backup", "now", "--json"))
    shutil.rmtree(volume)
    shutil.rmtree(path.parent)
    done = agent.run("backup", "--json")
    left = one(done)
    tap.check(left and "database-app.dump.zst" in [f["name"] for f in left["files"]],
              "where paths and volumes are lost, databases are backed up", done.stderr)
    tap.equal(left and left["suspect"], f"the volume uploads is not there; the path {path} is not there",
              "and the backup says what is missing")
    alerts = [json.loads(p.read_text()) for p in (agent.state / "alerts").glob("*.json")]
    tap.check([a for a in alerts if a["key"] == "backup" and not a["over"] and str(path) in a["text"]],
              "as does an alert", alerts)
    done = agent.run("restore")
    tap.check(done.returncode == 0 and good["id"] in done.stdout, "what is lost is restored", done.stderr)
    tap.equal([(where / "file").read_text() for where in (volume, path)], ["volume", "deep"], "with what was in it")
    tap.check(agent.list()[0]["reason"] == "restore", "and what was there was put aside", agent.list()[0])
    agent.backup.pop("postgres")
    shutil.rmtree(volume)
    shutil.rmtree(path.parent)
    done = agent.run("backup", "now")
    tap.check(done.returncode == 1 and "nothing to back up" in done.stderr, "nothing at all is no backup", done.stderr)


def test_restore_of_what_cannot_be_dumped(world):
    agent, pg = world.agent, world.pg
    backup = one(agent.run("backup", "now", "--json"))
    before = pg.rows("app")
    pg.sql("checkpoint")
    (pg.dir / "data" / pg.sql("select pg_relation_filepath('shop.orders')", "app")).unlink()
    done = agent.run("restore")
    tap.check(done.returncode == 1 and "--without-safety-dump" in done.stderr and
              [b["id"] for b in agent.list()] == [backup["id"]], "a database that cannot be dumped stops a restore",
              done.stderr)
    done = agent.run("restore", "--without-safety-dump")
    tap.equal(done.returncode, 0, "which goes on when that is asked for") or tap.note(done.stderr)
    tap.equal(pg.rows("app"), before, "with equal rows")
    tap.check(f"app_before_{backup['id']}" in pg.databases(), "and the damaged one is kept", pg.databases())


def test_two_at_once(world):
    agent = world.agent
    world.broker.slow = 0.02
    first = agent.start("backup", "now")
    busy = wait_for(lambda: [c for c in world.broker.calls if c["op"] == "pg-dump"], 20)
    done = agent.run("restore", "--dry-run")
    tap.check(busy and done.returncode == 1 and "another backup" in done.stderr, "a restore says that one is at work",
              done.stderr)
    second = agent.start("backup", "now", "--json")
    tap.check("waiting for its end" in second.stderr.readline(), "a second backup waits for it")
    world.broker.slow = None
    first.communicate()
    tap.equal(first.returncode, 0, "the first one ends well")
    taken, said = second.communicate()
    tap.equal((second.returncode, agent.list()), (0, [json.loads(taken or "0")]), "and then the second one") or tap.note(said)


def with_storage(world):
    """The agent sends its copies to a bucket of a real S3 server."""
    world.storage = s3_lab.Storage(world.dir / "s3")
    world.agent.backup["offsite"] = {"endpoint": world.storage.endpoint, "bucket": "backups", "region": s3_lab.REGION,
                                     "prefix": "demo"}
    world.agent.backup["test_restore"] = "never"
    to_storage(world.agent, "web-1")
    return world.storage


def to_storage(agent, server):
    """An agent of this server, with the key of the bucket."""
    (agent.credentials / "s3").write_text(json.dumps({"access_key": s3_lab.ACCESS, "secret_key": s3_lab.SECRET}))
    (agent.state / "handoff.json").write_text(json.dumps({"v": 1, "server": server, "launched": 1, "parts": ["s3"]}))


def remote_ids(storage, server="web-1"):
    return sorted({name.split("/")[2] for name in s3_lab.objects(storage)
                   if name.startswith(f"demo/{server}/") and name.endswith("/manifest.json")})


def remote_equal(world, storage, backup):
    there = s3_lab.objects(storage)
    return all(there.get(f"demo/web-1/{backup['id']}/{f['name']}") and
               there[f"demo/web-1/{backup['id']}/{f['name']}"].read_bytes() == world.agent.path(backup, i).read_bytes()
               for i, f in enumerate(backup["files"]))


def make_big(world):
    """More than one part of an upload: what does not compress."""
    world.pg.sql("create table big as select g, string_agg(md5((g * 1000 + i)::text), '') x "
                 "from generate_series(1, 3000) g, generate_series(1, 800) i group by g", "app")


def test_offsite(world):
    storage, agent, pg = with_storage(world), world.agent, world.pg
    key, recipient = world.key()
    agent.backup["recipients"] = [recipient]
    make_big(world)
    done = agent.run("backup", "--json")
    backup = one(done)
    tap.check(backup and remote_equal(world, storage, backup), "every file is in the bucket, byte by byte", done.stderr)
    tap.check(any("partNumber=3" in p for p in storage.puts()), "the large one went in parts", storage.puts())
    tap.check(storage.puts()[-1].endswith("/manifest.json"), "the manifest went last", storage.puts())
    tap.equal(storage.complaints, [], "an independent verifier accepts each signature and each digest")
    listed = agent.run("backup", "list", "--offsite", "--json")
    tap.equal([json.loads(x)["id"] for x in listed.stdout.splitlines()], [backup["id"]], "it can be listed there")
    puts = len(storage.puts())
    agent.run("backup", "copy")
    tap.equal(len(storage.puts()), puts, "what is there is not sent again")
    before = pg.rows("app")
    shutil.rmtree(agent.state / "backup")
    pg.sql("drop database app")
    storage.faults.append(lambda m, p: "503" if m == "GET" and random.random() < 0.2 else None)
    done = agent.run("restore", backup["id"], "--identity", key)
    storage.faults.clear()
    tap.check(done.returncode == 0, "all of it lost, it comes back from there (a fifth of answers being 503)", done.stderr)
    tap.equal(pg.rows("app"), before, "with equal rows")


def test_offsite_faults(world):
    storage, agent = with_storage(world), world.agent
    make_big(world)
    rng = random.Random(3)

    def some(word, share):
        return lambda m, p: word if m != "GET" and rng.random() < share else None

    for name, faults in (("5xx", [some("503", 0.3)]), ("cut requests", [some("cut-request", 0.3)]),
                         ("lost answers", [some("cut-answer", 0.3)])):
        storage.faults = faults
        done = agent.run("backup", "--json")
        storage.faults = []
        if done.returncode:  # six attempts may all have failed: then the next run goes on
            tap.note(f"{name}: {done.stderr.splitlines()[0]}")
            done = agent.run("backup", "--json")
        tap.check(remote_equal(world, storage, one(done)), f"{name} do not spoil a copy", done.stderr)
    storage.faults = [lambda m, p: "spoil" if m == "PUT" and "partNumber=2" in p else None]
    done = agent.run("backup")
    tap.check(done.returncode == 5 and "received other bytes" in done.stderr, "bytes that change on the way are found",
              done.stderr)
    spoilt = agent.list()[0]["id"]
    tap.check(spoilt not in remote_ids(storage), "and such a copy gets no manifest", remote_ids(storage))
    alerts = [json.loads(p.read_text()) for p in (agent.state / "alerts").glob("*.json")]
    tap.check(any(a["key"] == "backup-offsite" and not a["over"] for a in alerts), "one alert says so", alerts)
    storage.faults = [lambda m, p: "403" if m == "PUT" else None]
    tried = len(storage.requests)
    done = agent.run("backup")
    tap.check(done.returncode == 1 and len(storage.requests) - tried < 6, "a refusal is final at once", done.stderr)
    missed = agent.list()[0]["id"]
    tap.check(missed not in remote_ids(storage), "what was refused is not there")
    storage.faults = []
    done = agent.run("backup", "copy")
    tap.check(missed in remote_ids(storage), "what was missed is sent by the next run", done.stderr)
    tap.equal(storage.complaints, [], "no signature was wrong, in any of it")


def cut_at_third_part(storage, agent):
    """A backup that is killed, and its connection cut, when it sends its third part."""
    child = []

    def fault(_, path):
        if "partNumber=3" in path and child:
            child[0].kill()
            child.clear()
            return "cut-request"
        return None

    storage.faults = [fault]
    child.append(agent.start("backup"))
    child[0].communicate()
    storage.faults = []


def test_offsite_resumes(world):
    storage, agent = with_storage(world), world.agent
    make_big(world)
    for lists in (True, False):
        storage.lists_parts = lists
        storage.requests.clear()
        cut_at_third_part(storage, agent)
        first = [p for p in storage.puts() if "partNumber" in p]
        storage.requests.clear()
        killed = agent.list()[0]
        done = agent.run("backup", "copy")
        again = [p for p in storage.puts() if "partNumber" in p and killed["id"] in p]
        tap.check(done.returncode == 0 and len(first) == 3 and not any("partNumber=1&" in p for p in again) and again,
                  "an upload that was killed goes on with its next part" +
                  ("" if lists else ", also where the server cannot list parts"), f"{first}\n{again}\n{done.stderr}")
        tap.check(killed["id"] not in [b["id"] for b in agent.list()] or remote_equal(world, storage, killed),
                  "and is whole there")
    # One whose backup is gone is ended, not left to be paid for.
    (agent.state / "offsite.json").write_text(json.dumps({
        "key": "demo/web-1/20200101T000000Z/x.zst", "id": "lost", "sha256": "0" * 64, "part_size": 16 << 20, "etags": []}))
    agent.run("backup")
    tap.equal(storage.aborted, ["lost"], "an upload of a backup that is gone is aborted")


def edit(agent, backup, change):
    """Changes the manifest of a backup on the server."""
    path = agent.state / "backup" / backup["id"] / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_offsite_broken_upload_and_newer(world):
    """An upload is cut, and before it goes on there is a newer backup."""
    storage, agent = with_storage(world), world.agent
    make_big(world)
    for yesterday in (True, False):
        agent.run("backup")
        storage.aborted.clear()
        cut_at_third_part(storage, agent)
        cut = agent.list()[0]
        tap.equal(len(storage.uploads), 1, "an upload was cut")
        if yesterday:  # then the policy keeps both
            edit(agent, cut, lambda m: m.update(started=m["started"] - 86400))
        done = agent.run("backup", "--json")
        new = one(done)
        tap.check(new and remote_equal(world, storage, new), "the newer backup is there", done.stderr)
        tap.equal((cut["id"] in remote_ids(storage), len(storage.aborted)), (yesterday, 0 if yesterday else 1),
                  "the older one went on first" if yesterday else "of one that is not kept any more the upload is aborted")
        tap.equal(storage.uploads, {}, "no upload is left to be paid for")


def test_offsite_halves(world):
    storage, agent = with_storage(world), world.agent
    agent.backup["keep"] = {"daily": 1, "weekly": 0, "monthly": 0}
    storage.faults = [lambda m, p: "403" if m == "PUT" and p.endswith("/manifest.json") else None]
    agent.run("backup")
    half = agent.list()[0]
    storage.faults = []
    tap.check(any(half["id"] in n for n in s3_lab.objects(storage)), "a copy is half sent", s3_lab.objects(storage))
    shutil.rmtree(agent.state / "backup" / half["id"])
    second = one(agent.run("backup", "--json"))
    tap.equal([n for n in s3_lab.objects(storage) if second["id"] not in n], [], "half a copy of what is gone is removed")
    storage.faults = [lambda m, p: "400" if m == "DELETE" and not p.endswith("/manifest.json") else None]
    agent.run("backup")
    storage.faults = []
    tap.check(any(second["id"] in n for n in s3_lab.objects(storage)) and second["id"] not in remote_ids(storage),
              "a copy is half removed", s3_lab.objects(storage))
    third = one(agent.run("backup", "--json"))
    tap.equal([n for n in s3_lab.objects(storage) if third["id"] not in n], [], "the next run removes the rest")


def test_offsite_two_servers(world):
    """Both of one definition, with one bucket."""
    storage, agent = with_storage(world), world.agent
    agent.backup["keep"] = {"daily": 1, "weekly": 0, "monthly": 0}
    other = Agent(world.program, world.dir, world.broker, "other")
    other.backup = agent.backup
    to_storage(other, "web-2")
    first = one(agent.run("backup", "--json"))
    # The timers fire together: both have the same id.
    second = one(other.run("backup", "now", "--json"))
    os.rename(other.state / "backup" / second["id"], other.state / "backup" / first["id"])
    edit(other, first, lambda m: m.update(id=first["id"]))
    done = other.run("backup", "copy")
    there = s3_lab.objects(storage)
    tap.check(done.returncode == 0 and f"demo/web-2/{first['id']}/manifest.json" in there and
              remote_equal(world, storage, first), "one id of two servers is two copies", there)
    one(other.run("backup", "--json"))
    tap.equal(remote_ids(storage), [first["id"]], "what one removes is its own")
    listed = other.run("backup", "list", "--server", "web-1", "--json")
    tap.equal([json.loads(x)["id"] for x in listed.stdout.splitlines()], [first["id"]], "another's can be listed")
    done = other.run("restore", "--server", "web-1", "--dry-run")
    tap.check(done.returncode == 0 and first["id"] in done.stdout and
              (other.state / "backup-foreign/web-1" / first["id"]).is_dir(), "and restored", done.stdout + done.stderr)
    for name in ("../web-1", "", "a/b", "20260104T020000Z"):
        for words in (("backup", "list"), ("restore", "--dry-run")):
            done = other.run(*words, "--server", name)
            tap.check(done.returncode == 2 and "no name of a server" in done.stderr, f"{words[0]}: '{name}' is no name",
                      done.stderr)
    edit(agent, first, lambda m: m["verified"].append("restore"))
    agent.run("backup", "copy")
    listed = agent.run("backup", "list", "--offsite", "--json")
    tap.check("restore" in json.loads(listed.stdout)["verified"], "what was found out since is sent after it", listed.stdout)
    edit(agent, first, lambda m: m["files"][0].update(sha256="0" * 64))
    done = agent.run("backup", "copy")
    tap.check(done.returncode == 1 and "has another server the same one" in done.stderr,
              "an id alone is not taken for the backup", done.stderr)


def test_offsite_foreign(world):
    """What is fetched of another server is none of this one's backups: not even the newest of the day."""
    storage, agent = with_storage(world), world.agent
    agent.backup["keep"] = {"daily": 1, "weekly": 0, "monthly": 0}
    volume = world.dir / "volume"
    volume.mkdir()
    world.broker.volumes["uploads"] = str(volume)
    other = Agent(world.program, world.dir, world.broker, "other")
    other.backup = dict(agent.backup, volumes=["uploads"])
    to_storage(other, "web-2")
    own = one(agent.run("backup", "--json"))
    other.run("backup", "now")  # so that the next one's id is not the one of ours, however fast all of this is
    foreign = one(other.run("backup", "--json"))
    held = agent.state / "backup-foreign/web-2"

    def strange(names):
        return [n for n in names if "volume-uploads" in n]

    for words in (("--dry-run",), ("--dry-run",), ("--to", "look")):
        done = agent.run("restore", "--server", "web-2", "--databases", *words)
        listed = agent.list()
        tap.check(done.returncode == 0 and foreign["id"] in done.stdout and own["id"] in [b["id"] for b in listed] and
                  not strange(f["name"] for b in listed for f in b["files"]),
                  f"restore {words[0]}: it does not become one of this server's", f"{listed} {done.stdout}{done.stderr}")
        tap.equal((held / foreign["id"]).is_dir(), words[0] == "--dry-run", "and stays until it is restored")
    gets = [p for m, p in storage.requests if m == "GET" and p.endswith(f"/{foreign['id']}/{foreign['files'][0]['name']}")]
    tap.equal(len(gets), 1, "it is fetched once for a dry run and its restore")
    agent.run("restore", "--server", "web-2", "--dry-run")
    done = agent.run("backup", "now", "--json")
    tap.check(one(done) and one(done)["suspect"] is None and held.is_dir(), "ours are not compared with it", done.stderr)
    done = agent.run("backup", "--json")
    tap.check(one(done) and not held.exists(), "the next nightly run removes what was never restored", done.stderr)
    there = s3_lab.objects(storage)
    tap.check(one(done)["id"] in remote_ids(storage) and strange(there) and
              all(n.startswith(f"demo/web-2/{foreign['id']}/") for n in strange(there)), "and sends its own alone", there)


def test_offsite_retention(world):
    storage, agent = with_storage(world), world.agent
    agent.backup["keep"] = {"daily": 1, "weekly": 0, "monthly": 0}
    ids = [one(agent.run("backup", "--json"))["id"] for _ in range(3)]
    tap.equal(remote_ids(storage), ids[-1:], "the policy rules there too")
    left = [n for n in s3_lab.objects(storage) if ids[-1] not in n]
    tap.equal(left, [], "nothing is left of what went")
    storage.denies_delete = True
    done = agent.run("backup", "--json")
    tap.check(done.returncode == 0 and len(remote_ids(storage)) == 2 and "may not delete" in done.stderr,
              "a key that may not delete is fine", done.stderr)
    (agent.credentials / "s3").write_text("{}")
    done = agent.run("backup")
    tap.check(done.returncode == 3 and "'s3'" in done.stderr and "S3RVER" not in done.stderr,
              "without the secret it says which", done.stderr)


def test_rehearsal(world):
    agent, broker = world.agent, world.broker
    key, recipient = world.key()
    agent.backup["recipients"] = [recipient]
    for form in ("custom", "plain"):
        agent.backup["postgres"]["format"] = form
        shutil.rmtree(agent.state / "backup", ignore_errors=True)
        started = broker.throwaways
        done = agent.run("backup", "--json")
        tap.check(done.returncode == 0 and broker.throwaways == started + 1, f"{form}: the first one is restored for a test",
                  done.stderr)
        first = agent.list()[0]
        tap.check("restore" in first["verified"], "and says so", first)
        header = agent.path(first).read_bytes()[:600].decode("latin1")
        tap.equal(header.count("-> X25519"), 2, "on that day the files have one more key")
        tap.check(opened(world, agent.path(first), key), "and the operator's opens them")
        agent.run("backup", "--json")
        tap.check(broker.throwaways == started + 1, "it comes once a week", broker.throwaways)
    tap.equal([n for n in broker.containers if n != "db"], [], "no server of a test is left")
    broker.image = "sha256:" + "cd" * 32
    shutil.rmtree(agent.state / "backup")
    agent.backup["postgres"]["format"] = "custom"
    broker.spoil_restores = True
    done = agent.run("backup", "--json")
    tap.check(done.returncode == 6 and "rows, where the backup has" in done.stderr, "a restore that lost rows is found",
              done.stderr)
    tap.check(len(agent.list()) == 1 and "restore" not in agent.list()[0]["verified"], "the backup stays, not so verified")
    alerts = [json.loads(p.read_text()) for p in (agent.state / "alerts").glob("*.json")]
    tap.check(any(a["key"] == "backup-rehearsal" and not a["over"] for a in alerts), "and one alert says so", alerts)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program = Path(sys.argv[1]) / "firstboot/kbuild-agent"
    wanted = sys.argv[2:]
    if not programs():
        sys.exit("PostgreSQL is not installed")
    scratch = tempfile.mkdtemp(prefix="kbuild-backup-")
    os.chmod(scratch, 0o755)
    try:
        for name, test in list(globals().items()):
            if not name.startswith("test_") or (wanted and name[5:] not in wanted):
                continue
            tap.note(name[5:].replace("_", " "))
            world = World(program, scratch, name)
            try:
                test(world)
            except Exception as problem:  # pylint: disable=broad-except
                tap.check(False, name, repr(problem))
            finally:
                world.stop()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
