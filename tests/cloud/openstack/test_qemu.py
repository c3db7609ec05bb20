#!/usr/bin/env python3
"""The demo image boots at a real Nova: libvirt and QEMU, config drive, user-data and handoff.

  test_qemu.py KBUILD     prints TAP. No KVM is needed; without it a boot takes minutes

The image is built first (KBUILD_CACHE spares downloads). Then all of it, the lab as well, is in a network of its own:
the bridges that Nova makes end with it.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lab import ROOT, SOURCE, Lab, Tap, wait_for  # noqa: E402
from kbtest import Kbuild  # noqa: E402

TAP = Tap()
MARK = "the user-data came by config drive"
STATUS = re.compile(r"^kbuild-status: (\{.*\})\r?$", re.M)


def definition(scratch):
    """The demo, with a line of user-data that only first boot can run. Without a volume: Cinder here keeps states only,
    a QEMU cannot open one."""
    text = yaml.safe_load((SOURCE / "images/demo.yaml").read_text())
    text["kbuild"]["server"] = {"cloud": "openstack", "flavor": "t-demo"}
    text.setdefault("runcmd", []).append(f"echo '{MARK}' > /dev/console")
    path = Path(scratch, "demo.yaml")
    path.write_text("#cloud-config\n" + yaml.safe_dump(text, sort_keys=False))
    return path


def own_network(scratch):
    """This program again, with a network that ends with it."""
    os.environ["KBUILD_TEST_SCRATCH"] = str(scratch)
    os.execvp("unshare", ["unshare", "--net", sys.executable] + sys.argv)


def only_qemu(lab):
    """The host whose servers do not boot takes none."""
    admin = lab.token("admin", "admin")
    services = lab.call("GET", "nova", "/v2.1/os-services?binary=nova-compute", token=admin,
                        headers={"X-OpenStack-Nova-API-Version": "2.53"}.items())[1]["services"]
    fake, = (s for s in services if s["host"] == "fake1")
    status, answer = lab.call("PUT", "nova", f"/v2.1/os-services/{fake['id']}", {"status": "disabled"}, token=admin,
                              headers={"X-OpenStack-Nova-API-Version": "2.53"}.items())
    if status != 200:
        raise RuntimeError(f"the fake host is not disabled: {status} {answer}")


def console(lab, ident):
    """All of the console as Nova has it."""
    return lab.call("POST", "nova", f"/v2.1/servers/{ident}/action", {"os-getConsoleOutput": {"length": None}})[1] \
        .get("output", "")


def boot(kbuild, lab, path):
    begin = time.monotonic()
    up = kbuild.run("upload", path, "--cloud", "openstack", timeout=1200)
    TAP.check(up.returncode == 0, "the image is uploaded", up.stderr)
    TAP.note(f"upload: {time.monotonic() - begin:.0f} s")
    images = lab.images()
    TAP.equal(len(images), 1, "Glance has one image")

    begin = time.monotonic()
    done = kbuild.run("launch", path, "--cloud", "openstack", "--name", "proof", "--timeout", "80m", timeout=5400)
    TAP.note(f"launch: {time.monotonic() - begin:.0f} s")
    TAP.check(done.returncode == 0, "the server is launched and says that it is ready", done.stdout + done.stderr)
    for line in done.stdout.splitlines():
        TAP.note(line)

    servers = lab.call("GET", "nova", "/v2.1/servers/detail")[1]["servers"]
    TAP.equal([s["name"] for s in servers], ["proof"], "there is one server")
    if not servers:
        return
    server = servers[0]
    text = wait_for(lambda: (lambda t: t if MARK in t else None)(console(lab, server["id"])), 300, 5) \
        or console(lab, server["id"])
    (Path(kbuild.scratch) / "console").write_text(text)
    TAP.check(MARK in text, "the user-data was run", text[-3000:])
    said = [json.loads(line) for line in STATUS.findall(text)]
    for line in said:
        TAP.note(json.dumps(line))
    last = said[-1] if said else {}
    TAP.check(last.get("state") == "ready",
              "the agent says on the console that first boot is done", text[-3000:])
    TAP.check(any(line.get("step") == "handoff" for line in said), "and took the handoff", said)
    addresses = [a["addr"] for v in server["addresses"].values() for a in v]
    TAP.check(any(a in text for a in addresses if "." in a), f"the server has its address: {addresses}",
              text[-3000:])

    listed = kbuild.json("list", "--cloud", "openstack")
    TAP.check(listed and [s["name"] for s in listed] == ["proof"], "kbuild list has it", listed)
    gone = kbuild.run("destroy", "proof", "--cloud", "openstack", "--yes")
    TAP.check(gone.returncode == 0, "it is destroyed", gone.stderr)
    TAP.equal(lab.call("GET", "nova", "/v2.1/servers/detail")[1]["servers"], [], "and gone")


def prepare(program):
    """What needs the package mirror, while there is one: the lab's packages, and the image."""
    scratch = Path(tempfile.mkdtemp(prefix="kbuild-qemu-"))
    try:
        for script in ("root", "template"):
            subprocess.run([Path(__file__).with_name(script), ROOT], check=True)
        begin = time.monotonic()
        done = Kbuild(program, scratch).run("build", definition(scratch), timeout=1800)
        if done.returncode:
            sys.exit(done.stderr)
        TAP.note(f"build: {time.monotonic() - begin:.0f} s: {done.stdout.strip()}")
    except BaseException:
        shutil.rmtree(scratch)
        raise
    own_network(scratch)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if "KBUILD_TEST_SCRATCH" not in os.environ:
        prepare(sys.argv[1])
    scratch = Path(os.environ["KBUILD_TEST_SCRATCH"])
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        with Lab("core", "nova", "libvirt") as lab:
            TAP.note(f"start: {lab.started:.0f} s")
            only_qemu(lab)
            kbuild = Kbuild(sys.argv[1], scratch)
            kbuild.env.update(lab.env())
            boot(kbuild, lab, scratch / "demo.yaml")
    finally:
        shutil.rmtree(scratch)
    return TAP.done()


if __name__ == "__main__":
    sys.exit(main())
