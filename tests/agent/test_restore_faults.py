#!/usr/bin/env python3
"""Restores that are killed, find no room, or find what they do not expect.

usage: test_restore_faults.py BUILD [NAME...]
"""
import json
import os
import random
import shutil
import sys

from backup_world import alerts_of, kill_somewhere, one, run_tests, tap, took


def test_killed_restores(world):
    agent, pg, rng = world.agent, world.pg, random.Random(2)
    backup = one(agent.run("backup", "now", "--json"))
    before = pg.rows("app")
    seconds = took(agent, "restore", backup["id"]) * 1.5
    killed = gone = tries = 0
    # On a machine that becomes faster meanwhile most come too late.
    while tries < 20 or (killed < 6 and tries < 80):
        tries += 1
        killed += kill_somewhere(agent, rng, seconds, "restore", backup["id"]) == -9
        gone += "app" not in pg.databases()
    done = agent.run("restore", backup["id"])
    tap.check(done.returncode == 0 and killed > 5, f"{killed} of {tries} kills ({gone} between the two names): the next "
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


def unsettled(agent, backup, *databases, files=(), step="swap"):
    """As if a restore had been cut off. Returns its names of the databases."""
    noted = [{"name": d, "fresh": f"{d}_restore_{backup['id']}", "old": f"{d}_before_{backup['id']}"} for d in databases]
    (agent.state / "restore.json").write_text(json.dumps({"id": backup["id"], "step": step, "databases": noted,
                                                          "files": [{"kind": "path", "of": str(f)} for f in files]}))
    return [(n["fresh"], n["old"]) for n in noted]


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


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
