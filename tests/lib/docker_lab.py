"""A Docker of its own for a test: Debian 13's engine and Compose V2, in namespaces of their own.

    with DockerLab() as lab:
        lab.make_image("hello:1", files={"/bin/busybox": "/bin/busybox"}, cmd=["/bin/busybox", "httpd", "-f"])
        lab.docker("run", "-d", "hello:1")
        programs = lab.programs          # a directory with "docker" and "docker-compose" for --programs

Needs root. The engine lives in a mount, network and process namespace: its bridge and its rules are not the
host's, and all of it dies with the test, also when that is killed. Its tree is extracted from
packages once and kept below the cache (KBUILD_CACHE, ~/.cache/kbuild), as are the trees of images.
What lies below lab.scratch has the same path inside and outside.
"""
import contextlib
import ctypes
import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import caching_mirror  # noqa: E402

SUITE = "trixie"
ENGINE = ["docker.io", "docker-cli", "docker-compose", "docker-registry", "iptables", "nftables", "busybox-static",
          "dash", "coreutils", "mount", "iproute2", "util-linux", "ca-certificates"]
# What every slim tree has.
SLIM = ["bin", "sbin", "lib", "lib64", "run", "var/run", "var/tmp", "usr/bin/sh", "usr/bin/dash", "usr/bin/mkdir",
        "usr/bin/chown", "usr/bin/chmod", "usr/bin/rm", "usr/bin/sync", "usr/bin/touch", "usr/bin/cat",
        "usr/bin/stat", "usr/bin/sleep", "usr/bin/setpriv", "usr/lib/locale/C.utf8", "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
        "etc/passwd", "etc/group", "etc/nsswitch.conf", "usr/lib64/ld-linux-x86-64.so.2"]
POSTGRES = ["usr/lib/postgresql/17/bin", "usr/lib/postgresql/17/lib/[!lb]*.so", "usr/lib/postgresql/17/lib/libpq*",
            "usr/share/postgresql/17/[!m]*", "usr/share/zoneinfo/UTC", "usr/share/zoneinfo/Etc"]
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
CLONE_NEWNET = 0x40000000

# Process 1 of the lab: mounts, changes its root, starts the engine, and collects orphans ever after.
INIT = r"""
set -eu
scratch=$1 tree=$2 root=$1/root
mkdir -p "$scratch/upper" "$scratch/work" "$root" "$scratch/docker" "$scratch/run"
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$scratch/upper,workdir=$scratch/work" "$root"
mkdir -p "$root$scratch" "$root/old" "$root/etc/docker" "$root/proc" "$root/sys" "$root/dev" \
	"$root/run" "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs run "$root/run"
mount --bind "$scratch" "$root$scratch"
ip link set lo up
cd "$root"
pivot_root . old
rm -f "$scratch/held"
exec chroot . /usr/bin/dash -c '
	umount -l /old
	export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
	ulimit -c 0
	while :; do
		dockerd --data-root "$1/docker" --cgroup-parent "$2" --userland-proxy=false \
			--exec-opt native.cgroupdriver=cgroupfs >>"$1/dockerd.log" 2>&1 || :
		rm -f /run/docker.pid
		while [ -e "$1/held" ]; do sleep 0.1; done
	done' lab "$scratch" "$3"
"""


def cache_dir():
    return Path(os.environ.get("KBUILD_CACHE") or Path.home() / ".cache/kbuild")


def debian_tree(packages, variant="extract", after=None):
    """A tree of Debian 13 packages, made once and kept. variant: extract (files only) or minbase (configured)."""
    key = hashlib.sha256(" ".join([SUITE, variant, after or "", *sorted(packages)]).encode()).hexdigest()[:16]
    top = cache_dir() / "test-trees"
    path = top / f"{SUITE}-{variant}-{key}"
    top.mkdir(parents=True, exist_ok=True)
    with open(top / f".lock-{key}", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.is_dir():
            return path
        new = Path(f"{path}.new")
        shutil.rmtree(new, ignore_errors=True)
        print(f"# making a tree of {packages[0]} with mmdebstrap, once", flush=True)
        argv = ["mmdebstrap", "--quiet", "--mode=root", f"--variant={variant}", f"--keyring={KEYRING}",
                '--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Retries "5"', "--include=" + ",".join(packages)]
        if after:
            argv.append(f"--customize-hook={after}")
        done = subprocess.run([*argv, SUITE, str(new), caching_mirror.host_mirror() + "/debian"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"mmdebstrap: {done.stdout[-2000:]}")
        new.rename(path)
    return path


def slim_tree(tree, keep):
    """What is named by patterns in keep (relative; a directory stands for all below), the libraries of its programs,
    and a shell with a few tools: what a server pulls and unpacks should not be what mmdebstrap makes. Kept."""
    keep = sorted([*keep, *SLIM])
    key = hashlib.sha256(" ".join([tree.name, *keep]).encode()).hexdigest()[:16]
    path = tree.parent / f"slim-{key}"
    with open(tree.parent / f".lock-{key}", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.is_dir():
            return path
        new = Path(f"{path}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        found = _below(tree, keep)
        programs = [f"/{p}" for p in found if (tree / p).is_file() and not (tree / p).is_symlink() and _is_elf(tree / p)]
        told = subprocess.run(["chroot", str(tree), "/usr/bin/ldd", *programs], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False).stdout
        for library in set(re.findall(r"(?:=>|^)\s+(/\S+) \(0x", told, re.MULTILINE)):
            found |= _link_chain(tree, re.sub(r"^/lib", "usr/lib", library).lstrip("/"))
        subprocess.run(["tar", "--create", "--directory", str(tree), "--no-recursion", "--null", "--files-from=-"],
                       input="\0".join(sorted(found)).encode(), stdout=open(f"{new}.tar", "wb"), check=True)
        subprocess.run(["tar", "--extract", "--directory", str(new), f"--file={new}.tar", "--numeric-owner"], check=True)
        os.unlink(f"{new}.tar")
        (new / "tmp").mkdir(exist_ok=True)
        (new / "tmp").chmod(0o1777)
        new.rename(path)
    return path


def postgres_tree():
    return slim_tree(debian_tree(["postgresql", "postgresql-client"], variant="minbase"), POSTGRES)


def _below(tree, patterns):
    found = set()
    for pattern in patterns:
        for path in tree.glob(pattern):
            found |= _link_chain(tree, path.relative_to(tree).as_posix())
            if path.is_dir() and not path.is_symlink():
                found |= {below.relative_to(tree).as_posix() for below in path.rglob("*")}
    return found


def _link_chain(tree, path):
    """The path and what its links lead to."""
    chain = set()
    while path not in chain:
        chain.add(path)
        if (tree / path).is_symlink():
            target = os.path.normpath(os.path.join("/", os.path.dirname(path), os.readlink(tree / path)))
            path = re.sub(r"^/(bin|sbin|lib|lib64)/", r"/usr/\1/", target).lstrip("/")
    return chain


def _is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def tree_archive(tree):
    """The tree as a tar without its end, so that more can follow; kept beside it. Python's tar takes 10 s."""
    path = Path(f"{tree}.tar")
    with open(tree.parent / f".lock-{tree.name}", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return path
        new = Path(f"{path}.new")
        subprocess.run(["tar", "--create", f"--file={new}", "--directory", str(tree), "--numeric-owner",
                        "--exclude=./dev/*", "."], check=True)
        with open(new, "r+b") as archive:
            end = archive.seek(0, os.SEEK_END)
            while end >= 512:
                archive.seek(end - 512)
                if archive.read(512).strip(b"\0"):
                    break
                end -= 512
            archive.truncate(end)
        new.rename(path)
    return path


def engine_tree():
    tree = debian_tree(ENGINE)
    # What is extracted only has not made its links.
    for name, target in (("usr/sbin/iptables", "xtables-nft-multi"), ("usr/sbin/ip6tables", "xtables-nft-multi"),
                         ("usr/sbin/iptables-save", "xtables-nft-multi"),
                         ("usr/sbin/iptables-restore", "xtables-nft-multi"), ("var/run", "/run")):
        link = tree / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            with contextlib.suppress(FileExistsError):
                link.symlink_to(target)
    for directory in ("bin", "sbin", "lib", "lib64"):
        link = tree / directory
        if not link.exists():
            with contextlib.suppress(FileExistsError):
                link.symlink_to("usr/" + directory)
    return tree


class DockerLab:
    def __init__(self, scratch=None):
        self.own = scratch is None
        self.scratch = Path(scratch or tempfile.mkdtemp(prefix="kbuild-docker-")).resolve()
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.programs = self.scratch / "programs"
        self.cgroup = f"/kbuild-lab-{os.getpid()}-{int(time.time())}"
        self.process = self.pid = None
        self.others = []

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # Life

    def start(self):
        tree = engine_tree()
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", INIT,
             "lab", str(self.scratch), str(tree), self.cgroup], stdin=subprocess.DEVNULL,
            stdout=open(self.scratch / "init.log", "wb"), stderr=subprocess.STDOUT, preexec_fn=_die_with_parent)
        try:
            self._wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def _wait_ready(self):
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if children and Path(f"/proc/{children[0]}/root/run/docker.sock").is_socket():
                self.pid = int(children[0])
                self._write_programs()
                if self.docker("version", check=False).returncode == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("the engine did not start:\n" + self.log()[-3000:])

    def _write_programs(self):
        """docker enters the lab; docker-compose runs outside as well: the broker renders with it in a jail."""
        self.programs.mkdir(exist_ok=True)
        script = self.programs / "docker"
        script.write_text("#!/bin/sh\nexec /usr/bin/nsenter --mount=/proc/%d/ns/mnt --net=/proc/%d/ns/net "
                          "/usr/bin/docker \"$@\"\n" % (self.pid, self.pid))
        script.chmod(0o755)
        compose = self.programs / "docker-compose"
        compose.unlink(missing_ok=True)
        compose.symlink_to(engine_tree() / "usr/libexec/docker/cli-plugins/docker-compose")

    def log(self):
        text = ""
        for name in ("init.log", "dockerd.log"):
            with contextlib.suppress(OSError):
                text += (self.scratch / name).read_text(errors="replace")
        return text

    def stop(self):
        for child in self.others:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            child.wait()
        self.others = []
        if self.process:
            init = self.pid or next(iter(map(int, Path(
                f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split())), None) \
                if self.process.poll() is None else None
            if init:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(init, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=20)
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process = self.pid = None
        _remove_cgroups(self.cgroup)
        if self.own:
            shutil.rmtree(self.scratch, ignore_errors=True)

    # Use

    def cut_off(self, meanwhile):
        """The engine is killed as a power cut does it, and starts again after meanwhile()."""
        held = self.scratch / "held"
        held.touch()
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for pid in children:
            if Path(f"/proc/{pid}/comm").read_text().strip() == "dockerd":
                os.kill(int(pid), signal.SIGKILL)
        meanwhile()
        held.unlink()
        end = time.monotonic() + 300
        while self.docker("version", check=False).returncode != 0:
            if time.monotonic() > end:
                raise RuntimeError("the engine did not start again:\n" + self.log()[-3000:])
            time.sleep(0.1)

    def enter(self, *argv, **more):
        """A program of the lab's own tree, in its namespaces."""
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", f"--net=/proc/{self.pid}/ns/net",
                               *map(str, argv)], **more)

    def docker(self, *argv, check=True, **more):
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        done = self.enter("/usr/bin/docker", *argv, text=True, **more)
        if check and done.returncode != 0:
            raise RuntimeError(f"docker {' '.join(map(str, argv))}: {done.stderr}")
        return done

    def inspect(self, name, kind="container"):
        return json.loads(self.docker(kind, "inspect", name).stdout)[0]

    def in_net(self, function, *args, **more):
        """Calls it in a thread that is in the lab's network: sockets made there belong to it."""
        result = []

        def body():
            try:
                libc = ctypes.CDLL(None, use_errno=True)
                with open(f"/proc/{self.pid}/ns/net", "rb") as ns:
                    if libc.setns(ns.fileno(), CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                result.append((True, function(*args, **more)))
            except BaseException as problem:  # pylint: disable=broad-except
                result.append((False, problem))

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        thread.join()
        good, value = result[0]
        if not good:
            raise value
        return value

    def http(self, url, timeout=30):
        """(status, body) of a GET from inside the lab's network, e.g. of a published port."""
        def get():
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            try:
                with opener.open(url, timeout=timeout) as reply:
                    return reply.status, reply.read()
            except urllib.error.HTTPError as problem:
                return problem.code, problem.read()
        return self.in_net(get)

    def start_in_net(self, argv, **more):
        """A program of the host in the lab's network (a git server, say); ends with the lab."""
        child = subprocess.Popen(["nsenter", f"--net=/proc/{self.pid}/ns/net", *map(str, argv)],
                                 preexec_fn=_die_with_parent, **more)
        self.others.append(child)
        return child

    def registry(self, port=5000, htpasswd=None):
        """Starts Debian's docker-registry on 127.0.0.1:PORT of the lab; returns HOST:PORT and the process."""
        where = self.scratch / f"registry-{port}"
        where.mkdir(exist_ok=True)
        config = {"version": 0.1, "log": {"level": "error"},
                  "storage": {"filesystem": {"rootdirectory": str(where / "data")}, "delete": {"enabled": True}},
                  "http": {"addr": f"127.0.0.1:{port}"}}
        if htpasswd:
            (where / "htpasswd").write_text(htpasswd)
            config["auth"] = {"htpasswd": {"realm": "lab", "path": str(where / "htpasswd")}}
        (where / "config.yml").write_text(json.dumps(config))
        child = subprocess.Popen(
            ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", f"--net=/proc/{self.pid}/ns/net",
             "/usr/bin/docker-registry", "serve", str(where / "config.yml")],
            stdin=subprocess.DEVNULL, stdout=open(where / "log", "wb"), stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent)
        self.others.append(child)
        end = time.monotonic() + 120
        while child.poll() is None and time.monotonic() < end:
            try:
                self.http(f"http://127.0.0.1:{port}/v2/")
                return f"127.0.0.1:{port}", child
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("docker-registry did not start: " + (where / "log").read_text())

    # Images

    def make_image(self, name, files=None, packages=None, cmd=None, env=None, changes=(), tree=None):
        """An image of files ({path inside: bytes, text, the path of a file outside, ("exec", text) or ("link",
        target)}), of a tree, or of Debian packages (configured, kept in the cache). Returns its id."""
        base = tree or (debian_tree(packages, variant="minbase") if packages else None)
        argv = ["import"]
        if cmd:
            argv += ["--change", "CMD " + json.dumps(cmd)]
        for key, value in (env or {}).items():
            argv += ["--change", f"ENV {key}={value}"]
        for change in changes:
            argv += ["--change", change]
        child = subprocess.Popen([str(self.programs / "docker"), *argv, "-", name], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if base:
            with open(tree_archive(Path(base)), "rb") as archive:
                shutil.copyfileobj(archive, child.stdin, 1 << 20)
        with tarfile.open(fileobj=child.stdin, mode="w|", format=tarfile.GNU_FORMAT) as tar:
            for path, content in (files or {}).items():
                _add_file(tar, path, content)
        child.stdin.close()
        out, err = child.stdout.read(), child.stderr.read()
        if child.wait() != 0:
            raise RuntimeError(f"docker import {name}: {err.decode(errors='replace')}")
        return out.decode().strip()

    def busybox_image(self, name="busybox:lab", files=None, cmd=None, **more):
        """busybox with its names; static, so nothing else is needed."""
        content = {"/bin/busybox": "/bin/busybox", "/tmp/.keep": "", "/etc/passwd": "root:x:0:0::/:/bin/sh\n",
                   "/etc/group": "root:x:0:\n"}
        names = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
        content.update({f"/bin/{n}": ("link", "busybox") for n in names if n != "busybox"})
        content.update(files or {})
        return self.make_image(name, files=content, cmd=cmd or ["/bin/sleep", "1000000"], **more)

    def postgres_image(self, name="postgres:lab", changes=()):
        """PostgreSQL 17 that takes POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB as the usual image does."""
        return self.make_image(name, tree=postgres_tree(),
                               files={"/entry": ("exec", POSTGRES_ENTRY)}, cmd=["/entry"],
                               env={"PGDATA": "/var/lib/postgresql/data",
                                    "PATH": "/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                               changes=["EXPOSE 5432", "VOLUME /var/lib/postgresql/data", *changes])


POSTGRES_ENTRY = r"""#!/bin/sh
set -eu
user=${POSTGRES_USER:-postgres} db=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
mkdir -p "$PGDATA" /run/postgresql
chown -R postgres:postgres "$PGDATA" /run/postgresql
chmod 700 "$PGDATA"
as() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
# Cut off in the middle of this, it begins anew: not so the usual image, which then never starts again.
if [ ! -e "$PGDATA/complete" ]; then
	rm -rf "$PGDATA"/*
	[ "${POSTGRES_HOST_AUTH_METHOD:-}" = trust ] || : "${POSTGRES_PASSWORD:?}"
	printf '%s' "${POSTGRES_PASSWORD:-none}" >/tmp/pw
	chmod 644 /tmp/pw
	as initdb -D "$PGDATA" -U "$user" --pwfile=/tmp/pw --auth-local=trust --auth-host=scram-sha-256 -E UTF8 \
		--locale=C.UTF-8 >/dev/null
	rm /tmp/pw
	printf "listen_addresses = '*'\n" >>"$PGDATA/postgresql.conf"
	printf 'host all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
	if [ "$db" != postgres ]; then
		as pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start >/dev/null
		as createdb -U "$user" "$db"
		as pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null
	fi
	sync
	as touch "$PGDATA/complete"
fi
exec setpriv --reuid=postgres --regid=postgres --clear-groups postgres -D "$PGDATA"
"""


def _add_file(tar, path, content):
    info = tarfile.TarInfo(path.lstrip("/"))
    info.mode, info.mtime = 0o644, int(time.time())
    if isinstance(content, tuple) and content[0] == "link":
        info.type, info.linkname = tarfile.SYMTYPE, content[1]
        tar.addfile(info)
        return
    if isinstance(content, tuple):
        info.mode, content = 0o755, content[1]
    elif isinstance(content, str) and content.startswith("/") and os.path.isfile(content):
        info.mode = os.stat(content).st_mode & 0o777
        content = Path(content).read_bytes()
    data = content.encode() if isinstance(content, str) else content
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _remove_cgroups(name):
    """The engine's groups stay behind when it is killed; they are empty then."""
    for top in [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*")]:
        if not (top / name.lstrip("/")).is_dir():
            continue
        for where, _, _ in os.walk(top / name.lstrip("/"), topdown=False):
            for _ in range(50):
                try:
                    os.rmdir(where)
                    break
                except OSError:
                    time.sleep(0.02)
