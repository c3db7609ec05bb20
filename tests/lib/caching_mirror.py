#!/usr/bin/env python3
"""A mirror on loopback that keeps what it once fetched: caching_mirror.py DIRECTORY [PORT]

Passes requests on to the mirror that this machine's own apt uses, keeps each file below DIRECTORY and
serves it from there ever after, so that downloads are out of timings and a mirror that moves on does
not change a test half-way. Only the indexes are loaded anew each time that it is started: they are valid for
some days. As a module: a faulty_mirror.Mirror whose missing files come from there.
"""
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "net"))
import faulty_mirror  # noqa: E402


def host_mirror():
    """The base of the host's own Debian mirror, without the last part: URL, with URL/debian below."""
    lines = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)",
                            "Created-By: Packages"], check=True, capture_output=True, text=True)
    for uri in lines.stdout.split():
        if uri.rstrip("/").endswith("/debian"):
            return uri.rstrip("/")[:-len("/debian")]
    return None


TRIES = 5
ABSENT = (404, 410)


class CachingMirror(faulty_mirror.Mirror):
    """Serves DIRECTORY/debian and DIRECTORY/debian-security, filling them from the host's mirror."""

    def __init__(self, directory, *args, upstream=None, **more):
        Path(directory).mkdir(parents=True, exist_ok=True)
        for indexes in Path(directory).glob("*/dists"):
            shutil.rmtree(indexes)
        super().__init__(str(directory), *args, **more)
        self.upstream = upstream or host_mirror()
        self.fetch_lock = threading.Lock()
        self.absent = set()

    def fill(self, path):
        target = Path(self.directory, path)

        def known():
            return ".." in path or path in self.absent or target.exists()

        if known():
            return
        with self.fetch_lock:
            if known():
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            fd, part = tempfile.mkstemp(dir=target.parent)
            with os.fdopen(fd, "wb") as out:
                good = self.fetch(path, out)
            if good:
                os.rename(part, target)
            else:
                os.unlink(part)

    def fetch(self, path, out):
        """Whether all of it is there. What is a moment's trouble is tried again; what is not there is not asked for again."""
        for number in range(TRIES):
            time.sleep(number)
            out.seek(0)
            out.truncate()
            try:
                with urllib.request.urlopen(f"{self.upstream}/{urllib.parse.quote(path)}", timeout=60) as reply:
                    shutil.copyfileobj(reply, out, 1 << 20)
                    out.flush()
                    wanted = reply.headers.get("Content-Length")
                if wanted is None or out.tell() == int(wanted):
                    return True
            except urllib.error.HTTPError as problem:
                if problem.code in ABSENT:
                    self.absent.add(path)
                if problem.code < 500 and problem.code != 429:
                    return False
            except (OSError, http.client.HTTPException):
                pass
        return False


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    with CachingMirror(sys.argv[1]) as mirror:
        print(mirror.url, flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
