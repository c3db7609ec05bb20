"""What the test programs in Python share: TAP, a kbuild with directories of its own, waiting."""
import ctypes
import json
import os
import pty
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
# Lockups are none: they are of a busy machine.
KERNEL_FAULT = re.compile(r"Oops: \w+|BUG: (?!soft lockup|workqueue lockup)[^\r\n]{,60}|Fatal exception[^\r\n]*")


def take_interrupts():
    """Whoever runs this in the background may have SIGINT ignored, which kbuild would inherit and respect."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def bcrypt(password):
    """As htpasswd -B makes it; of libcrypt itself, for Python 3.13 knows no crypt."""
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    return crypt(password.encode(), b"$2b$05$abcdefghijklmnopqrstuu").decode()


def answered_late(argv, meanwhile, **more):
    """Runs it to its question; does something else; then says yes. Its exit status, and all that it said."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(argv, stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **more)
    said = ""
    while "[y/N]" not in said and child.poll() is None:
        said += child.stderr.read(1)
    meanwhile()
    os.write(ours, b"y\n")
    said += child.communicate(timeout=180)[1]
    os.close(ours)
    os.close(theirs)
    return child.returncode, said


class Tap:
    """Prints each check as it is made; a failed one never ends the program."""

    def __init__(self):
        self.count = self.failed = 0

    def check(self, good, name, detail=""):
        self.count += 1
        self.failed += not good
        if not good and detail:
            print("\n".join("# " + line for line in str(detail).splitlines()[-60:]))
        print(f"{'' if good else 'not '}ok {self.count} - {name}", flush=True)
        return bool(good)

    def equal(self, got, want, name):
        return self.check(got == want, name, f"got:    {got!r}\nwanted: {want!r}")

    def note(self, text):
        print(f"# {text}", flush=True)

    def done(self):
        print(f"1..{self.count}")
        return 1 if self.failed or not self.count else 0


class Kbuild:
    """The real program; its cache is shared (KBUILD_CACHE), its servers and outputs are not."""

    def __init__(self, program, scratch=None, cache=None):
        self.program = str(Path(program).resolve())
        self.scratch = Path(scratch or tempfile.mkdtemp(prefix="kbuild-test-"))
        self.cache = Path(cache or os.environ.get("KBUILD_CACHE") or self.scratch / "cache")
        self.state = self.scratch / "state"
        self.env = dict(os.environ, KBUILD_CACHE=str(self.cache), KBUILD_STATE=str(self.state),
                        LC_ALL="C.UTF-8", NO_COLOR="1")

    def start(self, *args, **more):
        more.setdefault("cwd", self.scratch)
        return subprocess.Popen([self.program, *map(str, args)], env=self.env, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **more)

    def run(self, *args, timeout=600, **more):
        child = self.start(*args, **more)
        try:
            out, err = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
            err += f"\n(killed by the test after {timeout} s)"
        return subprocess.CompletedProcess(child.args, child.returncode, out, err)

    def boots(self, name, *args, again=(), **more):
        """
        run() of a launch or a start of our own QEMU. QEMU 7's emulation now and then breaks a guest whose kernel patches
        its own code on two processors, some seconds into a boot (an "Oops" that no image of ours makes): that, and
        only that, is switched off and started a second time, which is printed. A kernel that cannot boot fails twice.
        Not every Oops is a panic: a boot may go on without what met it, and fail later.
        """
        done = self.run(*args, **more)
        fault = KERNEL_FAULT.search(self.run("console", name).stdout.rsplit("Linux version", 1)[-1]) \
            if done.returncode != 0 else None
        if not fault:
            return done
        print(f"# the emulator broke the guest ({fault.group(0)}), once more", flush=True)
        self.run("stop", name, "--force")
        return self.run("start", name, *again, **more)

    def json(self, *args, **more):
        done = self.run(*args, "--json", **more)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def remove(self):
        shutil.rmtree(self.scratch, ignore_errors=True)


class Server:
    def __init__(self, kbuild, name, *where):
        """where: options that lead to it, as --cloud ovh."""
        self.kbuild, self.name, self.where = kbuild, name, where

    def sh(self, script, timeout=600, data=None):
        """Runs a script as root on the server; (exit status, output)."""
        argv = [self.kbuild.program, "ssh", self.name, *self.where, "--", "sudo", "sh", "-c", shlex.quote(script)]
        try:
            done = subprocess.run(argv, env=self.kbuild.env, input=data, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=timeout)
        except subprocess.TimeoutExpired as e:
            return 124, f"no end after {timeout} s: {(e.stdout or b'').decode(errors='replace')}"
        return done.returncode, done.stdout.decode(errors="replace").strip()

    def out(self, script, **more):
        return self.sh(script, **more)[1]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listening(child, port, seconds=120):
    """Whether this child listens there, as soon as it does; false when it has ended."""
    def there():
        with socket.socket() as s:
            return child.poll() is not None or s.connect_ex(("127.0.0.1", port)) == 0
    return wait_for(there, seconds, every=0.05) and child.poll() is None


def wait_for(what, seconds, every=0.2):
    """The first true value of what(), or its last value after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
        time.sleep(every)


def written(path):
    """What changes when somebody writes the file, not when somebody reads it."""
    s = os.stat(path)
    return s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns


def processes(needle):
    """Pids of living processes (not zombies, not ourselves) that name needle on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if needle.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def memory_of(root):
    """Proportional set size in bytes of a process and all below it: pages that are shared count once."""
    total, todo = 0, [root]
    while todo:
        pid = todo.pop()
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:")) << 10
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
                todo += map(int, f.read().split())
        except OSError:
            pass
    return total


def kill(pids):
    """kill -9, until they have ended. A dying process has no command line any more long before the kernel has
    closed its files and given up their locks; the pidfd tells the end of its last thread, which comes after that."""
    fds = []
    for pid in pids:
        try:
            fds.append(os.pidfd_open(pid))
            signal.pidfd_send_signal(fds[-1], signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has ended by itself
    for fd in fds:
        if not select.select([fd], [], [], 60)[0]:
            raise TimeoutError(f"killed, but has not ended in 60 s: one of {pids}")
        os.close(fd)


def mounts(needle):
    text = Path("/proc/self/mountinfo").read_text()
    return [line for line in text.splitlines() if needle in line]


def program_argument():
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} KBUILD")
    return sys.argv[1]
