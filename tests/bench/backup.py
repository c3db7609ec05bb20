#!/usr/bin/env python3
"""What a backup costs, beside `pg_dumpall | zstd` on the same server and data: tests/bench/backup.py BUILD

In turn (A B C D, A B C D, ...), so that a machine that slows down slows all of them. Prints medians of a small and of
a large database, and judges the memory: of all of the agent's processes, the same for any size.
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "agent")]
from kbtest import memory_of  # noqa: E402

ROUNDS = 3
ROWS = (400000, 4000000)
THROUGHPUT, MEMORY = 0.9, 64  # of pg_dumpall's; MiB


def measure(argv, **more):
    """(wall seconds, CPU seconds of it and what it waited for, peak MiB of it and all below it)"""
    start, peak = time.monotonic(), 0
    child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, **more)
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        peak = max(peak, memory_of(child.pid) / 2**20)
        time.sleep(0.01)
    if status:
        sys.exit(f"{argv[0]} failed: {child.stderr.read().decode()[-2000:]}")
    child.stderr.close()
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, peak


def fill(pg, rows):
    pg.sql("drop database if exists app")
    pg.sql("create database app")
    pg.sql(f"""create table orders as select g id, 'customer ' || g % 5000 as name, md5(g::text) as token,
               now() + g * interval '1 second' as at, repeat('some text that repeats ', g % 9) as note,
               round((random() * 1000)::numeric, 2) as total from generate_series(1, {rows}) g""", "app")


def agents_of(build, scratch, broker, recipient):
    from backup_lab import Agent
    forms = {"plain": ("plain", []), "plain, encrypted": ("plain", [recipient]),
             "custom, encrypted": ("custom", [recipient])}
    agents = {}
    for name, (form, recipients) in forms.items():
        agent = Agent(build / "firstboot/kbuild-agent", scratch, broker, name.replace(", ", "-"))
        agent.backup.update(postgres={"container": "db", "format": form}, recipients=recipients,
                            keep={"daily": 1, "weekly": 0, "monthly": 0})
        agents[name] = agent
    return agents


def compare(pg, agents, peer):
    """Prints one size's figures; whether each took little enough memory."""
    size = int(pg.sql("select pg_database_size('app')")) / 2**20
    results = {name: [] for name in ["peer", *agents]}
    for _ in range(ROUNDS):
        results["peer"].append(measure(["bash", "-c", f"set -o pipefail; {peer}"], env={**os.environ, **pg.env}))
        for name, agent in agents.items():
            results[name].append(measure(agent.arguments("backup", "now"), env=agent.env))
    wall = statistics.median(r[0] for r in results["peer"])
    print(f"backup of a database of {size:.0f} MiB (median of {ROUNDS})")
    print(f"  {'pg_dumpall | zstd':<28} {wall:6.2f} s")
    little = True
    for name in agents:
        median, peak = statistics.median(r[0] for r in results[name]), max(r[2] for r in results[name])
        print(f"  kbuild-agent, {name:<18} {median:.2f} s, {wall / median:.2f} x the throughput (at least {THROUGHPUT}), "
              f"peak {peak:.0f} MiB (at most {MEMORY})", flush=True)
        little = little and peak <= MEMORY
    return little


def backup(build, scratch):
    """`kbuild-agent backup now` against `pg_dumpall | zstd`: the same server, the same data."""
    from backup_lab import Broker, Postgres
    pg = Postgres(scratch)
    broker = Broker(scratch / "broker.sock", scratch)
    broker.containers["db"] = pg
    key = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True)
    little = True
    try:
        agents = agents_of(build, scratch, broker, re.search(r"age1\w+", key.stdout)[0])
        for rows in ROWS:
            fill(pg, rows)
            little = compare(pg, agents, f"{pg.bin}/pg_dumpall | zstd -q >{scratch}/peer.zst") and little
    finally:
        broker.stop()
    print(f"{'' if little else 'not '}ok 1 - backups of any size take little memory")
    return little


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    scratch = Path(tempfile.mkdtemp(prefix="kbuild-bench-"))
    scratch.chmod(0o755)
    try:
        return not backup(Path(sys.argv[1]).resolve(), scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
