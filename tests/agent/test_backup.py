#!/usr/bin/env python3
"""Backups of a real PostgreSQL by the real kbuild-agent; stock programs judge what it wrote.

usage: test_backup.py BUILD [NAME...]
"""
import json
import os
import random
import shutil
import subprocess
import sys

from backup_world import into_new, kill_somewhere, one, opened, run_tests, tap, took
from kbtest import wait_for


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


def test_more_than_a_manifest_holds(world):
    agent = world.agent
    agent.backup["paths"] = [f"/srv/{i}" for i in range(999)]
    done = agent.run("backup", "now")
    tap.check(done.returncode == 1 and "at most 1000 files, and this one would have 1002" in done.stderr and
              not [c for c in world.broker.calls if c["op"] == "pg-dump"], "a backup of too many files is not begun",
              done.stderr)


def test_killed_backups(world):
    agent, rng = world.agent, random.Random(1)
    seconds = took(agent, "backup", "now") * 1.5
    killed = tries = 0
    # On a machine that becomes faster meanwhile most come too late.
    while tries < 25 or (killed < 6 and tries < 80):
        tries += 1
        killed += kill_somewhere(agent, rng, seconds, "backup", "now") == -9
        for listed in agent.list():
            done = agent.run("backup", "verify", listed["id"])
            if done.returncode:
                tap.check(False, "what is listed after a kill is whole", done.stderr)
    done = agent.run("backup", "now")
    left = [p.name for p in (agent.state / "backup").iterdir() if "." in p.name]
    tap.check(done.returncode == 0 and not left and killed > 5,
              f"{killed} of {tries} kills: what is listed is whole, the next run works and sweeps", f"{left} {done.stderr}")


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


def test_two_at_once(world):
    agent = world.agent
    world.broker.slow = 0.5
    first = agent.start("backup", "now")
    busy = wait_for(lambda: [c for c in world.broker.calls if c["op"] == "pg-dump"], 120)
    done = agent.run("restore", "--dry-run")
    tap.check(busy and done.returncode == 1 and "another backup" in done.stderr, "a restore says that one is at work",
              done.stderr)
    second = agent.start("backup", "now", "--json")
    tap.check("waiting for its end" in second.stderr.readline(), "a second backup waits for it")
    world.broker.slow = None
    first.communicate()
    tap.equal(first.returncode, 0, "the first one ends well")
    taken, said = second.communicate()
    tap.equal((second.returncode, agent.list()[0]), (0, json.loads(taken or "0")), "and then the second one") or tap.note(said)


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


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
