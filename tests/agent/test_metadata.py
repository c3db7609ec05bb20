#!/usr/bin/env python3
"""The metadata address is closed to containers and users, and open to root: cloud-init needs it at every boot.

    tests/agent/test_metadata.py BUILD-DIRECTORY

A baked tree boots under systemd-nspawn with its unit; this process is the cloud, on the other end of a
veth. Prints TAP. Needs root and a Debian 13 tree (tests/bake/common.py).
"""
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/bake"))
import test_boot  # noqa: E402
from common import Tap  # noqa: E402
from test_boot import BUILD, SEED, V6, Server, bake, own_world, wait  # noqa: E402

METADATA, METADATA6 = "169.254.169.254", "fd00:ec2::254"
UNIT = "kbuild-metadata.service"
CONTAINERS6 = "fd17::/64"
CLOUD = (f"ip addr replace {METADATA}/32 dev ve-bake; ip route replace 10.99.0.0/24 dev ve-bake; "
         f"ip -6 addr replace {METADATA6}/128 dev ve-bake nodad; ip -6 route replace {CONTAINERS6} via {V6}")
# A container with an address of IPv6, whose packets nothing but our rules keeps back. The image has one program, which
# does not speak IPv6; the server's own curl does.
SIX = ["docker", "run", "--rm", "--network", "six", "-v", "/usr:/usr:ro", "-v", "/usr/lib:/lib:ro", "-v",
       "/usr/lib64:/lib64:ro", "serve:1"]


def install(root):
    """What the agent's package brings, and what bake enables."""
    for source, to in (("units/agent/kbuild-metadata.service", "usr/lib/systemd/system/" + UNIT),
                       ("units/agent/metadata.nft", "usr/lib/kbuild/metadata.nft")):
        os.makedirs(os.path.dirname(f"{root}/{to}"), exist_ok=True)
        shutil.copy(TOP / source, f"{root}/{to}")
    # For all that wants it, nftables.service among them.
    subprocess.run(["chroot", root, "systemctl", "enable", "--quiet", UNIT], check=True)
    subprocess.run(["chroot", root, "useradd", "--system", "--user-group", "--no-create-home", "kbuild"], check=True)


class Six(socketserver.ThreadingTCPServer):
    address_family, allow_reuse_address, daemon_threads = socket.AF_INET6, True, True


class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\nanswer\n")


class Cloud:
    """Answers on the metadata addresses, as long as the server is up."""

    def __enter__(self):
        subprocess.run(CLOUD, shell=True, check=True)
        self.listener = subprocess.Popen([BUILD + "/tests/bake/serve", "serve", "80"])
        self.six = Six((METADATA6, 80), Answer)
        threading.Thread(target=self.six.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.six.shutdown()
        self.six.server_close()
        self.listener.kill()
        self.listener.wait()


def asks(server, who, six=False):
    """Whether a process gets an answer from the metadata address."""
    # The addresses of a bridge that was just taken into use are not good at once.
    get = ["curl", "-gsf", "-m", "30", "--retry", "2", "--retry-all-errors", f"http://[{METADATA6}]/"] if six else \
        ["/serve", "get", METADATA, "80"]
    if who == "container":
        command = (SIX if six else ["docker", "run", "--rm", "serve:1"]) + get
    elif who == "root":
        command = get
    else:
        command = ["setpriv", "--reuid", who, "--clear-groups"] + get
    return server.run(*command).returncode == 0


def see(tap, server, when, closed=True, six=False):
    wanted = {"root": True, "nobody": not closed, "container": not closed}
    tap.equal(f"who reaches the metadata{' by IPv6' if six else ''} {when}",
              {who: asks(server, who, six) for who in wanted}, wanted)


def open_six(server):
    """Containers have IPv6, as an engine that is told so gives it to them; the next boot finds their network."""
    server.run("ip", "-6", "route", "replace", METADATA6 + "/128", "dev", "host0", check=True)
    if server.run("docker", "network", "inspect", "six").returncode != 0:
        server.run("docker", "network", "create", "--ipv6", "--subnet", CONTAINERS6, "six", check=True)
    server.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1", check=True)
    server.run("ip6tables", "-I", "FORWARD", "-j", "ACCEPT", check=True)


def check(tap, server):
    wait("docker", 120, lambda: server.run("docker", "info").returncode == 0)
    server.run("ip", "route", "replace", METADATA + "/32", "dev", "host0", check=True)
    image = subprocess.run(["tar", "-C", BUILD + "/tests/bake", "-c", "serve"], stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["nsenter", "-t", server.init, "-a", "--root", "--wd", "/usr/bin/docker", "import", "-", "serve:1"],
                   input=image, check=True, stdout=subprocess.DEVNULL, env={"PATH": "/usr/bin"})
    open_six(server)
    with Cloud():
        tap.equal("the unit is up", server.out("systemctl", "is-active", UNIT), "active")
        for six in (False, True):
            see(tap, server, "after boot", six=six)
        server.run("systemctl", "stop", UNIT, check=True)
        for six in (False, True):
            see(tap, server, "without our rules", closed=False, six=six)
        server.run("systemctl", "start", UNIT, check=True)
        for six in (False, True):
            see(tap, server, "with them again", six=six)
        server.run("systemctl", "restart", "docker", check=True)
        see(tap, server, "after a restart of docker")
        server.run("ufw", "reload", check=True)
        see(tap, server, "after a reload of ufw")
        server.run("systemctl", "restart", "fail2ban", check=True)
        see(tap, server, "after a restart of fail2ban")
        # It empties all tables, ours and docker's, each time; ours come back with it, in a job of their own.
        server.run("systemctl", "restart", "nftables", check=True)
        server.run("systemctl", "restart", "nftables", check=True)
        wait("our rules", 30, lambda: not asks(server, "nobody"))
        tap.check("root still reaches it after nftables.service", asks(server, "root"))
        server.run("systemctl", "reload", "nftables", check=True)
        wait("our rules after a reload", 30, lambda: not asks(server, "nobody"))
        tap.check("they come back when it is loaded anew", asks(server, "root"))
        server.run("systemctl", "stop", "nftables", check=True)
        server.run("systemctl", "start", "nftables", check=True)
        wait("our rules after a stop and a start", 30, lambda: not asks(server, "nobody"))
        tap.check("and when it is stopped and started", asks(server, "root"))
        server.run("systemctl", "stop", "nftables", check=True)
        server.run("systemctl", "start", UNIT, check=True)
        server.run("systemctl", "restart", "docker", "ufw", check=True)
    units = server.run("systemd-analyze", "--man=no", "verify", UNIT)
    tap.equal("the unit is without faults", (units.returncode, units.stdout), (0, ""))
    score = server.run("systemd-analyze", "security", "--threshold=15", UNIT)
    tap.check("its exposure is 1.5 at most", score.returncode == 0, score.stdout[-300:])


def main():
    own_world()
    tap = Tap()
    with tempfile.TemporaryDirectory(dir="/var/tmp", ignore_cleanup_errors=True) as tmp:
        overlay, r = bake(tmp)
        with overlay:
            tap.equal("it is baked", (r.returncode, r.returncode and r.stdout), (0, 0))
            install(overlay.root)
            shutil.copy(BUILD + "/tests/bake/serve", overlay.root + "/serve")
            for name, text in SEED.items():
                overlay.write("/var/lib/cloud/seed/nocloud/" + name, text)
            for boot in ("first", "second"):
                print(f"# the {boot} boot", flush=True)
                with Server(overlay, f"{tmp}/console-{boot}") as server:
                    try:
                        check(tap, server)
                    except TimeoutError as e:
                        tap.check("the server comes up", False, f"{e}\n{server.text()[-4000:]}")
    tap.done()


if __name__ == "__main__":
    test_boot.HERE = str(TOP / "tests/bake")
    main()
