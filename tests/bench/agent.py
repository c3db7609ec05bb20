#!/usr/bin/env python3
"""What a GitOps run that finds no change costs, all of it, beside `git fetch && git rev-parse` in a shell on the same
repository from the same servers: CPU and wall time of all processes, and the memory of all of ours.

    tests/bench/agent.py BUILD-DIRECTORY [RUNS]
"""
import ctypes
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "agent")]
import gitserver  # noqa: E402
from kbtest import memory_of  # noqa: E402

CPU, WALL, MEMORY = 0.25, 0.25, 20 << 20  # what must hold


def all_children(but):
    """CPU seconds of everything that was started here and has ended, orphans included."""
    while True:
        with open("/proc/self/task/%d/children" % os.getpid()) as f:
            left = set(map(int, f.read().split())) - {but}
        if not left:
            break
        for pid in left:
            os.waitpid(pid, 0)
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return u.ru_utime + u.ru_stime


def measure(argv, env, runs, but):
    cpu, wall = [], []
    for _ in range(runs + 1):
        before, start = all_children(but), time.monotonic()
        child = os.posix_spawnp(argv[0], argv, env, file_actions=[
            (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
        _, status = os.waitpid(child, 0)
        wall.append(time.monotonic() - start)
        if status:
            raise SystemExit(f"{argv} failed: {status}")
        cpu.append(all_children(but) - before)
    # The first one warms the caches of both sides.
    return statistics.median(cpu[1:]), statistics.median(wall[1:])


def peak(argv, env, runs):
    best = 0
    for _ in range(runs):
        child = subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL)
        while child.poll() is None:
            best = max(best, memory_of(child.pid))
    return best


def serve(where, pipe, other_end):
    """The servers, in a process of their own: what they cost is not what a client costs."""
    other_end.close()  # else its end is never seen here
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # what they leave behind is theirs
    lab = gitserver.Lab(where)
    lab.commit({f"file{i}": f"{i}\n" * 50 for i in range(50)})
    facts = {"git_env": lab.git_env, "env": lab.env, "state": lab.state, "tip": lab.tip(), "url": {}, "config": {}}
    for kind in ("https", "ssh"):
        lab.configure(kind)
        facts["url"][kind] = lab.url(kind)
        facts["config"][kind] = shutil.copy(lab.config, f"{where}/{kind}.yaml")
    pipe.send(facts)
    try:
        pipe.recv()
    except EOFError:
        pass
    lab.close()


def idle(lab):
    """The state of a server that runs what the branch has, and whose containers were looked at just now."""
    state = tempfile.mkdtemp(prefix="idle-", dir=os.path.dirname(lab["state"]))
    with open(f"{state}/gitops.json", "w", encoding="ascii") as f:
        json.dump({"v": 1, "good": {"sha": lab["tip"], "plan": "0" * 64, "at": int(time.time()),
                                    "table": {"services": [{"name": "web", "hash": "0" * 64}]}}}, f)
    Path(f"{state}/gitops-looked").touch()
    return state


def compare(kind, lab, build, runs, but):
    """Prints the figures of one transport; the worst of them, 1 being just what is allowed."""
    clone = f"{lab['state']}/clone-{kind}"
    gitserver.run("git", "clone", "-q", lab["url"][kind], clone, env=lab["git_env"])
    theirs = measure(["sh", "-c", f"cd {clone} && git fetch -q && git rev-parse origin/main"],
                     lab["git_env"], runs, but)
    argv = [str(build / "firstboot/kbuild-agent"), "gitops", "--config", lab["config"][kind], "--state", idle(lab),
            "--broker", "/nowhere"]
    ours = measure(argv, lab["env"], runs, but)
    most = peak(argv, lab["env"], runs)
    worst = most / MEMORY
    for what, a, b, bound in zip(("CPU", "wall"), ours, theirs, (CPU, WALL)):
        print(f"{kind:5} {what:4} {a * 1000:7.1f} ms, git {b * 1000:7.1f} ms: {a / b:.2f} (at most {bound})"
              f"{'' if a / b <= bound else '  TOO MUCH'}", flush=True)
        # Wall time is also the server's and the machine's: it is shown, not judged.
        worst = max(worst, a / b / bound if what == "CPU" else 0)
    print(f"{kind:5} peak {most / (1 << 20):6.1f} MiB of all processes (at most {MEMORY >> 20})"
          f"{'' if most <= MEMORY else '  TOO MUCH'}", flush=True)
    return worst


def main():
    build, runs = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 15
    where = tempfile.mkdtemp(prefix="kbuild-bench-")
    ours, theirs = multiprocessing.Pipe()
    servers = multiprocessing.Process(target=serve, args=(where, theirs, ours))
    servers.start()
    theirs.close()
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans' time counts too
    try:
        lab = ours.recv()
        worst = max(compare(kind, lab, build, runs, servers.pid) for kind in ("https", "ssh"))
    finally:
        ours.close()
        servers.join()
        shutil.rmtree(where, ignore_errors=True)
    print(f"{'' if worst <= 1 else 'not '}ok 1 - a check without a change is cheap in CPU and memory")
    return worst > 1


if __name__ == "__main__":
    sys.exit(main())
