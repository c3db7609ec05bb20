"""
The HTTP side: raw requests in, faults, authentication, the table of routes, answers as OVH gives
them (void answers are `null`, every answer has a query id).
"""
import json
import socket
import struct
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import auth, control, routes
from . import zone as _zone  # noqa: F401 (its routes)
from .errors import ApiError

HTML = b"<html><head><title>503</title></head><body><h1>Service Unavailable</h1></body></html>\n"
TOKEN_PATH = "/auth/oauth2/token"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def log_message(self, *args):
        pass

    def read_body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, body, headers=()):
        if not isinstance(body, bytes):
            body = json.dumps(body, separators=(",", ":")).encode()
        self.send_response(status)
        html = body.startswith(b"<")
        self.send_header("Content-Type",
                         "text/html" if html else "application/json; charset=utf-8")
        self.send_header("X-Ovh-QueryID", f"EU.ext-3.{uuid.uuid4().hex[:8]}.1.{uuid.uuid4()}")
        self.send_header("Cache-Control", "no-cache, no-store")
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    # --- faults ---------------------------------------------------------------------------------

    def reset(self):
        """Closes with RST, so that the client sees neither an answer nor an orderly end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def misbehave(self, fault, status, body):
        kind = fault["kind"]
        if kind == "status":
            text = fault.get("body", {"class": "Server::InternalServerError",
                                      "message": "Internal server error"})
            self.answer(fault["status"], text, list(fault.get("headers", {}).items()))
        elif kind == "html":
            self.answer(503, HTML)
        elif kind == "body":
            self.answer(200, fault["body"].encode())
        elif kind == "half":
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(text) + 20))
            self.end_headers()
            self.wfile.write(text[:len(text) // 2])
            self.close_connection = True
        elif kind == "reset":
            self.reset()
        elif kind == "silence":
            time.sleep(fault.get("seconds", 30))
            self.reset()
        else:
            raise ValueError(kind)

    # --- the API --------------------------------------------------------------------------------

    def urls(self):
        """What the client may have signed: some leave the port out."""
        host = self.headers.get("Host", "")
        hosts = {host, host.rpartition(":")[0] if ":" in host else host}
        return [f"{scheme}://{h}{self.path}" for scheme in ("https", "http") for h in hosts]

    def carry_out(self, raw_path, query, body):
        """Status and body of the answer."""
        world = self.server.world
        for prefix in ("/1.0", "/v1"):
            if raw_path.startswith(prefix + "/"):
                path = raw_path[len(prefix):]
                break
        else:
            path = raw_path if raw_path.startswith("/v2/") else ""
        with world.lock:
            try:
                if raw_path == TOKEN_PATH and self.command == "POST":
                    return 200, auth.token_request(world, self.headers, body)
                route, parts = routes.find(self.command, path)
                call = routes.Call(self.command, path, query, body, self.headers)
                if route.auth:
                    auth.authenticate(world, call, self.urls(), route.action)
                route.read(call)
                return 200, route.function(world, call, **parts)
            except ApiError as e:
                return e.status, e.body

    def handle_call(self):
        world = self.server.world
        body = self.read_body()
        path, _, query = self.path.partition("?")
        if path.startswith("/_double/"):
            with world.lock:
                try:
                    self.answer(200, control.control(world, self.command, path[9:], body))
                except ApiError as e:
                    self.answer(e.status, e.body)
            return
        what = f"{self.command} {self.path}"
        with world.lock:
            fault = world.faults.take(what)
        status, answer = (0, None) if fault and not fault.get("after") and fault["kind"] != "half" \
            else self.carry_out(path, query, body)
        with world.lock:
            world.log.append({"call": what, "status": status, "body": body.decode("utf-8", "replace"),
                              "fault": fault["kind"] if fault else None, "at": time.time()})
        if fault:
            self.misbehave(fault, status, answer)
        else:
            self.answer(status, answer)

    do_GET = do_POST = do_PUT = do_DELETE = handle_call


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, world, tls=None):
        super().__init__(address, Handler)
        self.world, self.tls = world, tls

    def finish_request(self, request, client_address):
        if self.tls:  # in the connection's own thread: a client that says nothing holds up nobody
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        pass  # clients that go away are part of the game
