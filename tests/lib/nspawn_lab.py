"""A tree boots under systemd-nspawn: systemd as process 1, Docker, in about five seconds.

own_world() first: the mounts and the network of what follows then end with this process. Not seen here:
boot loader, kernel, initrd, block devices, sysctls; those are for QEMU.
"""
import contextlib
import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path


def own_world():
    """Our own mounts and our own network, which end with this process; starts this program anew in them."""
    if os.environ.get('KBUILD_TEST_WORLD') != '1':
        os.environ['KBUILD_TEST_WORLD'] = '1'
        os.environ['KBUILD_TEST_NET'] = '/proc/%d/ns/net' % os.getppid()
        os.execvp('unshare', ['unshare', '--mount', '--net', '--propagation', 'private', sys.executable] + sys.argv)
    subprocess.run('umount -l /sys; mount -t sysfs sysfs /sys; mount -t cgroup2 cgroup2 /sys/fs/cgroup',
                   shell=True, check=True)


def outside(program, where):
    """A stand-in for the program that runs it in the network we came from: a build fetches packages."""
    path = Path(where) / 'outside'
    path.write_text('#!/bin/sh\nexec nsenter --net=%s %s "$@"\n' % (os.environ['KBUILD_TEST_NET'], Path(program).resolve()))
    path.chmod(0o755)
    return path


def doorway(port):
    """What listens at this port of our own network is reached in the network we came from as well."""
    libc, here = ctypes.CDLL(None, use_errno=True), os.open('/proc/self/ns/net', os.O_RDONLY)

    def enter(fd):
        if libc.setns(fd, 0) != 0:
            raise OSError(ctypes.get_errno(), 'setns')

    def carry(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def serve():
        # A socket stays in the network in which it was made; only this thread goes there.
        with open(os.environ['KBUILD_TEST_NET'], 'rb') as there:
            enter(there.fileno())
        door = socket.create_server(('127.0.0.1', port))
        enter(here)
        ready.set()
        while True:
            near = door.accept()[0]
            far = socket.create_connection(('127.0.0.1', port))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=carry, args=pair, daemon=True).start()

    ready = threading.Event()
    threading.Thread(target=serve, daemon=True).start()
    if not ready.wait(10):
        raise TimeoutError('no door at port %d' % port)


def wait(what, seconds, ask):
    """The first true answer; TimeoutError, which names what did not come, otherwise."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.2)
    raise TimeoutError('%s did not come within %d s' % (what, seconds))


class Disk:
    """What a server writes, over a tree that stays as it is. Mounted at .root while in use."""

    def __init__(self, lower, where):
        self.lower, self.where = str(lower), str(where)
        self.upper, self.root = self.where + '/upper', self.where + '/root'
        for d in (self.upper, self.root, self.where + '/work'):
            os.makedirs(d, exist_ok=True)
        self.mount()

    def mount(self):
        subprocess.run(['mount', '-t', 'overlay', 'overlay', '-o', 'lowerdir=%s,upperdir=%s,workdir=%s/work'
                        % (self.lower, self.upper, self.where), self.root], check=True)

    def unmount(self):
        subprocess.run(['umount', '--lazy', self.root], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.unmount()

    def clone(self, where):
        """A copy of this disk as it is, in use nowhere."""
        os.makedirs(str(where), exist_ok=True)
        subprocess.run(['cp', '-a', self.upper, str(where) + '/upper'], check=True)
        return Disk(self.lower, where)

    def path(self, name):
        return self.root + '/' + name.lstrip('/')

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), 'w', encoding='utf-8') as f:
            f.write(text)

    def read(self, name):
        with open(self.path(name), encoding='utf-8', errors='replace') as f:
            return f.read()


class Machine:
    """One boot of a disk. Leaving it is a power cut, unless poweroff() was called."""

    def __init__(self, disk, console, name='lab', setup=None, options=()):
        self.disk, self.console, self.name, self.setup = disk, str(console), name, setup
        self.init = None
        self.nspawn = subprocess.Popen(
            # A test that is killed takes its server along.
            ['setpriv', '--pdeathsig', 'KILL', 'systemd-nspawn', '-q', '-D', disk.root, '-b', '--machine=' + name, '--register=no', '--keep-unit',
             '--network-veth', '--capability=all', '--system-call-filter=add_key keyctl bpf',
             '--timezone=off', '--console=read-only', *options],
            stdin=subprocess.DEVNULL, stdout=open(self.console, 'wb'), stderr=subprocess.STDOUT)

    def __enter__(self):
        try:
            if self.setup:
                wait('the network', 30, lambda: subprocess.run(
                    self.setup, shell=True, stderr=subprocess.DEVNULL).returncode == 0)
            children = '/proc/%d/task/%d/children' % (self.nspawn.pid, self.nspawn.pid)
            self.init = wait('process 1', 30, lambda: open(children).read().split())[0]
        except BaseException:
            self.nspawn.kill()
            self.nspawn.wait()
            raise
        return self

    def __exit__(self, *_):
        self.cut()

    def cut(self):
        """The power is gone: process 1 takes all of the server with it, and no cgroup of it meets the next boot's."""
        groups = self.groups()
        if self.init:
            try:
                os.kill(int(self.init), signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.nspawn.kill()
        self.nspawn.wait()
        if self.init:
            wait('the end of process 1', 60, lambda: not os.path.exists('/proc/' + self.init))
            self.init = None
        self.sweep(groups)
        subprocess.run(['ip', 'link', 'del', 've-' + self.name], stderr=subprocess.DEVNULL)

    def groups(self):
        """Where the cgroups of what runs in it are, or nothing."""
        try:
            own = open('/proc/%s/cgroup' % self.init).read().strip().rpartition('::')[2]
        except OSError:
            return None
        return '/sys/fs/cgroup' + own.partition('/payload')[0] + '/payload' if '/payload' in own else None

    @staticmethod
    def sweep(groups):
        if groups:
            subprocess.run(['find', groups, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'],
                           stderr=subprocess.DEVNULL, check=False)

    def poweroff(self, seconds=60):
        """An orderly end."""
        groups = self.groups()
        self.run('systemctl', 'poweroff')
        self.nspawn.wait(timeout=seconds)
        self.init = None
        self.sweep(groups)

    def text(self):
        with open(self.console, 'rb') as f:
            return f.read().decode('utf-8', 'replace')

    def status_lines(self):
        """What the server said of itself, in order, as objects."""
        return [json.loads(s) for s in re.findall(r'(?m)^kbuild-status: (\{.*\})\r?$', self.text())]

    def answer(self, seconds=240):
        """The first status that is an answer, and not a word of work."""
        return wait('the answer', seconds, lambda: [s for s in self.status_lines() if s['state'] != 'working'])[0]

    def run(self, *argv, **kw):
        enter = ['nsenter', '-t', self.init, '-m', '-u', '-i', '-n', '-p', '-C', '--root', '--wd']
        return subprocess.run(enter + ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root',
                                       'LC_ALL=C.UTF-8'] + list(argv), text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, cwd='/', **kw)

    def out(self, *argv):
        return self.run(*argv).stdout.strip()
