#!/usr/bin/env python3
"""
kbuild-agent status --json beside states as they are on a disk: what is there is told in the words of the other verbs,
what is not there is null.

    test_status.py AGENT     prints TAP
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from kbtest import Tap  # noqa: E402

CONFIG = "name: web\ndns: {zone: example.com, ttl: 60, records: ['@', api]}\n"
BACKUP = "backup: {volumes: [files]}\n"
NONE = {"count": 0, "last_good": None, "at": 0, "size": 0, "restored": False}


def record(name, target, **more):
    return {"id": 7, "type": "A", "name": name, "target": target, "ttl": 60, **more}


def told(name, target):
    return {"name": name, "type": "A", "target": target}


def state(pending, *records):
    return {"v": 1, "zone": "example.com", "pending": pending, "creating": None, "records": records}


# what it is | more of the configuration | dns.json | dns and backup of the status
ROWS = [
    ("a server that is new", "", None, None, None),
    ("one that will have backups", BACKUP, None, None, NONE),
    ("one with records", "", state(False, record("", "192.0.2.7"), record("api", "192.0.2.7")),
     {"zone": "example.com", "published": True, "records": [told("@", "192.0.2.7"), told("api", "192.0.2.7")]}, None),
    ("one whose records are not published", "", state(True, record("api", "192.0.2.7")),
     {"zone": "example.com", "published": False, "records": [told("api", "192.0.2.7")]}, None),
    ("a state that is none", "", [], None, None),
]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tap = Tap()
    for what, more, dns, want_dns, want_backup in ROWS:
        with tempfile.TemporaryDirectory(prefix="kbuild-status-") as directory:
            where = Path(directory)
            (where / "state").mkdir()
            (where / "agent.yaml").write_text(CONFIG + more)
            if dns is not None:
                (where / "state/dns.json").write_text(json.dumps(dns))
            done = subprocess.run([sys.argv[1], "status", "--json", "--config", where / "agent.yaml", "--state",
                                   where / "state"], capture_output=True, text=True, check=False)
            got = json.loads(done.stdout) if done.returncode == 0 else {}
            tap.equal((got.get("name"), got.get("dns"), got.get("backup")), ("web", want_dns, want_backup), what)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
