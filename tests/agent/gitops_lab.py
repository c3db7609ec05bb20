"""What the test of the deployment engine stands on: the real agent, its real broker, an engine and a registry of
their own, a git server behind ssh, and an application of a proxy, an API and something that keeps data."""
import json
import os
import select
import socket
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE))
from docker_lab import DockerLab, engine_tree  # noqa: E402
from gitserver import SshServer  # noqa: E402
from kbtest import wait_for  # noqa: E402

COMPOSE = """\
services:
  proxy:
    image: {registry}/proxy:1
    ports: ["0.0.0.0:80:8000"]
    volumes: ["./haproxy.cfg:/etc/haproxy/haproxy.cfg:ro"]
    restart: unless-stopped
  api:
    image: {registry}/{image}
    environment: {{VERSION: "{version}", BREAK: "{broken}", DRAIN: /tmp/drain, SECRET: "${{SECRET}}"}}
    healthcheck: {{test: ["CMD", "/api", "check"], interval: 1s, timeout: 3s, retries: 2, start_period: 3s}}
    labels: {{kbuild.drain: /tmp/drain}}
    restart: unless-stopped
{more}  store:
    image: {registry}/store:1
    container_name: store
    labels: {{kbuild.stateful: "true"}}
    volumes: ["data:/data"]
    restart: unless-stopped
  job:
    image: {registry}/store:1
    command: ["/bin/true"]
volumes:
  data: {{}}
"""

HAPROXY = """\
defaults
  mode http
  retries 5
  option redispatch
  retry-on conn-failure empty-response response-timeout
  timeout connect 2s
  timeout client 20s
  timeout server 20s
  # Else it is the interval, and on a busy machine an answer that takes longer would be a server that is down.
  timeout check 5s
resolvers docker
  nameserver docker 127.0.0.11:53
  hold valid 1s
  hold obsolete 1s
frontend web
  bind :8000
  default_backend api
backend api
  option httpchk GET /health
  server-template api 3 api:8080 check inter 200 fall 1 rise 1 resolvers docker resolve-prefer ipv4 init-addr none
"""

# Asks as fast as answers come, one connection each, and writes what was not 200 (and how many were asked).
LOAD = r"""
import http.client, json, sys, time
asked, bad, seen = 0, [], {}
open(sys.argv[1] + ".up", "w").close()
import os
while not os.path.exists(sys.argv[1] + ".stop"):
    asked += 1
    try:
        c = http.client.HTTPConnection("127.0.0.1", 80, timeout=20)
        c.request("GET", "/version")
        r = c.getresponse()
        text = r.read().decode()
        if r.status != 200:
            bad.append([time.time(), r.status])
        seen[text] = seen.get(text, 0) + 1
        c.close()
    except OSError as problem:
        bad.append([time.time(), str(problem)])
    time.sleep(0.01)
json.dump({"asked": asked, "bad": bad, "seen": seen}, open(sys.argv[1], "w"))
"""


def git(*argv, cwd):
    env = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b",
               GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@b")
    return subprocess.run(["git", *map(str, argv)], cwd=cwd, env=env, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True).stdout.strip()


class Load:
    """Requests without a pause while it is open."""

    def __init__(self, lab, name):
        self.lab, self.path = lab, lab.scratch / name
        self.child = lab.start_in_net([sys.executable, "-c", LOAD, self.path], stdin=subprocess.DEVNULL)
        wait_for(Path(f"{self.path}.up").exists, 120)

    def end(self):
        Path(f"{self.path}.stop").touch()
        self.child.wait(timeout=60)
        return json.loads(self.path.read_text())


class Gitops:
    def __init__(self, program):
        self.program = str(Path(program).resolve())
        self.lab = DockerLab()
        self.dir = self.lab.scratch / "gitops"
        self.secret = "s3cret-value-of-the-application"
        self.broker, self.over = None, False

    def __enter__(self):
        self.lab.start()
        try:
            self.prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.over = True
        if self.broker:
            self.broker.terminate()
            self.broker.wait()
        if hasattr(self, "ssh"):
            self.ssh.close()
        self.lab.stop()

    def prepare(self):
        for part in ("state", "broker", "root", "credentials", "programs", "work"):
            (self.dir / part).mkdir(parents=True, mode=0o700)
        self.registry, self.registry_process = self.lab.registry(5000)
        self.make_images()
        # In the jail nothing but the program itself is there, so it must be that.
        (self.dir / "programs/docker").symlink_to(self.lab.programs / "docker")
        (self.dir / "programs/docker-compose").symlink_to(
            engine_tree() / "usr/libexec/docker/cli-plugins/docker-compose")
        git("init", "-q", "--bare", "-b", "main", self.dir / "app.git", cwd=self.dir)
        git("init", "-q", "-b", "main", ".", cwd=self.dir / "work")
        git("remote", "add", "origin", self.dir / "app.git", cwd=self.dir / "work")
        self.ssh = self.lab.in_net(SshServer, str(self.dir / "ssh"))
        (self.dir / "credentials/git.json").write_text(
            json.dumps({"key": Path(self.ssh.user_key).read_text()}))
        (self.dir / "credentials/git").write_bytes((self.dir / "credentials/git.json").read_bytes())
        self.app = {
            "repository": self.ssh.url(str(self.dir / "app.git")),
            "compose": "compose.yaml",
            "health": "http://api.example.test/health",
            "known_hosts": [self.ssh.known_host()],
            # For what is slow: a bad version is known as one by what it does.
            "timeout": "300s",
            "image_wait": 0,
        }
        self.socket = self.dir / "broker.sock"
        self.log = open(self.dir / "broker.log", "wb")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(self.socket))
        self.listener.listen(64)
        threading.Thread(target=self.brokers, daemon=True).start()

    def make_secrets(self):
        """As first boot makes them."""
        where = self.dir / "state/secrets"
        where.mkdir(mode=0o700)
        (where / "values.json").touch(mode=0o600)
        (where / "values.json").write_text(json.dumps({"v": 1, "values": {"SECRET": self.secret}}))

    def brokers(self):
        """As systemd does it: who connects finds a broker, and the next one when that has ended, being idle."""
        fd = self.listener.fileno()
        script = f'exec 3<&{fd}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" "$@"'
        while not self.over:
            if select.select([fd], [], [], 0.2)[0]:
                self.broker = subprocess.Popen(
                    ["bash", "-c", script, self.program, "run", "--root", self.dir / "root", "--broker-state",
                     self.dir / "broker", "--programs", self.dir / "programs", "--state", self.dir / "state"],
                    stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, pass_fds=[fd])
                self.broker.wait()

    def make_images(self):
        api = self.dir / "api"
        subprocess.run(["cc", "-O2", "-static", "-o", api, HERE / "app/api.c"], check=True)
        lab, at = self.lab, self.registry
        self.make_api("1")
        lab.make_image(f"{at}/proxy:1", packages=["haproxy"],
                       cmd=["/usr/sbin/haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"])
        lab.busybox_image(f"{at}/store:1")
        for name in ("proxy", "store"):
            lab.docker("push", f"{at}/{name}:1")

    def make_api(self, tag, **more):
        """The API's image under that tag, pushed; more: files beside it, which make it another image."""
        name = f"{self.registry}/api:{tag}"
        program = (self.dir / "api").read_bytes()
        self.lab.make_image(name, files={"/api": ("exec", program), "/tmp/.keep": "", **more}, cmd=["/api"])
        self.lab.docker("push", name)

    def compose(self, version, broken="", image="api:1", more=""):
        return COMPOSE.format(registry=self.registry, version=version, broken=broken, image=image, more=more)

    def commit(self, version, text=None, **more):
        """A commit whose Compose file is this, pushed. Returns its id."""
        work = self.dir / "work"
        (work / "compose.yaml").write_text(text if text is not None else self.compose(version, **more))
        (work / "haproxy.cfg").write_text(HAPROXY)
        git("add", "-A", cwd=work)
        git("commit", "-q", "--allow-empty", "-m", f"version {version}", cwd=work)
        git("push", "-q", "--force", "origin", "HEAD:main", cwd=work)
        return git("rev-parse", "HEAD", cwd=work)

    def arguments(self, *args):
        config = {"name": "demo", "app": self.app,
                  "secrets": {"env": ".env", "values": {"SECRET": {"generate": 256}}}}
        path = self.dir / "agent.yaml"
        path.write_text(json.dumps(config))
        return ["nsenter", f"--net=/proc/{self.lab.pid}/ns/net", self.program, "--config", str(path), "--state",
                str(self.dir / "state"), "--broker", str(self.socket), *map(str, args)]

    def start(self, *args):
        env = dict(os.environ, LC_ALL="C.UTF-8", CREDENTIALS_DIRECTORY=str(self.dir / "credentials"))
        return subprocess.Popen(self.arguments(*args), env=env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *args, timeout=900):
        child = self.start(*args)
        out, err = child.communicate(timeout=timeout)
        return subprocess.CompletedProcess(args, child.returncode, out, err)

    def now(self, *args):
        """What `gitops now` came to, as (word, why)."""
        done = self.run("--json", "gitops", *(args or ["now"]))
        self.last = done
        try:
            doc = json.loads(done.stdout)
        except ValueError:
            return "no answer", done.stdout + done.stderr
        return doc.get("result", "error"), doc.get("why") or json.dumps(doc)

    def status(self):
        return json.loads(self.run("gitops", "status", "--json").stdout)

    def alerts(self):
        where = self.dir / "state/alerts"
        return [json.loads(p.read_text()) for p in sorted(where.glob("*.json"))] if where.is_dir() else []

    def version(self):
        try:
            return self.lab.http("http://127.0.0.1/version")[1].decode()
        except OSError as problem:
            return str(problem)

    def containers(self):
        """Service -> [(id, state)]"""
        out = self.lab.docker("ps", "-a", "--filter", "label=com.docker.compose.project=demo", "--format",
                              '{{.Label "com.docker.compose.service"}} {{.ID}} {{.State}}').stdout
        found = {}
        for line in out.splitlines():
            service, one, state = line.split()
            found.setdefault(service, []).append((one, state))
        return found

    def load(self, name):
        return Load(self.lab, name)
