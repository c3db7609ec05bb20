#!/usr/bin/env python3
"""The verb lock against archives of its own, over loopback. Prints TAP.

  test_lock.py KBUILD [--long] [NAME…]
"""
import datetime
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from archive import BASE, Archive, Key, Server, package  # noqa: E402
from kbtest import take_interrupts, written  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
KBUILD = None
TOP = None
KEYS = {}


def key(name):
    if name not in KEYS:
        KEYS[name] = Key(TOP / "keys", name)
    return KEYS[name]


class World:
    """One archive, one server, one definition, one cache."""

    def __init__(self, distribution="debian", release="trixie"):
        self.dir = pathlib.Path(tempfile.mkdtemp(dir=TOP))
        self.distribution, self.release = distribution, release
        (self.dir / "www").mkdir()
        self.archive = Archive(self.dir / "www", key("archive"),
                               "Debian" if distribution == "debian" else "Ubuntu")
        self.server = Server(self.dir / "www")
        self.mirror = f"{self.server.url}/{distribution}"
        self.file = self.dir / "t.yaml"
        self.lock = self.dir / "t.yaml.lock"
        shutil.copy(key("archive").keyring, self.dir / "keyring.gpg")

    def define(self, packages=(), base="", more=""):
        self.file.write_text(
            "#cloud-config\n"
            f"packages: [{', '.join(packages)}]\n{more}"
            f"kbuild:\n  name: t\n  base:\n    distribution: {self.distribution}\n"
            f"    release: {self.release}\n    bootable: false\n    keyring: keyring.gpg\n"
            + "".join(f"    {l}\n" for l in base.splitlines()))

    def command(self, *args, mirror=True):
        command = [KBUILD, "lock", self.file, "--cache", self.dir / "cache", *args]
        return command + (["--mirror", self.mirror] if mirror else [])

    def run(self, *args, want=0, env=None, mirror=True, prefix=(), timeout=120):
        r = subprocess.run([*prefix, *self.command(*args, mirror=mirror)], text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                           env={**os.environ, **(env or {})}, check=False)
        self.out, self.err = r.stdout, r.stderr
        assert r.returncode == want, f"exit {r.returncode}, wanted {want}:\n{r.stdout}{r.stderr}"
        return self

    def says(self, *parts):
        for part in parts:
            assert part in self.err, f"{part!r} is not in:\n{self.err}"
        return self

    def packages(self):
        """name -> (version, mark, essential, why, source)"""
        result = {}
        for line in self.lock.read_text().splitlines():
            w = line.split(" ")
            if w[0] == "package":
                result[w[1]] = (w[2], w[4], w[5] == "essential", w[6], w[7])
        return result

    def version(self, name):
        return self.packages()[name][0]


def same(got, want):
    assert got == want, f"got\n{got}\nwanted\n{want}"


# --- what is in a lock ----------------------------------------------------------------------

def versions_marks_and_reasons_are_written_down():
    w = World()
    w.archive.debian([
        package("tree", "2.2-1", "libtree (>= 1) | libother, libc6", Recommends="tree-doc"),
        package("libtree", "1.0"), package("libother", "9"), package("tree-doc", "2.2-1", arch="all"),
    ])
    w.define(["tree"])
    w.run()
    same(w.packages(), {
        "apt": ("3.0", "manual", False, "asked", "debian/trixie"),
        "base-files": ("13", "manual", True, "required", "debian/trixie"),
        "bash": ("5", "manual", True, "required", "debian/trixie"),
        "dpkg": ("1.22", "manual", True, "required", "debian/trixie"),
        "gpgv": ("2.4", "auto", False, "dependency:apt", "debian/trixie"),
        "libc6": ("2.41", "manual", True, w.packages()["libc6"][3], "debian/trixie"),
        "libtree": ("1.0", "auto", False, "dependency:tree", "debian/trixie"),
        "mawk": ("1.3", "manual", False, "required", "debian/trixie"),
        "tree": ("2.2-1", "manual", False, "asked", "debian/trixie"),
    })
    text = w.lock.read_text()
    assert w.server.url not in text and "127.0.0.1" not in text, "the lock names the mirror"
    assert key("archive").fingerprint in text
    line = next(l for l in text.splitlines() if l.startswith("package tree "))
    assert line.endswith(" pool/main/t/tree/tree_2.2-1_amd64.deb"), line


def recommended_packages_come_when_wanted():
    w = World()
    w.archive.debian([package("tree", "2", Recommends="tree-doc | none"),
                      package("tree-doc", "2", "libdoc", arch="all"), package("libdoc", "2")])
    w.define(["tree"], "recommends: true")
    w.run()
    p = w.packages()
    same(p["tree-doc"], ("2", "auto", False, "recommended:tree", "debian/trixie"))
    same(p["libdoc"][3], "dependency:tree-doc")


def pockets_follow_the_rules_of_apt():
    w = World()
    w.archive.debian([package("aa", "1"), package("bb", "1"), package("cc", "1")],
                     [package("bb", "2")], [package("cc", "1+deb13u1"), package("bb", "1.5")])
    w.define(["aa", "bb", "cc"])
    w.run()
    same([w.packages()[n][::4] for n in ("aa", "bb", "cc")],
         [("1", "debian/trixie"), ("2", "debian/trixie-updates"),
          ("1+deb13u1", "debian-security/trixie-security")])


def a_version_can_be_asked_for():
    w = World()
    w.archive.debian([package("aa", "1")], [package("aa", "2")])
    w.define(["aa=1"])
    w.run()
    same(w.version("aa"), "1")
    assert "\nasked aa=1\n" in w.lock.read_text()


def preferences_of_write_files_count():
    w = World()
    w.archive.debian([package("aa", "1")], [package("aa", "2")])
    w.define(["aa"], more="write_files:\n  - path: /etc/apt/preferences.d/p\n    content: |\n"
                         "      Package: aa\n      Pin: version 1\n      Pin-Priority: 1001\n")
    w.run()
    same(w.version("aa"), "1")


def the_definitions_apt_conf_counts_and_runs_nothing_here():
    w = World()
    w.archive.debian([package("tree", "2", Recommends="tree-doc"), package("tree-doc", "2")])
    touched = w.dir / "touched"
    hook = f'APT::Update::Pre-Invoke {{"touch {touched}"; }}; Dir "/nowhere";'
    w.define(["tree"], more=f"apt:\n  conf: |\n    {hook}\n    APT::Install-Recommends \"1\";\n")
    w.run()
    assert "tree-doc" in w.packages()
    assert not touched.exists()
    w.run("--check")
    w.define(["tree"], more="apt:\n  conf: |\n    hello world\n")
    w.run("--check", want=4).says("apt.conf sha256:")
    w.run(want=3).says("apt.conf of the definition", "Syntax error")


def phasing(more=""):
    """Ubuntu with updates at 10, 0 and 100 %, one that security has as well, and one without phases."""
    w = World("ubuntu", "noble")
    names = ("ten", "zero", "all", "sec", "plain")
    w.archive.ubuntu(
        [package(n, "1") for n in names],
        [package("ten", "2", Phased_Update_Percentage="10"),
         package("zero", "2", Phased_Update_Percentage="0"),
         package("all", "2", Phased_Update_Percentage="100"),
         package("sec", "2", Phased_Update_Percentage="10"), package("plain", "2")],
        [package("sec", "2")])
    w.define(names, more=more)
    w.run()
    same([w.version(n) for n in names], ["1", "1", "2", "2", "2"])


def phased_updates_below_all_are_not_taken():
    phasing()


def phased_updates_of_a_list_or_an_extra_source_are_not_taken():
    deb = "deb $%s $RELEASE%s main"
    phasing("apt:\n  sources_list: |\n" + "".join(
        f"    {deb % line}\n" for line in (("MIRROR", ""), ("MIRROR", "-updates"), ("MIRROR", "-security"))))
    phasing("apt:\n  disable_suites: [updates]\n  sources:\n"
            f"    more: {{source: \"{deb % ('SECURITY', '-updates')}\"}}\n")


def define_extra(w, signer, component):
    """The package tool of a source that the key signer has signed."""
    w.define(["tool"], more=f"apt:\n  sources:\n    vendor:\n      source: \"deb [signed-by=$KEY_FILE] "
                            f"{w.server.url}/vendor $RELEASE {component}\"\n      key: |\n        "
                            + key(signer).armored.replace("\n", "\n        ").rstrip(" "))


def an_extra_source_with_its_key_is_used():
    w = World()
    w.archive.debian([package("aa", "1")])
    extra = Archive(w.dir / "www", key("vendor"), "Vendor")
    extra.suite("vendor", "trixie", [package("tool", "7", "aa")], components=("stable",))
    define_extra(w, "vendor", "stable")
    w.run()
    same(w.packages()["tool"], ("7", "manual", False, "asked", "extra.vendor/trixie"))
    text = w.lock.read_text()
    assert f"source extra.vendor/trixie " in text and f"{w.server.url}/vendor trixie stable" in text
    # The same source with somebody else's key.
    define_extra(w, "stranger", "stable")
    w.run(want=4).says("the index trixie at", "/vendor", "not in the keyring")


def a_flat_repository_works():
    w = World()
    w.archive.debian()
    flat = w.dir / "www/flat"
    flat.mkdir()
    stanza = package("tool", "7").replace("Filename: pool/main/t/tool/", "Filename: ./")
    (flat / "Packages").write_text(stanza + "\n")
    import hashlib
    data = (flat / "Packages").read_bytes()
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S UTC")
    (flat / "InRelease").write_bytes(key("vendor").gpg("--clearsign", data=(
        f"Date: {date}\nSHA256:\n {hashlib.sha256(data).hexdigest()} {len(data)} Packages\n"
    ).encode()).stdout)
    indented = key("vendor").armored.replace("\n", "\n        ").rstrip(" ")
    w.define(["tool"], more=f"apt:\n  sources:\n    v:\n      source: \"deb [signed-by=$KEY_FILE] "
                            f"{w.server.url}/flat ./\"\n      key: |\n        {indented}")
    w.run()
    line = next(l for l in w.lock.read_text().splitlines() if l.startswith("package tool "))
    assert "extra.v/./" in line and line.endswith("tool_7_amd64.deb"), line


# --- changing -------------------------------------------------------------------------------

def a_lock_that_answers_is_left_alone():
    w = World()
    w.archive.debian([package("aa", "1")])
    w.define(["aa"])
    w.run()
    before = written(w.lock)
    w.server.faults[""] = 500  # and nothing is asked of the network
    w.run()
    assert "unchanged" in w.out
    same(written(w.lock), before)
    w.run("--check")


def update_tells_what_changes():
    w = World()
    w.archive.debian([package("aa", "1", "old"), package("old", "1"), package("bb", "1")])
    w.define(["aa", "bb"])
    w.run()
    w.archive.debian([package("aa", "2", "new"), package("new", "1"), package("old", "1"),
                      package("bb", "1")])
    w.run("--update")
    squeezed = [re.sub(r" +", " ", l) for l in w.out.splitlines()]
    for line in (" upgrade aa 1 → 2", " add new 1 (needed by aa)", " remove old 1"):
        assert line in squeezed, f"{line!r} not in {squeezed}"
    assert any(l.startswith(" source debian/trixie ") for l in squeezed), squeezed
    w.run("--update", "--json")
    same(json.loads(w.out)["changed"], False)
    w.archive.debian([package("aa", "3", "new"), package("new", "1"), package("bb", "1")])
    w.run("--update", "--json")
    changes = json.loads(w.out)
    same(changes["changes"], [{"change": "upgraded", "package": "aa", "old": "2", "new": "3"}])
    same(changes["sources"][0]["fingerprint"], key("archive").fingerprint)


def a_stale_lock_is_said_and_mended():
    w = World()
    w.archive.debian([package("aa", "1"), package("tree", "1")])
    w.define(["aa"])
    w.run("--check", want=4).says("there is no lock", "kbuild lock")
    w.run()
    w.define(["aa", "tree"])
    w.run("--check", want=4).says("package 'tree' is in the definition but not in the lock",
                                  "run kbuild lock --update")
    w.run()
    assert "tree" in w.out and "tree" in w.packages()
    w.run("--check")


def a_damaged_lock_names_its_line():
    w = World()
    w.archive.debian()
    w.define()
    w.run()
    text = w.lock.read_text()
    w.lock.write_text(text.replace("package bash", "<<<<<<< HEAD\npackage bash"))
    w.run(want=4)
    line = text[:text.index("package bash")].count("\n") + 1
    w.says(f"t.yaml.lock:{line}: '<<<<<<<' is not expected here")
    w.lock.write_text(text[:-10])
    w.run(want=4).says("the file is cut off here")


def two_at_once_agree():
    w = World()
    w.archive.debian([package("aa", "1")])
    w.define(["aa"])
    shutil.copy(w.file, w.dir / "u.yaml")
    first = subprocess.Popen(w.command("-q"), stdout=subprocess.DEVNULL)
    w2 = World.__new__(World)
    w2.__dict__.update(w.__dict__)
    w2.file = w.dir / "u.yaml"
    second = subprocess.Popen(w2.command("-q"), stdout=subprocess.DEVNULL)
    same((first.wait(60), second.wait(60)), (0, 0))
    same((w.dir / "t.yaml.lock").read_text(), (w.dir / "u.yaml.lock").read_text())


# --- trust ----------------------------------------------------------------------------------

def spoil(signed):
    return signed.replace(b"Label: ", b"Label: X", 1)


def refused(name, want, parts, **more):
    """One archive that must not be believed, then the same one healthy."""
    w = World()
    w.archive.debian([package("aa", "1")], **more)
    w.define(["aa"])
    w.run(want=want).says(*parts)
    assert not w.lock.exists(), f"{name}: a lock was written"
    w.archive.debian([package("aa", "1")])
    w.run()


def a_wrong_signature_is_refused():
    refused("tampered", 4, ["the index trixie", "signature is wrong", "--mirror"], tamper=spoil)


def a_missing_signature_is_refused():
    refused("unsigned", 5, ["the index trixie", "no signed index"], key=False)


def a_key_that_is_not_in_the_keyring_is_refused():
    refused("stranger", 4, ["the index trixie", "a key that is not in the keyring"],
            key=key("stranger"))


def text_before_the_signature_is_refused():
    w = World()
    w.archive.debian([package("aa", "1")], tamper=lambda s: b"Date: Thu, 01 Jan 2099 00:00:00 UTC\n" + s)
    w.define(["aa"])
    r = subprocess.run(w.command(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, check=False)
    assert r.returncode in (4, 5), r.returncode
    assert not w.lock.exists()


def an_expired_key_is_refused():
    now = datetime.datetime.now(datetime.timezone.utc)
    k = Key(TOP / "keys", "brief", expire="seconds=3600", at=now - datetime.timedelta(hours=3))
    w = World()
    # Signed while the key was good: the signature itself is right.
    w.archive.debian([package("aa", "1")], key=k, date=now - datetime.timedelta(hours=3))
    w.define(["aa"])
    shutil.copy(k.keyring, w.dir / "keyring.gpg")
    w.run(want=4).says("the index trixie", "signed by an expired key")
    assert not w.lock.exists()
    # The same bytes, once its owner has prolonged it.
    k.at = None
    k.gpg("--quick-set-expire", k.fingerprint, "0")
    k.export()
    shutil.copy(k.keyring, w.dir / "keyring.gpg")
    w.run()
    k.close()


def only_listed_fingerprints_may_sign():
    w = World()
    w.archive.debian([package("aa", "1")])
    w.define(["aa"], f"fingerprints: [\"{key('stranger').fingerprint}\"]")
    w.run(want=4).says(f"signed by the key {key('archive').fingerprint}",
                       "kbuild.base.fingerprints")
    w.define(["aa"], f"fingerprints: [\"{key('archive').fingerprint}\"]")
    w.run()


def a_date_that_goes_back_is_refused():
    w = World()
    now = datetime.datetime.now(datetime.timezone.utc)
    w.archive.debian([package("aa", "2")], date=now - datetime.timedelta(hours=1))
    w.define(["aa"])
    w.run()
    before = w.lock.read_text()
    w.archive.debian([package("aa", "1")], date=now - datetime.timedelta(days=3))
    shutil.rmtree(w.dir / "cache")
    w.run("--update", want=4).says("its Date goes back, from", "the index trixie")
    same(w.lock.read_text(), before)
    w.archive.debian([package("aa", "3")], date=now)
    w.run("--update")
    same(w.version("aa"), "3")


def another_suites_index_is_refused_where_the_distribution_signed_it():
    """Whatever the key has signed may stand at any suite's place: an older release, a pocket that is not wanted."""
    for distribution, release, asked, given, says in (
            ("debian", "trixie", "debian-security/trixie-security", "debian-security/bookworm-security",
             "Codename: bookworm-security"),
            ("debian", "trixie", "debian/trixie", "debian/trixie-updates", "Codename: trixie-updates"),
            ("ubuntu", "noble", "ubuntu/noble-security", "ubuntu/noble-backports", "Suite: noble-backports"),
            ("ubuntu", "noble", "ubuntu/noble", "ubuntu/noble-backports", "Suite: noble-backports")):
        w = World(distribution, release)
        getattr(w.archive, distribution)([package("aa", "1")])
        # The wrong one is the newer, after which apt passes over the right one.
        new = {"date": datetime.datetime.now(datetime.timezone.utc)}
        w.archive.suite("debian-security", "bookworm-security", [package("aa", "9")], **new)
        w.archive.suite("debian", "trixie-updates", [], suite="stable-updates", **new)
        w.archive.suite("ubuntu", "noble-backports", [*BASE, package("aa", "9")], components=("main", "universe"),
                        **new)
        w.define(["aa"])
        dists = [w.dir / "www" / base / "dists" / suite
                 for base, suite in (part.split("/") for part in (asked, given))]
        dists[0].rename(dists[0].with_name("good"))
        shutil.copytree(dists[1], dists[0])
        w.run(want=4).says(f"the index {dists[0].name} at", "it is another one's", says, "--mirror")
        assert not w.lock.exists()
        # A mirror that is mended is believed, and one that turns bad later is not.
        shutil.rmtree(dists[0])
        shutil.copytree(dists[0].with_name("good"), dists[0])
        w.run()
        before = w.lock.read_text()
        shutil.rmtree(dists[0])
        shutil.copytree(dists[1], dists[0])
        w.run("--update", want=4).says(f"the index {dists[0].name} at", "it is another one's")
        same(w.lock.read_text(), before)


def a_suite_may_be_called_by_either_of_its_names():
    w = World()
    w.archive.debian([package("aa", "1")])
    w.archive.suite("debian", "trixie-backports", [package("aa", "2")], suite="stable-backports")
    shutil.copytree(w.dir / "www/debian/dists/trixie-backports", w.dir / "www/debian/dists/stable-backports")
    for suite in ("$RELEASE-backports", "stable-backports"):
        w.define(["aa"], more=f"apt:\n  sources:\n    b: {{source: \"deb $MIRROR {suite} main\"}}\n")
        w.run("--update")
    # The day of a release: the Suite of the index at hand changes its name.
    w.archive.suite("debian", "trixie", [*BASE, package("aa", "1")], suite="oldstable")
    w.run("--update")


def a_vendors_index_may_be_called_otherwise_and_it_is_said():
    w = World()
    w.archive.debian()
    extra = Archive(w.dir / "www", key("vendor"), "Vendor")
    extra.suite("vendor", "nodistro", [package("tool", "7")])
    (w.dir / "www/vendor/dists/nodistro").rename(w.dir / "www/vendor/dists/trixie")
    define_extra(w, "vendor", "main")
    w.run().says(f"the index trixie at {w.server.url}/vendor calls itself Suite: nodistro")
    # Signed by the archive's own keys, it is the archive's and named rightly.
    w.define(["aa"], more=f"apt:\n  sources:\n    v: {{source: \"deb {w.mirror} $RELEASE-more main\"}}\n")
    shutil.copytree(w.dir / "www/debian/dists/trixie", w.dir / "www/debian/dists/trixie-more")
    w.run("--update", want=4).says("the index trixie-more at", "it is another one's", "give its own key")


def components_that_are_not_there_are_said():
    w = World()
    w.archive.debian([package("aa", "1")])
    w.define(["aa"], "components: main contribb")
    w.run().says(f"the index trixie at {w.mirror} has no packages of contribb for amd64")
    w.define(["aa"], "components: mainn")
    w.run("--update", want=4).says("the index trixie at", "no packages of mainn", "kbuild.base.components")
    extra = Archive(w.dir / "www", key("vendor"), "Vendor")
    extra.suite("vendor", "trixie", [package("tool", "7")], components=("stable",))
    define_extra(w, "vendor", "stabel")
    w.run("--update", want=4).says("/vendor: it has no packages of stabel", "the components of the source")


def the_agents_toolchain_keeps_to_its_dates_whoever_asks_for_another():
    w = World()
    now = datetime.datetime.now(datetime.timezone.utc)
    names = re.findall(r'^\t"([^"]+)",$', (HERE.parents[1] / "builder/image/agent/toolchain.c").read_text(), re.M)
    assert "gcc" in names
    w.define()

    def toolchain(*args, version, date):
        w.archive.debian([package(name, version) for name in names], date=date)
        shutil.rmtree(w.dir / "cache/apt", ignore_errors=True)
        r = subprocess.run([KBUILD.parents[1] / "tests/lock/toolchain_tool", w.file, w.dir / "cache", w.mirror, *args],
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        w.err = r.stderr
        return r.returncode, re.findall(r"^package gcc (\S+) ", next(w.dir.glob("cache/agents/*.lock")).read_text(), re.M)

    (w.dir / "cache/agents").mkdir(parents=True)
    same(toolchain(version="2", date=now - datetime.timedelta(hours=1)), (0, ["2"]))
    # A package that is not there any more: "renew".
    same(toolchain("renew", version="1", date=now - datetime.timedelta(days=3)), (4, ["2"]))
    w.says("agents/trixie-", "the agent's toolchain", "its Date goes back, from")
    # A lock that answers no longer.
    lock = next(w.dir.glob("cache/agents/*.lock"))
    lock.write_text(lock.read_text().replace("asked gcc\n", ""))
    same(toolchain(version="1", date=now - datetime.timedelta(days=3)), (4, ["2"]))
    w.says("its Date goes back, from")
    same(toolchain(version="3", date=now), (0, ["3"]))
    same(toolchain("renew", version="4", date=now), (0, ["4"]))


def an_expired_index_is_refused_unless_told():
    w = World()
    old = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=30)
    w.archive.debian([package("aa", "1")], date=old, valid_days=7)
    w.define(["aa"])
    w.run(want=4).says("the index trixie", "no longer valid", "check_valid_until: false")
    w.define(["aa"], "check_valid_until: false")
    w.run()


def an_index_with_other_bytes_is_refused():
    for fault in ("flip", "truncate"):
        w = World()
        w.archive.debian([package("aa", "1")])
        w.define(["aa"])
        w.server.faults["by-hash"] = fault
        w.server.faults["Packages"] = fault
        w.run(want=4).says("the index trixie", "the signed")
        assert not w.lock.exists()
        w.server.faults.clear()
        w.run()


def a_damaged_cache_is_noticed_and_mended():
    w = World()
    w.archive.debian([package("aa", "1")])
    w.define(["aa"])
    w.run()
    lists = [f for f in (w.dir / "cache").rglob("*_Packages") if f.stat().st_size > 100]
    assert lists
    for f in lists:
        data = bytearray(f.read_bytes())
        data[data.index(b"Version: ") + 9] ^= 1
        f.write_bytes(data)
    w.run("--update", want=4).says("damaged", "run the same command again")
    w.run("--update")
    same(w.version("aa"), "1")


def a_missing_keyring_names_its_package():
    w = World("ubuntu", "noble")
    w.archive.ubuntu()
    w.define()
    text = w.file.read_text()
    if not pathlib.Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg").exists():
        w.file.write_text(text.replace("    keyring: keyring.gpg\n", ""))
        w.run(want=1).says("install the package ubuntu-keyring", "kbuild.base.keyring")
    w.file.write_text(text.replace("keyring.gpg", "absent.gpg"))
    w.run(want=1).says("absent.gpg")


def the_keyring_is_found_beside_a_definition_of_any_path():
    w = World()
    w.archive.debian([package("aa", "1")])
    w.define(["aa"])
    absolute, w.file = w.file, "t.yaml"
    w.run(prefix=("env", "-C", w.dir))
    assert "\ninput keyring sha256:" in w.lock.read_text(), "the lock does not know the keyring's bytes"
    w.file = f"{w.dir.name}/t.yaml"
    w.run("--update", prefix=("env", "-C", w.dir.parent))
    moved = w.dir / "elsewhere"
    moved.mkdir()
    for f in (absolute, w.lock, w.dir / "keyring.gpg"):
        shutil.copy(f, moved)
    w.file = moved / "t.yaml"
    w.run("--check")
    (moved / "keyring.gpg").write_text(key("archive").armored)
    w.run("--check", want=4).says("keyring sha256:")
    w.run("--update")
    shutil.copy(key("stranger").keyring, moved / "keyring.gpg")
    w.run("--check", want=4).says("keyring sha256:")
    w.run("--update", want=4).says("not in the keyring")


# --- network --------------------------------------------------------------------------------

def a_mirror_in_trouble_is_exit_5():
    w = World()
    w.archive.debian([package("aa", "1")])
    w.define(["aa"])
    for fault in (404, 500, "html", "close"):
        w.server.faults["InRelease"] = fault
        w.run(want=5).says("the index trixie at " + w.mirror)
        assert not w.lock.exists()
    w.server.faults = {"Packages": 404, "by-hash": 404}
    w.run(want=5)
    w.server.faults.clear()
    w.run()


def a_mirror_that_is_not_there_is_exit_5():
    w = World()
    w.archive.debian()
    w.define()
    w.mirror = "http://127.0.0.1:9/debian"
    w.run(want=5).says("does not answer", "http://127.0.0.1:9/debian")
    w.mirror = "http://no-such-host.invalid/debian"
    w.run(want=5)


def no_login_of_a_mirror_is_shown():
    w = World()
    w.archive.debian([package("aa", "1")])
    host = w.server.url.split("://")[1]
    w.mirror = f"http://robot:secret@{host}/debian"
    hidden = f"at http://…@{host}/debian"

    def says(*parts):
        w.says(*parts)
        assert "secret" not in w.err and "robot" not in w.err, w.err
    w.define(["aa"])
    w.run("--offline", want=5)
    says("the index trixie " + hidden + " is not on this machine")
    w.server.faults["InRelease"] = 404
    w.run(want=5)
    says("the index trixie " + hidden + ": ")
    w.server.faults.clear()
    w.define(["aa"], "components: main contribb")
    w.run()
    says("the index trixie " + hidden + " has no packages of contribb for amd64")
    w.define(["aa"], "components: mainn")
    w.run("--update", want=4)
    says("the index trixie " + hidden + ": it has no packages of mainn")
    w.define(["aa"], "components: main contribb",
             "apt:\n  sources:\n    v: {source: \"deb http://robot:secret@x.example/r $RELEASE main\"}\n")
    w.run("--check", want=4)
    says("'source extra.v/trixie http://…@x.example/r", "is in the definition but not in the lock")


def offline_uses_the_indexes_at_hand():
    w = World()
    w.archive.debian([package("aa", "1")])
    w.define(["aa"])
    w.run("--offline", want=5).says("without --offline")
    w.run()
    w.server.faults[""] = 500
    w.lock.unlink()
    n = len(w.server.requests)
    w.run("--offline")
    same(len(w.server.requests), n)
    same(w.version("aa"), "1")


def a_proxy_of_the_environment_is_used():
    w = World()
    w.archive.debian([package("aa", "1")])
    w.define(["aa"])
    w.mirror = "http://archive.invalid/debian"
    w.run(env={"http_proxy": w.server.url})
    assert any(r.startswith("http://archive.invalid/") for r in w.server.requests)


def interrupt_ends_it_at_once():
    w = World()
    w.archive.debian([package("aa", "1")])
    w.define(["aa"])
    w.server.faults["InRelease"] = "stall"
    p = subprocess.Popen(w.command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not w.server.requests and p.poll() is None:
        time.sleep(0.05)
    p.send_signal(signal.SIGINT)
    started = time.monotonic()
    p.communicate(timeout=30)
    same(p.returncode, 130)
    print(f"# interrupted after {time.monotonic() - started:.1f} s")
    left = subprocess.run(["pgrep", "-f", f"{w.dir}/cache"], stdout=subprocess.PIPE, check=False)
    same(left.stdout, b"")
    w.server.faults.clear()
    w.run()


def killed_at_any_moment_the_next_run_succeeds():
    w = World()
    w.archive.debian([package(f"aa{i}", "1") for i in range(300)])
    w.define(["aa1"])
    for ms in (0, 50, 100, 150, 200, 300, 400, 600, 800, 1200):
        p = subprocess.Popen(w.command("--update"), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(ms / 1000)
        p.kill()
        p.wait()
        same(writing(w), [])
    w.run("--update")
    same(w.version("aa1"), "1")


def writing(w):
    """Programs in the private directory of apt that the next kbuild would not wait for."""
    found = []
    for lock in w.dir.glob("cache/apt/*/lock"):
        with open(lock, "rb") as f:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            for process in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    if f"APT_CONFIG={lock.parent}".encode() in (process / "environ").read_bytes():
                        found.append((process / "cmdline").read_bytes())
                except OSError:
                    pass  # it has ended
    return [command for command in found if not command.startswith(b"gpg-connect-agent")]


def a_mirror_that_stalls_is_given_up():
    w = World()
    w.archive.debian([package("aa", "1")])
    w.define(["aa"])
    w.server.faults["InRelease"] = "stall"
    w.run(want=5, timeout=300).says("stopped answering")
    w.server.faults.clear()
    w.run()


# --- the definition -------------------------------------------------------------------------

def what_cannot_be_installed_is_a_fault_of_the_definition():
    w = World()
    w.archive.debian([package("aa", "1", "bb"), package("cc", "1", Conflicts="dd"), package("dd", "1"),
                      package("xx", "1", Provides="vv"), package("yy", "1", Provides="vv")])
    for names, parts in ((["nosuch"], ["'nosuch'", "is in none of the sources of trixie"]),
                         (["mawks"], ["did you mean 'mawk'?"]),
                         (["aa"], ["cannot be installed together", "aa : Depends: bb"]),
                         (["cc", "dd"], ["cannot be installed together"]),
                         (["dd=9"], ["'9' for 'dd' was not found"]),
                         (["vv"], ["name the package that provides it"])):
        w.define(names)
        w.run(want=3).says(*parts)


def plans_known_to_be_broken_are_refused():
    w = World("ubuntu", "noble")
    w.archive.ubuntu([package("fail2ban", "1.0.2-3"), package("docker-compose-v2", "2"),
                      package("docker-compose-plugin", "2")])
    w.define(["fail2ban"])
    w.run(want=3).says("fail2ban 1.0.2-3 does not start")
    w.define(["docker-compose-v2", "docker-compose-plugin"])
    w.run(want=3).says("have the same files")
    w.define(["docker-compose-v2"])
    w.run()


# --- the host -------------------------------------------------------------------------------

def the_host_is_neither_read_nor_written():
    if os.geteuid() != 0:
        print("# skipped: needs root to hide the host's files")
        return
    w = World()
    w.archive.debian([package("aa", "1")])
    w.define(["aa"])
    poison = w.dir / "poison"
    for d in ("apt.conf.d", "preferences.d", "sources.list.d", "trusted.gpg.d"):
        (poison / d).mkdir(parents=True)
    touched = w.dir / "touched"
    conf = (f'APT::Update::Pre-Invoke {{"touch {touched}"; }};\n'
            'Acquire::http::Proxy "http://127.0.0.1:1";\nAPT::Install-Recommends "true";\n'
            'Dir::State "/nowhere";\nAPT::Architecture "arm64";\n')
    (poison / "apt.conf.d/99poison").write_text(conf)
    (poison / "apt.conf").write_text(conf)
    (poison / "preferences.d/none").write_text("Package: *\nPin: release *\nPin-Priority: -1\n")
    (poison / "sources.list").write_text("deb http://127.0.0.1:1/debian trixie main\n")
    own = w.dir / "own.conf"
    own.write_text(conf)
    # Read-only mounts: what reached for the host's state would fail.
    script = (f"mount --bind {poison} /etc/apt && "
              "for d in /var/lib/apt /var/cache/apt /var/lib/dpkg; do "
              "mount --bind $d $d && mount -o remount,bind,ro $d || exit 99; done; exec \"$@\"")
    w.run(prefix=["unshare", "-m", "sh", "-c", script, "sh"], env={"APT_CONFIG": str(own)})
    assert not touched.exists(), "a hook of the host's apt.conf was run"
    same(w.version("aa"), "1")


TESTS = [f for n, f in list(globals().items())
         if "_" in n and not n.startswith("_") and hasattr(f, "__code__") and
         f.__module__ == __name__ and f.__code__.co_argcount == 0]
LONG = {"a_mirror_that_stalls_is_given_up"}


def main():
    global KBUILD, TOP
    take_interrupts()
    args = sys.argv[1:]
    KBUILD = pathlib.Path(args.pop(0)).resolve()
    long = "--long" in args
    names = [a for a in args if a != "--long"]
    tests = [t for t in TESTS if t.__name__ in names] if names else \
        [t for t in TESTS if long or t.__name__ not in LONG]
    failed = 0
    print(f"1..{len(tests)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="kbuild-lock-") as d:
        TOP = pathlib.Path(d)
        TOP.chmod(0o755)
        for i, test in enumerate(tests, 1):
            try:
                test()
                print(f"ok {i} - {test.__name__}", flush=True)
            except Exception as e:  # pylint: disable=broad-except
                failed += 1
                what = str(e) if isinstance(e, AssertionError) else traceback.format_exc()
                print("".join(f"# {l}\n" for l in what.splitlines()), end="")
                print(f"not ok {i} - {test.__name__}", flush=True)
        for k in KEYS.values():
            k.close()
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
