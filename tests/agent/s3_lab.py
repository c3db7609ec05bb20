"""A real S3 server (npm's s3rver) and, before it, a proxy that checks every signature by itself, and that breaks
what it is told to break. s3rver takes one key only, which is its own name: the proxy has another one, and signs anew.
The two requests s3rver does not know (ListParts, Abort) are answered by the proxy from what it saw go by."""
import hashlib
import hmac
import http.client
import http.server
import os
import re
import socket
import subprocess
import threading
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from kbtest import free_port, listening
from npm import npm_package

ACCESS, SECRET, REGION = "access-key-of-the-bucket", "sEcret-of-the-bucket-0819", "gra"
S3RVER = "S3RVER"
AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request,"
                           r"SignedHeaders=([a-z0-9;-]+),Signature=([0-9a-f]{64})")


def signed(secret, method, raw_path, headers):
    """The signature of a request whose Authorization says of what it is one; from the description alone (no code of
    kbuild)."""
    _, day, region, names, _ = AUTHORIZATION.fullmatch(headers["authorization"]).groups()
    path, _, query = raw_path.partition("?")
    pairs = sorted((quote(k, safe="-._~"), quote(v, safe="-._~"))
                   for k, v in parse_qsl(query, keep_blank_values=True))
    canonical = "\n".join([
        method, quote(unquote(path), safe="/-._~"), "&".join(f"{k}={v}" for k, v in pairs),
        *[f"{n}:{' '.join(headers[n].split())}" for n in names.split(";")], "", names,
        headers.get("x-amz-content-sha256", "")])
    key = f"AWS4{secret}".encode()
    for word in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], f"{day}/{region}/s3/aws4_request",
                      hashlib.sha256(canonical.encode()).hexdigest()])
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def complaint(method, raw_path, headers):
    """What is wrong with the Authorization of a request, or nothing."""
    given = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not given:
        return "no authorization of version 4"
    access, day, region, names, wanted = given.groups()
    names = names.split(";")
    missing = [h for h in headers if h.startswith("x-amz-") and h not in names] + ["host"] * ("host" not in names)
    if missing or names != sorted(names):
        return f"not signed: {missing}"
    if access != ACCESS or region != REGION or not headers["x-amz-date"].startswith(day):
        return "another scope"
    return None if signed(SECRET, method, raw_path, headers) == wanted else "the signature is wrong"


def sign_anew(method, raw_path, headers):
    """The Authorization of the same request with s3rver's key."""
    _, day, region, names, _ = AUTHORIZATION.fullmatch(headers["authorization"]).groups()
    return (f"AWS4-HMAC-SHA256 Credential={S3RVER}/{day}/{region}/s3/aws4_request,SignedHeaders={names},"
            f"Signature={signed(S3RVER, method, raw_path, headers)}")


class Storage:
    """s3rver with one bucket, and the proxy before it: endpoint is the proxy's."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.port = free_port()
        node = subprocess.run(["node", "-p", "process.execPath"], capture_output=True, text=True, check=True)
        log = Path(f"{directory}.log")
        self.child = subprocess.Popen(
            [node.stdout.strip(), npm_package("s3rver", "3.7.1") / "bin/s3rver.js", "-d", self.directory, "-a", "127.0.0.1", "-p",
             str(self.port), "-s", "--no-vhost-buckets", "--configure-bucket", "backups"],
            stdout=open(log, "wb"), stderr=subprocess.STDOUT)
        if not listening(self.child, self.port):
            raise RuntimeError("s3rver does not listen: " + log.read_text())
        self.complaints = []     # of signatures and digests
        self.requests = []       # (method, path with query)
        self.faults = []         # functions (method, path, number) -> word or None
        self.uploads = {}        # id -> {number: (etag, size)}, of those that are neither ended nor aborted
        self.aborted = []
        self.lists_parts = True
        self.denies_delete = False
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.child.kill()
        self.child.wait()

    def puts(self):
        return [p for m, p in self.requests if m == "PUT"]

    def fault(self, method, path):
        for f in list(self.faults):
            word = f(method, path)
            if word:
                return word
        return None

    def handler(storage):  # pylint: disable=no-self-argument
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body=b"", headers=()):
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                        self.send_header(name, value)
                length = dict((n.lower(), v) for n, v in headers).get("content-length") \
                    if self.command == "HEAD" else None
                self.send_header("Content-Length", length or str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def error(self, status, code):
                self.answer(status, f"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>by the "
                            "test</Message></Error>".encode())

            def special(self, parts):
                """What s3rver cannot: True when it was answered."""
                upload = parts.get("uploadId")
                if self.command == "GET" and upload:
                    if not storage.lists_parts:
                        self.error(501, "NotImplemented")
                    elif upload not in storage.uploads:
                        self.error(404, "NoSuchUpload")
                    else:
                        rows = "".join(
                            f"<Part><PartNumber>{n}</PartNumber><ETag>{e.replace(chr(34), '&quot;')}</ETag>"
                            f"<Size>{s}</Size></Part>" for n, (e, s) in sorted(storage.uploads[upload].items()))
                        self.answer(200, f"<ListPartsResult>{rows}</ListPartsResult>".encode())
                    return True
                if self.command == "DELETE" and upload:
                    storage.aborted.append(upload)
                    storage.uploads.pop(upload, None)
                    self.answer(204)
                    return True
                if self.command == "DELETE" and storage.denies_delete:
                    self.error(403, "AccessDenied")
                    return True
                return False

            def forward(self, body, given):
                link = http.client.HTTPConnection("127.0.0.1", storage.port, timeout=60)
                headers = {k: v for k, v in given.items() if k not in ("connection", "expect")}
                headers["authorization"] = sign_anew(self.command, self.path, given)
                link.request(self.command, self.path, body=body or None, headers=headers)
                reply = link.getresponse()
                data = reply.read()
                link.close()
                return reply.status, data, reply.getheaders()

            def serve(self):
                length = int(self.headers.get("Content-Length") or 0)
                storage.requests.append((self.command, self.path))
                word = storage.fault(self.command, self.path)
                if word == "cut-request":
                    self.rfile.read(min(length, 100000))
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                body = self.rfile.read(length)
                headers = {k.lower(): v for k, v in self.headers.items()}
                digest = hashlib.sha256(body).hexdigest()
                wrong = complaint(self.command, self.path, headers)
                if not wrong and headers.get("x-amz-content-sha256") != digest:
                    wrong = "the digest of the payload is wrong"
                if wrong:
                    storage.complaints.append(f"{self.command} {self.path}: {wrong}")
                    self.error(403, "SignatureDoesNotMatch")
                    return
                parts = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
                if word and word.isdigit():
                    self.error(int(word), "InternalError" if word[0] == "5" else "Refused")
                    return
                if self.special(parts):
                    return
                if word == "spoil" and body:
                    # The server gets other bytes under the digest of the right ones.
                    body = bytes([body[0] ^ 1]) + body[1:]
                status, data, got = self.forward(body, headers)
                if status == 200 and self.command == "PUT" and "uploadId" in parts:
                    storage.uploads.setdefault(parts["uploadId"], {})[int(parts["partNumber"])] = (
                        dict(got).get("ETag") or dict(got).get("etag"), len(body))
                if status == 200 and self.command == "POST" and "uploadId" in parts:
                    storage.uploads.pop(parts["uploadId"], None)
                if status == 200 and self.command == "POST" and "uploads" in parts:
                    storage.uploads[re.search(rb"<UploadId>(.*?)</UploadId>", data).group(1).decode()] = {}
                if word == "cut-answer":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                self.answer(status, data, got)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = serve

        return Handler


def objects(storage):
    """What lies in the bucket, by s3rver's own directory."""
    root = storage.directory / "backups"
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            if name.endswith("._S3rver_object"):
                path = Path(folder) / name
                found[str(path.relative_to(root))[:-len("._S3rver_object")]] = path
    return found
