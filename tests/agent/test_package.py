#!/usr/bin/env python3
"""The agent's package in an image: kbuild makes it for each release and bakes it.

    tests/agent/test_package.py KBUILD [RELEASE...]      (TAP; root; bookworm and trixie)

The image's own dpkg, systemd and libraries are the judges; nothing is booted here.
"""
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from kbtest import Kbuild, Tap, program_argument  # noqa: E402

RELEASES = sys.argv[2:] or ["trixie", "bookworm"]
SIZE = 1 << 20  # of the program, bytes
EXPOSURE = {"broker": 4.0}  # of a unit, as systemd-analyze security has it; the others:
EXPOSURE_MAX = 1.5
SERVICES = ["backup", "broker", "firstboot", "gitops", "health", "metadata"]
DEFINITION = """#cloud-config
kbuild:
  name: %(release)s
  base: {distribution: debian, release: %(release)s}
  disk: {size: 3G}
  app: {repository: "https://git.example.org/demo.git", compose: compose.yaml, interval: 7m}
  secrets: {env: .env, values: {POSTGRES_PASSWORD: {generate: 256}}}
  dns: {zone: example.org, records: ["@"]}
  backup: {postgres: {container: db}, at: "03:15", timezone: Europe/Brussels}
  health: {interval: 90s}
  server: {cloud: local, volume: 1G}
"""
# Path -> type and permissions, owner by name.
MODES = {
    "/etc/kbuild": ("drwxr-xr-x", "root"),
    "/etc/kbuild/agent.yaml": ("-rw-------", "root"),
    "/etc/kbuild/image.key": ("-rw-------", "root"),
    "/etc/kbuild/credentials": ("drwx------", "root"),
    "/etc/kbuild/credentials/dns.json": ("-rw-------", "root"),
    "/usr/lib/kbuild/kbuild-agent": ("-rwxr-xr-x", "root"),
    "/usr/share/man/man8/kbuild-agent.8.gz": ("-rw-r--r--", "root"),
    "/usr/sbin/kbuild-agent": ("lrwxrwxrwx", "root"),
}


class Image:
    """The baked and sealed tree of a release."""

    def __init__(self, tap, kbuild, release):
        self.release, self.root = release, kbuild.scratch / (release + "-tree")
        definition = kbuild.scratch / (release + ".yaml")
        definition.write_text(DEFINITION % {"release": release})
        done = kbuild.run("build", definition, "--until", "seal", "--tree", self.root, timeout=1500)
        self.made = tap.check(done.returncode == 0, f"{release}: an image with the agent is made", done.stderr)

    def run(self, *argv):
        """(status, output) of a program in the tree, with /proc, /run and /tmp of its own."""
        # Not as process 1, as which systemd's programs write to the console.
        script = ('mount -t proc proc "$0/proc"; mount -t tmpfs run "$0/run"; mount -t tmpfs tmp "$0/tmp";'
                  'mount --rbind /dev "$0/dev"; chroot "$0" "$@"; exit $?')
        done = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private",
                               "sh", "-c", script, str(self.root), *argv],
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": ""},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout.strip()

    def path(self, name):
        return self.root / name.lstrip("/")

    def read(self, name):
        return self.path(name).read_text()


def check_dpkg(tap, i):
    tap.equal(i.run("dpkg", "--audit"), (0, ""), f"{i.release}: dpkg --audit is silent")
    tap.equal(i.run("dpkg", "--verify"), (0, ""), f"{i.release}: dpkg --verify is silent")
    status, text = i.run("dpkg-query", "-W", "-f", "${Status}|${Depends}|${Installed-Size}", "kbuild-agent")
    parts = text.split("|")
    tap.check(parts[0] == "install ok installed", f"{i.release}: the package is installed", text)
    names = re.findall(r"([a-z0-9.+-]+) \(", parts[1])
    tap.check("libc6" in names and any(n.startswith("libgit2") or n.startswith("libcurl") for n in names),
              f"{i.release}: its dependencies are the release's libraries", parts[1])
    sizes = dict(line.split() for line in i.run(
        "dpkg-query", "-W", "-f", "${Package} ${Installed-Size}\n", *names)[1].splitlines() if len(line.split()) == 2)
    tap.note(f"{i.release}: kbuild-agent {parts[2]} KiB installed; depends on {parts[1]}")
    tap.note(f"{i.release}: these with their sizes: " + ", ".join(f"{n} {k} KiB" for n, k in sorted(sizes.items())))
    status, text = i.run("ldd", "/usr/lib/kbuild/kbuild-agent")
    tap.check(status == 0 and "not found" not in text, f"{i.release}: all its libraries are in the image", text)
    status, text = i.run("kbuild-agent", "version")
    tap.check(status == 0 and text.startswith("kbuild-agent "), f"{i.release}: it runs", text)


def check_program(tap, i):
    program = str(i.path("/usr/lib/kbuild/kbuild-agent"))
    size = os.stat(program).st_size
    tap.note(f"{i.release}: the program has {size} bytes")
    tap.check(size <= SIZE, f"{i.release}: it is smaller than a MiB, stripped", size)
    text = subprocess.run(["readelf", "--wide", "-h", "-l", "-d", "-n", "-S", "--dyn-syms", program], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    for name, good in (
            ("position-independent", re.search(r"Type:\s+DYN", text) and "PIE" in text),
            ("bound at start", "BIND_NOW" in text), ("with read-only relocations", "GNU_RELRO" in text),
            ("without an executable stack", re.search(r"GNU_STACK.* RW ", text)),
            # Not the note "IBT": Debian's own start files lack it, so the linker leaves it out.
            ("with control-flow protection", Path(program).read_bytes().count(b"\xf3\x0f\x1e\xfa") > 100),
            ("fortified", "_chk@GLIBC" in text), ("with stack protectors", "__stack_chk_fail" in text),
            ("stripped", ".symtab" not in text), ("without a search path", "RUNPATH" not in text and "RPATH" not in text)):
        tap.check(good, f"{i.release}: the program is {name}", "" if good else text[-3000:])


def check_files(tap, i):
    for name, (mode, owner) in MODES.items():
        try:
            st = os.lstat(i.path(name))
            got = (stat.filemode(st.st_mode), "root" if st.st_uid == 0 else str(st.st_uid))
        except OSError as e:
            got = (str(e), "")
        tap.equal(got, (mode, owner), f"{i.release}: {name} is {mode} of {owner}")
    tap.check(re.search(r"^kbuild:x:[1-9]\d{2}:\d+:.*:/var/lib/kbuild:/usr/sbin/nologin$", i.read("/etc/passwd"), re.M),
              f"{i.release}: there is a system user kbuild who cannot log in", i.read("/etc/passwd"))
    tap.check(re.search(r"^kbuild:![^:]*:", i.read("/etc/shadow"), re.M), f"{i.release}: and has no password")
    for part in ("dns", "app", "s3", "git", "registry", "alert"):
        tap.equal(json.loads(i.read(f"/etc/kbuild/credentials/{part}.json")), {}, f"{i.release}: no {part} credentials in it")


def check_configuration(tap, i):
    text = i.read("/etc/kbuild/agent.yaml")
    tap.check("repository: https://git.example.org/demo.git" in text and "release: " + i.release in text,
              f"{i.release}: agent.yaml says what the definition says", text)
    for timer, line in (("gitops", "OnUnitInactiveSec=420"), ("health", "OnUnitInactiveSec=90"),
                        ("backup", "OnCalendar=*-*-* 03:15:00 Europe/Brussels")):
        text = i.read(f"/etc/systemd/system/kbuild-{timer}.timer.d/10-definition.conf")
        tap.check(line in text.splitlines(), f"{i.release}: the {timer} timer has the definition's time", text)
    status, text = i.run("systemd-analyze", "calendar", "*-*-* 03:15:00 Europe/Brussels")
    tap.equal(status, 0, f"{i.release}: systemd understands the time of the backup")
    key = i.read("/etc/kbuild/image.key")
    tap.check(re.fullmatch(r"# public key: age1[a-z0-9]{58}\nAGE-SECRET-KEY-1[A-Z0-9]{58}\n", key),
              f"{i.release}: the image's key is one of age's", key.split("\n")[0])


def exposure(i, unit):
    text = i.run("systemd-analyze", "security", "--no-pager", "--offline=true", unit)[1]
    found = re.search(r"exposure level for \S+: (\S+)", text)
    return (float(found.group(1)) if found else 10.0), text


def verify(i, units):
    """A whole target, because a cycle shows only where everything is pulled in that a boot pulls in. Without recursion
    systemd says nothing of cycles."""
    return i.run("systemd-analyze", "verify", "--recursive-errors=yes", "--man=no", "multi-user.target",
                 *(f"/usr/lib/systemd/system/{u}" for u in units))


def check_units(tap, i):
    units = sorted(p.name for p in i.path("/usr/lib/systemd/system").glob("kbuild-*"))
    for service in SERVICES:
        tap.check(f"kbuild-{service}.service" in units, f"{i.release}: there is kbuild-{service}.service", units)
        level, text = exposure(i, f"kbuild-{service}.service")
        most = EXPOSURE.get(service, EXPOSURE_MAX)
        tap.check(level <= most, f"{i.release}: kbuild-{service}.service is exposed at {level}, at most {most}", text)
    # What cloud-init's generator does at each boot.
    wants = i.path("/etc/systemd/system/multi-user.target.wants")
    (wants / "cloud-init.target").symlink_to("/usr/lib/systemd/system/cloud-init.target")
    status, text = verify(i, units)
    complaints = [line for line in text.splitlines() if "kbuild" in line or "cycle" in line]
    tap.check(status == 0 and not complaints, f"{i.release}: systemd has nothing to say about the units", text)
    # The trap that cloud-init.target avoids: what multi-user.target wants and comes after cloud-init, which comes
    # after multi-user.target.
    trap = wants / "kbuild-firstboot.service"
    trap.symlink_to("/usr/lib/systemd/system/kbuild-firstboot.service")
    status, text = verify(i, units)
    tap.check("cycle" in text, f"{i.release}: and would say so if first boot were part of multi-user.target", text)
    trap.unlink()
    # As on Ubuntu, where ssh is started by its socket, which wants the host keys.
    if i.path("/usr/lib/systemd/system/ssh.socket").exists():
        i.run("systemctl", "disable", "ssh.service")
        tap.equal(i.run("systemctl", "enable", "ssh.socket")[0], 0, f"{i.release}: ssh by its socket can be enabled")
        status, text = verify(i, units)
        tap.check("cycle" not in text, f"{i.release}: with ssh by its socket there is no cycle", text)
        unit = i.path("/usr/lib/systemd/system/kbuild-ssh-keys.service")
        kept = unit.read_text()
        unit.write_text(kept.replace("Before=ssh.service", "Before=ssh.service ssh.socket"))
        tap.check("cycle" in verify(i, units)[1], f"{i.release}: and there would be one if keys came before sockets")
        unit.write_text(kept)
    tap.check("kbuild-status.service" not in units and not i.path("/usr/lib/kbuild/console-status").exists(),
              f"{i.release}: nobody but the agent reports how the server came up", units)
    for unit in ("kbuild-broker.socket", "kbuild-firstboot.service", "kbuild-firstboot.timer",
                 "kbuild-metadata.service"):
        tap.equal(i.run("systemctl", "is-enabled", unit)[1], "enabled", f"{i.release}: {unit} is enabled")
    for unit in ("kbuild-backup.timer", "kbuild-gitops.timer", "kbuild-health.timer"):
        tap.equal(i.run("systemctl", "is-enabled", unit)[1], "disabled", f"{i.release}: {unit} is left to first boot")


def check_again(tap, kbuild, i):
    """Made anew from the same, the package has the same bytes; from the cache, it is not made."""
    sums = i.read("/var/lib/dpkg/info/kbuild-agent.md5sums")
    # A cache that is shared may have it from several sources that differ in nothing that is compiled.
    ours = [p for p in kbuild.cache.glob("agents/*/kbuild-agent_*.deb") if sums == subprocess.run(
        ["dpkg-deb", "--info", str(p), "md5sums"], check=True, stdout=subprocess.PIPE, text=True).stdout]
    before = ours[0].read_bytes()
    definition = kbuild.scratch / (i.release + ".yaml")
    for package in ours:
        package.unlink()
    done = kbuild.run("build", definition, "--until", "agent", timeout=900)
    tap.check(done.returncode == 0 and "Compiling the agent" in done.stderr, f"{i.release}: a lost package is made again", done.stderr)
    tap.equal([p.read_bytes() == before for p in ours if p.exists()], [True], f"{i.release}: with the same bytes")
    done = kbuild.run("build", definition, "--until", "agent", "--offline", timeout=900)
    tap.check(done.returncode == 0 and "Compiling" not in done.stderr, f"{i.release}: then nothing is done, nor fetched", done.stderr)


def main():
    tap, kbuild = Tap(), Kbuild(program_argument())
    try:
        for release in RELEASES:
            i = Image(tap, kbuild, release)
            if not i.made:
                continue
            for check in (check_dpkg, check_program, check_files, check_configuration, check_units):
                check(tap, i)
            check_again(tap, kbuild, i)
            subprocess.run(["rm", "-rf", "--one-file-system", str(i.root)], check=True)
    finally:
        kbuild.remove()
    return tap.done()


sys.exit(main())
