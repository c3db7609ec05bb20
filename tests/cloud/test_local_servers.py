#!/usr/bin/env python3
"""
The double's real servers: an image that is uploaded boots on kbuild's local cloud, with what Nova gives a server.
The guest is tests/local/guest.S, which needs no operating system.

    test_local_servers.py KBUILD     prints TAP; needs root, for a network of its own
"""
import subprocess
import sys
import tempfile
from pathlib import Path

from lab import Double, apart, wait_until
from kbtest import Tap, processes
from test_double import Service, fresh

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "local"))
from run import OBEY, boot_sector  # noqa: E402

HELLO = "hello, boot \1: \033]0;title\033\\grüße\r\n"
tap = Tap()


def upload(s, where):
    guest = (boot_sector(where) + bytes([OBEY, 0x30]) + bytes(14) + HELLO.encode()).ljust(1 << 20, b"\0")
    raw, disk = where / "guest.raw", where / "guest.qcow2"
    raw.write_bytes(guest)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk], check=True)
    image = s("image", "POST", "/images", {"name": "guest", "disk_format": "qcow2", "container_format": "bare"})[1]["id"]
    s("image", "PUT", f"/images/{image}/file", disk.read_bytes(), Content_Type="application/octet-stream")
    return image


def made(s, image, **more):
    flavor = next(f["id"] for f in s("compute", "GET", "/flavors")[1]["flavors"] if f["name"] == "d2-2")
    network = s("network", "GET", "/networks?name=Ext-Net")[1]["networks"][0]["id"]
    status, body = s("compute", "POST", "/servers", {"server": {
        "name": "web", "flavorRef": flavor, "imageRef": image, "networks": [{"uuid": network}], **more}})
    assert status == 202, body
    return body["server"]["id"]


def shown(s, ident):
    return s("compute", "GET", f"/servers/{ident}")[1]["server"]


def reached(s, ident, status, seconds=60):
    wait_until(lambda: shown(s, ident)["status"] in (status, "ERROR"), seconds)
    now = shown(s, ident)
    return tap.equal(now["status"], status, f"it becomes {status}") or tap.note(now.get("fault"))


def action(s, ident, what, more=None):
    return s("compute", "POST", f"/servers/{ident}/action", {what: more})[1]


def console(s, ident):
    return action(s, ident, "os-getConsoleOutput", {})["output"]


def says(s, ident, text, what):
    tap.check(wait_until(lambda: text in console(s, ident), 120), what, repr(console(s, ident)))


def qemus(where):
    """The command lines of the double's QEMUs."""
    lines = [Path(f"/proc/{pid}/cmdline").read_text() for pid in processes(f"{where}/store/local/")]
    return [line.replace("\0", " ") for line in lines if line.startswith("qemu-system")]


def life(d, where):
    fresh(d, server=0.0)
    s = Service(d)
    ident = made(s, upload(s, where), user_data="I2Nsb3VkLWNvbmZpZwo=", config_drive=True)
    reached(s, ident, "ACTIVE")
    says(s, ident, "hello, boot 1: \033]0;title\033\\grüße", "the uploaded image boots, and the console tells it")

    now, lines = shown(s, ident), qemus(where)
    tap.equal(len(lines), 1, "one QEMU runs")
    address = next(a for a in now["addresses"]["Ext-Net"] if a["version"] == 4)
    tap.check(f"dhcpstart={address['addr']}" in lines[0] and address["OS-EXT-IPS-MAC:mac_addr"] in lines[0],
              "with the address and the network card that Nova shows", lines)
    drive = next((where / "store").glob("local/servers/*/config.iso"))
    given = subprocess.run(["mtype", "-i", drive, "::openstack/latest/user_data"], capture_output=True, check=False)
    tap.equal(given.stdout, b"#cloud-config\n", "its user-data is on the config drive")
    volumes(s, ident)

    action(s, ident, "os-stop")
    reached(s, ident, "SHUTOFF")
    tap.equal(qemus(where), [], "no QEMU runs")
    action(s, ident, "os-start")
    reached(s, ident, "ACTIVE")
    says(s, ident, "hello, boot 2", "it boots again, from the same disk")
    action(s, ident, "reboot", {"type": "HARD"})
    says(s, ident, "hello, boot 3", "and once more")
    s("compute", "DELETE", f"/servers/{ident}")
    tap.check(wait_until(lambda: s("compute", "GET", f"/servers/{ident}")[0] == 404, 120), "deleted, it is gone")
    tap.equal((qemus(where), list((where / "store/local/servers").iterdir())), ([], []), "and nothing is left of it")


def volumes(s, ident):
    volume = s("volume", "POST", "/volumes", {"volume": {"size": 1}})[1]["volume"]["id"]

    def status():
        return s("volume", "GET", f"/volumes/{volume}")[1]["volume"]["status"]
    wait_until(lambda: status() == "available", 120)
    path = f"/servers/{ident}/os-volume_attachments"
    s("compute", "POST", path, {"volumeAttachment": {"volumeId": volume}})
    tap.check(wait_until(lambda: status() == "in-use", 120), "a volume is plugged in while it runs", status())
    s("compute", "DELETE", f"{path}/{volume}")
    tap.check(wait_until(lambda: status() == "available", 120), "and pulled out", status())


def ends(d, where):
    s = Service(d)
    image = s("image", "GET", "/images?name=guest")[1]["images"][0]["id"]
    reached(s, made(s, image), "ACTIVE")
    d.stop()
    tap.equal(qemus(where), [], "servers end with the double")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    ended = apart()
    if ended is not None:
        return ended
    with tempfile.TemporaryDirectory(prefix="kbuild-double-") as directory:
        where = Path(directory)
        d = Double("--store", where / "store", "--servers", sys.argv[1])
        try:
            life(d, where)
            ends(d, where)
        finally:
            d.stop()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
