"""A request as it came, its body read whole or as it flows, and an answer."""
import json
from urllib.parse import parse_qsl

WHOLE_MAX = 32 << 20  # what is read into memory
PIECE = 1 << 20


class CutShort(Exception):
    """The body ended before it was complete."""


class Body:
    """The bytes of one body, by Content-Length or in chunks."""

    def __init__(self, handler):
        get = handler.headers.get
        self.stream, self.reply = handler.rfile, handler.wfile
        self.expects = (get("Expect") or "").lower() == "100-continue"
        self.chunked = "chunked" in (get("Transfer-Encoding") or "").lower()
        self.length = int(get("Content-Length") or 0)
        self.begun = self.done = not self.chunked and not self.length

    def pieces(self):
        if self.done:
            return
        self.begun = True
        if self.expects:
            self.reply.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.reply.flush()
        yield from self.in_chunks() if self.chunked else self.in_length(self.length)
        self.done = True

    def in_length(self, left):
        while left:
            piece = self.stream.read1(min(left, PIECE))
            if not piece:
                raise CutShort()
            left -= len(piece)
            yield piece

    def in_chunks(self):
        while True:
            line = self.stream.readline(1024)
            try:
                size = int(line.split(b";")[0], 16)
            except ValueError:
                raise CutShort() from None
            if size == 0:
                while self.stream.readline(1024) not in (b"\r\n", b"\n", b""):
                    pass
                return
            yield from self.in_length(size)
            if self.stream.readline(8) not in (b"\r\n", b"\n"):
                raise CutShort()

    def whole(self):
        data = bytearray()
        for piece in self.pieces():
            data += piece
            if len(data) > WHOLE_MAX:
                raise CutShort()
        return bytes(data)


class Kept:
    """A body that was read already."""

    def __init__(self, data):
        self.data = data

    def pieces(self):
        yield self.data

    def whole(self):
        return self.data


class Request:
    def __init__(self, method, host, path, query, headers, stream, urls):
        self.method, self.host, self.path, self.raw_query = method, host, path, query
        self.headers, self.stream, self.urls = headers, stream, urls
        self.query = dict(parse_qsl(query, keep_blank_values=True))
        self.pairs = parse_qsl(query, keep_blank_values=True)
        self.body = b""  # when it was read whole
        self.versions = []  # headers that tell the microversion


class Answer:
    """body: None (no bytes at all), bytes, text, or what becomes JSON; a file to be sent as `file`."""

    def __init__(self, status=200, body=None, headers=(), kind=None, file=None):
        self.status, self.body, self.headers, self.file = status, body, list(headers), file
        self.ids = None  # names of the headers with the request's id; None: as the service has them
        self.kind = kind or "application/json"

    def data(self):
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body).encode()
