#!/usr/bin/env python3
"""Boots a disk image under SeaBIOS and under OVMF until a login prompt stands on its serial console.

    tests/disk/test_boot.py IMAGE [bios|uefi]...

Prints TAP. The image itself is not written to. QEMU 7.2's emulation now and then breaks a guest that
patches its own code on two processors ("Oops: int3"); that, and only that, is tried a second time.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

LIMIT = 600  # seconds: a boot takes 60 here, and twice or thrice that on a busy machine
FIRMWARE = [(d + '/OVMF_CODE_4M.fd', d + '/OVMF_VARS_4M.fd') for d in ('/usr/share/OVMF', '/usr/share/qemu')]
PROMPT = re.compile(rb'^\S+ login: ', re.M)
BROKEN = re.compile(rb'Oops: int3|Kernel panic')


def command(image, firmware, tmp):
    overlay = tmp + '/overlay.qcow2'
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', os.path.abspath(image), overlay, '8G'],
                   check=True)
    argv = ['qemu-system-x86_64', '-accel', 'tcg,thread=multi', '-cpu', 'qemu64,-cx16,+rdrand', '-smp', '2',
            '-machine', 'q35', '-m', '1536', '-display', 'none', '-no-reboot', '-nic', 'none',
            '-drive', 'file=%s,if=virtio' % overlay, '-device', 'virtio-rng-pci', '-serial', 'file:%s/serial' % tmp]
    if firmware == 'uefi':
        code, variables = next(pair for pair in FIRMWARE if os.path.exists(pair[0]))
        shutil.copy(variables, tmp + '/vars.fd')
        argv += ['-drive', 'if=pflash,format=raw,unit=0,readonly=on,file=' + code,
                 '-drive', 'if=pflash,format=raw,unit=1,file=%s/vars.fd' % tmp]
    return argv


def boot(image, firmware):
    """Returns (what happened, the console)."""
    tmp = tempfile.mkdtemp(prefix='kbuild-boot-')
    serial = tmp + '/serial'
    qemu = subprocess.Popen(command(image, firmware, tmp), stdin=subprocess.DEVNULL)
    start, console = time.monotonic(), b''
    try:
        while time.monotonic() - start < LIMIT:
            if os.path.exists(serial):
                console = open(serial, 'rb').read()
            if PROMPT.search(console.replace(b'\r', b'')):
                return 'login after %d s' % (time.monotonic() - start), console
            if BROKEN.search(console) or qemu.poll() is not None:
                return 'broken', console
            time.sleep(1)
        return 'nothing in %d s' % LIMIT, console
    finally:
        qemu.kill()
        qemu.wait()
        shutil.rmtree(tmp)


def main():
    image, firmwares = sys.argv[1], sys.argv[2:] or ['bios', 'uefi']
    failed = 0
    for number, firmware in enumerate(firmwares, 1):
        outcome, console = boot(image, firmware)
        if outcome == 'broken' and b'Oops: int3' in console:
            print('# %s: the emulator broke the guest, once more' % firmware)
            outcome, console = boot(image, firmware)
        ok = outcome.startswith('login')
        failed += not ok
        if not ok:
            for line in console.decode(errors='replace').splitlines()[-40:]:
                print('#', line)
        print('%s %d - %s: %s' % ('ok' if ok else 'not ok', number, firmware, outcome), flush=True)
    print('1..%d' % len(firmwares))
    return failed != 0


sys.exit(main())
