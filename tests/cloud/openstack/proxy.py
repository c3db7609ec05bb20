"""A proxy on loopback that is faulty on demand.

    with Proxy(9292) as proxy:
        proxy.add("PUT /v2/images", "cut", after=1 << 20, times=1)

A fault has effect on requests whose "METHOD /path" its pattern is found in, the first so many times. Kinds:

    refuse   the connection is reset before the request is passed on
    lost     the request is passed on and carried out, but its answer never comes: reset
    cut      after= bytes of the request (head included) were passed on, both sides are reset
    flip     byte number after= of the request has its lowest bit turned round
    stall    after so many bytes nothing moves for seconds=
    gather   after so many bytes nothing moves until all of barrier= are at theirs; when they do not come: reset
    slow     at most rate= bytes a second are passed on
    answer   status= and an HTML body= from the proxy itself, as a load balancer writes them
    short    the answer is cut after its first after= bytes
"""
import asyncio
import re
import socket
import struct
import threading

HEAD = re.compile(rb"^([A-Z]+) (\S+) HTTP/1\.[01]\r\n")
BLOCK = 1 << 16


class Fault:
    def __init__(self, match, kind, times=1, after=0, seconds=0.0, rate=0, status=502, body="", headers=(),
                 barrier=None):
        self.match, self.kind, self.left = re.compile(match), kind, times
        self.after, self.seconds, self.rate = after, seconds, rate
        self.status, self.body, self.headers, self.barrier = status, body, headers, barrier
        self.met = 0

    def page(self):
        body = (self.body or f"<html><head><title>{self.status}</title></head><body><center><h1>{self.status} "
                "Bad Gateway</h1></center><hr><center>nginx</center></body></html>\r\n").encode()
        head = [f"HTTP/1.1 {self.status} Bad", "Content-Type: text/html", f"Content-Length: {len(body)}",
                "Connection: close", *(f"{k}: {v}" for k, v in self.headers)]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Reset(Exception):
    """Both sides are reset."""


class Answered(Exception):
    """The proxy itself has answered; both sides are closed."""


class Connection:
    """One client and its way to the server; requests are recognised as they begin."""

    def __init__(self, proxy, reader, writer):
        self.proxy, self.reader, self.writer = proxy, reader, writer
        self.fault, self.passed = None, 0
        self.back = None

    async def run(self):
        server, ways = None, []
        try:
            self.back, server = await asyncio.open_connection("127.0.0.1", self.proxy.target)
            ways = [asyncio.ensure_future(way) for way in (self.forth(server), self.answers())]
            # A side that has ended may still be sent to: what is on its way is delivered.
            await asyncio.gather(*ways)
        except Answered:
            pass
        except (Reset, OSError, asyncio.CancelledError):
            for side in (self.writer, server):
                if side:
                    self.reset(side)
        finally:
            for way in ways:
                way.cancel()
            for side in (self.writer, server):
                if side:
                    side.close()

    @staticmethod
    def reset(writer):
        sock = writer.get_extra_info("socket")
        if sock is not None and not writer.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def forth(self, server):
        while data := await self.reader.read(BLOCK):
            head = HEAD.match(data)
            if head:
                call = b" ".join(head.groups()).decode("latin-1")
                self.fault, self.passed = self.proxy.meet(call), 0
            data = await self.spoil(data)
            server.write(data)
            await server.drain()
            self.passed += len(data)
        if server.can_write_eof():
            server.write_eof()

    async def spoil(self, data):
        """What is passed on of the request's next bytes."""
        f = self.fault
        if f is None:
            return data
        reached = self.passed <= f.after < self.passed + len(data)
        if f.kind == "refuse":
            raise Reset
        if f.kind == "answer":
            self.writer.write(f.page())
            await self.writer.drain()
            # Read on for a moment: a reset would take the answer from the client.
            while await asyncio.wait_for(self.reader.read(BLOCK), 10):
                pass
            raise Answered
        if f.kind == "cut" and reached:
            raise Reset
        if f.kind == "flip" and reached:
            at = f.after - self.passed
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
        if f.kind == "stall" and reached:
            await asyncio.sleep(f.seconds)
        if f.kind == "gather" and reached:
            try:
                await asyncio.get_running_loop().run_in_executor(None, f.barrier.wait, 60)
            except threading.BrokenBarrierError:
                raise Reset from None
        if f.kind == "slow":
            await asyncio.sleep(len(data) / f.rate)
        return data

    async def answers(self):
        while data := await self.back.read(BLOCK):
            f = self.fault
            if f and f.kind == "lost":
                raise Reset
            if f and f.kind == "short":
                self.writer.write(data[:f.after])
                await self.writer.drain()
                raise Reset
            self.writer.write(data)
            await self.writer.drain()
        if self.fault and self.fault.kind == "lost":
            raise Reset
        if self.writer.can_write_eof():
            self.writer.write_eof()


class Proxy:
    def __init__(self, target):
        self.target, self.port = target, None
        self.faults, self.calls, self.mutex = [], [], threading.Lock()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def add(self, match, kind, **more):
        """Returns the fault; its met counts how often it had effect."""
        fault = Fault(match, kind, **more)
        with self.mutex:
            self.faults.append(fault)
        return fault

    def clear(self):
        with self.mutex:
            self.faults, self.calls = [], []

    def meet(self, call):
        with self.mutex:
            self.calls.append(call)
            for fault in self.faults:
                if fault.left and fault.match.search(call):
                    fault.left -= 1
                    fault.met += 1
                    return fault
        return None

    async def serve(self):
        async def one(reader, writer):
            await Connection(self, reader, writer).run()
        self.server = await asyncio.start_server(one, "127.0.0.1", 0, limit=BLOCK)
        self.port = self.server.sockets[0].getsockname()[1]

    def __enter__(self):
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self.serve(), self.loop).result(30)
        return self

    def __exit__(self, *_):
        async def end():
            self.server.close()
            left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        asyncio.run_coroutine_threadsafe(end(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)
