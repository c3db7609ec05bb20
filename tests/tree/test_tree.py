#!/usr/bin/env python3
"""Package trees for real: needs root, namespaces and a Debian mirror.

  test_tree.py BUILD [WORK] [--long] [--only=NAME]    prints TAP; WORK (default: a temporary directory) is kept
                                        when given, so that packages are fetched once

A real set of some 120 packages is built, examined by dpkg and apt, and with --long compared with
the tree mmdebstrap makes of the same sources. Small packages made here then fail, hang and flood the
disk on purpose.
"""
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
from kbtest import take_interrupts  # noqa: E402
from treeworld import COUNT, HERE, PACKAGES, SUITE, Failed, World, check, run  # noqa: E402


def mounts_of(w):
    return [line for line in open('/proc/self/mounts') if w.work in line]


def wait_for(condition, seconds, what):
    end = time.time() + seconds
    while not condition():
        check(time.time() < end, 'no end of waiting: ' + what)
        time.sleep(0.05)


def processes(marker):
    out = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError):
            if marker.encode() in open('/proc/%s/cmdline' % pid, 'rb').read():
                out.append(pid)
    return out


# --- the real set

def a_real_set_becomes_a_tree(w):
    p = w.get()
    check(p.returncode == 0, p.stderr)
    w.root = p.stdout.strip()
    check(os.path.isabs(w.root) and os.path.isdir(w.root), w.root)
    check(not w.scratch(), 'scratch is left: %s' % w.scratch())
    check(not mounts_of(w), 'mounts are left')


def dpkg_and_apt_have_nothing_to_say(w):
    for argv in (['dpkg', '--audit'], ['dpkg', '--verify'], ['apt-get', '-qq', 'check']):
        p = run([w.chroot, w.root] + argv)
        check(p.returncode == 0 and not p.stdout + p.stderr, '%s: %s%s' % (argv, p.stdout, p.stderr))


def names_versions_and_marks_are_those_of_the_list(w):
    want = sorted((f[0], f[1]) for f in map(str.split, open(w.list)))
    p = run([w.chroot, w.root, 'dpkg-query', '-W', '-f', '${Package} ${Version} ${db:Status-Status}\n'])
    got = sorted(tuple(line.split()) for line in p.stdout.splitlines())
    check(got == [(n, v, 'installed') for n, v in want], 'installed: %s' % got)
    auto = sorted(f[0] for f in map(str.split, open(w.list)) if f[6] == '1')
    p = run([w.chroot, w.root, 'apt-mark', 'showauto'])
    check(p.stdout.split() == auto, 'automatic: %s\nwanted: %s' % (p.stdout.split(), auto))


def nothing_of_the_work_is_left(w):
    for path in ('usr/sbin/policy-rc.d', 'var/log/dpkg.log', 'etc/resolv.conf', 'etc/hostname'):
        check(not os.path.lexists(os.path.join(w.root, path)), path)
    for path in ('run', 'tmp', 'dev', 'proc', 'sys'):
        check(os.listdir(os.path.join(w.root, path)) == [], '/%s: %s' % (path, os.listdir(os.path.join(w.root, path))))
    check(os.path.getsize(os.path.join(w.root, 'var/lib/dpkg/available')) == 0, 'available')
    for path in ('etc/machine-id',):
        full = os.path.join(w.root, path)
        check(not os.path.exists(full) or os.path.getsize(full) == 0, path)
    mode = os.stat(os.path.dirname(w.root)).st_mode & 0o777
    check(mode == 0o700, 'the setuid programs of a tree are open to all: %o' % mode)


def nothing_changed_means_nothing_done(w):
    before = os.stat(w.root).st_ino
    p = w.get()
    check(p.returncode == 0 and p.stdout.strip() == w.root, p.stderr)
    check(os.stat(w.root).st_ino == before, 'it was made again')
    check(open(w.log).read() == '' and p.stderr == '', 'something was done: ' + p.stderr)


def a_strict_umask_makes_no_difference(w):
    names = w.essentials()
    p = w.get(names, preexec_fn=lambda: os.umask(0o077))
    check(p.returncode == 0, p.stderr)
    for path in ('usr', 'etc', 'var/lib/dpkg', 'usr/bin', '.'):
        mode = os.stat(os.path.join(p.stdout.strip(), path)).st_mode & 0o777
        check(mode == 0o755, '%s is %o' % (path, mode))


def it_is_what_mmdebstrap_makes(w):
    wanted = hashlib.sha256(open(w.list, 'rb').read()).hexdigest()[:16]
    theirs = os.path.join(w.work, 'mm-' + wanted)
    if not os.path.exists(theirs):
        half = theirs + '.part'
        shutil.rmtree(half, ignore_errors=True)
        p = run(['mmdebstrap', '--mode=root', '--variant=essential', '--include=' + ','.join(PACKAGES),
                 SUITE, half, os.path.join(w.set, 'apt/etc/apt/sources.list')])
        check(p.returncode == 0, p.stderr[-2000:])
        os.rename(half, theirs)
    p = run([sys.executable, os.path.join(HERE, 'compare.py'), w.root, theirs])
    check(p.returncode == 0, p.stdout[-4000:])


# --- inside

def inside(w, script):
    return run([w.chroot, w.root, 'sh', '-c', script])


def the_host_is_out_of_sight(w):
    p = inside(w, 'env; hostname; ls /home; cat /proc/self/mounts; tty; readlink /proc/1/exe')
    text = p.stdout
    routes = inside(w, 'tail -n +2 /proc/net/route').stdout
    check(os.uname().nodename not in text or os.uname().nodename == 'localhost', 'host name: ' + text)
    check(routes == '', 'a way into the network: ' + routes)
    check(w.work not in text, 'paths of the host: ' + text)
    for name in ('SUDO_USER', 'USER=', 'KBUILD', 'LANGUAGE', 'SSH_'):
        check(name not in text, name)
    check('LC_ALL=C.UTF-8' in text and 'INITRD=No' in text, text)


def the_swap_of_the_host_is_out_of_sight(w):
    p = inside(w, 'cat /proc/swaps')
    check((p.returncode, p.stdout, p.stderr) == (0, '', ''), 'exit %d: %s%s' % (p.returncode, p.stdout, p.stderr))


def rights_are_bounded(w):
    p = inside(w, 'for c in "mount -t tmpfs x /mnt" "mknod /tmp/sda b 8 0" "chroot / true" "sysctl -w kernel.hostname=x" '
                  '"date -s 2001-01-01"; do $c >/dev/null 2>&1 && echo "ok $c" || echo "no $c"; done; grep Seccomp: /proc/self/status')
    want = ['no mount -t tmpfs x /mnt', 'ok mknod /tmp/sda b 8 0', 'ok chroot / true',
            'no sysctl -w kernel.hostname=x', 'no date -s 2001-01-01', 'Seccomp:\t2']
    check(p.stdout.splitlines() == want, p.stdout + p.stderr)


def devices_made_inside_cannot_be_opened(w):
    # 1:5 is /dev/zero: what may not be opened by that number may not be as a disk either.
    p = inside(w, 'for d in / /dev /dev/shm /tmp /run; do mknod $d/made c 1 5 || echo "no mknod in $d"; '
                  'head -c 1 $d/made >/dev/null 2>&1 && echo "opened in $d"; rm -f $d/made; done; '
                  'for d in null zero full random urandom; do test -c /dev/$d || echo "no $d"; done; '
                  'head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c; cat /dev/null; echo x >/dev/null; '
                  'echo x 2>/dev/null >/dev/full || echo full; python3 -c "import os; os.openpty()"')
    check((p.returncode, p.stdout, p.stderr) == (0, '3\n3\nfull\n', ''), p.stdout + p.stderr)


def no_handle_leads_out(w):
    p = inside(w, 'python3 -c "import ctypes, os; c = ctypes.CDLL(None, use_errno=True); '
                  'h = (ctypes.c_uint * 4)(8, 1, 2, 0); '  # 8 bytes of type 1: inode 2 of the first generation
                  'print(c.open_by_handle_at(os.open(\'/\', os.O_RDONLY), h, 0), ctypes.get_errno())"')
    check(p.stdout == '-1 1\n', p.stdout + p.stderr)  # EPERM


def links_of_a_script_lead_nowhere_but_into_the_tree(w):
    outside = os.path.join(w.work, 'outside')
    os.makedirs(outside, exist_ok=True)
    for name in ('dpkg.log', 'extended_states', 'history.log'):
        with open(os.path.join(outside, name), 'w') as f:
            f.write('of the host\n')
    line = w.package('zz-link', postinst='''set -e
mkdir -p %s
for d in /var/lib/apt /var/log /var/log/apt; do rm -rf $d; ln -s %s $d; done
''' % (outside, outside))
    p = w.get(w.essentials(line))
    check(p.returncode == 0, p.stderr)
    for name in ('dpkg.log', 'extended_states', 'history.log'):
        with open(os.path.join(outside, name)) as f:
            check(f.read() == 'of the host\n', name)
    check(sorted(os.listdir(outside)) == ['dpkg.log', 'extended_states', 'history.log'], str(os.listdir(outside)))
    check(os.path.exists(p.stdout.strip() + outside + '/extended_states'), 'the marks are not in the tree')


def syncs_are_answered_at_once(w):
    p = inside(w, 'python3 -c "import os; f = os.open(\'/tmp/x\', os.O_CREAT | os.O_RDWR); os.sync(); '
                  'print(os.fsync(f), os.fdatasync(f))" && python3 -c "import os; os.fsync(os.pipe()[1])"')
    # A pipe cannot be synced: only the filter calls that a success.
    check(p.returncode == 0 and p.stdout == 'None None\n', p.stdout + p.stderr)


def what_a_program_leaves_behind_ends_with_it(w):
    marker = 'kbuild-test-daemon-%d' % os.getpid()
    p = inside(w, 'mkfifo /tmp/up; setsid sh -c ": %s; echo it lives >/tmp/up; sleep 1000; :" >/dev/null 2>&1 </dev/null & '
                  'cat /tmp/up; exit 5' % marker)
    check((p.returncode, p.stdout) == (5, 'it lives\n'), 'status %d: %s%s' % (p.returncode, p.stdout, p.stderr))
    wait_for(lambda: not processes(marker), 60, 'a daemon')


def no_service_is_started(w):
    p = inside(w, '/usr/sbin/policy-rc.d x start; echo $?; test -e /etc/init.d/ssh && invoke-rc.d ssh start; '
                  'pgrep -a sshd || ls /proc | grep -c "^[0-9]"')
    check(p.stdout.splitlines()[0] == '101' and 'sshd' not in p.stdout, p.stdout + p.stderr)
    check(not os.path.exists(os.path.join(w.root, 'usr/sbin/policy-rc.d')), 'the policy is left')


# --- failures

def a_failing_script_is_named_and_quoted(w):
    post = ''.join('echo line %d\n' % i for i in range(40)) + 'echo "the reason is this" >&2\nexit 7\n'
    names = w.essentials(w.package('zz-bad', postinst=post))
    p = w.get(names)
    check(p.returncode == 1, 'exit %d' % p.returncode)
    check('zz-bad failed to configure (postinst, exit status 7)' in p.stderr, p.stderr)
    check('the reason is this' in p.stderr and 'line 39' in p.stderr, p.stderr)
    check('line 5\n' not in p.stderr, 'more than the last lines: ' + p.stderr)
    check('line 5\n' in open(w.log).read(), 'the log lacks the whole output')
    check(not w.scratch(), 'scratch is left')


def a_failing_preinst_is_named(w):
    names = w.essentials(w.package('zz-pre', preinst='echo not here; exit 3\n'))
    p = w.get(names)
    check('zz-pre' in p.stderr and 'failed to unpack (preinst, exit status 3)' in p.stderr and
          'not here' in p.stderr, p.stderr)


def two_packages_with_one_file_are_an_error_that_names_both(w):
    names = w.essentials(w.package('zz-one', files=[('usr/share/zz', 10)]),
                         w.package('zz-two', files=[('usr/share/zz', 10)]))
    p = w.get(names)
    check(p.returncode == 1 and 'zz-one' in p.stderr and 'zz-two' in p.stderr.split('\n', 3)[-1] + p.stderr, p.stderr)
    check('trying to overwrite' in p.stderr, p.stderr)


def a_missing_dependency_is_an_error(w):
    names = w.essentials(w.package('zz-needs', fields='Depends: zz-absent\n'))
    p = w.get(names)
    check(p.returncode == 1 and 'zz-needs' in p.stderr and 'zz-absent' in p.stderr, p.stderr)


def pre_dependencies_are_configured_first(w):
    names = w.essentials(
        w.package('zz-first', postinst='touch /var/lib/zz-first\n', fields='Depends: zz-lib\n'),
        w.package('zz-lib', postinst='touch /var/lib/zz-lib\n'),
        w.package('aa-second', preinst='test -e /var/lib/zz-first && test -e /var/lib/zz-lib\n',
                  fields='Pre-Depends: zz-virtual | zz-first\n'),
        w.package('aa-third', preinst='dpkg -s aa-second | grep -q "^Status: install ok installed"\n',
                  fields='Pre-Depends: aa-second\n'))
    p = w.get(names)
    check(p.returncode == 0, p.stderr)


def an_initrd_has_neither_date_nor_swap_of_the_host(w):
    tool = ('cat >/usr/sbin/update-initramfs <<"END"\n#!/bin/sh\n'
            'echo "$SOURCE_DATE_EPOCH ${INITRD-unset} $(wc -l </proc/swaps)" >/boot/initrd.img-$3\nEND\n')
    names = w.essentials(w.package('zz-kernel', postinst=tool + 'chmod 755 /usr/sbin/update-initramfs\n',
                                   files=[('boot/vmlinuz-1', 10)]))
    p = w.get(names)
    check(p.returncode == 0, p.stderr)
    text = open(os.path.join(p.stdout.strip(), 'boot/initrd.img-1')).read()
    check(text == '1704067200 unset 0\n', text)


def a_full_disk_leaves_nothing_half_made(w):
    small = os.path.join(w.work, 'small')
    os.makedirs(small, exist_ok=True)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', small], check=True)
    try:
        names = w.essentials(w.package('zz-huge', files=[('usr/share/huge', 1000)]))
        shutil.copytree(os.path.join(w.cache, 'store'), os.path.join(small, 'store'),
                        ignore=lambda d, n: [x for x in n if x.endswith('.deb') and x[:-4] not in open(names).read()])
        p = w.get(names, cache=small)
        check(p.returncode == 1 and 'No space left on device' in p.stderr, 'exit %d: %s' % (p.returncode, p.stderr))
        check(not w.trees(small) and not w.scratch(small), 'left: %s %s' % (w.trees(small), w.scratch(small)))
        subprocess.run(['mount', '-o', 'remount,size=2g', small], check=True)
        p = w.get(names, cache=small)
        check(p.returncode == 0, 'with room: ' + p.stderr)
    finally:
        subprocess.run(['umount', small], check=True)


ASLEEP = '300.%d' % os.getpid()  # seconds; no other process of this machine sleeps so long


def hang(w):
    marker = 'kbuild-test-%d' % os.getpid()
    names = w.essentials(w.package('zz-hang', postinst='sh -c "exec sleep %s #" & echo %s\nsh -c ": %s; sleep 300"\n'
                                   % (ASLEEP, marker, marker)))
    proc = subprocess.Popen([w.driver, w.cache, names, w.log], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: processes(': ' + marker), 120, 'the script that hangs')
    return proc, ': ' + marker, names


def ctrl_c_ends_it(w):
    proc, marker, _ = hang(w)
    begin = time.time()
    proc.send_signal(signal.SIGINT)
    _, err = proc.communicate(timeout=60)
    check(proc.returncode == 130 and 'interrupted' in err, 'exit %d: %s' % (proc.returncode, err))
    check(not processes(marker), 'processes are left')
    check(not mounts_of(w), 'mounts are left')
    print('# ended after %.1f s' % (time.time() - begin))


def kill_9_leaves_no_process_and_no_mount(w):
    proc, marker, names = hang(w)
    trees = w.trees()
    proc.kill()
    proc.communicate(timeout=60)
    wait_for(lambda: not processes(marker) and not processes('sleep\x00' + ASLEEP), 60, 'processes')
    check(not mounts_of(w), 'mounts are left: %s' % mounts_of(w))
    check(w.trees() == trees, 'a half tree is kept')
    check(w.scratch(), 'this test needs the scratch of a killed run')
    p = w.get(w.essentials(w.package('zz-next')))
    check(p.returncode == 0 and not w.scratch(), 'the next run: %s%s' % (p.stderr, w.scratch()))


def old_trees_go(w):
    for i in range(7):
        os.makedirs(os.path.join(w.cache, 'trees', '%064d' % i, 'root'), exist_ok=True)
        os.utime(os.path.join(w.cache, 'trees', '%064d' % i), (i, i))
    check(w.get().returncode == 0, 'a hit')
    left = w.trees()
    check(len(left) == 5 and os.path.basename(os.path.dirname(w.root)) in left and '%064d' % 0 not in left, str(left))
    for i in range(7):
        shutil.rmtree(os.path.join(w.cache, 'trees', '%064d' % i), ignore_errors=True)


TESTS = [
    a_real_set_becomes_a_tree, dpkg_and_apt_have_nothing_to_say, names_versions_and_marks_are_those_of_the_list,
    nothing_of_the_work_is_left, nothing_changed_means_nothing_done,
    the_host_is_out_of_sight, the_swap_of_the_host_is_out_of_sight, rights_are_bounded, devices_made_inside_cannot_be_opened, no_handle_leads_out,
    syncs_are_answered_at_once,
    what_a_program_leaves_behind_ends_with_it, no_service_is_started,
    a_strict_umask_makes_no_difference, a_failing_script_is_named_and_quoted, a_failing_preinst_is_named,
    two_packages_with_one_file_are_an_error_that_names_both, a_missing_dependency_is_an_error,
    pre_dependencies_are_configured_first, links_of_a_script_lead_nowhere_but_into_the_tree, an_initrd_has_neither_date_nor_swap_of_the_host, a_full_disk_leaves_nothing_half_made, ctrl_c_ends_it,
    kill_9_leaves_no_process_and_no_mount, old_trees_go,
]
LONG = [it_is_what_mmdebstrap_makes]


def one(w, test):
    COUNT[0] += 1
    try:
        test(w)
        print('ok %d - %s' % (COUNT[0], test.__name__))
    except (Failed, subprocess.SubprocessError, OSError, IndexError) as e:
        COUNT[1] += 1
        print('\n'.join('# ' + line for line in (str(e) or repr(e)).splitlines()))
        print('not ok %d - %s' % (COUNT[0], test.__name__))
    sys.stdout.flush()


def main():
    take_interrupts()
    args = [a for a in sys.argv[1:] if not a.startswith('-')]
    if os.geteuid() != 0:
        sys.exit('needs root')
    work = os.path.abspath(args[1]) if len(args) > 1 else tempfile.mkdtemp(prefix='kbuild-tree-')
    os.makedirs(work, exist_ok=True)
    w = World(os.path.abspath(args[0]), work)
    try:
        w.plan()
        shutil.rmtree(os.path.join(w.cache, 'trees'), ignore_errors=True)
        only = [a[7:] for a in sys.argv if a.startswith('--only=')]
        for test in TESTS + (LONG if '--long' in sys.argv else []):
            if only and test.__name__ not in only and test is not a_real_set_becomes_a_tree:
                continue
            one(w, test)
    finally:
        if len(args) < 2:
            shutil.rmtree(work)
    print('1..%d' % COUNT[0])
    sys.exit(COUNT[1] != 0)


main()
