#!/usr/bin/env python3
"""A baked and sealed tree boots under systemd-nspawn with cloud-init, and is looked at from outside.

    tests/bake/test_boot.py BUILD-DIRECTORY

Prints TAP. Needs root, systemd-nspawn, and a Debian 13 tree (common.py makes one). This process is
"outside": it lives in a network of its own, and the other end of a veth is the server's. What nspawn
does not show (boot loader, kernel, initrd) is for the suite "vm".
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from common import Overlay, Tap, tree

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
HERE = os.path.dirname(os.path.abspath(__file__))
V4, V6, US4, US6 = '10.99.0.2', 'fd99::2', '10.99.0.1', 'fd99::1'
KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJh1Y0bQ5xGvQYk0Gm0c9n8YyXk7m5X3p0u1v2w3x4y5 cloud'
SEED = {
    'user-data': '#cloud-config\nhostname: bakery\n',
    'meta-data': 'instance-id: i-1\npublic-keys: ["%s"]\n' % KEY,
    'network-config': 'version: 2\nethernets:\n  host0:\n    addresses: [%s/24, "%s/64"]\n'
                      '    routes: [{to: default, via: %s}]\n' % (V4, V6, US4),
}
NET = 'ip link set lo up; ip link set ve-bake up; ip addr replace %s/24 dev ve-bake; ' \
      'ip -6 addr replace %s/64 dev ve-bake nodad; ip route replace 172.16.0.0/12 via %s' % (US4, US6, V4)


def own_world():
    """Our own mounts and our own network, which end with this process."""
    if os.environ.get('KBUILD_TEST_WORLD') != '1':
        tree()  # which needs the network of others, the first time
        os.environ['KBUILD_TEST_WORLD'] = '1'
        os.execvp('unshare', ['unshare', '--mount', '--net', '--propagation', 'private', sys.executable] + sys.argv)
    subprocess.run('umount -l /sys; mount -t sysfs sysfs /sys; mount -t cgroup2 cgroup2 /sys/fs/cgroup',
                   shell=True, check=True)


def wait(what, seconds, ask):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.2)
    raise TimeoutError('%s did not come within %d s' % (what, seconds))


class Server:
    def __init__(self, overlay, console):
        self.console, self.init = console, None
        self.nspawn = subprocess.Popen(
            ['systemd-nspawn', '-q', '-D', overlay.root, '-b', '--machine=bake', '--register=no', '--keep-unit',
             '--network-veth', '--capability=all', '--system-call-filter=add_key keyctl bpf',
             '--timezone=off', '--console=read-only'], stdin=subprocess.DEVNULL, stdout=open(console, 'wb'), stderr=subprocess.STDOUT)

    def __enter__(self):
        try:
            return self.up()
        except BaseException:
            self.__exit__()
            raise

    def up(self):
        wait('the network', 300, lambda: subprocess.run(NET, shell=True, stderr=subprocess.DEVNULL).returncode == 0)
        children = '/proc/%d/task/%d/children' % (self.nspawn.pid, self.nspawn.pid)
        self.init = wait('process 1', 300, lambda: open(children).read().split())[0]
        return self

    def __exit__(self, *_):
        if self.init:
            os.kill(int(self.init), signal.SIGKILL)  # process 1 takes all of the server with it
        self.nspawn.kill()
        self.nspawn.wait()
        subprocess.run(['ip', 'link', 'del', 've-bake'], stderr=subprocess.DEVNULL)

    def text(self):
        with open(self.console, 'rb') as f:
            return f.read().decode('utf-8', 'replace')

    def status_lines(self):
        return re.findall(r'(?m)^kbuild-status: (\{.*\})\r?$', self.text())

    def run(self, *argv, **kw):
        enter = ['nsenter', '-t', self.init, '-m', '-u', '-i', '-n', '-p', '-C', '--root', '--wd']
        return subprocess.run(enter + ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root',
                                       'LC_ALL=C.UTF-8'] + list(argv), text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, cwd='/', **kw)

    def out(self, *argv):
        return self.run(*argv).stdout.strip()


def probe(host, port, wanted='closed'):
    """A closed port is two seconds of silence; one that should be open has longer, as the machine may be busy."""
    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
    s.settimeout(30 if wanted == 'open' else 2)
    try:
        s.connect((host, port))
        s.sendall(b'x\n')
        return 'open' if b'answer' in s.recv(200) else 'strange'
    except (TimeoutError, ConnectionRefusedError):
        return 'closed'
    except OSError as e:  # no way there, no such address: that shows nothing of the firewall
        return str(e)
    finally:
        s.close()


PORTS = [  # published port of a container -> container's port, network
    ('listed', 8080, 80, 'bridge'), ('unlisted', 8081, 80, 'bridge'), ('ownlisted', 8001, 80, 'own'),
    ('ownunlisted', 8022, 80, 'own'), ('trap', 9999, 8080, 'bridge'), ('source', 5432, 80, 'bridge')]
WANTED = [  # what outside must see
    (V4, 8080, 'open'), (V4, 8001, 'open'), (V4, 5432, 'open'),
    (V4, 8081, 'closed'), (V4, 8022, 'closed'), (V4, 9999, 'closed'),
    (V6, 8080, 'open'), (V6, 8001, 'open'),
    (V6, 8081, 'closed'), (V6, 8022, 'closed'), (V6, 9999, 'closed'), (V6, 5432, 'closed')]


def probe_all(ports):
    """(host, port, what is wanted) each; at once, because each closed one takes two seconds."""
    with ThreadPoolExecutor(len(ports)) as pool:
        return list(pool.map(lambda at: at[:2] + (probe(*at),), ports))


def see_ports(tap, when, routed):
    tap.equal('published ports are open if and only if listed, ' + when, probe_all(WANTED), WANTED)
    tap.equal('containers are not reached past their published ports, ' + when, probe_all(routed),
              [at + ('closed',) for at in routed])


def check_docker(tap, server):
    for name, outer, inner, network in PORTS:
        if network == 'own' and name == 'ownlisted':
            server.run('docker', 'network', 'create', 'own', check=True)
        r = server.run('docker', 'run', '-d', '--restart=always', '--name', name, '--network', network,
                       '-p', '%d:%d' % (outer, inner), 'serve:1', '/serve', 'serve', str(inner))
        tap.check('a container runs: ' + name, r.returncode == 0, r.stdout)
    address = {n: server.out('docker', 'inspect', '-f', '{{.NetworkSettings.IPAddress}}', n)
               for n in ('listed', 'unlisted', 'trap')}
    routed = [(address['listed'], 80), (address['unlisted'], 80), (address['trap'], 8080)]
    for at in routed:
        asked = server.out('bash', '-c', 'exec 3<>/dev/tcp/%s/%d; echo x >&3; timeout 30 head -c 100 <&3' % at)
        tap.check('the server itself reaches the container at %s:%d' % at, 'answer' in asked, asked)
    see_ports(tap, 'at first', routed)
    server.run('ufw', 'reload', check=True)
    see_ports(tap, 'after "ufw reload"', routed)
    server.run('systemctl', 'restart', 'docker', check=True)
    see_ports(tap, 'after a restart of docker', routed)
    server.run('ufw', 'disable', check=True)
    server.run('ufw', '--force', 'enable', check=True)
    see_ports(tap, 'after disabling and enabling ufw', routed)
    listener = subprocess.Popen([BUILD + '/tests/bake/serve', 'serve', '7777'])
    for network in ('bridge', 'own'):
        r = server.run('docker', 'run', '--rm', '--network', network, 'serve:1', '/serve', 'get', US4, '7777')
        tap.equal('containers reach out, network ' + network, r.returncode, 0)
    r = server.run('docker', 'run', '--rm', 'serve:1', '/serve', 'get', V4, '8080')
    tap.equal('a container reaches a published port of its own server', r.returncode, 0)
    listener.kill()
    listener.wait()
    tap.equal('ufw lists what was baked', sorted(re.findall(r'(?m)^(\S+) .*ALLOW IN +(\S+)', server.out('ufw', 'status', 'verbose'))),
              sorted([(p, 'Anywhere') for p in ('22/tcp', '8080/tcp', '8000:8010/tcp')] * 2 + [('5432/tcp', '10.0.0.0/8')]))
    info = json.loads(server.out('docker', 'info', '--format', '{{json .}}'))
    tap.equal('the engine took its settings', (info['LoggingDriver'], info['LiveRestoreEnabled'], info['Debug']),
              ('local', True, True))
    tap.check('compose is V2', server.out('docker', 'compose', 'version', '--short')[:2] in ('2.', 'v2'),
              server.out('docker', 'compose', 'version'))


def ssh_is_closed():
    with socket.socket() as s:
        s.settimeout(2)
        return s.connect_ex((V4, 22)) != 0


def check_fail2ban(tap, server):
    for _ in range(6):
        subprocess.run(['timeout', '60', 'ssh', '-F', '/dev/null', '-o', 'GSSAPIAuthentication=no', '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null',
                        '-o', 'ConnectTimeout=30', 'nobody-here@' + V4, 'true'], stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        wait('a ban', 300, lambda: US4 in server.out('fail2ban-client', 'get', 'sshd', 'banip'))
        banned = True
    except TimeoutError:
        banned = False
    tap.check('five failures ban the address', banned, server.out('fail2ban-client', 'status', 'sshd'))
    # fail2ban knows of the ban before the firewall does.
    try:
        wait('the firewall', 60, ssh_is_closed)
        closed = True
    except TimeoutError:
        closed = False
    tap.check('a banned address finds ssh closed', closed)


def check_first_boot(tap, server):
    wait('the status line', 240, server.status_lines)
    lines = server.status_lines()
    tap.equal('one status line on the console', len(lines), 1)
    status = json.loads(lines[0])
    tap.equal('it says ready', {k: status[k] for k in ('v', 'state', 'cloud_init', 'failed_units', 'docker', 'ufw', 'fail2ban')},
              {'v': 1, 'state': 'ready', 'cloud_init': 'done', 'failed_units': [], 'docker': 'active', 'ufw': 'active',
               'fail2ban': 'active'})
    tap.equal('it tells the addresses', status['addresses'], [V4, V6])
    keys = server.out('sh', '-c', 'for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k | cut -d" " -f2; done')
    tap.equal('it tells the host keys', status['ssh_host_keys'], keys.split())
    report = server.out('cloud-init', 'status', '--long')
    tap.check('cloud-init ended without errors and warnings', 'status: done\nextended_status: done' in report and
              'errors: []\nrecoverable_errors: {}' in report, report)
    wait('the end of the boot', 300, lambda: not server.out('systemctl', 'is-system-running') == 'starting')
    tap.equal('the system is running', server.out('systemctl', 'is-system-running'), 'running')
    tap.equal('the default user has the key of the cloud', server.out('cat', '/home/debian/.ssh/authorized_keys'), KEY)
    sudoers = server.out('cat', '/etc/sudoers.d/90-cloud-init-users')
    tap.check('sudo rules are there once', sudoers.count('debian ALL') == 1 and sudoers.count('koprogo ALL') == 1, sudoers)
    tap.equal('sudo works', server.run('su', 'debian', '-c', 'sudo -n true').returncode, 0)
    tap.check('users are in their groups', 'docker' in server.out('id', 'koprogo'), server.out('id', 'koprogo'))
    tap.equal('the host name comes from the instance', server.out('hostname'), 'bakery')
    tap.check('the machine has an id of its own', re.fullmatch('[0-9a-f]{32}', server.out('cat', '/etc/machine-id')))
    tap.equal('a script for each boot is baked and runs', server.out('cat', '/run/per-boot'), 'ran')
    tap.equal('the time zone is baked', server.out('readlink', '/etc/localtime'), '/usr/share/zoneinfo/Europe/Brussels')
    tap.equal('fail2ban takes its jail', server.out('fail2ban-client', '-t'), 'OK: configuration test is successful')
    sshd = server.out('sshd', '-T').splitlines()
    for line in ('passwordauthentication no', 'permitrootlogin no', 'x11forwarding no', 'allowtcpforwarding local'):
        tap.check('sshd: ' + line, line in sshd)
    units = server.run('systemd-analyze', '--man=no', 'verify', 'kbuild-status.service', 'kbuild-status.timer', 'kbuild-ssh-keys.service')
    tap.equal('our units are without faults', (units.returncode, units.stdout), (0, ''))


def check_without_cloud_init(tap, server):
    try:
        lines = wait('a status line without cloud-init', 180, server.status_lines)
    except TimeoutError as e:
        tap.check('the server reports without cloud-init', False, '%s\n%s' % (e, server.text()[-4000:]))
        return
    status = json.loads(lines[0])
    tap.equal('without cloud-init it reports as well', (status['state'], status['cloud_init']), ('ready', 'disabled'))
    tap.check('and has host keys', len(status['ssh_host_keys']) >= 3, lines[0])


def bake(where):
    overlay = Overlay(tree(), where)
    r = subprocess.run([BUILD + '/tests/bake/bake_tool', overlay.root, HERE + '/boot.yaml', 'seal'],
                       text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return overlay, r


def main():
    own_world()
    tap = Tap()
    with tempfile.TemporaryDirectory(dir='/var/tmp', ignore_cleanup_errors=True) as tmp:
        overlay, r = bake(tmp + '/first')
        with overlay:
            tap.equal('it is baked and sealed', (r.returncode, r.returncode and r.stdout), (0, 0))
            for name, text in SEED.items():
                overlay.write('/var/lib/cloud/seed/nocloud/' + name, text)
            image = subprocess.run(['tar', '-C', BUILD + '/tests/bake', '-c', 'serve'], stdout=subprocess.PIPE, check=True).stdout
            with Server(overlay, tmp + '/console') as server:
                try:
                    check_first_boot(tap, server)
                    subprocess.run(['nsenter', '-t', server.init, '-a', '--root', '--wd', '/usr/bin/docker', 'import', '-',
                                    'serve:1'], input=image, check=True, stdout=subprocess.DEVNULL, env={'PATH': '/usr/bin'})
                    check_docker(tap, server)
                    check_fail2ban(tap, server)
                except TimeoutError as e:
                    tap.check('the server comes up', False, '%s\n%s' % (e, server.text()[-4000:]))
        overlay, r = bake(tmp + '/second')
        with overlay:
            overlay.write('/etc/cloud/cloud-init.disabled', '')
            with Server(overlay, tmp + '/console2') as server:
                check_without_cloud_init(tap, server)
    tap.done()


if __name__ == "__main__":
    main()
