#!/usr/bin/env python3
"""Signing in at a real Keystone: each way that users have, what goes wrong, and tokens that end under way.

  test_session.py BUILD [STATE]     prints TAP; STATE: of a running lab with core and nova (its Keystone is restarted
                                    and its tokens' life changed for a while), else one is started
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lab import PROJECT, Lab, Proxy, Tap  # noqa: E402

TAP = Tap()


class Caller:
    """The session by hand and the program, as one user with a configuration and a cache of his own."""

    def __init__(self, build, lab):
        self.tool = Path(build, "tests/cloud/os_tool").resolve()
        self.kbuild = Path(build, "builder/kbuild").resolve()
        self.lab, self.scratch = lab, Path(tempfile.mkdtemp(prefix="kbuild-session-"))
        self.cache, self.configs = self.scratch / "cache", 0
        self.clouds = yaml.safe_load(lab.clouds.read_text())["clouds"]

    def env(self, **variables):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
        return dict(clean, KBUILD_CACHE=str(self.cache), KBUILD_STATE=str(self.scratch / "state"),
                    HOME=str(self.scratch), LC_ALL="C.UTF-8", NO_COLOR="1", **variables)

    def config(self, entry):
        """A clouds.yaml with that one entry; what leads to it."""
        self.configs += 1
        path = self.scratch / str(self.configs) / "clouds.yaml"
        path.parent.mkdir()
        path.write_text(yaml.safe_dump({"clouds": {"it": entry}}))
        path.chmod(0o600)
        return {"OS_CLIENT_CONFIG_FILE": str(path), "OS_CLOUD": "it"}

    def entry(self, name="gra", **auth):
        """The lab's entry with other members of auth; None: without it."""
        found = json.loads(json.dumps(self.clouds[name]))
        found["auth"].update(auth)
        found["auth"] = {k: v for k, v in found["auth"].items() if v is not None}
        return found

    def hand(self, lines, variables, keep=True):
        """[(outcome, text)] of each line; the whole output as .text; .calls that were made."""
        if not keep:
            shutil.rmtree(self.cache, ignore_errors=True)
        done = subprocess.run([self.tool, self.cache], input="\n".join(lines) + "\n", env=self.env(**variables),
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        answers = []
        for line in done.stdout.splitlines():
            code, _, text = line.partition(" ")
            answers.append((int(code), text))
        calls = re.search(r"calls: (\d+)", done.stderr)
        return Answers(answers, done.stdout + done.stderr, int(calls[1]) if calls else 0)

    def verb(self, *args, variables):
        return subprocess.run([self.kbuild, *args], env=self.env(**variables), text=True, cwd=self.scratch,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)

    def kept(self):
        found = list((self.cache / "tokens").glob("*.json"))
        return found[0] if found else None

    def close(self):
        shutil.rmtree(self.scratch, ignore_errors=True)


class Answers(list):
    def __init__(self, answers, text, calls):
        super().__init__(answers)
        self.text, self.calls = text, calls

    @property
    def codes(self):
        return [code for code, _ in self]


LIST = ["call image - GET /images?limit=1"]


def ways(c):
    auth = c.clouds["gra"]["auth"]
    plain = {f"OS_{k.upper()}": v for k, v in auth.items()}
    key = c.lab.credential
    table = {
        "password, clouds.yaml": c.config(c.entry()),
        "password, OS_* alone": dict(plain, OS_REGION_NAME="GRA11"),
        "password, auth_url without /v3": dict(plain, OS_REGION_NAME="GRA11", OS_AUTH_URL=auth["auth_url"][:-3]),
        "password, project by id": dict(plain, OS_REGION_NAME="GRA11", OS_PROJECT_NAME="",
                                        OS_PROJECT_ID=c.lab.call("GET", "keystone", "/v3/auth/projects")[1]
                                        ["projects"][0]["id"]),
        "application credential, clouds.yaml": c.lab.env("credential"),
        "application credential, OS_*": {
            "OS_AUTH_TYPE": "v3applicationcredential", "OS_AUTH_URL": auth["auth_url"], "OS_REGION_NAME": "GRA11",
            "OS_APPLICATION_CREDENTIAL_ID": key["id"], "OS_APPLICATION_CREDENTIAL_SECRET": key["secret"]},
        "a token from elsewhere": {
            "OS_AUTH_TYPE": "v3token", "OS_AUTH_URL": auth["auth_url"], "OS_REGION_NAME": "GRA11",
            "OS_TOKEN": c.lab.token(), "OS_PROJECT_NAME": PROJECT, "OS_PROJECT_DOMAIN_NAME": "Default"},
    }
    for name, variables in table.items():
        got = c.hand(LIST + ["regions image", "call image SBG5 GET /images?limit=1"], variables, keep=False)
        TAP.check(got.codes == [0, 0, 0] and got[1][1] == "GRA11 SBG5", f"{name}: both regions answer", got.text)


def tokens(c):
    variables = c.config(c.entry())
    first = c.hand(LIST + ["token 60"], variables, keep=False)
    again = c.hand(LIST + ["token 60"], variables)
    TAP.check(again.codes == [0, 0] and again.calls < first.calls and again[1] == first[1],
              "the next run has the token of the last", f"{first.calls} then {again.calls} calls\n{again.text}")
    file = c.kept()
    TAP.check(file and file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700,
              "it is kept for this user's eyes")
    TAP.check(file and c.lab.password not in file.read_text(), "without the password")
    other = c.hand(["project"], c.lab.env("two"))
    TAP.check(other.codes == [0] and other[0] != c.hand(["project"], variables)[0],
              "another user's sign-in has another token", other.text)

    shutil.rmtree(c.cache, ignore_errors=True)
    got = c.hand(["token 60"], variables)
    token = json.loads(c.kept().read_text())["token"]
    TAP.equal(c.lab.revoke(token), 204, "a kept token is revoked")
    after = c.hand(LIST + ["token 60", "call identity - GET /auth/projects"], variables)
    TAP.check(after.codes == [0, 0, 0] and after[1] != got[0], "a new one is got, unasked", after.text)
    file = c.kept()
    file.write_text(file.read_text().replace(json.loads(file.read_text())["token"], "gAAAAAnonsense"))
    TAP.equal(c.hand(LIST, variables).codes, [0], "a kept token that is none is no obstacle")
    file.write_text("{")
    TAP.equal(c.hand(LIST, variables).codes, [0], "nor is a damaged file")


def expiry(c):
    variables = c.config(c.entry())
    # Longer than a call takes on a busy machine.
    c.lab.set_ttl(20)
    try:
        got = c.hand(["token 0"] + LIST + ["sleep 22000"] + LIST + ["call compute - GET /servers", "token 0"],
                     variables, keep=False)
        TAP.check(got.codes == [0] * 6 and got[0] != got[5], "a token that ends under way is renewed", got.text)
        time.sleep(22)
        TAP.equal(c.hand(LIST, variables).codes, [0], "one that ended between two runs as well")
    finally:
        c.lab.set_ttl(3600)


def refusals(c):
    """entry or variables, what is called, outcome, what the message must and must not have"""
    auth = c.clouds["gra"]["auth"]
    wrong = "not-the-password-4711"
    closed = auth["auth_url"].replace(str(c.lab.port("keystone")), "1")
    table = [
        ("wrong password", c.entry(password=wrong), LIST, -1, "401", "password .* is wrong"),
        ("wrong user", c.entry(username="nobody-here"), LIST, -1, "401", "user, .* is wrong"),
        ("wrong project", c.entry(project_name="no-such-project"), LIST, -1, "401", "not belong to this project"),
        ("another's project", c.entry(project_name="6543210987654321"), LIST, -1, "401", "not belong to this project"),
        ("wrong secret", c.entry("credential", application_credential_secret=wrong), LIST, -1, "401",
         "credential is wrong"),
        ("no such region", dict(c.entry(), region_name="XYZ1"), LIST, -1, "XYZ1", "GRA11"),
        ("a region without the service", dict(c.entry(), region_name="SBG5"), ["call compute - GET /servers"], -1,
         "compute", "GRA11"),
        ("no password", c.entry(password=None), LIST, -3, "clouds.yaml", "password"),
        ("no project", c.entry(project_name=None), LIST, -3, "clouds.yaml", "project"),
        ("nobody listens", c.entry(auth_url=closed), LIST, -5, "127.0.0.1:1|connect", ""),
    ]
    for name, entry, lines, code, *words in table:
        got = c.hand(lines, c.config(entry), keep=False)
        last = got[-1] if got else (None, "")
        # What is wrong before the first call is said by the tool's one line.
        TAP.check(last[0] == code and all(re.search(w, last[1]) for w in words if w),
                  f"{name}: {last[1][:110]}", got.text)
        TAP.check(wrong not in got.text and c.lab.password not in got.text, f"{name}: and no secret in it")


def exits(c):
    """The program's own exit codes for the same."""
    wrong = "not-the-password-4711"
    closed = c.clouds["gra"]["auth"]["auth_url"].replace(str(c.lab.port("keystone")), "1")
    table = [
        ("right", c.entry(), 0, ""),
        ("application credential", c.entry("credential"), 0, ""),
        # What will not come right by waiting is 1, a network that does not answer 5.
        ("wrong password", c.entry(password=wrong), 1, "password .* is wrong"),
        ("no such region", dict(c.entry(), region_name="XYZ1"), 2, "GRA11"),
        ("half a sign-in", c.entry(password=None), 3, "password"),
        ("nobody listens", c.entry(auth_url=closed), 5, "connect"),
    ]
    for name, entry, code, words in table:
        shutil.rmtree(c.cache, ignore_errors=True)
        done = c.verb("list", "--cloud", "openstack", variables=c.config(entry))
        TAP.check(done.returncode == code and re.search(words, done.stderr),
                  f"kbuild list, {name}: exit {code}", f"exit {done.returncode}\n{done.stdout}{done.stderr}")
        TAP.check(wrong not in done.stdout + done.stderr, f"kbuild list, {name}: no secret in it")


def services(c):
    """Keystone and Glance at their worst."""
    variables = c.config(c.entry())
    with Proxy(c.lab.port("keystone")) as proxy:
        through = c.config(c.entry(auth_url=f"http://127.0.0.1:{proxy.port}/v3"))
        for kind in ("refuse", "lost", "answer"):
            proxy.clear()
            fault = proxy.add("POST /v3/auth/tokens", kind, status=503)
            got = c.hand(LIST, through, keep=False)
            TAP.check(got.codes == [0] and fault.met == 1, f"signing in, {kind}: tried again", got.text)
        proxy.clear()
        proxy.add("POST /v3/auth/tokens", "answer", status=502, times=99)
        got = c.hand(LIST, through, keep=False)
        TAP.check(got.codes == [-5] and "502" in got.text and "<h" not in got.text,
                  f"a gateway's page is no answer: {got[-1][1][:100]}", got.text)
    many = ["call image - GET /images?limit=1", "call identity - GET /auth/projects"] * 20
    conf = c.lab.state / "etc/uwsgi-keystone.ini"
    kind = conf.read_text()
    try:
        conf.write_text(kind.replace("add-header = Connection: close\n", ""))
        c.lab.service("restart", "keystone")
        got = c.hand(many, variables, keep=False)
        TAP.equal(got.codes, [0] * len(many), "connections closed unannounced are no error")
    finally:
        conf.write_text(kind)
        c.lab.service("restart", "keystone")
    got = c.hand(LIST, variables)
    TAP.equal(got.codes, [0], "a token outlives a restart of Keystone")


def encrypted(build):
    with Lab("core", "tls") as lab:
        c = Caller(build, lab)
        entry = c.entry()
        TAP.equal(c.hand(LIST, c.config(entry)).codes, [0], "https with the authority that clouds.yaml names")
        got = c.hand(LIST, c.config({k: v for k, v in entry.items() if k != "cacert"}), keep=False)
        TAP.check(got.codes == [-5] or got.codes == [-1], f"and not without: {got[-1][1][:100]}", got.text)
        c.close()


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    build = sys.argv[1]
    with Lab("core", "nova", state=sys.argv[2] if len(sys.argv) > 2 else None) as lab:
        c = Caller(build, lab)
        for part in (ways, tokens, refusals, services, expiry, exits):
            part(c)
        c.close()
    encrypted(build)
    return TAP.done()


if __name__ == "__main__":
    sys.exit(main())
