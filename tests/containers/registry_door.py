"""What stands between kbuild and a registry: hands everything on, counts, and goes wrong when told to."""
import http.client
import http.server
import threading


class Door:
    """Listens on 127.0.0.1:PORT, hands on to 127.0.0.1:BEHIND. Faults are for requests whose path has `part`."""

    def __init__(self, port, behind):
        self.behind = behind
        self.requests = []  # (method and path, the headers that were sent)
        self.faults = []  # (part of the path, kind, how often)
        self.elsewhere = None  # where "redirect" leads
        self.sent = 0  # bytes of blobs
        self.lock = threading.Lock()
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                door.hand_on(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def fault(self, part, kind, times=1):
        with self.lock:
            self.faults.append([part, kind, times])

    def _take(self, path):
        with self.lock:
            for fault in self.faults:
                if fault[0] in path and fault[2] > 0:
                    fault[2] -= 1
                    return fault[1]
        return None

    def hand_on(self, h):
        with self.lock:
            self.requests.append((f"{h.command} {h.path}", dict(h.headers)))
        kind = self._take(h.path)
        if kind == "busy":
            h.send_response(429)
            h.send_header("Retry-After", "1")
            h.send_header("Content-Length", "0")
            h.end_headers()
            return
        if kind == "redirect":
            h.send_response(307)
            h.send_header("Location", self.elsewhere + h.path)
            h.send_header("Content-Length", "0")
            h.end_headers()
            return
        peer = http.client.HTTPConnection("127.0.0.1", self.behind, timeout=30)
        peer.request(h.command, h.path, headers={k: v for k, v in h.headers.items() if k.lower() != "connection"})
        reply = peer.getresponse()
        body = reply.read()
        if kind == "flip":
            body = body[:-1] + bytes([body[-1] ^ 1])
        h.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                h.send_header(name, value)
        h.send_header("Content-Length", str(len(body)))
        h.end_headers()
        end = len(body) // 2 if kind == "cut" else len(body)
        piece = 1 << 16
        for at in range(0, end, piece):
            h.wfile.write(body[at:min(at + piece, end)])
            h.wfile.flush()
            if "/blobs/" in h.path:
                self.sent += min(at + piece, end) - at
            if kind == "slow":
                threading.Event().wait(0.1)
        if kind == "cut":
            h.close_connection = True
