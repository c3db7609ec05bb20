"""What the tests of this folder share: a running double, a server with an agent, certificates."""
import ctypes
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "lib"))
from double import nameserver  # noqa: E402

V4, V6 = "192.0.2.10", "2001:db8::10"
OUTER = "KBUILD_TEST_OUTER"
CLONE_NEWNET = 0x40000000


def die_with_parent():
    """In a child: what a test left running ends with it, however it ended."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def apart():
    """
    Runs this program again, in namespaces of network, mounts and processes: what it starts ends with it, QEMUs that
    detach themselves, too. Its exit status; None: this is it.
    """
    if OUTER in os.environ:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return None
    outer = os.open("/proc/self/ns/net", os.O_RDONLY)
    return subprocess.run(["unshare", "--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child",
                           "--mount-proc", sys.executable, *sys.argv], env=dict(os.environ, **{OUTER: str(outer)}),
                          pass_fds=[outer], check=False, preexec_fn=die_with_parent).returncode


@contextmanager
def outer_network():
    """For this thread of a program that is apart(), and what it starts meanwhile: the network there was."""
    libc = ctypes.CDLL(None, use_errno=True)

    def go(fd):
        if libc.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    mine = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    go(int(os.environ[OUTER]))
    try:
        yield
    finally:
        go(mine)
        os.close(mine)


class Double:
    """A double of its own, for one test or several."""

    def __init__(self, *options, zone="example.com", trust=None):
        self.zone = zone
        self.child = subprocess.Popen(
            [sys.executable, HERE / "ovh_double.py", "--zone", zone, *map(str, options)],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            preexec_fn=die_with_parent)
        self.about = json.loads(self.child.stdout.readline())
        self.tls = ssl.create_default_context(cafile=trust) if trust else None

    def control(self, path, data=None, post=None):
        post = data is not None if post is None else post
        request = urllib.request.Request(
            self.about["control"] + path, json.dumps(data).encode() if post else None,
            method="POST" if post else "GET")
        with urllib.request.urlopen(request, timeout=30, context=self.tls) as answer:
            return json.load(answer)

    def set(self, *records, **more):
        """The whole zone, published; forgets log and faults."""
        self.control("/faults", None, post=True)
        knobs = {"lag_get": 0, "lag_list": 0, "publish_delay": 0.0, "zero_id": False,
                 "refuse_duplicates": False, "never_deploys": False, "publishes": True}
        knobs.update(more)
        self.control("/zone/" + self.zone,
                     {"records": records, "knobs": knobs, "publish": True, "errors": []})
        self.control("/log/clear", None, post=True)

    def fault(self, match, kind, **more):
        self.control("/faults", dict(more, match=match, kind=kind))

    def show(self):
        return self.control("/zone/" + self.zone)

    def records(self, which="records"):
        return sorted((r["fieldType"], r["subDomain"], r["target"], r["ttl"])
                      for r in self.show()[which])

    def log(self):
        return self.control("/log")

    def calls(self, method=None):
        """Calls of the API, without /1.0; those of one method, or all."""
        calls = [entry["call"].replace("/1.0", "", 1) for entry in self.log()]
        return [c for c in calls if method is None or c.startswith(method + " ")]

    def writes(self):
        return [c for c in self.calls() if not c.startswith("GET ") and "/oauth2/" not in c]

    def ask(self, name, kind):
        host, _, port = self.about["dns"].rpartition(":")
        return nameserver.ask(host, int(port), name, kind)

    def stop(self):
        self.child.terminate()
        self.child.wait()


class Agent:
    """A server's directories and its agent."""

    def __init__(self, program, scratch, double, records='["@", api]', settle=1000, **keys):
        self.program, self.scratch, self.double = program, Path(scratch), double
        self.state = self.scratch / "state"
        self.state.mkdir(parents=True)
        about = double.about
        whole = {"endpoint": about["url"], "addresses": [V4, V6], "nameservers": [about["dns"]]}
        if "client_id" not in keys:
            whole.update({k: about[k] for k in
                          ("application_key", "application_secret", "consumer_key")})
        # None: not given at all.
        keys = {k: v for k, v in dict(whole, **keys).items() if v is not None}
        self.credentials = self.scratch / "credentials"
        self.credentials.mkdir()
        (self.credentials / "dns").write_text(json.dumps(keys))
        self.config = self.scratch / "agent.yaml"
        self.config.write_text(f"name: web\ndns: {{zone: {double.zone}, ttl: 60, records: {records}}}\n")
        self.env = dict(os.environ, CREDENTIALS_DIRECTORY=str(self.credentials),
                        KBUILD_DNS_SETTLE_MS=str(settle), KBUILD_CONFINE_STRICT="1")

    def start(self, *args):
        return subprocess.Popen(
            [self.program, "dns", *args, "--config", self.config, "--state", self.state],
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)

    def run(self, *args, timeout=180):
        child = self.start(*args)
        try:
            out, err = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
            err += "\n(killed by the test)"
        return subprocess.CompletedProcess(args, child.returncode, out, err)


def wait_until(what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


def authority(scratch, names):
    """A CA of the test's own and a certificate for names: (ca, cert, key)."""
    scratch = Path(scratch)

    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, cwd=scratch,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", 30,
            "-subj", "/CN=a test's own authority")
    openssl("req", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=double")
    (scratch / "names").write_text("subjectAltName=" + ",".join(
        ("IP:" if n[0].isdigit() else "DNS:") + n for n in names))
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", 2,
            "-days", 30, "-extfile", "names", "-out", "server.pem")
    return scratch / "ca.pem", scratch / "server.pem", scratch / "server.key"
