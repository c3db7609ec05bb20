#!/usr/bin/env python3
"""
A double of OVH's API that OVH's own and others' clients take for OVH, with the name servers of its
zones. Python's standard library only; loopback only; everything is forgotten at its end.

    ovh_double.py --zone example.com [--port N] [--dns-port N] [--listen ADDRESS]
                  [--tls CERT KEY] [--url URL]

Prints one line of JSON when it is ready: url, dns (address:port), control, and the keys that are
valid. What tests can turn is told in double/control.py; `match` of faults sees "METHOD /path?query".

    double/routes.py     the table of calls, to which every module adds its own
    double/auth.py       signatures, consumer keys and their rules, OAuth2
    double/zone.py       /domain/zone
    double/nameserver.py DNS over UDP and TCP
    double/world.py      state, faults, log     double/control.py  what tests turn
    double/server.py     HTTP                   double/errors.py   error bodies
"""
import argparse
import json
import signal
import ssl
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from double import nameserver, world  # noqa: E402
from double.server import TOKEN_PATH, Server  # noqa: E402


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--zone", action="append", default=[])
    p.add_argument("--listen", default="127.0.0.1")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--dns-port", type=int, default=0)
    p.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    p.add_argument("--url", help="how clients see it, when not by address and port")
    o = p.parse_args()
    w = world.World()
    w.furnish(o.zone)
    tls = None
    if o.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*o.tls)
    server = Server((o.listen, o.port), w, tls)
    root = o.url or f"{'https' if tls else 'http'}://{o.listen}:{server.server_address[1]}"
    w.base_url = root + "/1.0"
    dns = nameserver.serve(w, o.listen, o.dns_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({
        "url": w.base_url, "token_url": root + TOKEN_PATH, "control": root + "/_double",
        "dns": f"{o.listen}:{dns}", "application_key": world.APPLICATION,
        "application_secret": world.SECRET, "consumer_key": world.CONSUMER,
        "client_id": world.CLIENT, "client_secret": world.CLIENT_SECRET}), flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
