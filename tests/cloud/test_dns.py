#!/usr/bin/env python3
"""
kbuild-agent dns against the double of OVH, the real program with its processes:
test_dns.py KBUILD-AGENT, as root. What answers wrong, what dies where, and that in the end each record is there
once, published, and served.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import V4, V6, Agent, Double, wait_until
from kbtest import Tap

PROGRAM = str(Path(sys.argv[1]).resolve())
SCRATCH = Path(tempfile.mkdtemp(prefix="kbuild-dns-"))
WORKERS = 6
# What stands there before: an old server's addresses, and what is somebody else's.
BEFORE = [["A", "api", "198.51.100.1", 60], ["A", "api", "198.51.100.2", 60],
          ["MX", "", "1 mx.example.net.", 0], ["TXT", "api", '"mine"', 0]]
OTHERS = [("MX", "", "1 mx.example.net.", 0), ("TXT", "api", '"mine"', 0)]
RIGHT = sorted(OTHERS + [(t, s, a, 60) for t, a in (("A", V4), ("AAAA", V6)) for s in ("", "api")])

tap = Tap()
local = threading.local()
doubles, numbers = [], iter(range(10 ** 6))


def new_agent(double, **more):
    return Agent(PROGRAM, SCRATCH / str(next(numbers)), double, **more)


def mine():
    """This worker's double."""
    if not hasattr(local, "double"):
        local.double = Double()
        doubles.append(local.double)
    return local.double


def wrong(double):
    """What is not as it should be, or None."""
    for which in ("records", "published"):
        got = double.records(which)
        if got != RIGHT:
            return f"{which}: {got}"
    return None


def run_well(agent):
    done = agent.run("sync")
    if done.returncode != 0:
        return f"exit status {done.returncode}: {done.stderr}"
    return wrong(agent.double)


# --- one thing at a time ----------------------------------------------------------------------------


def first_and_second_run(d):
    d.set(*BEFORE)
    agent = new_agent(d)
    done = agent.run("sync", "--json")
    report = json.loads(done.stdout)
    tap.equal((done.returncode, wrong(d)), (0, None), "records are made, published and served")
    tap.equal(sorted(r["state"] for r in report["records"]),
              ["changed", "created", "created", "created", "removed"], "the report says what was done")
    tap.equal(len([w for w in d.writes() if w.endswith("/refresh")]), 1, "one refresh")
    tap.equal([d.ask("api.example.com", kind)[1] for kind in ("A", "AAAA")], [[V4], [V6]],
              "the name server answers it")
    d.control("/log/clear", None, post=True)
    done = agent.run("sync")
    tap.equal((done.returncode, d.writes()), (0, []), "a second run writes nothing and publishes nothing")
    tap.note(f"calls of a run without changes: {len(d.calls())}")
    done = agent.run("show", "--json")
    tap.equal({r["state"] for r in json.loads(done.stdout)["records"]}, {"right"}, "show says so too")


def other_records_in_the_way(d):
    d.control("/world", {"loose": "%"})
    d.set(*BEFORE, ["A", "api2", "198.51.100.9", 60], ["CNAME", "apix", "x.", 60])
    tap.equal(new_agent(d).run("sync").returncode, 0, "loose filters: done")
    tap.check(("A", "api2", "198.51.100.9", 60) in d.records(), "loose filters: others are left alone")
    d.control("/world", {"loose": ""})
    d.set(["CNAME", "api", "elsewhere.example.net.", 60])
    done = new_agent(d).run("sync")
    tap.check(done.returncode == 3 and "api.example.com is a CNAME" in done.stderr and not d.writes(),
              "a CNAME in the way is named, nothing is written", done.stderr)


def slow_ovh(d):
    for name, knobs in (("404 after POST, id 0", {"lag_get": 2, "zero_id": True}),
                        ("lists lag behind, id 0", {"lag_list": 2, "zero_id": True}),
                        ("publishing takes seconds", {"publish_delay": 2.0}),
                        ("doubles are refused", {"refuse_duplicates": True})):
        d.set(*BEFORE, **knobs)
        tap.equal(run_well(new_agent(d, settle=20000)), None, name)
    d.set(*BEFORE)
    d.control("/zone/example.com", {"errors": ["bad MX"]})
    tap.equal(run_well(new_agent(d)), None, "a zone that was not published for an error is published anew")
    a_refresh_at_work(d)


def a_refresh_at_work(d):
    """Somebody else's: ours would be dropped."""
    d.set(*BEFORE, publish_delay=30.0)
    before = d.show()

    def written():
        """The calls that write, since the refresh."""
        writes = d.writes()
        return writes[writes.index("POST /domain/zone/example.com/refresh") + 1:]

    other = new_agent(d, records="[www]").start("sync")
    tap.check(wait_until(lambda: d.show()["refreshes"] > before["refreshes"]), "another refresh has begun")
    d.control("/zone/example.com", {"knobs": {"publish_delay": 0.0}})
    ours = new_agent(d).start("sync")
    tap.check(wait_until(lambda: len(written()) >= 5), "our records are written meanwhile", d.writes())
    tap.check(other.poll() is None and not [r for r in d.records("published") if r[1] == "www"],
              "and it is still at work", d.show()["published"])
    ours.communicate(timeout=180)
    other.communicate(timeout=180)
    after = d.show()
    tap.equal((ours.returncode, after["refreshes"] - before["refreshes"], after["dropped"] - before["dropped"]), (0, 2, 0),
              "a refresh waits for the one before")


def ways_to_sign_in(d):
    about = d.about
    oauth = {"client_id": about["client_id"], "client_secret": about["client_secret"],
             "token_url": about["token_url"]}
    d.set(*BEFORE)
    d.control("/client", {"token_life": 32})  # less than 30 s before its end it is renewed
    tap.equal(run_well(new_agent(d, **oauth)), None, "OAuth2")
    tokens = [c for c in d.calls("POST") if "oauth2" in c]
    tap.check(len(tokens) > 1, "tokens are renewed", tokens)
    d.control("/client", {"token_life": 3600, "actions": ["dnsZone:apiovh:get",
                                                          "dnsZone:apiovh:record/*"]})
    d.set(*BEFORE)
    done = new_agent(d, **oauth).run("sync")
    tap.check(done.returncode == 1 and "not allowed: dnsZone:apiovh:status/get" in done.stderr,
              "what IAM does not allow is named", done.stderr)
    d.control("/client", {"actions": ["*"]})
    done = new_agent(d, **dict(oauth, client_secret="wrong")).run("sync")
    tap.check(done.returncode == 1 and "client_id or client_secret is wrong" in done.stderr,
              "a wrong client secret", done.stderr)
    d.control("/world", {"skew": 86400.0})
    d.set(*BEFORE)
    tap.equal(run_well(new_agent(d)), None, "a clock that is a day off")
    d.control("/world", {"skew": 0})
    for name, change, message in (
            ("a wrong application secret", {"application_secret": "x"},
             "the application secret or the consumer key does not belong"),
            ("a wrong application key", {"application_key": "x"}, "is it the right one?"),
            ("a wrong consumer key", {"consumer_key": "x"}, "the consumer key is wrong")):
        keys = {k: about[k] for k in ("application_key", "application_secret", "consumer_key")}
        done = new_agent(d, **dict(keys, **change)).run("sync")
        tap.check(done.returncode == 1 and message in done.stderr, name, done.stderr)


def missing_rule(d):
    rules = [{"method": m, "path": p} for m, p in
             (("GET", "/domain/zone/example.com"), ("GET", "/domain/zone/example.com/*"),
              ("POST", "/domain/zone/example.com/record"), ("PUT", "/domain/zone/example.com/record/*"),
              ("DELETE", "/domain/zone/example.com/record/*"))]
    refresh = {"method": "POST", "path": "/domain/zone/example.com/refresh"}
    d.set(*BEFORE)
    d.control("/credential", {"rules": rules})
    agent = new_agent(d)
    done = agent.run("sync")
    tap.check(done.returncode == 1 and "POST /domain/zone/example.com/refresh: 403" in done.stderr and
              "no rule for this call" in done.stderr, "the rule that is missing is named", done.stderr)
    d.control("/credential", {"rules": rules + [refresh]})
    tap.equal(run_well(agent), None, "with the minimal rules the next run publishes what was written")
    everything = [{"method": m, "path": "/*"} for m in ("GET", "POST", "PUT", "DELETE")]
    d.control("/credential", {"rules": everything})
    agent.config.write_text("name: web\ndns: {zone: other.org, records: [a]}\n")
    done = agent.run("sync")
    tap.check(done.returncode == 1 and "This service does not exist" in done.stderr, "an unknown zone",
              done.stderr)


def name_servers(d):
    d.set(*BEFORE)
    d.control("/world", {"truncate": True})
    tap.equal(run_well(new_agent(d)), None, "replies that are cut are asked for again over TCP")
    d.control("/world", {"truncate": False})
    d.set(*BEFORE)
    agent = new_agent(d, nameservers=["127.0.0.1:1", "nowhere.invalid", d.about["dns"]])
    done = agent.run("sync", "--json")
    views = [s["state"] for s in json.loads(done.stdout)["servers"]]
    tap.equal((done.returncode, views), (0, ["silent", "silent", "serves"]),
              "of three name servers one answers: enough, and said")


def two_at_once(d):
    d.set(*BEFORE)
    agent = new_agent(d)
    d.fault("POST .*/record$", "silence", seconds=20)
    first = agent.start("sync")
    tap.check(wait_until(lambda: any(e["fault"] for e in d.log())), "one sync is at work")
    done = agent.run("sync")
    tap.check(done.returncode == 1 and "another 'dns sync'" in done.stderr, "another one is refused",
              done.stderr)
    first.kill()
    first.communicate()


def by_hand(d):
    """As root at a terminal: no credentials of systemd, and a state directory of another user's."""
    d.set(*BEFORE)
    agent = new_agent(d)
    del agent.env["CREDENTIALS_DIRECTORY"]
    SCRATCH.chmod(0o755)
    os.chown(agent.state, 65534, 65534)
    done = agent.run("sync", "--credentials", agent.credentials / "dns")
    owners = {(p.name, p.stat().st_uid) for p in agent.state.iterdir()}
    tap.equal((done.returncode, owners), (0, {("dns.json", 65534), ("lock-dns", 65534)}),
              "by hand as root: state stays its owner's")
    done = agent.run("show", "--credentials", "/nonexistent")
    tap.check(done.returncode == 1 and "cannot read the DNS credentials /nonexistent" in done.stderr,
              "credentials that are not there are named", done.stderr)


ROUTES = (
    (["203.0.113.9/24"], ["2a00:1450::9/64"], ("203.0.113.9", "2a00:1450::9")),
    (["203.0.113.9/24", "10.1.1.1/8"], ["fd00::1/64"], ("203.0.113.9", None)),
    (["203.0.113.9/24"], [], ("203.0.113.9", None)),
    (["10.0.2.15/24"], ["2a00:1450::9/64"], "only knows its private address 10.0.2.15"),
    ([], ["2a00:1450::9/64"], (None, "2a00:1450::9")),
    ([], [], "no public address (yet)"),
)


def inside_a_namespace(number):
    """Of `unshare --net`: what a server with these addresses makes of itself, as JSON."""
    def ip(*args):
        subprocess.run(["ip", *args], check=True)
    v4, v6, _ = ROUTES[number]
    ip("link", "set", "lo", "up")
    ip("link", "add", "out", "type", "veth", "peer", "name", "other")
    for name in ("out", "other"):
        ip("link", "set", name, "up")
    for address in v4:
        ip("address", "add", address, "dev", "out")
    for address in v6:
        ip("-6", "address", "add", address, "dev", "out", "nodad")
    if v4:
        ip("route", "add", "default", "dev", "out", "src", v4[0].partition("/")[0])
    if v6:
        ip("-6", "route", "add", "default", "dev", "out")
    d = Double()
    agent = Agent(PROGRAM, tempfile.mkdtemp(dir=SCRATCH), d, addresses=None)
    done = agent.run("show", "--json")
    d.stop()
    print(done.stdout)


def delegated_elsewhere():
    """Of `unshare --net --mount`: the name server is this machine's resolver too. JSON of both runs."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    conf = SCRATCH / "resolv.conf"
    conf.write_text("# a comment\nnameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", conf, "/etc/resolv.conf"], check=True)
    d = Double("--dns-port", 53)
    agent = Agent(PROGRAM, SCRATCH / "server", d, nameservers=None)
    reports = []
    for delegated in (["127.0.0.1"], ["ns1.other.example", "ns2.other.example"]):
        d.control("/zone/example.com", {"servers": ["127.0.0.1"], "delegated": delegated})
        reports.append(json.loads(agent.run("sync", "--json").stdout))
    d.stop()
    print(json.dumps([[r.get("elsewhere"), r.get("servers")] for r in reports]))


def delegation():
    done = subprocess.run(["unshare", "--net", "--mount", sys.executable, *sys.argv, "delegation"],
                          capture_output=True, text=True, timeout=120)
    serves = [{"name": "127.0.0.1", "state": "serves", "why": None}]
    wanted = [[None, serves], ["ns1.other.example, ns2.other.example", serves]]
    tap.check(done.returncode == 0 and json.loads(done.stdout) == wanted,
              "a zone that the world asks elsewhere for is warned of", done.stdout + done.stderr)


def own_addresses():
    for number, (v4, v6, wanted) in enumerate(ROUTES):
        done = subprocess.run(["unshare", "--net", sys.executable, *sys.argv, str(number)],
                              capture_output=True, text=True, timeout=120)
        said = json.loads(done.stdout or "{}")
        got = said.get("error", {}).get("message", "") if "error" in said else \
            (said.get("ipv4"), said.get("ipv6"))
        good = wanted in got if isinstance(wanted, str) else got == wanted
        tap.check(good, f"a server with {', '.join(v4 + v6) or 'no address'}", f"{got} {done.stderr}")


def secrets_are_nowhere(d):
    """Of all directories and outputs of this program: called last."""
    secrets = [d.about[k] for k in ("application_secret", "consumer_key", "client_secret")]
    found = []
    for path in SCRATCH.rglob("*"):
        if path.is_file() and path.parent.name != "credentials":
            text = path.read_text(errors="replace")
            found += [f"{path}: {s}" for s in secrets if s in text]
    d.set(*BEFORE)
    for args in (("sync",), ("show", "--json"), ("sync", "--verbose")):
        done = new_agent(d).run(*args)
        found += [f"{args}: {s}" for s in secrets if s in done.stdout + done.stderr]
    d.fault(".", "status", status=400, times=99, body={"message": "no"})
    done = new_agent(d).run("sync")
    found += [f"error: {s}" for s in secrets if s in done.stdout + done.stderr]
    d.control("/faults", None, post=True)
    tap.equal(found, [], "no secret is in state, output or messages")


# --- everything that can go wrong, everywhere ----------------------------------------------------------

PLACES = {
    "the time": "GET .*/auth/time",
    "a list": r"GET .*/record\?fieldType=A&",
    "a record": r"GET .*/record/\d+$",
    "a creation": "POST .*/record$",
    "a change": r"PUT .*/record/\d+$",
    "a removal": r"DELETE .*/record/\d+$",
    "the refresh": "POST .*/refresh$",
    "the status": "GET .*/status$",
}
MISHAPS = {
    "429": {"kind": "status", "status": 429},
    "429 with Retry-After": {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}},
    "500, twice": {"kind": "status", "status": 500, "times": 2},
    "503 in HTML": {"kind": "html"},
    "half an answer": {"kind": "half"},
    "a reset": {"kind": "reset"},
    "a reset after it was done": {"kind": "reset", "after": True},
    "nonsense": {"kind": "body", "body": "{\"a\": [1, 2"},
}


def mishap(place, name):
    d = mine()
    d.set(*BEFORE)
    d.fault(PLACES[place], **dict(MISHAPS[name]))
    trouble = run_well(new_agent(d))
    if not trouble and not any(e["fault"] for e in d.log()):
        trouble = "it never happened"
    return f"{name} at {place} is survived", trouble


def timeout(place):
    """The client gives up after 30 seconds."""
    d = mine()
    d.set(*BEFORE)
    d.fault(PLACES[place], "silence", seconds=40, after=True)
    return f"silence at {place} is survived", run_well(new_agent(d))


def long_trouble(place):
    d = mine()
    d.set(*BEFORE)
    agent = new_agent(d)
    d.fault(PLACES[place], "html", times=1000)
    done = agent.run("sync")
    if done.returncode != 5:
        return f"lasting trouble at {place}", f"exit status {done.returncode}: {done.stderr}"
    d.control("/faults", None, post=True)
    return f"lasting trouble at {place}: exit status 5, and the next run mends it", run_well(agent)


def die(call, after):
    """Killed at one call, before or after it was carried out; then run again."""
    d = mine()
    d.set(*BEFORE)
    agent = new_agent(d)
    d.fault(".", "silence", seconds=30, skip=call, after=after)
    child = agent.start("sync")
    reached = wait_until(lambda: any(e["fault"] for e in d.log()) or child.poll() is not None)
    ended = child.poll() is not None
    child.send_signal(signal.SIGKILL)
    child.communicate()
    d.control("/faults", None, post=True)
    trouble = "the call never came" if not reached or ended else run_well(agent)
    if not trouble:
        d.control("/log/clear", None, post=True)
        trouble = run_well(agent) or ("a third run writes: " + str(d.writes()) if d.writes() else None)
    return f"killed {'after' if after else 'before'} call {call + 1}", trouble


def lose(call):
    d = mine()
    d.set(*BEFORE)
    d.fault(".", "reset", skip=call, after=True)
    return f"the answer to call {call + 1} is lost", run_well(new_agent(d))


def main():
    d = Double()
    doubles.append(d)
    first_and_second_run(d)
    d.set(*BEFORE)
    new_agent(d).run("sync")
    calls = len(d.calls())
    tap.note(f"calls of a run with changes: {calls}")
    jobs = [(timeout, (place,)) for place in ("a creation", "the refresh")]
    jobs += [(long_trouble, (place,)) for place in ("a list", "a creation", "the refresh")]
    jobs += [(mishap, (place, name)) for place in PLACES for name in MISHAPS]
    jobs += [(die, (call, after)) for call in range(calls) for after in (False, True)]
    jobs += [(lose, (call,)) for call in range(calls)]
    with ThreadPoolExecutor(WORKERS) as pool:
        work = [pool.submit(f, *args) for f, args in jobs]
        for test in (other_records_in_the_way, slow_ovh, ways_to_sign_in, missing_rule, name_servers,
                     two_at_once, by_hand):
            test(d)
        own_addresses()
        delegation()
        for one in work:
            name, trouble = one.result()
            tap.check(trouble is None, name, trouble)
    secrets_are_nowhere(d)
    for one in doubles:
        one.stop()
    return tap.done()


if __name__ == "__main__":
    try:
        if len(sys.argv) == 2:
            sys.exit(main())
        elif sys.argv[2] == "delegation":
            delegated_elsewhere()
        else:
            inside_a_namespace(int(sys.argv[2]))
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)
