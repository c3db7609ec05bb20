#!/usr/bin/env python3
"""The proof on real booted servers: proof.py KBUILD [DEFINITION]      (TAP)

Builds the image, boots it, and asks the running system whether it is what the definition says:
cloud-init, users, files, packages, Docker behind UFW, fail2ban, the grown root. Then two servers side
by side, all their processes killed, started again, destroyed without a trace; and the same disk under
UEFI. "Outside" is this machine, through a forwarded port.
"""
import io
import json
import re
import shlex
import subprocess
import sys
import tarfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import unquote

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from kbtest import SOURCE, Kbuild, Server, Tap, free_port, kill, processes, program_argument, wait_for  # noqa: E402
from npm import npm_package  # noqa: E402

# Two servers under emulation on a busy machine: what kbuild waits for, and the seconds after which it hangs.
PATIENCE = ("--timeout", "25m")
BOOT = 1800
OPEN, SHUT = 80, 8081  # a port that the definition's firewall allows, and one that it does not
BUSYBOX = Path("/bin/busybox")


def fetch(port, seconds=20):
    """The body of http://127.0.0.1:port/, or None when nobody answers in time."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=seconds) as reply:
            return reply.read().decode()
    except OSError:
        return None


def container_image():
    """A root file system with one static program, as docker import takes it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, data, mode in (("bin/busybox", BUSYBOX.read_bytes(), 0o755),
                                 ("www/index.html", b"a container answers\n", 0o644)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            tar.addfile(entry, io.BytesIO(data))
    return raw.getvalue()


def check_cloud_init(tap, s):
    status, text = s.sh("cloud-init status --wait --format json", timeout=BOOT)
    try:
        answer = json.loads(text[text.index("{"):])
    except ValueError:
        answer = {}
    tap.equal((status, answer.get("status"), answer.get("errors")), (0, "done", []),
              "cloud-init is done without errors")
    tap.equal(answer.get("recoverable_errors", {}), {}, "cloud-init has no complaints")
    tap.equal(s.out("systemctl --failed --no-legend --plain"), "", "no unit has failed")
    tap.check(s.out("cat /etc/machine-id").strip(), "the server has a machine-id of its own")


def definition(kbuild, path):
    """The effective cloud-config as kbuild itself reads it."""
    done = kbuild.run("show", path, "--json")
    tree = json.loads(done.stdout) if done.returncode == 0 else {}
    return tree.get("definition", tree)


def check_as_defined(tap, s, d):
    if d.get("timezone"):
        tap.check(s.out("readlink /etc/localtime").endswith("/" + d["timezone"]),
                  f"the time zone is {d['timezone']}")
    names = [p if isinstance(p, str) else p[0] for p in d.get("packages", [])]
    states = s.out("dpkg-query -W -f '${Package} ${db:Status-Status}\\n' " + " ".join(names))
    tap.equal(sorted(states.split("\n")), sorted(f"{n} installed" for n in names),
              f"the {len(names)} packages of the definition are installed")
    for user in d.get("users", []):
        if not isinstance(user, dict) or "name" not in user:
            continue
        groups = user.get("groups", [])
        groups = groups.split(",") if isinstance(groups, str) else groups
        got = s.out(f"id -nG {user['name']}").split()
        tap.check({g.strip() for g in groups} <= set(got) and got,
                  f"the user {user['name']} is in {groups}", got)
    for f in d.get("write_files", []):
        if f.get("encoding") or f.get("append"):
            continue
        got = s.out(f"cat {shlex.quote(f['path'])}")
        tap.equal(got, f.get("content", "").strip(), f"{f['path']} is as written")
        if f.get("permissions"):
            tap.equal(int(s.out(f"stat -c %a {shlex.quote(f['path'])}"), 8),
                      int(str(f["permissions"]), 8), f"{f['path']} has its permissions")


def check_access(tap, s):
    tap.equal(s.sh("true")[0], 0, "the key of the metadata opens the server")
    sshd = s.out("sshd -T").splitlines()
    tap.check("passwordauthentication no" in sshd, "no login by password")
    tap.check({"allowagentforwarding no", "allowtcpforwarding local", "x11forwarding no", "permittunnel no"} <= set(sshd),
              "sshd offers no more than logins and tunnels to the server itself", sshd)
    hard = s.out("sysctl -n kernel.kptr_restrict kernel.unprivileged_bpf_disabled fs.protected_regular net.core.bpf_jit_harden"
                 " net.ipv4.conf.all.accept_redirects net.ipv4.ip_forward").split()
    tap.equal(hard, ["2", "1", "2", "2", "0", "1"], "the kernel's settings are hardened, and containers still have a network")
    root = int(s.out("df --output=size -B1 / | tail -n 1") or 0)
    tap.check(root > 6.5 * 2**30, "the root file system has grown to the disk", root)


# Nobody outside is answered by a container that does not run, either.
INSIDE = ("docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' shut"
          " | xargs -I@ curl -s --retry 10 --retry-connrefused http://@/")


def check_docker(tap, s, ports):
    tap.check(s.out("docker compose version --short").lstrip("v").startswith("2."),
              "docker compose is V2", s.out("docker compose version"))
    status, text = s.sh("docker import - kbuild-proof", data=container_image())
    tap.equal(status, 0, "an image made here is imported") or tap.note(text)
    for name, port in (("open", OPEN), ("shut", SHUT)):
        status, text = s.sh(f"docker run -d --name {name} -p 0.0.0.0:{port}:80 kbuild-proof"
                            " /bin/busybox httpd -f -p 80 -h /www")
        tap.check(status == 0, f"a container runs that publishes port {port}", text)
    tap.equal(s.out(INSIDE), "a container answers", f"inside the server the container of port {SHUT} answers")
    tap.equal(wait_for(lambda: fetch(ports[OPEN]), 300), "a container answers\n",
              f"from outside port {OPEN} answers: the firewall lists it")
    tap.equal(fetch(ports[SHUT], 10), None,
              f"from outside port {SHUT} does not: the firewall does not list it")
    check_engine_restart(tap, s, ports)
    s.sh("docker rm -f open shut; docker rmi kbuild-proof")


def check_engine_restart(tap, s, ports):
    """The engine writes its rules anew when it starts; the policy must still stand before them."""
    s.sh("systemctl restart docker")
    s.sh("docker start open shut")
    tap.equal(s.out(INSIDE), "a container answers", f"after a restart of the engine that of port {SHUT} answers inside")
    tap.equal(wait_for(lambda: fetch(ports[OPEN]), 300), "a container answers\n",
              f"after a restart of the engine port {OPEN} answers")
    tap.equal(fetch(ports[SHUT], 10), None, f"and port {SHUT} does not")


NEIGHBOUR = """
ip netns add proof && ip link add proof0 type veth peer name proof1 netns proof
ip address add 198.51.100.1/30 dev proof0 && ip link set proof0 up
ip -n proof address add 198.51.100.2/30 dev proof1 && ip -n proof link set proof1 up
"""

LOGINS = """
for i in %s; do
    timeout 120 ip netns exec proof ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o ConnectTimeout=60 \
        -o UserKnownHostsFile=/dev/null -o PubkeyAuthentication=no nobody-$i@198.51.100.1 true
    sleep 6
done
"""


def failed_logins(s, which):
    """In the background: each takes a while, and so does who looks for them in the journal."""
    s.sh("nohup sh -c " + shlex.quote(LOGINS % which) + " >> /run/proof.log 2>&1 < /dev/null &")


def total_failed(s, n):
    return wait_for(lambda: re.search(r"Total failed:\s+%d\b" % n, s.out("fail2ban-client status sshd")),
                    300, every=3)


def check_fail2ban(tap, s):
    """
    Failed logins from an address of the server's own, so that the test is not shut out itself. With
    pauses: sshd of OpenSSH 9.8 and later refuses who fails faster, before fail2ban sees a failure.
    """
    s.sh(NEIGHBOUR)
    failed_logins(s, "1 2 3 4")
    tap.check(total_failed(s, 4), "four failed logins are counted as four", s.out("fail2ban-client status sshd"))
    tap.check("198.51.100.2" not in s.out("fail2ban-client status sshd"), "and are no ban",
              s.out("fail2ban-client status sshd"))
    failed_logins(s, "5")
    found = wait_for(lambda: "198.51.100.2" in s.out("fail2ban-client status sshd"), 300, every=3)
    tap.note(s.out("tail -n 12 /run/proof.log"))
    tap.check(found, "five failed logins are a ban", s.out("fail2ban-client status sshd"))
    # fail2ban knows of the ban before the firewall does.
    ask = "ip netns exec proof bash -c 'timeout 10 cat < /dev/tcp/198.51.100.1/22'"
    closed = wait_for(lambda: "SSH-2.0" not in s.sh(ask)[1], 60, every=3)
    tap.check(closed, "who is banned is not answered any more", s.sh(ask))
    s.sh("ip netns del proof; ip link del proof0")


# CycloneDX's own library, which has the schema, and what it needs for that.
JUDGE = (("ajv", "8.20.0"), ("ajv-formats", "3.0.1"), ("ajv-formats-draft2019", "1.6.1"),
         ("@cyclonedx/cyclonedx-library", "10.3.0"))
JUDGE_SCRIPT = """
const { Validation, Spec } = require(process.argv[1]);
new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(require("fs").readFileSync(0, "utf8"))
    .then(wrong => console.log(JSON.stringify(wrong)));
"""
INSTALLED = r"dpkg-query -W -f '${Package} ${Version} ${Architecture} ${source:Package}\n'"


def fetch_judge(tap):
    """Where the library is; None when npm cannot fetch it, which ends nothing else."""
    library, why = None, ""
    try:
        *_, library = [npm_package(name, version) for name, version in JUDGE]
    except (OSError, subprocess.CalledProcessError) as problem:
        why = problem
    tap.check(library, "CycloneDX's own library is there", why)
    return library


def check_materials(tap, disk, s, library):
    """The bill of materials names what is installed, no more and no less, in the form that scanners read."""
    path = disk.parent / "sbom.cdx.json"
    if library:
        judged = subprocess.run(["node", "-e", JUDGE_SCRIPT, library], stdin=path.open("rb"), capture_output=True, text=True)
        tap.equal((judged.stdout.strip(), judged.stderr), ("null", ""), "sbom.cdx.json is CycloneDX 1.6")
    named = set()
    for component in json.loads(path.read_text())["components"]:
        m = re.fullmatch(r"pkg:deb/debian/([^@]+)@([^?]+)\?arch=(\w+)&distro=debian-13&upstream=(.*)",
                         component.get("purl", ""))
        if m:
            named.add(tuple(map(unquote, m.groups())))
    installed = {tuple(line.split()) for line in s.out(INSTALLED).splitlines() if not line.startswith("kbuild-agent ")}
    tap.check(len(installed) > 100 and named == installed, "it names each installed package, and its source",
              sorted(named ^ installed))


def check_status(tap, kbuild, s):
    answer = kbuild.json("status", s.name) or {}
    tap.check(answer, "kbuild status knows the server", answer)
    lines = [line for line in kbuild.run("console", s.name).stdout.splitlines()
             if "kbuild-status:" in line]
    tap.check(lines, "the console told kbuild-status", lines)
    if lines:
        tap.check(isinstance(json.loads(lines[-1].split("kbuild-status:", 1)[1]), dict),
                  "it is one line of JSON", lines[-1])


def check_killed(tap, kbuild, servers):
    """A power cut for all of them at once."""
    pids = processes(str(kbuild.state))
    tap.check(len(pids) >= len(servers), f"{len(servers)} servers run side by side", pids)
    kill(pids)
    states = {x.get("name"): x.get("state") for x in listed(kbuild)}
    tap.equal(sorted(states.values()), ["stopped"] * len(servers), "killed servers are stopped")
    for s in servers:
        done = kbuild.boots(s.name, "start", s.name, *PATIENCE, again=PATIENCE, timeout=BOOT)
        tap.check(done.returncode == 0, f"{s.name} starts again", done.stderr)
    for s in servers:
        tap.check(wait_for(lambda: s.sh("true")[0] == 0, BOOT, every=3), f"{s.name} answers again")


def listed(kbuild):
    answer = kbuild.json("list")
    assert answer is not None, "kbuild list failed"
    return answer.get("servers", []) if isinstance(answer, dict) else answer or []


def check_destroyed(tap, kbuild, servers):
    for s in servers:
        done = kbuild.run("destroy", s.name, "--yes", "--with-data")
        tap.check(done.returncode == 0, f"{s.name} is destroyed", done.stderr)
    tap.equal(listed(kbuild), [], "no server is listed")
    tap.equal(processes(str(kbuild.state)), [], "no process is left")
    # Beside them lies what the builder keeps for itself: the secret of which images' keys are made.
    left = [str(p) for p in (kbuild.state / "servers").rglob("*") if not p.is_dir()]
    tap.equal(left, [], "no file of a server is left")


def check_uefi(tap, kbuild, disk):
    """The same disk under OVMF, without a cloud: GRUB, kernel and login must come."""
    work = kbuild.scratch / "uefi"
    work.mkdir()
    code = next((p for p in ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd")
                 if Path(p).exists()), None)
    if not tap.check(code, "OVMF is installed"):
        return
    (work / "vars.fd").write_bytes(Path(code.replace("CODE", "VARS")).read_bytes())
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", disk,
                    work / "disk.qcow2"], check=True)
    console = work / "console"
    # One processor: of two, the emulator breaks a guest now and then, as boots() tells, and nobody begins this one anew.
    argv = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu",
            "qemu64,-cx16,+rdrand", "-smp", "1", "-m", "1024", "-display", "none", "-nic", "none",
            "-drive", f"if=pflash,format=raw,readonly=on,file={code}",
            "-drive", f"if=pflash,format=raw,file={work}/vars.fd",
            "-drive", f"if=virtio,format=qcow2,file={work}/disk.qcow2",
            "-device", "virtio-rng-pci", "-serial", f"file:{console}"]
    guest = subprocess.Popen(argv)
    try:
        def text():
            return console.read_text(errors="replace") if console.exists() else ""
        tap.check(wait_for(lambda: "Linux version" in text(), 300, every=1),
                  "under UEFI the boot loader starts the kernel", text()[-3000:])
        tap.check(wait_for(lambda: "EFI v2" in text() or "efi:" in text(), 60), "that kernel sees UEFI", text()[:3000])
        tap.check(wait_for(lambda: " login:" in text() or "kbuild-status:" in text(), BOOT, every=1),
                  "under UEFI the system comes up", text()[-3000:])
    finally:
        guest.kill()
        guest.wait()


def launch(tap, kbuild, path, name, *more):
    started = time.monotonic()
    done = kbuild.boots(name, "launch", path, "--cloud", "local", "--name", name, "--disk", "8G",
                        *PATIENCE, *more, again=PATIENCE, timeout=BOOT)
    tap.note(f"launch of {name}: {time.monotonic() - started:.0f} s")
    good = tap.check(done.returncode == 0, f"{name} is launched", done.stdout + done.stderr)
    if not good:
        tap.note(kbuild.run("console", name).stdout[-6000:])
    return Server(kbuild, name) if good else None


def prove(tap, kbuild, path):
    done = kbuild.run("build", path, timeout=1200)
    if not tap.check(done.returncode == 0, "the image is built", done.stderr):
        return
    disk = next(kbuild.scratch.glob("out/*/disk.raw"))
    library = fetch_judge(tap)
    ports = {OPEN: free_port(), SHUT: free_port()}
    a = launch(tap, kbuild, path, "proof-a", "--forward", f"{ports[OPEN]}:{OPEN}",
               "--forward", f"{ports[SHUT]}:{SHUT}")
    if a:
        check_cloud_init(tap, a)
        check_as_defined(tap, a, definition(kbuild, path))
        check_access(tap, a)
        check_status(tap, kbuild, a)
        check_materials(tap, disk, a, library)
        check_docker(tap, a, ports)
        check_fail2ban(tap, a)
        b = launch(tap, kbuild, path, "proof-b")
        check_killed(tap, kbuild, [s for s in (a, b) if s])
    check_destroyed(tap, kbuild, [Server(kbuild, x["name"]) for x in listed(kbuild)])
    check_uefi(tap, kbuild, disk)


def main():
    tap, kbuild = Tap(), Kbuild(program_argument())
    path = Path(sys.argv[2] if len(sys.argv) > 2 else SOURCE / "images/demo.yaml").resolve()
    try:
        prove(tap, kbuild, path)
    finally:
        for server in listed(kbuild):
            kbuild.run("destroy", server["name"], "--yes", "--with-data")
        kbuild.remove()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
