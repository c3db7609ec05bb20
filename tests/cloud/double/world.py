"""Everything the double knows: zones, projects, accounts, faults, the log of calls, and what tests turn."""
import copy
import threading
import time

from .auth import Accounts
from .cloud.paper import Paper
from .cloud.project import Project
from .faults import Faults
from .limits import Limits
from .openstack.tokens import Tokens
from .zone import Zone

# What the tests sign in with. Made up; nobody's.
APPLICATION, SECRET, CONSUMER = "double-ak-7Rk2", "double-as-uQ9xTfW3", "double-ck-Zp4bLm8N"
CLIENT, CLIENT_SECRET = "double-client-3f", "double-client-secret-8dHq"
PROJECT, PASSWORD = "5f1c1d3c4e0b4c7f9a2d6b8e7f001122", "double-pw-Kq4nXz81"
USER, USER_ID = "user-Hq7Zr2Wd9Xkb", "c0ffee00c0ffee00c0ffee00c0ffee00"

REGIONS = ("GRA11", "SBG5", "EU-WEST-PAR", "EU-WEST-LZ-BRU-A")
INACTIVE = ("DE1", "BHS5")

# Seconds that things take.
DELAYS = {"server": 0.4, "action": 0.1, "delete": 0.1, "image": 0.0, "import": 0.2, "volume": 0.1,
          "attach": 0.1, "detach": 0.1, "user": 0.2, "list": 0.0, "ipv6": 0.0}


class World:
    def __init__(self):
        self.lock = threading.RLock()
        self.skew = 0.0        # of the server's clock
        self.loose = ""        # "%": filters also give what only begins so
        self.base_url = ""
        self.root = ""         # scheme://address:port, for the services' endpoints
        self.by_name = False   # endpoints by OVH's names instead of paths
        self.zones = {}
        self.projects = {}
        self.accounts = Accounts()
        self.tokens = Tokens()
        self.faults = Faults()
        self.limits = Limits()
        self.log = []
        self.number = 0        # of calls
        self.truncate = False  # the name servers answer by TCP only
        self.mute = False      # the name servers say nothing
        self.scsi = True
        self.delays = dict(DELAYS)
        self.outcomes = []     # of the next servers: {"message", "code"}, or {"vm_state": "active"}
        self.machines = Paper()
        self.store = None      # a directory for the bytes of images; None: they are counted and forgotten
        self.inactive = ()
        self.saved = None
        self.user_polls = 0    # so many questions find a new user still being created
        self.user_late = 0.0   # so many seconds after "ok" Keystone does not know it yet

    def now(self):
        return time.time() + self.skew

    def furnish(self, zones, regions=REGIONS, inactive=INACTIVE):
        """The accounts that tests use, their zones, and their project."""
        self.inactive = tuple(inactive)
        self.accounts.applications[APPLICATION] = SECRET
        rules = [{"method": m, "path": p} for m in ("GET", "POST", "PUT", "DELETE")
                 for p in ("/domain/zone", "/domain/zone/*", "/cloud/*", "/order/*")]
        rules += [{"method": "GET", "path": "/cloud/project"}]
        self.accounts.credential(APPLICATION, rules, "validated", CONSUMER)
        self.accounts.clients[CLIENT] = {"secret": CLIENT_SECRET, "actions": ["*"]}
        for name in zones:
            self.zones[name] = Zone(name)
        self.found_project(regions, inactive)

    def found_project(self, regions=REGIONS, inactive=INACTIVE):
        """The project, with nothing in it, and the user of the tests; the same ids each time."""
        project = Project(self, "kbuild-double", regions, inactive, PROJECT)
        self.projects[project.id] = project
        user = project.add_user("for tests", ("administrator",), PASSWORD)
        user.name, user.openstack_id = USER, USER_ID

    def reset(self):
        """All that was made in the cloud is forgotten; who may sign in, and tokens, are not."""
        self.machines.close()
        regions = [n for n in self.project().regions if n not in self.inactive]
        self.projects.clear()
        self.found_project(regions, self.inactive)
        self.began_anew()

    def save(self):
        """Keeps all that was made, for restore()."""
        self.project().settle()
        self.saved = copy.deepcopy(self.project())

    def restore(self):
        project = copy.deepcopy(self.saved)
        self.projects[project.id] = project
        self.began_anew()

    def __deepcopy__(self, memo):
        return self  # what is in the world may be copied, it itself never

    def began_anew(self):
        """Tokens are of this project and its users now."""
        users = self.project().users
        for token in self.tokens.known.values():
            token.project = token.project and self.project()
            token.user = users.get(token.user.number, next(iter(users.values())))
        self.outcomes.clear()
        self.faults.queue.clear()
        self.log.clear()

    def project(self):
        return next(iter(self.projects.values()))

    def next_outcome(self, server):
        return self.outcomes.pop(0) if self.outcomes else None

    def endpoint(self, host):
        """How clients reach one of OVH's host names."""
        if self.by_name:
            return f"https://{host}"
        return f"{self.root}/{host}"
