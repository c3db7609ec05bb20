#!/usr/bin/env python3
"""Judges of the disk writer: e2fsck, dumpe2fs, sgdisk, sfdisk, fsck.fat, mtools, qemu-img, and the
kernel, which mounts the written root file system through a loop device and is asked for every file.

    tests/disk/test_disk.py BUILD-DIRECTORY

Prints TAP. Needs root (owners, devices, loop devices) and about 1 GiB in /tmp for a moment.
"""
import contextlib
import hashlib
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
from kbtest import take_interrupts  # noqa: E402

TOOL = os.path.join(os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build'), 'tests/disk/disk_tool')
EPOCH = 1700000000
MIB = 1 << 20
ESP_AT, ESP_SIZE = 4 * MIB, 124 * MIB
ROOT_AT = 128 * MIB
BASE = ('has_journal ext_attr resize_inode dir_index filetype extent 64bit flex_bg sparse_super large_file '
        'huge_file dir_nlink extra_isize metadata_csum').split()
FEATURES = {
    ('debian', 'bookworm'): BASE,
    ('debian', 'trixie'): BASE + ['metadata_csum_seed'],
    ('ubuntu', 'jammy'): BASE,
    ('ubuntu', 'noble'): BASE + ['metadata_csum_seed'],
    ('ubuntu', 'unheard-of'): BASE,
}
count = failed = 0


def check(ok, name, detail=''):
    global count, failed
    count += 1
    if not ok:
        failed += 1
        for line in str(detail).splitlines()[-40:]:
            print('#', line)
    print('ok' if ok else 'not ok', count, '-', name, flush=True)
    return ok


def run(*argv, **kw):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', **kw)
    return p.returncode, p.stdout


def must(*argv, **kw):
    code, out = run(*argv, **kw)
    if code != 0:
        raise RuntimeError('%s: %d\n%s' % (' '.join(argv), code, out))
    return out


def write(tree, out, mib=512, distribution='debian', release='trixie', seed='a seed', epoch=EPOCH, **kw):
    return run(TOOL, 'write', tree, distribution, release, str(mib), seed, str(epoch), out, **kw)


def put(path, data=b'', mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data)
    os.chmod(path, mode)


def boot_files(root):
    """What a bootable tree has, in likeness: the writer only moves these bytes."""
    rng = random.Random(1)
    put(root + '/boot/grub/i386-pc/boot.img', rng.randbytes(510) + b'\x55\xaa')
    put(root + '/boot/grub/i386-pc/core.img', rng.randbytes(31234))
    put(root + '/usr/lib/shim/shimx64.efi.signed.latest', rng.randbytes(900001))
    # Ubuntu's is an absolute symlink: it must be followed inside the tree.
    os.symlink('/usr/lib/shim/shimx64.efi.signed.latest', root + '/usr/lib/shim/shimx64.efi.signed')
    put(root + '/usr/lib/shim/mmx64.efi.signed', rng.randbytes(800000))
    put(root + '/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed', rng.randbytes(2600000))


def kinds(root, order=1):
    """A tree with a file of every kind; order -1 makes its files the other way round."""
    rng = random.Random(7)
    os.makedirs(root)
    boot_files(root)
    steps = []
    for i in range(300):  # a directory with an index of one level
        data = rng.randbytes(rng.randrange(9000))
        steps.append(lambda i=i, data=data: put('%s/many/a-somewhat-long-name-%04d' % (root, i), data))
    for n in (0, 1, 4095, 4096, 4097, 65535, 65536, 65537, 3 * MIB + 5):
        data = rng.randbytes(n)
        steps.append(lambda n=n, data=data: put('%s/sizes/%d' % (root, n), data, 0o600))
    steps.append(lambda: put(root + '/zeros/written', bytes(300000)))
    for i in range(40):
        steps.append(lambda i=i: os.makedirs('%s/deep/%s' % (root, '/'.join('d%d' % k for k in range(i + 1))), exist_ok=True))
    for name in ('x', 'Ünïcödé-ファイル', 'b' * 255, 'with space', '.hidden', 'new\nline'):
        steps.append(lambda name=name: put(root + '/names/' + name, name.encode()))
    for step in steps[::order]:
        step()
    sparse = root + '/sparse'
    os.makedirs(sparse)
    with open(sparse + '/head-and-tail', 'wb') as f:
        f.write(b'head')
        f.seek(5 << 30)
        f.write(b'tail')
    with open(sparse + '/only-hole', 'wb') as f:
        f.truncate(10 * MIB + 100)
    with open(sparse + '/comb', 'wb') as f:  # 1500 extents: five leaves, so a tree of depth 2
        for i in range(1500):
            f.seek(i * 2 * 65536)
            f.write(b'\1' * 65536)
    links = root + '/links'
    os.makedirs(links + '/other')
    put(links + '/one', b'linked')
    os.link(links + '/one', links + '/other/two')
    os.link(links + '/one', links + '/three')
    for n in (1, 59, 60, 61, 4000):
        os.symlink('t' * n, '%s/sym%d' % (links, n))
    special = root + '/special'
    os.makedirs(special)
    os.mkfifo(special + '/fifo')
    os.mknod(special + '/char', stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(special + '/block', stat.S_IFBLK | 0o660, os.makedev(259, 70000))
    s = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(special)
    s.bind('socket')
    os.chdir(here)
    s.close()
    owners = root + '/owners'
    os.makedirs(owners)
    for i, (uid, gid, mode) in enumerate([(0, 0, 0o4755), (1000, 4, 0o2750), (70000, 4000000000, 0o1777), (5, 6, 0)]):
        put('%s/%d' % (owners, i), b'owned')
        os.chown('%s/%d' % (owners, i), uid, gid)
        os.chmod('%s/%d' % (owners, i), mode)
    os.chmod(root + '/deep', 0o3775)
    xattrs = root + '/xattrs'
    os.makedirs(xattrs)
    put(xattrs + '/cap', b'x', 0o755)
    os.setxattr(xattrs + '/cap', 'security.capability', bytes.fromhex('0100000200040000000000000000000000000000'))
    put(xattrs + '/user', b'x')
    with contextlib.suppress(OSError):  # tmpfs has user.* only on new kernels
        os.setxattr(xattrs + '/user', 'user.small', b'value')
        os.setxattr(xattrs + '/user', 'user.large', b'v' * 2000)
        os.setxattr(xattrs + '/user', 'user.empty', b'')
    acl = bytes.fromhex('02000000' '01000600ffffffff' '02000400e8030000' '04000400ffffffff' '10000400ffffffff' '20000000ffffffff')
    put(xattrs + '/acl', b'x', 0o640)
    os.setxattr(xattrs + '/acl', 'system.posix_acl_access', acl)
    os.makedirs(xattrs + '/dir')
    os.setxattr(xattrs + '/dir', 'system.posix_acl_default', acl)
    with contextlib.suppress(OSError):  # a label of the build machine
        os.setxattr(xattrs + '/cap', 'trusted.build-host', b'no')
    set_times(root)


def set_times(root):
    """Old ones with nanoseconds stay, later ones are clamped; one before 1970, one after 2038."""
    special = {'x': -5, 'one': EPOCH - 1, 'two': EPOCH - 1, 'three': EPOCH - 1, 'fifo': EPOCH + 10 ** 6, 'cap': 4102444800}
    for at, dirs, files in os.walk(root, topdown=False):
        for name in dirs + files:
            when = special.get(name, 1600000000 + len(name))
            os.utime(os.path.join(at, name), ns=(0, when * 10 ** 9 + 123456789), follow_symlinks=False)
    os.utime(root, ns=(0, 1600000000 * 10 ** 9))
    os.chmod(root, 0o700)  # as a umask made it: not the image's business


@contextlib.contextmanager
def looped(image, size_limit=None, writable=False):
    argv = ['losetup', '--find', '--show', '--offset', str(ROOT_AT)]
    argv += [] if writable else ['--read-only']
    argv += ['--sizelimit', str(size_limit)] if size_limit else []
    device = must(*argv, image).strip()
    try:
        yield device
    finally:
        must('losetup', '--detach', device)


@contextlib.contextmanager
def mounted(device, options):
    at = tempfile.mkdtemp()
    must('mount', '-t', 'ext4', '-o', options, device, at)
    try:
        yield at
    finally:
        must('umount', at)
        os.rmdir(at)


def root_size(mib):
    return (mib - 128 - 1) * MIB


def fsck(image, mib):
    with looped(image, root_size(mib)) as device:
        return run('e2fsck', '-fn', device)


def content(path, st):
    if stat.S_ISLNK(st.st_mode):
        return os.readlink(path)
    if not stat.S_ISREG(st.st_mode):
        return None
    h = hashlib.sha256()
    with open(path, 'rb') as f:
        at = 0
        while at < st.st_size:  # holes are read by seeking: five GiB of them would take long
            try:
                data = f.seek(at, os.SEEK_DATA) // 65536 * 65536
            except OSError:
                break
            f.seek(max(data, at))
            at = max(data, at)
            chunk = f.read(65536)
            if chunk.strip(b'\0'):
                h.update(b'%d:' % at + chunk)
            at += len(chunk)
    return h.hexdigest()


def xattrs(path):
    names = [n for n in os.listxattr(path, follow_symlinks=False) if not n.startswith('trusted.') and n != 'security.selinux']
    return {n: os.getxattr(path, n, follow_symlinks=False) for n in sorted(names)}


def picture(root, epoch=None):
    """{path: all that must be equal}; with an epoch, times as the writer shall clamp them."""
    result, groups = {}, {}
    for at, dirs, files in os.walk(root):
        for path in [at] + [os.path.join(at, n) for n in dirs + files]:
            st = os.lstat(path)
            rel = os.path.relpath(path, root)
            if rel == 'lost+found' or (rel == '.' and path != at):
                continue
            group = rel
            if not stat.S_ISDIR(st.st_mode) and st.st_nlink > 1:
                group = groups.setdefault(st.st_ino, rel)
            mtime = st.st_mtime_ns if epoch is None else min(st.st_mtime_ns, epoch * 10 ** 9)
            mode = st.st_mode
            if rel == '.' and epoch is not None:
                mode, mtime = stat.S_IFDIR | 0o755, epoch * 10 ** 9
            nlink = st.st_nlink if not stat.S_ISDIR(st.st_mode) else 0
            size = st.st_size if not stat.S_ISDIR(st.st_mode) else 0
            rdev = st.st_rdev if stat.S_IFMT(st.st_mode) in (stat.S_IFCHR, stat.S_IFBLK) else 0
            result[rel] = (mode, st.st_uid, st.st_gid, size, nlink, rdev, mtime, content(path, st), xattrs(path))
        dirs[:] = [d for d in dirs if not (at == root and d == 'lost+found')]
    # Which names share an inode, without depending on the order of the walk.
    shared = {}
    for at, dirs, files in os.walk(root):
        for n in files:
            st = os.lstat(os.path.join(at, n))
            if st.st_nlink > 1:
                shared.setdefault(st.st_ino, set()).add(os.path.relpath(os.path.join(at, n), root))
    result['shared'] = sorted(sorted(s) for s in shared.values())
    return result


def differences(want, got):
    lines = []
    for k in sorted(set(want) | set(got)):
        if want.get(k) != got.get(k):
            lines.append('%s\n  wanted %s\n  got    %s' % (k, want.get(k), got.get(k)))
    return '\n'.join(lines[:12])


def features(image, mib):
    with looped(image, root_size(mib)) as device:
        out = must('dumpe2fs', '-h', device)
    return dict((k.strip(), v.strip()) for k, _, v in (line.partition(':') for line in out.splitlines()))


def same_file(a, b):
    return run('cmp', a, b)


def test_kinds(tmp):
    tree, raw = tmp + '/kinds', tmp + '/kinds.raw'
    kinds(tree)
    code, out = write(tree, raw)
    if not check(code == 0, 'a tree with every kind of file is written', out):
        return
    code, out = fsck(raw, 512)
    check(code == 0, 'e2fsck finds nothing', out)
    with looped(raw, root_size(512)) as device, mounted(device, 'ro,noload') as at:
        want, got = picture(tree, EPOCH), picture(at)
        check(want == got, 'the kernel sees every file as it is in the tree', differences(want, got))
        blocks = {n: os.stat('%s/%s' % (at, n)).st_blocks // 8 for n in
                  ('sparse/head-and-tail', 'sparse/only-hole', 'sparse/comb', 'zeros/written')}
        # 300000 bytes of written zeros: four windows are holes, the rest of 37856 bytes is there.
        wanted = {'sparse/head-and-tail': 17, 'sparse/only-hole': 1, 'sparse/comb': 1500 * 16 + 6, 'zeros/written': 10}
        check(blocks == wanted, 'holes are holes', '%s, wanted %s' % (blocks, wanted))
        check(sorted(os.listdir(at + '/lost+found')) == [] and os.stat(at + '/lost+found').st_size == 16384,
              'lost+found is there, with room')
        times = {int(os.lstat(os.path.join(d, n)).st_ctime) for d, _, f in os.walk(at) for n in f}
        check(times == {EPOCH}, 'the time of change is the epoch for all', times)
    code, out = run('debugfs', '-R', 'htree many', raw + '?offset=%d' % ROOT_AT)
    check('Hash Version: 1' in out and 'Indirect levels: 0' in out, 'a directory of 300 names has an index', out)
    test_table(raw)
    test_boot(tree, raw)
    test_qcow2(tmp, raw)
    test_used(tmp, raw)


def test_table(raw):
    code, out = run('sgdisk', '--verify', raw)
    check(code == 0 and 'No problems found' in out, 'sgdisk --verify finds nothing', out)
    code, out = run('sfdisk', '--verify', raw)
    check(code == 0 and 'No errors detected' in out, 'sfdisk --verify finds nothing', out)
    out = must('sfdisk', '--dump', raw)
    lines = [line.split(':', 1)[1] for line in out.splitlines() if line.startswith(raw)]
    check([line.split('start=')[1].split(',')[0].strip() for line in lines] == ['262144', '2048', '8192'],
          'root is last on the disk', out)
    check('4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709' in lines[0] and 'GUID:59' in lines[0]
          and '21686148-6449-6E6F-744E-656564454649' in lines[1] and 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B' in lines[2],
          'types and flags are those of the specification', out)
    found = must('blkid', '-p', '-O', str(ROOT_AT), raw) + must('blkid', '-p', '-O', str(ESP_AT), raw)
    check('LABEL="kbuild-root"' in found and 'LABEL="KBUILD-ESP"' in found, 'both file systems have their labels', found)


def test_boot(tree, raw):
    with open(raw, 'rb') as f:
        mbr = f.read(512)
        f.seek(MIB)
        core = f.read(31234)
    boot = bytearray(open(tree + '/boot/grub/i386-pc/boot.img', 'rb').read())
    want = bytearray(open(tree + '/boot/grub/i386-pc/core.img', 'rb').read())
    boot[0x5c:0x64] = (2048).to_bytes(8, 'little')
    boot[0x66:0x68] = b'\x90\x90'
    want[0x1f4:0x1fc] = (2049).to_bytes(8, 'little')
    check(mbr[:446] == boot[:446] and mbr[450] == 0xee and core == want, 'GRUB for BIOS is in its places, patched')
    esp = raw + '.esp'
    must('dd', 'if=' + raw, 'of=' + esp, 'bs=1M', 'skip=4', 'count=124', 'conv=sparse', 'status=none')
    code, out = run('fsck.fat', '-n', '-v', esp)
    check(code == 0 and 'FATs differ' not in out and '32 bit entries' in out, 'fsck.fat finds nothing, and FAT32', out)
    names = sorted(must('mdir', '-/', '-b', '-i', esp).split())
    check(names == ['::/EFI/', '::/EFI/BOOT/', '::/EFI/BOOT/BOOTX64.EFI', '::/EFI/BOOT/grubx64.efi',
                    '::/EFI/BOOT/mmx64.efi', '::/EFI/debian/', '::/EFI/debian/grub.cfg'],
          'the ESP has what firmware, shim and GRUB look for', names)
    shim = subprocess.run(['mtype', '-i', esp, '::/EFI/BOOT/BOOTX64.EFI'], stdout=subprocess.PIPE).stdout
    check(shim == open(tree + '/usr/lib/shim/shimx64.efi.signed.latest', 'rb').read(), 'the shim is the distribution\'s')
    os.unlink(esp)


def test_qcow2(tmp, raw):
    out = tmp + '/q.qcow2'
    code, text = run(TOOL, 'qcow2', raw, out)
    check(code == 0, 'a qcow2 is made', text)
    code, text = run('qemu-img', 'check', out)
    check(code == 0 and 'No errors' in text, 'qemu-img check finds nothing', text)
    code, text = run('qemu-img', 'compare', raw, out)
    check(code == 0, 'qcow2 and raw are the same disk', text)
    check(os.path.getsize(out) < os.stat(raw).st_blocks * 512, 'and smaller')
    os.unlink(out)
    code, text = run(TOOL, 'qcow2', raw, '/nonexistent/x.qcow2')
    check(code == 1 and '/nonexistent/x.qcow2' in text, 'one that cannot be written is an error', text)


def test_used(tmp, raw):
    """The kernel writes into it, and it grows beyond what a server will have. (Not while it is mounted:
    that needs CAP_SYS_RESOURCE, which containers seldom have; the booted image does it.)"""
    copy = tmp + '/used.raw'
    must('cp', '--sparse=always', raw, copy)
    os.truncate(copy, 600 << 30)
    with looped(copy, writable=True) as device:
        with mounted(device, 'rw') as at:
            for i in range(2000):
                put('%s/many/added-%d' % (at, i), b'x')
            for i in range(0, 300, 2):
                os.unlink('%s/many/a-somewhat-long-name-%04d' % (at, i))
            shutil.rmtree(at + '/sizes')
            put(at + '/deep/new', b'n' * 5000000)
        code, out = run('e2fsck', '-fn', device)
        check(code == 0, 'e2fsck finds nothing after use', out)
        must('e2fsck', '-fp', device)
        code, out = run('resize2fs', device)
        check(code == 0, 'it grows to 600 GiB', out)
        with mounted(device, 'ro') as at:
            room = os.statvfs(at)
            check(room.f_blocks * room.f_frsize > 550 << 30 and os.path.exists(at + '/many/added-7'),
                  'and has that room then')
        code, out = run('e2fsck', '-fn', device)
        check(code == 0, 'e2fsck finds nothing after that', out)
    os.unlink(copy)


def test_overlay(tmp):
    """As the pipeline does it: the tree is an overlay, with changes in its upper layer."""
    top, raw = tmp + '/overlay', tmp + '/overlay.raw'
    for n in ('upper', 'work', 'merged'):
        os.makedirs(top + '/' + n)
    at = top + '/merged'
    must('mount', '-t', 'overlay', '-o', 'lowerdir=%s,upperdir=%s/upper,workdir=%s/work' % (tmp + '/kinds', top, top), 'none', at)
    try:
        os.unlink(at + '/many/a-somewhat-long-name-0007')
        shutil.rmtree(at + '/sizes')
        put(at + '/sizes/new', b'new')  # an opaque directory
        os.chmod(at + '/owners/0', 0o700)
        os.link(at + '/names/x', at + '/names/x2')
        os.setxattr(at + '/xattrs/cap', 'user.added', b'later')
        code, out = write(at, raw)
        check(code == 0, 'an overlay is written', out)
        want = picture(at, EPOCH)
    finally:
        must('umount', at)
    code, out = fsck(raw, 512)
    check(code == 0, 'e2fsck finds nothing there', out)
    with looped(raw, root_size(512)) as device, mounted(device, 'ro,noload') as at:
        got = picture(at)
        check(want == got, 'it is as it was seen merged', differences(want, got))
    os.unlink(raw)


def test_same(tmp):
    """Nothing of the machine: order of making, file system, umask, time."""
    a, b = tmp + '/same-a.raw', tmp + '/same-b.raw'
    shm = tempfile.mkdtemp(dir='/dev/shm')
    try:
        kinds(tmp + '/same')
        kinds(shm + '/tree', order=-1)
        # tmpfs of old kernels has no user.*: leave that out of both.
        for root in (tmp + '/same', shm + '/tree'):
            for n in ('user.small', 'user.large', 'user.empty'):
                with contextlib.suppress(OSError):
                    os.removexattr(root + '/xattrs/user', n)
        code, out = write(tmp + '/same', a)
        time.sleep(1.1)
        old = os.umask(0o077)
        code2, out2 = write(shm + '/tree', b)
        os.umask(old)
        check(code == 0 and code2 == 0, 'one tree is written from ext4 and from tmpfs', out + out2)
        code, out = same_file(a, b)
        check(code == 0, 'both disks are the same bytes', out)
        os.unlink(b)
        write(tmp + '/same', b, seed='another seed')
        code, out = same_file(a, b)
        check(code == 1, 'another seed gives other ids', out)
    finally:
        shutil.rmtree(shm)
    os.unlink(a)
    os.unlink(b)
    shutil.rmtree(tmp + '/same')


def test_releases(tmp):
    tree, raw = tmp + '/small', tmp + '/small.raw'
    os.makedirs(tree)
    boot_files(tree)
    for (distribution, release), wanted in FEATURES.items():
        code, out = write(tree, raw, 300, distribution, release)
        got = features(raw, 300) if code == 0 else {}
        check(sorted(got.get('Filesystem features', out).split()) == sorted(wanted),
              'the features of %s %s are as listed' % (distribution, release), got.get('Filesystem features', out))
        code, out = fsck(raw, 300)
        check(code == 0, 'e2fsck agrees', out)
    check(got['Reserved block count'] == '0' and got['Filesystem created'] == got['Last write time']
          and got['Default directory hash'] == 'half_md4' and got['Inode size'] == '256', 'and so are the other settings', got)


def test_many(tmp):
    """An index of two levels, and its cost."""
    shm = tempfile.mkdtemp(dir='/dev/shm')
    raw = tmp + '/many.raw'
    try:
        os.makedirs(shm + '/tree/d')
        boot_files(shm + '/tree')
        for i in range(75000):
            os.close(os.open('%s/tree/d/a-name-of-some-length-%06d' % (shm, i), os.O_CREAT | os.O_WRONLY, 0o644))
        code, out = write(shm + '/tree', raw, 1024)
        check(code == 0, '75000 names in one directory are written', out)
        code, out = fsck(raw, 1024)
        check(code == 0, 'e2fsck finds nothing in it', out)
        code, out = run('debugfs', '-R', 'htree d', raw + '?offset=%d' % ROOT_AT)
        check('Indirect levels: 1' in out, 'its index has two levels', out[:500])
        with looped(raw, root_size(1024)) as device, mounted(device, 'ro,noload') as at:
            missing = [i for i in range(75000) if not os.path.exists('%s/d/a-name-of-some-length-%06d' % (at, i))]
            check(missing == [], 'the kernel finds each of them by its hash', missing[:5])
            check(len(os.listdir(at + '/d')) == 75000, 'and lists them once')
    finally:
        shutil.rmtree(shm)
    os.unlink(raw)


def leftovers(directory):
    return [n for n in os.listdir(directory) if '.raw' in n]


def test_failures(tmp):
    tree = tmp + '/kinds'
    out_dir = tmp + '/out'
    os.makedirs(out_dir)
    raw = out_dir + '/x.raw'
    for mib in (1, 150, 200, 224):
        code, out = write(tree, raw, mib)
        check(code == 3 and 'kbuild.disk.size must be at least' in out and not leftovers(out_dir),
              'a disk of %d MiB is refused' % mib, out)
    needed = int(out.split('at least ')[1].split('M')[0])
    code, out = write(tree, raw, needed)
    check(code == 0, 'the size that the message names (%d MiB) is enough' % needed, out)
    code, out = fsck(raw, needed)
    check(code == 0, 'and e2fsck finds nothing there', out)
    os.unlink(raw)

    # Full at the table, the boot loaders, the format, the data, and at the end (105 MiB are needed).
    wrong = []
    for kib in (16, 64, 1100, 3300, 5000, 8000, 12000, 20000, 50000, 90000, 100000, 104000, 105000, 106000):
        must('mount', '-t', 'tmpfs', '-o', 'size=%dk' % kib, 'none', out_dir)
        try:
            code, out = write(tree, raw)
            if not (code == 1 and 'No space left on device' in out and not leftovers(out_dir)):
                wrong.append((kib, code, out, leftovers(out_dir)))
        finally:
            must('umount', out_dir)
    check(not [w for w in wrong if w[1] != 0 or w[0] < 100000], 'a full disk is a clear error and leaves nothing', wrong)

    for path in ('boot/grub/i386-pc/core.img', 'usr/lib/shim/shimx64.efi.signed'):
        os.rename(tree + '/' + path, tree + '/away')
        code, out = write(tree, raw)
        check(code == 1 and '/' + path in out, 'a tree without %s is an error' % path, out)
        os.rename(tree + '/away', tree + '/' + path)
    shm = tempfile.mkdtemp(dir='/dev/shm')
    boot_files(shm)
    put(shm + '/large', b'x')
    with contextlib.suppress(OSError):  # tmpfs of old kernels has no user.*
        os.setxattr(shm + '/large', 'user.large', b'v' * 5000)
        code, out = write(shm, raw)
        check(code == 1 and '/large\': cannot write an extended attribute' in out, 'an attribute too large for ext4 is an error', out)
    shutil.rmtree(shm)
    must('mount', '-t', 'tmpfs', 'none', tree + '/deep')
    try:
        code, out = write(tree, raw)
        check(code == 1 and '/deep\' is a mount point' in out, 'something mounted in the tree is an error', out)
    finally:
        must('umount', tree + '/deep')
    check(leftovers(out_dir) == [], 'none of these leaves a file')


def has_begun(out_dir):
    with contextlib.suppress(FileNotFoundError):  # it got its final name just now
        return any(os.stat(out_dir + '/' + n).st_blocks > 100000 for n in leftovers(out_dir))
    return True


def signalled(tree, out_dir, number):
    """The exit status of a tool that gets a signal while it writes, or 0: it had written all before."""
    p = subprocess.Popen([TOOL, 'write', tree, 'debian', 'trixie', '2048', 's', '1', out_dir + '/x.raw'],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while p.poll() is None and not has_begun(out_dir):
        time.sleep(0.005)
    p.send_signal(number)
    return p.wait()


def test_signals(tmp):
    """A large tree, so that the signal comes in the middle; where a busy machine sent it too late, once more."""
    shm = tempfile.mkdtemp(dir='/dev/shm')
    out_dir = tmp + '/signals'
    os.makedirs(out_dir)
    try:
        boot_files(shm)
        for i in range(40):
            put('%s/big/%d' % (shm, i), random.Random(i).randbytes(16 * MIB))
        for number, wanted in ((signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)):
            for _ in range(10):
                code = signalled(shm, out_dir, number)
                left = leftovers(out_dir)
                if code != 0:
                    break
                os.unlink(out_dir + '/x.raw')
            if number == signal.SIGKILL:
                check(code == wanted and 'x.raw' not in left, 'a kill leaves nothing at the final name', (code, left))
            else:
                check(code == wanted and left == [], '%s ends it and leaves nothing' % number.name, (code, left))
    finally:
        shutil.rmtree(shm)


def main():
    take_interrupts()
    if os.geteuid() != 0:
        sys.exit('needs root')
    tmp = tempfile.mkdtemp(prefix='kbuild-disk-')
    try:
        for test in (test_kinds, test_overlay, test_same, test_releases, test_many, test_failures, test_signals):
            try:
                test(tmp)
            except Exception as e:  # a tool that fails is a failed test, and the others still run
                check(False, test.__name__, '%s: %s' % (type(e).__name__, e))
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    print('1..%d' % count)
    return failed != 0


sys.exit(main())
