"""npm's packages that tests need, kept beside the build."""
import fcntl
import json
import subprocess
import sys

from kbtest import SOURCE

NPM = SOURCE / "build-ci/npm"


def version_of(where):
    """Of the package there, if there is one."""
    try:
        return json.loads((where / "package.json").read_text(encoding="utf-8"))["version"]
    except (OSError, ValueError, KeyError):
        return None


def npm_package(name, version):
    """The package's directory; needs npm's registry once. One installs at a time: two would undo each other's work."""
    where = NPM / "node_modules" / name
    NPM.mkdir(parents=True, exist_ok=True)
    with open(f"{NPM}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if version_of(where) != version:
            subprocess.run(["npm", "install", "--prefix", NPM, "--no-audit", "--no-fund", "--loglevel=error",
                            f"{name}@{version}"], check=True, stdout=sys.stderr)
    return where
