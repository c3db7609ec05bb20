#!/usr/bin/env python3
"""
The double's OpenStack services against real ones: the same requests, and status, kind, headers, form of the answers and
the words of refusals have to be equal (alike_steps.py).

    test_alike.py [STATE]     prints TAP; STATE: of a running lab with core, nova and cinder, else one is started
"""
import importlib.util
import json
import socket
import sys
from urllib.parse import urlsplit

from lab import HERE, Double
from alike import Cloud, compared, differences
from alike_steps import OCTETS, RAW, STEPS, Step
from kbtest import Tap

tap = Tap()


def real_lab(*args, **more):
    """Of openstack/lab.py, which has the name of our own."""
    sys.path.insert(0, str(HERE / "openstack"))
    spec = importlib.util.spec_from_file_location("openstack_lab", HERE / "openstack/lab.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Lab(*args, **more)


def of_lab(lab, region="GRA11"):
    return Cloud("the lab", lab.url("keystone", "/v3"), region, "user-one", lab.password,
                 {"name": "1234567890123456", "domain": {"name": "Default"}})


def of_double(double, region="GRA11"):
    a = double.about
    return Cloud("the double", a["auth_url"], region, a["user"], a["password"], {"id": a["project"]})


def ask(cloud, step):
    try:
        answer = cloud.until(step) if step.until is not None else cloud.ask(step)
        seen = compared(step, answer)
        if step.keep and answer[0] < 300:
            cloud.keep(step, answer[2])
        return seen
    except (OSError, TimeoutError, KeyError, StopIteration) as e:
        return {"no answer": f"{cloud.name}: {type(e).__name__}: {e}"}


def raw_upload(cloud, head, body):
    """What a Glance answers to bytes that are no whole request, and what becomes of the image."""
    status, _, text = cloud.ask(Step("made", "image", "POST", "/images", RAW))
    cloud.names["raw"] = json.loads(text)["id"]
    url = urlsplit(cloud.endpoints["image"])
    version = "" if url.path.endswith("/v2") else "/v2"
    with socket.create_connection((url.hostname, url.port), 60) as s:
        s.sendall((f"PUT {url.path.rstrip('/')}{version}/images/{cloud.names['raw']}/file HTTP/1.1\r\nHost: x\r\n"
                   f"X-Auth-Token: {cloud.token}\r\nContent-Type: application/octet-stream\r\n{head}\r\n\r\n")
                  .encode() + body)
        s.shutdown(socket.SHUT_WR)
        line = s.makefile("rb").readline().decode()
    _, _, text = cloud.until(Step("queued", "image", "GET", "/images/<raw>", until=("status", "queued")))
    again = cloud.ask(Step("again", "image", "PUT", "/images/<raw>/file", b"whole", OCTETS))[0]
    _, _, text = cloud.until(Step("active", "image", "GET", "/images/<raw>", until=("status", "active")))
    cloud.ask(Step("deleted", "image", "DELETE", "/images/<raw>"))
    return {"status": line.split()[1] if line else "none", "again": again, "size": json.loads(text)["size"]}


def cut_bodies(real, double):
    for name, head, body in (("shorter than its Content-Length", "Content-Length: 1000", b"x" * 500),
                             ("without its last chunk", "Transfer-Encoding: chunked", b"4\r\nxxxx\r\n")):
        try:
            a, b = raw_upload(real, head, body), raw_upload(double, head, body)
        except (OSError, TimeoutError, KeyError) as e:
            a, b = type(e).__name__, str(e)
        tap.equal(b, a, f"image, {real.region}: a body {name} leaves it queued, and a whole one is taken then")


def compare(real, double, steps=STEPS):
    for step in steps:
        a, b = ask(real, step), ask(double, step)
        lines = differences(a, b)
        tap.check(not lines, f"{step.service}: {step.name} ({step.method})",
                  "first: the real one, second: the double\n" + "\n".join(lines) +
                  ("\n" + json.dumps(a)[:1500] if "no answer" in a else ""))


def both(lab):
    double = Double()
    try:
        compare(of_lab(lab), of_double(double))
        for region in ("GRA11", "SBG5"):
            cut_bodies(of_lab(lab, region), of_double(double, region))
    finally:
        double.stop()


def main():
    if len(sys.argv) > 1:
        both(real_lab(state=sys.argv[1]))
    else:
        with real_lab("core", "nova", "cinder") as lab:
            both(lab)
    tap.note(f"{len(STEPS)} requests to both")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
