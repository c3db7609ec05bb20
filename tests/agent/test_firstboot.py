#!/usr/bin/env python3
"""First boot on a booted server: to ready, at later boots, cut off at any moment, on a copy of its disk.

    tests/agent/test_firstboot.py KBUILD [RELEASE] [first copy cuts disabled]     (TAP; root; systemd-nspawn)

KBUILD_TEST_IMAGE: a baked tree to use instead of one that is made here. The tree is what `kbuild build` makes; systemd, cloud-init, Docker and the agent's own units run in it. The
data volume needs a block device and is shown in QEMU.
"""
import json
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
from kbtest import Kbuild, Tap, program_argument  # noqa: E402
from nspawn_lab import Disk, Machine, outside, own_world, wait  # noqa: E402

RELEASE = sys.argv[2] if len(sys.argv) > 2 else 'trixie'
PARTS = sys.argv[3:] or ['first', 'copy', 'cuts', 'disabled']
DEFINITION = """#cloud-config
kbuild:
  name: lab
  base: {distribution: debian, release: %s}
  disk: {size: 4G}
  firewall: {allow: [22/tcp]}
  secrets: {values: {TOKEN: {generate: 256}}}
"""
V4, V6, US4, US6 = '10.99.0.2', 'fd99::2', '10.99.0.1', 'fd99::1'
NETWORK = 'version: 2\nethernets:\n  host0:\n    addresses: [%s/24, "%s/64"]\n' \
          '    routes: [{to: default, via: %s}]\n' % (V4, V6, US4)
OURS = 'ip link set lo up; ip link set ve-lab up; ip addr replace %s/24 dev ve-lab; ' \
       'ip -6 addr replace %s/64 dev ve-lab nodad' % (US4, US6)
SEED = '/var/lib/cloud/seed/nocloud/'
JOURNAL = '/var/lib/kbuild/first-boot.journal'
VALUES = '/var/lib/kbuild/secrets/values.json'
BOOT = 300  # seconds; a quiet machine takes a tenth of it


def seed(disk, instance):
    disk.write(SEED + 'user-data', '#cloud-config\nhostname: lab\n')
    disk.write(SEED + 'meta-data', 'instance-id: %s\n' % instance)
    disk.write(SEED + 'network-config', NETWORK)
    disk.write('/etc/fstab', '')  # its file systems are not there under nspawn


def journal(disk):
    lines = disk.read(JOURNAL).splitlines() if Path(disk.path(JOURNAL)).exists() else []
    entries = []
    for line in lines:
        try:
            entries.append(json.loads(line))
        except ValueError:
            pass  # the one that was being written when the power went
    return entries


def said(machine):
    """What first boot itself said: with the step it was at."""
    return [s for s in machine.status_lines() if 'step' in s]


def answer(machine):
    return wait('the answer of first boot', BOOT, lambda: [s for s in said(machine) if s['state'] != 'working'])[0]


def gets_ready(tap, m, name):
    status = answer(m)
    tap.check(status['state'] == 'ready', name, '%s\n%s' % (status, m.out('systemctl', '--failed', '--no-legend')))


def intents(disk):
    return [e['step'] for e in journal(disk) if e['event'] == 'intent']


class Lab:
    def __init__(self, tap, tree, where):
        self.tap, self.tree, self.where, self.count = tap, tree, where, 0

    def fresh(self, name):
        disk = Disk(self.tree, self.where / name)
        seed(disk, 'i-1')
        return disk

    def boot(self, disk):
        self.count += 1
        return Machine(disk, self.where / ('console-%d' % self.count), setup=OURS)


def identity(m):
    return {'machine-id': m.out('cat', '/etc/machine-id'),
            'host keys': m.out('sh', '-c', 'cat /etc/ssh/ssh_host_*_key.pub'),
            'secrets': m.out('cat', VALUES)}


def takes_little(tap, m, what):
    """CPU of first boot and of who does its work as root; what it waits for costs nothing."""
    cpu = [int(m.out('systemctl', 'show', '-P', 'CPUUsageNSec', u)) for u in ('kbuild-firstboot.service', 'kbuild-broker.service')]
    tap.note('%s took %.2f and %.2f s of CPU' % (what, cpu[0] / 1e9, cpu[1] / 1e9))
    tap.check(sum(cpu) < 2e9, '%s takes less than two seconds of CPU' % what, cpu)


def check_first(lab, disk):
    tap = lab.tap
    with lab.boot(disk) as m:
        status = answer(m)
        lines = said(m)
        tap.equal((status['state'], status['cloud_init'], status['failed_units'], status['docker']),
                  ('ready', 'done', [], 'active'), 'a first boot ends ready')
        tap.equal(status['addresses'], [V4, V6], 'it tells the addresses')
        tap.equal(status['ssh_host_keys'], m.out('sh', '-c', 'for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k '
                                                 '| cut -d" " -f2; done').split(), 'it tells the host keys')
        tap.check(len(lines) > 3 and all(s['state'] == 'working' for s in lines[:-1]) and
                  all(1 <= a['n'] <= b['n'] <= b['of'] for a, b in zip(lines, lines[1:])),
                  'steps are told in their order', lines)
        tap.check({e['step'] for e in journal(disk) if e['event'] == 'done'} >= {'secrets', 'timers'},
                  'what was done is written down', journal(disk))
        takes_little(tap, m, 'a first boot')
        wrote = m.out('journalctl', '-u', 'kbuild-firstboot.service', '--no-pager', '-o', 'cat')
        tap.check('kbuild-status: {' in wrote and '"step":"secrets"' in wrote, 'the journal has the same lines', wrote)
        for timer in ('gitops', 'backup', 'health'):
            tap.equal(m.out('systemctl', 'is-enabled', 'kbuild-%s.timer' % timer), 'enabled', 'the %s timer is started' % timer)
        tap.equal(m.out('systemctl', 'show', '-P', 'Result', 'kbuild-firstboot.service'), 'success', 'the unit succeeded')
        overview = json.loads(m.out('kbuild-agent', 'status', '--json'))
        tap.equal((overview['state'], overview['first_boot']['state'], len(overview['timers'])), ('ready', 'ready', 3),
                  'status knows it')
        tap.equal(overview['drift'], {'count': 0, 'packages': []}, 'no package changed since the image')
        tap.check(overview['versions']['docker'], 'status knows the version of Docker', overview['versions'])
        text = m.run('kbuild-agent', 'status')
        tap.check(text.returncode == 0 and text.stdout.startswith('lab is ready\n'), 'and tells it to people', text.stdout)
        secret = json.loads(m.out('cat', VALUES))
        shown = m.text() + m.out('journalctl', '--no-pager', '-o', 'cat') + json.dumps(overview)
        tap.check(not any(v in shown for v in str(secret).split("'") if len(v) > 20), 'no secret is in any log or status')
        who = identity(m)
        m.poweroff()
    return who


def check_again(lab, disk, who):
    tap, before = lab.tap, intents(disk)
    with lab.boot(disk) as m:
        gets_ready(tap, m, 'the next boot is ready')
        tap.equal(intents(disk), before, 'nothing is done again')
        tap.equal(identity(m), who, 'identity and secrets stay')
        takes_little(tap, m, 'the next boot')
        retry = m.run('kbuild-agent', 'first-boot', '--retry')
        tap.equal(retry.returncode, 0, 'first-boot --retry by root is taken')
        wait('a second answer', BOOT, lambda: len([s for s in said(m) if s['state'] != 'working']) > 1)
        tap.equal(intents(disk), before, 'and does nothing that is done')
        m.poweroff()


def check_clone(lab, disk, who):
    tap = lab.tap
    with disk.clone(lab.where / 'clone') as copy:
        seed(copy, 'i-2')
        with lab.boot(copy) as m:
            gets_ready(tap, m, 'a copy with another instance id gets ready')
            other = identity(m)
            for what in who:
                tap.check(who[what] != other[what] and other[what], 'and has its own: ' + what)
            tap.check('identity' in intents(copy), 'by a step that is written down', journal(copy))
            m.poweroff()
    with disk.clone(lab.where / 'clone-db') as copy:
        seed(copy, 'i-3')
        copy.write('/var/lib/docker/volumes/db/_data/PG_VERSION', '15\n')
        with lab.boot(copy) as m:
            gets_ready(tap, m, 'a copy with a database gets ready')
            other = identity(m)
            tap.check(other['machine-id'] != who['machine-id'], 'and is another machine')
            tap.equal(other['secrets'], who['secrets'], 'with the secrets that the database knows')
            m.poweroff()


def check_cuts(lab):
    """Power gone when so many lines of the journal were written, and at once after the process began."""
    tap = lab.tap
    for lines in (0, 1, 2, 3, 5):
        with lab.fresh('cut-%d' % lines) as disk:
            with lab.boot(disk) as m:
                if lines:
                    wait('line %d of the journal' % lines, BOOT, lambda: len(journal(disk)) >= lines or said(m)[-1:] and
                         said(m)[-1]['state'] != 'working')
                else:
                    wait('the first word', BOOT, lambda: said(m))
                m.cut()
            kept = Path(disk.path(VALUES)).read_text() if Path(disk.path(VALUES)).exists() else None
            with lab.boot(disk) as m:
                gets_ready(tap, m, 'after a power cut at line %d the next boot gets ready' % lines)
                if kept:
                    tap.equal(m.out('cat', VALUES) + '\n', kept.rstrip('\n') + '\n', 'with the secrets of before')


def check_without_cloud_init(lab):
    tap = lab.tap
    with lab.fresh('disabled') as disk:
        disk.write('/etc/cloud/cloud-init.disabled', '')
        with lab.boot(disk) as m:
            status = answer(m)
            tap.equal((status['state'], status['cloud_init']), ('ready', 'disabled'), 'it works without cloud-init')


def make_tree(tap, kbuild):
    given = os.environ.get('KBUILD_TEST_IMAGE')
    if given:
        return given
    tree, definition = kbuild.scratch / 'tree', kbuild.scratch / 'lab.yaml'
    definition.write_text(DEFINITION % RELEASE)
    done = kbuild.run('build', definition, '--until', 'seal', '--tree', tree, timeout=1500)
    return tree if tap.check(done.returncode == 0, 'an image is made', done.stderr) else None


def run(lab):
    if 'first' in PARTS or 'copy' in PARTS:
        with lab.fresh('first') as disk:
            who = check_first(lab, disk)
            check_again(lab, disk, who)
            if 'copy' in PARTS:
                check_clone(lab, disk, who)
    if 'cuts' in PARTS:
        check_cuts(lab)
    if 'disabled' in PARTS:
        check_without_cloud_init(lab)


def main():
    own_world()
    tap = Tap()
    with tempfile.TemporaryDirectory(dir='/var/tmp', ignore_cleanup_errors=True) as where:
        tree = make_tree(tap, Kbuild(outside(program_argument(), where), scratch=where))
        lab = Lab(tap, tree, Path(where))
        try:
            if tree:
                run(lab)
        except TimeoutError as e:
            last = lab.where / ('console-%d' % lab.count)
            tap.check(False, 'the server goes on', '%s\n%s' % (e, last.read_text(errors='replace')[-4000:]))
    return tap.done()


sys.exit(main())
