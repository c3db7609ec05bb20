#!/usr/bin/env python3
"""`kbuild upload` beside `openstack image create --file`, to the same real Glances: tests/bench/upload.py KBUILD [STATE]

1.5 GiB of random bytes to a Glance under uWSGI and to one under eventlet, in turn (A B, A B, ...), so that a machine
that slows down slows both; medians, ratios, memory. Beside them the bytes alone (curl, into a record that is there):
what the service itself takes, which hashes all it gets, so that nobody can be faster. Then to both regions; then to a
service that takes what comes and does nothing with it, so that the clients alone are compared; before all, the calls
of each, counted at a proxy. STATE: of a running lab (tests/cloud/openstack/up), else one is started. Prints only: a timing is no test.

  ROUNDS=3 MIB=1536    in the environment: how often, how much
"""
import hashlib
import os
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from glance_sink import Sink

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "cloud/openstack"), str(HERE.parent / "lib")]
from lab import HERE as SCRIPTS, ROOT, Lab, Measured, Proxy  # noqa: E402

MIB = int(os.environ.get("MIB", "1536"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
CLOUDS = {"gra": ("GRA11", "glance", "uWSGI"), "sbg": ("SBG5", "glance2", "eventlet")}
LEAST = 6  # Keystone's token aside: is it there? is there room? record, bytes, record, mark


def fill(path, mib):
    block = os.urandom(64 << 20)
    with open(path, "wb") as file:
        for left in range(mib, 0, -64):
            file.write(block[:min(left, 64) << 20])


class Bench:
    def __init__(self, program, lab):
        self.program, self.lab = str(Path(program).resolve()), lab
        self.scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=lab.state))  # where the official client may read
        self.file = self.scratch / "bench.img"

    def kbuild(self, cloud, *more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
        env.update(self.lab.env(cloud), KBUILD_CACHE=str(self.scratch / "cache"), KBUILD_STATE=str(self.scratch / "s"))
        return Measured([self.program, "upload", "--cloud", "openstack", "--quiet", *more, self.file],
                        env=env)

    def official(self, cloud):
        argv = [SCRIPTS / "enter", ROOT, self.lab.state, "openstack", "image", "create", "--file", self.file,
                "--disk-format", "raw", "bench"]
        return Measured(argv, env=dict(self.lab.settings, **self.lab.env(cloud)))

    def bytes(self, cloud):
        """No client at all: only the PUT."""
        _, glance, _ = CLOUDS[cloud]
        token = self.lab.token()
        _, image = self.lab.call("POST", glance, "/v2/images", {
            "name": "bench", "disk_format": "raw", "container_format": "bare"}, token=token)
        (self.scratch / "headers").write_text(f"X-Auth-Token: {token}\nContent-Type: application/octet-stream\n")
        return Measured(["curl", "-sSf", "-T", self.file, "-H", f"@{self.scratch / 'headers'}", "-H", "Expect:",
                         self.lab.url(glance, f"/v2/images/{image['id']}/file")])

    def clean(self):
        for _, glance, _ in CLOUDS.values():
            for image in self.lab.images(glance):
                if image["name"].startswith("bench"):
                    self.lab.call("DELETE", glance, f"/v2/images/{image['id']}")

    def once(self, tool, cloud):
        done = getattr(self, tool)(cloud)
        if done.returncode:
            sys.exit(f"{tool} {cloud}: exit {done.returncode}\n{done.stderr}")
        self.clean()
        return done

    @staticmethod
    def show(where, runs, mib=MIB):
        """Medians of each tool."""
        medians = {tool: statistics.median(seconds for seconds, _ in list_) for tool, list_ in runs.items()}
        for tool, list_ in runs.items():
            print(f"{where:9} {tool:9} {medians[tool]:6.1f} s {mib / medians[tool]:6.0f} MiB/s "
                  f"{max(peak for _, peak in list_) / 1024:6.1f} MiB   "
                  f"({', '.join(f'{seconds:.1f}' for seconds, _ in list_)})", flush=True)
        return medians

    def throughput(self):
        for cloud, (_, _, server) in CLOUDS.items():
            runs = {"official": [], "kbuild": [], "bytes": []}
            for _ in range(ROUNDS):
                for tool, list_ in runs.items():
                    done = self.once(tool, cloud)
                    list_.append((done.seconds, done.peak))
            medians = self.show(server, runs)
            print(f"{server:9} ratio     {medians['official'] / medians['kbuild']:6.2f} (wanted: 1.8; "
                  f"{medians['official'] / medians['bytes']:.2f} for the bytes alone)", flush=True)

    def both_regions(self):
        """Two commands of the official client, one after the other; one of kbuild."""
        runs = {"official": [], "kbuild": []}
        for _ in range(ROUNDS):
            pair = [self.once("official", cloud) for cloud in CLOUDS]
            runs["official"].append((sum(r.seconds for r in pair), max(r.peak for r in pair)))
            done = self.kbuild("gra", *(f"--region={region}" for region, _, _ in CLOUDS.values()))
            if done.returncode:
                sys.exit(f"kbuild, both regions: exit {done.returncode}\n{done.stderr}")
            self.clean()
            runs["kbuild"].append((done.seconds, done.peak))
        medians = self.show("both", runs, 2 * MIB)
        print(f"both      ratio     {medians['official'] / medians['kbuild']:6.2f}", flush=True)

    def clients_alone(self):
        region, glance, _ = CLOUDS["gra"]
        with open(self.file, "rb") as file:
            digest = hashlib.file_digest(file, "sha512").hexdigest()
        sink = Sink(digest, self.file.stat().st_size)
        sink.target = self.lab.port(glance)
        shutil.rmtree(self.scratch / "cache", ignore_errors=True)
        runs = {"official": [], "kbuild": []}
        with self.lab.through(sink, "image", region):
            for _ in range(ROUNDS):
                for tool, list_ in runs.items():
                    done = self.once(tool, "gra")
                    list_.append((done.seconds, done.peak))
                    forget = urllib.request.Request(f"http://127.0.0.1:{sink.port}/v2/images", method="DELETE")
                    urllib.request.urlopen(forget).close()
        shutil.rmtree(self.scratch / "cache", ignore_errors=True)
        medians = self.show("no limit", runs)
        print(f"no limit  ratio     {medians['official'] / medians['kbuild']:6.2f} (wanted: 1.8)", flush=True)

    def calls(self):
        fill(self.file, 8)
        region, glance, _ = CLOUDS["gra"]
        for tool in ("official", "kbuild"):
            proxy = Proxy(self.lab.port(glance))
            shutil.rmtree(self.scratch / "cache", ignore_errors=True)
            with self.lab.through(proxy, "image", region):
                done = getattr(self, tool)("gra")
            if done.returncode:
                sys.exit(f"{tool}: exit {done.returncode}\n{done.stderr}")
            kinds = ", ".join(c.split("?")[0].split("/images/")[0] for c in proxy.calls)
            print(f"calls     {tool:9} {len(proxy.calls):3}  {kinds}", flush=True)
            self.clean()
        shutil.rmtree(self.scratch / "cache", ignore_errors=True)
        print(f"calls     at most   {LEAST * 1.5:3.0f}  (1.5 times the least, {LEAST})")

    def run(self):
        try:
            self.calls()
            fill(self.file, MIB)
            self.throughput()
            self.both_regions()
            self.clients_alone()
        finally:
            self.clean()
            shutil.rmtree(self.scratch, ignore_errors=True)


def busy():
    """How loaded the machine is. Where everybody waits for a processor, the servers' hashing is all that is measured."""
    try:
        waits = Path("/proc/pressure/cpu").read_text().split("avg60=")[1].split()[0]
    except (OSError, IndexError):
        waits = "?"
    return f"load {os.getloadavg()[0]:.1f}, somebody waits for a processor {waits} % of the time"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with Lab("core", state=sys.argv[2] if len(sys.argv) > 2 else None) as lab:
        print(f"before: {busy()}, {time.strftime('%H:%M:%S')}")
        Bench(sys.argv[1], lab).run()
        print(f"after: {busy()}")


main()
