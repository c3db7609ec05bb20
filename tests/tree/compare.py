#!/usr/bin/env python3
"""Compares two root trees: dpkg's database, apt's marks, and every file with type, mode, owner
(by name, since ids of dynamic users depend on the order of configuring) and content.

  compare.py OURS THEIRS    prints differences, one a line; exit 0 when there are none but known ones
"""
import hashlib
import os
import re
import stat
import sys


def stanzas(path):
    out = {}
    if not os.path.exists(path):
        return out
    for text in open(path, encoding='utf-8', errors='surrogateescape').read().strip('\n').split('\n\n'):
        m = re.match(r'Package: (\S+)', text)
        if m:
            out[m.group(1)] = text
    return out


def names(root, file):
    out = {}
    for line in open(os.path.join(root, 'etc', file)):
        f = line.split(':')
        out[int(f[2])] = f[0]
    return out


def scan(root):
    users, groups = names(root, 'passwd'), names(root, 'group')
    out = {}
    for top, dirs, files in os.walk(root):
        for name in dirs + files:
            full = os.path.join(top, name)
            st = os.lstat(full)
            what = [stat.filemode(st.st_mode), users.get(st.st_uid, st.st_uid), groups.get(st.st_gid, st.st_gid)]
            if stat.S_ISLNK(st.st_mode):
                what.append('-> ' + os.readlink(full))
            elif stat.S_ISREG(st.st_mode):
                with open(full, 'rb') as f:
                    data = f.read()
                if '/var/lib/dpkg/triggers/' in full or full.endswith('/etc/shells'):
                    data = b'\n'.join(sorted(data.split(b'\n')))  # a set; in order of unpacking
                what.append(hashlib.sha256(data).hexdigest()[:16])
                xattrs = sorted((x, os.getxattr(full, x, follow_symlinks=False))
                                for x in os.listxattr(full, follow_symlinks=False))
                if xattrs:
                    what.append(repr(xattrs))
            out[os.path.relpath(full, root)] = tuple(map(str, what))
    return out


def diff_maps(label, ours, theirs, lines):
    for key in sorted(set(ours) | set(theirs)):
        if key not in theirs:
            lines.append('%s only ours: %s' % (label, key) + ' ' + ' '.join(ours[key][:3]) * (label == 'file'))
        elif key not in ours:
            lines.append('%s only theirs: %s' % (label, key))
        elif ours[key] != theirs[key]:
            a, b = ours[key], theirs[key]
            if label == 'file':
                a, b = ' '.join(a), ' '.join(b)
                lines.append('file differs: %s: %s | %s' % (key, a, b))
            else:
                d = set(a.split('\n')) ^ set(b.split('\n'))
                lines.append('%s differs: %s: %s' % (label, key, ' / '.join(sorted(d))))


# What may differ, and why.
KNOWN = [
    # Random or of the moment.
    r'etc/(machine-id|ssh/ssh_host_)', r'etc/chrony/chrony.keys', r'var/lib/systemd/(catalog/database|random-seed)',
    r'var/cache/(ldconfig|debconf|man|apparmor)', r'var/log/', r'var/lib/dpkg/(lock|triggers/Lock|available)',
    r'boot/initrd', r'etc/\.pwd\.lock',
    # Written by others in the build (bake): apt's sources, the host's own files that mmdebstrap copies in.
    r'etc/(resolv\.conf|hostname|fstab)$', r'etc/apt/sources\.list', r'var/lib/dpkg/arch$',
    # apt's state: its lists and caches are empty here.
    r'var/(lib|cache)/apt(/|$)', r'etc/apt/(preferences\.d$|apt\.conf\.d/99mmdebstrap$)',
    # Order of stanzas only: compared above by stanza.
    r'var/lib/dpkg/(status|status-old|diversions-old|statoverride-old)$', r'var/lib/apt/extended_states$',
    # Numbers of dynamic users and groups: owners are compared by name.
    r'etc/(passwd|group|shadow|gshadow)-?$', r'etc/sub[ug]id',
    # tmpfs at boot; ours were private to the work.
    r'(run|tmp|dev)(/|$)',
]


def main():
    ours, theirs = sys.argv[1:3]
    lines = []
    a, b = (stanzas(os.path.join(r, 'var/lib/dpkg/status')) for r in (ours, theirs))
    diff_maps('status', a, b, lines)
    packages = len(a)
    a, b = (stanzas(os.path.join(r, 'var/lib/apt/extended_states')) for r in (ours, theirs))
    diff_maps('mark', a, b, lines)
    files = []
    diff_maps('file', scan(ours), scan(theirs), files)
    known = re.compile('|'.join('(?:%s)' % k for k in KNOWN))
    for line in files:
        path = re.search(r'(?:ours|theirs|differs): ([^: ]+)', line).group(1)
        if '-v' in sys.argv or not known.match(path):
            lines.append(line)
    print('\n'.join(lines))
    print('%d packages, %d differences' % (packages, len(lines)))
    sys.exit(bool(lines))


main()
