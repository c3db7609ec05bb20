"""
Servers that really run: the uploaded image under QEMU, with a config drive, a serial console in a file, volumes
as disks, and their public IPv4 address.

The double has to be in a network namespace of its own: each server's address becomes one of its loopback device,
where the ports of PORTS lead into the guest. The guest has that address itself; the world around it, on 127.0.0.1 of
the namespace, it reaches at the second address of its network.
"""
import ctypes
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PORTS = (22, 80, 443)
PATIENCE = 90  # seconds that a guest has for powering off


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def call(*argv):
    subprocess.run([str(a) for a in argv], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE, text=True)


def node_of(volume_id):
    """QEMU's names of block nodes have at most 31 characters."""
    return "v" + volume_id.replace("-", "")[:30]


@functools.lru_cache(maxsize=1)
def kvm():
    """Whether a machine really starts with it: that the device is there says little inside of other machines."""
    if not os.access("/dev/kvm", os.W_OK):
        return False
    probe = subprocess.Popen(["qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "pc", "-accel", "kvm",
                              "-cpu", "host", "-S"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    try:
        probe.wait(2)
        return False
    except subprocess.TimeoutExpired:
        probe.kill()
        probe.wait()
        return True


class Machine:
    """One server's files and its process."""

    def __init__(self, where, server):
        self.where, self.server = where, server
        self.child = self.problem = None
        self.off_by = None      # when an orderly end becomes another one
        self.network = next(p for p in server.ports if p.network.external)
        self.address = next(f["ip_address"] for f in self.network.fixed if ":" not in f["ip_address"])
        self.net = next(s.net for s in self.network.network.subnets if s.net.version == 4)
        where.mkdir(parents=True)

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

    def write_config_drive(self):
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

    def make(self, image):
        kind = self.server.image.base["disk_format"]
        call("qemu-img", "create", "-q", "-f", "qcow2", "-F", kind, "-b", image, self.where / "root.qcow2",
             f"{self.server.flavor.disk}G")
        self.write_config_drive()
        call("ip", "address", "add", f"{self.address}/32", "dev", "lo")

    def arguments(self):
        f = self.server.flavor
        forwards = ",".join(f"hostfwd=tcp:{self.address}:{p}-:{p}" for p in PORTS)
        argv = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-machine", "pc",
                "-smp", str(min(f.vcpus, 2)), "-m", f"{f.ram}M", "-smbios",
                "type=1,manufacturer=OpenStack Foundation,product=OpenStack Nova", "-device", "virtio-rng-pci",
                "-accel", "kvm" if kvm() else "tcg,thread=multi", "-cpu", "host" if kvm() else "qemu64,-cx16,+rdrand",
                "-device", "virtio-scsi-pci,id=scsi",
                *self.disk("root", self.where / "root.qcow2", "qcow2", "bootindex=1"),
                *self.disk("config", self.where / "config.img", "raw", ""),
                "-netdev", f"user,id=net,net={self.net},host={self.net[2]},dns={self.net[3]},"
                f"dhcpstart={self.address},{forwards}",
                "-device", f"virtio-net-pci,netdev=net,mac={self.network.mac},romfile=",
                "-chardev", f"file,id=console,path={self.where / 'console.log'},append=on", "-serial",
                "chardev:console", "-qmp", f"unix:{self.where / 'qmp'},server=on,wait=off"]
        for volume_id in self.server.attachments:
            argv += self.disk(node_of(volume_id), self.where.parent / f"{volume_id}.raw", "raw",
                              f"serial={volume_id[:20]}")
        return argv

    @staticmethod
    def disk(name, path, kind, more):
        return ["-blockdev", f"driver={kind},node-name={name},file.driver=file,file.filename={path},discard=unmap,"
                "file.discard=unmap", "-device", f"scsi-hd,drive={name},id=d-{name}" + ("," + more if more else "")]

    # --- running --------------------------------------------------------------------------------------------

    def launch(self):
        self.problem, self.off_by = None, None
        with open(self.where / "qemu.log", "ab") as log:
            self.child = subprocess.Popen(self.arguments(), stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=subprocess.STDOUT, preexec_fn=die_with_parent)

    def alive(self):
        if self.child is None or self.child.poll() is not None:
            return False
        if self.off_by and time.monotonic() > self.off_by:
            self.kill()
        return self.child.poll() is None

    def kill(self):
        if self.child:
            self.child.kill()
            self.child.wait()

    def ask(self, command, **arguments):
        """One QMP command; raises RuntimeError with QEMU's words."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(str(self.where / "qmp"))
            talk = s.makefile("rw")
            talk.readline()
            for line in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                talk.write(json.dumps(line) + "\n")
                talk.flush()
                answer = {"event": ""}
                while "event" in answer:
                    answer = json.loads(talk.readline() or '{"error": {"desc": "QEMU has ended"}}')
        if "error" in answer:
            raise RuntimeError(answer["error"]["desc"])

    def power_off(self):
        if self.alive():
            self.off_by = time.monotonic() + PATIENCE
            self.ask("system_powerdown")

    def remove(self):
        self.kill()
        subprocess.run(["ip", "address", "del", f"{self.address}/32", "dev", "lo"], check=False,
                       stderr=subprocess.DEVNULL)
        shutil.rmtree(self.where, ignore_errors=True)


class Qemu:
    """Takes paper.Paper's place; store: the directory with the images' bytes, where all else is kept as well."""

    def __init__(self, store):
        self.store, self.machines, self.script = Path(store), {}, []
        # A child dies with the thread that made it: not with that of the request.
        self.maker = ThreadPoolExecutor(max_workers=1)

    def launch(self, machine):
        self.maker.submit(machine.launch).result()

    def of(self, server):
        return self.machines.get(server.id)

    def start(self, server):
        machine = Machine(self.store / "servers" / server.id, server)
        self.machines[server.id] = machine
        try:
            machine.make(self.store / server.image.id)
            self.launch(machine)
        except (OSError, subprocess.CalledProcessError) as problem:
            machine.problem = f"{problem} {getattr(problem, 'stderr', '')}"

    def state(self, server):
        machine = self.of(server)
        if machine.problem or not machine.alive():
            log = machine.where / "qemu.log"
            return machine.problem or (log.read_text()[-300:] if log.exists() else "") or "QEMU has ended"
        return "running"

    def busy(self, server):
        machine = self.of(server)
        return bool(machine and machine.off_by and machine.alive())

    def stop(self, server):
        self.of(server).power_off()

    def start_again(self, server):
        if not self.of(server).alive():
            self.launch(self.of(server))

    def reboot(self, server):
        self.of(server).ask("system_reset")

    def delete(self, server):
        machine = self.machines.pop(server.id, None)
        if machine:
            machine.remove()

    def attach(self, server, volume):
        path = self.store / "servers" / f"{volume.id}.raw"
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            with open(path, "wb") as file:
                file.truncate(volume.size << 30)
        machine = self.of(server)
        if machine and machine.alive():
            node = node_of(volume.id)
            machine.ask("blockdev-add", **{"driver": "raw", "node-name": node, "discard": "unmap",
                                           "file": {"driver": "file", "filename": str(path), "discard": "unmap"}})
            machine.ask("device_add", driver="scsi-hd", drive=node, id=f"d-{node}", serial=volume.id[:20])

    def detach(self, server, volume):
        machine = self.of(server)
        if machine and machine.alive():
            machine.ask("device_del", id=f"d-{node_of(volume.id)}")
            time.sleep(0.5)  # the guest lets go of it
            machine.ask("blockdev-del", **{"node-name": node_of(volume.id)})

    def console(self, server):
        machine = self.of(server)
        log = machine.where / "console.log" if machine else None
        return log.read_text(errors="replace") if log and log.exists() else ""

    def close(self):
        for machine in self.machines.values():
            machine.remove()
        self.machines.clear()
