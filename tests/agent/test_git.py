#!/usr/bin/env python3
"""The git role against real servers: git-http-backend behind TLS, and sshd, on loopback.

    tests/agent/test_git.py BUILD-DIRECTORY [--only=WORD]

Needs root (sshd) and openssh-server. The calls are made as a verb makes them, confinement included.
"""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]
import gitserver  # noqa: E402
from kbtest import Tap  # noqa: E402


class Agent:
    def __init__(self, lab, tool):
        self.lab, self.tool = lab, str(tool)

    def argv(self, *args):
        return [self.tool, self.lab.config, self.lab.state, *args]

    def run(self, *args, timeout=120):
        """The answers of all operations (separated by "--") as objects."""
        p = subprocess.run(self.argv(*args), env=self.lab.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, timeout=timeout)
        answers = [json.loads(line) for line in p.stdout.splitlines()]
        return answers if "--" in args else answers[0] if answers else {"died": p.stderr}

    def fresh(self):
        shutil.rmtree(self.lab.state)
        os.makedirs(self.lab.state)

    def release(self, sha):
        return os.path.join(self.lab.state, "releases", sha)

    def repo(self, *names):
        return os.path.join(self.lab.state, "repo.git", *names)


def listing(root):
    """Every file of a tree: kind, mode, content; of git's own checkout and of ours."""
    out = {}
    for where, dirs, files in os.walk(root):
        if ".git" in dirs:
            dirs.remove(".git")
        for name in dirs + files:
            path = os.path.join(where, name)
            rel = os.path.relpath(path, root)
            if os.path.islink(path):
                out[rel] = ("link", os.readlink(path))
            elif os.path.isdir(path):
                out[rel] = ("directory", oct(os.stat(path).st_mode & 0o777))
            else:
                with open(path, "rb") as f:
                    out[rel] = ("file", oct(os.stat(path).st_mode & 0o777), f.read())
    return out


def failed(answer, transient, *words):
    return answer.get("error") and answer["transient"] == transient and all(w in answer["message"] for w in words)


def ordinary(tap, lab, agent, kind):
    lab.configure(kind)
    agent.fresh()
    first = lab.commit({"compose.yaml": "services: {}\n", "bin/run": "#!/bin/sh\n", "deep/er/file": "x" * 70000})
    os.chmod(os.path.join(lab.work, "bin/run"), 0o755)
    if not os.path.islink(os.path.join(lab.work, "deep/link")):
        os.symlink("../compose.yaml", os.path.join(lab.work, "deep/link"))
    second = lab.commit({"empty": ""}, "second: with ümlauts")
    tap.equal(agent.run("check"), {"tip": second, "unchanged": False}, f"{kind}: the check tells the tip")
    tap.equal(agent.run("check", second), {"tip": second, "unchanged": True}, f"{kind}: and that it is known")
    tap.check(not os.path.exists(agent.repo("objects")), f"{kind}: without fetching anything")
    tap.equal(agent.run("fetch"), {"tip": second}, f"{kind}: fetch")
    got = agent.run("describe", second, "--", "write", second, "--", "good", second, "--", "verify", second)
    tap.check(got[0].get("subject") == "second: with ümlauts" and got[0].get("author") == "Tester" and
              abs(got[0].get("time", 0) - time.time()) < 600, f"{kind}: a commit is described", got)
    tap.equal(got[1:], [{}, {}, {"outcome": "unsigned", "who": "it is not signed"}], f"{kind}: write, good, verify")
    ours, theirs = listing(agent.release(second)), listing(lab.work)
    for entry in list(theirs):
        if theirs[entry][0] == "directory":
            theirs[entry] = ("directory", "0o755")
    tap.check(ours == theirs, f"{kind}: the release is what git checks out", f"{sorted(ours)}\n{sorted(theirs)}")
    third = lab.commit({"more": "3"})
    tap.equal(agent.run("check", second), {"tip": third, "unchanged": False}, f"{kind}: a new commit is seen")
    tap.equal(agent.run("fetch"), {"tip": third}, f"{kind}: and fetched")
    relations = agent.run("relation", second, third, "--", "relation", third, second, "--",
                          "relation", third, third, "--", "relation", "0" * 40, third)
    tap.equal([r.get("relation") for r in relations], ["descendant", "ancestor", "equal", "diverged"],
              f"{kind}: how revisions stand to each other")
    lab.git("reset", "-q", "--hard", first)
    forced = lab.commit({"other": "way"})
    tap.equal(agent.run("fetch", "--", "relation", third, forced)[1], {"relation": "diverged"},
              f"{kind}: a branch that was forced")
    lab.push(first)
    tap.equal(agent.run("fetch", "--", "relation", forced, first)[1], {"relation": "ancestor"},
              f"{kind}: a branch that was set back")
    tap.check(agent.run("write", second) == {} and agent.run("write", "1" * 40).get("transient") is False,
              f"{kind}: what was fetched stays, what never was is refused")
    lab.configure(kind, branch="gone")
    tap.check(failed(agent.run("check"), False, "no branch 'gone'") and
              failed(agent.run("fetch"), False, "no branch 'gone'"), f"{kind}: a branch that is not there")
    lab.configure(kind)
    lab.push()


def refused_servers(tap, lab, agent):
    lab.configure("https")
    tip = agent.run("check")["tip"]
    env, lab.env = lab.env, {k: v for k, v in lab.env.items() if k != "SSL_CERT_FILE"}
    tap.check(failed(agent.run("check"), False, "certificate", "not to be trusted") and
              failed(agent.run("fetch"), False, "certificate"), "https: an authority that nobody knows")
    lab.env = env
    lab.configure("https", repository=lab.url("https").replace("localhost", "127.0.0.1"))
    tap.check(failed(agent.run("check"), False, "certificate"), "https: a certificate for another name",
              agent.run("check"))
    lab.configure("https", repository=lab.https.url("nothing.git"))
    tap.check(failed(agent.run("check"), False, "no repository"), "https: no such repository", agent.run("check"))
    lab.https.token = "git:s3cret-token"
    lab.configure("https")
    tap.check(failed(agent.run("check"), False, "wants a token"), "https: a token is wanted")
    lab.configure("https", credential={"token": "wrong-token-x"})
    answer = agent.run("check")
    tap.check(failed(answer, False, "refuses") and "wrong-token-x" not in str(answer), "https: a wrong token", answer)
    lab.configure("https", credential={"token": "s3cret-token"})
    tap.check(agent.run("check") == {"tip": tip, "unchanged": False} and agent.run("fetch") == {"tip": tip},
              "https: the right one")
    lab.https.token = None
    for url in ("git://localhost/app.git", "http://localhost/app.git", "file:///etc", "https://u:p@localhost/x",
                "ssh://-oProxyCommand=x/y", "ext::sh -c id", "/etc", "https://localhost/a b"):
        lab.configure("https", repository=url)
        tap.check(failed(agent.run("check"), False, "kbuild.app.repository"), f"'{url}' is refused",
                  agent.run("check"))
    for mode, transient, word in (("error", True, "503"), ("redirect", False, "sends on to https://127.0.0.1")):
        lab.https.mode = mode
        lab.configure("https")
        tap.check(failed(agent.run("check"), transient, word), f"https: a server that answers by {mode}",
                  agent.run("check"))
    lab.https.mode = ""
    lab.configure("https", repository="https://localhost:1/app.git")
    tap.check(failed(agent.run("check"), True, "cannot connect"), "a server that is not there is transient")
    lab.configure("https", repository="https://no.such.host.invalid/app.git")
    tap.check(failed(agent.run("check"), True, "cannot find"), "neither is a name that is not found final")


def refused_hosts(tap, lab, agent):
    other = open(lab.ssh.other_key + ".pub").read().split()
    name = lab.ssh.known_host().split()[0]
    fingerprint = subprocess.run(["ssh-keygen", "-lf", lab.ssh.host_key + ".pub"], stdout=subprocess.PIPE,
                                 text=True).stdout.split()[1]
    lab.configure("ssh", known_hosts=[])
    tap.check(failed(agent.run("check"), False, "not known", fingerprint), "ssh: a host nobody knows, with its key",
              agent.run("check"))
    lab.configure("ssh", known_hosts=[f"{name} {other[0]} {other[1]}"])
    tap.check(failed(agent.run("check"), False, "another host key", fingerprint) and
              failed(agent.run("fetch"), False, "another host key"), "ssh: a host with another key")
    lab.configure("ssh", known_hosts=[lab.ssh.known_host(), "@revoked " + lab.ssh.known_host()])
    tap.check(failed(agent.run("check"), False, "@revoked"), "ssh: a key that is revoked")
    lab.configure("ssh", known_hosts=[lab.ssh.known_host().replace("localhost", "otherhost")])
    tap.check(failed(agent.run("check"), False, "not known"), "ssh: the key of another host does not count")
    plain = os.path.join(lab.where, "hashed")
    with open(plain, "w") as f:
        f.write(lab.ssh.known_host() + "\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", plain], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lab.configure("ssh", known_hosts=open(plain).read().splitlines())
    tap.check("tip" in agent.run("check"), "ssh: a hashed line", agent.run("check"))
    lab.configure("ssh", known_hosts=[lab.ssh.known_host().replace("localhost", "LOCAL*")])
    tap.check("tip" in agent.run("check"), "ssh: a pattern", agent.run("check"))
    lab.configure("ssh", credential={"key": open(lab.ssh.other_key).read()})
    tap.check(failed(agent.run("check"), False, "does not accept the deploy key"), "ssh: a key it does not accept",
              agent.run("check"))
    lab.configure("ssh", credential={"key": "nonsense"})
    tap.check(failed(agent.run("check"), False, "cannot be read"), "ssh: a key that is none", agent.run("check"))
    lab.configure("ssh", credential={})
    tap.check(failed(agent.run("check"), False, "wants a deploy key"), "ssh: no key")
    lab.configure("ssh", repository=lab.ssh.url("/nothing.git"))
    tap.check(failed(agent.run("check"), False), "ssh: no such repository", agent.run("check"))


def bad_weather(tap, lab, agent):
    lab.configure("https")
    agent.fresh()
    tip = lab.commit({"big": random.Random(1).randbytes(3 << 20)}, "big")
    answer = agent.run("raw", json.dumps({"op": "fetch", "max_bytes": 1 << 20}))
    tap.check(failed(answer, False, "larger than"), "more bytes than are allowed", answer)
    answer = agent.run("raw", json.dumps({"op": "fetch", "max_objects": 3}))
    tap.check(failed(answer, False, "objects"), "more objects than are allowed", answer)
    lab.https.mode = "cut"
    answer = agent.run("fetch")
    tap.check(failed(answer, True), "a server that ends in the middle is transient", answer)
    lab.https.mode = ""
    tap.check(agent.run("fetch") == {"tip": tip} and agent.run("write", tip) == {}, "and the next fetch is whole")
    lab.https.mode = "slow"
    # It would answer well after a minute: who waited as long has no failure.
    answer = agent.run("check")
    tap.check(failed(answer, True), "a server that says nothing", answer)
    lab.https.mode = ""
    for name, args in {"files": {"max_files": 1}, "bytes": {"max_bytes": 1000}, "bytes of one": {"max_file": 100}}.items():
        shutil.rmtree(agent.release(tip), ignore_errors=True)
        answer = agent.run("raw", json.dumps({"op": "write", "sha": tip, **args}))
        tap.check(failed(answer, False, "refused") and not os.listdir(os.path.dirname(agent.release(tip))),
                  f"a release of too many {name} leaves nothing", answer)


def damage(tap, lab, agent):
    lab.configure("https")
    tip = lab.tip()

    def prepare():
        agent.fresh()
        agent.run("fetch", "--", "write", tip, "--", "good", tip)

    def spoil(path, data=b"\0" * 64):
        os.chmod(path, 0o600)
        with open(path, "r+b") as f:
            f.seek(max(0, os.path.getsize(path) // 2))
            f.write(data)

    def packs(end):
        return [str(p) for p in Path(agent.repo("objects/pack")).glob("*" + end)]

    cases = {
        "HEAD is gone": lambda: os.unlink(agent.repo("HEAD")),
        "HEAD is nonsense": lambda: Path(agent.repo("HEAD")).write_text("nonsense"),
        "config is nonsense": lambda: Path(agent.repo("config")).write_text("[[[["),
        "the packs are spoiled": lambda: [spoil(p) for p in packs(".pack")],
        "the packs are gone": lambda: [os.unlink(p) for p in packs(".pack")],
        "the indexes are spoiled": lambda: [spoil(p) for p in packs(".idx")],
        "the packs are empty": lambda: [os.truncate(p, 0) for p in packs(".pack") if not os.chmod(p, 0o600)],
        "a reference is nonsense": lambda: Path(agent.repo("refs/kbuild/tip")).write_text("0" * 40 + "\n"),
        "locks were left": lambda: [Path(agent.repo(n)).write_text("") for n in
                                    ("refs/kbuild/tip.lock", "HEAD.lock", "config.lock")],
        "half a pack was left": lambda: Path(agent.repo("objects/pack/pack_git2_x")).write_bytes(b"PACK"),
        "objects are gone": lambda: shutil.rmtree(agent.repo("objects")),
    }
    for what, act in cases.items():
        prepare()
        kept = listing(agent.release(tip))
        act()
        os.rename(agent.release(tip), agent.release("kept"))
        got = agent.run("fetch", "--", "write", tip)
        tap.check(got[-1] == {} and listing(agent.release(tip)) == kept and listing(agent.release("kept")) == kept,
                  f"{what}: fetched anew, releases untouched", got)
    prepare()
    shutil.rmtree(agent.release(tip))
    [spoil(p) for p in packs(".pack")]
    got = agent.run("write", tip)
    tap.check(got == {} and os.path.isdir(agent.release(tip)), "damage found while writing is repaired too", got)


def killed(tap, lab, agent, kind="https"):
    """SIGKILL to all processes after some time: the next run comes to the same end."""
    lab.configure(kind)
    rng, tip = random.Random(3), lab.tip()
    times = []  # the shortest counts, and half as much more: some kills come after the end, and most before it
    for _ in range(3):
        agent.fresh()
        start = time.monotonic()
        agent.run("fetch", "--", "write", tip)
        times.append(time.monotonic() - start)
    whole, wrong, cut = min(times), [], 0
    want = listing(agent.release(tip))
    for i in range(40):
        agent.fresh()
        child = subprocess.Popen(agent.argv("fetch", "--", "write", tip), env=lab.env, stdout=subprocess.PIPE,
                                 start_new_session=True)
        time.sleep(rng.random() * whole * 1.5)
        cut += child.poll() is None
        try:
            os.killpg(child.pid, 9)
        except ProcessLookupError:
            pass
        child.wait()
        child.stdout.close()
        if os.path.isdir(agent.release(tip)) and listing(agent.release(tip)) != want:
            wrong.append(f"kill {i}: a release that is not whole has its name")
        got = agent.run("fetch", "--", "write", tip, "--", "gc")
        if got[-1] != {} or listing(agent.release(tip)) != want:
            wrong.append(f"kill {i}: {got}")
        if os.listdir(os.path.dirname(agent.release(tip))) != [tip]:
            wrong.append(f"kill {i}: left behind: {os.listdir(os.path.dirname(agent.release(tip)))}")
    tap.check(not wrong and cut > 5, f"{kind}: killed at 40 moments ({cut} before the end), the next run converges",
              "\n".join(wrong))


def plumb(lab, entries):
    """A commit of a tree as no git would make it: entries are (mode, name, content or id)."""
    raw = b""
    for mode, name, content in entries:
        sha = content if len(content) == 40 else lab.git("hash-object", "-w", "--stdin", input=content.encode())
        raw += mode.encode() + b" " + name.encode(errors="surrogateescape") + b"\0" + bytes.fromhex(sha)
    tree = gitserver.run("git", "-C", lab.work, "hash-object", "-t", "tree", "-w", "--literally", "--stdin",
                         input=raw, env=lab.git_env).decode().strip()
    return tree


def evil_trees(tap, lab, agent):
    lab.configure("https")
    lab.git("config", "core.protectHFS", "false")
    lab.git("config", "core.protectNTFS", "false")
    file, link = "100644", "120000"
    sub = plumb(lab, [(file, "x", "x")])
    up = plumb(lab, [(link, "up", "..")])
    deep = plumb(lab, [(file, "f", "bottom")])
    for _ in range(70):
        deep = plumb(lab, [("40000", "d", deep)])
    bad = {
        "a link to /etc/passwd": [(link, "a", "/etc/passwd")],
        "a link to ..": [(link, "a", "..")],
        "a link to ../x": [(link, "a", "../x")],
        "a link out by a detour": [("40000", "d", sub), (link, "e", "d/../../x")],
        "a link out by another link": [("40000", "d", up), (link, "e", "d/up/../x")],
        "a link to itself": [(link, "a", "a")],
        "an empty link": [(link, "a", "")],
        "a submodule": [("160000", "a", "1" * 40)],
        ".git": [("40000", ".git", sub)],
        ".GIT": [("40000", ".GIT", sub)],
        ".git with a dot": [("40000", ".git.", sub)],
        ".git with a stream": [("40000", ".git::$INDEX_ALLOCATION", sub)],
        "git~1": [("40000", "git~1", sub)],
        ".git with an invisible character": [("40000", ".g\u200cit", sub)],
        "..": [("40000", "..", sub)],
        ".": [("40000", ".", sub)],
        "a/b": [(file, "a/b", "x")],
        "../b": [(file, "../b", "x")],
        "a backslash": [(file, "a\\b", "x")],
        "a newline": [(file, "a\nb", "x")],
        "no UTF-8": [(file, "a\udcff", "x")],
        "a name twice": [(file, "a", "x"), (file, "a", "y")],
        "a link and a directory of one name": [(link, "a", "b"), ("40000", "a", sub)],
        "a mode that is none": [("100777", "a", "x")],
        "a setuid file": [("104755", "a", "x")],
        "a device": [("20000", "a", "x")],
        "too deep": [("40000", "d", deep)],
    }
    good = {
        "a link inside": [("40000", "d", sub), (link, "e", "d/x")],
        "a link that leads to nothing": [(link, "e", "nothing/here")],
        "a link up to a neighbour": [("40000", "d", plumb(lab, [(link, "l", "../x")])), (file, "x", "1")],
        "names that differ in case": [(file, "README", "1"), (file, "readme", "2")],
        ".gitignore and .gitattributes": [(file, ".gitattributes", "* filter=evil text eol=crlf\n"),
                                          (file, ".gitignore", "*\n"), (file, "a", "1\n2\n")],
        "an old mode": [("100664", "a", "x")],
    }
    for expect, cases in ((False, bad), (True, good)):
        for what, entries in cases.items():
            tree = plumb(lab, entries)
            sha = lab.git("commit-tree", "-m", "evil", tree)
            # Straight into the store: receiving would be a judge of its own.
            path = os.path.join(lab.bare, "refs/heads/main")
            gitserver.run("cp", "-r", os.path.join(lab.work, ".git/objects/."), os.path.join(lab.bare, "objects/"))
            with open(path, "w") as f:
                f.write(sha + "\n")
            got = agent.run("fetch", "--", "write", sha)
            there = os.listdir(os.path.join(lab.state, "releases"))
            if expect:
                tap.check(got[-1] == {} and sha in there, f"{what} is written", got)
            else:
                tap.check(failed(got[-1], False) and sha not in there and not any(n.startswith(".") for n in there),
                          f"{what} is refused", got)
    shutil.rmtree(agent.release(sha), ignore_errors=True)
    lab.push()


def tidy(tap, lab, agent):
    lab.configure("https")
    agent.fresh()
    shas = []
    for i in range(22):
        lab.git("commit", "-q", "--amend", "--allow-empty", "-m", f"again {i}")
        lab.push()
        shas.append(lab.tip())
        agent.run("fetch", "--", "write", shas[-1], "--", "good", shas[0])
    size = len(list(Path(agent.repo("objects/pack")).glob("*.pack")))
    tap.check(size > 16, f"{size} packs after as many fetches")
    got = agent.run("gc", shas[3])
    left = sorted(os.listdir(os.path.join(lab.state, "releases")))
    tap.check(got == {} and left == sorted({shas[0], shas[3], shas[-1]}), "tip, good and what is named are kept",
              f"{got} {left}")
    tap.equal(len(list(Path(agent.repo("objects/pack")).glob("*.pack"))), 1, "one pack is left")
    shutil.rmtree(agent.release(shas[0]))
    got = agent.run("write", shas[0], "--", "write", shas[-1], "--", "relation", shas[0], shas[-1], "--",
                    "write", shas[7])
    tap.check(got[:2] == [{}, {}] and got[2] == {"relation": "diverged"} and got[3].get("error"),
              "with what both revisions need, and nothing else", got)


def signatures(tap, lab, agent):
    key = os.path.join(lab.where, "signer")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "s", "-f", key], check=True)
    public = " ".join(open(key + ".pub").read().split()[:2])
    lab.git("config", "gpg.format", "ssh")
    lab.git("config", "user.signingkey", key)
    allowed = os.path.join(lab.where, "allowed")
    with open(allowed, "w") as f:
        f.write(f"tester@example.com {public}\n")
    lab.git("config", "gpg.ssh.allowedSignersFile", allowed)
    lab.configure("https", signers=open(allowed).read().splitlines())
    sha = lab.commit({"signed": "1"}, "signed\n\nwith a body\n", options=("-S",))
    got = agent.run("fetch", "--", "verify", sha)
    tap.equal(got[-1], {"outcome": "good", "who": "tester@example.com"}, "a signed commit")
    raw = gitserver.run("git", "-C", lab.work, "cat-file", "commit", sha, env=lab.git_env)
    rng, differ, count = random.Random(5), [], 0
    for i in range(60):
        n = rng.randrange(len(raw))
        changed = raw[:n] + bytes([raw[n] ^ 1 << rng.randrange(7)]) + raw[n + 1:]
        made = gitserver.run("git", "-C", lab.work, "hash-object", "-t", "commit", "-w", "--literally", "--stdin",
                             input=changed, env=lab.git_env).decode().strip()
        theirs = subprocess.run(["git", "-C", lab.work, "verify-commit", made], env=lab.git_env,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        pack = os.path.join(lab.state, "repo.git/objects", made[:2])
        os.makedirs(pack, exist_ok=True)
        shutil.copy(os.path.join(lab.work, ".git/objects", made[:2], made[2:]), pack)
        ours = agent.run("verify", made).get("outcome") == "good"
        count += 1
        if ours != theirs and not (theirs is False and ours is False):
            differ.append(f"byte {n} of {made}: ours {ours}, git {theirs}")
    tap.check(not differ, f"{count} changed commits: the verdict of git verify-commit on each", "\n".join(differ))
    lab.configure("https", signers=[f'tester@example.com valid-before="20200101" {public}'])
    got = agent.run("verify", sha)
    tap.check(got.get("outcome") == "untrusted" and "not valid any more" in got["who"], "a key that has expired", got)
    lab.configure("https")
    tap.equal(agent.run("verify", sha).get("outcome"), "untrusted", "nobody is allowed where nobody is named")


def main():
    build = Path(sys.argv[1]).resolve()
    only = next((a[7:] for a in sys.argv[2:] if a.startswith("--only=")), "")
    tap, where = Tap(), tempfile.mkdtemp(prefix="kbuild-git-")
    os.chmod(where, 0o755)
    lab = gitserver.Lab(where)
    agent = Agent(lab, build / "tests/agent/git_tool")
    try:
        lab.commit({"start": "1"})
        for test, args in ((ordinary, ("https",)), (ordinary, ("ssh",)), (refused_servers, ()), (refused_hosts, ()),
                           (bad_weather, ()), (damage, ()), (killed, ()), (killed, ("ssh",)), (tidy, ()),
                           (signatures, ()), (evil_trees, ())):
            if only in test.__name__:
                test(tap, lab, agent, *args)
    finally:
        lab.close()
        shutil.rmtree(where, ignore_errors=True)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
