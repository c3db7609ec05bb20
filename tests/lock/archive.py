"""Small signed archives in Debian's and Ubuntu's shape, and a server that can misbehave.

Only indexes: locking never opens a package.
"""
import datetime
import hashlib
import http.server
import lzma
import os
import pathlib
import subprocess
import threading
import time


class Key:
    """An OpenPGP key of its own home; at: the time (UTC) that gpg believes it is."""

    def __init__(self, home, name, expire="0", at=None):
        self.home = pathlib.Path(home) / name
        self.at = at
        self.home.mkdir(mode=0o700, parents=True)
        self.gpg("--quick-generate-key", f"{name} <{name}@example.org>", "ed25519", "sign", expire)
        out = self.gpg("--list-keys", "--with-colons").stdout.decode()
        self.fingerprint = next(l.split(":")[9] for l in out.splitlines() if l.startswith("fpr"))
        self.keyring = self.home / "keyring.gpg"
        self.export()
        self.armored = self.gpg("--armor", "--export").stdout.decode()

    def gpg(self, *args, data=None):
        faked = ["--faked-system-time", self.at.strftime("%Y%m%dT%H%M%S")] if self.at else []
        return subprocess.run(["gpg", "--batch", "--quiet", "--homedir", self.home, "--pinentry-mode",
                               "loopback", "--passphrase", "", *faked, *args], input=data, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def export(self):
        self.keyring.write_bytes(self.gpg("--export").stdout)

    def close(self):
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], check=False)


def package(name, version="1", depends="", arch="amd64", **fields):
    """One stanza as text; the file it names does not exist."""
    text = f"{name}_{version}_{arch}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    lines = [f"Package: {name}", f"Version: {version}", f"Architecture: {arch}"]
    if depends:
        lines.append(f"Depends: {depends}")
    lines += [f"{k.replace('_', '-')}: {v}" for k, v in fields.items()]
    file_version = version.split(":")[-1]
    lines += [f"Filename: pool/main/{name[0]}/{name}/{name}_{file_version}_{arch}.deb",
              f"Size: {1000 + len(text)}", f"SHA256: {digest}", "Description: a test", ""]
    return "\n".join(lines)


BASE = [
    package("base-files", "13", Essential="yes", Priority="required"),
    package("bash", "5", "libc6 (>= 2)", Essential="yes", Priority="required"),
    package("libc6", "2.41", Priority="optional"),
    package("dpkg", "1.22", "libc6", Essential="yes", Priority="required"),
    package("apt", "3.0", "libc6, gpgv | gpgv2", Priority="required"),
    package("gpgv", "2.4", "libc6", Priority="optional"),
    package("mawk", "1.3", "libc6", Priority="required", Provides="awk"),
]


class Archive:
    def __init__(self, root, key, origin="Debian"):
        self.root, self.key, self.origin = pathlib.Path(root), key, origin

    def suite(self, base, codename, stanzas, suite=None, date=None, valid_days=None, key=None,
              components=("main",), tamper=None):
        """Writes BASE/dists/CODENAME. tamper(text of InRelease) may spoil it."""
        date = date or datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
        form = "%a, %d %b %Y %H:%M:%S UTC"
        top = self.root / base / "dists" / codename
        release = [f"Origin: {self.origin}", f"Label: {self.origin}", f"Suite: {suite or codename}",
                   f"Codename: {codename}", f"Date: {date.strftime(form)}",
                   "Acquire-By-Hash: yes", "Architectures: amd64",
                   f"Components: {' '.join(components)}"]
        if valid_days is not None:
            until = date + datetime.timedelta(days=valid_days)
            release.append(f"Valid-Until: {until.strftime(form)}")
        release.append("SHA256:")
        for component in components:
            plain = "".join(f"{s}\n" for s in stanzas).encode() if component == components[0] else b""
            for suffix, data in (("", plain), (".xz", lzma.compress(plain))):
                name = f"{component}/binary-amd64/Packages{suffix}"
                digest = hashlib.sha256(data).hexdigest()
                release.append(f" {digest} {len(data)} {name}")
                by_hash = (top / name).parent / "by-hash" / "SHA256" / digest
                by_hash.parent.mkdir(parents=True, exist_ok=True)
                by_hash.write_bytes(data)
                (top / name).write_bytes(data)
        text = ("\n".join(release) + "\n").encode()
        signer = self.key if key is None else key
        signed = signer.gpg("--clearsign", data=text).stdout if signer is not False else text
        (top / "InRelease").write_bytes(tamper(signed) if tamper else signed)

    def debian(self, release=(), updates=(), security=(), name="trixie", **more):
        self.suite("debian", name, [*BASE, *release], suite="stable", **more)
        self.suite("debian", f"{name}-updates", list(updates), suite="stable-updates", **more)
        self.suite("debian-security", f"{name}-security", list(security), suite="stable-security",
                   **more)

    def ubuntu(self, release=(), updates=(), security=(), name="noble", **more):
        for pocket, stanzas in (("", [*BASE, *release]), ("-updates", list(updates)),
                                ("-security", list(security))):
            self.suite("ubuntu", name + pocket, stanzas, components=("main", "universe"), **more)


class Server:
    """Serves a directory. faults maps a part of a path to what goes wrong there."""

    def __init__(self, root):
        self.root, self.faults, self.requests = pathlib.Path(root), {}, []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                path = self.path
                if path.startswith("http://"):  # we are asked as a proxy
                    path = "/" + path.split("/", 3)[3]
                server.requests.append(self.path)
                fault = next((f for part, f in server.faults.items() if part in path), None)
                try:
                    server.answer(self, path, fault)
                except (BrokenPipeError, ConnectionResetError):
                    pass

        class Http(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                """A client that went away is what some tests are about."""

        self.http = Http(("127.0.0.1", 0), Handler)
        self.port = self.http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def send(self, h, status, data, length=None, kind="application/octet-stream"):
        h.send_response(status)
        h.send_header("Content-Type", kind)
        h.send_header("Content-Length", str(len(data) if length is None else length))
        h.end_headers()
        h.wfile.write(data)

    def answer(self, h, path, fault):
        file = self.root / path.lstrip("/")
        if fault in (404, 500):
            return self.send(h, fault, b"no", kind="text/plain")
        if fault == "html":
            return self.send(h, 200, b"<html><body>Please log in</body></html>", kind="text/html")
        if fault == "stall":
            h.send_response(200)
            h.send_header("Content-Length", "100000")
            h.end_headers()
            h.wfile.flush()
            time.sleep(600)
            return None
        if not file.is_file() or os.path.relpath(file, self.root).startswith(".."):
            return self.send(h, 404, b"no such file", kind="text/plain")
        data = file.read_bytes()
        if fault == "close":  # half of it, then the end of the connection
            self.send(h, 200, data[:len(data) // 2], length=len(data))
            h.close_connection = True
            return None
        if fault == "truncate":
            data = data[:len(data) // 2]
        if fault == "flip":
            data = data[:50] + bytes([data[50] ^ 1]) + data[51:]
        return self.send(h, 200, data)
