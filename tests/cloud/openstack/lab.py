"""Real OpenStack services for a test: started, restarted, reached through a faulty proxy, compared with what they keep.

    with Lab("core", "nova") as lab:
        kbuild.env.update(lab.env("gra"))
        with lab.through(Proxy(lab.port("glance")), "image", "GRA11") as proxy:
            proxy.add("PUT /v2/images", "cut", after=1 << 20)

The scripts beside this file do the work; needs root.
"""
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[2]
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(SOURCE / "tests" / "lib"))
from proxy import Proxy  # noqa: E402,F401
from kbtest import Tap, wait_for  # noqa: E402,F401

PORTS = ("keystone", "glance", "glance2", "placement", "nova", "metadata", "neutron", "cinder", "rabbit",
         "distribution", "epmd")
ROOT = Path(os.environ.get("OPENSTACK_ROOT") or SOURCE / "build-ci/openstack/root")
PROJECT, OTHER = "1234567890123456", "6543210987654321"


class Lab:
    """A lab of its own, or with state= the one there: it keeps what it has, lacks nothing that is asked for, and goes on."""

    def __init__(self, *components, state=None, base=None, ttl=3600, harsh=False, image_cap=None, share=()):
        self.components = components or ("core",)
        self.own = state is None
        self.state = Path(state) if state else None  # of its own: made by start()
        self.settings = dict(os.environ, OPENSTACK_ROOT=str(ROOT), OPENSTACK_PORT_BASE=str(base or ""),
                             OPENSTACK_TOKEN_TTL=str(ttl), OPENSTACK_HARSH="1" if harsh else "",
                             OPENSTACK_IMAGE_CAP=str(image_cap or ""), OPENSTACK_SHARE=":".join(map(str, share)))
        self.started = 0.0

    def script(self, name, *args, timeout=2400):
        done = subprocess.run([HERE / name, *map(str, args)], env=self.settings, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
        if done.returncode:
            raise RuntimeError(f"{name} {' '.join(map(str, args))}: exit {done.returncode}\n{done.stdout}")
        return done.stdout

    def start(self):
        begin = time.monotonic()
        self.state = self.state or Path(tempfile.mkdtemp(prefix="kbuild-lab-"))
        self.script("up", self.state, *self.components)
        self.started = time.monotonic() - begin
        return self

    def stop(self, wipe=True):
        self.script("down", self.state, *(["--wipe"] if wipe else []))

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.own and self.state:
            self.stop()
            shutil.rmtree(self.state, ignore_errors=True)

    @property
    def base(self):
        return int((self.state / "ports").read_text())

    def port(self, name, tls=False):
        return self.base + PORTS.index(name) + (20 if tls else 0)

    def url(self, name, path=""):
        return f"http://127.0.0.1:{self.port(name)}{path}"

    @property
    def clouds(self):
        return self.state / "clouds.yaml"

    @property
    def password(self):
        return (self.state / "password").read_text().strip()

    @property
    def credential(self):
        return json.loads((self.state / "credential.json").read_text())

    def env(self, cloud="gra"):
        """What the official clients and kbuild find a cloud by."""
        return {"OS_CLIENT_CONFIG_FILE": str(self.clouds), "OS_CLOUD": cloud}

    # One daemon.

    def service(self, what, name):
        """start, stop, restart, kill; a port that was answered is answered again afterwards."""
        self.script("service", self.state, what, name)
        if what in ("start", "restart") and name in PORTS:
            self.answers(name)

    def answers(self, name, seconds=900):
        def ask():
            try:
                with urllib.request.urlopen(self.url(name), timeout=20):
                    return True
            except urllib.error.HTTPError:
                return True
            except (OSError, http.client.HTTPException):
                return False
        if not wait_for(ask, seconds):
            raise TimeoutError(f"{name} does not answer after {seconds} s")

    def set_ttl(self, seconds):
        """How long tokens made from now on live."""
        conf = self.state / "etc/keystone/keystone.conf"
        lines = [f"expiration = {seconds}" if line.startswith("expiration = ") else line
                 for line in conf.read_text().splitlines()]
        conf.write_text("\n".join(lines) + "\n")
        self.service("restart", "keystone")

    # Calls of our own, to prepare and to judge; never through what is tested.

    def token(self, user="user-one", project=PROJECT):
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": {
            "name": user, "domain": {"name": "Default"}, "password": self.password}}},
            "scope": {"project": {"name": project, "domain": {"name": "Default"}}}}}
        request = urllib.request.Request(self.url("keystone", "/v3/auth/tokens"), json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.headers["X-Subject-Token"]

    def call(self, method, name, path, body=None, token=None, headers=()):
        """(status, decoded answer or text)."""
        data = json.dumps(body).encode() if body is not None else None
        head = {"X-Auth-Token": token or self.token(), "Content-Type": "application/json", **dict(headers)}
        request = urllib.request.Request(self.url(name, path), data, head, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                status, text = answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as e:
            status, text = e.code, e.read().decode(errors="replace")
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def images(self, name="glance"):
        return self.call("GET", name, "/v2/images?limit=1000")[1]["images"]

    def revoke(self, token):
        return self.call("DELETE", "keystone", "/v3/auth/tokens", token=self.token("admin", "admin"),
                         headers={"X-Subject-Token": token}.items())[0]

    def endpoints(self, kind, region):
        """The catalogue's public entries of that kind in that region."""
        admin = self.token("admin", "admin")
        services = self.call("GET", "keystone", f"/v3/services?type={kind}", token=admin)[1]["services"]
        found = []
        for service in services:
            found += self.call("GET", "keystone", f"/v3/endpoints?service_id={service['id']}&interface=public"
                               f"&region_id={region}", token=admin)[1]["endpoints"]
        return found

    def publish(self, endpoint, **fields):
        """Changes an entry of the catalogue (url=, enabled=)."""
        status, answer = self.call("PATCH", "keystone", f"/v3/endpoints/{endpoint['id']}", {"endpoint": fields},
                                   token=self.token("admin", "admin"))
        if status != 200:
            raise RuntimeError(f"the catalogue cannot be changed: {status} {answer}")

    @contextlib.contextmanager
    def through(self, proxy, kind, region="GRA11"):
        """While this lasts, the catalogue leads to the proxy. Tokens from before know it as well: Keystone is
        asked for the catalogue by a client that signs in, so one with a kept catalogue has to forget it."""
        endpoint, = self.endpoints(kind, region)
        with proxy:
            self.publish(endpoint, url=endpoint["url"].replace(str(proxy.target), str(proxy.port)))
            try:
                yield proxy
            finally:
                self.publish(endpoint, url=endpoint["url"])

    def client(self, *args, cloud="gra", timeout=180, **more):
        """The official client. Files have to be below the state directory or in share."""
        argv = [HERE / "enter", ROOT, self.state, "openstack", *args]
        return subprocess.run([str(a) for a in argv], env=dict(self.settings, **self.env(cloud)), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout, **more)


class Measured:
    """A child that has ended: returncode, stdout, stderr, seconds, peak (KiB)."""

    def __init__(self, argv, timeout=900, **more):
        # Not ru_maxrss: a child's begins with the peak of its parent, and Python's is greater than ours.
        self.peak = 0
        begin = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                     **more)
            while child.poll() is None:
                self.look(child.pid)
                if time.monotonic() - begin > timeout:
                    child.kill()
                time.sleep(0.01)
            self.seconds = time.monotonic() - begin
            self.returncode = child.returncode
            for name, file in (("stdout", out), ("stderr", err)):
                file.seek(0)
                setattr(self, name, file.read().decode(errors="replace"))

    def look(self, pid):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self.peak = max(self.peak, int(line.split()[1]))
