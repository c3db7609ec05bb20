"""npm's packages that tests need, kept beside the build."""
import fcntl
import subprocess
import sys

from kbtest import SOURCE

NPM = SOURCE / "build-ci/npm"


def npm_package(name, version):
    """The package's directory; needs npm's registry once. One installs at a time: two would undo each other's work."""
    where = NPM / "node_modules" / name
    NPM.mkdir(parents=True, exist_ok=True)
    with open(f"{NPM}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not where.is_dir():
            subprocess.run(["npm", "install", "--prefix", NPM, "--no-audit", "--no-fund", "--loglevel=error",
                            f"{name}@{version}"], check=True, stdout=sys.stderr)
    return where
