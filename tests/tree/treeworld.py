"""What the suite "tree" works in: a cache, lists of packages, and packages of its own making."""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SUITE = 'trixie'
PACKAGES = ['apt', 'python3-yaml', 'openssh-server', 'htop', 'ca-certificates']
COUNT = [0, 0]  # tests: all, failed


class Failed(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Failed(message)


def run(argv, **kw):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors='replace', **kw)


class World:
    def __init__(self, build, work):
        self.driver = os.path.join(build, 'tests/tree/tree_driver')
        self.chroot = os.path.join(build, 'tests/tree/chroot_tool')
        self.work = work
        self.set = os.path.join(work, 'set')
        self.list = os.path.join(self.set, 'list')
        self.cache = os.path.join(self.set, 'cache')
        self.log = os.path.join(work, 'log')

    def plan(self):
        p = run([sys.executable, os.path.join(HERE, 'plan.py'), self.set, SUITE] + PACKAGES)
        if p.returncode:
            sys.exit('plan.py failed: ' + p.stderr)

    def get(self, names=None, cache=None, **kw):
        path = names or self.list
        return run([self.driver, cache or self.cache, path, self.log], **kw)

    def trees(self, cache=None):
        top = os.path.join(cache or self.cache, 'trees')
        return [n for n in os.listdir(top) if not n.startswith('.')] if os.path.isdir(top) else []

    def scratch(self, cache=None):
        top = os.path.join(cache or self.cache, 'work')
        return os.listdir(top) if os.path.isdir(top) else []

    def essentials(self, *extra):
        """A list of the essential packages and more lines; its path."""
        lines = [line for line in open(self.list) if line.split()[5] == '1'] + list(extra)
        path = os.path.join(self.work, 'list-%d' % COUNT[0])
        with open(path, 'w') as f:
            f.writelines(sorted(lines))
        return path

    def package(self, name, version='1', cache=None, files=(), **scripts):
        """Makes a .deb, puts it into the store, returns its line."""
        top = tempfile.mkdtemp(dir=self.work)
        control = os.path.join(top, 'DEBIAN')
        os.mkdir(control)
        os.chmod(top, 0o755)
        fields = scripts.pop('fields', '')
        with open(os.path.join(control, 'control'), 'w') as f:
            f.write('Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: T <t@example.com>\n'
                    '%sDescription: made by a test\n' % (name, version, fields))
        for script, text in scripts.items():
            path = os.path.join(control, script)
            with open(path, 'w') as f:
                f.write('#!/bin/sh\n' + text)
            os.chmod(path, 0o755)
        for path, size in files:
            os.makedirs(os.path.dirname(os.path.join(top, path)), exist_ok=True)
            with open(os.path.join(top, path), 'wb') as f:
                f.write(os.urandom(size))
        deb = top + '.deb'
        subprocess.run(['dpkg-deb', '--build', '-Znone', top, deb], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(top)
        sha = hashlib.sha256(open(deb, 'rb').read()).hexdigest()
        store = os.path.join(cache or self.cache, 'store', sha[:2])
        os.makedirs(store, exist_ok=True)
        size = os.path.getsize(deb)
        shutil.move(deb, os.path.join(store, sha + '.deb'))
        return '%s %s all %s %d 0 0 -\n' % (name, version, sha, size)
