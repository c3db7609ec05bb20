#!/usr/bin/env python3
"""The lab is what it says: the official client and the proxy against it.

  test_smoke.py [STATE]     prints TAP; STATE: of a running lab with core, nova and cinder, else one is started
"""
import hashlib
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lab import Lab, Proxy, Tap, wait_for  # noqa: E402

TAP = Tap()
NAME = f"smoke-{os.getpid()}"


def told(lab, *args, **more):
    """What the official client says, decoded."""
    done = lab.client(*args, "-f", "json", **more)
    return json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr}


def images(lab):
    file = lab.state / NAME
    file.write_bytes(os.urandom(8 << 20))
    made = {}
    for cloud in ("gra", "sbg"):
        made[cloud] = told(lab, "image", "create", "--file", file, "--disk-format", "raw", NAME, cloud=cloud)
        seen = told(lab, "image", "show", made[cloud].get("id", "-"), cloud=cloud)
        digest = seen.get("os_hash_value") or seen.get("properties", {}).get("os_hash_value")
        TAP.equal(digest, hashlib.sha512(file.read_bytes()).hexdigest(),
                  f"the official client uploads as {cloud}, and the hash is that of the bytes")
    file.unlink()
    TAP.equal(lab.client("image", "delete", made["sbg"].get("id", "-"), cloud="sbg").returncode, 0, "sbg: deleted")
    return made["gra"].get("id", "-")


def status(lab, kind, ident, want):
    def look():
        seen = told(lab, kind, "show", ident)
        return seen if seen.get("status") in (want, "ERROR") else None
    return wait_for(look, 120, 0.5) or {}


def servers(lab, image):
    made = told(lab, "server", "create", "--image", image, "--flavor", "d2-2", "--network", "Ext-Net", NAME)
    ident = made.get("id", "-")
    seen = status(lab, "server", ident, "ACTIVE")
    TAP.equal(seen.get("status"), "ACTIVE", "a server becomes ACTIVE")
    TAP.check("203.0.113." in str(seen.get("addresses")), "it has an address", seen)
    volume = told(lab, "volume", "create", "--size", 1, NAME).get("id", "-")
    status(lab, "volume", volume, "available")
    lab.client("server", "add", "volume", ident, volume)
    TAP.equal(status(lab, "volume", volume, "in-use").get("status"), "in-use", "a volume is attached")
    lab.client("server", "remove", "volume", ident, volume)
    TAP.equal(status(lab, "volume", volume, "available").get("status"), "available", "and detached")
    TAP.equal([lab.client("volume", "delete", volume).returncode,
               lab.client("server", "delete", "--wait", ident).returncode], [0, 0], "both are deleted")
    made = told(lab, "server", "create", "--image", image, "--flavor", "too-big", "--network", "Ext-Net", NAME)
    seen = status(lab, "server", made.get("id", "-"), "ERROR")
    TAP.check("No valid host" in str(seen.get("fault")), "a flavor that does not fit ends in ERROR with its fault",
              seen)
    lab.client("server", "delete", "--wait", made.get("id", "-"))


def get(url, token):
    """(status, body) or the error's name."""
    try:
        request = urllib.request.Request(url, headers={"X-Auth-Token": token})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()
    except OSError as e:
        return type(getattr(e, "reason", e)).__name__, b""


def proxy(lab):
    token = lab.token()
    whole = get(lab.url("glance2", "/v2/schemas/image"), token)
    with Proxy(lab.port("glance2")) as p:
        url = f"http://127.0.0.1:{p.port}/v2/schemas/image"
        TAP.equal((get(url, token), whole[0]), (whole, 200), "the proxy passes on")
        p.add("GET /v2/schemas", "answer", status=502)
        answer = get(url, token)
        TAP.check(answer[0] == 502 and b"<html>" in answer[1], "it answers in HTML itself", answer)
        for kind in ("refuse", "lost", "cut"):
            fault = p.add("GET /v2/schemas", kind, after=10)
            answer = get(url, token)
            TAP.check(answer[0] in ("ConnectionResetError", "RemoteDisconnected") and fault.met == 1,
                      f"{kind}: there is no answer", answer)
        fault = p.add("GET /v2/schemas", "flip", after=6)
        TAP.check(get(url, token) != whole and fault.met == 1, "flip: another path")
        TAP.equal(get(url, token), whole, "a fault has effect once")


def main():
    if len(sys.argv) > 1:
        lab = Lab("core", "nova", "cinder", state=sys.argv[1])
    else:
        lab = Lab("core", "nova", "cinder")
    with lab:
        TAP.note(f"start: {lab.started:.0f} s")
        proxy(lab)
        image = images(lab)
        servers(lab, image)
        TAP.equal(lab.client("image", "delete", image).returncode, 0, "the image is deleted")
    return TAP.done()


if __name__ == "__main__":
    sys.exit(main())
