#!/usr/bin/env python3
"""Boots disks under SeaBIOS, OVMF, and OVMF with Secure Boot, until a login prompt stands on the serial
console.

    tests/disk/test_boot.py BUILD-DIRECTORY              of trees that mmdebstrap makes, two releases
    tests/disk/test_boot.py IMAGE [bios|uefi|secure]...  of a disk that is there; it is not written to

Prints TAP. The first form needs root, and a mirror: that of this machine's apt. QEMU 7.2's emulation now
and then breaks a guest that patches its own code on two processors ("Oops: int3"); that, and only that, is
tried a second time.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))
from caching_mirror import host_mirror  # noqa: E402

LIMIT = 600  # seconds: a boot takes 60 to 100 here, and thrice that on a busy machine
PROMPT = re.compile(rb'^\S+ login: ', re.M)
BROKEN = re.compile(rb'Oops: int3|Kernel panic')
PACKAGES = ('systemd systemd-sysv dbus udev linux-image-cloud-amd64 initramfs-tools grub-pc-bin grub-efi-amd64-bin '
            'grub-efi-amd64-signed shim-signed grub2-common e2fsprogs zstd').split()
# GRUB 2.06 reads what the one release has, the signed 2.12 verifies what the other has.
BOOTS = (('bookworm', ('bios', 'uefi')), ('trixie', ('bios', 'secure')))


def ovmf(kind):
    """(code, variables) of the firmware: ".ms" has Microsoft's keys, which the shim is signed with."""
    middle = '_4M.ms' if kind == 'secure' else '_4M'
    for directory in ('/usr/share/OVMF', '/usr/share/qemu'):
        pair = ['%s/OVMF_%s%s.fd' % (directory, what, middle) for what in ('CODE', 'VARS')]
        if all(map(os.path.exists, pair)):
            return pair
    raise FileNotFoundError('OVMF for ' + kind)


def command(image, firmware, tmp):
    overlay = tmp + '/overlay.qcow2'
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', os.path.abspath(image), overlay, '8G'],
                   check=True)
    secure = firmware == 'secure'
    argv = ['qemu-system-x86_64', '-accel', 'tcg,thread=multi', '-cpu', 'qemu64,-cx16,+rdrand', '-smp', '2',
            '-machine', 'q35,smm=on' if secure else 'q35', '-m', '1536', '-display', 'none', '-no-reboot', '-nic', 'none',
            '-drive', 'file=%s,if=virtio' % overlay, '-device', 'virtio-rng-pci', '-serial', 'file:%s/serial' % tmp]
    if firmware != 'bios':
        code, variables = ovmf(firmware)
        shutil.copy(variables, tmp + '/vars.fd')
        argv += ['-drive', 'if=pflash,format=raw,unit=0,readonly=on,file=' + code,
                 '-drive', 'if=pflash,format=raw,unit=1,file=%s/vars.fd' % tmp]
    if secure:
        argv += ['-global', 'driver=cfi.pflash01,property=secure,value=on', '-global', 'ICH9-LPC.disable_s3=1']
    return argv


def boot_once(image, firmware):
    """Returns (what happened, the console)."""
    tmp = tempfile.mkdtemp(prefix='kbuild-boot-')
    serial = tmp + '/serial'
    qemu = subprocess.Popen(command(image, firmware, tmp), stdin=subprocess.DEVNULL)
    start, console = time.monotonic(), b''
    try:
        while time.monotonic() - start < LIMIT:
            if os.path.exists(serial):
                console = open(serial, 'rb').read().replace(b'\r', b'')
            if PROMPT.search(console):
                return 'login after %d s' % (time.monotonic() - start), console
            if BROKEN.search(console) or qemu.poll() is not None:
                return 'broken', console
            time.sleep(1)
        return 'nothing in %d s' % LIMIT, console
    finally:
        qemu.kill()
        qemu.wait()
        shutil.rmtree(tmp)


class Tap:
    count = failed = 0

    def check(self, ok, name, detail=''):
        self.count += 1
        self.failed += not ok
        if not ok:
            for line in str(detail).splitlines()[-40:]:
                print('#', line)
        print('ok' if ok else 'not ok', self.count, '-', name, flush=True)
        return ok


def boot(tap, image, what, firmware):
    outcome, console = boot_once(image, firmware)
    if outcome == 'broken' and b'Oops: int3' in console:
        print('# %s under %s: the emulator broke the guest, once more' % (what, firmware))
        outcome, console = boot_once(image, firmware)
    detail = console.decode(errors='replace')
    tap.check(outcome.startswith('login'), '%s under %s: %s' % (what, firmware, outcome), detail)
    if firmware == 'secure':
        tap.check(b'Secure boot enabled' in console, 'and its kernel knows that Secure Boot is on', detail)


def make(build, release, tmp):
    """A disk with a plain tree, made by the two functions that the pipeline calls. Returns its path."""
    tool, tree, raw = build + '/tests/disk/disk_tool', '%s/%s' % (tmp, release), '%s/%s.raw' % (tmp, release)
    for argv in (['mmdebstrap', '--mode=root', '--variant=minbase', '--aptopt=APT::Install-Recommends "0"',
                  '--include=' + ','.join(PACKAGES), '--quiet', release, tree, host_mirror() + '/debian'],
                 [tool, 'prepare', tree, 'debian'],
                 [tool, 'write', tree, 'debian', release, '2048', 'seed of ' + release, '1700000000', raw]):
        p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if p.returncode != 0:
            raise RuntimeError('%s: %d\n%s' % (argv[0], p.returncode, p.stdout))
    shutil.rmtree(tree)
    return raw


def main():
    tap = Tap()
    what, firmwares = sys.argv[1], sys.argv[2:]
    if os.path.isfile(what):
        for firmware in firmwares or ['bios', 'uefi', 'secure']:
            boot(tap, what, os.path.basename(what), firmware)
    else:
        tmp = tempfile.mkdtemp(prefix='kbuild-boot-')
        try:
            for release, wanted in BOOTS:
                try:
                    raw = make(what, release, tmp)
                except (OSError, RuntimeError) as e:
                    tap.check(False, 'a disk of ' + release, e)
                    continue
                for firmware in wanted:
                    boot(tap, raw, release, firmware)
        finally:
            shutil.rmtree(tmp)
    print('1..%d' % tap.count)
    return tap.failed != 0


sys.exit(main())
