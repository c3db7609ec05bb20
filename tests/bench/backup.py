#!/usr/bin/env python3
"""What a backup costs, beside `pg_dumpall | zstd` on the same server and data: tests/bench/backup.py BUILD

In turn (A B C D, A B C D, ...), so that a machine that slows down slows all of them. Prints medians; it
judges nothing, because a timing is no test.
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

ROUNDS = 3


def peak_of(pid):
    """VmHWM of a living process in MiB, 0 when it is gone."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) / 1024 if found else 0


def measure(argv, **more):
    """(wall seconds, CPU seconds of it and what it waited for, peak MiB of the process itself)"""
    start, peak = time.monotonic(), 0
    child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, **more)
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        peak = max(peak, peak_of(child.pid))
        time.sleep(0.01)
    if status:
        sys.exit(f"{argv[0]} failed: {child.stderr.read().decode()[-2000:]}")
    child.stderr.close()
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, peak


def backup_fill(pg, rows):
    pg.sql("create database app")
    pg.sql(f"""create table orders as select g id, 'customer ' || g % 5000 as name, md5(g::text) as token,
               now() + g * interval '1 second' as at, repeat('some text that repeats ', g % 9) as note,
               round((random() * 1000)::numeric, 2) as total from generate_series(1, {rows}) g""", "app")


def backup(build, scratch):
    """`kbuild-agent backup now` against `pg_dumpall | zstd`: the same server, the same data."""
    from backup_lab import Agent, Broker, Postgres
    pg = Postgres(scratch)
    broker = Broker(scratch / "broker.sock", scratch)
    broker.containers["db"] = pg
    key = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True)
    recipient = re.search(r"age1\w+", key.stdout)[0]
    try:
        backup_fill(pg, 4000000)
        size = int(pg.sql("select pg_database_size('app')")) / 2**20
        peer = f"{pg.bin}/pg_dumpall | zstd -q >{scratch}/peer.zst"
        forms = {"plain": ("plain", []), "plain, encrypted": ("plain", [recipient]),
                 "custom, encrypted": ("custom", [recipient])}
        agents = {}
        for name, (form, recipients) in forms.items():
            agent = Agent(build / "firstboot/kbuild-agent", scratch, broker, name.replace(", ", "-"))
            agent.backup.update(postgres={"container": "db", "format": form}, recipients=recipients,
                                keep={"daily": 1, "weekly": 0, "monthly": 0})
            agents[name] = agent
        results = {name: [] for name in ["peer", *forms]}
        for _ in range(ROUNDS):
            results["peer"].append(measure(["bash", "-c", f"set -o pipefail; {peer}"], env={**os.environ, **pg.env}))
            for name, agent in agents.items():
                results[name].append(measure(agent.arguments("backup", "now"), env=agent.env))
        median = {n: [statistics.median(x) for x in zip(*v)] for n, v in results.items()}
        wall = median["peer"][0]
        print(f"backup of a database of {size:.0f} MiB (median of {ROUNDS})")
        print(f"  {'pg_dumpall | zstd':<28} {wall:6.2f} s")
        for name in forms:
            print(f"  kbuild-agent, {name:<18} {median[name][0]:.2f} s, {wall / median[name][0]:.2f} x the throughput, "
                  f"peak {max(x[2] for x in results[name]):.0f} MiB")
    finally:
        broker.stop()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    scratch = Path(tempfile.mkdtemp(prefix="kbuild-bench-"))
    scratch.chmod(0o755)
    try:
        backup(Path(sys.argv[1]).resolve(), scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
