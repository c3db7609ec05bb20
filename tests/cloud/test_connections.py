#!/usr/bin/env python3
"""
Connections of the session (os_tool), against a server on loopback that closes them as it likes: what may be made
again is, what may not is never sent twice, not even by libcurl on its own. And certificates: a file of one's own.
"""
import json
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from kbtest import Tap  # noqa: E402

TOOL = os.environ["OS_TOOL"]
SCRATCH = Path(tempfile.mkdtemp(prefix="kbuild-connections-"))
tap = Tap()


class Server:
    """One thread a connection. seen counts requests, first those that were the first on their connection."""

    def __init__(self, context=None, abrupt=True):
        self.abrupt = abrupt
        self.context, self.seen, self.first, self.connections = context, Counter(), Counter(), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http{'s' if context else ''}://localhost:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            requests = 0
            while self.answer(connection, requests):
                requests += 1
            # As uWSGI does it: without having said so, and without looking whether more has come.
            if self.abrupt:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        except OSError:
            pass

    @staticmethod
    def request(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        while length and len(body) < int(length[1]):
            body += connection.recv(65536)
        return " ".join(head.decode().split(" ")[:2])

    def answer(self, connection, earlier):
        """Reads one request; false: the connection is over."""
        what = self.request(connection)
        if what is None:
            return False
        self.seen[what] += 1
        self.first[what] += earlier == 0
        body, extra = b'{"ok": 1}', ""
        if what == "POST /v3/auth/tokens":
            extra, body = "X-Subject-Token: tok\r\n", self.token()
        if what.endswith("/silent") or (what.endswith("/once") and self.seen[what] == 1):
            return False
        head = f"HTTP/1.1 200 OK\r\n{extra}Content-Type: application/json\r\n"
        if not what.endswith("/unframed"):
            head += f"Content-Length: {len(body)}\r\n"
        connection.sendall(head.encode() + b"\r\n" + body)
        if what.endswith("/harsh"):
            time.sleep(0.02)  # so that what comes next finds a connection that seems to be there
        return not what.endswith(("/harsh", "/unframed"))

    def token(self):
        endpoint = {"interface": "public", "region_id": "R", "url": self.url}
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        then = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        return json.dumps({"token": {"project": {"id": "p"}, "issued_at": now, "expires_at": then,
                                     "catalog": [{"type": "image", "endpoints": [endpoint]}]}}).encode()


def run(server, *lines, **env):
    """[(code, text)] of each line."""
    shutil.rmtree(SCRATCH / "cache", ignore_errors=True)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
    clean.update(OS_AUTH_URL=server.url, OS_USERNAME="u", OS_PASSWORD="w", OS_PROJECT_ID="p", HOME=str(SCRATCH), **env)
    done = subprocess.run([TOOL, SCRATCH / "cache"], input="\n".join(lines) + "\n", env=clean, text=True, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return [(int(code), text) for code, _, text in (line.partition(" ") for line in done.stdout.splitlines())]


def connections():
    server = Server()
    got = run(server, *["call image - GET /kept"] * 10)
    tap.check(len(got) == 10 and all(code == 0 for code, _ in got) and server.connections <= 2,
              "connections are kept", f"{server.connections} {got}")

    server = Server()
    got = run(server, *["call image - GET /harsh", "call image - POST /made {}", "call image - PUT /put {}"] * 15)
    tap.check(len(got) == 45 and all(code == 0 for code, _ in got), "closed unannounced, and no call fails", got)
    tap.equal(server.seen["POST /v2/made"], 15, "each POST came once")
    tap.check(server.seen["PUT /v2/put"] >= 15, "PUTs are made again", server.seen)

    # On a kept connection libcurl would send one without a body again, by itself.
    for body in ("", " {}"):
        server = Server()
        got = run(server, "call image - GET /kept", f"call image - POST /silent{body}", "call image - GET /kept",
                  f"call image - POST /kept{body}")
        what = "a body" if body else "no body"
        tap.equal([code for code, _ in got], [0, 3, 0, 0], f"{what}: a POST without an answer is not sure")
        tap.equal(server.seen["POST /v2/silent"], 1, f"{what}: and was sent once")
        tap.equal(server.first["POST /v2/kept"], 1, f"{what}: on a connection of its own")

    server = Server()
    got = run(server, "call image - GET /kept", "call image - GET /once", "call image - DELETE /once")
    tap.check([code for code, _ in got] == [0, 0, 0] and server.seen["GET /v2/once"] == 2,
              "GET and DELETE without an answer are made again", f"{got} {server.seen}")

    server = Server(abrupt=False)
    got = run(server, *["call image - GET /unframed"] * 5)
    tap.check(len(got) == 5 and all(text == '{"ok": 1}' for _, text in got), "the end of a connection is an end", got)


def certificates():
    for name in ("own", "other"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                        "-addext", "subjectAltName=DNS:localhost", "-keyout", SCRATCH / f"{name}.key", "-out",
                        SCRATCH / f"{name}.pem"], check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SCRATCH / "own.pem", SCRATCH / "own.key")
    server = Server(context)
    ask = "call image - GET /kept"

    got = run(server, ask, ask, OS_CACERT=str(SCRATCH / "own.pem"))
    tap.equal(got, [(0, '{"ok": 1}')] * 2, "a file of certificates is trusted")
    for name, env in (("without it", {}), ("another's", {"OS_CACERT": str(SCRATCH / "other.pem")})):
        before = server.connections
        got = run(server, ask, **env)
        tap.check(got[0][0] == -5 and "certificate" in got[0][1] and server.connections == before + 1,
                  f"{name}: refused, and not tried again", f"{server.connections - before} {got}")
    got = run(server, ask, OS_CACERT=str(SCRATCH / "none.pem"))
    tap.check(got[0][0] == -3 and "none.pem" in got[0][1], "a file that is not there is named", got)


try:
    connections()
    certificates()
finally:
    shutil.rmtree(SCRATCH, ignore_errors=True)
sys.exit(tap.done())
