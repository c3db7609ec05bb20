"""
Servers that really run: kbuild's own local cloud boots the uploaded image, with a config drive as Nova makes it, and
with the server's public IPv4 address. A volume is a disk that is plugged in while the server runs.

The double has to be in a network namespace of its own: each server's address leads to its loopback device, where the
ports of PORTS lead into the guest. The guest has that address itself; the world around it, on 127.0.0.1 of the
namespace, it reaches at the second address of its network.

Local servers outlive who made them: close() removes them. Whoever may kill the double runs it in a namespace of
processes, too.
"""
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

PORTS = (22, 80, 443)
STOP = "90s"        # that a guest has for powering off
WINDOW = 100 << 10  # bytes of a console that Nova keeps


def call(*argv):
    subprocess.run([str(a) for a in argv], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE, text=True)


def node_of(volume_id):
    """QEMU's names of block nodes have at most 31 characters."""
    return "v" + volume_id.replace("-", "")[:30]


class Machine:
    """One server's files, and the local server that has them."""

    def __init__(self, cloud, server):
        self.cloud, self.server, self.name = cloud, server, server.id
        self.where = cloud.store / "servers" / server.id
        self.work = self.problem = None
        self.running, self.plugged = False, set()
        self.network = next(p for p in server.ports if p.network.external)
        self.address = next(f["ip_address"] for f in self.network.fixed if ":" not in f["ip_address"])
        self.net = next(s.net for s in self.network.network.subnets if s.net.version == 4)
        self.where.mkdir(parents=True)

    # --- what a machine is made of --------------------------------------------------------------------------

    def config(self):
        """openstack/latest/…, as Nova writes it."""
        s = self.server
        key = s.region.keypairs.get((s.user.openstack_id, s.key_name))
        link = {"id": "tap0", "type": "phy", "ethernet_mac_address": self.network.mac, "mtu": 1500}
        network = {"id": "network0", "type": "ipv4", "link": "tap0", "network_id": self.network.network.id,
                   "ip_address": self.address, "netmask": str(self.net.netmask),
                   "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": str(self.net[2])}]}
        files = {
            "meta_data.json": json.dumps({
                "uuid": s.id, "name": s.name, "hostname": s.name, "meta": s.metadata, "launch_index": 0,
                "availability_zone": s.zone, "project_id": s.region.project.id, "devices": [], "random_seed": "",
                "public_keys": {key.name: key.public_key} if key else {}}).encode(),
            "network_data.json": json.dumps({"links": [link], "networks": [network], "services": [
                {"type": "dns", "address": str(self.net[3])}]}).encode(),
        }
        if s.user_data:
            files["user_data"] = s.user_data
        return files

    def config_drive(self):
        """FAT, as with Nova's config_drive_format=vfat."""
        tree, disk = self.where / "config", self.where / "config.img"
        latest = tree / "openstack/latest"
        latest.mkdir(parents=True)
        for name, data in self.config().items():
            (latest / name).write_bytes(data)
        with open(disk, "wb") as file:
            file.truncate(4 << 20)
        call("mkfs.vfat", "-n", "config-2", disk)
        call("mcopy", "-s", "-i", disk, tree / "openstack", "::openstack")
        return disk

    # --- running --------------------------------------------------------------------------------------------

    def begin(self, what):
        """Does it aside: booting and shutting down take their time."""
        def go():
            try:
                what()
            except (OSError, RuntimeError, subprocess.CalledProcessError) as problem:
                self.problem = f"{problem} {getattr(problem, 'stderr', None) or ''}"
        self.work = threading.Thread(target=go, daemon=True)
        self.work.start()

    def busy(self):
        return self.work is not None and self.work.is_alive()

    def launch(self):
        f = self.server.flavor
        # Who goes there comes from 127.0.0.1, which the guest sees as its gateway; from an address of the namespace's
        # own it would be the guest's.
        call("ip", "route", "replace", "local", self.address, "dev", "lo", "src", "127.0.0.1")
        forwards = [word for p in PORTS for word in ("--forward", f"{self.address}:{p}:{p}")]
        self.cloud.kbuild("launch", "--image", self.cloud.raw(self.server.image), "--name", self.name, "--no-wait",
                          "--config-drive", self.config_drive(), "--mac", self.network.mac,
                          "--address", f"{self.address}/{self.net.prefixlen}", *forwards,
                          "--memory", f"{f.ram}M", "--cpus", min(f.vcpus, os.cpu_count()), "--disk", f"{f.disk}G")
        self.started()

    def start(self):
        self.cloud.kbuild("start", self.name, "--no-wait")
        self.started()

    def started(self):
        self.running, self.plugged = True, set()
        for volume_id in list(self.server.attachments):
            if self.cloud.volume(volume_id).exists():
                self.plug(volume_id)

    def stop(self):
        self.running = False
        try:
            self.cloud.kbuild("stop", self.name, "--timeout", STOP)
        except subprocess.CalledProcessError:
            self.cloud.kbuild("stop", self.name, "--force")

    def remove(self):
        if self.work:
            self.work.join()
        self.running = False
        self.cloud.kbuild("destroy", self.name, "--yes", "--with-data", check=False)
        subprocess.run(["ip", "route", "del", "local", self.address, "dev", "lo"], check=False,
                       stderr=subprocess.DEVNULL)
        shutil.rmtree(self.where, ignore_errors=True)

    # --- what the local cloud has no verb for ---------------------------------------------------------------

    def ask(self, command, **arguments):
        """One command to its QEMU; raises RuntimeError with QEMU's words."""
        directory = os.open(self.cloud.home / "servers" / self.name, os.O_PATH)
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(30)
                # Names of sockets are short, those of directories are not.
                s.connect(f"/proc/self/fd/{directory}/qmp.sock")
                talk = s.makefile("rw")
                talk.readline()
                for line in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                    talk.write(json.dumps(line) + "\n")
                    talk.flush()
                    answer = {"event": ""}
                    while "event" in answer:
                        answer = json.loads(talk.readline() or '{"error": {"desc": "QEMU has ended"}}')
        finally:
            os.close(directory)
        if "error" in answer:
            raise RuntimeError(answer["error"]["desc"])

    def plug(self, volume_id):
        if volume_id in self.plugged:
            return
        node = node_of(volume_id)
        self.ask("blockdev-add", **{"driver": "raw", "node-name": node, "discard": "unmap", "file": {
            "driver": "file", "filename": str(self.cloud.volume(volume_id)), "discard": "unmap"}})
        self.ask("device_add", driver="scsi-hd", bus="plug.0", drive=node, id=f"d-{node}", serial=volume_id[:20])
        self.plugged.add(volume_id)

    def unplug(self, volume_id):
        node = node_of(volume_id)
        self.ask("device_del", id=f"d-{node}")
        time.sleep(0.5)  # the guest lets go of it
        self.ask("blockdev-del", **{"node-name": node})
        self.plugged.discard(volume_id)


class Local:
    """Takes paper.Paper's place; store: the directory with the images' bytes, where all else is kept as well."""

    def __init__(self, program, store):
        self.program, self.store, self.home = Path(program).resolve(), store, store / "local"
        self.machines, self.script, self.lock = {}, [], threading.Lock()

    def kbuild(self, *args, check=True):
        env = dict(os.environ, KBUILD_STATE=str(self.home), NO_COLOR="1")
        return subprocess.run([self.program, *map(str, args), "--cloud", "local"], env=env, check=check,
                              stdin=subprocess.DEVNULL, capture_output=True, cwd=self.store).stdout

    def raw(self, image):
        """The local cloud boots what is on its disk as it is."""
        kind, path = image.base["disk_format"], self.store / image.id
        if kind == "raw":
            return path
        made = self.store / f"{image.id}.raw"
        with self.lock:
            if not made.exists():
                call("qemu-img", "convert", "-f", kind, "-O", "raw", path, f"{made}.part")
                os.rename(f"{made}.part", made)
        return made

    def volume(self, volume_id):
        return self.store / f"volume-{volume_id}.raw"

    def of(self, server):
        return self.machines.get(server.id)

    def start(self, server):
        machine = self.machines[server.id] = Machine(self, server)
        machine.begin(machine.launch)

    def state(self, server):
        """None: not yet."""
        machine = self.of(server)
        return None if machine.busy() else machine.problem or "running"

    def busy(self, server):
        machine = self.of(server)
        return bool(machine and machine.busy())

    def stop(self, server):
        self.of(server).begin(self.of(server).stop)

    def start_again(self, server):
        self.of(server).begin(self.of(server).start)

    def reboot(self, server):
        self.of(server).ask("system_reset")

    def delete(self, server):
        machine = self.machines.pop(server.id, None)
        if machine:
            machine.remove()

    def attach(self, server, volume):
        path, machine = self.volume(volume.id), self.of(server)
        if not path.exists():
            with open(path, "wb") as file:
                file.truncate(volume.size << 30)
        if machine and machine.running:
            machine.plug(volume.id)

    def detach(self, server, volume):
        machine = self.of(server)
        if machine and machine.running:
            machine.unplug(volume.id)

    def console(self, server):
        if not self.of(server):
            return ""
        text = self.kbuild("console", server.id, "--all", check=False)
        return text[-WINDOW:].decode(errors="replace")

    def close(self):
        for machine in self.machines.values():
            machine.remove()
        self.machines.clear()
