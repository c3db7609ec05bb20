#!/usr/bin/env python3
"""
A server's life as in proof.py, in minutes: the same sections with the same world, but the image's tree boots under
systemd-nspawn. What needs a machine of its own is left to proof.py: data volume, clock, full disk, real power cuts.

    tests/agent/test_life.py KBUILD [--long] [--bake] [SECTION...]       (TAP; root; systemd-nspawn)

Sections: boot good bad mended backup dead_git dead_registry dead_network secrets cuts. A cut kills process 1 and so all.
--bake: the container images are in the image, and there is no registry until the first commit.
"""
import argparse
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from docker_lab import engine_tree  # noqa: E402
from find_secrets import Watch  # noqa: E402
from kbtest import Kbuild, Tap, wait_for  # noqa: E402
from nspawn_lab import Disk, Machine, doorway, outside, own_world  # noqa: E402
from proof import NAME, Proof  # noqa: E402
from world import (GIT_TOKEN, GIT_USER, GUEST_SEES, HOSTS, REGISTRY_PASSWORD, REGISTRY_USER, ZONE,  # noqa: E402
                   prepare_trees)

US, BITS = "10.0.2.15", 24
SEED = "/var/lib/cloud/seed/nocloud/"
NETWORK = ("version: 2\nethernets:\n  host0:\n    addresses: [%s/%d]\n    routes: [{to: default, via: %s}]\n"
           "    nameservers: {addresses: [%s]}\n" % (US, BITS, GUEST_SEES, GUEST_SEES))
LINK = ("ip link set lo up; ip link set ve-lab up; ip addr replace %s/%d dev ve-lab" % (GUEST_SEES, BITS))
# The world listens on loopback, as QEMU's network would have it.
WAY_IN = """
table ip life {
	chain in { type nat hook prerouting priority -100; ip daddr %s dnat to 127.0.0.1; }
}
""" % GUEST_SEES
BOOT = 600
CONFIG = "/etc/kbuild/agent.yaml"
SECTIONS = ["boot", "good", "bad", "mended", "backup", "dead_git", "dead_registry", "dead_network", "secrets", "cuts"]


# The filters of all of the agent's processes in kill mode: what they lack ends a process here, and not at somebody's.
STRICT = """\
  - path: /etc/systemd/system/kbuild-.service.d/50-strict.conf
    content: |
      [Service]
      Environment=KBUILD_CONFINE_STRICT=1
"""
ROLES = {"net", "tip", "git", "parse", "resolve"}


class Roles(Watch):
    """Looks at the agent's processes as they come and go: their arguments, their environments, their filters."""

    def __init__(self, init, values):
        super().__init__()
        self.pids, self.values = os.readlink(f"/proc/{init}/ns/pid"), [v.encode() for v in values]
        self.seen, self.confined, self.found = set(), set(), set()

    def look_at(self, p):
        name = (p / "comm").read_text().strip()
        if name not in ROLES | {"kbuild-agent"} or os.readlink(p / "ns/pid") != self.pids:
            return
        for part in ("cmdline", "environ"):
            text = (p / part).read_bytes()
            self.found |= {f"{part} of {name}" for v in self.values if v in text}
        status = dict(line.split(":", 1) for line in (p / "status").read_text().splitlines() if ":" in line)
        self.seen.add(name)
        if name in ROLES and status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1":
            self.confined.add(name)


class Inside:
    """As kbtest.Server, without ssh."""

    def __init__(self, life):
        self.life = life

    def sh(self, script, timeout=180, data=None):
        pid = self.life.machine.init
        argv = ["nsenter", "-t", str(pid), "-m", "-u", "-i", "-n", "-p", "-C", "--root", "--wd", "env", "-i",
                "HOME=/root", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "sh", "-c", script]
        try:
            done = subprocess.run(argv, input=data, stdin=None if data else subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=timeout, cwd="/", check=False)
        except subprocess.TimeoutExpired as e:
            return 124, f"no end after {timeout} s: {(e.stdout or b'').decode(errors='replace')}"
        return done.returncode, done.stdout.decode(errors="replace").strip()

    def out(self, script, **more):
        return self.sh(script, **more)[1]


class Life(Proof):
    volume = False
    emulated = ""
    address = f"http://{US}"

    def __init__(self, *args):
        super().__init__(*args)
        self.server, self.disk, self.docker, self.machine, self.made = Inside(self), None, None, None, 0

    def prepare(self):
        subprocess.run(["chroot", engine_tree(), "/usr/sbin/nft", "-f", "-"], input=WAY_IN, text=True, check=True)
        for name in ("all", "default"):
            Path(f"/proc/sys/net/ipv4/conf/{name}/route_localnet").write_text("1")
        self.tree = self.where / "tree"
        if not super().prepare():
            return False
        done = self.kbuild.run("build", self.definition, "--until", "seal", "--tree", self.tree, timeout=1500)
        return self.tap.check(done.returncode == 0, "and its tree", done.stderr)

    def refine(self, definition):
        return definition.replace("write_files:\n", "write_files:\n" + STRICT)

    def mended(self):
        """Another server of the image: its first commit crashes, a later one is good, and its health ends first boot."""
        before = self.disk, self.docker
        self.settle()
        self.cut()
        try:
            self.world.commit("crash", broken="crash")
            self.fresh()
            # What crashes at first is waited for as long as this, by first boot and by who takes over from it.
            self.disk.write(CONFIG, re.sub(r"timeout: \S+", "timeout: 2m", self.disk.read(CONFIG)))
            self.begin()
            since = self.so_far()
            self.first_boot_fails(since)
            self.first_boot_ends(since)
        finally:
            self.forget()
            self.disk, self.docker = before
            self.start_again("mended: the server of before")
        self.equally_live(self.version, "it follows the branch to what the other one runs")

    def first_boot(self):
        return self.status().get("first_boot") or {}

    def first_boot_fails(self, since):
        t, s, unit = self.tap, self.server, "kbuild-firstboot"
        said = self.ready()
        t.check(said and said[0]["state"] == "failed", "with a first commit that crashes first boot ends failed", said)
        t.equal([step["step"] for step in self.first_boot().get("steps", []) if step["state"] == "failed"], ["gate"],
                "in the step gate")
        t.equal(wait_for(lambda: s.out(f"systemctl is-failed {unit}") == "failed", 120), True, "its unit has failed")
        t.equal(self.status().get("state"), "failed", "status says so")
        # Two bad looks are a fault.
        for _ in range(2):
            self.run_unit("kbuild-health.service")
        found = {check["name"]: check for check in self.status()["health"]["checks"]}
        t.equal((found["first-boot"]["fault"], found["units"]["now"]), (True, "good"),
                "health has a fault of first boot, and none of its unit")
        told = self.notices("first boot is not done: gate: ", since)
        t.equal(tuple(map(len, told)), (1, 1), "one alert says why, by web hook and by mail") or t.note(told)
        t.equal(self.notices(unit, since), ([], []), "and none names the unit")

    def first_boot_ends(self, since):
        t, s = self.tap, self.server
        t.check(self.deploy("mended"), "a good commit goes live by the timer", self.journal("kbuild-gitops.service"))
        self.settle()
        # Its health asks for another walk a quarter of an hour after the last one.
        s.sh(r'sed -i "s/\"at\":[0-9]*/\"at\":$(($(date +%s) - 900))/" /var/lib/kbuild/first-boot.json')
        self.run_unit("kbuild-health.service")
        said = self.journal("kbuild-health.service", 200)
        t.check("first boot goes on" in said, "health asks for first boot again", said)
        wait_for(lambda: self.first_boot().get("state") == "ready", 300, every=2)
        t.equal(self.first_boot().get("state"), "ready", "which ends ready") or \
            t.note(self.journal("kbuild-firstboot.service"))
        t.equal(wait_for(lambda: s.out("systemctl is-active kbuild-firstboot.service") == "active", 120), True,
                "its unit is not failed any more")
        # Two good looks, and what was a fault is over. No clock is in step here, where it is the machine's own.
        def faults():
            self.run_unit("kbuild-health.service")
            return {check["name"] for check in self.status()["health"]["checks"] if check["fault"]} - {"clock"}

        wait_for(lambda: not faults(), 300, every=3)
        t.equal((faults(), self.status().get("state") in ("ready", "degraded")), (set(), True),
                "status has no fault of it any more") or t.note(self.agent("status")[1])
        alerts = [json.loads(text) for _, _, text in self.hooks()[since[0]:]]
        t.equal([alert["over"] for alert in alerts if alert["key"] == "health:first-boot"], [False, True],
                "the one alert is over")

    def secrets(self):
        """Also while the agent is at work."""
        t, s = self.tap, self.server
        t.equal(s.out("systemctl show -P Environment kbuild-gitops.service"), "KBUILD_CONFINE_STRICT=1",
                "filters are in kill mode")
        self.settle()
        with Roles(self.machine.init, self.secret_values()) as watch:
            t.check(self.deploy("watched"), "a commit goes live", self.journal("kbuild-gitops.service"))
            self.settle()
            for unit in ("kbuild-backup.service", "kbuild-health.service"):
                t.equal(self.run_unit(unit), "success", f"{unit} does its work")
            t.equal(self.agent("dns", "sync")[0], 0, "so does dns sync")
        t.equal(watch.found, set(), "no secret is in an argument or in the environment of one of the agent's processes")
        t.equal((watch.seen - {"resolve"}, watch.confined - {"resolve"}), (ROLES - {"resolve"} | {"kbuild-agent"}, ROLES - {"resolve"}),
                "of which all were seen, and each role with its filter")
        super().secrets()

    def user_data(self):
        """What launch would give a server of this image: made by it, and read from its config drive."""
        done = self.kbuild.run(*self.launch_arguments(), "--no-wait")
        if done.returncode != 0:
            raise ValueError(done.stderr)
        drive = (self.kbuild.state / "servers" / NAME / "config.iso").read_bytes()
        gone = self.kbuild.run("destroy", NAME, "--yes", "--with-data")
        if gone.returncode != 0:
            raise ValueError(gone.stderr)
        for at in range(0, len(drive), 2048):
            if drive.startswith(b"#cloud-config", at):
                return drive[at:drive.index(b"\0", at)].decode()
        raise ValueError("there is no user-data on the config drive")

    def fresh(self):
        self.made += 1
        self.disk, self.docker = Disk(self.tree, self.where / f"disk-{self.made}"), self.where / f"docker-{self.made}"
        self.docker.mkdir()
        self.disk.write(SEED + "user-data", self.user_data())
        self.disk.write(SEED + "meta-data", f"instance-id: i-{self.made}\nlocal-hostname: {NAME}\n")
        self.disk.write(SEED + "network-config", NETWORK)
        self.disk.write("/etc/fstab", "")

    def begin(self):
        """Boots the disk; its console goes on where it was."""
        self.consoles = getattr(self, "consoles", 0) + 1
        # Whoever may set the clock here sets this machine's.
        self.machine = Machine(self.disk, self.where / f"console-{self.consoles}", setup=LINK, options=[
            "--drop-capability=CAP_SYS_TIME", "--system-call-filter=adjtimex clock_adjtime",
            f"--bind={self.docker}:/var/lib/docker"]).__enter__()

    def console(self):
        return "".join((self.where / f"console-{n + 1}").read_text(errors="replace") for n in range(self.consoles))

    def ready(self):
        wait_for(lambda: any(s["state"] != "working" for s in self.machine.status_lines()), BOOT)
        return [s for s in self.machine.status_lines() if s["state"] != "working"][-1:]

    def launch(self):
        self.ovh_is_ill()
        self.fresh()
        self.begin()
        said = self.ready()
        good = self.tap.check(said and said[0]["state"] == "ready", "the tree boots and its agent is ready", said)
        if not good:
            self.tap.note(self.journal("kbuild-firstboot.service", 80))
        return good

    def cut(self):
        self.machine.cut()

    def start_again(self, what):
        self.begin()
        said = self.ready()
        return self.tap.check(said and said[0]["state"] == "ready", f"{what}: the server comes back ready",
                              f"{said}\n" + self.journal("kbuild-firstboot.service"))

    def forget(self):
        self.cut()
        self.disk.unmount()

    def begin_first(self):
        self.fresh()
        self.begin()


class Baked(Life):
    """With kbuild.app.images: bake. The builder asks the world's git server and registry, as a developer's would."""

    def refine(self, definition):
        return super().refine(definition).replace("    branch: main\n", "    branch: main\n    images: bake\n")

    def make_image(self):
        w = self.world
        w.registry.start()
        for port in (w.git.port, w.registry.port):
            doorway(port)
        self.trust()
        secrets = self.where / "registries.yaml"
        secrets.touch(0o600)
        secrets.write_text(f'registries: {{"{w.registry.name}": {{user: {REGISTRY_USER}, '
                           f'password: {REGISTRY_PASSWORD}}}}}\n')
        token = base64.b64encode(f"{GIT_USER}:{GIT_TOKEN}".encode()).decode()
        self.kbuild.env.update(GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="http.extraHeader",
                               GIT_CONFIG_VALUE_0=f"Authorization: Basic {token}")
        done = self.kbuild.run("build", self.definition, "--secrets", secrets, timeout=2400)
        w.registry.stop()
        return done

    def trust(self):
        """The builder knows the world's names and its authority, as if this machine did."""
        for path, more in (("/etc/hosts", "".join(f"127.0.0.1 {h}.{ZONE}\n" for h in HOSTS)),
                           ("/etc/ssl/certs/ca-certificates.crt", self.world.authority.ca.read_text())):
            ours = self.where / Path(path).name
            ours.write_text(Path(path).read_text() + "\n" + more)
            subprocess.run(["mount", "--bind", ours, path], check=True)

    def launch(self):
        """Without a registry; it is there again for what comes later."""
        self.world.registry.stop()
        good = super().launch()
        t, s = self.tap, self.server
        t.equal(s.out("ls /var/lib/kbuild-images"), "images.json", "the images came from the archive, which is gone")
        t.equal(s.out("docker images -q | wc -l"), "3", "and are in the engine")
        self.world.registry.start()
        return good


def main():
    p = argparse.ArgumentParser()
    p.add_argument("kbuild")
    p.add_argument("section", nargs="*")
    p.add_argument("--long", action="store_true")
    p.add_argument("--bake", action="store_true")
    o = p.parse_intermixed_args()
    if "KBUILD_TEST_WORLD" not in os.environ:
        prepare_trees()
    own_world()
    subprocess.run("ip link set lo up", shell=True, check=True)
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="kbuild-life-", ignore_cleanup_errors=True) as where:
        tap, kbuild = Tap(), Kbuild(outside(o.kbuild, where), scratch=where)
        life = (Baked if o.bake else Life)(tap, kbuild, where, o.long)
        try:
            if life.prepare():
                life.world.start()
                if life.launch():
                    life.everything(o.section, SECTIONS)
        finally:
            if life.machine:
                life.machine.cut()
            life.world.stop()
            if life.disk:
                life.disk.unmount()
    return tap.done()


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
