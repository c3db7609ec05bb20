"""
The world around a server of the proof, on loopback: a certificate authority, a git server over HTTPS, a
registry with the application's images that wants a login, OVH's double with its name server, a mail sink, a web
hook, a time server. A guest in QEMU reaches all of it as 10.0.2.2.

Everything listens on 127.0.0.1 of the network namespace this runs in, and ends with it.
"""
import base64
import http.server
import json
import os
import re
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
from docker_lab import DockerLab, debian_tree, engine_tree, postgres_tree, slim_tree  # noqa: E402
from kbtest import bcrypt, free_port, wait_for  # noqa: E402

ZONE = "proof.test"
HOSTS = ["git", "registry", "ovh", "mail", "hook", "ns1", "s3"]
GUEST_SEES = "10.0.2.2"
GIT_USER, GIT_TOKEN = "deploy", "tOkEn-of-the-repository-4711"
REGISTRY_USER, REGISTRY_PASSWORD = "robot", "pAssword-of-the-registry-0816"
HOOK_TOKEN, PING_WORD = "tOken-of-the-web-hook-0817", "p1ng-of-the-switch-0818"
NTP_EPOCH = 2208988800  # seconds from 1900 to 1970


def run(*argv, **more):
    more.setdefault("check", True)
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.STDOUT)
    return subprocess.run([str(a) for a in argv], text=True, **more).stdout


def die_with_parent():
    import ctypes
    ctypes.CDLL(None).prctl(1, 9)


class Authority:
    """A certificate authority of the test's own, and one certificate for all of its servers."""

    def __init__(self, where):
        self.ca, self.key, self.cert = where / "ca.pem", where / "server.key", where / "server.pem"
        ext = where / "ext"
        ext.write_text("subjectAltName=" + ",".join(f"DNS:{h}.{ZONE}" for h in HOSTS) +
                       ",DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", "/CN=proof authority", "-keyout", where / "ca.key", "-out", self.ca)
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            f"/CN=git.{ZONE}", "-keyout", self.key, "-out", where / "server.csr")
        run("openssl", "x509", "-req", "-in", where / "server.csr", "-CA", self.ca, "-CAkey", where / "ca.key",
            "-CAcreateserial", "-days", "30", "-extfile", ext, "-out", self.cert)

    def context(self):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(self.cert, self.key)
        return c


class Quiet(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass


def https(handler, tls, port=0):
    server = Quiet(("127.0.0.1", port), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class GitServer:
    """`git http-backend` behind HTTPS and a token; can be switched off ("dead"), and counts its requests."""

    def __init__(self, where, tls, port=0):
        self.root, self.requests, self.mode = where, 0, "well"
        self.fetched = []  # when objects were asked for
        self.bare = where / "app.git"
        self.work = where / "work"
        run("git", "init", "-q", "--bare", "-b", "main", self.bare)
        run("git", "-C", self.bare, "config", "http.receivepack", "false")
        run("git", "init", "-q", "-b", "main", self.work)
        for key, value in (("user.name", "Kara"), ("user.email", "kara@proof.test"), ("commit.gpgsign", "false")):
            run("git", "-C", self.work, "config", key, value)
        run("git", "-C", self.work, "remote", "add", "origin", self.bare)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.answer(self)
            do_POST = do_GET

        self.server = https(Handler, tls, port)
        self.port = self.server.server_address[1]
        self.url = f"https://git.{ZONE}:{self.port}/app.git"

    def answer(self, h):
        self.requests += 1
        if self.mode == "dead":
            h.close_connection = True
            h.connection.close()
            return
        want = "Basic " + base64.b64encode(f"{GIT_USER}:{GIT_TOKEN}".encode()).decode()
        if h.headers.get("Authorization") != want:
            h.send_response(401)
            h.send_header("WWW-Authenticate", 'Basic realm="git"')
            h.send_header("Content-Length", "0")
            h.end_headers()
            return
        path, _, query = h.path.partition("?")
        body = self.body(h)
        if b"\nwant " in body or b"want " in body[:16]:
            self.fetched.append(time.monotonic())
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1",
               "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": h.command, "REMOTE_USER": GIT_USER,
               "CONTENT_TYPE": h.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
               "HTTP_CONTENT_ENCODING": h.headers.get("Content-Encoding", ""),
               "GIT_PROTOCOL": h.headers.get("Git-Protocol", ""), "GIT_CONFIG_COUNT": "1",
               "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        out = subprocess.run(["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE, check=False).stdout
        head, _, data = out.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        h.send_response(int(fields.pop("Status", "200").split()[0]))
        for key, value in fields.items():
            h.send_header(key, value)
        h.send_header("Content-Length", str(len(data)))
        h.end_headers()
        h.wfile.write(data)

    @staticmethod
    def body(h):
        if h.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(h.rfile.readline().split(b";")[0], 16):
                parts.append(h.rfile.read(size))
                h.rfile.readline()
            h.rfile.readline()
            return b"".join(parts)
        return h.rfile.read(int(h.headers.get("Content-Length") or 0))

    def commit(self, files, message):
        """Writes files (None: removed), commits, pushes. Returns the id."""
        for name, text in files.items():
            path = self.work / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        run("git", "-C", self.work, "add", "-A")
        run("git", "-C", self.work, "commit", "-q", "--allow-empty", "-m", message)
        run("git", "-C", self.work, "push", "-q", "origin", "main")
        return run("git", "-C", self.work, "rev-parse", "HEAD").strip()


class Registry:
    """Debian's docker-registry over HTTPS, with what `images` pushed into its directory."""

    def __init__(self, where, authority, port=None):
        self.where, self.authority, self.port, self.child = where, authority, port or free_port(), None
        self.name = f"registry.{ZONE}:{self.port}"

    def start(self):
        tree = engine_tree()
        config = {"version": 0.1, "log": {"level": "error"},
                  "storage": {"filesystem": {"rootdirectory": str(self.where)}},
                  "auth": {"htpasswd": {"realm": "proof", "path": str(self.where / "htpasswd")}},
                  "http": {"addr": f"127.0.0.1:{self.port}",
                           "tls": {"certificate": str(self.authority.cert), "key": str(self.authority.key)}}}
        path = self.where / "config.json"
        path.write_text(json.dumps(config))
        (self.where / "htpasswd").write_text(f"{REGISTRY_USER}:{bcrypt(REGISTRY_PASSWORD)}\n")
        self.child = subprocess.Popen([tree / "usr/bin/docker-registry", "serve", path], stdin=subprocess.DEVNULL,
                                      stdout=open(self.where / "log", "ab"), stderr=subprocess.STDOUT,
                                      preexec_fn=die_with_parent)
        if not wait_for(lambda: can_connect(self.port), 120):
            raise RuntimeError("docker-registry does not listen: " + (self.where / "log").read_text())

    def stop(self):
        if self.child:
            self.child.kill()
            self.child.wait()
            self.child = None


class TimeServer:
    """NTP as far as a client that trusts it needs it: the time of this machine."""

    def __init__(self, port=123):
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                data, sock = self.request
                if len(data) < 48:
                    return
                now = time.time() + NTP_EPOCH
                stamp = struct.pack("!II", int(now), int(now % 1 * 2 ** 32))
                head = struct.pack("!BBbbII4s", 0x24, 1, data[2] & 0x7f, -20, 0, 0, b"TEST")
                sock.sendto(head + stamp + data[40:48] + stamp + stamp, self.client_address)

        self.server = socketserver.ThreadingUDPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def can_connect(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Sink:
    """What was posted to it: the web hook and the dead man's switch."""

    def __init__(self, tls, port=0):
        self.got, self.status, self.signed = [], 200, set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.got.append((self.command, self.path, data.decode(errors="replace")))
                outer.signed.add((self.path, self.headers.get("Authorization")))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            do_GET = do_PUT = do_HEAD = do_POST

        self.server = https(Handler, tls, port)
        self.port = self.server.server_address[1]


class MailSink:
    """SMTP with STARTTLS and AUTH PLAIN/LOGIN; keeps each message as (from, to, text)."""

    def __init__(self, tls, user=None, password=None, port=0):
        self.mails, self.tls, self.login, self.refuse = [], tls, (user, password), ()
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                outer.talk(self)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def talk(self, h):
        secure, known, sender, to = False, not self.login[0], "", []

        def say(text):
            h.wfile.write(text.encode() + b"\r\n")
            h.wfile.flush()

        def hear():
            return h.rfile.readline().decode(errors="replace").strip()

        say("220 mail.proof.test ESMTP")
        while line := hear():
            verb = line.split()[0].upper()
            if verb in ("EHLO", "HELO"):
                say("250-mail.proof.test\r\n" + ("" if secure else "250-STARTTLS\r\n") +
                    "250-AUTH PLAIN LOGIN\r\n250 8BITMIME")
            elif verb == "STARTTLS":
                say("220 go on")
                h.connection = self.tls.wrap_socket(h.connection, server_side=True)
                h.rfile, h.wfile, secure = h.connection.makefile("rb"), h.connection.makefile("wb"), True
            elif verb == "AUTH":
                words = line.split()
                if words[1].upper() == "PLAIN":
                    if len(words) < 3:
                        say("334 ")
                        words.append(hear())
                    parts = base64.b64decode(words[2]).decode().split("\0")[1:]
                else:
                    say("334 VXNlcm5hbWU6")
                    user = base64.b64decode(hear()).decode()
                    say("334 UGFzc3dvcmQ6")
                    parts = [user, base64.b64decode(hear()).decode()]
                known = secure and tuple(parts) == self.login
                say("235 welcome" if known else "535 no")
            elif verb == "MAIL":
                sender = line
                say("250 ok" if known else "530 log in first")
            elif verb == "RCPT":
                who = re.sub(r".*<(.*)>.*", r"\1", line)
                to += [who] if who not in self.refuse else []
                say("550 no such mailbox" if who in self.refuse else "250 ok")
            elif verb == "DATA":
                say("354 go on")
                lines = []
                while (text := h.rfile.readline().decode(errors="replace").rstrip("\r\n")) != ".":
                    lines.append(text)
                self.mails.append((sender, to, "\n".join(lines)))
                to = []
                say("250 kept")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


# Health checks are a process in a container each: seconds of a guest without KVM.
COMPOSE = """\
services:
  proxy:
    image: %(registry)s/proxy:1
    ports: ["0.0.0.0:80:8000"]
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
    restart: unless-stopped
    depends_on: [api]
  api:
    image: %(image)s
    environment:
      VERSION: "%(version)s"
      BREAK: "%(broken)s"
      DRAIN: /tmp/drain
      DATABASE_URL: ${DATABASE_URL}
    labels: {kbuild.drain: /tmp/drain}
    healthcheck: {test: ["CMD", "/api", "check"], interval: 8s, timeout: 10s, retries: 2, start_period: 20s}
    restart: unless-stopped
%(more)s  db:
    image: %(registry)s/postgres:1
    container_name: proof-postgres
    environment:
      POSTGRES_DB: proof
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}
    volumes: ["data:/var/lib/postgresql/data", "files:/files"]
    healthcheck:
      {test: ["CMD", "pg_isready", "-U", "postgres", "-h", "127.0.0.1"], interval: 20s, timeout: 20s, retries: 5,
       start_period: 120s}
    restart: unless-stopped
volumes:
  data: {}
  files: {}
"""

# nginx, not haproxy: that one wants cmpxchg16b, which guests without KVM have not here.
NGINX = """\
daemon off;
worker_processes 1;
error_log /dev/stderr;
pid /tmp/nginx.pid;
events {}
http {
  access_log off;
  resolver 127.0.0.11 valid=1s ipv6=off;
  server {
    listen 8000;
    location / {
      set $api api;
      proxy_pass http://$api:8080$request_uri;
      proxy_connect_timeout 2s;
      proxy_next_upstream error timeout http_503;
      proxy_next_upstream_tries 6;
    }
  }
}
"""


def nginx_tree():
    return slim_tree(debian_tree(["nginx-light"], variant="minbase"),
                     ["usr/sbin/nginx", "var/log/nginx", "var/lib/nginx", "run"])


def prepare_trees():
    """What needs the network, once."""
    engine_tree()
    nginx_tree()
    postgres_tree()


class World:
    """All of it. images() is slow once (trees of packages are made and kept in the cache)."""

    def __init__(self, where, dns_port=53):
        self.where = Path(where)
        for part in ("tls", "git", "registry"):
            (self.where / part).mkdir(parents=True, exist_ok=True)
        self.authority = Authority(self.where / "tls")
        tls = self.authority.context()
        self.git = GitServer(self.where / "git", tls)
        self.registry = Registry(self.where / "registry", self.authority)
        self.hook = Sink(tls)
        self.mail = MailSink(tls, "alerts", "pAssword-of-the-mail-0815")
        self.clock = TimeServer()
        self.dns_port = dns_port
        self.ovh = None

    def start(self):
        """What needs the network namespace of the guests."""
        self.registry.start()
        a = self.authority
        self.ovh_port = free_port()
        child = subprocess.Popen(
            [sys.executable, HERE.parent / "cloud/ovh_double.py", "--zone", ZONE, "--tls", a.cert, a.key, "--port",
             str(self.ovh_port), "--dns-port", str(self.dns_port), "--url", f"https://ovh.{ZONE}:{self.ovh_port}"],
            stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        self.ovh_child = child
        self.ovh = json.loads(child.stdout.readline())

    def stop(self):
        self.registry.stop()
        if self.ovh:
            self.ovh_child.kill()
            self.ovh_child.wait()

    def turn(self, what, data):
        """Turns something of OVH's double, as told in tests/cloud/double/control.py."""
        request = urllib.request.Request(f"https://127.0.0.1:{self.ovh_port}/_double/{what}", method="POST",
                                         data=json.dumps(data).encode())
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=self.authority.ca)) as reply:
            return json.load(reply)

    def log(self):
        """The calls that the double was asked."""
        with urllib.request.urlopen(f"https://127.0.0.1:{self.ovh_port}/_double/log",
                                    context=ssl.create_default_context(cafile=self.authority.ca)) as reply:
            return json.load(reply)

    def hosts(self):
        return "".join(f"{GUEST_SEES} {h}.{ZONE}\n" for h in HOSTS)

    def images(self):
        """Makes the application's images with an engine of the test's own and pushes them to the registry."""
        scratch = self.where / "api"
        run("cc", "-O2", "-static", "-o", scratch, HERE / "app/api.c")
        with DockerLab() as lab:
            port = 5000
            name, child = lab.registry(port)
            lab.make_image(f"{name}/api:1", files={"/api": ("exec", scratch.read_bytes()), "/tmp/.keep": ""},
                           cmd=["/api"])
            lab.make_image(f"{name}/proxy:1", tree=nginx_tree(), cmd=["/usr/sbin/nginx"])
            lab.postgres_image(f"{name}/postgres:1")
            for image in ("api", "proxy", "postgres"):
                lab.docker("push", f"{name}/{image}:1")
            child.terminate()
            child.wait()
            shutil.copytree(lab.scratch / f"registry-{port}/data", self.where / "registry", dirs_exist_ok=True)

    def compose(self, version, broken="", image=None, more=""):
        return COMPOSE % {"registry": self.registry.name, "version": version, "broken": broken,
                          "image": image or f"{self.registry.name}/api:1", "more": more}

    def commit(self, version, message=None, **more):
        files = {"compose.yaml": self.compose(version, **more), "nginx.conf": NGINX}
        return self.git.commit(files, message or f"version {version}")


if __name__ == "__main__":
    import tempfile
    with tempfile.TemporaryDirectory(prefix="kbuild-world-") as d:
        start = time.monotonic()
        w = World(d, dns_port=0)
        w.images()
        print("images", round(time.monotonic() - start, 1), run("du", "-sh", w.where / "registry"))
        w.start()
        print(w.commit("1"))
        print(w.ovh)
        w.stop()
