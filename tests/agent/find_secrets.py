"""Looks for secret values where none may be: files, the journal, logs, other processes, cores.

    find_secrets("/", values)        a running system: files below, /proc/*/cmdline and environ
    find_in_tree(root, values)       files only

Each gives a list of (place, which value, how it is written). A value is looked for as it is and in the forms
that programs give it: base64 at each alignment, percent-encoded, escaped as in JSON, in hexadecimal. The same
file runs on a server, which need not have more than Python: find_secrets.py ROOT < values as JSON.

What is allowed to hold them (the state of secrets, plans, containers' own files) is the caller's list.
"""
import base64
import contextlib
import json
import os
import re
import stat
import sys
import threading
import urllib.parse
from pathlib import Path

VIRTUAL = ("proc", "sys", "dev")
BLOCK = 4 << 20


def forms(value):
    """bytes to look for -> how they are written. What is too short to tell anything is left out."""
    raw = value.encode()
    found = {raw: "plain", raw.hex().encode(): "hex", raw.hex().upper().encode(): "hex",
             urllib.parse.quote(value, safe="").encode(): "percent", json.dumps(value)[1:-1].encode(): "json",
             json.dumps(value, ensure_ascii=False)[1:-1].encode(): "json"}
    for shift in range(3):
        # The first and last digits depend on what stands beside the value.
        text = base64.b64encode(b"\0" * shift + raw)
        text = text[-(-shift * 4 // 3):len(text) - 4 if len(text) % 4 == 0 else None].rstrip(b"=")
        found.setdefault(text, "base64")
        found.setdefault(text.translate(bytes.maketrans(b"+/", b"-_")), "base64")
    return {needle: how for needle, how in found.items() if len(needle) >= 8}


class Needles:
    def __init__(self, values):
        self.known = {}
        for value in values:
            for needle, how in forms(value).items():
                self.known.setdefault(needle, (value, how))
        self.longest = max(map(len, self.known), default=0)
        self.pattern = re.compile(b"|".join(re.escape(n) for n in sorted(self.known, key=len, reverse=True)) or b"(?!)")

    def search(self, data):
        return {self.known[m] for m in set(self.pattern.findall(data))}

    def search_file(self, path):
        found, tail = set(), b""
        with open(path, "rb", buffering=0) as f:
            while True:
                block = f.read(BLOCK)
                if not block:
                    return found
                found |= self.search(tail + block)
                tail = block[-self.longest:]


def hint(value):
    """A value is not printed by its own test: its length, and its first characters."""
    return f"{value[:3]}…({len(value)})"


def find_in_tree(root, values, places=("",), skip=()):
    """skip: prefixes of paths below root, without a leading slash, that may hold them."""
    needles, found = Needles(values), []
    for place in places:
        for top, dirs, files in os.walk(os.path.join(root, place)):
            inner = os.path.relpath(top, root)
            if inner == ".":
                dirs[:] = [d for d in dirs if d not in VIRTUAL]
            for name in files:
                path = os.path.join(top, name)
                short = os.path.normpath(os.path.join(inner, name))
                if any(short == s or short.startswith(s.rstrip("/") + "/") for s in skip):
                    continue
                try:
                    if stat.S_ISREG(os.lstat(path).st_mode):
                        found += [(short, hint(v), how) for v, how in needles.search_file(path)]
                except OSError:
                    continue  # gone meanwhile
    return sorted(found)


def find_in_processes(values, proc="/proc", skip=lambda pid, command: False):
    """Command lines and environments of all processes; skip(pid, command) tells whose may."""
    needles, found = Needles(values), []
    for pid in filter(str.isdigit, os.listdir(proc)):
        try:
            with open(f"{proc}/{pid}/cmdline", "rb") as f:
                command = f.read()
            if int(pid) == os.getpid() or skip(int(pid), command):
                continue
            with open(f"{proc}/{pid}/environ", "rb") as f:
                environment = f.read()
        except OSError:
            continue  # it has ended, or is a kernel thread
        name = command.split(b"\0")[0].decode("utf-8", "replace") or pid
        for what, data in (("command line", command), ("environment", environment)):
            found += [(f"the {what} of {name}", hint(v), how) for v, how in needles.search(data)]
    return sorted(found)


class Watch:
    """Looks at processes as they come and go, in a thread of its own; what look_at() is given is a /proc/PID."""

    def __init__(self):
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def look(self):
        while not self.stop.is_set():
            for p in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):  # it has ended
                    self.look_at(p)

    def look_at(self, p):
        raise NotImplementedError


def find_secrets(root, values, skip=(), processes=True):
    """All places. Compressed parts of the journal are read by journalctl, which the caller passes as a file."""
    found = find_in_tree(root, values, skip=skip)
    return found + (find_in_processes(values, os.path.join(root, "proc")) if processes else [])


if __name__ == "__main__":
    given = json.load(sys.stdin)
    result = find_secrets(sys.argv[1], given["values"], given.get("skip", ()))
    print(json.dumps(result))
    sys.exit(bool(result))
