#!/usr/bin/env python3
"""The broker with a real Docker and a real Compose, in namespaces of their own. Needs root.

  test_broker.py BUILD            prints TAP

Most of it runs on images of busybox, made here; PostgreSQL is Debian's.
"""
import contextlib
import fcntl
import json
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from docker_lab import DockerLab  # noqa: E402
from kbtest import Tap, bcrypt  # noqa: E402

TAP = Tap()
PROJECT = "shop"
SECRET = "s3cr3t$with'quotes\"and\\more"


def memfd(data):
    fd = os.memfd_create("test")
    os.write(fd, data if isinstance(data, bytes) else data.encode())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def read_all(fd):
    with os.fdopen(fd, "rb") as f:
        return f.read()


def as_user(name, path, request):
    """What the socket answers to another user."""
    out, into = os.pipe()
    user = pwd.getpwnam(name)
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
                sock.connect(path)
                sock.send(request)
                os.write(into, sock.recv(65536))
        except OSError as problem:
            os.write(into, str(problem).encode())
        os._exit(0)
    os.close(into)
    text = read_all(out).decode()
    os.waitpid(child, 0)
    return text


class Broker:
    """The real program, listening at a socket of the test's."""

    def __init__(self, lab, program):
        self.lab, self.program = lab, program
        self.dir = lab.scratch / "broker"
        self.root, self.state, self.path = self.dir / "root", self.dir / "state", str(self.dir / "sock")
        for d in ("root/dev", "root/etc/kbuild", "state/releases"):
            (self.dir / d).mkdir(parents=True)
        self.root.chmod(0o755)
        (self.root / "dev/console").write_text("")
        self.own = self.root / "var/lib/kbuild-broker"
        self.process = None

    def start(self, *more):
        Path(self.path).unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [self.program, "run", "--listen", self.path, "--root", self.root, "--programs", self.lab.programs,
             "--state", self.state, *more], stdin=subprocess.DEVNULL, stderr=open(self.dir / "log", "ab"))
        while not os.path.exists(self.path) and self.process.poll() is None:
            time.sleep(0.01)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def connect(self):
        if self.process.poll() is not None:
            self.start()
        while True:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                sock.connect(self.path)
                return sock
            except ConnectionRefusedError:  # bound, and not listening yet; or it has just ended, being idle
                sock.close()
                if self.process.poll() is not None:
                    self.start()
                time.sleep(0.01)

    def begin(self, op, fds, args):
        """
        (connection, first reply, descriptors). A broker that ends, being idle, resets whom it has not accepted: then the
        next one is asked, once. Of systemd's socket nobody notices.
        """
        for last in (False, True):
            sock = self.connect()
            try:
                socket.send_fds(sock, [json.dumps({"op": op, **args}).encode()], list(fds))
                reply, got = self.receive(sock)
            except (ConnectionResetError, BrokenPipeError):
                if last or not self.was_idle():
                    raise
            else:
                if reply is not None or last or not self.was_idle():
                    break
            sock.close()
        return sock, reply, got

    def was_idle(self):
        """Whether it has ended by itself, and well. That is at least ten seconds after a request of which a child died."""
        try:
            return self.process.wait(5) == 0
        except subprocess.TimeoutExpired:
            return False

    def ask(self, op, fds=(), **args):
        """(reply, descriptors)"""
        try:
            sock, reply, got = self.begin(op, fds, args)
        finally:
            for fd in fds:
                os.close(fd)
        sock.close()
        return reply, got

    @staticmethod
    def receive(sock):
        data, fds, _, _ = socket.recv_fds(sock, 1 << 16, 4)
        reply = json.loads(data) if data else None
        if reply and reply.get("in_file"):  # too long for a message
            reply = json.loads(read_all(fds.pop()))
        return reply, fds

    def get(self, op, fds=(), **args):
        """The reply alone; descriptors become their bytes, in "data"."""
        reply, got = self.ask(op, fds, **args)
        if got:
            reply["data"] = read_all(got[0])
        return reply

    def stream(self, op, **args):
        """(bytes, how it ended)"""
        sock, first, fds = self.begin(op, (), args)
        with sock:
            if not fds:
                return b"", first
            data = read_all(fds[0])
            return data, self.receive(sock)[0]

    def config(self, text):
        (self.root / "etc/kbuild/agent.yaml").write_text(text)


def said(reply):
    return (reply or {}).get("error", {}).get("message", "")


def transient(reply):
    return (reply or {}).get("error", {}).get("transient")


class World:
    def __init__(self, lab, broker):
        self.lab, self.b = lab, broker
        self.n = 0
        self.kbuild = 12345  # whoever the agent is: not root

    def release(self, compose, files=None, links=None):
        """Writes a release as the agent would; returns its id."""
        self.n += 1
        sha = f"{self.n:040x}"
        top = self.b.state / "releases" / sha
        for name, text in {"compose.yaml": compose, **(files or {})}.items():
            path = top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o644)
        for name, target in (links or {}).items():
            (top / name).symlink_to(target)
        for where, dirs, names in os.walk(top):
            for name in [".", *dirs, *names]:
                os.lchown(os.path.join(where, name), self.kbuild, self.kbuild)
        return sha

    def render(self, compose, files=None, links=None, env=None, secrets=None, **more):
        sha = self.release(compose, files, links)
        args = {"release": sha, "compose": "compose.yaml", "project": PROJECT, **more}
        if env:
            args["env"] = env
        return self.b.get("render", [memfd(secrets)] if secrets is not None else [], **args)

    def plan(self, *args, **more):
        """Rendered and pinned."""
        reply = self.render(*args, **more)
        if "plan" not in reply:
            raise RuntimeError(said(reply))
        pulled = self.b.get("pull", plan=reply["plan"], missing=True)
        if "plan" not in pulled:
            raise RuntimeError(said(pulled))
        return pulled

    def ps(self):
        return {c["name"]: c for c in self.b.get("ps", project=PROJECT)["containers"]}

    def ids(self):
        return {name: c["id"] for name, c in self.ps().items()}

    def served(self):
        """(status, body) of the application, once it listens: that it was started is not yet that."""
        got = []

        def listens():
            try:
                got[:] = self.lab.http("http://127.0.0.1:8080/")
            except OSError:
                return False
            return True

        self.wait(listens)
        return tuple(got)

    def wait(self, what, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if what():
                return True
            time.sleep(0.1)
        return False


STOP = "    init: true\n    stop_grace_period: 1s\n"
APP = """
services:
  web:
    image: hello:1
    command: [httpd, -f, -p, "80", -h, /www]
    environment: {PLAIN: "a$$b", FROM: "${SECRET}", HALF: "0.5"}
    env_file: [deploy/.env, extra.env]
    cpus: 0.5
    volumes: ["./www:/www", "data:/data"]
    ports: ["8080:80"]
    configs: [note]
    healthcheck: {test: "wget -qO- http://127.0.0.1/ >/dev/null", interval: 1s}
""" + STOP + """
  worker:
    image: hello:1
    deploy: {resources: {limits: {memory: 64M}}}
""" + STOP + """
volumes: {data: {}}
configs: {note: {file: ./note.txt}}
"""
FILES = {"www/index.html": "one\n", "note.txt": "note\n", "extra.env": "EXTRA=1\n"}
ENV = "SECRET='" + SECRET.replace("'", "\\'") + "'\n"


def app(world, **changed):
    return world.plan(APP, {**FILES, **changed}, env="deploy/.env", secrets=ENV)


def the_door(w):
    b = w.b
    reply = b.get("nothing")
    TAP.check("no operation" in said(reply), "what is not in the vocabulary is refused", reply)
    with b.connect() as sock:
        sock.send(b"\xff{")
        TAP.check("error" in b.receive(sock)[0], "what is no JSON is refused")
    with b.connect() as sock:
        socket.send_fds(sock, [b'{"op":"disk"}'], [0, 1, 2])
        TAP.check("descriptors" in said(b.receive(sock)[0]), "descriptors nobody asked for are refused")
    with b.connect() as sock:
        sock.close()
    status = "{\"state\":\"w\u00f6rking\x1b[2J\"}"
    TAP.equal(b.get("console", line=status), {}, "the console is told")
    TAP.equal((b.root / "dev/console").read_text(), '\nkbuild-status: {"state":"w??rking?[2J"}\n',
              "a line of its own, with nothing in it that a terminal obeys")
    Path(b.path).chmod(0o777)
    for d in [b.dir, w.lab.scratch]:
        d.chmod(0o755)
    TAP.check("may not ask" in as_user("nobody", b.path, b'{"op":"disk"}'),
              "another user may not ask, even where the socket lets him")
    disk = b.get("disk")
    TAP.check(disk.get("free", 0) > 0 and disk["size"] >= disk["used"] + disk["free"]
              and disk["device"] == os.stat(disk["path"]).st_dev, "the disk is measured, and which one it is", disk)
    volumes = disk.get("volumes", {})
    TAP.check(volumes.get("free", 0) > 0 and volumes.get("device") == os.stat(volumes["path"]).st_dev,
              "and that of the volumes", volumes)
    TAP.check(isinstance(b.get("clock").get("synchronized"), bool), "the clock is asked")


def rendering(w):
    b = w.b
    reply = w.render(APP, FILES, env="deploy/.env", secrets=ENV)
    TAP.check("plan" in reply, "a release is rendered", said(reply))
    doc = json.loads(reply["data"])
    web = doc["services"]["web"]
    TAP.equal(web["environment"]["FROM"], SECRET.replace("$", "$$"), "secrets are filled in, their dollars kept")
    mount = web["volumes"][0]
    TAP.check(mount["read_only"] and mount["source"].startswith(str(b.own / "content")),
              "a bind of the release is a copy, read-only", mount)
    plan = b.own / "plans" / (reply["plan"] + ".json")
    TAP.equal(oct(plan.stat().st_mode & 0o777), "0o600", "the plan is root's alone")
    TAP.check("not pinned" in said(b.get("up", plan=reply["plan"])), "a plan with tags cannot be brought up")
    TAP.check("no plan" in said(b.get("up", plan="0" * 64)), "what is not kept cannot be brought up")
    again = w.render(APP, FILES, env="deploy/.env", secrets=ENV)
    TAP.equal(again["plan"], reply["plan"], "the same files in another release are the same plan")
    bad = w.render("services: {a: {image: x, : }")
    TAP.check(bad["error"]["code"] == 3 and not transient(bad), "broken YAML is the file's fault, for good", bad)
    reply = w.render("services: {a: {image: '${NOWHERE:?it is needed}'}}")
    TAP.check("it is needed" in said(reply), "what Compose says of the file is passed on", said(reply))


def the_jail(w):
    """Every way Compose knows to read a file, led to one that only root, or nobody in the jail, may read."""
    canary = w.lab.scratch / "canary.env"
    canary.write_text("CANARY=leaked\n")
    one = "services: {a: {image: 'hello:1', %s}}"
    outside = {
        "env_file, absolute": (one % f"env_file: ['{canary}']", {}, {}),
        "env_file, /etc/passwd": (one % "env_file: [/etc/passwd]", {}, {}),
        "env_file, upwards": (one % "env_file: ['../../../canary.env']", {}, {}),
        "env_file, a link": (one % "env_file: [link.env]", {}, {"link.env": str(canary)}),
        "env_file, a link inside": (one % "env_file: [link.env]", {"real.env": "CANARY=leaked\n"},
                                    {"link.env": "real.env"}),
        "env_file, a linked directory": (one % "env_file: [d/canary.env]", {}, {"d": str(w.lab.scratch)}),
        "extends": (one % f"extends: {{file: '{canary}', service: a}}", {}, {}),
        "include": ("include: ['/etc/passwd']\n" + one % "tty: true", {}, {}),
        "include, another host": ("include: ['https://127.0.0.1/x.git']\n" + one % "tty: true", {}, {}),
        "label_file": (one % f"label_file: ['{canary}']", {}, {}),
        "env_file, the broker's": (one % f"env_file: ['{w.b.own}/lock']", {}, {}),
        "env_file, /proc": (one % "env_file: [/proc/self/environ]", {}, {}),
    }
    for name, (text, files, links) in outside.items():
        reply = w.render(text, files, links)
        data = reply.get("data", b"").decode() + said(reply)
        TAP.check("error" in reply and "leaked" not in data and "root:" not in data, f"not read: {name}", reply)
    reply = w.render(one % "env_file: [real.env]", {"real.env": "CANARY=inside\n"})
    TAP.check(b"inside" in reply.get("data", b""), "read: what is in the repository", reply)
    left = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(w.b.own) in line]
    TAP.equal(left, [], "nothing stays mounted")


REFUSED = {
    "privileged": "privileged: true",
    "the machine's processes": "pid: host",
    "the machine's network": "network_mode: host",
    "a capability": "cap_add: [SYS_ADMIN]",
    "a device": "devices: ['/dev/kmsg:/dev/kmsg']",
    "no confinement": "security_opt: ['seccomp:unconfined']",
    "the machine's files": "volumes: ['/:/host']",
    "files beside the release": "volumes: ['../../..:/x']",
    "the engine's socket": "volumes: ['/var/run/docker.sock:/var/run/docker.sock:ro']",
    "the same by its other name": "volumes: ['/run/docker.sock:/s:ro']",
    "a cgroup": "cgroup_parent: /system.slice",
    "a sysctl": "sysctls: {kernel.domainname: x}",
    "building": "build: .",
    "a forged label": "labels: {com.docker.compose.project: other}",
}


def the_policy(w):
    for name, line in REFUSED.items():
        reply = w.render(f"services: {{a: {{image: 'hello:1', {line}}}}}")
        TAP.check(said(reply).startswith("refused: services.a.") and reply["error"]["code"] == 3,
                  f"refused: {name}", reply)
    reply = w.render("services: {a: {image: 'hello:1', volumes: ['vol:/v']}}\n"
                     "volumes: {vol: {driver_opts: {type: none, o: bind, device: /}}}")
    TAP.check("refused: volumes.vol.driver_opts" in said(reply), "refused: a volume that is a bind", reply)
    reply = w.render("services: {a: {image: 'hello:1', volumes: ['./link:/x']}}", links={"link": "/etc"})
    TAP.check("link" in said(reply), "refused: a link in the repository as a mount", reply)
    reply = w.render("services: {a: {image: 'hello:1', volumes: ['./absent:/x']}}")
    TAP.check("not in the repository" in said(reply), "refused: a mount of what is not there", reply)
    socket_of = "services: {%s: {image: 'hello:1', volumes: ['/var/run/docker.sock:/var/run/docker.sock:ro']}}"
    w.b.config("name: shop\napp: {repository: 'https://git.example/a.git', docker_socket: proxy}\n")
    TAP.check("plan" in w.render(socket_of % "proxy"), "the service that the definition names may have the socket")
    TAP.check("only" in said(w.render(socket_of % "other")), "no other may")


def running(w):
    b = w.b
    first = app(w)
    TAP.check(first["services"]["web"]["pinned"], "images are pinned", first)
    reply = b.get("up", plan=first["plan"])
    TAP.equal(reply, {}, "the application comes up")
    ps = w.ps()
    TAP.equal({n: c["hash"] for n, c in ps.items()},
              {f"{PROJECT}-{n}-1": s["hash"] for n, s in first["services"].items()},
              "the hashes foretold are those of the containers")
    web = ps[f"{PROJECT}-web-1"]
    TAP.check(web["state"] == "running" and web["restarts"] == 0 and web["service"] == "web" and
              web["health"] in ("starting", "healthy"), "its state is told", web)
    TAP.equal(web["image"], w.lab.inspect("hello:1", "image")["Id"], "the image by its id")
    TAP.check(w.wait(lambda: w.ps()[f"{PROJECT}-web-1"]["health"] == "healthy"), "its health is told")
    TAP.equal(w.served(), (200, b"one\n"), "it serves the release's file")
    env = w.lab.docker("exec", f"{PROJECT}-web-1", "env").stdout
    TAP.check(f"FROM={SECRET}\n" in env and "PLAIN=a$b\n" in env and "EXTRA=1" in env and "HALF=0.5" in env,
              "dollars and quotes arrive as they were", env)
    TAP.equal(w.lab.docker("exec", f"{PROJECT}-web-1", "cat", "/note").stdout, "note\n", "configs too")
    before = w.ids()
    b.get("up", plan=first["plan"])
    TAP.equal(w.ids(), before, "the same plan again changes nothing")

    second = app(w, **{"www/index.html": "two\n"})
    changed = [n for n, s in second["services"].items() if s["hash"] != first["services"][n]["hash"]]
    TAP.equal(changed, ["web"], "a changed file changes the hash of who mounts it")
    b.get("up", plan=second["plan"], services=changed)
    after = w.ids()
    TAP.check(after[f"{PROJECT}-worker-1"] == before[f"{PROJECT}-worker-1"] and
              after[f"{PROJECT}-web-1"] != before[f"{PROJECT}-web-1"], "only that one is made anew", after)
    TAP.equal(w.served()[1], b"two\n", "it serves the new file")
    note = app(w, **{"www/index.html": "two\n", "note.txt": "other\n"})
    TAP.check(note["services"]["web"]["hash"] != second["services"]["web"]["hash"],
              "the content of a config counts as well")
    reply = b.get("up", plan=first["plan"])
    TAP.equal((reply, w.served()[1]), ({}, b"one\n"), "the plan before is the way back")
    TAP.equal(w.ids()[f"{PROJECT}-worker-1"], before[f"{PROJECT}-worker-1"], "which leaves the rest alone")

    web = w.ids()[f"{PROJECT}-web-1"]
    TAP.equal(b.get("scale", plan=first["plan"], service="worker", replicas=2), {}, "one more of a service")
    TAP.check(f"{PROJECT}-worker-2" in w.ids() and w.ids()[f"{PROJECT}-web-1"] == web, "beside those there are")
    TAP.equal(b.get("stop", container=f"{PROJECT}-worker-2", timeout=1), {}, "a container is stopped")
    TAP.equal(w.ps()[f"{PROJECT}-worker-2"]["state"], "exited", "it has exited")
    TAP.equal(b.get("start", container=f"{PROJECT}-worker-2"), {}, "and started again")
    TAP.equal(b.get("remove", container=f"{PROJECT}-worker-2"), {}, "and removed")
    TAP.check(f"{PROJECT}-worker-2" not in w.ids(), "it is gone")
    w.lab.docker("run", "-d", "--name", "stranger", "hello:1")
    for op in ("stop", "remove", "logs"):
        TAP.check("none of the application's" in said(b.get(op, container="stranger")),
                  f"a stranger's container: no {op}")
    gone = w.plan("services: {web: {image: 'hello:1', init: true}}")
    b.get("up", plan=gone["plan"])
    TAP.check(f"{PROJECT}-worker-1" in w.ids(), "services that are no more stay until somebody removes them", w.ids())
    b.get("remove", container=f"{PROJECT}-worker-1")
    w.lab.docker("create", "--name", "talkative", "--label", f"com.docker.compose.project={PROJECT}", "--label",
                 f"com.docker.compose.service={'s' * 100000}", "hello:1")
    TAP.equal(len(w.ps()["talkative"]["service"]), 100000, "an answer that is longer than a message arrives")
    w.lab.docker("rm", "talkative")
    logs = w.plan("services: {web: {image: 'hello:1', command: [sh, -c, 'echo out; echo err >&2; exit 3']}}")
    b.get("up", plan=logs["plan"])
    TAP.check(w.wait(lambda: w.ps()[f"{PROJECT}-web-1"]["exit_code"] == 3), "an exit code is told")
    text = b.get("logs", container=f"{PROJECT}-web-1", lines=10)["data"]
    TAP.check(b"out" in text and b"err" in text, "logs hold both streams", text)


def inherited(w):
    """Compose hands on what a container had mounted, for writing, to where the next commit says only a path."""
    b = w.b
    bound = "services: {web: {image: 'hello:1', init: true, volumes: [%s]}, other: {image: 'hello:1', init: true, volumes: [/own]}}"
    first = w.plan(bound % "'./conf:/conf:ro', /more", {"conf/a": "good"})
    b.get("up", plan=first["plan"])
    source = next(m["Source"] for m in w.lab.inspect(f"{PROJECT}-web-1")["Mounts"] if m["Type"] == "bind")
    other = w.ids()[f"{PROJECT}-other-1"]
    second = w.plan(bound % "/conf/, /more")
    TAP.equal(b.get("up", plan=second["plan"]), {}, "what was bound is a volume of the container's own now")
    TAP.equal({m["Destination"]: m["Type"] for m in w.lab.inspect(f"{PROJECT}-web-1")["Mounts"]},
              {"/conf": "volume", "/more": "volume"}, "nothing of the machine is left in it")
    w.lab.docker("exec", f"{PROJECT}-web-1", "sh", "-c", "echo bad >/conf/a")
    TAP.equal((Path(source) / "a").read_text(), "good", "and the release's copy is out of its reach")
    w.lab.docker("build", "--tag", "hello:volume", "-", input="FROM hello:1\nVOLUME /conf\n", stdin=None)
    b.get("up", plan=first["plan"])
    third = w.plan(bound.replace("hello:1", "hello:volume", 1) % "/more")
    TAP.equal(b.get("up", plan=third["plan"]), {}, "nor is it handed on to a volume of the image's")
    TAP.equal({m["Destination"]: m["Type"] for m in w.lab.inspect(f"{PROJECT}-web-1")["Mounts"]},
              {"/conf": "volume", "/more": "volume"}, "of which there is a new one")
    TAP.check("has a volume at /conf" in said(b.get("scale", plan=third["plan"], service="web", replicas=2)) and
              f"{PROJECT}-web-2" not in w.ids(), "there is no second one beside it, which would not have its data")
    forgets = w.plan(bound.replace("hello:1", "hello:volume", 1) % "/more], labels: ['kbuild.stateful=false'")
    TAP.equal(b.get("scale", plan=forgets["plan"], service="web", replicas=2), {}, "unless it says that it keeps none")
    b.get("remove", container=f"{PROJECT}-web-2")
    b.get("up", plan=second["plan"])
    w.lab.docker("exec", f"{PROJECT}-web-1", "sh", "-c", "echo bad >/conf/a")
    web = w.ids()[f"{PROJECT}-web-1"]
    b.get("up", plan=w.plan(bound % "/conf, /more], environment: [X=1")["plan"])
    TAP.equal(w.ids()[f"{PROJECT}-other-1"], other, "who binds nothing is left alone")
    TAP.equal(w.ids()[f"{PROJECT}-web-1"] != web and w.lab.docker("exec", f"{PROJECT}-web-1", "cat", "/conf/a").stdout,
              "bad\n", "and its own volumes stay with it")


def images(w):
    b, lab = w.b, w.lab
    address, registry = lab.registry()
    name = f"{address}/team/hello"
    lab.docker("tag", "hello:1", f"{name}:1")
    lab.docker("push", f"{name}:1")
    lab.docker("rmi", f"{name}:1")
    one = f"services: {{web: {{image: '{name}:%s', init: true}}}}"
    rendered = w.render(one % 1)["plan"]
    pulled = b.get("pull", plan=rendered)
    image = pulled.get("services", {}).get("web", {}).get("image", "")
    TAP.check(re.fullmatch(re.escape(name) + "@sha256:[0-9a-f]{64}", image), "an image is pinned to its digest",
              pulled)
    lab.docker("import", "--change", 'CMD ["/bin/sleep","9"]', "-", f"{name}:1", stdin=subprocess.DEVNULL,
               check=False)
    TAP.equal(b.get("pull", plan=pulled["plan"])["plan"], pulled["plan"], "a pinned plan stays as it is")
    TAP.check(not (b.own / "unsynced").exists(), "and what was pulled is on the disk")
    # As a power cut would leave it: an image that nobody has synced.
    lab.docker("tag", f"{name}:1", "junk:1")
    (b.own / "unsynced").write_text(f"junk:1\n{name}:1\nno/such:1\n")
    settled = b.get("pull", plan=rendered)
    TAP.check("plan" in settled and not (b.own / "unsynced").exists() and
              lab.docker("image", "inspect", "junk:1", check=False).returncode != 0,
              "after a power cut in a pull the image is pulled anew", settled)
    TAP.equal((b.own / "doubtful").read_text(), "no/such:1\n", "and of what cannot be reached now later")
    (b.own / "doubtful").unlink()
    again = w.render(one % "no-such-tag")["plan"]
    reply = b.get("pull", plan=again)
    TAP.check("cannot pull" in said(reply) and not transient(reply), "a missing tag is for good", reply)
    registry.terminate()
    registry.wait()
    w.lab.others.remove(registry)
    reply = b.get("pull", plan=w.render(one % 2)["plan"])
    TAP.check(transient(reply) and reply["error"]["code"] == 5, "a registry that is down will pass", reply)
    reply = b.get("pull", plan=w.render("services: {web: {image: 'registry.invalid/x:1'}}")["plan"])
    TAP.check(transient(reply), "a name that is not found may pass", reply)
    up = w.plan("services: {web: {image: 'hello:1', init: true}}")
    b.get("up", plan=up["plan"])
    lab.docker("tag", "hello:1", "unused:1")
    lab.make_image("old:1", files={"/a": "a"})
    lab.make_image("keep:1", files={"/b": "b"})
    keep = lab.inspect("keep:1", "image")["Id"]
    reply = b.get("prune", keep=[keep])
    left = lab.docker("image", "ls", "--format", "{{.Repository}}").stdout.split()
    TAP.check("old" not in left and "keep" in left and "hello" in left,
              "unused images go; those in use and those to keep stay", (reply, left))
    plans, copies = b.own / "plans", b.own / "content"
    used = {m for p in plans.iterdir() for m in re.findall(r"content/([0-9a-f]{64})", p.read_text())}
    b.get("prune", keep=[keep], plans=[up["plan"]])
    TAP.check(used and {p.name for p in copies.iterdir()} >= used, "plans of the last hour stay, and their copies")
    for entry in [*plans.iterdir(), *copies.iterdir()]:
        os.utime(entry, (1, 1))
    b.get("prune", keep=[keep], plans=[up["plan"]])
    TAP.equal(([p.name for p in plans.iterdir()], list(copies.iterdir())), ([up["plan"] + ".json"], []),
              "of the older ones those that are kept")


def logging_in(w):
    b, lab = w.b, w.lab
    users = ["robot", "tenancy/oracleidentitycloudservice/robot@example.com", "CORP\\robot"]
    address, _ = lab.registry(port=5001, htpasswd="".join(f"{user}:{bcrypt('password')}\n" for user in users))
    reply = b.get("docker-login", [memfd("wrong")], registry=address, user="robot")
    TAP.check("cannot log in" in said(reply) and not transient(reply), "a wrong password is for good", reply)
    for user in users:
        reply = b.get("docker-login", [memfd("password")], registry=address, user=user)
        TAP.equal(reply, {}, f"the registry lets {user} in")
    reply = b.get("docker-login", [memfd("x" * 8192)], registry=address, user="robot")
    TAP.check("cannot log in" in said(reply), "a password is as long as launch takes one", reply)
    config = b.own / "docker/config.json"
    TAP.equal(oct(config.stat().st_mode & 0o777), "0o600", "what is kept of it is root's")
    TAP.check("docker-login" in said(b.get("docker-login", registry=address, user="robot")),
              "no password, no login")


def together(w):
    """A long request holds no other up; a client that goes does no harm; idle, the broker ends."""
    b = w.b
    secret = app(w)["plan"]
    slow = w.plan("services: {slow: {image: 'hello:1', command: [sleep, '1000'], stop_grace_period: 15s}}")
    b.get("up", plan=slow["plan"])
    sock = b.connect()
    stopping = time.monotonic()
    sock.send(json.dumps({"op": "stop", "container": f"{PROJECT}-slow-1"}).encode())
    time.sleep(0.5)
    begin = time.monotonic()
    b.get("ps", project=PROJECT)
    sock.setblocking(False)
    try:
        ended = bool(sock.recv(100))
    except BlockingIOError:
        ended = False
    TAP.check(not ended, "ps is answered while a container takes its time to stop",
              f"{time.monotonic() - begin:.1f} s")
    sock.setblocking(True)
    sock.recv(100)
    took = time.monotonic() - stopping
    TAP.check(took >= 15, "which is as long as its stop_grace_period says", f"{took:.1f} s")
    sock.close()
    sock = b.connect()
    sock.send(json.dumps({"op": "up", "plan": slow["plan"]}).encode())
    sock.close()
    TAP.check(w.wait(lambda: w.ps()[f"{PROJECT}-slow-1"]["state"] == "running"),
              "what was asked for is done, although who asked has gone")
    many = [b.connect() for _ in range(40)]
    for one in many:
        one.send(b'{"op":"clock"}')
    TAP.check(all("synchronized" in (b.receive(one)[0] or {}) for one in many), "forty at once are all answered")
    for one in many:
        one.close()
    TAP.check(w.wait(lambda: b.process.poll() is not None), "idle, it ends by itself")
    TAP.equal(b.process.returncode, 0, "and well")
    log = (b.dir / "log").read_text()
    TAP.check("s3cr3t" in (b.own / f"plans/{secret}.json").read_text() and "s3cr3t" not in log, "secrets stand in plans, and in no log")


def beside_a_pull(w):
    """The lock is held, as by a pull, and first boot is tried again: the handoff has nothing to do with docker."""
    b = w.b
    with open(b.own / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for op, fds, args in (("handoff-take", [], {}), ("handoff-forget", [], {}),
                              ("credentials-store", [memfd("{}")], {"name": "app"})):
            with b.connect() as sock:
                sock.settimeout(120)
                socket.send_fds(sock, [json.dumps({"op": op, **args}).encode()], fds)
                for fd in fds:
                    os.close(fd)
                try:
                    reply = b.receive(sock)[0]
                except TimeoutError:
                    reply = "nothing in 120 s"
            TAP.equal(reply, {}, f"{op} does not wait for docker")


def waiting_for(path):
    """Pids of who waits for a flock of this file."""
    inode = f":{path.stat().st_ino} "
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines() if " -> " in line and inode in line]
    return [int(words[5]) for words in lines]


def given_up(w):
    """Who gave up while his request waited for another one's change has not asked: he may have done something else since."""
    b = w.b
    fresh, lock = b.root / "srv/.kbuild-restore-20260104T020000Z-data", b.own / "lock"
    fresh.mkdir(parents=True)
    (b.root / "srv/data").mkdir()
    configured = b.root / "etc/kbuild/agent.yaml"
    before = configured.read_text()
    b.config("name: shop\napp: {repository: 'https://git.example/a.git'}\nbackup: {paths: [/srv/data]}\n")
    request = {"op": "files-drop", "path": "/srv/data", "id": "20260104T020000Z"}
    with open(lock, "w", encoding="utf-8") as held, b.connect() as sock:
        fcntl.flock(held, fcntl.LOCK_EX)
        sock.send(json.dumps(request).encode())
        TAP.check(w.wait(lambda: waiting_for(lock)), "a removal waits for who changes something")
        pids = waiting_for(lock)
    TAP.check(w.wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids)) and fresh.is_dir(),
              "given up meanwhile, it is not begun when its turn comes")
    TAP.equal((b.get(**request), fresh.exists()), ({}, False), "asked again, it is done")
    configured.write_text(before)


def socket_activated(w):
    """As systemd starts it: descriptor 3, LISTEN_PID, LISTEN_FDS."""
    b = w.b
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    path = str(b.dir / "activated")
    listener.bind(path)
    listener.listen(5)
    fd = listener.fileno()

    def start(pid):
        script = f"exec 3<&{fd}; export LISTEN_PID={pid} LISTEN_FDS=1; exec \"$0\" \"$@\""
        return subprocess.Popen(["bash", "-c", script, b.program, "run", "--root", str(b.root), "--programs",
                                 str(w.lab.programs), "--state", str(b.state)], pass_fds=[fd],
                                stderr=subprocess.PIPE, text=True)

    child = start("$$")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.connect(path)
        sock.send(b'{"op":"clock"}')
        TAP.check(b"synchronized" in sock.recv(1000), "it takes the socket that it is given")
    child.terminate()
    child.wait()
    child.stderr.close()
    child = start("1")
    text = child.communicate()[1]
    TAP.check(child.returncode == 2 and "kbuild-broker.socket" in text, "one meant for another process is none", text)
    listener.close()


def databases(w):
    b = w.b
    w.lab.postgres_image()
    b.config("name: shop\napp: {repository: 'https://git.example/a.git'}\n"
             "backup: {volumes: [data], paths: [/srv/files, /srv/link/a, /srv/files/a]}\n")
    (b.root / "srv/files").mkdir(parents=True)
    (b.root / "srv/files/a").write_text("aaa")
    plan = w.plan("services:\n  db:\n    image: postgres:lab\n    stop_grace_period: 2s\n"
                  "    environment: {POSTGRES_USER: app, POSTGRES_DB: shop, POSTGRES_PASSWORD: '${PW}'}\n"
                  "    volumes: ['data:/var/lib/postgresql/data']\nvolumes: {data: {}}\n",
                  env=".env", secrets="PW=first\n")
    b.get("up", plan=plan["plan"])
    at = {"container": f"{PROJECT}-db-1", "user": "app"}

    def query(word, fds=(), **more):
        return b.get("pg-query", fds, query=word, **at, **more)

    def sql(text, database="shop"):
        return w.lab.docker("exec", at["container"], "psql", "-U", "app", "-d", database, "-XAtqc", text).stdout.strip()

    TAP.check(w.wait(lambda: "shop" in query("databases").get("rows", []) and w.lab.docker(
        "exec", at["container"], "pg_isready", "-h", "127.0.0.1", check=False).returncode == 0, 300), "a database comes up")
    sql('create table t(a int, "B x" text); insert into t select g, g::text from generate_series(1,5000) g; '
        'create table "Odd$Name"(a int)')
    counts = query("row-counts", database="shop")["data"]
    TAP.equal(json.loads(counts), [{"table": 'public."Odd$Name"', "rows": 0}, {"table": "public.t", "rows": 5000}],
              "rows are counted")
    TAP.equal(json.loads(query("tables", database="shop")["data"]), ['public."Odd$Name"', "public.t"],
              "tables are named")
    TAP.check(query("version")["rows"][0].startswith("17"), "the version is told")
    dump, end = b.stream("pg-dump", kind="custom", database="shop", **at)
    TAP.check(dump.startswith(b"PGDMP") and end == {}, "a dump in the custom form", end)
    plain, end = b.stream("pg-dump", kind="plain", database="shop", **at)
    TAP.check(b"PostgreSQL database dump complete" in plain and end == {}, "a plain one", end)
    roles, end = b.stream("pg-dump", kind="globals", **at)
    TAP.check(b"CREATE ROLE app" in roles and b"CREATE TABLE" not in roles and end == {}, "the roles", end)
    cluster, end = b.stream("pg-dump", kind="all", **at)
    TAP.check(b"PostgreSQL database cluster dump complete" in cluster and end == {}, "the whole cluster", end)
    data, end = b.stream("pg-dump", kind="custom", database="nothing", **at)
    TAP.check(data == b"" and "does not exist" in said(end), "a dump that fails says so at its end", end)
    for bad in ("postgres://x/y", "a=b", "-x"):
        TAP.check("database" in said(b.get("pg-dump", kind="custom", database=bad, **at)),
                  f"no name of a database: {bad}")

    listing = b.get("pg-restore", [memfd(dump)], kind="list", **at)["data"]
    TAP.check(b"TABLE DATA public t" in listing, "a dump's contents are listed", listing[:300])
    TAP.check("error" in b.get("pg-restore", [memfd(dump[:300])], kind="list", **at), "half a list of contents is none")
    query("create-db", database="half")
    TAP.check("error" in b.get("pg-restore", [memfd(dump[:-5000])], kind="custom", database="half", **at),
              "a dump that was cut off is no dump")
    sql("drop database half")
    TAP.equal(query("create-db", database="shop_new"), {}, "a new database is made")
    TAP.equal(b.get("pg-restore", [memfd(dump)], kind="custom", database="shop_new", **at), {}, "and filled")
    for provider, locale in (("libc", "lc_collate 'C.UTF-8' lc_ctype 'C'"), ("icu", "icu_locale 'de' icu_rules '&a < b'"),
                             ("builtin", "builtin_locale 'C.UTF-8'")):
        sql(f"create database model template template0 locale_provider {provider} {locale}")
        TAP.equal(query("create-like", database="is like", to="model").get("error"), None, f"one like another: {provider}")
        looks = "select to_jsonb(d) - array['oid', 'datname', 'datfrozenxid', 'datminmxid'] from pg_database d where datname="
        TAP.equal(sql(looks + "'is like'"), sql(looks + "'model'"), f"which it is: {provider}")
        for name in ("model", "is like"):
            sql(f'drop database "{name}"')
    reply = b.get("pg-restore", [memfd("insert into t values ('x');")], kind="plain", database="shop_new", **at)
    TAP.check("invalid input syntax" in said(reply), "SQL that fails is a failure", reply)
    TAP.equal(b.get("pg-restore", [memfd(roles)], kind="globals", **at), {}, "roles that exist are no failure")
    reply = b.get("pg-restore", [memfd("create role x; grant nothing to x;")], kind="globals", **at)
    TAP.check("restoring the roles" in said(reply), "other errors are", reply)
    w.lab.docker("exec", "-d", at["container"], "psql", "-U", "app", "-d", "shop", "-c", "select pg_sleep(1000)")
    TAP.check(w.wait(lambda: sql("select count(*) from pg_stat_activity where query like '%pg_sleep(1000)%' "
                                 "and pid <> pg_backend_pid()", "postgres") == "1"), "somebody uses a database")
    TAP.equal(query("rename-db", database="shop", to="shop_old"), {}, "a database in use is renamed")
    TAP.equal(query("rename-db", database="shop_new", to="shop"), {}, "and the new one takes its place")
    TAP.equal(sql("select count(*) from t"), "5000", "with all of its rows")
    reply = query("rename-db", database="shop", to="shop_old")
    TAP.check("already exists" in said(reply) and sql("select 1") == "1", "one that cannot be renamed stays open", reply)
    TAP.equal([query("drop-db", database="shop_old"), query("drop-db", database="shop_old")], [{}, {}],
              "the old one is dropped; twice is no harm")
    password = "n'e\\w\" $x"
    TAP.equal(query("alter-role", [memfd(password)], database="app"), {}, "a password is changed")
    login = w.lab.docker("exec", "-e", f"PGPASSWORD={password}", at["container"], "psql", "-h", "127.0.0.1", "-U", "app",
                         "-d", "shop", "-Atc", "select 1", check=False)
    TAP.equal(login.stdout.strip(), "1", "and is the one that opens")
    logs = w.lab.docker("logs", at["container"])
    TAP.check("n'e" not in logs.stdout + logs.stderr, "the server's log has not seen it")

    spare = b.get("pg-throwaway", image=w.ps()[at["container"]]["image"])
    TAP.check("container" in spare, "a server for a test restore starts", spare)
    info = w.lab.inspect(spare["container"])
    TAP.check(info["HostConfig"]["NetworkMode"] == "none" and info["HostConfig"]["Memory"] > 0,
              "without network, with bounded memory")
    there = {"container": spare["container"], "user": spare["user"]}
    b.get("pg-restore", [memfd(roles)], kind="globals", **there)
    b.get("pg-query", query="create-db", database="shop", **there)
    TAP.equal(b.get("pg-restore", [memfd(dump)], kind="custom", database="shop", **there), {}, "the dump goes into it")
    TAP.equal(b.get("pg-query", query="row-counts", database="shop", **there)["data"], counts, "and all rows are there")
    volumes = w.lab.docker("volume", "ls", "-q").stdout.split()
    TAP.equal(b.get("remove", container=spare["container"]), {}, "it is removed")
    TAP.check(len(w.lab.docker("volume", "ls", "-q").stdout.split()) < len(volumes), "with its data")

    data, end = b.stream("volume-tar", volume="data")
    names = subprocess.run(["tar", "-t"], input=data, capture_output=True, check=False).stdout.decode()
    TAP.check("./PG_VERSION\n" in names and end == {}, "a volume as a tar", end)
    data, end = b.stream("volume-tar", path="/srv/files")
    TAP.check(b"aaa" in data and end == {}, "a path as a tar", end)
    for asked in ({"path": "/etc"}, {"volume": "other"}, {"path": "/srv"}):
        TAP.check("not in kbuild.backup" in said(b.get("volume-tar", **asked)), f"not the definition's: {asked}")
    TAP.check("error" in b.get("volume-tar", path="/srv/files/../../etc"), "no way around")
    data, end = b.stream("volume-tar", path="/srv/files/a")
    TAP.check(b"aaa" in data and end == {}, "one file alone", end)
    (b.root / "srv/link").symlink_to("files")
    TAP.check("leads through a link" in said(b.get("volume-tar", path="/srv/link/a")), "nor through a link")


def cut_off_pulls(w):
    """A power cut in the middle of a pull: the engine keeps the layers that it had unpacked, whole or not."""
    b, lab = w.b, w.lab
    address, registry = lab.registry()
    name = f"{address}/team/cut:1"
    lab.busybox_image("cut:base", files={"/whole": "whole"})
    lab.docker("run", "--name", "cutting", "cut:base", "dd", "if=/dev/urandom", "of=/large", "bs=1M", "count=200")
    lab.docker("commit", "--change", 'CMD ["/bin/cat", "/whole"]', "cutting", name)
    lab.docker("rm", "cutting")
    lab.docker("push", name)
    lab.docker("rmi", name, "cut:base")
    plan = w.render(f"services: {{web: {{image: '{name}'}}}}")["plan"]
    top = lab.scratch / "docker"

    def layers():
        return {p.name for p in (top / "image/overlay2/layerdb/sha256").glob("*")}

    def damage():
        """What was not on the disk yet."""
        files = list((top / "overlay2").glob("*/diff/whole"))
        for file in files:
            os.truncate(file, 0)
        return len(files)

    def begin():
        with contextlib.suppress(OSError):
            b.get("pull", plan=plan)

    def cut():
        before = layers()
        pull = threading.Thread(target=begin)
        pull.start()
        seen = w.wait(lambda: layers() - before)
        os.kill(registry.pid, signal.SIGSTOP)
        noted = (b.own / "unsynced").read_text()
        b.process.kill()
        lab.cut_off(lambda: TAP.equal((seen, noted, damage()), (True, name + "\n", 1), "a pull is cut off"))
        os.kill(registry.pid, signal.SIGCONT)
        pull.join()
        b.process.wait()

    def ran(image=name):
        return lab.docker("run", "--rm", image).stdout

    cut()
    digest = b.get("pull", plan=plan)["services"]["web"]["image"]
    TAP.equal((ran(), (b.own / "unsynced").exists(), (b.own / "doubtful").exists()), ("whole", False, False),
              "the next pull takes nothing of it for whole")
    lab.docker("rmi", name)
    cut()
    back = b.get("pull", plan=plan, services=["web"], images=[digest])
    TAP.check("plan" in back, "to go back does not fetch it once more", back)
    TAP.equal((ran(digest), (b.own / "doubtful").read_text()), ("", name + "\n"), "but it is kept in mind")
    b.get("pull", plan=plan)
    TAP.equal((ran(), (b.own / "doubtful").exists()), ("whole", False), "until it is whole")
    registry.terminate()
    registry.wait()
    lab.others.remove(registry)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if os.getuid() != 0:
        sys.exit("needs root")
    program = str(Path(sys.argv[1]).resolve() / "firstboot/kbuild-agent")
    with DockerLab() as lab:
        lab.busybox_image("hello:1")
        world = World(lab, Broker(lab, program))
        world.b.start()
        try:
            for part in (the_door, rendering, the_jail, the_policy, running, inherited, images, logging_in, databases, together,
                         beside_a_pull, given_up, cut_off_pulls, socket_activated):
                try:
                    part(world)
                except Exception as problem:  # pylint: disable=broad-except
                    TAP.check(False, f"{part.__name__} goes to its end", f"{type(problem).__name__}: {problem}")
        finally:
            world.b.stop()
        if TAP.failed:
            TAP.note((world.b.dir / "log").read_text()[-3000:])
    return TAP.done()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
