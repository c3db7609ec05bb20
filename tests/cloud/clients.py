"""
What the tests with clients that we did not write share: namespaces where OVH's names lead to loopback.
"""
import os
import subprocess
import sys
from pathlib import Path

INSIDE = "KBUILD_TEST_INSIDE"


def inside():
    return os.environ.get(INSIDE) == "yes"


def go_inside():
    """This program again, in namespaces of its own. What needs the network comes before."""
    os.environ[INSIDE] = "yes"
    os.execvp("unshare", ["unshare", "--mount", "--net", "--fork", "--kill-child", sys.executable,
                          *sys.argv])


def enter(scratch, names):
    """Inside: names lead to loopback."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    hosts = Path(scratch) / "hosts"
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in names))
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)


def run(*args, input=None, **env):
    return subprocess.run([str(a) for a in args], env=dict(os.environ, **env), capture_output=True,
                          text=True, timeout=180, **({"input": input} if input is not None else
                                                     {"stdin": subprocess.DEVNULL}))
