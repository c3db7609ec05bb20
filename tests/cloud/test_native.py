#!/usr/bin/env python3
"""
kbuild login, doctor, prices and its own OpenStack user against the double of OVH: test_native.py KBUILD [TEST…], as root.
In namespaces of its own, where the resolver of this machine asks the double's name server.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from lab import Double, wait_until  # first: it says where the others are
from clients import enter, go_inside, inside
from kbtest import Tap, take_interrupts

PROGRAM = str(Path(sys.argv[1]).resolve())
DEFINITION = """#cloud-config
kbuild:
  name: web
  base: {distribution: debian, release: trixie}
  dns: {zone: example.com, records: ["@"]}
  server: {cloud: ovh, region: GRA11, flavor: d2-2, volume: 20G}
"""
tap = Tap()


class Home:
    """A user's directory, with an ovh.conf for the double."""

    numbers = iter(range(10 ** 6))

    def __init__(self, scratch, d, way="key", **more):
        self.dir = scratch / f"home{next(self.numbers)}"
        self.dir.mkdir()
        self.conf = self.dir / ".ovh.conf"
        about = d.about
        keys = {"key": ("application_key", "application_secret", "consumer_key"), "none": (),
                "application": ("application_key", "application_secret"),
                "service": ("client_id", "client_secret", "token_url")}[way]
        keys = dict({k: about[k] for k in keys}, openstack_auth_url=about["auth_url"], **more)
        self.conf.write_text(f"; mine\n[default]\nendpoint={about['url']}\n\n[{about['url']}]\n" + "".join(
            f"{k}={v}\n" for k, v in keys.items()) + "\n[other]\nx = 1 # stays\n")
        self.conf.chmod(0o600)
        (self.dir / "web.yaml").write_text(DEFINITION)
        (self.dir / "secrets.yaml").write_text("dns: {endpoint: ovh-eu, client_id: i, client_secret: s}\n")
        (self.dir / "secrets.yaml").chmod(0o600)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("OVH_", "OS_", "XDG_", "KBUILD_"))}
        self.env.update(HOME=str(self.dir), NO_COLOR="1", LC_ALL="C.UTF-8", PATH="/usr/sbin:" + os.environ["PATH"])

    def start(self, *args, **env):
        if args[0] == "plan":  # of a definition with records
            args += ("--secrets", "secrets.yaml")
        return subprocess.Popen([PROGRAM, *map(str, args)], cwd=self.dir, env=dict(self.env, **env), text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def start_held(self, *args):
        """Begins when it is told to on its input, so that the process is known before its first call."""
        command = ["/bin/sh", "-c", 'read -r go && exec "$0" "$@"', PROGRAM, *map(str, args)]
        return subprocess.Popen(command, cwd=self.dir, env=self.env, text=True, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *args, timeout=180, **env):
        child = self.start(*args, **env)
        try:
            out, err = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
            err += "\n(killed by the test)"
        return subprocess.CompletedProcess(args, child.returncode, out, err)

    def doctor(self, *args, **env):
        """The findings by their names, and the exit status."""
        done = self.run("doctor", *args, "--json", "--quiet", **env)
        try:
            return {c["check"]: c for c in json.loads(done.stdout)["checks"]}, done.returncode
        except (json.JSONDecodeError, KeyError):
            return {"?": {"verdict": "?", "text": done.stdout + done.stderr}}, done.returncode

    def kept(self, d):
        return self.dir / f".local/state/kbuild/ovh/{d.about['project']}.json"

    def forget(self, *what):
        for name in what or (".local", ".cache"):
            shutil.rmtree(self.dir / name, ignore_errors=True)


def fresh(d):
    d.control("/reset", None, post=True)
    d.control("/credential", {"rules": [{"method": m, "path": p} for m in ("GET", "POST", "PUT", "DELETE")
                                        for p in ("/domain/zone/*", "/cloud/*")] + [{"method": "GET", "path": "/me"}]})
    d.control("/zone/example.com", {"delegated": None})
    d.control("/users", {"polls": 0, "late": 0})
    d.control("/project", {"expired": False, "status": "ok"})
    d.set()


def browse(url):
    """What a person does: opens the page and agrees."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        answer.read()


# --- login -------------------------------------------------------------------------------------------------------


def secrets_of(d):
    return [d.about[k] for k in ("application_secret", "client_secret", "consumer_key")]


def login(d, scratch):
    fresh(d)
    home = Home(scratch, d, "application")
    before = home.conf.read_text()
    child = home.start("login", "ovh", "--project", d.about["project"], "--zone", "example.com", "--json")
    first = json.loads(child.stdout.readline())
    tap.equal((first["state"], home.conf.read_text()), ("pendingValidation", before),
              "login: the page is told, and nothing is changed yet")
    time.sleep(0.5)
    browse(first["url"])
    rest, err = child.communicate(timeout=60)
    last = json.loads(rest)
    tap.equal((child.returncode, last["state"], last["file"]), (0, "validated", str(home.conf)),
              "login: it ends when somebody has agreed")
    after = home.conf.read_text()
    new = [line for line in after.splitlines() if line not in before.splitlines()]
    tap.check([line.partition("=")[0] for line in new] == ["consumer_key", "project"] and
              after.replace("\n".join(new) + "\n", "") == before,
              "login: key and project are new, all else is as it was", after)
    tap.equal(oct(home.conf.stat().st_mode & 0o777), "0o600", "login: the file is private")
    key = new[0].partition("=")[2]
    tap.check(not any(s in rest + err for s in [*secrets_of(d), key]), "login: no secret is printed")
    findings, status = home.doctor("web.yaml")
    rights = {c: f["verdict"] for c, f in findings.items() if c.startswith("right: ")}
    tap.check(len(rights) == 19 and set(rights.values()) == {"ok"},
              "login: the new key has each right that kbuild uses", findings)
    tap.equal(status, 0, "login: and doctor is content")
    done = home.run("login", "ovh", "--endpoint", d.about["url"], OVH_CONSUMER_KEY="x")
    tap.check(done.returncode == 2 and "would hide" in done.stderr, "login: a key in the environment is in the way")


def login_that_fails(d, scratch):
    fresh(d)
    home = Home(scratch, d, "application")
    before = home.conf.read_text()
    done = home.run("login", "ovh", "--timeout", "1s")
    tap.check(done.returncode == 7 and "nobody agreed" in done.stderr and home.conf.read_text() == before,
              "login: nobody agrees, nothing is changed", done.stderr)
    child = home.start("login", "ovh", "--json")
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=20)
    tap.equal((child.returncode, home.conf.read_text()), (130, before), "login: interrupted, nothing is changed")
    wrong = Home(scratch, d, "none", application_key="nobodys", application_secret="x")
    done = wrong.run("login", "ovh")
    tap.check(done.returncode == 1 and "This application key is invalid" in done.stderr,
              "login: an unknown application is told at once", done.stderr)
    none = Home(scratch, d, "none")
    done = none.run("login", "ovh", "--project", "p1", "--zone", "example.com", "--json")
    page = json.loads(done.stdout)
    tap.check(done.returncode == 0 and page["url"].startswith(d.about["url"].replace("/1.0", "/createToken/?GET="))
              and "&POST=/domain/zone/example.com/refresh" in page["url"],
              "login: without an application, the page that makes all keys", done.stdout)
    done = Home(scratch, d, "service").run("login", "ovh")
    tap.check(done.returncode == 2 and "--iam" in done.stderr, "login: a service account needs a policy instead")
    tap.equal(home.run("login", "aws").returncode, 2, "login: only for clouds that it knows")


def policy_without_federation(d, scratch):
    """Where nobody knows how a service account gets into OpenStack, as in the USA: the policy lets it make a user."""
    fresh(d)
    home = Home(scratch, d, "service", project=d.about["project"])
    done = home.run("login", "ovh", "--iam", "--zone", "example.com")
    actions = [a["action"] for a in json.loads(done.stdout)["permissions"]["allow"]]
    d.control("/client", {"actions": actions})
    good, findings = signs_in(home)
    tap.check(good and len(ours(d)) == 1, "iam: without federation these actions are enough for a user", findings)
    home.forget(".local")
    tap.check(signs_in(home)[0] and len(ours(d)) == 1, "iam: and for another password", actions)
    findings, status = home.doctor("web.yaml")
    bad = {c: f for c, f in findings.items() if f["verdict"] != "ok"}
    tap.equal((status, bad), (0, {}), "iam: and doctor is content")
    d.control("/client", {"actions": [a for a in actions if a != "publicCloudProject:apiovh:user/get"]})
    findings, status = home.doctor("web.yaml")
    tap.check(status == 1 and findings["right: see OpenStack users"]["verdict"] == "fail",
              "iam: doctor tells when it may not see the users", findings)
    d.control("/client", {"actions": ["*"]})


def policy(d, scratch):
    """The policy that is printed is enough: given to the service account, doctor finds nothing missing."""
    fresh(d)
    home = Home(scratch, d, "service", openstack_discovery=d.about["oidc_discovery"])
    done = home.run("login", "ovh", "--iam", "--project", d.about["project"], "--zone", "example.com")
    printed = json.loads(done.stdout)
    actions = [a["action"] for a in printed["permissions"]["allow"]]
    tap.equal(printed["resources"], [{"urn": f"urn:v1:eu:resource:publicCloudProject:{d.about['project']}"},
                                     {"urn": "urn:v1:eu:resource:dnsZone:example.com"},
                                     {"urn": "urn:v1:eu:resource:account:*"}],
              "iam: for this project and this zone only, and whose account it is")
    d.control("/client", {"actions": actions})
    findings, status = home.doctor("web.yaml", "--project", d.about["project"])
    bad = {c: f for c, f in findings.items() if f["verdict"] != "ok"}
    tap.equal((status, bad), (0, {}), "iam: with exactly these actions all is well")
    d.control("/client", {"actions": [a for a in actions if a != "dnsZone:apiovh:record/get"]})
    findings, status = home.doctor("web.yaml", "--project", d.about["project"])
    tap.check(status == 1 and findings["right: see its records"]["verdict"] == "fail",
              "iam: one that is taken away is named", findings)
    tap.check("--iam" in findings["right: see its records"].get("mend", ""), "iam: with what mends it")
    tap.equal(ours(d), [],
              "iam: a service account needs no OpenStack user")
    d.control("/client", {"actions": ["*"]})


# --- doctor ------------------------------------------------------------------------------------------------------

# What is wrong: how, and which finding tells it with which verdict and words; and what is written of the mend.
WRONG = [
    ("the clock is ten minutes off", ("/world", {"skew": 600}), "clock", "warn", "behind", "timedatectl"),
    ("a rule is missing", ("/credential", {"rules": [{"method": m, "path": p} for m, p in (
        ("GET", "/cloud/*"), ("POST", "/cloud/*"), ("GET", "/domain/zone/*"), ("POST", "/domain/zone/example.com/record"),
        ("PUT", "/domain/zone/*"), ("DELETE", "/domain/zone/*"))]}),
     "right: publish the zone", "fail", "POST /domain/zone/example.com/refresh is not allowed",
     "kbuild login ovh --project"),
    ("whose account it is may not be seen", ("/credential", {"rules": [{"method": m, "path": p} for m in (
        "GET", "POST", "PUT", "DELETE") for p in ("/domain/zone/*", "/cloud/*")]}),
     "right: see whose prices count", "warn", "another country's", "kbuild login ovh --project"),
    ("the key has expired", ("/faults", {"match": "^GET /1.0/auth/currentCredential", "kind": "body",
                                         "body": '{"status": "expired", "rules": []}'}),
     "consumer key", "fail", "is expired", "kbuild login ovh"),
    ("the key's time is over", ("/faults", {"match": "^GET /1.0/auth/currentCredential", "kind": "body", "body":
                                            '{"status": "validated", "expiration": "2020-01-01T00:00:00Z", "rules": []}'}),
     "consumer key", "fail", "has ended", "kbuild login ovh"),
    ("the region is not activated", ("/region/GRA11", {"active": False}), "region", "fail",
     "'GRA11' is not activated", None),
    ("the region is a local zone", ("/region/GRA11", {"kind": "localzone"}), "region", "fail",
     "local zone, where OVH takes no images", None),
    ("the region is down", ("/region/GRA11", {"status": "MAINTENANCE"}), "region", "fail", "MAINTENANCE", None),
    ("the flavor is sold out", ("/region/GRA11", {"flavors": {"d2-2": {"available": False}}}), "flavor", "fail",
     "sold out", None),
    ("no server more", ("/region/GRA11", {"limits": {"instances": 0}}), "quota: servers", "fail", "0 of 0 used",
     "Quota and Regions"),
    ("little room for volumes", ("/region/GRA11", {"limits": {"gigabytes": 10}}), "quota: volumes (GB)", "fail",
     "0 of 10 used, 20 wanted", None),
    ("the project is suspended", ("/project", {"status": "suspended"}), "project", "fail", "'suspended'", None),
    ("the zone is asked of others", ("/zone/example.com", {"delegated": ["ns1.example.net.", "ns2.example.net."]}),
     "delegation", "fail", "are seen by nobody", "name servers to"),
    ("the zone was never published", ("/zone/example.com", {"knobs": {"never_deploys": True}}), "published", "warn",
     "not served yet", "kbuild dns sync"),
]


def mend_world(d):
    d.control("/world", {"skew": 0.0})
    d.control("/region/GRA11", {"active": True, "kind": "region", "status": "UP",
                                "flavors": {"d2-2": {"available": True}},
                                "limits": {"instances": 20, "gigabytes": 2000}})
    fresh(d)


def doctor(d, scratch):
    fresh(d)
    home = Home(scratch, d)
    findings, status = home.doctor("web.yaml")
    bad = {c: f for c, f in findings.items() if f["verdict"] != "ok"}
    tap.equal((status, bad), (0, {}), "doctor: all is well")
    tap.note(f"calls of a first doctor, with signing in: {len(d.calls())}")
    d.control("/log/clear", None, post=True)
    home.doctor("web.yaml")
    tap.check(len(d.calls()) <= 18, f"doctor: {len(d.calls())} calls the second time", d.calls())
    for what, (path, data), check, verdict, words, mend in WRONG:
        mend_world(d)
        d.control(path, data)
        findings, status = home.doctor("web.yaml")
        found = findings.get(check, {})
        tap.check(found.get("verdict") == verdict and words in found.get("text", "") and
                  (not mend or mend in found.get("mend", "")) and status == (verdict == "fail"),
                  f"doctor: {what}", json.dumps({"status": status, "found": found, "all": findings}, indent=1))
    mend_world(d)


def doctor_without(d, scratch):
    fresh(d)
    findings, status = Home(scratch, d, "none").doctor("--cloud", "ovh")
    tap.check(status == 1 and findings["configuration"]["mend"] == "kbuild login ovh",
              "doctor: no keys: says where it looked, and what makes them", findings)
    findings, status = Home(scratch, d, "application").doctor("--cloud", "ovh")
    tap.check(status == 1 and "'consumer_key' is missing" in findings["configuration"]["text"] and
              ".ovh.conf:6" in findings["configuration"]["text"], "doctor: half of the keys, with their lines", findings)
    home = Home(scratch, d)
    home.conf.chmod(0o644)
    findings, status = home.doctor("--cloud", "ovh", "--region", "GRA11")
    tap.check(findings["configuration"]["verdict"] == "ok" or status == 0, "doctor: a file that others read is no failure")
    done = home.run("doctor", "--cloud", "ovh", "--region", "GRA11", "--quiet")
    tap.check("chmod 600" in done.stdout and done.returncode == 0, "doctor: but is told", done.stdout)
    tap.check(not any(s in done.stdout + done.stderr for s in secrets_of(d)), "doctor: no secret is printed")
    wrong = Home(scratch, d, "none", application_key=d.about["application_key"], application_secret="wrong",
                 consumer_key=d.about["consumer_key"])
    findings, status = wrong.doctor("--cloud", "ovh")
    tap.check(status == 1 and "Invalid signature" in findings["credential"]["text"],
              "doctor: a wrong secret is told", findings)
    done = wrong.run("doctor", "--cloud", "aws")
    tap.check(done.returncode == 2 and "there is no cloud 'aws'" in done.stderr, "doctor: a cloud that is none")


def way_in(d, **more):
    about = d.about
    return dict({"OS_AUTH_URL": about["auth_url"], "OS_USERNAME": about["user"], "OS_PASSWORD": about["password"],
                 "OS_PROJECT_ID": about["project"], "OS_USER_DOMAIN_NAME": "Default"}, **more)


def activate(d, scratch):
    fresh(d)
    home = Home(scratch, d)
    done = home.run("doctor", "--cloud", "ovh", "--activate", "DE1")
    tap.check(done.returncode == 0 and "DE1" in done.stdout, "doctor activates a region that it is told to", done.stderr)
    tap.check(wait_until(lambda: home.doctor("--cloud", "ovh", "--region", "DE1")[0]["region"]["verdict"] == "ok"),
              "and it is there")
    tap.equal(home.run("doctor", "--cloud", "ovh", "--activate", "../x").returncode, 2, "no name of a region")
    done = home.run("doctor", "--cloud", "ovh", "--activate", "MARS1")
    tap.check(done.returncode in (1, 5), "no such region", done.stderr)
    # The token of a run before has the catalogue of then.
    env = way_in(d)
    mend_world(d)
    d.control("/region/DE1", {"active": False})
    home = Home(scratch, d)
    home.doctor("--cloud", "ovh", "--region", "GRA11", **env)
    home.run("doctor", "--cloud", "ovh", "--activate", "DE1", **env)
    tap.check(wait_until(lambda: Home(scratch, d).doctor("--cloud", "ovh", "--region", "DE1")[0]["region"]["verdict"] == "ok"),
              "a region is activated again")
    findings, status = home.doctor("--cloud", "ovh", "--region", "DE1", **env)
    bad = {c: f for c, f in findings.items() if f["verdict"] != "ok"}
    tap.equal((status, bad), (0, {}), "a new region is looked for in a new catalogue")


def doctor_openstack(d, scratch):
    fresh(d)
    home = Home(scratch, d, "none")
    about = d.about
    env = {"OS_AUTH_URL": about["auth_url"], "OS_USERNAME": about["user"], "OS_PASSWORD": about["password"],
           "OS_PROJECT_ID": about["project"], "OS_USER_DOMAIN_NAME": "Default", "OS_REGION_NAME": "GRA11"}
    findings, status = home.doctor("--cloud", "openstack", **env)
    bad = {c: f for c, f in findings.items() if f["verdict"] != "ok"}
    tap.check(status == 0 and not bad and "quota: servers" in findings and "security groups" in findings,
              "doctor: an OpenStack that is well", findings)
    tap.check({"quota: volumes", "quota: volumes (GB)", "quota: ports", "quota: security groups", "quota: key pairs"} <=
              set(findings) and "no limit of their size" in findings["uploads"]["text"], "doctor: all of its quotas", findings)
    findings, status = home.doctor("web.yaml", "--cloud", "openstack", **env)
    tap.check(findings["flavor"]["text"].startswith("d2-2 is there: 1 CPUs, 2000 MB"), "doctor: the definition's flavor", findings)
    d.control("/region/GRA11", {"limits": {"ram": 1000}})
    findings, status = home.doctor("web.yaml", "--cloud", "openstack", **env)
    tap.check(findings["quota: memory (MB)"]["verdict"] == "fail" and "2000 wanted" in findings["quota: memory (MB)"]["text"],
              "doctor: and what it takes is asked of the quotas", findings)
    other = (home.dir / "web.yaml").read_text().replace("d2-2", "d2-22")
    (home.dir / "other.yaml").write_text(other)
    findings, status = home.doctor("other.yaml", "--cloud", "openstack", **env)
    tap.check(findings["flavor"]["verdict"] == "fail" and "'d2-22' in GRA11" in findings["flavor"]["text"], "doctor: one that is not there", findings)
    d.control("/region/GRA11", {"limits": {"ram": 40000}})
    for limits, check, verdict, words in (({"port": 0}, "quota: ports", "fail", "used, 1 wanted"),
                                          ({"volumes": 0}, "quota: volumes", "ok", "0 of 0 used, 0 wanted"),
                                          ({"security_group": 0}, "quota: security groups", "fail", "of 0 used"),
                                          ({"images_gb": 1}, "uploads", "ok", "room for 1024 MiB more")):
        mend_world(d)
        d.control("/region/GRA11", {"limits": limits})
        findings, status = home.doctor("--cloud", "openstack", **env)
        found = findings.get(check, {})
        tap.check(found.get("verdict") == verdict and words in found.get("text", "") and status == (verdict == "fail"),
                  f"doctor: {limits}", findings)
        d.control("/region/GRA11", {"limits": {"port": 200, "volumes": 20, "security_group": 20, "images_gb": 0}})
    for cloud in ("openstack", "ovh"):
        good, status = home.doctor("--cloud", cloud, **dict(env, OS_REGION_NAME="GRA11"))
        findings, status = home.doctor("--cloud", cloud, **dict(env, OS_PASSWORD="wrong"))
        tap.check(good["signing in"]["verdict"] == "ok" and status == 1 and findings["signing in"]["verdict"] == "fail",
                  f"doctor: {cloud}: a wrong password, although the last run's token lives", findings)
    findings, status = home.doctor("--cloud", "openstack", "--region", "MARS1", **env)
    bad = {c: f["text"] for c, f in findings.items() if f["verdict"] != "ok"}
    tap.check(status == 1 and list(bad) == ["region"] and "no region 'MARS1'" in bad["region"],
              "doctor: a region that is none is said once", findings)
    findings, status = home.doctor("--cloud", "openstack")
    tap.check(status == 1 and findings["configuration"]["verdict"] == "fail", "doctor: no way to sign in", findings)


def refused(d, scratch):
    """Who is refused is told by 1: it is no matter of waiting, as what ends with 5 is."""
    fresh(d)
    about = d.about
    way_in = {"OS_AUTH_URL": about["auth_url"], "OS_USERNAME": about["user"], "OS_PASSWORD": "wrong",
              "OS_PROJECT_ID": about["project"], "OS_USER_DOMAIN_NAME": "Default"}
    table = (("a consumer key that is none", "ovh", Home(scratch, d, consumer_key="x" * 32), {}, "consumer key is wrong"),
             ("an application key that is none", "ovh", Home(scratch, d, application_key="x" * 16), {}, "endpoint"),
             ("a service account's wrong secret", "ovh", Home(scratch, d, "service", client_secret="wrong"), {}, "client_secret is wrong"),
             ("a wrong password for OpenStack", "ovh", Home(scratch, d), way_in, "password or credential is wrong"),
             ("a wrong password", "openstack", Home(scratch, d, "none"), way_in, "password or credential is wrong"))
    for what, cloud, home, env, words in table:
        done = home.run("list", "--cloud", cloud, "--region", "GRA11", **env)
        tap.check(done.returncode == 1 and words in done.stderr, f"{what}: exit 1, and what to look at", f"{done.returncode} {done.stderr}")


def doctor_mixed(d, scratch):
    """OVH with a way into OpenStack of the user's own, and one that is broken."""
    fresh(d)
    about = d.about
    env = {"OS_AUTH_URL": about["auth_url"], "OS_USERNAME": about["user"], "OS_PASSWORD": about["password"],
           "OS_PROJECT_ID": about["project"], "OS_USER_DOMAIN_NAME": "Default"}
    findings, status = Home(scratch, d, "none").doctor("--cloud", "ovh", "--region", "GRA11", **env)
    tap.check(status == 0 and findings["configuration"]["verdict"] == "warn" and
              findings["services"]["verdict"] == "ok", "doctor: OS_* alone is enough for servers", findings)
    findings, status = Home(scratch, d).doctor("--cloud", "ovh", "--region", "GRA11", **env)
    tap.check(status == 0 and ours(d) == [], "doctor: with OS_* no user is made", findings)
    findings, status = Home(scratch, d).doctor("--cloud", "ovh", OS_CLOUD="nowhere")
    tap.check(status == 1 and "nowhere" in findings.get("way into OpenStack", {}).get("text", ""),
              "doctor: a way into OpenStack that is broken is told", findings)


# --- kbuild's own OpenStack user ---------------------------------------------------------------------------------


def ours(d):
    return [u for u in d.control("/cloud")["users"] if u["description"].startswith("kbuild ")]


LOOK = ("list", "--cloud", "ovh", "--region", "GRA11", "--quiet")


def signs_in(home):
    done = home.run(*LOOK)
    return done.returncode == 0, done.stdout + done.stderr


def of_yesterday(kept):
    """Another password, and not one that was made just now."""
    kept.write_text(json.dumps(dict(json.loads(kept.read_text()), password="of yesterday")))
    os.utime(kept, (time.time() - 86400,) * 2)


def only_looks(d, scratch):
    """plan and doctor make no user and no password, and go on with what is known without."""
    fresh(d)
    home = Home(scratch, d)
    d.control("/log/clear", None, post=True)
    findings, status = home.doctor("web.yaml")
    signing = findings.get("signing in", {})
    tap.check(status == 0 and signing.get("verdict") == "ok" and "'kbuild " in signing.get("text", ""),
              "look: doctor names the user that will be", findings)
    done = home.run("plan", "web.yaml", "--json", "--quiet")
    plan = json.loads(done.stdout or "{}")
    tap.equal((done.returncode, [i["what"] for i in plan.get("items", [])], plan.get("region"), plan.get("month", 0) > 0),
              (0, ["OpenStack user", "image", "key pair", "security group", "data volume", "server"], "GRA11", True),
              "look: so does a plan, with what it costs")
    tap.check(not ours(d) and not [c for c in d.calls() if not c.startswith("GET ")], "look: and nothing was made", d.calls())
    signs_in(home)
    user = ours(d)
    done = home.run("plan", "web.yaml", "--json", "--quiet")
    plan = json.loads(done.stdout or "{}")
    tap.equal([i["what"] for i in plan.get("items", []) if i["state"] == "make"],
              ["image", "key pair", "security group", "data volume", "server"], "look: with its user a plan sees all")
    of_yesterday(home.kept(d))
    home.forget(".cache")
    done = home.run("plan", "web.yaml")
    tap.check(done.returncode == 1 and "'kbuild list --cloud ovh'" in done.stderr and ours(d) == user,
              "look: a refused password is told, not renewed", done.stderr)
    tap.check(signs_in(home)[0] and home.run("plan", "web.yaml").returncode == 0, "look: what was told helps")


def two_machines(d, scratch):
    """Each has a user of its own, so that neither ends the other's password."""
    fresh(d)
    one, two = Home(scratch, d), Home(scratch, d)
    good = [signs_in(home)[0] for home in (one, two)]
    tap.equal((good, len({u["description"] for u in ours(d)})), ([True, True], 2), "user: two machines have two")
    kept = [home.kept(d).read_text() for home in (one, two)]
    for home in (one, two, one, two):
        home.forget(".cache")
        good.append(signs_in(home)[0])
    tap.equal((good, [home.kept(d).read_text() for home in (one, two)], len(ours(d))), ([True] * 6, kept, 2),
              "user: and both go on signing in with the password that they have")


def own_user(d, scratch):
    fresh(d)
    home = Home(scratch, d)
    d.control("/users", {"polls": 2})
    good, findings = signs_in(home)
    tap.check(good, "user: it is made, waited for, and signs in", findings)
    users = ours(d)
    tap.equal([sorted(u["roles"]) for u in users], [sorted(
        ["image_operator", "compute_operator", "network_operator", "network_security_operator", "volume_operator"])],
        "user: one, with the roles that are needed")
    kept = home.kept(d)
    tap.equal((oct(kept.stat().st_mode & 0o777), oct(kept.parent.stat().st_mode & 0o777)), ("0o600", "0o700"),
              "user: its password is kept privately")
    d.control("/log/clear", None, post=True)
    home.forget(".cache")
    tap.check(signs_in(home)[0] and not [c for c in d.calls() if "/user" in c], "user: the next run asks nothing about it")
    home.forget()
    tap.check(signs_in(home)[0] and len(ours(d)) == 1, "user: a lost password is made anew, for the same user", ours(d))
    # Somebody else's laptop has made another password: ours is refused.
    of_yesterday(kept)
    home.forget(".cache")
    good, findings = signs_in(home)
    tap.check(good and len(ours(d)) == 1 and json.loads(kept.read_text())["password"] != "of yesterday",
              "user: a refused password is made anew", findings)


def known_late(d, scratch):
    """OVH says that the user is there, and Keystone knows of it seconds later."""
    fresh(d)
    home = Home(scratch, d)
    d.control("/users", {"late": 7})
    began = time.monotonic()
    good, findings = signs_in(home)
    renewed = [c for c in d.calls("POST") if "regeneratePassword" in c]
    tap.check(good and len(ours(d)) == 1 and not renewed and time.monotonic() - began >= 7,
              "user: one that Keystone does not know yet is waited for, with the password that it has", [findings, renewed])
    home.forget()
    good, findings = signs_in(home)
    renewed = [c for c in d.calls("POST") if "regeneratePassword" in c]
    tap.check(good and len(ours(d)) == len(renewed) == 1, "user: so is a new password", [findings, renewed])
    fresh(d)
    home.forget()
    d.control("/users", {"late": 5})
    two_at_once(d, scratch, home, "known late, ")
    tap.equal([c for c in d.calls("POST") if "regeneratePassword" in c], [], "user: and none ends another's password")


def two_at_once(d, scratch, home=None, how=""):
    if not home:
        fresh(d)
        home = Home(scratch, d)
    children = [home.start(*LOOK) for _ in range(4)]
    said = [child.communicate(timeout=120) for child in children]
    tap.check([c.returncode for c in children] == [0] * 4 and len(ours(d)) == 1, f"user: {how}four runs at once make one", said)


def crashes(d, scratch):
    """Killed at each call that the first signing in makes, in three ways; run again: one user, and it works."""
    fresh(d)
    home = Home(scratch, d)
    signs_in(home)
    calls = [c for c in d.calls() if "/user" in c]
    cases = 0
    for n in range(len(calls)):
        for way in ("before", "after", "lost"):
            fresh(d)
            home.forget()
            child = home.start_held(*LOOK)
            d.fault(r"^(GET|POST) /1.0/cloud/project/[0-9a-f]+/user", "kill", skip=n, way=way, pid=child.pid)
            child.communicate("go\n", timeout=60)
            good, findings = signs_in(home)
            cases += 1
            if child.returncode != -signal.SIGKILL or not good or len(ours(d)) != 1:
                tap.check(False, f"user: killed at call {n} ({way})", [child.returncode, ours(d), findings])
    tap.check(cases == 3 * len(calls) >= 9, f"user: killed at each of {len(calls)} calls in three ways, "
              f"{cases} cases: one user, and it signs in", calls)
    for kind, more in (("reset", {"after": True}), ("half", {}), ("html", {"after": True}), ("reset", {})):
        fresh(d)
        home.forget()
        d.fault("^POST /1.0/cloud/project/[0-9a-f]+/user$", kind, **more)
        first = signs_in(home)[0]
        good = first or signs_in(home)[0]
        tap.equal((good, len(ours(d))), (True, 1), f"user: the answer is lost ({kind}): one user all the same")


# --- prices ------------------------------------------------------------------------------------------------------


def catalogue(d):
    """An hour's price by plan, in 1e-8 of the currency: asked as anybody may."""
    with urllib.request.urlopen(d.about["url"] + "/order/catalog/public/cloud?ovhSubsidiary=FR", timeout=10) as answer:
        addons = json.load(answer)["addons"]
    return {a["planCode"]: p["price"] for a in addons for p in a["pricings"] if "consumption" in p["capacities"]}


def prices(d, scratch):
    fresh(d)
    home = Home(scratch, d)
    done = home.run("plan", "web.yaml", "--json", "--quiet")
    plan = json.loads(done.stdout)
    hour = catalogue(d)
    want = (hour["d2-2.consumption"] + 20 * hour["volume.classic.consumption"]) * 730
    tap.equal((plan["currency"], round(plan["month"] * 10 ** 8)), ("EUR", want),
              "prices: server and volume, for 730 hours, to the last digit")
    tap.equal((plan["carbon_g"], "10 W" in plan["carbon_basis"]), (438, True),
              "prices: and its electricity, where that is known, with what is assumed")
    other = home.run("plan", "web.yaml", "--flavor", "b3-16", "--quiet")
    tap.check("CO2e: not known (nobody has published" in other.stdout, "prices: else it says that it is not",
              other.stdout + other.stderr)
    d.control("/log/clear", None, post=True)
    home.forget()
    d.control("/reset", None, post=True)
    home.run("plan", "web.yaml", "--quiet")
    tap.equal([c for c in d.calls() if "/me" in c or not c.startswith("GET ")], ["GET /me"], "prices: a plan makes nothing")
    d.control("/log/clear", None, post=True)
    home.run("plan", "web.yaml", "--json", "--quiet")
    tap.check(not [c for c in d.calls() if "/order/" in c], "prices: the catalogue is asked for once a day", d.calls())
    home.forget(".cache")
    d.control("/log/clear", None, post=True)
    home.run("plan", "web.yaml", "--quiet", OVH_SUBSIDIARY="GB")
    tap.equal([c for c in d.calls() if "/order/" in c or "/me" in c],
              ["GET /order/catalog/public/cloud?ovhSubsidiary=GB"], "prices: whose they are may be said")
    home.forget(".cache")
    done = home.run("plan", "web.yaml")
    tap.check("catalogue for" not in done.stderr, "prices: nothing is said of whose they are where that is known", done.stderr)
    home.forget(".cache")
    d.control("/credential", {"rules": [{"method": "GET", "path": "/cloud/*"}]})
    for _ in range(2):
        done = home.run("plan", "web.yaml")
        tap.check("EUR" in done.stdout and done.stderr.count("prices are those of OVH's catalogue for FR") == 1,
                  "prices: whose they are is said where it is not", done.stdout + done.stderr)
    fresh(d)
    home.forget(".cache")
    d.fault("/order/catalog", "body", body='{"locale": {"currencyCode": "EUR"}, "addons": [{"planCode": "x"}]}')
    done = home.run("plan", "web.yaml")
    tap.check(done.returncode == 0 and "no prices: the reply's 'catalogue.addons' holds no price" in done.stderr and
              "EUR" not in done.stdout, "prices: a catalogue that is none stops nobody", done.stdout + done.stderr)
    text = (home.dir / "web.yaml").read_text()
    for region, words in (("EU-WEST-LZ-BRU-A", "takes no images"), ("DE1", "is not activated"),
                          ("GRA1", "is not activated")):
        (home.dir / "web.yaml").write_text(text.replace("GRA11", region))
        done = home.run("plan", "web.yaml", "--quiet")
        tap.check(done.returncode != 0 and words in done.stdout + done.stderr, f"plan: {region} {words}",
                  done.stdout + done.stderr)
    (home.dir / "web.yaml").write_text(text.replace("GRA11", "SBG5").replace("d2-2", "b2-7"))
    d.control("/region/SBG5", {"flavors": {"b2-7": {"available": False}}})
    done = home.run("plan", "web.yaml", "--quiet")
    tap.check(done.returncode != 0 and "sold out in the region SBG5" in done.stdout + done.stderr,
              "plan: a flavor that is sold out", done.stdout + done.stderr)


def spared(d, scratch):
    """With a way into OpenStack of one's own, OVH's API only knows more: without it things go on."""
    about = d.about
    env = {"OS_AUTH_URL": about["auth_url"], "OS_USERNAME": about["user"], "OS_PASSWORD": about["password"],
           "OS_PROJECT_ID": about["project"], "OS_USER_DOMAIN_NAME": "Default"}
    for what, project, break_it in (
            ("a key for DNS only", None, lambda: d.control("/credential", {"rules": [{"method": "GET", "path": "/domain/*"}]})),
            ("a key for DNS only, and a project", about["project"],
             lambda: d.control("/credential", {"rules": [{"method": "GET", "path": "/domain/*"}]})),
            ("a key that is none", None, lambda: None),
            ("an outage", None, lambda: d.fault("^(GET|POST) /1.0/cloud", "status", status=503, times=999))):
        fresh(d)
        more = {"consumer_key": "x" * 32} if "none" in what else {}
        home = Home(scratch, d, **dict(more, project=project) if project else more)
        break_it()
        done = home.run("plan", "web.yaml", "--json", **env)
        plan = json.loads(done.stdout or "{}")
        tap.check(done.returncode == 0 and plan.get("currency") == "EUR" and plan.get("month", 0) > 0 and
                  done.stderr.count("going on without OVH's own API") == 1,
                  f"spared: {what}: a plan with prices, and a word of it", f"{done.returncode} {done.stdout} {done.stderr}")
        d.control("/faults", None, post=True)
    fresh(d)
    home = Home(scratch, d)
    d.control("/credential", {"rules": [{"method": "GET", "path": "/domain/*"}]})
    done = home.run("plan", "web.yaml")
    tap.check(done.returncode == 1 and "has not been granted" in done.stderr, "spared: but not where it is the way in", done.stderr)
    fresh(d)
    d.control("/region/GRA11", {"status": "MAINTENANCE"})
    done = home.run("plan", "web.yaml", "--json", **env)
    tap.check(done.returncode != 0 and "MAINTENANCE" in done.stdout + done.stderr, "spared: what it does say counts", done.stdout + done.stderr)
    mend_world(d)


def one_project(d, scratch):
    """The project that OpenStack is signed in to is the one that OVH's own API is asked about."""
    about = d.about
    user = {"OS_AUTH_URL": about["auth_url"], "OS_USERNAME": about["user"], "OS_PASSWORD": about["password"],
            "OS_USER_DOMAIN_NAME": "Default"}
    by_id, by_name = dict(user, OS_PROJECT_ID=about["project"]), dict(user, OS_PROJECT_NAME="kbuild-double", OS_PROJECT_DOMAIN_NAME="Default")
    for what, env, said in (("of two, by its id", by_id, False), ("of two, by its name", by_name, False),
                            ("and another one in ovh.conf", by_id, True), ("by its name, and another one in ovh.conf", by_name, True)):
        mend_world(d)
        other = d.control("/another", {"name": "other", "regions": ["SBG5"]})["id"]
        home = Home(scratch, d, **({"project": other} if said else {}))
        done = home.run("plan", "web.yaml", "--json", **env)
        tap.check(done.returncode == 0 and json.loads(done.stdout or "{}").get("month", 0) > 0 and
                  "going on without" not in done.stderr and (f"and not about {other} (" in done.stderr) == said,
                  f"one project: {what}", f"{done.returncode} {done.stdout} {done.stderr}")
        tap.check(not [c for c in d.calls() if other in c], f"one project: {what}: the other one is not asked about", d.calls())
        d.control("/region/GRA11", {"status": "MAINTENANCE"})
        done = home.run("plan", "web.yaml", **env)
        tap.check(done.returncode != 0 and "MAINTENANCE" in done.stdout + done.stderr, f"one project: {what}: what is said of it counts",
                  done.stdout + done.stderr)
    mend_world(d)
    other = d.control("/another", {"name": "other", "regions": ["SBG5"]})["id"]
    findings, status = Home(scratch, d, project=other).doctor("web.yaml", **by_id)
    tap.check(status == 0 and about["project"] in findings["project"]["text"] and other in findings["project of OpenStack"]["text"],
              "one project: doctor looks at it, and says that another one was said", findings)
    for what, env in (("id", by_id), ("name", by_name)):
        mend_world(d)
        other = d.control("/another", {"name": "other", "regions": ["SBG5"]})["id"]
        home = Home(scratch, d, project=other)
        findings, status = home.doctor("web.yaml", **env)
        tap.check(status == 0 and not [c for c in d.calls() if other in c] and about["project"] in findings["right: see the project"]["text"],
                  f"one project: by its {what}: doctor asks about no other one", [findings, d.calls()])
        d.control("/region/GRA11", {"active": False})
        done = home.run("plan", "web.yaml", **env)
        tap.check(f"'kbuild doctor --cloud ovh --project {about['project']} --activate GRA11'" in done.stderr,
                  f"one project: by its {what}: what mends it names the project", done.stderr)
        done = home.run("doctor", "--cloud", "ovh", "--activate", "GRA11", "--json", **env)
        tap.equal((done.returncode, json.loads(done.stdout or "{}"), [c for c in d.calls("POST") if "/region" in c]),
                  (0, {"activating": "GRA11", "project": about["project"]}, [f"POST /cloud/project/{about['project']}/region"]),
                  f"one project: by its {what}: a region is activated in it, not in the one of ovh.conf")
        done = home.run("doctor", "--cloud", "ovh", "--activate", "GRA11", "--json", "--project", other, **env)
        tap.equal(json.loads(done.stdout or "{}").get("project"), other, f"one project: by its {what}: --project counts more")
    home.forget(".cache")
    done = home.run("doctor", "--cloud", "ovh", "--activate", "GRA11", **dict(by_name, OS_PASSWORD="wrong"))
    tap.check(done.returncode == 1 and "--project ID" in done.stderr, "one project: none is activated where it is not known",
              done.stderr)
    mend_world(d)


TESTS = (login, login_that_fails, policy, policy_without_federation, doctor, doctor_without, activate, doctor_openstack, refused, doctor_mixed, only_looks, own_user, two_machines,
         two_at_once, known_late, crashes, prices, spared, one_project)


def main():
    take_interrupts()
    if not inside():
        go_inside()
    scratch = Path(tempfile.mkdtemp(prefix="kbuild-native-"))
    enter(scratch, ["localhost"])
    (scratch / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", scratch / "resolv.conf", "/etc/resolv.conf"], check=True)
    d = Double("--dns-port", 53)
    try:
        for test in TESTS:
            if not sys.argv[2:] or test.__name__ in sys.argv[2:]:
                test(d, scratch)
    finally:
        d.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
