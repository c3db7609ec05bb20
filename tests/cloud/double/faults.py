"""Faults on demand."""
import os
import re
import signal
import time

KINDS = ("status", "html", "half", "reset", "silence", "body", "delay", "kill")


class Faults:
    """
    A fault is {"match": regex of "METHOD /path?query" (services of OpenStack: "METHOD /host/path"), "kind": …,
    "times": n, "skip": n, "after": bool}. after: the call is carried out first, so that only its answer is lost.
    late: it is carried out so many seconds after its answer, as by a service behind a proxy that gives up first.
    Kinds: status (status, body, headers), html (status, else 503), half (the answer cut in its middle), reset, silence
    (seconds), body (any text with status 200), delay (seconds; then as ever), kill (pid; way:
    "before" it is carried out, "after" it was carried out and answered, "lost": carried out, never answered; "late":
    carried out while the next command may be at work, see late).
    """

    def __init__(self):
        self.queue = []

    def add(self, fault):
        fault.setdefault("times", 1)
        fault.setdefault("skip", 0)
        re.compile(fault["match"])
        if fault["kind"] not in KINDS:
            raise ValueError(fault["kind"])
        if fault["kind"] == "kill":
            fault["after"] = fault["way"] not in ("before", "late")
            if fault["way"] == "late":
                fault.setdefault("late", 3)
        self.queue.append(fault)

    def take(self, what):
        for fault in self.queue:
            if not re.search(fault["match"], what) or fault["times"] == 0:
                continue
            if fault["skip"] > 0:
                fault["skip"] -= 1
                continue
            fault["times"] -= 1
            return fault
        return None


def carried_out(fault):
    """Whether the call happens all the same."""
    return fault is None or bool(fault.get("after")) or fault["kind"] in ("half", "delay")


def ended(pid):
    """Whether the process runs no more (it may still wait for its parent to look)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return True


def kill(pid, patience=10.0):
    """Ends it by SIGKILL and sees that it has ended: nothing that it does can come after this."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    end = time.monotonic() + patience
    while not ended(pid) and time.monotonic() < end:
        time.sleep(0.002)
