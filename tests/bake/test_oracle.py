#!/usr/bin/env python3
"""cloud-init is the judge: what it does to a tree for a cloud-config, kbuild's baking does as well.

    tests/bake/test_oracle.py BUILD-DIRECTORY

Prints TAP. Needs root and a Debian 13 tree (common.py makes one).

Both work on an overlay over the same tree; then the two sets of changed files are compared: names,
kinds, owners, modes, link targets, bytes. What is allowed to differ stands in IGNORED, with reasons.
"""
import fnmatch
import json
import os
import re
import stat
import subprocess
import sys
import tempfile

from common import Overlay, Tap, private_mounts, tree

HERE = os.path.dirname(os.path.abspath(__file__))
IGNORED = [
    '/etc/cloud/cloud.cfg.d/90_kbuild.cfg',     # ours: what was baked must not be done again
    '/usr/lib/kbuild/*',                        # ours: image.json
    '/etc/apt/apt.conf.d/52kbuild-upgrades',    # ours
    '/etc/sysctl.d/60-kbuild-hardening.conf',
    '/etc/ssh/sshd_config.d/*',                 # another file name, compared by "sshd -T" instead
    '/etc/*-', '/etc/.pwd.lock',                # backups and locks of useradd; sealing removes them
    '/var/log/*', '/var/cache/*', '/run/*', '/tmp/*', '/dev/*',
    '/var/lib/dpkg/*',                          # locks
    '/usr/lib/python3/*', '/usr/lib/python3.*',  # byte code that running the judge leaves
    '/usr/lib/locale/*',                        # compared by "locale -a"; an archive has a layout of its own
]
DAY = re.compile(r'(?m)^([^:\n]+:[^:\n]*):\d+:')
HEADER = re.compile(r'(?m)^# Created by .*$')


def describe(path, name):
    st = os.lstat(path)
    kind = stat.S_IFMT(st.st_mode)
    text = None
    if stat.S_ISLNK(st.st_mode):
        return 'link', os.readlink(path), st.st_uid, st.st_gid
    if stat.S_ISREG(st.st_mode):
        with open(path, 'rb') as f:
            text = f.read().decode('latin-1')
    if name == '/etc/shadow':
        text = DAY.sub(r'\1:DAY:', text)
    if name.startswith('/etc/sudoers.d/'):
        text = HEADER.sub('# Created', text)
    if stat.S_ISCHR(st.st_mode):
        return 'whiteout',
    return '%o' % kind, '%04o' % (st.st_mode & 0o7777), st.st_uid, st.st_gid, text


def changes(upper):
    found = {}
    for top, dirs, files in os.walk(upper):
        for n in files + dirs:
            path = os.path.join(top, n)
            name = path[len(upper):]
            if not any(fnmatch.fnmatch(name, p) or fnmatch.fnmatch(name + '/', p) for p in IGNORED):
                found[name] = describe(path, name)
    return found


def show(d):
    if d is None:
        return 'nothing'
    return ' '.join(str(x) for x in d[:4]) + (('\n  | ' + '\n  | '.join(d[4].splitlines()[:60])) if len(d) > 4 and d[4] else '')


def certificate(where):
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', '/dev/null', '-out',
                    where, '-days', '3650', '-subj', '/CN=kbuild test'], check=True, stderr=subprocess.DEVNULL)
    return ''.join('      ' + line for line in open(where))


def compare(tap, judge, ours):
    a, b = changes(judge.upper), changes(ours.upper)
    same = 0
    for name in sorted(set(a) | set(b)):
        x, y = a.get(name), b.get(name)
        # A directory in one of them only holds nothing but what is ignored.
        if x == y or (x is None and y[0] == '40000') or (y is None and x[0] == '40000'):
            same += x == y
            continue
        tap.check('the same: ' + name, False, 'cloud-init: %s\nkbuild: %s' % (show(x), show(y)))
    tap.check('%d changed files are the same' % same, same > 300, 'only %d are' % same)


def ask(tap, judge, ours):
    for what, argv in (('locales', 'locale -a'),
                       ('sshd', 'mkdir -p /run/sshd; sshd -T | grep -iE "^(passwordauth|kbdinter)"'),
                       ('groups', 'for u in debian koprogo pw locked svc nohome root; do id $u; done'),
                       ('trust', 'openssl verify -CAfile /etc/ssl/certs/ca-certificates.crt '
                                 '/usr/local/share/ca-certificates/cloud-init-ca-cert-1.crt')):
        want = judge.run('sh', '-c', argv, stdout=subprocess.PIPE).stdout
        tap.equal('the same answer: ' + what, ours.run('sh', '-c', argv, stdout=subprocess.PIPE).stdout, want)


APT = 'apt: {http_proxy: "http://proxy.example:3128", conf: \'Acquire::Queue-Mode "access";\'}\n'
APT_ASKS = 'apt-config dump | grep -E "^Acquire::(http::Proxy|Queue-Mode) "'
APT_HAS = 'Acquire::http::Proxy "http://proxy.example:3128";\nAcquire::Queue-Mode "access";\n'
LOCALES = ['', 'locale: false\n', 'locale: fr_BE.UTF-8\nlocale_configfile: /etc/default/ours\n']
BASE = 'users: [default]\nkbuild: {name: boot, base: {distribution: debian, release: trixie, bootable: false}}\n'


def stays(tap, build, server, tmp, text):
    """What was baked is what the server has: its cloud-init, given what is left for it, changes nothing."""
    with open(tmp + '/boot.yaml', 'w') as f:
        f.write('#cloud-config\n' + text + BASE)
    left = subprocess.run([build + '/builder/kbuild', 'explain', '--user-data', tmp + '/boot.yaml'], check=True,
                          text=True, stdout=subprocess.PIPE).stdout
    subprocess.run([build + '/tests/bake/bake_tool', server.root, tmp + '/boot.yaml', 'apt'], check=True)
    server.write('/oracle.py', open(HERE + '/oracle.py').read())
    server.write('/left.yaml', left)
    before = changes(server.upper)
    r = server.run('/usr/bin/python3', '-B', '/oracle.py', '/left.yaml', 'boot', check=False,
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tap.equal('cloud-init goes through a first boot: %r' % text, (r.returncode, r.returncode and r.stdout), (0, 0))
    after = changes(server.upper)
    for name in sorted(n for n in set(before) | set(after) if before.get(n) != after.get(n)):
        tap.check('first boot leaves it: ' + name, False,
                  'before: %s\nafter: %s' % (show(before.get(name)), show(after.get(name))))


def first_boots(tap, build, lower, tmp):
    with Overlay(lower, tmp + '/boot') as server:
        stays(tap, build, server, tmp, APT)
        tap.equal('apt of the server has the proxy and the settings',
                  server.run('sh', '-c', APT_ASKS, stdout=subprocess.PIPE).stdout, APT_HAS)
    for i, text in enumerate(LOCALES):
        with Overlay(lower, '%s/locale%d' % (tmp, i)) as server:
            stays(tap, build, server, tmp, text)


DPKG = 'datasource_list: [ NoCloud, Ec2, None ]\n'
SETTINGS = '''import json
from cloudinit import util
c = util.read_conf_with_confd('/etc/cloud/cloud.cfg')
print(json.dumps([c['datasource_list'], c['datasource']['OpenStack']]))'''


def check_settings(tap, ours):
    """Ours are read after those of cloud-init's own package and before those of the definition."""
    r = ours.run('/usr/bin/python3', '-B', '-c', SETTINGS, stdout=subprocess.PIPE)
    tap.equal('the settings that cloud-init reads', json.loads(r.stdout),
              [['ConfigDrive', 'OpenStack', 'NoCloud', 'None'], {'max_wait': 7, 'timeout': 10}])


def refuse(tap, tool, ours, tmp):
    """What is left for first boot is judged while building, by the cloud-init that will read it."""
    for value, right in (('auto', True), ('sometimes', False)):
        with open(tmp + '/left.yaml', 'w') as f:
            f.write('#cloud-config\ngrowpart: {mode: %s}\nruncmd: ["true"]\n' % value +
                    'kbuild: {name: left, base: {distribution: debian, release: trixie, bootable: false}}\n')
        r = subprocess.run([tool, ours.root, tmp + '/left.yaml'], text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
        tap.check('growpart.mode: %s is %s' % (value, 'taken' if right else 'refused'),
                  (r.returncode == 0) == right and ('bake_tool: user-data: ' in r.stdout and 'growpart.mode' in r.stdout) != right,
                  r.stdout)


def main():
    private_mounts()
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
    tool = build + '/tests/bake/bake_tool'
    tap, lower = Tap(), tree()
    with tempfile.TemporaryDirectory(dir='/var/tmp') as tmp, Overlay(lower, tmp + '/judge') as judge, \
            Overlay(lower, tmp + '/ours') as ours:
        config = open(HERE + '/oracle.yaml').read().replace('CERTIFICATE\n', certificate(tmp + '/ca.pem'))
        judge.write('/oracle.py', open(HERE + '/oracle.py').read())
        judge.write('/config.yaml', config)
        # Debian's locale-gen takes no argument, so that cloud-init cannot make it generate anything.
        judge.write('/etc/locale.gen', re.sub(r'(?m)^# (fr_BE.UTF-8 UTF-8)$', r'\1', judge.read('/etc/locale.gen')))
        for overlay in (judge, ours):
            overlay.write('/etc/cloud/cloud.cfg.d/90_dpkg.cfg', DPKG)
        r = judge.run('/usr/bin/python3', '-B', '/oracle.py', '/config.yaml', check=False, stdout=subprocess.PIPE,
                      stderr=subprocess.STDOUT)
        tap.equal('cloud-init itself takes the cloud-config', (r.returncode, r.returncode and r.stdout), (0, 0))
        for name in ('/oracle.py', '/config.yaml'):
            os.unlink(judge.root + name)
        with open(tmp + '/def.yaml', 'w') as f:
            f.write(config + 'kbuild:\n  name: oracle\n'
                    '  base: {distribution: debian, release: trixie, bootable: false}\n')
        r = subprocess.run([tool, ours.root, tmp + '/def.yaml'], text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
        tap.equal('kbuild takes it', (r.returncode, r.returncode and r.stdout), (0, 0))
        compare(tap, judge, ours)
        ask(tap, judge, ours)
        check_settings(tap, ours)
        refuse(tap, tool, ours, tmp)
        first_boots(tap, build, lower, tmp)
    tap.done()


main()
