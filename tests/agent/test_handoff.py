#!/usr/bin/env python3
"""The handoff's parts against the programs they are made for: age, cloud-init, Compose.

    tests/agent/test_handoff.py BUILD-DIRECTORY

* age of Debian opens what we encrypt and the other way round, at every boundary; damage is noticed.
* cloud-init's caches are cleaned of what was handed over, and it still boots from them.
* Compose reads back from .env exactly the values that were meant.

Prints TAP. Needs root (overlays, chroot), and a Debian 13 tree (tests/bake/common.py).
"""
import base64
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/lib"), str(TOP / "tests/bake"), str(TOP / "tests/agent")]
from common import Overlay, private_mounts, tree  # noqa: E402
from find_secrets import find_in_processes, find_in_tree, find_secrets  # noqa: E402
from kbtest import Tap, wait_for  # noqa: E402

BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
TOOL = str(BUILD / "tests/agent/handoff_tool")
CHUNK = 65536
LENGTHS = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17, 5_000_000]


def pipe(argv, data=b""):
    done = subprocess.run([str(a) for a in argv], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace").strip()


class Key:
    """A key pair, by age-keygen or by us."""

    def __init__(self, where, program):
        self.path = where
        text = subprocess.run(program, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        where.write_text(text)
        self.public = next(w for w in text.split() if w.startswith("age1"))


def check_age(tap, tmp):
    ours, theirs = Key(tmp / "ours", [TOOL, "keygen"]), Key(tmp / "theirs", ["age-keygen"])
    other = Key(tmp / "other", ["age-keygen"])
    to = ["-r", ours.public, "-r", theirs.public]
    got, read, both = [], [], []
    for n in LENGTHS:
        data = os.urandom(n)
        code, sealed, _ = pipe([TOOL, "encrypt", theirs.public, ours.public], data)
        got.append((code, pipe(["age", "-d", "-i", theirs.path], sealed)[:2] == (0, data)))
        both.append(pipe([TOOL, "decrypt", ours.path], sealed)[:2] == (0, data))
        code, sealed, _ = pipe(["age", *to], data)
        read.append((code, pipe([TOOL, "decrypt", ours.path], sealed)[:2] == (0, data),
                     pipe([TOOL, "decrypt", theirs.path], sealed)[:2] == (0, data)))
    tap.equal(got, [(0, True)] * len(LENGTHS), "age opens what we wrote, at every boundary of chunks")
    tap.equal(read, [(0, True, True)] * len(LENGTHS), "we open what age wrote, with keys of both makers")
    tap.equal(both, [True] * len(LENGTHS), "each of two recipients opens it")
    sealed = pipe(["age", *to], os.urandom(2 * CHUNK))[1]
    header = sealed.index(b"\n---") + 5
    verdicts = {}
    for name, bad in {
        "whole": sealed, "cut in the header": sealed[:100], "cut at a chunk": sealed[:-CHUNK - 16],
        "cut in a chunk": sealed[:-100], "without its last byte": sealed[:-1], "one byte more": sealed + b"x",
        "a bit in the header": flip(sealed, 40), "a bit in its MAC": flip(sealed, header + 3),
        "a bit in the nonce": flip(sealed, header + 50), "a bit in the last chunk": flip(sealed, len(sealed) - 9),
    }.items():
        verdicts[name] = (pipe(["age", "-d", "-i", ours.path], bad)[0] == 0, pipe([TOOL, "decrypt", ours.path], bad)[0] == 0)
    tap.equal(verdicts, {name: (name == "whole",) * 2 for name in verdicts}, "damage: the same verdict as age's")
    tap.equal(pipe([TOOL, "decrypt", other.path], sealed)[::2], (1, "none of the keys opens it"), "another key does not open it")
    scrypt = b"age-encryption.org/v1\n-> scrypt bBdzmnJOgkpHeLLeyRUmqA 18\nz1C3LKsTeLDvWrbJBvWvC0l2SfYO7E7mwPLnJjGzlQk\n--- x\n"
    tap.check(pipe([TOOL, "decrypt", ours.path], scrypt + bytes(16))[0] == 1, "a file for a passphrase is refused")


def ask(path, request, data=None):
    """One request to the broker; its answer, and the bytes behind the descriptor that came with it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.connect(str(path))
        fds = []
        if data is not None:
            fds = [os.memfd_create("test")]
            os.write(fds[0], data)
        socket.send_fds(s, [json.dumps(request).encode()], fds)
        text, got, _, _ = socket.recv_fds(s, 65536, 4)
        for fd in fds:
            os.close(fd)
        answer = b"".join(os.pread(fd, 1 << 20, 0) for fd in got) if got else None
        for fd in got:
            os.close(fd)
        return json.loads(text), answer


def check_broker(tap, tmp):
    root, path = tmp / "server", tmp / "broker.sock"
    (root / "etc/kbuild").mkdir(parents=True)
    (tmp / "broker-state").mkdir(mode=0o700)
    (root / "etc/kbuild/handoff.json").write_text('{"v":1}')
    (root / "etc/kbuild/image.key").write_text("AGE-SECRET-KEY-1")
    broker = subprocess.Popen([BUILD / "firstboot/kbuild-agent", "run", "--listen", path, "--root", root, "--broker-state",
                               tmp / "broker-state", "--state", tmp], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        tap.check(wait_for(path.exists, 120), "the broker listens")
        tap.equal(ask(path, {"op": "handoff-take"}), ({}, b'{"v":1}'), "the broker gives the handoff as a descriptor")
        tap.equal(ask(path, {"op": "image-key"}), ({}, b"AGE-SECRET-KEY-1"), "and the image's key")
        kept = root / "etc/kbuild/credentials/dns.json"
        answer = ask(path, {"op": "credentials-store", "name": "dns"}, b'{"client_id":"x"}')
        tap.equal((answer, kept.read_text(), kept.stat().st_mode & 0o777), (({}, None), '{"client_id":"x"}', 0o600),
                  "it stores a credential for root alone")
        for name, data in (("shadow", b"{}"), ("../../x", b"{}"), ("dns", b"no JSON"), ("dns", None)):
            answer = ask(path, {"op": "credentials-store", "name": name}, data)[0]
            tap.check("error" in answer, f"it refuses {name!r} with {data!r}", answer)
        tap.equal(ask(path, {"op": "handoff-forget"}), ({}, None), "it forgets the handoff")
        tap.equal(ask(path, {"op": "handoff-take"}), ({}, None), "and then has none")
        tap.equal(sorted(p.name for p in (root / "etc/kbuild").iterdir()), ["credentials", "image.key"], "its file is gone")
    finally:
        broker.terminate()
        broker.wait()


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 4]) + data[at + 1:]


def check_memory(tap, tmp):
    key = Key(tmp / "big", [TOOL, "keygen"])
    size = 512 << 20
    with open(tmp / "zero", "wb") as f:
        f.truncate(size)
    script = (f'"{TOOL}" encrypt {key.public} <"{tmp}/zero" | "{TOOL}" decrypt "{key.path}" | wc -c')
    out = subprocess.run(["sh", "-c", script], check=True, stdout=subprocess.PIPE, text=True).stdout
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    tap.equal(int(out), size, "half a gigabyte passes through")
    tap.check(peak < 64 << 10, "in flat memory", f"peak {peak} KiB")
    os.unlink(tmp / "zero")


BOOT = ("cloud-init init --local && cloud-init init && cloud-init modules --mode config && "
        "cloud-init modules --mode final; cp -a /run/cloud-init /root/run-cloud-init; cloud-init status --format json")
SOURCES = {  # how user-data reaches cloud-init: files, and the setting that makes it look there
    "NoCloud": ({"nocloud/user-data": None, "nocloud/meta-data": "instance-id: i-1\n"}, "NoCloud"),
    "ConfigDrive": ({"config_drive/openstack/latest/user_data": None,
                     "config_drive/openstack/latest/meta_data.json":
                     json.dumps({"uuid": "11111111-2222-3333-4444-555555555555", "hostname": "web", "name": "web"})},
                    "ConfigDrive"),
}


PICKLE = ("from cloudinit.sources import pkl_load; ds = pkl_load('/var/lib/cloud/instance/obj.pkl'); "
          "raw = ds.get_userdata_raw(); raw = raw.decode() if isinstance(raw, bytes) else raw; "
          "print(ds.get_instance_id(), '\"sealed\":\"' + 'A' * 20000 in raw)")


def user_data(sealed):
    doc = '{"v":1,"server":"web","launched":1795458000,"sealed":"%s"}' % sealed
    return ("#cloud-config\nhostname: web\nfinal_message: 'h\u00e9llo'\nwrite_files:\n- path: /etc/kbuild/handoff.json\n"
            "  permissions: '0600'\n  content: '%s'\n" % doc), doc


def boot(overlay):
    shutil.rmtree(overlay.root + "/root/run-cloud-init", ignore_errors=True)
    r = overlay.run("sh", "-c", BOOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # Beside the root, where the next boot's tmpfs does not hide it, and where what forgets would look.
    shutil.rmtree(overlay.root + "/run/cloud-init", ignore_errors=True)
    os.makedirs(overlay.root + "/run", exist_ok=True)
    shutil.copytree(overlay.root + "/root/run-cloud-init", overlay.root + "/run/cloud-init", symlinks=True)
    shutil.rmtree(overlay.root + "/root/run-cloud-init")
    return r


def check_cloudinit(tap, tmp, source):
    key = Key(tmp / f"key-{source}", [TOOL, "keygen"])
    sealed = base64.b64encode(pipe([TOOL, "encrypt", key.public], os.urandom(20000))[1]).decode()
    text, doc = user_data(sealed)
    files, name = SOURCES[source]
    places = ["var/lib/cloud", "run/cloud-init", "var/log", "etc/kbuild"]
    with Overlay(tree(), str(tmp / source)) as o:
        for path, content in files.items():
            o.write("/var/lib/cloud/seed/" + path, content or text, 0o600)
        o.write("/etc/cloud/cloud.cfg.d/99-test.cfg", f"datasource_list: [{name}, None]\n")
        boot(o)
        written = o.read("/etc/kbuild/handoff.json")
        tap.equal((written, os.stat(o.root + "/etc/kbuild/handoff.json").st_mode & 0o777), (doc, 0o600),
                  f"{source}: cloud-init writes the handoff for root alone")
        found = find_in_tree(o.root, [sealed[5000:5064]], places)
        tap.check(len(found) >= 6, f"{source}: it is in cloud-init's caches", found)
        tap.equal(pipe([TOOL, "forget", o.root])[::2], (0, ""), f"{source}: it is forgotten")
        tap.equal(find_in_tree(o.root, [sealed[5000:5064], sealed[:60]], places), [], f"{source}: and nowhere any more")
        cache = o.run("python3", "-c", PICKLE, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
        tap.equal(cache.split(), ["i-1" if name == "NoCloud" else "11111111-2222-3333-4444-555555555555", "True"],
                  f"{source}: its pickle is read by cloud-init's own code, and is as long as before")
        os.truncate(o.root + "/var/log/cloud-init.log", 0)
        r = boot(o)
        status = json.loads(r.stdout[r.stdout.index("{"):])
        log = o.read("/var/log/cloud-init.log")
        tap.check(status["status"] == "done" and status["errors"] == [] and "Traceback" not in log,
                  f"{source}: cloud-init boots again from its caches", json.dumps(status)[:2000])
        # A config drive is trusted when the firmware tells the same id, which a chroot's does not.
        tap.check("restored from checked cache" in log or name != "NoCloud", f"{source}: and trusts them", log[-2000:])
        tap.equal(find_in_tree(o.root, [sealed[5000:5064]], places), [], f"{source}: and nothing comes back")


SECRET = "s3cr\"t/+$x-4711-end"
FORMS = {  # how a program might have written it -> the text
    "plain": SECRET, "json": json.dumps({"a": SECRET}), "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 1": base64.b64encode(b"u" + SECRET.encode() + b"..").decode(),
    "base64 2": base64.b64encode(b"us" + SECRET.encode() + b".").decode(),
    "base64 url": base64.urlsafe_b64encode(b"us" + SECRET.encode()).decode(),
    "hex": SECRET.encode().hex(), "percent": "https://u:s3cr%22t%2F%2B%24x-4711-end@h"}


def check_finder(tap, tmp):
    root = tmp / "finder"
    (root / "allowed").mkdir(parents=True)
    for name, text in FORMS.items():
        (root / name).write_text("before " + text + " after")
    (root / "allowed/values.json").write_text(SECRET)
    (root / "border").write_bytes(b"x" * ((4 << 20) - 5) + SECRET.encode())
    (root / "innocent").write_text("s3cr\"t/+$x-4711-en")
    found = find_secrets(str(root), [SECRET, "another-value"], skip=["allowed"], processes=False)
    tap.equal(sorted({place for place, _, _ in found}), sorted([*FORMS, "border"]), "the finder finds a value in every form")
    tap.check(SECRET not in repr(found), "and does not print it")
    given = [subprocess.Popen(["cat", "-", *more], env={"TOKEN": token}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
             for token, more in ((SECRET, []), ("", [SECRET]))]
    try:
        for process in given:
            # A process that answers has its arguments: in the midst of exec(), where Popen returns, the kernel shows none.
            process.stdin.write(b"!")
            process.stdout.read(1)
        found = find_in_processes([SECRET])
    finally:
        for process in given:
            process.kill()
            process.communicate()
    tap.equal(sorted({place.split(" of ")[0] for place, _, _ in found}), ["the command line", "the environment"],
              "and in what processes were given")


VALUES = ["plain", "https://u:p@h/x?y=1", "with blank", "a$b#c", "it's", "it's $5 \"q\" \\n", "two\nlines", "back\\slash",
          "a\\$b", "'", '"', "${X}", "it's ${X}", "it's\ntwo", "x\\", "\u00e9", "it's `x`", "tab\tx", "  lead", " trail ",
          "it's # y", "!x", "-----BEGIN KEY-----\nab+/=\n-----END KEY-----\n"]


def check_compose(tap, tmp):
    where = tmp / "compose"
    where.mkdir()
    for i, value in enumerate(VALUES):
        (where / f"v{i}").write_bytes(value.encode())
    code, text, why = pipe([TOOL, "env", *(f"V{i}={where}/v{i}" for i in range(len(VALUES)))])
    tap.equal((code, why), (0, ""), "an .env file is written")
    (where / ".env").write_bytes(text)
    (where / "compose.yaml").write_text(
        "services:\n  a:\n    image: x\n    environment:\n" +
        "".join(f"      V{i}: ${{V{i}}}\n" for i in range(len(VALUES))) + "  b:\n    image: x\n    env_file: .env\n")
    compose = tree() + "/usr/libexec/docker/cli-plugins/docker-compose"
    code, out, why = pipe(["env", "-i", "PATH=/usr/bin", f"HOME={where}", compose, "--project-directory", where, "config",
                           "--format", "json"])
    services = json.loads(out)["services"] if code == 0 else {}
    for service, how in (("a", "by ${NAME}"), ("b", "by env_file")):
        got = services.get(service, {}).get("environment", {})
        wrong = {v: got.get(f"V{i}") for i, v in enumerate(VALUES) if (got.get(f"V{i}") or "").replace("$$", "$") != v}
        tap.equal(wrong, {}, f"Compose reads back every value, {how}") or tap.note(why)


def main():
    private_mounts()
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="kbuild-handoff-", dir="/var/tmp", ignore_cleanup_errors=True) as name:
        tmp = Path(name)
        check_age(tap, tmp)
        check_memory(tap, tmp)
        for source in SOURCES:
            check_cloudinit(tap, tmp, source)
        check_compose(tap, tmp)
        check_finder(tap, tmp)
        check_broker(tap, tmp)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
