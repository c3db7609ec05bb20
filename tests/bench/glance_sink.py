"""A Glance that keeps nothing: it takes bytes as fast as a socket gives them, so that what limits an upload is the client.

    with Sink(digest, size) as sink: ... sink.port
"""
import http.server
import json
import multiprocessing
import socketserver

BLOCK = 1 << 20
# What every image has; both clients look at some of it.
RECORD = {"id": "5e1f0f7c-3f4b-4b0a-9f0e-0d3f3c8f2a10", "name": "bench", "disk_format": "raw",
          "container_format": "bare", "visibility": "private", "protected": False, "os_hidden": False, "tags": [],
          "min_disk": 0, "min_ram": 0, "owner": "bench", "created_at": "2026-01-01T00:00:00Z",
          "updated_at": "2026-01-01T00:00:00Z", "schema": "/v2/schemas/image", "checksum": None}


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    made = None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def swallow(self):
        """The request's body; of a chunked one only where it ends is looked for."""
        length, block = self.headers.get("Content-Length"), memoryview(bytearray(BLOCK))
        if length is None:
            end = b""
            while not end.endswith(b"\r\n0\r\n\r\n"):
                n = self.rfile.raw.readinto(block)
                end = (end + bytes(block[max(0, n - 7):n]))[-7:]
            return
        left = int(length)
        while left > 0:
            left -= self.rfile.readinto1(block[:min(left, BLOCK)])

    def answer(self, status, what=None):
        data = b"" if what is None else json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        path, made = self.path.partition("?")[0], self.server.made
        if path.rstrip("/") in ("", "/v2"):
            url = f"http://127.0.0.1:{self.server.server_address[1]}/v2/"
            self.answer(300, {"versions": [{"id": "v2.15", "status": "CURRENT",
                                            "links": [{"rel": "self", "href": url}]}]})
        elif path == "/v2/images":
            self.answer(200, {"images": [made] if made else []})
        elif made and path == f"/v2/images/{made['id']}":
            self.answer(200, made)
        else:
            self.answer(404, {"message": "there is none"})

    def do_POST(self):
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.made = {**RECORD, **given, "status": "queued", "size": None}
        self.answer(201, self.server.made)

    def do_PUT(self):
        self.swallow()
        self.server.made.update(self.server.about, status="active")
        self.answer(204)

    def do_PATCH(self):
        for change in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
            name = change["path"].lstrip("/")
            if change["op"] == "remove":
                self.server.made.pop(name, None)
            else:
                self.server.made[name] = change["value"]
        self.answer(200, self.server.made)

    def do_DELETE(self):
        self.server.made = None
        self.answer(204)


def serve(pipe, about):
    with Server(("127.0.0.1", 0), Handler) as server:
        server.about = about
        pipe.send(server.server_address[1])
        server.serve_forever()


class Sink:
    def __init__(self, digest, size):
        """digest: SHA-512 of what will come, in hexadecimal; its own processor does not go into it."""
        self.about = {"os_hash_algo": "sha512", "os_hash_value": digest, "size": size}

    def __enter__(self):
        ours, theirs = multiprocessing.Pipe()
        self.child = multiprocessing.Process(target=serve, args=(theirs, self.about), daemon=True)
        self.child.start()
        self.port = ours.recv()
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.join()
