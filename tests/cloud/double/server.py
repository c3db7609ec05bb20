"""
The HTTP side: which API a request is for, faults, the log, and answers as they are sent. Names of
services stand in the Host header or, where clients reach all by one address, first in the path.
"""
import shutil
import socket
import struct
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import control
from .errors import ApiError
from .faults import carried_out, kill
from .native import gate as native
from .openstack import catalog
from .openstack import gate as openstack
from .request import Answer, Body, CutShort, Kept, Request
from .routes import dump

HTML = "<html><head><title>503</title></head><body><h1>Service Unavailable</h1></body></html>\n"
TOKEN_PATH = native.TOKEN_PATH
LOGGED_MAX = 1 << 16  # of a body


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def log_message(self, *args):
        pass

    # --- answers --------------------------------------------------------------------------------

    def send(self, answer, cut=False):
        """cut: as many bytes are promised, half of them come."""
        data = answer.data()
        size = answer.file.stat().st_size if answer.file else len(data)
        self.send_response(answer.status)
        if size or answer.status != 204:
            self.send_header("Content-Type", answer.kind)
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.unread():
            # What is left of the body would be taken for the next request.
            self.close_connection = self.lingers = True
            self.send_header("Connection", "close")
        if answer.status != 204:
            self.send_header("Content-Length", str(size + (20 if cut else 0)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if answer.file:
            with answer.file.open("rb") as file:
                shutil.copyfileobj(file, self.wfile, 1 << 20)
        self.wfile.write(data[:len(data) // 2] if cut else data)

    def unread(self):
        """Whether there is more of the body than is worth reading for nothing."""
        if not self.body.done and not self.body.begun and not self.body.expects and \
                not self.body.chunked and self.body.length <= 1 << 20:
            try:
                self.body.whole()
            except CutShort:
                self.close_connection = True
        return not self.body.done

    def linger(self):
        """A close with bytes unread would be an RST, and that may overtake the answer."""
        try:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(2)
            left = 256 << 20
            while left > 0 and (piece := self.rfile.read1(1 << 20)):
                left -= len(piece)
        except OSError:
            pass

    def handle_expect_100(self):
        return True  # said when the body is wanted

    def reset(self):
        """Closes with RST, so that the client sees neither an answer nor an orderly end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    # --- faults ---------------------------------------------------------------------------------

    def misbehave(self, fault, answer):
        kind = fault["kind"]
        if kind == "status":
            text = fault.get("body", {"class": "Server::InternalServerError",
                                      "message": "Internal server error"})
            self.send(Answer(fault["status"], text, fault.get("headers", {}).items()))
        elif kind == "html":
            self.send(Answer(fault.get("status", 503), HTML, kind="text/html"))
        elif kind == "body":
            self.send(Answer(200, fault["body"]))
        elif kind == "half":
            self.send(answer, cut=True)
            self.close_connection = True
        elif kind == "reset":
            self.reset()
        elif kind == "silence":
            time.sleep(fault.get("seconds", 30))
            self.reset()
        elif kind == "delay":
            time.sleep(fault.get("seconds", 1))
            self.send(answer)
        elif kind == "kill":
            self.kill(fault, answer)

    def kill(self, fault, answer):
        if fault["way"] == "after":
            self.send(answer)
            self.wfile.flush()
            time.sleep(fault.get("pause", 0.01))  # for the client to read it
        kill(fault["pid"])
        self.close_connection = True

    # --- a call ---------------------------------------------------------------------------------

    def target(self):
        """(host, path, query): the host name by which a service is meant, or ""."""
        path, _, query = self.path.partition("?")
        first, _, rest = path[1:].partition("/")
        if catalog.which(first):
            return first, "/" + rest if "/" in path[1:] else "", query
        host = self.headers.get("Host", "").partition(":")[0]
        return (host if catalog.which(host) else ""), path, query

    def urls(self):
        """What the client may have signed: some leave the port out."""
        host = self.headers.get("Host", "")
        hosts = {host, host.rpartition(":")[0] if ":" in host else host}
        return [f"{scheme}://{h}{self.path}" for scheme in ("https", "http") for h in hosts]

    def handle_call(self):
        world = self.server.world
        self.body, self.lingers = Body(self), False
        host, path, query = self.target()
        if path.startswith("/_double/"):
            self.send(self.turn(path[9:]))
            return
        request = Request(self.command, host, path, query, self.headers, self.body, self.urls())
        service, region = catalog.which(host) or ("native", None)
        what = f"{self.command} {'/' + host if host else ''}{path}{'?' + query if query else ''}"
        with world.lock:
            fault = world.faults.take(what)
            world.number += 1
            entry = {"n": world.number, "call": what, "service": service, "region": region, "status": 0,
                     "body": "", "fault": fault["kind"] if fault else None, "at": time.time(), "took": 0.0}
            world.log.append(entry)
        answer = None

        def carry_out():
            return native.carry_out(world, request) if service == "native" else \
                openstack.carry_out(world, request, service, region)
        if carried_out(fault):
            answer = carry_out()
        elif "late" in fault:
            request.stream = Kept(self.body.whole())
            timer = threading.Timer(fault["late"], carry_out)
            timer.daemon = True
            timer.start()
        elif self.body.length < 1 << 20 and not self.body.expects and fault["kind"] != "kill":
            request.body = self.body.whole()  # so that the connection can go on
        entry.update({"status": answer.status if answer else 0, "took": time.time() - entry["at"],
                      "body": request.body[:LOGGED_MAX].decode("utf-8", "replace")})
        if fault:
            self.misbehave(fault, answer)
        else:
            self.send(answer)
        if self.lingers:
            self.linger()

    def turn(self, path):
        world = self.server.world
        data = self.body.whole()
        with world.lock:
            try:
                return Answer(200, dump(control.control(world, self.command, path, data)))
            except ApiError as e:
                return Answer(e.status, e.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = handle_call


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
        """Clients that go away are part of the game; all else is an error of ours."""
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            traceback.print_exc()
