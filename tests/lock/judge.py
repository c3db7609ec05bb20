#!/usr/bin/env python3
"""Is a lock what mmdebstrap would install?

Twelve package sets (1 to 60 names, Debian 12 and 13, with and without recommends) are locked by
kbuild and resolved by mmdebstrap from the same sources; names, versions and automatic marks must
be exactly equal. The fast form asks apt in mmdebstrap's own essential tree, by the command that
mmdebstrap would run; --full installs for real and reads dpkg's status and apt's extended states.

  judge.py KBUILD [--full] [--set N]... [--work DIR]

Needs root and the network. Prints TAP.
"""
import argparse
import os
import pathlib
import random
import re
import shlex
import subprocess
import sys
import tempfile

NAMES = """
htop ncdu tree jq rsync git curl wget vim-tiny nano less tmux screen mc zsh fish strace lsof tcpdump
nmap socat netcat-openbsd dnsutils whois iproute2 iptables nftables ufw fail2ban chrony openssh-server
sudo cron logrotate rsyslog unattended-upgrades python3 python3-yaml python3-requests python3-systemd
build-essential gdb cmake meson postgresql-client sqlite3 redis-server nginx-light haproxy certbot
docker.io containerd qemu-utils zstd xz-utils unzip bzip2 pigz ca-certificates gnupg pinentry-curses
systemd-sysv dbus udev locales tzdata apt-utils bash-completion man-db file mutt mailutils exim4
imagemagick ffmpeg r-base-core default-jre-headless golang-go nodejs php-cli ruby
""".split()

# (release, number of names, recommends)
SETS = [(release, n, (i + shift) % 2 == 1)
        for release, shift in (("trixie", 0), ("bookworm", 1))
        for i, n in enumerate((1, 3, 8, 15, 30, 60))]


def names_of(number, n):
    rng = random.Random(4711 + number)
    return rng.sample(NAMES, n)


def pattern(release, arch="amd64"):
    return (f"?narrow(?or(?archive(^{release}$),?codename(^{release}$)),?architecture({arch}),"
            "?and(?priority(required),?not(?essential)))")


def lock(kbuild, work, number, release, names, recommends):
    file = work / f"set{number}.yaml"
    file.write_text("#cloud-config\n"
                    f"packages: [{', '.join(names)}]\n"
                    f"kbuild:\n  name: set{number}\n"
                    f"  base: {{distribution: debian, release: {release}, bootable: false, "
                    f"recommends: {'true' if recommends else 'false'}}}\n")
    subprocess.run([kbuild, "lock", "-q", "--update", "--cache", work / "cache", file], check=True,
                   stdout=subprocess.DEVNULL)
    result = {}
    for line in (work / f"set{number}.yaml.lock").read_text().splitlines():
        w = line.split(" ")
        if w[0] == "package":
            result[w[1]] = (w[2], w[4])
    return result


def sources_of(work, release):
    """The sources kbuild used: the private apt directory of this release."""
    for f in sorted((work / "cache" / "apt").glob("*/etc/sources.list.d/kbuild.sources")):
        if re.search(rf"^Suites: {release}$", f.read_text(), re.M):
            return f
    raise SystemExit(f"no private apt directory for {release}")


def apt_option(recommends):
    return f'APT::Install-Recommends "{"true" if recommends else "false"}"'


def simulate(work, release, recommends, sets):
    """One essential tree; in it, the install command of mmdebstrap for each set."""
    script = work / f"hook-{release}-{recommends}"
    lines = ["#!/bin/sh", "set -e", 'export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" LC_ALL=C']
    lines.append(f'cp "$1/var/lib/dpkg/status" {shlex.quote(str(work))}/status-{release}-{recommends}')
    for number, names in sets:
        command = ["apt-get", "--yes", "-oAPT::Get::Simulate=true", "install", *names, "apt",
                   pattern(release)]
        lines.append(" ".join(map(shlex.quote, command)) +
                     f" > {shlex.quote(str(work))}/plan{number}")
    script.write_text("\n".join(lines) + "\n")
    script.chmod(0o755)
    subprocess.run(["mmdebstrap", "-q", "--variant=essential", f"--aptopt={apt_option(recommends)}",
                    f"--essential-hook={script} \"$1\"", release, "/dev/null", sources_of(work, release)], check=True,
                   stdout=subprocess.DEVNULL)


def read_status(path):
    result = {}
    for stanza in path.read_text().split("\n\n"):
        f = dict(re.findall(r"^(Package|Version|Status): (.*)$", stanza, re.M))
        if f.get("Status") == "install ok installed":
            result[f["Package"]] = f["Version"]
    return result


def read_plan(work, release, recommends, number):
    status = read_status(work / f"status-{release}-{recommends}")
    result = {p: (v, "manual") for p, v in status.items()}
    text = (work / f"plan{number}").read_text()
    m = re.search(r"The following additional packages will be installed:\n((?: .*\n)*)", text)
    additional = set(m.group(1).split()) if m else set()
    for name in re.findall(r"^Remv (\S+)", text, re.M):
        del result[name]
    for name, version in re.findall(r"^Inst (\S+) (?:\[[^]]*\] )?\((\S+) ", text, re.M):
        result[name] = (version, "auto" if name in additional else "manual")
    return result


def install(work, release, number, names, recommends):
    """The whole tree, really installed."""
    out = work / f"full{number}"
    out.mkdir(exist_ok=True)
    subprocess.run(["mmdebstrap", "-q", "--variant=required", f"--include={','.join([*names, 'apt'])}",
                    f"--aptopt={apt_option(recommends)}",
                    f"--customize-hook=cp \"$1/var/lib/dpkg/status\" {out}/status",
                    f"--customize-hook=cp \"$1/var/lib/apt/extended_states\" {out}/states || : > {out}/states",
                    release, "/dev/null", sources_of(work, release)], check=True,
                   stdout=subprocess.DEVNULL)
    automatic = set()
    for stanza in (out / "states").read_text().split("\n\n"):
        f = dict(re.findall(r"^(Package|Auto-Installed): (.*)$", stanza, re.M))
        if f.get("Auto-Installed") == "1":
            automatic.add(f["Package"])
    return {p: (v, "auto" if p in automatic else "manual")
            for p, v in read_status(out / "status").items()}


def differences(ours, theirs):
    lines = []
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            lines.append(f"# {name}: kbuild {ours.get(name)}, mmdebstrap {theirs.get(name)}")
    return lines


def main():
    p = argparse.ArgumentParser()
    p.add_argument("kbuild")
    p.add_argument("--full", action="store_true")
    p.add_argument("--set", type=int, action="append")
    p.add_argument("--work")
    a = p.parse_args()
    kbuild = os.path.abspath(a.kbuild)
    numbers = a.set or range(1, len(SETS) + 1)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="kbuild-judge-", dir=a.work) as d:
        work = pathlib.Path(d)
        work.chmod(0o755)
        ours, plans = {}, {}
        print(f"1..{len(numbers)}", flush=True)
        for number in numbers:
            release, n, recommends = SETS[number - 1]
            names = names_of(number, n)
            ours[number] = lock(kbuild, work, number, release, names, recommends)
            plans.setdefault((release, recommends), []).append((number, names))
        for (release, recommends), sets in plans.items():
            if not a.full:
                simulate(work, release, recommends, sets)
            for number, names in sets:
                if a.full:
                    theirs = install(work, release, number, names, recommends)
                else:
                    theirs = read_plan(work, release, recommends, number)
                bad = differences(ours[number], theirs)
                failed += bool(bad)
                print(f"{'not ok' if bad else 'ok'} {number} - {release}, {len(names)} names, "
                      f"{'with' if recommends else 'without'} recommends: {len(theirs)} packages")
                print("\n".join(bad), end="\n" if bad else "", flush=True)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
