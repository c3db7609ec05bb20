"""Everything the double knows, faults on demand, and the log of calls."""
import re
import threading
import time

from .auth import Accounts
from .zone import Zone

# What the tests sign in with. Made up; nobody's.
APPLICATION, SECRET, CONSUMER = "double-ak-7Rk2", "double-as-uQ9xTfW3", "double-ck-Zp4bLm8N"
CLIENT, CLIENT_SECRET = "double-client-3f", "double-client-secret-8dHq"


class Faults:
    """
    A fault is {"match": regex of "METHOD /path", "kind": …, "times": n, "skip": n, "after": bool}.
    after: the call is carried out first, so that only its answer is lost. Kinds: status (status,
    body, headers), html (503), half (the answer cut in its middle), reset, silence (seconds), body
    (any text with status 200).
    """

    def __init__(self):
        self.queue = []

    def add(self, fault):
        fault.setdefault("times", 1)
        fault.setdefault("skip", 0)
        re.compile(fault["match"])
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


class World:
    def __init__(self):
        self.lock = threading.RLock()
        self.skew = 0.0        # of the server's clock
        self.loose = ""        # "%": filters also give what only begins so
        self.base_url = ""
        self.zones = {}
        self.accounts = Accounts()
        self.faults = Faults()
        self.log = []
        self.truncate = False  # the name servers answer by TCP only
        self.mute = False      # the name servers say nothing

    def now(self):
        return time.time() + self.skew

    def furnish(self, zones):
        """The accounts that tests use, and their zones."""
        self.accounts.applications[APPLICATION] = SECRET
        rules = [{"method": m, "path": p} for m in ("GET", "POST", "PUT", "DELETE")
                 for p in ("/domain/zone", "/domain/zone/*")]
        self.accounts.credential(APPLICATION, rules, "validated", CONSUMER)
        self.accounts.clients[CLIENT] = {"secret": CLIENT_SECRET, "actions": ["*"]}
        for name in zones:
            self.zones[name] = Zone(name)
