#!/usr/bin/env python3
"""kbuild.app.images: bake, from a repository and a registry to containers that run where there is no registry.

  test_containers.py BUILD            prints TAP; needs root

Images are pushed by a real engine into Debian's docker-registry; kbuild reads the Compose file from a real git
server, locks, fetches through a door that goes wrong, bakes; the agent's broker loads what was baked into another,
empty engine.
"""
import contextlib
import gzip
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
for place in (HERE, HERE.parent / "lib", HERE.parent / "agent"):
    sys.path.insert(0, str(place))
import gitserver  # noqa: E402
from docker_lab import DockerLab, engine_tree  # noqa: E402
from kbtest import Kbuild, Tap, bcrypt, free_port, listening, wait_for  # noqa: E402
from registry_door import Door  # noqa: E402
from test_broker import Broker, World as BrokerWorld, said  # noqa: E402

TAP = Tap()
USER, PASSWORD = "robot", "pAssword-of-the-registry-0816"
COMPOSE = """\
x-common: &common {restart: unless-stopped, init: true}
services:
  web:
    <<: *common
    image: %(at)s/team/app:${TAG:-1}
  store:
    <<: *common
    image: %(at)s/team/store@%(store)s
  packed:
    <<: *common
    image: %(at)s/team/app:packed
  tool:
    image: %(at)s/team/never:1
    profiles: [tools]
"""
DEFINITION = """#cloud-config
kbuild:
  name: baked
  base: {distribution: debian, release: trixie, bootable: false}
  app: {repository: "%(url)s", compose: deploy/compose.yml, images: bake}
"""
IMAGES = "var/lib/kbuild-images"


class World:
    def __init__(self, build):
        self.top = Path(tempfile.mkdtemp(prefix="kbuild-containers-"))
        self.build = Path(build).resolve()
        self.git = gitserver.Lab(str(self.top / "git"))
        self.port, behind = free_port(), free_port()
        self.at = f"127.0.0.1:{self.port}"
        self.data = self.top / "lab" / f"registry-{self.port}" / "data"
        self.push_images()
        self.children = []
        self.behind = behind
        self.serve(behind)
        self.push_packed()
        self.door = Door(self.port, behind)
        self.file = self.top / "baked.yaml"
        self.file.write_text(DEFINITION % {"url": self.git.url("https")})
        self.kbuild = self.make_kbuild()

    def push_images(self):
        """By a real engine; its registry's directory stays when it has gone."""
        with DockerLab(self.top / "lab") as lab:
            lab.registry(self.port)
            lab.busybox_image("base:1", files={"/noise": os.urandom(6 << 20).hex()})
            lab.docker("run", "--name", "one", "base:1", "/bin/true")
            for name, command in (("app:1", "sleep 1001"), ("app:2", "sleep 1002"), ("store:1", "sleep 2001")):
                lab.docker("commit", "--change", "CMD " + json.dumps(command.split()), "one", f"{self.at}/team/{name}")
                pushed = lab.docker("push", f"{self.at}/team/{name}").stdout
                if name == "store:1":
                    self.store = re.search(r"sha256:[0-9a-f]{64}", pushed).group(0)
        self.commit("1")

    def push_packed(self):
        """An image as newer builders make them: OCI's, with its layers in zstd. No engine here pushes such."""
        def ask(method, path, body=None, headers=None):
            peer = http.client.HTTPConnection("127.0.0.1", self.behind)
            peer.request(method, path, body=body, headers=headers or {})
            reply = peer.getresponse()
            return reply.read(), reply.headers

        def put(data):
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
            _, headers = ask("POST", "/v2/team/app/blobs/uploads/")
            where = headers["Location"].split("/v2/", 1)[1]
            ask("PUT", f"/v2/{where}&digest={digest}", data, {"Content-Type": "application/octet-stream"})
            return {"digest": digest, "size": len(data)}

        docker, oci = "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image"
        manifest = json.loads(ask("GET", "/v2/team/app/manifests/1", headers={"Accept": docker})[0])
        layers = []
        for layer in manifest["layers"]:
            plain = gzip.decompress(ask("GET", f"/v2/team/app/blobs/{layer['digest']}")[0])
            packed = subprocess.run(["zstd", "-q", "-c"], input=plain, stdout=subprocess.PIPE, check=True).stdout
            layers.append({"mediaType": f"{oci}.layer.v1.tar+zstd", **put(packed)})
        new = {"schemaVersion": 2, "mediaType": f"{oci}.manifest.v1+json", "layers": layers,
               "config": {**manifest["config"], "mediaType": f"{oci}.config.v1+json"}}
        ask("PUT", "/v2/team/app/manifests/packed", json.dumps(new), {"Content-Type": f"{oci}.manifest.v1+json"})

    def commit(self, message, **files):
        text = COMPOSE % {"at": self.at, "store": self.store}
        self.git.commit({"deploy/compose.yml": text, **files}, message=message)

    def serve(self, port, htpasswd=None):
        """Debian's docker-registry over what was pushed."""
        config = {"version": 0.1, "log": {"level": "error"}, "http": {"addr": f"127.0.0.1:{port}"},
                  "storage": {"filesystem": {"rootdirectory": str(self.data)}}}
        if htpasswd:
            (self.top / "htpasswd").write_text(htpasswd)
            config["auth"] = {"htpasswd": {"realm": "lab", "path": str(self.top / "htpasswd")}}
        path = self.top / f"registry-{port}.yml"
        path.write_text(json.dumps(config))
        child = subprocess.Popen([engine_tree() / "usr/bin/docker-registry", "serve", path],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=open(self.top / f"registry-{port}.log", "wb"))
        self.children.append(child)
        if not listening(child, port):
            raise RuntimeError("docker-registry does not listen: " + (self.top / f"registry-{port}.log").read_text())
        return child

    def make_kbuild(self):
        """One with a cache of its own, whose packages are the shared cache's, by hard links where that can be."""
        shared = Path(os.environ.get("KBUILD_CACHE") or Path.home() / ".cache/kbuild").resolve()
        cache = self.top / "cache"
        for part in ("store", "plain"):
            for found in (shared / part).glob("??/*.deb"):
                to = cache / found.relative_to(shared)
                to.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(OSError):
                    os.link(found, to)
        k = Kbuild(self.build / "builder/kbuild", self.top, cache=cache)
        k.env.update(GIT_SSL_CAINFO=self.git.git_env["GIT_SSL_CAINFO"], KBUILD_RETRY_PAUSE_MS="10",
                     GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1")
        return k

    @contextlib.contextmanager
    def no_blobs(self):
        """A store without parts of images, for a while."""
        blobs, aside = self.kbuild.cache / "blobs", self.kbuild.cache / "aside"
        blobs.rename(aside)
        try:
            yield blobs
        finally:
            shutil.rmtree(blobs, ignore_errors=True)
            aside.rename(blobs)

    @property
    def locked(self):
        return Path(f"{self.file}.lock")

    def containers(self):
        return [line.split() for line in self.locked.read_text().splitlines() if line.startswith("container ")]

    def bake(self, name, *more):
        tree = self.top / name
        return self.kbuild.run(*more, "build", "--until", "seal", "--tree", tree, self.file), tree

    def close(self):
        self.door.close()
        for child in self.children:
            child.terminate()
            child.wait()
        self.git.close()
        shutil.rmtree(self.top, ignore_errors=True)


def locking(w):
    done = w.kbuild.run("lock", w.file)
    TAP.equal((done.returncode, [c[1] for c in w.containers()]),
              (0, [f"{w.at}/team/app:1", f"{w.at}/team/app:packed", f"{w.at}/team/store@{w.store}"]),
              "the lock has the images of the services that start, sorted")
    TAP.check(w.containers()[2][3] == w.store.split(":")[1], "a digest of the Compose file is its own", w.containers())
    TAP.check(f"application {w.git.tip()}" in w.locked.read_text(), "and the commit that named them")
    before = w.locked.read_text()
    TAP.check(w.kbuild.run("lock", "--update", w.file).returncode == 0 and w.locked.read_text() == before,
              "nothing new: the same lock")
    text = w.file.read_text()
    w.file.write_text(text.replace("images: bake", "images: bake, branch: other"))
    done = w.kbuild.run("lock", "--check", w.file)
    TAP.check(done.returncode == 4 and "stale" in done.stderr, "the lock of another branch is stale", done.stderr)
    w.file.write_text(text)
    w.commit("2", **{"deploy/.env": "# chosen here\nTAG=2\n"})
    done = w.kbuild.run("lock", "--update", w.file)
    TAP.check(re.search(r"add +\S+/team/app:2", done.stdout) and re.search(r"remove +\S+/team/app:1", done.stdout),
              "--update shows what changes", done.stdout + done.stderr)
    found = w.kbuild.json("lock", "--update", w.file)
    TAP.equal((found or {}).get("changed"), False, "and a machine sees that nothing more does")


def fetching(w):
    """Killed, cut off, refused and slow: what was loaded is not loaded again."""
    done = w.kbuild.run("--offline", "build", "--until", "fetch", w.file)
    TAP.check(done.returncode == 5 and "--offline" in done.stderr, "--offline says what is missing", done.stderr)
    w.door.fault("/blobs/", "slow", 100)
    child = w.kbuild.start("build", "--until", "fetch", w.file)
    wait_for(lambda: w.door.sent > 2 << 20, 60, every=0.02)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    w.door.faults.clear()
    before, w.door.requests = w.door.sent, []
    TAP.check(before > 2 << 20, "killed in the middle", before)
    w.door.fault("/manifests/", "busy")
    w.door.fault("/blobs/", "cut")
    done = w.kbuild.run("build", "--until", "fetch", w.file)
    TAP.equal(done.returncode, 0, "busy once, cut off once: it comes")
    TAP.check(any("Range" in headers for _, headers in w.door.requests), "and goes on where it was", w.door.requests)
    w.door.requests = []
    done = w.kbuild.run("build", "--until", "fetch", w.file)
    TAP.equal((done.returncode, w.door.requests), (0, []), "what is there is not asked for")


def wrong_bytes(w):
    w.door.fault("/blobs/", "flip", 100)
    with w.no_blobs() as blobs:
        done = w.kbuild.run("build", "--until", "fetch", w.file)
        kept = [p for p in blobs.rglob("*") if p.is_file() and p.parent.name != "partial"]
        good = all(hashlib.sha256(p.read_bytes()).hexdigest() == p.name for p in kept)
    w.door.faults.clear()
    TAP.check(done.returncode == 4 and "other bytes" in done.stderr, "wrong bytes: exit 4", done.stderr)
    TAP.check(kept and good, "and none was kept", kept)


def baking(w):
    """The same bytes, wherever; and no network once the parts are there."""
    w.door.requests = []
    w.kbuild.run("build", "--until", "tree", w.file)
    done, tree = w.bake("tree-1", "--offline")
    TAP.check(done.returncode == 0 and not w.door.requests, "baked without network", done.stderr)
    with w.no_blobs():
        other, again = w.bake("tree-2")
    if not TAP.check(other.returncode == 0, "and from parts that were fetched anew", other.stderr):
        return None
    names = ("images.tar", "images.json")
    sums = [[hashlib.sha256((t / IMAGES / n).read_bytes()).hexdigest() for n in names] for t in (tree, again)]
    TAP.check(sums[0] == sums[1], "the same lock, the same bytes", sums)
    modes = [oct((tree / IMAGES / n).stat().st_mode & 0o777) for n in names]
    modes.append(oct((tree / IMAGES).stat().st_mode & 0o777))
    TAP.equal(modes, ["0o600", "0o600", "0o700"], "for root alone")
    with tarfile.open(tree / IMAGES / "images.tar") as tar:
        members = tar.getnames()
        TAP.check(len(members) == len(set(members)) and members[-1] == "manifest.json",
                  "shared layers are there once", members)
    return tree


def loading(w, tree):
    """Into an empty engine, by the broker, as first boot does."""
    with DockerLab(w.top / "server") as lab:
        broker = Broker(lab, w.build / "firstboot/kbuild-agent")
        shutil.copytree(tree / IMAGES, broker.root / IMAGES)
        broker.start()
        try:
            run_baked(w, lab, BrokerWorld(lab, broker), broker)
        finally:
            broker.stop()


def run_baked(w, lab, world, broker):
    TAP.equal(broker.get("images-load"), {"loaded": 1}, "the engine takes the archive")
    TAP.equal(sorted(p.name for p in (broker.root / IMAGES).iterdir()), ["images.json"],
              "whose room is free again")
    TAP.equal(broker.get("images-load"), {"loaded": 0}, "again: nothing to do")
    compose = COMPOSE % {"at": w.at, "store": w.store}
    rendered = world.render(compose, {".env": "TAG=2\n"})
    TAP.check("plan" in rendered, "the release renders", rendered)
    pulled = broker.get("pull", plan=rendered["plan"], missing=True)
    ids = {c["reference"]: c["id"] for c in json.loads((broker.root / IMAGES / "images.json").read_text())}
    services = {name: s["image"] for name, s in pulled.get("services", {}).items()}
    TAP.equal(services, {"web": ids[f"{w.at}/team/app:2"], "packed": ids[f"{w.at}/team/app:packed"],
                         "store": ids[f"{w.at}/team/store@{w.store}"]},
              "no registry is asked: by tag and by digest, each is the image that was locked")
    reply = broker.get("up", plan=pulled["plan"])
    TAP.check("error" not in reply, "the application comes up", reply)
    running = wait_for(lambda: {c["service"]: c["state"] for c in world.ps().values()} == {
        "web": "running", "store": "running", "packed": "running"}, 120)
    TAP.check(running, "and runs", world.ps())
    command = lab.inspect("shop-store-1")["Config"]["Cmd"]
    TAP.equal(command, ["sleep", "2001"], "each its own image")
    broker.get("prune", keep=list(services.values()))
    TAP.check(broker.get("pull", plan=rendered["plan"], missing=True).get("plan") == pulled["plan"],
              "what is in use survives a cleaning")
    reply = broker.get("pull", plan=world.render(compose, {".env": "TAG=3\n"})["plan"], missing=True)
    TAP.check("cannot pull" in said(reply), "an image that came with a later commit is asked for", reply)


def wrong_definitions(w):
    """Each complaint has its place in the Compose file of that commit."""
    rows = (
        ("services:\n  web:\n    image: %s/team/app:none\n" % w.at, r"compose\.yml:3:12.*no such image"),
        ("services:\n  web:\n    image: app:${SECRET}\n", r"compose\.yml:3:12.*variable SECRET"),
        ("services:\n  web:\n    image: a_/app\n", r"compose\.yml:3:12.*a_/app"),
        ("services:\n  web:\n    build: .\n", r"compose\.yml:3:12.*is built"),
        ("include: [other.yml]\nservices:\n  web: {image: 'a:1'}\n", r"compose\.yml:1:10.*included"),
    )
    for text, wanted in rows:
        w.git.commit({"deploy/compose.yml": text}, message="wrong")
        done = w.kbuild.run("lock", "--update", w.file)
        TAP.check(done.returncode == 3 and re.search(wanted, done.stderr), f"it says {wanted}", done.stderr)
    w.git.commit({"deploy/compose.yml": None}, message="gone")
    done = w.kbuild.run("lock", "--update", w.file)
    TAP.check(done.returncode == 3 and "has no file deploy/compose.yml" in done.stderr, "a missing file", done.stderr)
    w.commit("good again")


def credentials(w):
    """They open what is closed, and stand nowhere."""
    port, closed, other = free_port(), free_port(), free_port()
    w.serve(closed, f"{USER}:{bcrypt(PASSWORD)}\n")
    door, storage = Door(port, closed), Door(other, w.behind)
    door.elsewhere = f"http://localhost:{other}"
    w.git.commit({"deploy/compose.yml": f"services: {{web: {{image: '127.0.0.1:{port}/team/app:1'}}}}\n"})
    done = w.kbuild.run("lock", "--update", w.file)
    TAP.check(done.returncode == 5 and "wants credentials" in done.stderr and "compose.yml:1:" in done.stderr,
              "a closed registry says what it wants", done.stderr)
    secrets = w.top / "secrets.yaml"
    for password, code in (("wrong-one", 5), (PASSWORD, 0)):
        secrets.write_text(json.dumps({"registries": {f"127.0.0.1:{port}": {"user": USER, "password": password}}}))
        secrets.chmod(0o600)
        done = w.kbuild.run("-v", "lock", "--update", "--secrets", secrets, w.file)
        TAP.check(done.returncode == code and password not in done.stdout + done.stderr,
                  f"with {'the right' if code == 0 else 'a wrong'} password: exit {code}", done.stderr)
    door.fault("/blobs/", "redirect", 100)
    with w.no_blobs():
        done = w.kbuild.run("build", "--until", "fetch", "--secrets", secrets, w.file)
    TAP.equal(done.returncode, 0, "and its parts are loaded, from where it leads")
    TAP.check(storage.requests and not any("Authorization" in h for _, h in storage.requests),
              "which is another host, that is told no password", storage.requests)
    door.close()
    storage.close()
    TAP.check(PASSWORD not in w.locked.read_text(), "the lock has no password")


def no_registry(w):
    w.door.close()
    w.commit("once more")
    done = w.kbuild.run("lock", "--update", w.file)
    TAP.equal(done.returncode, 5, "a dead registry: exit 5")


def main():
    w = World(sys.argv[1])
    try:
        locking(w)
        fetching(w)
        wrong_bytes(w)
        tree = baking(w)
        if tree:
            loading(w, tree)
        wrong_definitions(w)
        credentials(w)
        no_registry(w)
    finally:
        w.close()
    return TAP.done()


if __name__ == "__main__":
    sys.exit(main())
