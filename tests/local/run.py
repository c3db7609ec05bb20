#!/usr/bin/env python3
"""The local cloud with a real QEMU and the smallest guest there is (guest.S): launch, list, stop,
start, destroy, and what goes wrong, in seconds and without an operating system.

usage: run.py KBUILD [NAME-OF-A-CASE...]      (prints TAP; exit 1 when a case fails)

Needs qemu-system-x86, qemu-utils, binutils. As root it also tries a full file system.
"""
import gzip
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
from kbtest import answered_late, kill, take_interrupts  # noqa: E402

READY = 'kbuild-status: {"version":1,"state":"ready"}\r\n'
OBEY, SWITCH_OFF = 1, 2
LIMIT = 180  # seconds for one kbuild: a hang is a failure
# Pauses of the guest, about a second each: what a test does meanwhile is done then, on a busy machine, too.
LONG = "\2" * 15
CASES = []


def case(function):
    CASES.append(function)
    return function


def until(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        time.sleep(0.02)


def boot_sector(directory):
    obj, out = directory / "guest.o", directory / "guest.bin"
    subprocess.run(["as", "--32", "-o", obj, HERE / "guest.S"], check=True)
    subprocess.run(["ld", "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-o", out, obj],
                   check=True)
    return out.read_bytes()


def qemus_with(text):
    """Process numbers of QEMUs that have this text in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if entry.name.isdigit() and b"qemu-system" in line.split(b"\0")[0] and text.encode() in line:
            found.append(int(entry.name))
    return found


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def json(self):
        return json.loads(self.out)


class Place:
    """A state directory of its own, with the disks a case asks for."""

    def __init__(self, kbuild, base, sector, cache):
        self.kbuild, self.base, self.sector = kbuild, base, sector
        self.state = base / "state"
        self.env = dict(os.environ, KBUILD_STATE=str(self.state), KBUILD_CACHE=str(cache), HOME=str(base))

    def disk(self, text="hello\r\n" + READY, flags=OBEY, name="disk.raw"):
        path = self.base / name
        path.write_bytes((self.sector + bytes([flags, 0x30]) + bytes(14) + text.encode()).ljust(1 << 20, b"\0"))
        return path

    def start(self, *args, **more):
        return subprocess.Popen([self.kbuild, *map(str, args)], env=self.env, cwd=self.base, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)

    def finish(self, process):
        try:
            out, err = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"kbuild did not end: {process.communicate()}")
        return Result(process.returncode, out, err)

    def run(self, *args, status=0):
        result = self.finish(self.start(*args))
        assert result.status == status, \
            f"exit status {result.status}, wanted {status}, of {args}\n{result.out}\n{result.err}"
        return result

    def launch(self, *args, name="web", status=0, disk=None):
        return self.run("launch", "--image", disk or self.disk(), "--name", name, "--memory", "64M", *args,
                        status=status)

    def dir(self, name="web"):
        return self.state / "servers" / name

    def record(self, name="web"):
        return json.loads((self.dir(name) / "server.json").read_text())

    def show(self, name="web"):
        return self.run("status", name, "--json").json()

    def qemus(self):
        return qemus_with(str(self.state))

    def console(self, name="web"):
        try:
            return (self.dir(name) / "console.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def kill_qemu(self):
        kill(self.qemus())

    def left(self):
        servers = self.state / "servers"
        return sorted(p.name for p in servers.iterdir()) if servers.exists() else []

    def nothing_left(self):
        assert self.left() == [], self.left()
        assert self.qemus() == []

    def clean(self):
        self.kill_qemu()


def until_it_waits(launch):
    """Until kbuild says that it waits for the answer: QEMU is then started, and the launch not over."""
    for line in launch.stderr:
        if line.startswith("waiting for the server"):
            return
    raise AssertionError("kbuild did not get as far as to wait")


def listens(port):
    with socket.socket() as s:
        s.settimeout(5)
        return s.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def has(text, *parts):
    for part in parts:
        assert part in text, f"'{part}' is not in:\n{text}"


@case
def launch_waits_for_the_answer_and_tells_how_to_go_on(p):
    port = free_port()
    r = p.launch("--forward", f"{port}:80")
    has(r.out, "server 'web' is running", "status    ready", f"127.0.0.1:{port} -> port 80/tcp",
        "kbuild ssh web", "kbuild console web -f", "kbuild stop web", "kbuild destroy web")
    assert len(p.qemus()) == 1, "the server outlives kbuild"
    s = p.show()
    assert s["state"] == "running" and s["status"]["state"] == "ready" and s["accel"] in ("kvm", "tcg")
    assert listens(port) and listens(s["ssh_port"])
    assert p.record()["phase"] == "ready"
    has(p.run("console").out, "hello", "kbuild-status: ")


@case
def list_shows_all_and_json_is_json(p):
    assert p.run("list", "--json").json() == []
    has(p.run("list").out, "there is no server")
    p.launch(name="one")
    p.launch(name="two")
    servers = p.run("list", "--json").json()
    assert [s["name"] for s in servers] == ["one", "two"]
    assert servers[0]["ssh_port"] != servers[1]["ssh_port"]
    assert listens(servers[0]["ssh_port"]) and listens(servers[1]["ssh_port"])
    lines = p.run("list").out.splitlines()
    assert len(lines) == 3 and lines[1].split()[:2] == ["one", "running"], lines
    p.run("destroy", "one", "--yes")
    assert [s["state"] for s in p.run("list", "--json").json()] == ["running"]


@case
def stop_and_start_keep_disks_and_ports(p):
    port = free_port()
    disk = p.disk("boot \1\r\n" + READY)
    before = disk.read_bytes()
    p.launch("--forward", f"{port}:80", disk=disk)
    ssh_port = p.show()["ssh_port"]
    has(p.run("stop").out, "is stopped", "kbuild start web")
    assert p.qemus() == [] and not listens(port)
    assert "note" not in p.show()
    assert p.run("stop", "--json").json()["state"] == "stopped"
    has(p.run("start").out, "is running")
    assert p.show()["ssh_port"] == ssh_port and listens(port) and listens(ssh_port)
    assert p.run("console").out.startswith("boot 2"), p.run("console").out
    has(p.run("console", "--all").out, "boot 1", "boot 2")
    assert p.run("start", "--json").json()["state"] == "running"
    assert disk.read_bytes() == before, "the image is never written to"


@case
def after_all_processes_were_killed_it_starts_again(p):
    p.launch(disk=p.disk("boot \1\r\n" + READY))
    p.kill_qemu()
    s = p.show()
    assert s["state"] == "stopped" and "killed" in s["note"], s
    has(p.run("list").out, "stopped", "killed")
    p.run("start")
    has(p.run("console").out, "boot 2")
    assert "note" not in p.show()


@case
def destroy_leaves_nothing(p):
    p.launch("--volume", "64M")
    assert (p.dir() / "volume.raw").stat().st_size == 64 << 20
    r = p.run("destroy", status=7)
    has(r.err, "the server 'web' (running)", "data volume (64 MiB)", "--yes")
    assert p.show()["state"] == "running"
    has(p.run("destroy", "--yes").out, "server 'web' is gone")
    p.nothing_left()
    p.launch()
    assert p.run("destroy", "web", "--yes", "--json").json() == {"name": "web", "destroyed": True, "server": True}
    p.nothing_left()


@case
def what_was_asked_about_is_what_goes(p):
    """While the question stands, somebody else destroys the server and launches another one."""
    def replace():
        p.run("destroy", "web", "--yes")
        p.launch()
    p.launch()
    status, said = answered_late([p.kbuild, "destroy", "web"], replace, env=p.env, cwd=p.base)
    assert status == 1, status
    has(said, "another server by now")
    assert p.show()["state"] == "running"
    p.run("destroy", "--yes")
    p.nothing_left()


def launch_with_data(p):
    """A server that has something on its data volume, stopped."""
    p.launch("--volume", "64M")
    p.run("stop", "--force")
    with open(p.dir() / "volume.raw", "r+b") as f:
        f.write(b"precious")


@case
def a_data_volume_outlives_its_server(p):
    kept = p.state / "volumes" / "web.raw"
    launch_with_data(p)
    has(p.run("destroy", status=7).err, "data volume (64 MiB) is kept", "--with-data")
    has(p.run("destroy", "--yes").out, "'web' is gone", "data volume (64 MiB) is kept")
    assert kept.read_bytes()[:8] == b"precious" and not p.dir().exists()
    has(p.run("list").out, "there is no server", "data volumes of servers that are gone", "web", "64 MiB", str(kept))
    assert p.run("list", "--json").json() == []
    assert p.run("list", "--volumes", "--json").json() == [{"server": "web", "size": 64 << 20, "path": str(kept)}]
    has(p.run("destroy", "web", "--yes", status=1).err, "there is no server 'web'", "--with-data")
    has(p.launch("--volume", "64M").err, "gets its data volume back")
    assert (p.dir() / "volume.raw").read_bytes()[:8] == b"precious" and not kept.exists()
    p.run("stop", "--force")
    has(p.run("destroy", "--with-data", status=7).err, "its data volume (64 MiB)")
    p.run("destroy", "--yes")
    assert p.run("destroy", "web", "--yes", "--with-data", "--json").json()["destroyed"]
    assert not kept.exists()
    p.nothing_left()


@case
def an_interrupted_launch_takes_no_data_with_it(p):
    kept = p.state / "volumes" / "web.raw"
    launch_with_data(p)
    p.run("destroy", "--yes")
    # The next server takes it, and never answers; the one after it is interrupted.
    has(p.launch("--volume", "64M", disk=p.disk("bye\r\n", flags=SWITCH_OFF), status=1).err, "gets its data volume back")
    p.run("destroy", "--yes")
    k = p.start("launch", "--image", p.disk("up\r\n"), "--name", "web", "--memory", "64M", "--volume", "64M")
    until_it_waits(k)
    k.send_signal(signal.SIGINT)
    has(p.finish(k).err, "the server 'web' was removed again")
    assert kept.read_bytes()[:8] == b"precious" and not p.dir().exists()


@case
def building_anew_does_not_pull_the_image_away(p):
    disk = p.disk()
    p.launch(disk=disk)
    p.run("stop")
    disk.write_bytes(b"something else" * 1000)
    disk.unlink()
    p.run("start")


@case
def a_name_is_used_once(p):
    disk = p.disk()
    p.launch(disk=disk)
    before = p.record()
    again = p.launch("--json", disk=disk).json()
    assert again["state"] == "running" and p.record() == before and len(p.qemus()) == 1, "launched again it is done"
    has(p.launch("--volume", "1M", disk=disk, status=1).err, "there is a server 'web' already (running)", "--name", "destroy web")
    p.run("stop")
    has(p.launch(disk=disk, status=1).err, "there is a server 'web' already (stopped)", "kbuild start web")
    has(p.launch("--volume", "1M", disk=disk, status=1).err, "there is a server 'web' already (stopped)", "destroy web")
    assert len(p.left()) == 1


@case
def what_stops_a_launch_is_said_before_the_build(p):
    (p.base / "web.yaml").write_text("#cloud-config\nkbuild:\n  name: web\n  base: {distribution: debian, release: trixie}\n")
    p.launch()
    r = p.run("launch", "web.yaml", "--offline", status=1)
    has(r.err, "there is a server 'web' already")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        r = p.run("launch", "web.yaml", "--name", "new", "--offline", "--forward", f"{port}:80", status=1)
        has(r.err, "in use by another program")
    assert sorted(x.name for x in p.base.iterdir()) == ["disk.raw", "state", "web.yaml"]


@case
def names_are_clean(p):
    for name in ["", "A", "a/b", "..", "a b", "-a", "x" * 49, "é"]:
        has(p.launch(f"--name={name}", status=2).err, "must be a-z, 0-9")
    p.nothing_left()


@case
def unknown_names_get_a_suggestion(p):
    has(p.run("status", "web", status=1).err, "there is no server 'web'", "kbuild launch")
    has(p.run("stop", status=1).err, "there is no server")
    p.launch(name="production")
    for verb in ["status", "stop", "start", "console", "ssh", "destroy"]:
        has(p.run(verb, "prodction", status=1).err, "did you mean 'production'?")
    has(p.run("status", "zzz", status=1).err, "there is: production")
    has(p.run("status", "../production", status=1).err, "there is no server")
    p.launch(name="second")
    has(p.run("stop", status=2).err, "there are 2 servers, say which: production, second")


@case
def a_port_in_use_is_said_before_anything_is_made(p):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        has(p.launch("--forward", f"{port}:80", status=1).err, f"port {port} on 127.0.0.1 is in use")
        p.nothing_left()
        p.launch(name="other")
        p.run("stop")
    twice = free_port()
    has(p.launch("--forward", f"{twice}:80", "--forward", f"{twice}:81", status=2).err, "forwarded twice")
    has(p.launch("--forward", "80", status=2).err, "[ADDRESS:]HOST-PORT:GUEST-PORT")
    assert p.left() == ["other"]


@case
def a_taken_port_at_start_is_an_error_and_nothing_is_lost(p):
    p.launch()
    port = p.show()["ssh_port"]
    p.run("stop")
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen()
        has(p.run("start", status=1).err, f"port {port} on 127.0.0.1 is in use")
    p.run("start")


@case
def udp_ports_are_forwarded_too(p):
    port = free_port()
    p.launch("--forward", f"{port}:53/udp")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.bind(("127.0.0.1", port))
            raise AssertionError("nobody listens on the UDP port")
        except OSError:
            pass


@case
def what_cannot_work_is_refused_before_anything_is_made(p):
    text = p.base / "text.raw"
    text.write_bytes(b"x" * 1000)
    (p.base / "k").write_text("no key\n")
    rows = [
        (["--image", text], 1, "is not a raw disk image"),
        (["--image", p.base / "nothing"], 1, "No such file"),
        (["--image", p.base], 1, "is not a raw disk image"),
        (["--image", p.disk(), "--memory", "900000G"], 1, "of memory"),
        (["--image", p.disk(), "--memory", "1M"], 2, "--memory"),
        (["--image", p.disk(), "--memory", "many"], 2, "must be a size"),
        (["--image", p.disk(), "--disk", "512K"], 2, "cannot be smaller than the image"),
        (["--image", p.disk(), "--cpus", "0"], 2, "--cpus"),
        (["--image", p.disk(), "--ssh-key", p.base / "nokey"], 1, "nokey"),
        (["--image", p.disk(), "--ssh-key", p.base / "k"], 2, "no ssh public key"),
        (["--image", p.disk(), "--cloud", "locl"], 2, "did you mean 'local'?"),
        (["--image", p.disk(), "--timeout", "soon"], 2, "must be a duration"),
        (["--image", p.disk(), "--accel", "xen"], 2, "--accel"),
    ]
    for args, status, says in rows:
        has(p.run("launch", "--name", "web", *args, status=status).err, says)
        p.nothing_left()
    has(p.run("launch", "--image", p.disk(), status=2).err, "--name")
    has(p.run("launch", status=2).err, "wants a definition")


@case
def missing_programs_name_their_package(p):
    tools = p.base / "bin"
    tools.mkdir()
    rows = [("qemu-system-x86_64", "qemu-system-x86"), ("qemu-img", "qemu-utils"),
            ("ssh-keygen", "openssh-client")]
    p.env["PATH"] = str(tools)
    for program, package in rows:
        has(p.launch(status=1).err, program, f"install the package {package}")
        found = shutil.which(program)
        assert found
        (tools / program).symlink_to(found)
    p.nothing_left()
    p.launch()
    has(p.run("ssh", status=1).err, "openssh-client")


@case
def no_space_is_said_before_anything_is_made(p):
    if os.geteuid() != 0:
        return "needs root"
    small = p.base / "small"
    small.mkdir()
    r = subprocess.run(["unshare", "--mount", "sh", "-c",
                        f'mount -t tmpfs -o size=8M none "{small}" && "$@"; r=$?; ls -A "{small}"; exit $r', "sh",
                        p.kbuild, "launch", "--state", small, "--image", p.disk(), "--name", "web",
                        "--memory", "64M"], env=p.env, capture_output=True, text=True, timeout=LIMIT)
    assert r.returncode == 1 and r.stdout == "", (r.returncode, r.stdout)
    has(r.stderr, "no space for the server", "8 MiB are free")
    return None


@case
def a_full_disk_pauses_the_server_and_start_goes_on(p):
    if os.geteuid() != 0:
        return "needs root"
    small = p.base / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=70M", "none", small], check=True)
    try:
        p.state = small
        p.env["KBUILD_STATE"] = str(small)
        k = p.start("launch", "--image", p.disk(f"up\r\n{LONG}\3after\r\n" + READY), "--name", "web", "--memory", "64M")
        until("the guest speaks", lambda: "up" in p.console())
        fill = small / "fill"
        with open(fill, "wb") as f:
            f.truncate(0)
            room = os.statvfs(small)
            f.write(bytes(room.f_bavail * room.f_frsize))
        r = p.finish(k)
        assert r.status == 1, (r.status, r.err)
        has(r.err, "no space left on this machine", "kbuild start")
        has(p.show()["note"], "no space left")
        fill.unlink()
        p.run("start", "web")
        has(p.console(), "after", "kbuild-status")
        assert "note" not in p.show(), p.show()
    finally:
        p.kill_qemu()
        subprocess.run(["umount", small], check=True)
    return None


FAKE_KVM = """#!/bin/sh
case "$*" in
*stdio,id=console*) echo trial >>"$HOME/trials"; echo '[    0.0] %s'; exec sleep 60 ;;
esac
for word; do
	shift
	case $word in kvm) word=tcg ;; host) word=max ;; esac
	set -- "$@" "$word"
done
exec %s "$@"
"""


def with_fake_kvm(p, says):
    """A QEMU in PATH that behaves as one where KVM works (or not), and runs guests emulated."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    tools = p.base / "bin"
    tools.mkdir()
    (tools / "qemu-system-x86_64").write_text(FAKE_KVM % (says, shutil.which("qemu-system-x86_64")))
    (tools / "qemu-system-x86_64").chmod(0o755)
    p.env.update(PATH=f"{tools}:{p.env['PATH']}", KBUILD_CACHE=str(p.base / "cache"))
    return True


@case
def kvm_is_used_where_a_kernel_speaks_and_tried_once(p):
    if not with_fake_kvm(p, "Linux version 6.12"):
        return "needs /dev/kvm"
    has(p.launch(name="one").err, "trying hardware virtualisation (KVM): works")
    p.launch(name="two")
    assert p.show("one")["accel"] == p.show("two")["accel"] == "kvm" and p.record("one")["cpu"] == "host"
    assert (p.base / "trials").read_text() == "trial\n"
    p.launch("--accel", "tcg", name="three")
    assert p.show("three")["accel"] == "tcg"
    return None


@case
def kvm_is_not_used_where_guests_hang(p):
    if not with_fake_kvm(p, "Booting from Hard Disk"):
        return "needs /dev/kvm"
    has(p.launch().err, "does not work here, emulating instead")
    assert p.show()["accel"] == "tcg"
    return None


@case
def a_panic_ends_the_wait_with_the_last_lines(p):
    r = p.launch(disk=p.disk("[    1.0] Linux version 6\r\n[    2.0] Kernel panic - not syncing: no root\r\n"
                             "[    2.1] ---[ end Kernel panic\r\n"), status=6)
    has(r.err, "the kernel panicked", "  | [    1.0] Linux version 6", "  | [    2.1] ---[ end Kernel panic",
        "It still runs", "kbuild console web", "kbuild destroy web")
    p.run("destroy", "--yes")
    p.nothing_left()


@case
def emergency_mode_ends_the_wait(p):
    has(p.launch(disk=p.disk("\2You are in emergency mode.\r\n"), status=6).err, "stopped in emergency mode")


@case
def a_degraded_server_is_kept_and_its_reasons_are_told(p):
    text = 'kbuild-status: {"state":"degraded","reasons":["docker.service failed","no disk"]}\r\n'
    has(p.launch(disk=p.disk(text), status=6).err, "docker.service failed; no disk", "kbuild ssh web")
    s = p.show()
    assert s["state"] == "running" and s["status"]["state"] == "degraded", s
    has(p.run("list").out, "degraded: docker.service failed; no disk")
    has(p.launch("--volume", "1M", disk=p.disk(text), status=1).err, "there is a server 'web' already")


@case
def a_failed_server_is_an_error(p):
    text = 'kbuild-status: {"state":"failed","reasons":["cloud-init"]}\r\n'
    r = p.launch("--json", disk=p.disk(text), status=6)
    assert "cloud-init" in r.json()["error"]["message"] and r.json()["error"]["code"] == 6


@case
def silence_runs_into_the_time_limit_and_can_be_waited_for_again(p):
    disk = p.disk(f"starting\r\n{LONG}{LONG}" + READY)
    has(p.launch("--timeout", "10s", disk=disk, status=6).err, "no answer within 10 s", "It still runs", "  | starting")
    assert p.show()["state"] == "booting"
    uuid = p.record()["uuid"]
    p.launch(disk=disk)
    assert p.record()["uuid"] == uuid and len(p.qemus()) == 1, "continued, not made anew"
    assert p.show()["state"] == "running"


@case
def one_that_has_answered_is_not_replaced_however_much_it_wrote_since(p):
    p.launch("--timeout", "10s", disk=p.disk(f"starting\r\n{LONG}{LONG}" + READY), status=6)
    until("it answers after all", lambda: READY.strip() in p.console(), LIMIT)
    p.run("stop", "--force")
    with open(p.dir() / "console.log", "a", encoding="ascii") as f:
        f.write("[UFW BLOCK] IN=eth0\n" * 300000)
    has(p.launch(disk=p.disk(name="other.raw"), status=1).err, "there is a server 'web' already (stopped)")
    assert READY.strip() in p.console()


@case
def a_server_that_hangs_holds_nobody_up(p):
    p.launch()
    [pid] = p.qemus()
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(8):  # more than wait for it to accept them
            assert p.show()["state"] == "running"
    finally:
        os.kill(pid, signal.SIGCONT)
    p.run("stop", "--force")


@case
def a_server_that_ends_before_it_answered_is_an_error(p):
    r = p.launch(disk=p.disk("bye\r\n", flags=SWITCH_OFF), status=1)
    has(r.err, "it ended before it had answered", "  | bye")
    assert p.show()["state"] == "stopped"
    has(p.launch(status=1).err, "there is a server 'web' already (stopped)", "destroy web")
    p.run("destroy", "web", "--yes")
    p.launch()
    assert p.show()["state"] == "running"


@case
def one_that_never_answers_keeps_its_disk(p):
    """A foreign image, without our agent, writes no status: it is in use all the same."""
    disk = p.disk("up \1\r\n")
    has(p.launch("--timeout", "3s", disk=disk, status=6).err, "It still runs", "waits for it again")
    until("the first boot", lambda: "up 1" in p.console())
    p.run("stop", "--force")
    before = p.record()
    has(p.launch(disk=disk, status=1).err, "there is a server 'web' already (stopped)", "kbuild start web", "kbuild destroy web")
    has(p.launch(disk=p.disk(name="other.raw"), status=1).err, "there is a server 'web' already (stopped)", "from another launch")
    assert p.record() == before
    p.run("start", "--no-wait")
    until("the second boot of the same disk", lambda: "up 2" in p.console())
    p.kill_qemu()  # as when the host goes down
    has(p.launch(disk=disk, status=1).err, "there is a server 'web' already (stopped)")
    # Nor one that is mute altogether.
    (p.dir() / "console.log").write_bytes(b"")
    has(p.launch(disk=disk, status=1).err, "there is a server 'web' already (stopped)")
    assert p.record()["uuid"] == before["uuid"]


def set_phase(p, phase):
    record = p.record() | {"phase": phase}
    (p.dir() / "server.json").write_text(json.dumps(record))


@case
def a_launch_killed_before_it_could_write_that_qemu_runs(p):
    disk = p.disk(f"up\r\n{LONG}" + READY)
    p.launch("--timeout", "1s", disk=disk, status=6)
    uuid = p.record()["uuid"]
    set_phase(p, "creating")
    assert p.show()["state"] == "booting"
    p.launch(disk=disk)
    assert p.record()["uuid"] == uuid and p.record()["phase"] == "ready", "continued"
    set_phase(p, "creating")
    p.run("stop", "--force")
    assert p.record()["phase"] == "booting", "what ran is written down by whoever works on it"
    set_phase(p, "creating")
    has(p.launch(disk=disk, status=1).err, "there is a server 'web' already (stopped)")
    set_phase(p, "creating")
    (p.dir() / "console.log").unlink()
    has(p.launch(disk=disk).err, "replacing 'web'")
    assert p.record()["uuid"] != uuid


@case
def interrupting_a_launch_removes_the_server(p):
    for sig in (signal.SIGINT, signal.SIGTERM):
        k = p.start("launch", "--image", p.disk("up\r\n"), "--name", "web", "--memory", "64M")
        until_it_waits(k)
        until("the guest speaks", lambda: "up" in p.console())
        k.send_signal(sig)
        r = p.finish(k)
        assert r.status == 130, (r.status, r.err)
        has(r.err, "interrupted", "the server 'web' was removed again")
        p.nothing_left()


@case
def interrupting_at_any_moment_leaves_nothing(p):
    disk = p.disk("up\r\n")
    for i in range(10):
        k = p.start("launch", "--image", disk, "--name", "web", "--memory", "64M")
        time.sleep(0.06 * i)
        k.send_signal(signal.SIGINT)
        r = p.finish(k)
        assert r.status in (130, -signal.SIGINT), (i, r.status, r.err)
        p.nothing_left()


@case
def an_interrupted_launch_can_be_kept(p):
    disk = p.disk(f"up\r\n{LONG}" + READY)
    k = p.start("launch", "--keep", "--image", disk, "--name", "web", "--memory", "64M")
    until_it_waits(k)
    until("the guest speaks", lambda: "up" in p.console())
    k.send_signal(signal.SIGINT)
    r = p.finish(k)
    assert r.status == 130
    has(r.err, "goes on starting")
    p.launch(disk=disk)
    assert p.console().count("up") == 1, "it is the same server"


@case
def a_killed_launch_is_found_and_continued(p):
    disk = p.disk(f"up\r\n{LONG}" + READY)
    k = p.start("launch", "--image", disk, "--name", "web", "--memory", "64M")
    until("the guest speaks", lambda: "up" in p.console())
    k.kill()
    p.finish(k)
    has(p.run("list").out, "web", "booting")
    other = p.disk(name="other.raw")
    has(p.launch(disk=other, status=1).err, "still starting, from another launch")
    p.launch(disk=disk)
    assert p.console().count("up") == 1 and len(p.qemus()) == 1
    p.run("destroy", "--yes")
    p.nothing_left()


@case
def killing_a_launch_at_any_moment_costs_nothing(p):
    disk = p.disk()
    for i in range(12):
        k = p.start("launch", "--image", disk, "--name", "web", "--memory", "64M", "--accel", "tcg")
        time.sleep(0.02 * i)
        k.kill()
        p.finish(k)
        p.run("list")
        if i % 3 == 0 and "web" in p.left():
            p.run("destroy", "web", "--yes")
            p.nothing_left()
        elif p.left() and p.show()["state"] == "running":
            p.run("destroy", "web", "--yes")
        else:
            again = p.finish(p.start("launch", "--image", disk, "--name", "web", "--memory", "64M",
                                     "--accel", "tcg"))
            assert again.status == 0, (again.status, again.err)
            assert len(p.qemus()) == 1, p.qemus()
            p.run("destroy", "web", "--yes")
        p.nothing_left()


@case
def two_launches_of_one_name_make_one_server(p):
    disk = p.disk()
    args = ["launch", "--image", disk, "--name", "web", "--memory", "64M"]
    ends = [p.finish(k).status for k in [p.start(*args) for _ in range(4)]]
    assert 0 in ends and set(ends) <= {0, 1}, ends
    assert len(p.qemus()) == 1 and p.left() == ["web"]


@case
def four_launches_at_once_make_four_servers(p):
    disk = p.disk()
    running = [p.start("launch", "--image", disk, "--name", f"s{i}", "--memory", "64M") for i in range(4)]
    for k in running:
        r = p.finish(k)
        assert r.status == 0, r.err
    ports = {s["ssh_port"] for s in p.run("list", "--json").json()}
    assert len(ports) == 4 and len(p.qemus()) == 4, ports


@case
def a_server_that_ignores_the_power_button_needs_force(p):
    p.launch(disk=p.disk(flags=0))
    has(p.run("stop", "--timeout", "8s", status=1).err, "did not shut down within 8 s", "kbuild stop --force web")
    assert p.show()["state"] == "running"
    p.run("stop", "--force")
    s = p.show()
    assert s["state"] == "stopped" and "note" not in s and p.qemus() == []


@case
def an_interrupted_stop_ends_at_once(p):
    p.launch(disk=p.disk(flags=0))
    k = p.start("stop", "--timeout", "1h")
    assert "shutting down" in k.stderr.readline()
    k.send_signal(signal.SIGINT)
    assert p.finish(k).status == 130
    assert p.show()["state"] == "running"


@case
def starting_waits_for_the_answer_of_this_boot(p):
    p.launch(disk=p.disk(f"boot \1\r\n{LONG}" + READY))
    p.run("stop")
    k = p.start("start")
    until("it boots again", lambda: "boot 2" in p.console())
    assert "status" not in p.show(), "the answer of the boot before does not count"
    assert p.finish(k).status == 0
    assert p.show()["status"]["state"] == "ready"


@case
def console_follows_until_the_server_ends(p):
    p.launch(disk=p.disk("one\r\n" + READY + "\2two\r\n"))
    k = p.start("console", "web", "-f")
    until("the guest speaks on", lambda: "two" in p.console())
    p.run("stop")
    r = p.finish(k)
    assert r.status == 0 and r.out == "one\n" + READY.replace("\r\n", "\n") + "two\n", (r.status, r.out)


@case
def following_ends_on_control_c(p):
    p.launch()
    k = p.start("console", "-f", "--json")
    line = json.loads(k.stdout.readline())
    assert line["offset"] == 0 and "hello" in line["text"], line
    k.send_signal(signal.SIGINT)
    assert p.finish(k).status == 0


@case
def ssh_knows_the_host_keys_from_the_console(p):
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2xR3zXkV0cXv8zvL9uYH0L3o9u5vYgXq1sT2b4wK7d"
    p.launch("--user", "admin", disk=p.disk(
        f"-----BEGIN SSH HOST KEY KEYS-----\r\n{key} root@x\r\n-----END SSH HOST KEY KEYS-----\r\n" + READY))
    command = p.run("ssh", "web", "--json", "--", "echo", "a b").json()["command"]
    port = str(p.show()["ssh_port"])
    # What a cloud says, be it the address or the user, is never an option.
    assert command[:3] == ["ssh", "-p", port], command
    assert command[-6:] == ["-l", "admin", "--", "127.0.0.1", "echo", "a b"], command
    assert "StrictHostKeyChecking=yes" in command and str(p.dir() / "id_ed25519") in command
    assert (p.dir() / "known_hosts").read_text() == f"kbuild-web {key}\n"
    assert (p.dir() / "id_ed25519").stat().st_mode & 0o777 == 0o600


@case
def ssh_becomes_ssh(p):
    tools = p.base / "bin"
    tools.mkdir()
    (tools / "ssh").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 42\n')
    (tools / "ssh").chmod(0o755)
    p.env["PATH"] = f"{tools}:{p.env['PATH']}"
    p.launch()
    r = p.run("ssh", status=42)
    has(r.out, "StrictHostKeyChecking=accept-new", "127.0.0.1")
    p.run("stop")
    has(p.run("ssh", status=1).err, "is stopped", "kbuild start web")


@case
def given_keys_are_the_only_ones(p):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", p.base / "mine"], check=True)
    public = (p.base / "mine.pub").read_text().strip()
    for file in ("mine", "mine.pub"):
        p.launch("--ssh-key", p.base / file)
        assert p.show()["identity"] == str(p.base / "mine")
        drive = (p.dir() / "config.iso").read_bytes()
        assert drive.count(json.dumps(public)[1:-1].encode()) >= 2 and b"kbuild-1" not in drive
        assert not (p.dir() / "id_ed25519").exists()
        p.run("destroy", "--yes")


@case
def user_data_is_on_the_config_drive(p):
    (p.base / "ud").write_text("#cloud-config\nhostname: x\n")
    p.launch("--user-data", p.base / "ud")
    drive = (p.dir() / "config.iso").read_bytes()
    assert b"#cloud-config\nhostname: x\n" in drive and p.record()["uuid"].encode() in drive
    assert drive[0x8028:0x8030] == b"config-2"


@case
def user_data_that_is_compressed_is_refused(p):
    (p.base / "ud").write_bytes(gzip.compress(b"#cloud-config\nhostname: x\n"))
    r = p.launch("--user-data", p.base / "ud", status=2)
    has(r.err, "--user-data", "is no text, but compressed or something else")
    p.nothing_left()


@case
def the_process_number_of_somebody_else_is_never_signalled(p):
    p.launch()
    p.kill_qemu()
    with subprocess.Popen(["sleep", "100"]) as innocent:
        (p.dir() / "qemu.pid").write_text(f"{innocent.pid}\n")
        assert p.show()["state"] == "stopped"
        p.run("stop", "--force")
        p.run("start")
        p.run("stop")
        (p.dir() / "qemu.pid").write_text(f"{innocent.pid}\n")
        p.run("destroy", "--yes")
        assert innocent.poll() is None, "the innocent was killed"
        innocent.kill()
    p.nothing_left()


@case
def a_running_server_with_a_wrong_number_is_not_forgotten(p):
    p.launch()
    right = (p.dir() / "qemu.pid").read_text()
    with subprocess.Popen(["sleep", "100"]) as innocent:
        (p.dir() / "qemu.pid").write_text(f"{innocent.pid}\n")
        has(p.run("destroy", "--yes", status=1).err, "does not end", "fuser")
        assert innocent.poll() is None and p.left() == ["web"]
        innocent.kill()
    (p.dir() / "qemu.pid").write_text(right)
    p.run("destroy", "--yes")
    p.nothing_left()


@case
def a_damaged_record_can_be_destroyed(p):
    p.launch()
    (p.dir() / "server.json").write_text('{"version": 1, "phase"')
    s = p.show()
    assert s["state"] == "broken" and "server.json" in s["note"], s
    has(p.run("list").out, "broken")
    has(p.launch(status=1).err, "cannot be read", "kbuild destroy web")
    p.run("start", status=1)
    p.run("stop", status=1)
    p.run("destroy", "web", "--yes")
    p.nothing_left()


@case
def a_directory_without_a_record_is_a_launch_that_was_cut_off(p):
    p.dir().mkdir(parents=True)
    assert p.show()["state"] == "creating"
    has(p.run("start", status=1).err, "cut off")
    has(p.launch().err, "replacing 'web'")
    assert p.show()["state"] == "running"


@case
def state_directories_may_have_any_name(p):
    p.state = p.base / ("a, b=c 'd' ü " + "x" * 150) / "state"
    p.env["KBUILD_STATE"] = str(p.state)
    p.launch("--volume", "1M")
    p.run("stop")
    p.run("start")
    p.run("destroy", "--yes")
    p.nothing_left()


@case
def the_root_disk_can_be_larger_than_the_image(p):
    p.launch("--disk", "1G")
    p.run("stop")
    info = json.loads(subprocess.check_output(["qemu-img", "info", "--output=json", p.dir() / "root.qcow2"]))
    assert info["virtual-size"] == 1 << 30 and info["backing-filename"] == "base.raw"
    check = subprocess.run(["qemu-img", "check", "-q", p.dir() / "root.qcow2"])
    assert check.returncode == 0


@case
def no_wait_returns_at_once(p):
    r = p.launch("--no-wait", "--json", disk=p.disk("never\r\n"))
    assert r.json()["name"] == "web" and r.json()["state"] == "running"
    p.run("stop")
    p.run("start", "--no-wait")


def run_case(function, kbuild, sector, cache):
    with tempfile.TemporaryDirectory(prefix="kbuild-local-") as base:
        place = Place(kbuild, Path(base), sector, cache)
        try:
            return True, function(place)
        except Exception:  # pylint: disable=broad-except
            return False, traceback.format_exc()
        finally:
            place.clean()


def main():
    take_interrupts()
    kbuild = str(Path(sys.argv[1]).resolve())
    chosen = [c for c in CASES if not sys.argv[2:] or c.__name__ in sys.argv[2:]]
    failed = 0
    print(f"1..{len(chosen)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="kbuild-local-") as shared:
        sector = boot_sector(Path(shared))
        start = time.monotonic()
        for number, function in enumerate(chosen, 1):
            good, text = run_case(function, kbuild, sector, Path(shared) / "cache")
            seconds = time.monotonic() - start
            start = time.monotonic()
            if seconds > 10:
                print(f"# {seconds:.0f} s:")
            name = re.sub("_", " ", function.__name__)
            if not good:
                failed += 1
                print("\n".join("# " + line for line in text.splitlines()))
            print(f"{'ok' if good else 'not ok'} {number} - {name}{' # SKIP ' + text if good and text else ''}", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
