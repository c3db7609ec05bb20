#!/usr/bin/env python3
"""
A double of OVH that OVH's own and others' clients take for OVH: its API (domains, Public Cloud, accounts) with
the name servers of its zones, and the OpenStack services of its regions. Python's standard library
only; loopback only; everything is forgotten at its end.

    ovh_double.py [--zone example.com] [--region NAME[=inactive]]… [--port N] [--dns-port N] [--listen ADDRESS]
                  [--tls CERT KEY] [--url URL] [--by-name] [--store DIRECTORY [--servers KBUILD]]

Prints one line of JSON when it is ready: url, dns (address:port), control, auth_url, project, and the keys
that are valid. What tests can turn is told in double/control.py and control_cloud.py; `match` of faults sees
"METHOD /path?query", and "METHOD /HOST/path?query" for the services of OpenStack, whose host names
(compute.gra11.cloud.ovh.net) stand first in the path unless --by-name.

    double/server.py     HTTP; request.py; faults.py; limits.py     double/world.py  all that it knows
    double/routes.py     OVH's table of calls; auth.py, zone.py, native/ add theirs
    double/openstack/    the services: gate.py lets in, router.py has the table
    double/cloud/        what there is, whichever API speaks of it; servers are paper.py or local.py
    double/nameserver.py DNS over UDP and TCP
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
from double.cloud import local  # noqa: E402
from double.openstack import catalog  # noqa: E402
from double.server import TOKEN_PATH, Server  # noqa: E402

OIDC = "/role-adapter/urn:v1:eu:resource:publicCloudProject:pci/.well-known/openid-configuration"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--zone", action="append", default=[])
    p.add_argument("--listen", default="127.0.0.1")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--dns-port", type=int, default=0)
    p.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    p.add_argument("--url", help="how clients see it, when not by address and port")
    p.add_argument("--by-name", action="store_true", help="services have their own host names")
    p.add_argument("--region", action="append", default=[])
    p.add_argument("--store", type=Path, help="keep the bytes of images here")
    p.add_argument("--servers", metavar="KBUILD", type=Path,
                   help="real ones, by its local cloud: double/cloud/local.py says where this may run")
    o = p.parse_args()
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    w = world.World()
    active = [n for n in o.region if not n.endswith("=inactive")]
    inactive = [n.partition("=")[0] for n in o.region if n.endswith("=inactive")]
    w.furnish(o.zone, active or world.REGIONS, inactive or (() if active else world.INACTIVE))
    w.store, w.by_name = o.store, o.by_name
    if o.store:
        o.store.mkdir(parents=True, exist_ok=True)
    if o.servers:
        w.machines = local.Local(o.servers, o.store.resolve())
    tls = None
    if o.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*o.tls)
    server = Server((o.listen, o.port), w, tls)
    root = o.url or f"{'https' if tls else 'http'}://{o.listen}:{server.server_address[1]}"
    w.base_url, w.root = root + "/1.0", root
    dns = nameserver.serve(w, o.listen, o.dns_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({
        "url": w.base_url, "token_url": root + TOKEN_PATH, "control": root + "/_double",
        "dns": f"{o.listen}:{dns}", "application_key": world.APPLICATION,
        "application_secret": world.SECRET, "consumer_key": world.CONSUMER,
        "client_id": world.CLIENT, "client_secret": world.CLIENT_SECRET,
        "auth_url": w.endpoint(catalog.AUTH) + "/v3", "project": world.PROJECT, "user": world.USER,
        "password": world.PASSWORD, "oidc_discovery": w.endpoint(catalog.ROLE_ADAPTER) + OIDC,
        "hosts": catalog.all_hosts(w)}), flush=True)
    end.wait()
    w.machines.close()


if __name__ == "__main__":
    main()
