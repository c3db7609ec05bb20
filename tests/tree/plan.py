#!/usr/bin/env python3
"""Writes a package list for tree_driver from apt's own answers, until a lock is at hand.

  plan.py DIR SUITE PACKAGE...    apt works in DIR/apt; DIR/list and DIR/debs are the result

One line a package: name version architecture sha256 size essential automatic path-of-the-.deb
The mirror is the one the host's own apt uses, or KBUILD_TEST_MIRROR ("http://host/debian").
Ubuntu's indexes are not verified here: this is about trees, the lock's tests are about trust.
"""
import glob
import hashlib
import os
import re
import subprocess
import sys
import urllib.request


def host_mirror():
    if os.environ.get('KBUILD_TEST_MIRROR'):
        return os.environ['KBUILD_TEST_MIRROR'].rstrip('/')
    for name in glob.glob('/etc/apt/sources.list.d/*.sources') + ['/etc/apt/sources.list']:
        if not os.path.exists(name):
            continue
        for m in re.finditer(r'(?m)^(?:URIs:|deb)\s+(?:\[[^]]*\]\s*)?(\S+/debian)/?(?:\s|$)', open(name).read()):
            return m.group(1)
    sys.exit('no Debian mirror in the apt sources of this host; name one in KBUILD_TEST_MIRROR')


def sources(suite):
    base = host_mirror()
    if suite in ('jammy', 'noble'):
        uri = base[:-len('debian')] + 'ubuntu'
        opt, comp = '[trusted=yes]', 'main universe'
        return ['deb %s %s %s %s' % (opt, uri, s, comp)
                for s in (suite, suite + '-updates', suite + '-security')]
    opt = '[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
    return ['deb %s %s %s main' % (opt, base, suite),
            'deb %s %s %s-updates main' % (opt, base, suite),
            'deb %s %s-security %s-security main' % (opt, base, suite)]


class Apt:
    def __init__(self, top, suite):
        self.top = os.path.abspath(top)
        for d in ('apt/etc/apt/apt.conf.d', 'apt/etc/apt/preferences.d', 'apt/var/lib/apt/lists/partial',
                  'apt/var/cache/apt/archives/partial', 'apt/var/lib/dpkg'):
            os.makedirs(os.path.join(self.top, d), exist_ok=True)
        self.status = os.path.join(self.top, 'apt/var/lib/dpkg/status')
        open(self.status, 'a').close()
        with open(os.path.join(self.top, 'apt/etc/apt/sources.list'), 'w') as f:
            f.write('\n'.join(sources(suite)) + '\n')
        self.conf = os.path.join(self.top, 'apt/conf')
        with open(self.conf, 'w') as f:
            f.write('Dir "%s/apt";\nDir::State::status "%s";\nAPT::Architecture "amd64";\n'
                    'APT::Architectures "amd64";\nAPT::Install-Recommends false;\n'
                    'Acquire::Languages "none";\nAPT::Sandbox::User "root";\n'
                    'APT::Get::Always-Include-Phased-Updates true;\n'
                    'pkgCacheGen::ForceEssential ",";\n' % (self.top, self.status))

    def run(self, *argv):
        env = dict(os.environ, APT_CONFIG=self.conf, LC_ALL='C.UTF-8')
        return subprocess.run(argv, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout


def simulate(apt, names):
    out = apt.run('apt-get', '-s', '-y', 'install', *names)
    return dict(re.findall(r'(?m)^Inst (\S+) \(([^ )]+)', out))


def main():
    top, suite, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    apt = Apt(top, suite)
    apt.run('apt-get', 'update', '-q')
    essential = simulate(apt, ['?essential'])
    both = simulate(apt, ['?essential'] + names)
    uris = dict()
    for url, name in re.findall(r"(?m)^'([^']+)' (\S+) \d+", apt.run(
            'apt-get', '-y', '--print-uris', 'install', '?essential', *names)):
        uris[name.split('_')[0]] = url
    show = apt.run('apt-cache', 'show', *['%s=%s' % p for p in both.items()])
    lines = []
    for stanza in show.strip().split('\n\n'):
        f = dict(re.findall(r'(?m)^([A-Za-z0-9-]+): (.*)$', stanza))
        name = f['Package']
        path = os.path.join(apt.top, 'cache/store', f['SHA256'][:2], f['SHA256'] + '.deb')
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not os.path.exists(path):
            urllib.request.urlretrieve(uris[name], path + '.part')
            with open(path + '.part', 'rb') as deb:
                if hashlib.sha256(deb.read()).hexdigest() != f['SHA256']:
                    sys.exit('%s: other bytes than the index says' % name)
            os.rename(path + '.part', path)
        lines.append(' '.join([name, f['Version'], f['Architecture'], f['SHA256'], f['Size'],
                               str(int(name in essential)),
                               str(int(name not in essential and name not in names)), path]))
    with open(os.path.join(top, 'list'), 'w') as out:
        out.write('\n'.join(sorted(set(lines))) + '\n')
    print('%d packages, %d of them essential' % (len(set(lines)), len(essential)))


main()
