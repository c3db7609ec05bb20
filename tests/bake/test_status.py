#!/usr/bin/env python3
"""units/console-status against made-up systems: its line is always one line of valid JSON.

    tests/bake/test_status.py

Prints TAP. Needs neither root nor a tree: systemctl and the like are small scripts in PATH.
"""
import json
import os
import subprocess
import tempfile

from common import TOP, Tap

NASTY = 'evil"unit\\x2d\t\x1b[31m.service'
SYSTEMCTL = r'''#!/bin/sh
case "$*" in
*LoadState*) echo loaded ;;
is-active*) cat "$FAKE/active" ;;
is-enabled*) exit 0 ;;
list-units*) cat "$FAKE/failed" ;;
esac
'''
CASES = [  # result.json errors, recoverable, active, failed units -> state, cloud_init
    ('nothing is wrong', '[]', '{}', 'active', '', 'ready', 'done'),
    ('a unit failed', '[]', '{}', 'active', 'x.service loaded failed failed X\n', 'degraded', 'done'),
    ('a unit with a hostile name failed', '[]', '{}', 'active', NASTY + ' loaded failed\n', 'degraded', 'done'),
    ('cloud-init warned', '[]', '{\n  "WARNING": [\n   "x"\n  ]\n }', 'active', '', 'degraded', 'degraded'),
    ('cloud-init failed', '[\n   "x"\n  ]', '{}', 'active', '', 'failed', 'error'),
    ('docker is down', '[]', '{}', 'failed', 'docker.service loaded failed\n', 'failed', 'done'),
]


def script(path, text):
    with open(path, 'w') as f:
        f.write(text)
    os.chmod(path, 0o755)


def main():
    tap = Tap()
    for name, errors, recoverable, active, failed, state, cloud_init in CASES:
        with tempfile.TemporaryDirectory() as tmp:
            os.makedirs(tmp + '/run/cloud-init')
            for path, text in (('run/cloud-init/result.json', '{\n "v1": {\n  "errors": %s\n }\n}\n' % errors),
                               ('run/cloud-init/status.json', '{\n "v1": {\n  "recoverable_errors": %s\n }\n}\n' % recoverable),
                               ('active', active + '\n'), ('failed', failed), ('console', '')):
                with open(os.path.join(tmp, path), 'w') as f:
                    f.write(text)
            script(tmp + '/systemctl', SYSTEMCTL)
            script(tmp + '/ip', '#!/bin/sh\necho "2: eth0    inet 192.0.2.7/32 brd x scope global eth0"\n'
                                'echo "3: docker0    inet 172.17.0.1/16 scope global docker0"\n'
                                'echo "2: eth0    inet6 2001:db8::7/64 scope global"\n')
            with open(TOP + '/units/console-status') as f:
                text = f.read().replace('PATH=/usr/sbin', 'PATH=%s:/usr/sbin' % tmp, 1)
            script(tmp + '/console-status', text)
            env = {'FAKE': tmp, 'KBUILD_RUN': tmp + '/run', 'KBUILD_CONSOLE': tmp + '/console', 'PATH': os.environ['PATH']}
            r = subprocess.run(['dash', tmp + '/console-status'], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            with open(tmp + '/console') as f:
                console = f.read()
            lines = console.split('\n')
            tap.check(name + ': one line, after a line end', r.returncode == 0 and len(lines) == 3 and lines[0] == lines[2] == '' and
                      lines[1].startswith('kbuild-status: ') and lines[1].isprintable(), '%r\n%s' % (console, r.stdout))
            try:
                got = json.loads(lines[1][len('kbuild-status: '):])
            except (ValueError, IndexError) as e:
                tap.check(name + ': JSON', False, e)
                continue
            tap.equal(name + ': its state', (got['state'], got['cloud_init']), (state, cloud_init))
            tap.equal(name + ': its addresses', got['addresses'], ['192.0.2.7', '2001:db8::7'])
            tap.equal(name + ': failed units by name', got['failed_units'],
                      [''.join(c for c in line.split(' ')[0] if ' ' <= c <= '~') for line in failed.splitlines()])
    tap.done()


main()
