#!/usr/bin/env python3
"""A mirror on loopback that fails on demand.

Serves the files below a directory over HTTP/1.1 with keep-alive and ranges, and applies faults:

    faulty_mirror.py DIRECTORY [--fault 'PATTERN FAULT [TIMES]']... [--port-file FILE]

PATTERN is a shell pattern on the path; the first fault that matches and has TIMES left (default:
for ever) is applied to the request. Faults:

    404 410 403 500 503 429   that status, with a short body; 429 and 503 take "429:SECONDS" for
                              Retry-After
    html          200 with a page of HTML (a captive portal)
    htmlnolength  the same without Content-Length
    stall         headers and half the bytes, then silence until the client goes away
    stall0        accepts the request, then silence
    half          says the whole length, closes after half of it
    reset         sends half, then a TCP reset
    empty         closes without an answer
    truncated     a whole answer, with half the bytes and their length
    nolength      no Content-Length, half the bytes, then the end of the connection
    longer        no Content-Length, and more bytes than the file has
    wronglength   a Content-Length one too large
    flip          one bit of the body turned
    norange       ignores Range, answers 200 with everything
    badrange      answers 206 with other bytes than were asked for
    416           refuses the range
    slow[:BYTES]  that many bytes a second (default 4096)
    redirect      to the same path with ?to appended
    loop          redirects for ever

As a module: Mirror(directory) as a context manager, with .url, .faults (a list of Fault), .log (a
list of (path, range header)) and .connections.
"""
import argparse
import fnmatch
import http.server
import os
import socket
import struct
import sys
import threading
import time
import urllib.parse


class Fault:
    def __init__(self, pattern, kind, times=None):
        self.pattern, self.kind, self.times = pattern, kind, times

    @classmethod
    def parse(cls, text):
        words = text.split()
        return cls(words[0], words[1], int(words[2]) if len(words) > 2 else None)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def setup(self):
        super().setup()
        with self.server.mirror.lock:
            self.server.mirror.connections += 1

    def answer(self, status, body, headers=None, length=True):
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        if length is True:
            self.send_header("Content-Length", str(len(body)))
        elif length:
            self.send_header("Content-Length", str(length))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def hang(self):
        """Silent until the client has gone, or the mirror stops."""
        self.close_connection = True
        self.connection.settimeout(0.1)
        while not self.server.mirror.stopping:
            try:
                if not self.connection.recv(1):
                    return
            except socket.timeout:
                continue
            except OSError:
                return

    def read_range(self, size):
        text = self.headers.get("Range")
        if not text or not text.startswith("bytes="):
            return None
        first = text[6:].split("-")[0]
        return int(first) if first.isdigit() and int(first) < size else None

    def body(self):
        path = urllib.parse.unquote(self.path.split("?")[0]).lstrip("/")
        self.server.mirror.fill(path)
        full = os.path.realpath(os.path.join(self.server.mirror.directory, path))
        if not full.startswith(os.path.realpath(self.server.mirror.directory) + os.sep):
            return None
        try:
            with open(full, "rb") as f:
                return f.read()
        except OSError:
            return None

    def do_GET(self):
        try:
            self.serve()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def serve(self):
        mirror = self.server.mirror
        kind, _, arg = mirror.take_fault(self.path).partition(":")
        mirror.log.append((self.path, self.headers.get("Range")))
        if kind.isdigit() and kind != "416":
            self.answer(int(kind), b"no\n", {"Retry-After": arg} if arg else None)
            return
        body = self.body()
        if body is None:
            self.answer(404, b"not here\n")
            return
        whole = len(body)
        first = None if kind == "norange" else self.read_range(whole)
        status, headers = 200, {"Content-Type": "application/vnd.debian.binary-package",
                                "Accept-Ranges": "bytes"}
        if first is not None:
            start = max(first - 1, 0) if kind == "badrange" else first
            body = body[start:]
            status = 206
            headers["Content-Range"] = "bytes %d-%d/%d" % (start, whole - 1, whole)
        getattr(self, "fault_" + kind)(status, body, headers, arg)

    def fault_(self, status, body, headers, _arg):
        self.answer(status, body, headers)

    fault_norange = fault_badrange = fault_

    def fault_416(self, status, body, headers, _arg):
        if status == 206:
            self.answer(416, b"no\n")
        else:
            self.answer(status, body, headers)

    def fault_html(self, *_):
        self.answer(200, b"<html><body>please log in</body></html>", {"Content-Type": "text/html"})

    def fault_htmlnolength(self, *_):
        self.answer(200, b"<html><body>please log in</body></html>", {"Content-Type": "text/html"},
                    length=None)

    def part(self, status, body, headers):
        self.answer(status, body[:len(body) // 2], headers, length=len(body))

    def fault_stall(self, status, body, headers, _arg):
        self.part(status, body, headers)
        self.hang()

    def fault_stall0(self, *_):
        self.hang()

    def fault_half(self, status, body, headers, _arg):
        self.part(status, body, headers)
        self.close_connection = True

    def fault_reset(self, status, body, headers, _arg):
        self.part(status, body, headers)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def fault_empty(self, *_):
        self.close_connection = True

    def fault_truncated(self, _status, body, headers, _arg):
        self.answer(200, body[:len(body) // 2], headers)

    def fault_nolength(self, status, body, headers, _arg):
        self.answer(status, body[:len(body) // 2], headers, length=None)

    def fault_longer(self, status, body, headers, _arg):
        self.answer(status, body + b"x" * 1000, headers, length=None)

    def fault_wronglength(self, status, body, headers, _arg):
        self.answer(status, body, headers, length=len(body) + 1)
        self.close_connection = True

    def fault_flip(self, status, body, headers, _arg):
        turned = bytearray(body)
        turned[len(turned) // 3] ^= 0x10
        self.answer(status, bytes(turned), headers)

    def fault_slow(self, status, body, headers, arg):
        rate = int(arg or 4096)
        self.answer(status, b"", headers, length=len(body))
        for i in range(0, len(body), max(rate // 10, 1)):
            if self.server.mirror.stopping:
                break
            self.wfile.write(body[i:i + max(rate // 10, 1)])
            self.wfile.flush()
            time.sleep(0.1)

    def fault_redirect(self, status, body, headers, _arg):
        if "?to" in self.path:
            self.answer(status, body, headers)
        else:
            self.answer(302, b"", {"Location": self.path + "?to"})

    def fault_loop(self, *_):
        self.answer(302, b"", {"Location": self.path})


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        pass  # clients that go away are what is tested here


class Mirror:
    def __init__(self, directory, faults=(), port=0):
        self.directory = directory
        self.faults = list(faults)
        self.log = []
        self.connections = 0
        self.stopping = False
        self.lock = threading.Lock()
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.mirror = self
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]

    def fill(self, path):
        """Called before a file is read; a caching mirror fetches it here when it is not there."""

    def take_fault(self, path):
        with self.lock:
            for fault in self.faults:
                if fault.times == 0 or not fnmatch.fnmatch(path, fault.pattern):
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault.kind
        return ""

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.server.shutdown()
        self.server.server_close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory")
    parser.add_argument("--fault", action="append", default=[], type=Fault.parse)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", help="where to write the URL once it listens")
    args = parser.parse_args()
    with Mirror(args.directory, args.fault, args.port) as mirror:
        print(mirror.url, flush=True)
        if args.port_file:
            with open(args.port_file + ".tmp", "w") as f:
                f.write(mirror.url)
            os.rename(args.port_file + ".tmp", args.port_file)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    sys.exit(main())
