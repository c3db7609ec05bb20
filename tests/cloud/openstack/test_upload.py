#!/usr/bin/env python3
"""kbuild upload, images and prune against two real Glances, with everything that goes wrong on the way.

  test_upload.py KBUILD [STATE]     prints TAP; STATE: of a running lab with core (its Glances and its Keystone are
                                    restarted), else one is started; with nova in it, servers are tested, too
  ONLY="large pruned"               in the environment: only these
"""
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lab import SOURCE, Lab, Measured, Proxy, Tap, wait_for  # noqa: E402

sys.path.insert(0, str(SOURCE / "tests" / "lib"))
from kbtest import Kbuild  # noqa: E402

TAP = Tap()
MIB = 1 << 20
GLANCES = {"GRA11": "glance", "SBG5": "glance2"}


class World:
    """The lab, kbuild with a cache of its own, and disk files whose images are told by their names."""

    def __init__(self, program, lab):
        self.lab = lab
        self.scratch = Path(tempfile.mkdtemp(prefix="kbuild-upload-"))
        self.kbuild = Kbuild(program, scratch=self.scratch, cache=self.scratch / "cache")
        for name in [n for n in self.kbuild.env if n.startswith("OS_")]:
            del self.kbuild.env[name]
        self.kbuild.env.update(lab.env("gra"))
        self.names = []

    def named(self, name):
        """Of this run: what another one has left is none of it."""
        return f"{name}-{os.getpid()}"

    def disk(self, name, mib):
        """A file of random bytes, other ones each time; its SHA-512."""
        name = self.named(name)
        block = os.urandom(min(mib, 64) * MIB)
        path, digest = self.scratch / f"{name}.img", hashlib.sha512()
        with open(path, "wb") as file:
            for _ in range(mib // (len(block) // MIB)):
                file.write(block)
                digest.update(block)
        self.names.append(name)
        return path, digest.hexdigest()

    def forget_catalogue(self):
        shutil.rmtree(self.scratch / "cache" / "tokens", ignore_errors=True)

    @contextlib.contextmanager
    def through(self, region="GRA11"):
        """The way to a Glance leads over a proxy."""
        proxy = Proxy(self.lab.port(GLANCES[region]))
        with self.lab.through(proxy, "image", region):
            self.forget_catalogue()
            yield proxy
        self.forget_catalogue()

    def upload(self, path, *args, **more):
        return self.kbuild.run("upload", "--cloud", "openstack", *args, path, **more)

    def start(self, path, *args, **more):
        return self.kbuild.start("upload", "--cloud", "openstack", "--progress", "json", *args, path, **more)

    def images(self, name, region="GRA11"):
        """What the service itself says of the images of that disk."""
        return [i for i in self.lab.images(GLANCES[region]) if i.get("kbuild_definition") == self.named(name)]

    def one_active(self, name, digest, what, region="GRA11"):
        """There is exactly one image, and it is right."""
        found = self.images(name, region)
        good = [i["status"] == "active" and i["os_hash_value"] == digest == i.get("kbuild_sha512") for i in found]
        return TAP.check(good == [True], what + ": one active image, of these bytes",
                         json.dumps(found, indent=1) if good != [True] else "")

    def clean(self):
        for region, glance in GLANCES.items():
            token = self.lab.token()
            for name in self.names:
                for image in [i for i in self.lab.images(glance) if i.get("kbuild_definition") == name]:
                    self.lab.call("DELETE", glance, f"/v2/images/{image['id']}", token=token)
        self.kbuild.remove()


def wait_bytes(child, count):
    """Until the child has sent so many bytes; it goes on."""
    for line in child.stderr:
        with contextlib.suppress(ValueError):
            if json.loads(line).get("done", 0) >= count:
                break
    threading.Thread(target=child.stderr.read, daemon=True).start()


def calls_of(proxy, method):
    return [c for c in proxy.calls if c.startswith(method + " ")]


def large(w):
    path, digest = w.disk("large", 2048)
    begin = time.monotonic()
    done = Measured([w.kbuild.program, "upload", "--cloud", "openstack", path], env=w.kbuild.env, cwd=w.scratch)
    seconds = time.monotonic() - begin
    TAP.check(done.returncode == 0, "2 GiB are uploaded", done.stderr)
    TAP.note(f"2048 MiB in {seconds:.1f} s, {2048 / seconds:.0f} MiB/s, {done.peak / 1024:.1f} MiB of memory")
    TAP.check(done.peak < 20 * 1024, "in less than 20 MiB of memory", f"{done.peak} KiB")
    w.one_active("large", digest, "2 GiB")
    image = w.images("large")[0]
    wanted = {"visibility": "private", "disk_format": "raw", "container_format": "bare", "min_disk": 2,
              "hw_disk_bus": "scsi", "hw_scsi_model": "virtio-scsi", "img_config_drive": "mandatory",
              "os_type": "linux", "tags": ["kbuild"]}
    TAP.equal({k: image.get(k) for k in wanted}, wanted, "with the properties that servers need")
    path.unlink()
    w.lab.call("DELETE", "glance", f"/v2/images/{image['id']}")


def calls(w):
    """Few calls, and none of it twice."""
    path, digest = w.disk("calls", 8)
    with w.through() as proxy:
        done = w.upload(path)
        TAP.check(done.returncode == 0, "8 MiB are uploaded", done.stderr)
        kinds = [c.split("?")[0].split("/images/")[0] for c in proxy.calls]
        TAP.note(f"calls of the image service: {', '.join(kinds)}")
        TAP.check(len(proxy.calls) <= 9, "with at most 1.5 times the least number of calls (6)", proxy.calls)
        proxy.clear()
        done = w.upload(path)
        TAP.check(done.returncode == 0 and "is there already" in done.stdout, "a second time nothing is sent",
                  done.stdout + done.stderr)
        TAP.equal([c.split(" ")[0] for c in proxy.calls], ["GET"], "it takes one call to know")
    copy = path.with_name("copy.img")
    shutil.copy(path, copy)
    done = w.upload(copy)
    TAP.check(done.returncode == 0 and "is there already" in done.stdout,
              "equal bytes in another file are not sent either", done.stdout + done.stderr)
    w.one_active("calls", digest, "twice uploaded")


def killed_at_half(w):
    path, digest = w.disk("half", 256)
    for region in GLANCES:
        child = w.start(path, "--region", region)
        wait_bytes(child, 100 * MIB)
        child.kill()
        child.wait()
        left = w.images("half", region)
        done = w.upload(path, "--region", region)
        TAP.check(done.returncode == 0, f"{region}: killed at half, the next upload succeeds", done.stderr)
        w.one_active("half", digest, f"{region}: killed at half", region)
        TAP.equal([i["id"] for i in w.images("half", region)], [i["id"] for i in left],
                  f"{region}: the record that was left is the one that is used")


def killed_before_put(w):
    path, digest = w.disk("early", 16)
    with w.through() as proxy:
        proxy.add("PUT /v2/images", "stall", after=0, seconds=30)
        child = w.start(path)
        wait_for(lambda: calls_of(proxy, "PUT"), 60)
        child.kill()
        child.wait()
    left = w.images("early")
    TAP.equal([i["status"] for i in left], ["queued"], "killed between the record and its bytes: the record is left")
    TAP.equal(w.upload(path).returncode, 0, "the next upload succeeds")
    w.one_active("early", digest, "killed before the bytes")
    TAP.equal([i["id"] for i in w.images("early")], [i["id"] for i in left], "with the same record")


def cut_off(w):
    for kind, more in (("cut", {"after": 20 * MIB}), ("cut", {"after": 3}), ("refuse", {}), ("lost", {}),
                       ("answer", {"status": 503}), ("answer", {"status": 504}), ("short", {"after": 5})):
        name = f"{kind}-{more.get('after', more.get('status', 0))}"
        path, digest = w.disk(name, 40)
        with w.through() as proxy:
            fault = proxy.add("PUT /v2/images/.*/file", kind, **more)
            done = w.upload(path)
            puts = len(calls_of(proxy, "PUT"))
        TAP.check(done.returncode == 0 and fault.met == 1, f"{kind} {more}: the upload succeeds", done.stderr)
        # An answer that is lost, or cut, belongs to bytes that have arrived.
        TAP.check(puts == (1 if kind in ("lost", "short") else 2), "bytes are sent again only where they are missing",
                  puts)
        w.one_active(name, digest, f"{kind} {more}")


def pages_of_html(w):
    path, digest = w.disk("html", 8)
    with w.through() as proxy:
        faults = [proxy.add("GET /v2/images\\?", "answer", status=502), proxy.add("POST /v2/images", "answer", status=503),
                  proxy.add("GET /v2/images/[0-9a-f]", "answer", status=500)]
        done = w.upload(path)
        TAP.check(done.returncode == 0 and all(f.met for f in faults), "pages of HTML in between: it succeeds",
                  done.stderr)
        proxy.clear()
        # A token of an earlier run is made anew first.
        proxy.add("GET /v2/images\\?", "answer", status=403, times=2, body="<html><h1>403</h1>You may <b>not</b></html>")
        done = w.upload(path)
        TAP.check(done.returncode != 0 and "You may not" in done.stderr and "<" not in done.stderr,
                  "an error in HTML is told without its tags", done.stderr)
    w.one_active("html", digest, "HTML")


def flipped(w):
    path, digest = w.disk("flipped", 24)
    with w.through() as proxy:
        proxy.add("PUT /v2/images", "flip", after=17 * MIB + 5)
        done = w.upload(path)
        TAP.equal(done.returncode, 4, "a byte that arrives as another one: exit status 4")
        TAP.check("changed on their way" in done.stderr, "and it says so", done.stderr)
        TAP.equal(w.images("flipped"), [], "the image is gone")
        TAP.equal(w.upload(path).returncode, 0, "the same command succeeds then")
    w.one_active("flipped", digest, "flipped")


def two_regions(w):
    path, digest = w.disk("two", 40)
    regions = [word for region in GLANCES for word in ("--region", region)]
    both = threading.Barrier(2)
    with w.through("GRA11") as one, w.through("SBG5") as two:
        faults = [proxy.add("PUT /v2/images", "gather", after=8 * MIB, barrier=both) for proxy in (one, two)]
        done = w.upload(path, *regions)
    TAP.check(done.returncode == 0, "two regions at once", done.stderr)
    TAP.equal(([f.met for f in faults], both.broken), ([1, 1], False), "both are half-way at the same moment")
    for region in GLANCES:
        w.one_active("two", digest, region, region)
    path, digest = w.disk("one-of-two", 8)
    with w.through("SBG5") as proxy:
        proxy.add("POST /v2/images", "answer", status=403, times=9, body="<html>no images here</html>")
        done = w.upload(path, *regions)
    TAP.check(done.returncode == 5 or done.returncode == 1, "one region refuses: an error", done.returncode)
    TAP.check("SBG5" in done.stderr and "no images here" in done.stderr and "it is in GRA11" in done.stderr,
              "that names it, and says where the image is", done.stderr)
    w.one_active("one-of-two", digest, "the other region")
    TAP.equal(w.upload(path, *regions).returncode, 0, "the same command goes on with the region that is missing")
    w.one_active("one-of-two", digest, "then", "SBG5")


def at_the_same_time(w):
    for region in GLANCES:
        name = f"race-{region}"
        path, digest = w.disk(name, 128)
        children = [w.start(path, "--region", region) for _ in range(3)]
        ended = [child.communicate(timeout=600) for child in children]
        TAP.check(all(c.returncode == 0 for c in children), f"{region}: three uploads of the same at once succeed",
                  "\n".join(err for _, err in ended))
        w.one_active(name, digest, f"{region}: at once", region)


def removed_often(w):
    """An id that was removed is never free again: the service chooses then, and there is one image all the same."""
    path, digest = w.disk("removed", 8)
    for i in range(4):
        done = w.upload(path)
        TAP.check(done.returncode == 0 and w.one_active("removed", digest, f"removed {i} times"),
                  f"removed {i} times, it is uploaded again", done.stderr)
        w.lab.call("DELETE", "glance", f"/v2/images/{w.images('removed')[0]['id']}")
    children = [w.start(path) for _ in range(3)]
    ended = [child.communicate(timeout=600) for child in children]
    TAP.check(all(c.returncode == 0 for c in children), "and by three at once", "\n".join(err for _, err in ended))
    w.one_active("removed", digest, "at once, after that")


def token_expires(w):
    path, digest = w.disk("token", 64)
    w.lab.set_ttl(20)
    try:
        w.forget_catalogue()
        with w.through() as proxy:
            proxy.add("PUT /v2/images", "slow", rate=2 * MIB)
            begin = time.monotonic()
            done = w.upload(path)
            seconds = time.monotonic() - begin
        TAP.check(done.returncode == 0, "a token that ends during the upload", done.stderr)
        TAP.check(seconds > 25, "(the upload took longer than the token lives)", seconds)
    finally:
        w.lab.set_ttl(3600)
        w.forget_catalogue()
    w.one_active("token", digest, "token")


def token_refused(w):
    """The kept token was revoked: the catalogue is not asked, so the PUT may be the first to meet it."""
    path, digest = w.disk("refused", 8)
    with w.through() as proxy:
        proxy.add("PUT /v2/images", "answer", status=401)
        done = w.upload(path)
    TAP.check(done.returncode == 0, "a token that is refused for the bytes is renewed", done.stderr)
    w.one_active("refused", digest, "refused")


def restarts(w):
    restarted(w, "GRA11", "restart")
    restarted(w, "SBG5", "restart")
    restarted(w, "SBG5", "kill")


def restarted(w, region, what):
    """The service ends in mid-upload; with kill -9 its record stays "saving"."""
    name = f"{what}-{region}"
    path, digest = w.disk(name, 64)
    with w.through(region) as proxy:
        proxy.add("PUT /v2/images", "slow", rate=8 * MIB)
        child = w.start(path, "--region", region)
        wait_bytes(child, 20 * MIB)
        w.lab.service(what, GLANCES[region])
        if what == "kill":
            w.lab.service("start", GLANCES[region])
        out, _ = child.communicate(timeout=600)
    TAP.check(child.returncode == 0, f"{region}: {what} in mid-upload: the upload succeeds", out)
    w.one_active(name, digest, f"{region}: {what}", region)


def too_large(w):
    path = w.scratch / f"{w.named('toolarge')}.img"
    with open(path, "wb") as file:
        file.truncate(64 * MIB)
    with w.through() as proxy:
        proxy.add("PUT /v2/images", "answer", status=413, times=99, body="<html>quota used up</html>")
        done = w.upload(path)
    TAP.check(done.returncode == 5 and "quota used up" in done.stderr, "an image that is too large is told",
              done.stderr)
    TAP.equal(w.images("toolarge"), [], "and leaves nothing")


def interrupted(w):
    path, digest = w.disk("interrupt", 64)
    with w.through() as proxy:
        proxy.add("PUT /v2/images", "slow", rate=8 * MIB)
        child = w.start(path)
        wait_bytes(child, 10 * MIB)
        child.terminate()
        child.wait(120)
        TAP.equal(child.returncode, 130, "an interrupted upload ends")
    TAP.equal(w.upload(path).returncode, 0, "the next one succeeds")
    w.one_active("interrupt", digest, "interrupted")


def pruned(w):
    """N newest of each name stay; what servers use stays."""
    path = w.scratch / f"{w.named('old')}.img"
    w.names.append(w.named("old"))
    for n in range(4):
        path.write_bytes(os.urandom(MIB))
        TAP.equal(w.upload(path).returncode, 0, f"image {n + 1} of one name")
        time.sleep(1.1)  # made in another second
    listed = w.kbuild.json("images", "--cloud", "openstack")
    mine = [i for i in listed if i["definition"] == w.named("old")]
    TAP.equal([i["id"] for i in mine], [i["id"] for i in sorted(w.images("old"), key=lambda i: i["created_at"],
                                                               reverse=True)], "images lists them, newest first")
    server = None
    if (w.lab.state / "pid/nova").exists():
        made = w.lab.client("server", "create", "--image", mine[3]["id"], "--flavor", "t-tiny", "--network", "Ext-Net",
                            "--wait", "-f", "value", "-c", "id", "upload-test")
        server = made.stdout.strip()
        TAP.check(made.returncode == 0 and server, "a server is made of the oldest", made.stderr)
    prune = ["prune", "--cloud", "openstack", "--keep", "1", "--json"]
    gone = json.loads(w.kbuild.run(*prune, "--dry-run").stdout)["images"]
    wanted = [i["id"] for i in mine[1:3 if server else 4]]
    TAP.equal([i["id"] for i in gone if i["definition"] == w.named("old")], wanted, "a dry run names the old ones")
    TAP.equal(w.kbuild.run(*prune).returncode, 7, "without --yes: exit status 7")
    TAP.equal(len(w.images("old")), 4, "and nothing was removed")
    # Other tests' images are not ours to remove here: what else is there has one image a name.
    TAP.equal(w.kbuild.run(*prune, "--yes").returncode, 0, "with --yes")
    TAP.equal({i["id"] for i in w.images("old")}, {i["id"] for i in mine} - set(wanted), "they are gone")
    if server:
        used = [i for i in w.kbuild.json("images", "--cloud", "openstack") if i["id"] == mine[3]["id"]]
        TAP.equal([i["used_by"] for i in used], ["upload-test"], "the image of a server is kept, and named")
        w.lab.client("server", "delete", "--wait", server)
    foreign = w.lab.call("POST", "glance", "/v2/images", {"name": "foreign", "disk_format": "raw",
                                                           "container_format": "bare"})[1]["id"]
    w.kbuild.run("prune", "--cloud", "openstack", "--keep", "0", "--json", "--dry-run")
    left = json.loads(w.kbuild.run("prune", "--cloud", "openstack", "--keep", "0", "--json", "--dry-run").stdout)
    TAP.check(foreign not in [i["id"] for i in left["images"]], "an image that is not ours is none of its")
    w.lab.call("DELETE", "glance", f"/v2/images/{foreign}")


def wrong_use(w):
    done = w.kbuild.run("upload", "--cloud", "openstack", w.scratch / "nothing.img")
    TAP.check(done.returncode == 1 and "nothing.img" in done.stderr, "a file that is not there", done.stderr)
    path, _ = w.disk("region", 1)
    done = w.upload(path, "--region", "GRA1")
    TAP.check(done.returncode == 2 and "GRA11" in done.stderr, "a region that is not there: those that are",
              done.stderr)
    bad = w.scratch / "backing.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", path, bad], check=True)
    done = w.upload(bad)
    TAP.check(done.returncode == 1 and "another file beside it" in done.stderr, "a qcow2 that is not whole",
              done.stderr)


TESTS = [wrong_use, large, calls, killed_at_half, killed_before_put, cut_off, pages_of_html, flipped, two_regions,
         at_the_same_time, removed_often, token_expires, token_refused, restarts, too_large, interrupted, pruned]


def run(program, lab, tests):
    w = World(program, lab)
    try:
        for test in tests:
            TAP.note(f"{time.strftime('%H:%M:%S')} {test.__name__}")
            test(w)
    finally:
        w.clean()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    only = os.environ.get("ONLY", "").split()
    tests = [t for t in TESTS if not only or t.__name__ in only]
    state = sys.argv[2] if len(sys.argv) > 2 else None
    with Lab("core", state=state, harsh=True) as lab:
        run(sys.argv[1], lab, tests)
    if state and not only:
        # Services that close kept connections without saying so, as Debian configures them.
        with Lab("core", harsh=True) as lab:
            TAP.note("connections are closed without notice")
            run(sys.argv[1], lab, [calls, killed_at_half, pages_of_html, at_the_same_time])
    return TAP.done()


sys.exit(main())
