#!/usr/bin/env python3
"""
kbuild launch, killed at every call of an API in three ways: before the call is carried out, after it was answered,
and carried out with the answer lost; and in a fourth at what nothing keeps from being made twice: carried out while
the next launch is at work already. The same command again has to end with one server, one volume, one group, one
key pair and one image, and destroy leaves nothing but what it says. The same for a destroy that is killed.

    test_crash.py KBUILD [--cloud openstack|ovh] [--service NAME…] [--workers N]

Prints TAP; against the double, in paper mode. --service: only at the calls of these (native, identity, compute …).
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import Double, die_with_parent, wait_until
from kbtest import Tap

WAYS = ("before", "after", "lost")
WORDS = {"before": "before", "after": "after", "lost": "carried out, answer lost:",
         "late": "carried out seconds later:"}
# Nothing but our care keeps a cloud from making two of these.
TWICE = re.compile(r"^POST .*/(servers|volumes|security-groups)$")
NAME = "web"
READY = 'kbuild-status: {"v":1,"state":"ready","cloud_init":"done","failed_units":[]}\n'
# What is asked again until it has happened, at once: the waits between are the client's.
DELAYS = {name: 0 for name in ("server", "action", "delete", "image", "import", "volume", "attach", "detach",
                               "user", "list")}
tap = Tap()
totals = {"cases": 0, "seconds": 0, "orphans": 0}
lock = threading.Lock()


class Home:
    """One user's directories and configuration, for one case; and the commands of the case."""

    def __init__(self, program, scratch, double, cloud):
        self.program, self.double, self.cloud = program, double, cloud
        self.dir = Path(tempfile.mkdtemp(dir=scratch))
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("OVH_", "OS_", "XDG_", "KBUILD_"))}
        self.env.update(HOME=str(self.dir), NO_COLOR="1", LC_ALL="C.UTF-8",
                        KBUILD_STATE=str(self.dir / "state"), KBUILD_CACHE=str(self.dir / "cache"))
        about = double.about
        if cloud == "ovh":
            keys = {k: about[k] for k in ("application_key", "application_secret", "consumer_key")}
            keys["openstack_auth_url"] = about["auth_url"]
            conf = self.dir / ".ovh.conf"
            conf.write_text(f"[default]\nendpoint={about['url']}\n\n[{about['url']}]\n" +
                            "".join(f"{k}={v}\n" for k, v in keys.items()))
            conf.chmod(0o600)
            self.env["OVH_CLOUD_PROJECT_SERVICE"] = about["project"]
        else:
            self.env.update(OS_AUTH_URL=about["auth_url"], OS_USERNAME=about["user"], OS_PASSWORD=about["password"],
                            OS_PROJECT_ID=about["project"], OS_USER_DOMAIN_NAME="Default", OS_REGION_NAME="GRA11")
        self.disk, self.user_data = scratch / "disk.raw", scratch / "user-data"

    def launch(self):
        return ["launch", "--image", self.disk, "--user-data", self.user_data, "--cloud", self.cloud, "--name", NAME,
                "--region", "GRA11", "--flavor", "b3-8", "--volume", "5G", "--timeout", "60s"]

    def destroy(self, with_data):
        return ["destroy", NAME, "--cloud", self.cloud, "--region", "GRA11", "--yes",
                *(["--with-data"] if with_data else [])]

    def run(self, words, timeout=240):
        done = subprocess.run([self.program, *map(str, words)], env=self.env, cwd=self.dir, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                              preexec_fn=die_with_parent)
        return done

    def run_killed(self, words, n, way, timeout=120):
        """Runs until call n. The shell waits for our word, so that the process is known before its first call."""
        command = ["/bin/sh", "-c", 'read -r go && exec "$0" "$@"', self.program, *map(str, words)]
        child = subprocess.Popen(command, env=self.env, cwd=self.dir, text=True, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=die_with_parent)
        self.double.fault(".", "kill", skip=n - 1, way=way, pid=child.pid)
        try:
            out, _ = child.communicate("go\n", timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            out, _ = child.communicate()
        self.double.control("/faults", None, post=True)
        return child.returncode, out

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


def fresh(double):
    double.control("/reset", None, post=True)
    double.control("/delays", DELAYS)
    double.control("/console", [[0, READY]])


def wrong(made):
    """What is not once there, in words; and how many second servers and orphans that is."""
    problems, seconds, orphans = [], 0, 0
    for kind in ("servers", "volumes", "groups", "keypairs", "images", "ports"):
        extra = len(made[kind]) - 1
        if extra:
            problems.append(f"{len(made[kind])} {kind}: {json.dumps(made[kind])[:600]}")
            seconds += max(extra, 0) if kind == "servers" else 0
            orphans += max(extra, 0) if kind != "servers" else 0
    if problems:
        return problems, seconds, orphans
    server, volume, group, image = (made[k][0] for k in ("servers", "volumes", "groups", "images"))
    for good, words in (
            (server["status"] == "ACTIVE", f"the server is {server['status']}"),
            (server["volumes"] == [volume["id"]] and volume["status"] == "in-use", f"its volumes: {server['volumes']}, "
             f"the volume is {volume['status']}"),
            (server["groups"] == [group["name"]], f"its groups: {server['groups']}"),
            (server["key"] == made["keypairs"][0]["name"], f"its key: {server['key']}"),
            (server["image"] == image["id"] and image["status"] == "active", f"its image: {image}"),
            (server["user_data"].startswith("#cloud-config"), f"its user-data: {server['user_data'][:80]}"),
            (len(group["rules"]) == len(set(map(str, group["rules"]))) > 2, f"the group's rules: {group['rules']}")):
        if not good:
            problems.append(words)
    return problems, 0, 0


def second_users(home):
    """OpenStack users that launch made: the cloud ovh makes one, once."""
    made = [u for u in home.double.control("/cloud")["users"] if u["description"] != "for tests"]
    return made[(1 if home.cloud == "ovh" else 0):]


def left(made, with_data):
    """What is there after destroy that should not be."""
    kept = {"images": 1, "volumes": 0 if with_data else 1}
    return {kind: made[kind] for kind in ("servers", "volumes", "groups", "keypairs", "ports", "images")
            if len(made[kind]) != kept.get(kind, 0)}


def gone(home, with_data):
    wait_until(lambda: not left(home.double.control("/cloud"), with_data), 3)
    return left(home.double.control("/cloud"), with_data)


# --- the cases ---------------------------------------------------------------------------------------------


def killed_launch(home, n, way):
    """Complaints about one case."""
    status, out = home.run_killed(home.launch(), n, way)
    # After its last call it may be done before the signal comes.
    if status != -signal.SIGKILL and not (status == 0 and way == "after"):
        return [f"it was not killed: {status}: {out}"], 0, 0
    again = home.run(home.launch())
    made = home.double.control("/cloud")
    problems, seconds, orphans = wrong(made)
    # Also of a launch that was over already, but had not said so yet.
    if again.returncode != 0 or f"server '{NAME}' is running" not in again.stdout:
        problems.append(f"the second run: exit {again.returncode}: {again.stdout}{again.stderr}")
    with_data = n % 2 == 0
    done = home.run(home.destroy(with_data))
    rest = gone(home, with_data)
    if second_users(home):
        rest["users"] = second_users(home)
    if done.returncode != 0 or rest:
        problems.append(f"destroy: exit {done.returncode}: {done.stderr}; left: {json.dumps(rest)[:600]}")
        orphans += sum(len(v) for v in rest.values())
    return problems, seconds, orphans


def killed_destroy(home, n, way):
    with_data = n % 2 == 0
    status, out = home.run_killed(home.destroy(with_data), n, way)
    if status != -signal.SIGKILL:
        # Without --with-data there is less to do.
        return ([] if not gone(home, with_data) else [f"it was not killed: {status}: {out}"]), 0, 0
    again = home.run(home.destroy(with_data))
    rest = gone(home, with_data)
    problems = []
    # Everything may be gone already: then there is nothing of that name.
    if rest or again.returncode not in (0, 1):
        problems.append(f"destroy again: exit {again.returncode}: {again.stdout}{again.stderr}; "
                        f"left: {json.dumps(rest)[:600]}")
    return problems, 0, sum(len(v) for v in rest.values())


class Runner:
    def __init__(self, program, cloud, scratch):
        self.program, self.cloud, self.scratch = program, cloud, scratch
        self.local = threading.local()
        self.doubles = []

    def home(self):
        """For one case, with this worker's double, emptied."""
        if not hasattr(self.local, "double"):
            self.local.double = Double()
            self.doubles.append(self.local.double)
        fresh(self.local.double)
        return Home(self.program, self.scratch, self.local.double, self.cloud)

    def home_with_server(self):
        """The same, with a server: made once for each worker, and put back for each case."""
        if not hasattr(self.local, "launched"):
            home = self.home()
            first = home.run(home.launch())
            if first.returncode != 0:
                raise OSError(f"launch: exit {first.returncode}: {first.stdout}{first.stderr}")
            home.double.control("/save", None, post=True)
            self.local.launched = home
        self.local.double.control("/restore", None, post=True)
        home = Home(self.program, self.scratch, self.local.double, self.cloud)
        shutil.copytree(self.local.launched.dir, home.dir, dirs_exist_ok=True)
        return home

    def case(self, what, function, n, way):
        home = None
        try:
            home = self.home() if function is killed_launch else self.home_with_server()
            problems, seconds, orphans = function(home, n, way)
        except (OSError, subprocess.TimeoutExpired, KeyError) as e:
            problems, seconds, orphans = [f"{type(e).__name__}: {e}"], 0, 0
        if home:
            home.remove()
        with lock:
            totals["cases"] += 1
            totals["seconds"] += seconds
            totals["orphans"] += orphans
            tap.check(not problems, f"{what}: {WORDS[way]} call {n}", "\n".join(problems))

    def calls(self, *commands):
        """The calls that the last of the commands makes, when nothing goes wrong."""
        home = self.home()
        for words in commands:
            home.double.control("/log/clear", None, post=True)
            done = home.run(words(home))
            if done.returncode != 0:
                raise RuntimeError(f"exit {done.returncode}: {done.stdout}{done.stderr}")
        home.remove()
        return home.double.log()

    def all_cases(self, launch, twice, destroy, workers):
        with ThreadPoolExecutor(workers) as pool:
            cases = [pool.submit(self.case, "launch", killed_launch, n, way) for n in launch for way in WAYS]
            cases += [pool.submit(self.case, "launch", killed_launch, n, "late") for n in twice]
            cases += [pool.submit(self.case, "destroy", killed_destroy, n, way) for n in destroy for way in WAYS]
            for case in cases:
                case.result()

    def stop(self):
        for double in self.doubles:
            double.stop()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("kbuild", type=Path)
    p.add_argument("--cloud", default="openstack", choices=("openstack", "ovh"))
    p.add_argument("--service", action="append")
    p.add_argument("--workers", type=int, default=24)
    o = p.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="kbuild-crash-"))
    (scratch / "disk.raw").write_bytes(os.urandom(1 << 20))
    (scratch / "user-data").write_text("#cloud-config\nhostname: web\n")
    runner = Runner(o.kbuild.resolve(), o.cloud, scratch)
    try:
        def chosen(calls):
            return [n for n, c in enumerate(calls, 1) if not o.service or c["service"] in o.service]
        launch = runner.calls(Home.launch)
        tap.note(f"calls of a launch with an upload and a new token: {len(launch)}")
        destroy = runner.calls(Home.launch, lambda home: home.destroy(True))
        tap.note(f"calls of a destroy: {len(destroy)}")
        twice = [n for n in chosen(launch) if TWICE.match(launch[n - 1]["call"])]
        launch, destroy = chosen(launch), chosen(destroy)
        runner.all_cases(launch, twice, destroy, o.workers)
        tap.check(totals["cases"] == 3 * (len(launch) + len(destroy)) + len(twice) > 0 and
                  totals["seconds"] == totals["orphans"] == 0,
                  f"{o.cloud}: {len(launch)} calls of launch and {len(destroy)} of destroy x 3 ways, {len(twice)} late: "
                  f"{totals['seconds']} second servers, {totals['orphans']} orphans")
    finally:
        runner.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
