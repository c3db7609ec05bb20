#!/usr/bin/env python3
"""Restores of a real PostgreSQL by the real kbuild-agent.

usage: test_restore.py BUILD [NAME...]
"""
import hashlib
import json
import shutil
import subprocess
import sys

from backup_world import one, opened, run_tests, tap
from kbtest import wait_for


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
    tap.check(wait_for(lambda: pg.sql("select count(*) from pg_stat_activity where datname='app'") != "0", 60),
              "somebody is connected")
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


def test_secrets_come_back(world):
    """What was made on a server that is lost, and what its data may be encrypted with."""
    agent = world.agent
    key, recipient = world.key()
    agent.secrets = {"values": {"JWT": {"generate": 256}, "PG": {"generate": 256, "postgres": {"role": "app"}},
                                "MAIL": {"operator": "the key"}}}
    path = agent.state / "secrets/values.json"
    path.parent.mkdir(mode=0o700)

    def values(**v):
        path.write_text(json.dumps({"v": 1, "values": v}))
        path.chmod(0o600)

    values(JWT="jwt-of-then", PG="pg-of-then", MAIL="mail-of-then")
    plain = one(agent.run("backup", "now", "--json"))
    tap.check(plain and "secrets" not in [f["kind"] for f in plain["files"]], "what anybody can read has no secrets", plain)
    agent.backup["recipients"] = [recipient]
    backup = one(agent.run("backup", "now", "--json"))
    tap.equal(backup["files"][-1]["kind"], "secrets", "what is encrypted to the operator has them")
    text = opened(world, agent.path(backup, len(backup["files"]) - 1), key)
    tap.equal(json.loads(text)["values"]["JWT"], "jwt-of-then", "and his own programs read them")
    done = agent.run("backup", "verify", backup["id"], "--identity", key)
    tap.equal(done.returncode, 0, "verify reads them, too") or tap.note(done.stderr)
    values(JWT="jwt-of-now", PG="pg-of-now", MAIL="mail-of-now")
    before = path.read_text()
    done = agent.run("restore", plain["id"], "--secrets")
    tap.check(done.returncode == 3 and "has no secrets" in done.stderr, "a backup without them says so", done.stderr)
    done = agent.run("restore", backup["id"], "--secrets", "--dry-run", "--identity", key)
    tap.check(done.returncode == 0 and path.read_text() == before, "a dry run changes nothing", done.stderr)
    done = agent.run("restore", backup["id"], "--secrets", "--identity", key)
    tap.equal(json.loads(path.read_text())["values"], {"JWT": "jwt-of-then", "PG": "pg-of-now", "MAIL": "mail-of-now"},
              "what was made comes back; passwords of databases, and what the operator gives, stay") or tap.note(done.stderr)
    kept, = path.parent.glob("values.json.before-*")
    tap.check(kept.read_text() == before and kept.stat().st_mode & 0o777 == 0o600 and str(kept) in done.stdout, "what was there is kept",
              done.stdout)
    tap.check("JWT is again" in done.stdout and "of-" not in done.stdout + done.stderr, "names are said, no values", done.stdout)
    done = agent.run("restore", backup["id"], "--secrets", "--identity", key)
    tap.check(done.returncode == 0 and "no secret" in done.stdout, "a second time there is nothing to do", done.stdout + done.stderr)
    done = agent.run("restore", "--secrets", "--to", "elsewhere", "--identity", key)
    tap.equal(done.returncode, 2, "secrets alone are put back, or databases")
    (path.parent / "rotation.json").write_text(json.dumps({"name": "JWT", "stage": "begun", "value": "new"}))
    done = agent.run("restore", backup["id"], "--secrets", "--identity", key)
    tap.check(done.returncode == 2 and "rotation of 'JWT'" in done.stderr, "a rotation has to end first", done.stderr)


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


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
