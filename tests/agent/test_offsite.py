#!/usr/bin/env python3
"""Copies of backups in the bucket of a real S3 server, and what the network does to them.

usage: test_offsite.py BUILD [NAME...]
"""
import json
import os
import random
import shutil
import sys
import time

from backup_lab import Agent
from backup_world import one, run_tests, tap
from find_secrets import find_in_tree
from kbtest import wait_for
import s3_lab


def with_storage(world):
    """The agent sends its copies to a bucket of a real S3 server."""
    world.storage = s3_lab.Storage(world.dir / "s3")
    world.agent.backup["offsite"] = {"endpoint": world.storage.endpoint, "bucket": "backups", "region": s3_lab.REGION,
                                     "prefix": "demo"}
    world.agent.backup["test_restore"] = "never"
    to_storage(world.agent, "web-1")
    world.at_end.append(lambda: secret_is_kept(world))
    return world.storage


def secret_is_kept(world):
    """Of all that the agents of a test have written."""
    agents = [p.parent.name for p in world.dir.glob("*/credentials")]
    found = find_in_tree(world.dir, [s3_lab.SECRET], agents, skip=[f"{a}/credentials" for a in agents])
    tap.equal((len(agents) > 0, found), (True, []), "the secret of the bucket is in no file but the credential")


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


def test_offsite_first_of_a_replacement(world):
    """A server that takes a lost one's place begins with an empty database: its first backups are odd beside the lost one's."""
    storage, agent, pg = with_storage(world), world.agent, world.pg
    agent.backup["offsite"]["keep"] = {"daily": 1, "weekly": 0, "monthly": 0}
    done = agent.run("backup")
    lost = remote_ids(storage)
    tap.check(done.returncode == 0 and len(lost) == 1, "the lost server's backup is there", done.stderr)
    rows = pg.rows("app")
    lose = "drop table shop.orders cascade; drop table files; drop table empty"

    def replace():
        # An id is a second, or a later one, and nobody here knows those of before any more.
        wait_for(lambda: time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) > remote_ids(storage)[-1], 60)
        shutil.rmtree(agent.state / "backup")
        pg.sql(lose, "app")
        return agent.run("backup")

    done = replace()
    tap.check(done.returncode == 6 and "nothing is sent" in done.stderr and "restore --offsite" in done.stderr,
              "the first one here is compared with it, and not sent", done.stderr)
    tap.equal(remote_ids(storage), lost, "which stays")
    tap.check(agent.list()[0]["suspect"], "and is suspect", agent.list())
    done = agent.run("restore", "latest")
    tap.check(done.returncode == 0 and pg.rows("app") == rows, "the latest good one is the lost server's", done.stderr)
    done = agent.run("backup")
    tap.check(done.returncode == 0 and remote_ids(storage)[-1] == agent.list()[0]["id"], "from then on all is as always", done.stderr)
    # A first one that is odd by itself, and sent as such: the one after it is compared all the same.
    lost = remote_ids(storage)[-1]
    shutil.rmtree(agent.state / "backup")
    wait_for(lambda: time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) > lost, 60)
    pg.sql("drop schema public cascade; drop schema shop cascade; create schema public", "app")
    agent.run("backup")
    tap.check("no tables" in (agent.list()[0]["suspect"] or ""), "a first backup without any table is suspect", agent.list()[0])
    pg.sql("create table made_anew(a int)", "app")
    done = agent.run("backup")
    tap.check(done.returncode == 6 and "nothing is sent" in done.stderr and agent.list()[0]["suspect"],
              "and one whose tables are empty is odd beside the lost server's", done.stderr)
    done = agent.run("restore", "latest")
    tap.check(done.returncode == 0 and pg.rows("app") == rows, "latest is the lost server's still", done.stderr)
    # Where it is meant: another application under the old name.
    done = replace()
    tap.equal(done.returncode, 6, "once more") or tap.note(done.stderr)
    meant = agent.list()[0]["id"]
    done = agent.run("backup", "verify", meant, "--accept")
    tap.equal(done.returncode, 0, "somebody says that it is meant") or tap.note(done.stderr)
    done = agent.run("backup", "copy")
    tap.check(done.returncode == 0 and meant in remote_ids(storage), "and it is sent", done.stderr)


def test_offsite_secrets(world):
    """As README has it: a lost server's, on the one that takes its place."""
    with_storage(world)
    agent = world.agent
    key, recipient = world.key()
    agent.backup["recipients"] = [recipient]
    agent.secrets = {"values": {"JWT": {"generate": 256}}}
    path = agent.state / "secrets/values.json"
    path.parent.mkdir(mode=0o700)
    path.write_text(json.dumps({"v": 1, "values": {"JWT": "jwt-of-then"}}))
    done = agent.run("backup")
    tap.equal(done.returncode, 0, "the lost server's backup is there") or tap.note(done.stderr)
    shutil.rmtree(agent.state / "backup")
    path.write_text(json.dumps({"v": 1, "values": {"JWT": "jwt-of-now"}}))
    wait_for(lambda: time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) > remote_ids(world.storage)[-1], 60)
    agent.run("backup", "now")
    done = agent.run("restore", "--offsite", "--secrets", "--identity", key)
    tap.equal((done.returncode, json.loads(path.read_text())["values"]), (0, {"JWT": "jwt-of-then"}),
              "restore --offsite --secrets brings back those of the lost server") or tap.note(done.stderr)


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
              all(n.startswith("demo/web-2/") for n in strange(there)), "and sends its own alone", there)


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
    tap.check(done.returncode == 3 and "'s3'" in done.stderr and s3_lab.SECRET not in done.stderr,
              "without the secret it says which", done.stderr)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
