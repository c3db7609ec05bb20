#!/usr/bin/env python3
"""What goes wrong outside must not go wrong inside: test_faults.py KBUILD [NAME]...     (TAP; root)

Builds of two small real definitions (one without a kernel, seconds each; one with a disk) against a
mirror on loopback that fails on demand, with kills, full disks and Ctrl-C. After each fault: the documented exit status and
one clear sentence, nothing wrong in the store, nothing mounted, no process left, and the next run
succeeds.
"""
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from fnmatch import fnmatch
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from caching_mirror import CachingMirror, faulty_mirror  # noqa: E402
from kbtest import Kbuild, Tap, mounts, processes, take_interrupts, wait_for, written  # noqa: E402

Fault = faulty_mirror.Fault
DEFINITION = """#cloud-config
packages: [hello]
kbuild:
  name: faults
  base: {distribution: debian, release: trixie, bootable: false}
"""
BOOTABLE = """#cloud-config
kbuild:
  name: faults
  base: {distribution: debian, release: trixie}
  docker: {enabled: false}
  disk: {size: 2G}
"""
# Pauses and patience in miniature: what is tested is what happens then, not how long it takes.
# Not so what counts as a stall: the mirror is silent, too, while it loads from its own or the machine is busy.
STALLS = {"KBUILD_STALL_SECONDS": "2"}
PATIENT = {"KBUILD_STALL_SECONDS": "600"}
QUICK = {"KBUILD_RETRY_PAUSE_MS": "10", **PATIENT}
BUILD = 900  # seconds after which a build hangs, also on a busy machine


class World:
    """One machine for all cases: the mirror, a warm store, a definition with its lock."""

    def __init__(self, program):
        shared = os.environ.get("KBUILD_CACHE")
        self.top = Path(tempfile.mkdtemp(prefix="kbuild-faults-"))
        self.mirror = CachingMirror(Path(shared or self.top) / "mirror")
        self.program = program
        self.tap = Tap()
        self.warm = Kbuild(program, self.top / "warm", cache=self.top / "warm-cache")
        self.warm.scratch.mkdir()
        self.warm.env.update(PATIENT)
        self.file = self.top / "faults.yaml"
        self.file.write_text(DEFINITION)
        self.count = 0

    def kbuild(self, warm=True):
        """A kbuild of its own: a fresh cache, with the warm one's packages when asked."""
        self.count += 1
        scratch = self.top / f"case{self.count}"
        scratch.mkdir()
        k = Kbuild(self.program, scratch, cache=scratch / "cache")
        k.env.update(QUICK)
        k.verb = ("build", scratch / "faults.yaml", "--until", "seal")
        shutil.copy(self.file, scratch)
        if warm:
            shutil.copy(f"{self.file}.lock", scratch)
            for name in ("store", "plain", "apt"):
                subprocess.run(["cp", "-al", self.warm.cache / name, k.cache / name], check=False) \
                    if k.cache.mkdir(exist_ok=True) is None else None
        return k

    def run(self, k, *args, timeout=BUILD):
        return k.run(*args, "--mirror", f"{self.mirror.url}/debian", timeout=timeout)

    def build(self, k, *more, **options):
        return self.run(k, *k.verb, *more, **options)

    @contextlib.contextmanager
    def faults(self, *texts):
        self.mirror.faults[:] = [Fault.parse(text) for text in texts]
        try:
            yield
        finally:
            self.mirror.faults.clear()

    def prepare(self):
        """The lock and the packages that all cases begin with."""
        done = self.run(self.warm, "build", "--until", "fetch", self.file)
        return self.tap.check(done.returncode == 0, "a lock and its packages", done.stderr)

    def check_clean(self, k, name):
        """Nothing wrong in the store, nothing mounted, no process."""
        left = wait_for(lambda: not processes(str(k.scratch)), 60) or processes(str(k.scratch))
        self.tap.check(left is True, f"{name}: no process is left", left)
        self.tap.equal(mounts(str(k.scratch)), [], f"{name}: nothing is mounted")
        self.tap.equal(wrong_files(k.cache / "store"), [], f"{name}: every stored file is right")

    def check_recovers(self, k, name):
        done = self.build(k)
        self.tap.check(done.returncode == 0, f"{name}: the next run succeeds", done.stderr)

        def left():
            return [str(p) for top in (k.cache / "work", k.scratch / "out/.staging") if top.is_dir()
                    for p in top.iterdir() if not is_held(p)]

        # What another kbuild is just making or removing in a shared cache is not held, for a moment.
        wait_for(lambda: not left(), 60)
        self.tap.equal(left(), [], f"{name}: and has swept what the broken one left")

    def check_failed(self, done, status, words, name):
        """The documented exit status and a sentence that names what it is about."""
        text = done.stderr
        self.tap.check(done.returncode == status and all(w in text for w in words),
                       f"{name}: exit status {status}, and says {words}",
                       f"exit status {done.returncode}\n{text}")

    def remove(self):
        shutil.rmtree(self.top, ignore_errors=True)


def is_held(work):
    """Whether a living kbuild works there: the cache may be shared with others."""
    try:
        with open(work / ".lock", "rb") as f:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def wrong_files(store):
    """Files of the store whose content is not what their name says."""
    wrong = []
    for path in store.glob("[0-9a-f][0-9a-f]/*"):
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.name.split(".")[0]:
            wrong.append(str(path))
    return wrong


# --- the mirror ---------------------------------------------------------------------------------

# fault of the packages | exit status | words that must be said
PACKAGE_FAULTS = (
    ("404", 5, ["hello", "404"]),
    ("500", 5, ["hello", "500"]),
    ("html", 5, ["hello"]),
    ("stall", 5, ["hello"]),
    ("half", 5, ["hello"]),
    ("reset", 5, ["hello"]),
    ("truncated", 5, ["hello"]),
    ("flip", 4, ["hello"]),
)
# fault of the indexes | exit status | words
INDEX_FAULTS = (
    ("*dists/*Release* 404", 5, ["no such suite"]),
    ("*InRelease 500", 5, []),
    ("*InRelease html", 5, ["login page"]),
    ("*InRelease half", 5, []),
    ("*InRelease flip", 4, ["signature"]),
    ("*/binary-amd64/* truncated", 4, []),
    ("*/binary-amd64/* flip", 4, []),
)


def case_packages(w):
    """One package is missing from the store, and the mirror fails just for that."""
    for kind, status, words in PACKAGE_FAULTS:
        name = f"a package with fault '{kind}'"
        k = w.kbuild()
        drop(k, "hello")
        k.env.update(STALLS if kind == "stall" else {})
        with w.faults(f"*/hello_* {kind}"):
            done = w.build(k, "--until", "fetch")
        k.env.update(PATIENT)
        w.check_failed(done, status, words, name)
        w.check_clean(k, name)
        done = w.build(k, "--until", "fetch")
        w.tap.check(done.returncode == 0, f"{name}: the next run succeeds", done.stderr)


def drop(k, package):
    """Takes a package out of the store (not out of the shared one: the names are hard links)."""
    for line in (k.scratch / "faults.yaml.lock").read_text().splitlines():
        words = line.split()
        if words[:2] == ["package", package]:
            digest = next(word for word in words if len(word) == 64)
            for path in k.cache.glob(f"*/{digest[:2]}/{digest}*"):
                path.unlink()
            return
    raise AssertionError(f"no package {package} in the lock")


def case_indexes(w):
    for fault, status, words in INDEX_FAULTS:
        name = f"indexes with fault '{fault}'"
        k = w.kbuild(warm=False)
        with w.faults(fault):
            done = w.run(k, "lock", k.scratch / "faults.yaml")
        w.check_failed(done, status, words, name)
        w.tap.check(not Path(f"{k.scratch}/faults.yaml.lock").exists(), f"{name}: no lock is written")
        w.check_clean(k, name)
        done = w.run(k, "lock", k.scratch / "faults.yaml")
        w.tap.check(done.returncode == 0, f"{name}: the next run succeeds", done.stderr)


# --- kills --------------------------------------------------------------------------------------

def case_kill(w):
    """kill -9 at ten moments, spread over the time that an undisturbed build takes."""
    k = w.kbuild()
    started = time.monotonic()
    done = w.build(k)
    whole = time.monotonic() - started
    if not w.tap.check(done.returncode == 0, f"an undisturbed build ({whole:.1f} s)", done.stderr):
        return
    for i in range(10):
        at = whole * (i + 0.5) / 10
        name = f"killed {i + 0.5:.1f} tenths through"
        shutil.rmtree(k.cache / "trees", ignore_errors=True)
        shutil.rmtree(k.scratch / "out", ignore_errors=True)
        kill_at(w, k, at, name)
    w.check_recovers(k, "after ten kills")


def kill_at(w, k, at, name):
    child = k.start(*k.verb, "--mirror", f"{w.mirror.url}/debian")
    time.sleep(at)
    child.kill()
    child.communicate()
    w.check_clean(k, name)


def bootable(w):
    """The definition with a disk, its tree made: what follows in each build takes some seconds."""
    k = w.kbuild(warm=False)
    (k.scratch / "faults.yaml").write_text(BOOTABLE)
    k.verb = ("build", k.scratch / "faults.yaml")
    shared = os.environ.get("KBUILD_CACHE")
    if shared:  # the tree, when an earlier run of this test left it there
        k.cache = Path(shared)
        k.env["KBUILD_CACHE"] = shared
    done = w.build(k, "--until", "tree", "--json")
    if not w.tap.check(done.returncode == 0, "a bootable tree", done.stderr):
        return None
    w.tap.equal(json.loads(done.stdout), {"name": "faults", "step": "tree"}, "its result is no disk")
    return k


def is_whole(disk):
    """All of the output is there, and the file system and its backup partition table are sound."""
    judged = subprocess.run(["sgdisk", "--verify", disk], capture_output=True, text=True)
    return (disk.parent / "manifest.json").exists() and "No problems found" in judged.stdout


def case_disk(w):
    """kill -9 and Ctrl-C while the disk is baked and written, then no space for it."""
    k = bootable(w)
    if not k:
        return
    w.build(k)
    started = time.monotonic()
    done = w.build(k, "--force")
    whole = time.monotonic() - started
    disk = k.scratch / "out/faults/disk.raw"
    w.tap.check(done.returncode == 0 and disk.exists(), f"bake, seal, disk ({whole:.1f} s)", done.stderr)
    before = written(disk)
    done = w.build(k)
    w.tap.check(done.returncode == 0 and written(disk) == before, "again: nothing is done", done.stderr)
    two_at_once(w, k, disk)
    for i in range(5):
        shutil.rmtree(k.scratch / "out", ignore_errors=True)
        name = f"killed {i + 0.5:.1f} fifths through the disk"
        kill_at(w, k, whole * (i + 0.5) / 5, name)
        w.tap.check(not disk.exists() or is_whole(disk), f"{name}: no half disk is shown")
    shutil.rmtree(k.scratch / "out", ignore_errors=True)
    interrupt(w, k, "while the disk is written", (), "disk:")
    w.check_recovers(k, "after kills at the disk")
    w.tap.check(disk.exists(), "and the disk is there")
    shutil.rmtree(k.scratch / "out")
    with small_disk(k.scratch / "out", "60m"):
        done = w.build(k)
        w.check_failed(done, 1, ["space"], "no space in the output")
        w.tap.equal(list((k.scratch / "out").rglob("disk.raw")), [],
                    "no space in the output: no half disk is left")
    w.check_recovers(k, "after no space in the output")


def two_at_once(w, k, disk):
    """Both want the disk in the other format: one makes it, and the other finds it."""
    both = [k.start(*k.verb, "--format", "raw,qcow2") for _ in range(2)]
    texts = [child.communicate(timeout=BUILD)[1] for child in both]
    w.tap.check([child.returncode for child in both] == [0, 0], "two at once: both succeed", "\n".join(texts))
    w.tap.equal(sorted("waiting for another kbuild" in text for text in texts), [False, True],
                "two at once: one has waited for the other")
    qcow2 = disk.with_suffix(".qcow2")
    manifest = json.loads((disk.parent / "manifest.json").read_text())
    w.tap.equal(manifest["files"]["disk.qcow2"]["sha512"], hashlib.sha512(qcow2.read_bytes()).hexdigest(),
                "two at once: the manifest has the disk's hash")
    judged = subprocess.run(["qemu-img", "check", qcow2], capture_output=True, text=True)
    w.tap.check(judged.returncode == 0, "two at once: the disk is sound", judged.stdout + judged.stderr)
    w.tap.equal(sorted(p.name for p in disk.parent.iterdir()),
                ["disk.qcow2", "disk.raw", "manifest.json", "sbom.cdx.json", "user-data"], "two at once: nothing else is there")


def case_interrupt(w):
    """Ctrl-C (to kbuild alone, the harder case) during each kind of work."""
    k = w.kbuild()
    for name, at in (("at once", 0.3), ("while essentials are unpacked", "essential packages:"),
                     ("while packages are configured", "configure:")):
        interrupt(w, k, name, (), at)
    cold = w.kbuild()
    drop(cold, "hello")
    interrupt(w, cold, "while the mirror stalls", ("*/hello_* stall0",), None)
    fresh = w.kbuild(warm=False)
    fresh.verb = ("lock", fresh.scratch / "faults.yaml")
    interrupt(w, fresh, "while indexes are slow", ("*InRelease stall0",), None)
    w.check_recovers(k, "after an interrupt")


def interrupt(w, k, name, faults, at):
    """
    at: seconds, or how the line begins that says that this work is being done; None: when the mirror was asked for
    what it does not give.
    """
    with w.faults(*faults):
        w.mirror.log.clear()
        child = k.start(*k.verb, "--mirror", f"{w.mirror.url}/debian")
        if isinstance(at, str):
            while (line := child.stderr.readline()) and not line.startswith(at):
                pass
        elif at is None:
            pattern = faults[0].split()[0]
            w.tap.check(wait_for(lambda: any(fnmatch(path, pattern) for path, _ in list(w.mirror.log)), 60),
                        f"Ctrl-C {name}: the mirror was asked", w.mirror.log)
        else:
            time.sleep(at)
        child.send_signal(signal.SIGINT)
        started = time.monotonic()
        try:
            _, err = child.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            child.kill()
            _, err = child.communicate()
        took = time.monotonic() - started
    # At once it may come before kbuild listens to it; then it ends as any program does.
    ends = (130, -signal.SIGINT) if name == "at once" else (130,)
    w.tap.check(child.returncode in ends, f"Ctrl-C {name}: exit status 130", (child.returncode, err))
    w.tap.note(f"it ended after {took:.2f} s")
    w.check_clean(k, f"Ctrl-C {name}")


# --- full disks ---------------------------------------------------------------------------------

@contextlib.contextmanager
def small_disk(path, size):
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def case_full(w):
    for name, size in (("the cache, while fetching", "20m"),
                       ("the cache, while unpacking", "150m")):
        k = w.kbuild(warm=False)
        shutil.copy(f"{w.file}.lock", k.scratch)
        with small_disk(k.cache, size):
            done = w.build(k)
            w.check_failed(done, 1, ["space"], f"no space in {name}")
            w.tap.equal([p for p in processes(str(k.scratch))], [],
                        f"no space in {name}: no process is left")
            w.tap.equal(len(mounts(str(k.scratch))), 1, f"no space in {name}: nothing is mounted")
            w.tap.equal(wrong_files(k.cache / "store"), [],
                        f"no space in {name}: every stored file is right")
        w.check_recovers(k, f"after no space in {name}")


CASES = {name[5:]: f for name, f in list(globals().items()) if name.startswith("case_")}


def main():
    take_interrupts()
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    w = World(sys.argv[1])
    with w.mirror:
        try:
            if w.prepare():
                for name in sys.argv[2:] or CASES:
                    CASES[name](w)
        finally:
            w.remove()
    return w.tap.done()


if __name__ == "__main__":
    sys.exit(main())
