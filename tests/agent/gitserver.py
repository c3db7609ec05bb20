"""Real git servers on loopback for tests: git-http-backend behind TLS of our own CA, and sshd.

Both serve the bare repositories below one directory. The HTTPS one can be told to misbehave:
server.mode is "" or one of slow, cut, error, redirect; server.token asks for a password.
"""
import base64
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from kbtest import listening  # noqa: E402


def run(*argv, **kw):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw).stdout


def make_ca(where):
    """A CA and a certificate for localhost by it; returns (ca, certificate, key)."""
    os.makedirs(where, exist_ok=True)
    ca, ca_key = os.path.join(where, "ca.pem"), os.path.join(where, "ca.key")
    cert, key, csr = (os.path.join(where, n) for n in ("cert.pem", "key.pem", "csr.pem"))
    ext = os.path.join(where, "ext")
    with open(ext, "w") as f:
        f.write("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run("openssl", "req", "-x509", *new, "-keyout", ca_key, "-out", ca, "-days", "30", "-subj", "/CN=test CA")
    run("openssl", "req", *new, "-keyout", key, "-out", csr, "-subj", "/CN=localhost")
    run("openssl", "x509", "-req", "-in", csr, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "30",
        "-extfile", ext, "-out", cert)
    return ca, cert, key


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            out = b""
            while True:
                n = int(self.rfile.readline().split(b";")[0], 16)
                out += self.rfile.read(n)
                self.rfile.readline()
                if n == 0:
                    return out
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def handle_git(self):
        s = self.server
        path, _, query = self.path.partition("?")
        body = self.body()
        s.requests.append(self.command + " " + self.path)
        if s.mode == "slow":
            s.stop.wait(60)
        if s.mode == "error":
            return self.answer(503, [], b"later")
        if s.mode == "redirect":
            return self.answer(301, [("Location", "https://127.0.0.1:%d%s" % (s.server_port, self.path))], b"")
        if s.token is not None:
            want = "Basic " + base64.b64encode(s.token.encode()).decode()
            if self.headers.get("Authorization") != want:
                return self.answer(401, [("WWW-Authenticate", 'Basic realm="git"')], b"no")
        env = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": s.root, "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": s.gitconfig,
            "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_USER": "test", "REMOTE_ADDR": "127.0.0.1",
        }
        out = subprocess.run(["/usr/lib/git-core/git-http-backend"], input=body, env=env, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL).stdout
        head, _, data = out.partition(b"\r\n\r\n")
        status, headers = 200, []
        for line in head.decode().split("\r\n"):
            name, _, value = line.partition(": ")
            if name.lower() == "status":
                status = int(value.split()[0])
            elif name:
                headers.append((name, value))
        if s.mode == "cut" and len(data) > 2000:
            # Says all of it, gives half of it.
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:len(data) // 2])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return None
        if s.mode == "drip" and len(data) > 2000:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            for at in range(0, len(data), 1 + len(data) // 50):
                self.wfile.write(data[at:at + 1 + len(data) // 50])
                self.wfile.flush()
                if s.stop.wait(0.05):
                    return None
            return None
        return self.answer(status, headers, data)

    do_GET = do_POST = handle_git


class HttpsServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, root, cert, key, gitconfig):
        super().__init__(("127.0.0.1", 0), Handler)
        self.root, self.gitconfig = root, gitconfig
        self.mode, self.token, self.requests = "", None, []
        self.stop = threading.Event()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(cert, key)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def finish_request(self, request, client_address):
        try:
            request.settimeout(60)
            request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.tls.wrap_socket(request, server_side=True) as tls:
                super().finish_request(tls, client_address)
        except OSError:
            pass

    def handle_error(self, request, client_address):
        pass

    def url(self, name):
        return "https://localhost:%d/%s" % (self.server_port, name)

    def close(self):
        self.stop.set()
        self.shutdown()
        self.server_close()


class SshServer:
    """OpenSSH's sshd with keys of its own; the repositories are reached by their absolute paths."""

    def __init__(self, where):
        self.where = where
        os.makedirs(where, exist_ok=True)
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.host_key, self.user_key, self.other_key = (os.path.join(where, n) for n in ("host", "user", "other"))
        for key in (self.host_key, self.user_key, self.other_key):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key)
        shutil.copy(self.user_key + ".pub", os.path.join(where, "authorized"))
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        conf = os.path.join(where, "sshd_config")
        with open(conf, "w") as f:
            f.write("\n".join((
                "ListenAddress 127.0.0.1", "Port %d" % self.port, "HostKey " + self.host_key, "UsePAM no",
                "PermitRootLogin prohibit-password", "PasswordAuthentication no", "StrictModes no",
                "AuthorizedKeysFile " + os.path.join(where, "authorized"), "PidFile none", "PrintMotd no",
                "UseDNS no",
                # A forge has no shell that reads a .bashrc; with this, bash thinks it is not the first one.
                "SetEnv SHLVL=2", "MaxStartups 100", "PerSourceMaxStartups none", "")))
        self.log = open(os.path.join(where, "log"), "wb")
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", conf], stderr=self.log,
                                        stdin=subprocess.DEVNULL)
        if not listening(self.process, self.port):
            raise RuntimeError("sshd does not listen")

    def url(self, path):
        return "ssh://root@localhost:%d%s" % (self.port, path)

    def known_host(self):
        with open(self.host_key + ".pub") as f:
            kind, key = f.read().split()[:2]
        return "[localhost]:%d %s %s" % (self.port, kind, key)

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


class Lab:
    """One repository behind both servers, a place to commit from, and the agent's directories."""

    def __init__(self, where):
        self.where = where
        os.makedirs(where, exist_ok=True)
        gitconfig = os.path.join(where, "gitconfig")
        with open(gitconfig, "w") as f:
            f.write("[user]\nname=Tester\nemail=tester@example.com\n[safe]\ndirectory=*\n[init]\ndefaultBranch=main\n"
                    "[uploadpack]\nallowAnySHA1InWant=false\n[gc]\nauto=0\n[receive]\ndenyDeleteCurrent=ignore\n"
                    "[http]\nreceivepack=false\n")
        self.git_env = dict(os.environ, GIT_CONFIG_GLOBAL=gitconfig, GIT_CONFIG_NOSYSTEM="1", LC_ALL="C.UTF-8")
        self.repos, self.work = os.path.join(where, "repos"), os.path.join(where, "work")
        self.bare = os.path.join(self.repos, "app.git")
        run("git", "init", "-q", "--bare", self.bare, env=self.git_env)
        run("git", "init", "-q", self.work, env=self.git_env)
        self.git("remote", "add", "origin", self.bare)
        self.ca, cert, key = make_ca(os.path.join(where, "ca"))
        self.https = HttpsServer(self.repos, cert, key, gitconfig)
        self.ssh = SshServer(os.path.join(where, "ssh"))
        self.known_hosts = os.path.join(where, "known_hosts")
        with open(self.known_hosts, "w") as f:
            f.write(self.ssh.known_host() + "\n")
        # As on a server: git has one bundle of all authorities, the agent looks in a directory; and ours.
        bundle = os.path.join(where, "bundle.pem")
        with open(bundle, "wb") as out:
            for name in (self.ca, "/etc/ssl/certs/ca-certificates.crt"):
                if os.path.exists(name):
                    with open(name, "rb") as f:
                        out.write(f.read())
        self.git_env["GIT_SSL_CAINFO"] = bundle
        self.git_env["GIT_SSH_COMMAND"] = "ssh -F none -i %s -o IdentitiesOnly=yes -o UserKnownHostsFile=%s" % (
            self.ssh.user_key, self.known_hosts)
        self.credentials, self.config = os.path.join(where, "credentials"), os.path.join(where, "agent.yaml")
        self.state = os.path.join(where, "state")
        os.makedirs(self.credentials)
        os.makedirs(self.state)
        self.env = dict(os.environ, SSL_CERT_FILE=self.ca, CREDENTIALS_DIRECTORY=self.credentials)

    def git(self, *args, **kw):
        return run("git", "-C", self.work, *args, env=self.git_env, **kw).decode().strip()

    def url(self, kind):
        return self.https.url("app.git") if kind == "https" else self.ssh.url(self.bare)

    def configure(self, kind="https", credential=None, **app):
        """Writes agent.yaml and the credential, the right one unless another is given."""
        app = {"repository": self.url(kind), "branch": "main", "known_hosts": [self.ssh.known_host()], **app}
        with open(self.config, "w") as f:
            json.dump({"name": "demo", "app": app}, f)
        if credential is None:
            with open(self.ssh.user_key) as f:
                credential = {"key": f.read()} if kind == "ssh" else {}
        with open(os.path.join(self.credentials, "git"), "w") as f:
            json.dump(credential, f)

    def commit(self, files=None, message="a change", push=True, options=()):
        """Writes files (None as content removes), commits, pushes; the new revision."""
        for name, content in (files or {}).items():
            path = os.path.join(self.work, name)
            if content is None:
                os.unlink(path)
                continue
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message, *options)
        if push:
            self.push()
        return self.tip()

    def push(self, what="HEAD"):
        self.git("push", "-q", "--force", "origin", what + ":refs/heads/main")

    def tip(self):
        return self.git("rev-parse", "HEAD")

    def close(self):
        self.https.close()
        self.ssh.close()
