#!/usr/bin/env python3
"""The figures, side by side in one run: run.py KBUILD SCRATCH [ROUNDS]

The demo's package set from a warm package store: kbuild to a raw disk, mkosi 25 to a raw disk,
mmdebstrap to a directory, in turn (A B C, A B C ...), so that a machine that slows down slows all of
them. Then what kbuild repeats most: a build where nothing changed, one where only the definition
changed, a lock with warm indexes. Prints medians and ratios; judges nothing, because a timing is no
test. Needs root, some 8 GB below SCRATCH, and the host's Debian mirror for the first round.
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import caching_mirror  # noqa: E402

DEMO = HERE.parents[1] / "images" / "demo.yaml"


class Run:
    """One finished command: wall and CPU seconds, and the peak memory of the process itself."""

    def __init__(self, wall, cpu, peak):
        self.wall, self.cpu, self.peak = wall, cpu, peak


def own_peak(pid, peak):
    """VmHWM of one process in MiB: its own memory, without that of the programs it runs."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return peak
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return max(peak, int(found[1]) / 1024) if found else peak


def run(log, *argv, env=None):
    start, peak = time.monotonic(), 0
    with open(log, "ab") as out:
        child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=out, env={**os.environ, **(env or {})})
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            peak = own_peak(child.pid, peak)
            time.sleep(0.005)
    if status:
        sys.exit(f"{argv[0]} failed, see {log}:\n{Path(log).read_text()[-2000:]}")
    return Run(time.monotonic() - start, usage.ru_utime + usage.ru_stime, peak)


class Kbuild:
    def __init__(self, program, scratch, mirror):
        self.program, self.scratch, self.log = program, scratch, scratch / "kbuild.log"
        self.cache = scratch / "cache"
        self.definition = scratch / "demo.yaml"
        self.mirror = mirror
        shutil.copy(DEMO, self.definition)

    def do(self, *args):
        return run(self.log, self.program, *args, "--cache", self.cache, "--mirror", self.mirror,
                   "--quiet", env={"PWD": str(self.scratch)})

    def build(self, *args):
        return self.do("build", self.definition, "-o", self.scratch / "out", *args)

    def full(self, keep_plain):
        """From the .debs of the store: no tree, and (unless kept) nothing decompressed."""
        shutil.rmtree(self.cache / "trees", ignore_errors=True)
        if not keep_plain:
            shutil.rmtree(self.cache / "plain", ignore_errors=True)
        return self.build("--force")

    def edited(self, i):
        text = DEMO.read_text().replace("It is replaced, not patched.", f"Edition {i}.")
        self.definition.write_text(text)
        return self.build()

    def asked(self):
        lock = Path(f"{self.definition}.lock").read_text()
        return re.findall(r"^asked (\S+)$", lock, re.M)


def prepare(kbuild, scratch, mirror, security):
    """Fills every cache, so that no round pays for a download."""
    kbuild.do("lock", kbuild.definition)
    kbuild.build()
    tree = scratch / "mkosi-tree"
    run(scratch / "mkosi.log", HERE / "mkosi.sh", "prepare", tree, mirror, security, *kbuild.asked())
    run(scratch / "mkosi.log", HERE / "mkosi.sh", "build", tree)
    mmdebstrap(kbuild, scratch, mirror, security)
    return tree


def mmdebstrap(kbuild, scratch, mirror, security):
    target = scratch / "mmdebstrap"
    shutil.rmtree(target, ignore_errors=True)
    lines = [f"deb {mirror} trixie main", f"deb {mirror} trixie-updates main",
             f"deb {security} trixie-security main"]
    return run(scratch / "mmdebstrap.log", "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase",
               "--include=" + ",".join(kbuild.asked()), "trixie", target, *lines)


def table(rows):
    print(f"\n{'':44} {'wall s':>8} {'min':>7} {'max':>7} {'CPU s':>7}")
    for name, runs in rows.items():
        walls = [r.wall for r in runs]
        print(f"{name:44} {statistics.median(walls):8.2f} {min(walls):7.2f} {max(walls):7.2f} "
              f"{statistics.median(r.cpu for r in runs):7.2f}")


def ratio(rows, a, b):
    pairs = [x.wall / y.wall for x, y in zip(rows[a], rows[b])]
    print(f"{a} / {b}: {statistics.median(pairs):.2f}  (each pair: "
          + ", ".join(f"{p:.2f}" for p in pairs) + ")")


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    program, scratch = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    rounds = int(sys.argv[3]) if len(sys.argv) == 4 else 3
    scratch.mkdir(parents=True, exist_ok=True)
    with caching_mirror.CachingMirror(scratch / "mirror") as server:
        mirror, security = f"{server.url}/debian", f"{server.url}/debian-security"
        kbuild = Kbuild(program, scratch, mirror)
        tree = prepare(kbuild, scratch, mirror, security)
        full, plain = "kbuild, raw disk, warm .debs", "kbuild, raw disk, warm plain .debs"
        mkosi, mmdeb = "mkosi, raw disk", "mmdebstrap, directory"
        edit, same = "kbuild, only the definition changed", "kbuild, nothing changed"
        lock = "kbuild lock --update, warm indexes"
        rows = {name: [] for name in (full, plain, mkosi, mmdeb, edit, same, lock)}
        for i in range(rounds):
            rows[full].append(kbuild.full(keep_plain=False))
            rows[mkosi].append(run(scratch / "mkosi.log", HERE / "mkosi.sh", "build", tree))
            rows[mmdeb].append(mmdebstrap(kbuild, scratch, mirror, security))
            rows[plain].append(kbuild.full(keep_plain=True))
            rows[edit].append(kbuild.edited(i))
            rows[same].append(kbuild.build())
            rows[lock].append(kbuild.do("lock", "--update", kbuild.definition))
    table(rows)
    print()
    for ours in (full, plain):
        for peer in (mkosi, mmdeb):
            ratio(rows, ours, peer)
    print(f"kbuild's own peak memory: {max(r.peak for r in rows[full] + rows[lock]):.0f} MiB")


if __name__ == "__main__":
    main()
