"""What the bake suites share: a package tree of mmdebstrap, overlays over it, TAP."""
import fcntl
import glob
import hashlib
import os
import re
import subprocess
import sys

SET = ('systemd systemd-sysv libpam-systemd dbus udev init apt ca-certificates cloud-init cloud-guest-utils '
       'netplan.io systemd-resolved openssh-server docker.io docker-cli docker-compose ufw fail2ban '
       'python3-systemd nftables iptables curl unattended-upgrades chrony zstd sudo locales openssl '
       'iproute2 netbase tzdata procps passwd login')
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def private_mounts():
    """What we mount is ours alone and goes with us."""
    if os.environ.get('KBUILD_TEST_MOUNTS') != '1':
        os.environ['KBUILD_TEST_MOUNTS'] = '1'
        os.execvp('unshare', ['unshare', '--mount', '--propagation', 'private', sys.executable] + sys.argv)


def host_mirror():
    for name in glob.glob('/etc/apt/sources.list.d/*.sources') + ['/etc/apt/sources.list']:
        if os.path.exists(name):
            for m in re.finditer(r'(?m)^(?:URIs:|deb)\s+(?:\[[^]]*\]\s*)?(\S+/debian)/?(?:\s|$)', open(name).read()):
                return m.group(1)
    sys.exit('the apt of this host has no Debian mirror: name a tree of trixie in KBUILD_TEST_TREE')


def tree():
    """A Debian 13 tree, made once per set of packages and kept."""
    given = os.environ.get('KBUILD_TEST_TREE')
    if given:
        return given
    cache = os.path.join(os.environ.get('KBUILD_CACHE', os.path.join(TOP, 'build-ci/cache')), 'test-trees')
    path = os.path.join(cache, 'trixie-' + hashlib.sha256(SET.encode()).hexdigest()[:12])
    os.makedirs(cache, exist_ok=True)
    with open(path + '.lock', 'w', encoding='ascii') as lock:  # suites run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(path):
            make_tree(path)
    return path


def make_tree(path):
    subprocess.run(['rm', '-rf', path + '.new'], check=True)
    print('# making a tree with mmdebstrap: a minute', flush=True)
    subprocess.run(
        ['mmdebstrap', '--quiet', '--mode=root', '--variant=essential',
         '--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Retries "5"', '--include=' + SET.replace(' ', ','),
         '--keyring=/usr/share/keyrings/debian-archive-keyring.gpg',
         'trixie', path + '.new', host_mirror()], check=True, stdout=sys.stderr)
    os.rename(path + '.new', path)


class Overlay:
    """Mounted at .root; what was changed stands in .upper."""

    def __init__(self, lower, where):
        self.upper, self.root = where + '/upper', where + '/root'
        for d in (self.upper, self.root, where + '/work'):
            os.makedirs(d, exist_ok=True)
        subprocess.run(['mount', '-t', 'overlay', 'overlay', '-o', 'lowerdir=%s,upperdir=%s,workdir=%s/work'
                        % (lower, self.upper, where), self.root], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(['umount', '--lazy', self.root], check=True)

    def run(self, *argv, check=True, **kw):
        """In the tree, with /proc and /dev, without network and without its own processes outliving it."""
        script = ('mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; mount -t tmpfs run "$0/run";'
                  'mount -t tmpfs tmp "$0/tmp"; ip link set lo up; exec chroot "$0" "$@"')
        env = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/root', 'LC_ALL': 'C.UTF-8',
               'DEBIAN_FRONTEND': 'noninteractive'}
        return subprocess.run(
            ['unshare', '--mount', '--net', '--pid', '--ipc', '--uts', '--fork', '--kill-child', 'sh', '-c',
             script, self.root] + list(argv), check=check, env=env, text=True, **kw)

    def read(self, path):
        with open(self.root + path, encoding='utf-8', errors='replace') as f:
            return f.read()

    def write(self, path, text, mode=0o644):
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        with open(self.root + path, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(self.root + path, mode)


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def check(self, name, ok, why=''):
        self.n += 1
        if not ok:
            self.failed += 1
            for line in str(why).splitlines():
                print('#', line)
        print('%s %d - %s' % ('ok' if ok else 'not ok', self.n, name), flush=True)
        return ok

    def equal(self, name, got, want):
        return self.check(name, got == want, 'got:    %r\nwanted: %r' % (got, want))

    def done(self):
        print('1..%d' % self.n)
        sys.exit(self.failed != 0)
