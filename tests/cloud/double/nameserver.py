"""
The authoritative name servers of the zones, UDP and TCP: they serve what was published by the last
refresh, not what the API shows. Knows as much of DNS as clients here ask for.
"""
import ipaddress
import socket
import socketserver
import struct
import threading

A, NS, CNAME, SOA, TXT, AAAA, ANY = 1, 2, 5, 6, 16, 28, 255
NUMBERS = {"A": A, "NS": NS, "CNAME": CNAME, "TXT": TXT, "AAAA": AAAA, "SPF": TXT, "DKIM": TXT,
           "DMARC": TXT}
NOERROR, FORMERR, NXDOMAIN, REFUSED = 0, 1, 3, 5


def encode_name(name):
    out = b""
    for label in filter(None, name.rstrip(".").split(".")):
        out += bytes([len(label)]) + label.encode()
    return out + b"\0"


def decode_name(data, at):
    """A name without compression, as it stands in questions."""
    labels = []
    while data[at]:
        if data[at] > 63:
            raise ValueError("compressed question")
        labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
        at += 1 + data[at]
    return ".".join(labels), at + 1


def encode_data(zone, record):
    kind, target = record["fieldType"], record["target"]
    if kind == "A":
        return ipaddress.IPv4Address(target).packed
    if kind == "AAAA":
        return ipaddress.IPv6Address(target).packed
    if kind in ("CNAME", "NS"):  # without the last dot the zone is appended: a trap of OVH's
        return encode_name(target if target.endswith(".") else f"{target}.{zone.name}")
    pieces = target.strip('"').split('" "')
    return b"".join(bytes([len(p.encode())]) + p.encode() for p in pieces)


def resource(name, kind, ttl, data):
    return encode_name(name) + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def soa(zone):
    s = zone.soa
    return resource(zone.name, SOA, s["ttl"], encode_name(s["server"]) + encode_name(s["email"]) +
                    struct.pack("!5I", s["serial"], s["refresh"], 3600, s["expire"], s["nxDomainTtl"]))


def records_of(zone, sub, published):
    """Records of a name; those of a wildcard above it when it has none."""
    found = [r for r in published if r["subDomain"].lower() == sub]
    while not found and sub:
        sub = sub.partition(".")[2] if not sub.startswith("*") else ""
        star = f"*.{sub}" if sub else "*"
        found = [r for r in published if r["subDomain"].lower() == star]
        if not sub:
            break
    return found


def answer_question(world, name, kind):
    """(rcode, answers, authority)"""
    name = name.lower()
    zone = next((z for z in sorted(world.zones.values(), key=lambda z: -len(z.name))
                 if name == z.name or name.endswith("." + z.name)), None)
    if zone is None:
        return REFUSED, [], []
    zone.settle()
    sub = name[:-len(zone.name) - 1]
    answers = []
    if not sub and kind in (SOA, ANY):
        answers.append(soa(zone))
    if not sub and kind in (NS, ANY):
        answers += [resource(name, NS, 3600, encode_name(s))
                    for s in zone.delegated or zone.servers]
    found = records_of(zone, sub, zone.published)
    for record in found:
        number = NUMBERS.get(record["fieldType"])
        if number and (number in (kind, CNAME) or kind == ANY):
            answers.append(resource(name, number, record["ttl"] or zone.soa["ttl"],
                                    encode_data(zone, record)))
    below = any(r["subDomain"].lower().endswith("." + sub) for r in zone.published)
    code = NOERROR if found or not sub or below else NXDOMAIN
    return code, answers, [] if answers else [soa(zone)]


def reply(world, query, udp):
    """The reply to a query, or None for what is none."""
    if len(query) < 12 or query[2] & 0x80:
        return None
    ident, flags, questions = struct.unpack("!HHH", query[:6])
    try:
        if questions != 1:
            raise ValueError("not one question")
        name, at = decode_name(query, 12)
        kind, = struct.unpack("!H", query[at:at + 2])
    except (ValueError, IndexError, struct.error):
        return struct.pack("!6H", ident, 0x8000 | FORMERR, 0, 0, 0, 0)
    with world.lock:
        if world.mute:
            return None
        code, answers, authority = answer_question(world, name, kind)
        cut = udp and (world.truncate or sum(map(len, answers + authority)) > 480)
    head = 0x8000 | (flags & 0x0100) | code | (0x0400 if code != REFUSED else 0)
    if cut:
        head, answers, authority = head | 0x0200, [], []
    return struct.pack("!6H", ident, head, 1, len(answers), len(authority), 0) + \
        query[12:at + 4] + b"".join(answers) + b"".join(authority)


class Udp(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        out = reply(self.server.world, data, True)
        if out:
            sock.sendto(out, self.client_address)


class Tcp(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.settimeout(10)
        try:
            while True:
                size, = struct.unpack("!H", self.exactly(2))
                out = reply(self.server.world, self.exactly(size), False)
                if out:
                    self.request.sendall(struct.pack("!H", len(out)) + out)
        except (OSError, struct.error, EOFError):
            pass

    def exactly(self, n):
        data = b""
        while len(data) < n:
            piece = self.request.recv(n - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data


def serve(world, host, port=0):
    """Starts both on one port of host; returns the port."""
    class TcpServer(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    for _ in range(50):
        tcp = TcpServer((host, port), Tcp, bind_and_activate=False)
        tcp.server_bind()
        try:
            udp = socketserver.ThreadingUDPServer((host, tcp.server_address[1]), Udp)
        except OSError:
            tcp.server_close()
            if port:
                raise
            continue
        tcp.server_activate()
        for server in (tcp, udp):
            server.world = world
            threading.Thread(target=server.serve_forever, daemon=True).start()
        return tcp.server_address[1]
    raise OSError("no port is free for both UDP and TCP")


def ask(host, port, name, kind, timeout=5):
    """For tests: (rcode, texts of the answers of that type), by UDP."""
    number = {"A": A, "AAAA": AAAA, "TXT": TXT, "SOA": SOA, "NS": NS, "CNAME": CNAME}[kind]
    query = struct.pack("!6H", 4711, 0x0100, 1, 0, 0, 0) + encode_name(name) + \
        struct.pack("!HH", number, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        s.sendto(query, (host, port))
        data = s.recv(65535)
    code, count = data[3] & 15, struct.unpack("!H", data[6:8])[0]
    at, texts = 12 + len(query) - 12, []
    for _ in range(count):
        _, at = decode_name(data, at)
        kind_, _, _, size = struct.unpack("!HHIH", data[at:at + 10])
        rdata = data[at + 10:at + 10 + size]
        at += 10 + size
        if kind_ != number:
            continue
        texts.append(str(ipaddress.ip_address(rdata)) if kind_ in (A, AAAA) else
                     rdata[1:].decode("latin-1") if kind_ == TXT else rdata.hex())
    return code, sorted(texts)
