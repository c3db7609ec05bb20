#!/usr/bin/env python3
"""
As much of a certificate authority (ACME, RFC 8555) as lego needs to prove a name by DNS-01: it really
asks the name server for the TXT record, and really signs. It does not check the client's signatures:
what is tested is who writes the record. Python's standard library and openssl.

    acme_double.py DIRECTORY-WITH-CA DNS-HOST:PORT CERT KEY      prints its directory URL
"""
import base64
import hashlib
import json
import signal
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from double import nameserver  # noqa: E402


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authority:
    def __init__(self, directory, dns):
        self.directory = Path(directory)
        self.host, _, port = dns.rpartition(":")
        self.port = int(port)
        self.thumbprints = {}  # account URL -> thumbprint
        self.names, self.valid, self.token = [], False, "the-only-token-0123456789"
        self.certificate = None

    def thumbprint(self, jwk):
        wanted = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}[jwk["kty"]]
        text = json.dumps({k: jwk[k] for k in wanted}, separators=(",", ":"), sort_keys=True)
        return b64(hashlib.sha256(text.encode()).digest())

    def prove(self, account):
        """The challenge: is the record served, and is it this account's?"""
        digest = hashlib.sha256(f"{self.token}.{self.thumbprints[account]}".encode()).digest()
        name = "_acme-challenge." + self.names[0]
        texts = nameserver.ask(self.host, self.port, name, "TXT")[1]
        self.valid = b64(digest) in texts
        print(f"asked for {name}: {texts}: {'right' if self.valid else 'wrong'}", flush=True)

    def sign(self, csr):
        d = self.directory
        (d / "lego.csr").write_bytes(csr)
        (d / "lego.ext").write_text("subjectAltName=" + ",".join("DNS:" + n for n in self.names))
        subprocess.run(["openssl", "x509", "-req", "-inform", "DER", "-in", "lego.csr", "-CA", "ca.pem",
                        "-CAkey", "ca.key", "-set_serial", "77", "-days", "30", "-extfile", "lego.ext",
                        "-out", "lego.pem"], cwd=d, check=True, stderr=subprocess.DEVNULL)
        self.certificate = (d / "lego.pem").read_text() + (d / "ca.pem").read_text()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def send(self, status, body=b"", location=None, kind="application/json"):
        self.send_response(status)
        if not isinstance(body, bytes):
            body = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_header("Replay-Nonce", b64(hashlib.sha256(str(id(self)).encode()).digest()))
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.send(200)

    def do_GET(self):
        url = self.server.url
        self.send(200, {"newNonce": url + "/nonce", "newAccount": url + "/account",
                        "newOrder": url + "/order", "revokeCert": url + "/revoke",
                        "keyChange": url + "/key"})

    def order(self):
        a, url = self.server.authority, self.server.url
        return {"status": "valid" if a.certificate else "ready" if a.valid else "pending",
                "identifiers": [{"type": "dns", "value": n} for n in a.names],
                "authorizations": [url + "/authz"], "finalize": url + "/finalize",
                **({"certificate": url + "/cert"} if a.certificate else {})}

    def challenge(self):
        a, url = self.server.authority, self.server.url
        return {"type": "dns-01", "url": url + "/challenge", "token": a.token,
                "status": "valid" if a.valid else "pending"}

    def do_POST(self):
        a, url = self.server.authority, self.server.url
        jws = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        head = json.loads(unb64(jws["protected"]))
        payload = json.loads(unb64(jws["payload"]) or b"null")
        if self.path == "/account":
            a.thumbprints[url + "/account/1"] = a.thumbprint(head["jwk"])
            self.send(201, {"status": "valid"}, url + "/account/1")
        elif self.path == "/order":
            a.names = [i["value"] for i in payload["identifiers"]]
            self.send(201, self.order(), url + "/order/1")
        elif self.path == "/order/1":
            self.send(200, self.order(), url + "/order/1")
        elif self.path == "/authz":
            self.send(200, {"status": "valid" if a.valid else "pending",
                            "identifier": {"type": "dns", "value": a.names[0]},
                            "challenges": [self.challenge()]})
        elif self.path == "/challenge":
            if payload is not None:
                a.prove(head["kid"])
            self.send(200, self.challenge())
        elif self.path == "/finalize":
            a.sign(unb64(payload["csr"]))
            self.send(200, self.order(), url + "/order/1")
        elif self.path == "/cert":
            self.send(200, a.certificate, kind="application/pem-certificate-chain")
        else:
            self.send(404, {"type": "about:blank", "detail": self.path})


def main():
    directory, dns, cert, key = sys.argv[1:]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.authority = Authority(directory, dns)
    server.url = f"https://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.url + "/directory", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
