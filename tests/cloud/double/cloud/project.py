"""A Public Cloud project: its regions, its OpenStack users and their credentials."""
import secrets
import time
import uuid

from .region import Region

# What OVH's API may give to a user, and how Keystone calls it.
ROLES = {
    "administrator": "Administrator", "admin": "Admin", "authentication": "Authentication",
    "backup_operator": "Backup Operator", "compute_operator": "Compute Operator",
    "image_operator": "Image Operator", "infrastructure_supervisor": "Infrastructure Supervisor",
    "network_operator": "Network Operator", "network_security_operator": "Network Security Operator",
    "objectstore_operator": "ObjectStore operator", "volume_operator": "Volume Operator",
    "ai_training_operator": "AI Training Operator", "ai_training_read": "AI Training Reader",
}


class User:
    def __init__(self, project, number, description, roles, password=None):
        self.project, self.number, self.description, self.roles = project, number, description, roles
        self.name = "user-" + secrets.token_urlsafe(9).replace("_", "x").replace("-", "y")
        self.password = password or secrets.token_urlsafe(24).replace("_", "A").replace("-", "B")[:32]
        self.openstack_id = uuid.uuid4().hex
        self.created = time.time()
        self.ready_at = 0.0   # monotonic: until then it is being created
        self.polls_left = 0   # so many questions find it still being created
        self.known_at = 0.0   # monotonic: until then Keystone refuses its password
        self.deleted = False
        self.s3 = {}          # access -> secret
        self.policy = None

    def ready(self):
        return time.monotonic() >= self.ready_at and self.polls_left <= 0

    def status(self, asked=False):
        if self.deleted:
            return "deleting"
        state = "ok" if self.ready() else "creating"
        if asked and self.polls_left > 0:
            self.polls_left -= 1
        return state


class ApplicationCredential:
    def __init__(self, user, name, secret=None, roles=None, expires=None, unrestricted=False,
                 description=None):
        self.id, self.user, self.name = uuid.uuid4().hex, user, name
        self.secret = secret or secrets.token_urlsafe(64)
        self.roles, self.expires, self.unrestricted = roles, expires, unrestricted
        self.description = description


class Project:
    def __init__(self, world, name, regions, inactive=(), id=None):
        self.world, self.name = world, name
        self.id = id or uuid.uuid4().hex
        self.description = name
        self.created = time.time()
        self.status = "ok"
        self.expired = False  # OVH answers 460 then
        self.regions = {}
        for region in regions:
            self.regions[region] = Region(self, region)
        for region in inactive:
            self.regions[region] = Region(self, region, active=False)
        self.users = {}       # number -> User
        self.credentials = {}  # id -> ApplicationCredential
        self.operations = {}
        self.next_user = 412_345
        # Whom OVH's own calls act as in OpenStack: keys that others made are not seen there.
        self.native_user = User(self, 0, "ovh", ["administrator"])

    def active(self):
        return {name: r for name, r in self.regions.items() if r.active}

    def add_user(self, description="", roles=("administrator",), password=None):
        user = User(self, self.next_user, description, list(roles), password)
        self.next_user += 1
        self.users[user.number] = user
        return user

    def settle(self):
        for region in self.regions.values():
            region.settle()
        for number in [n for n, u in self.users.items()
                       if u.deleted and time.monotonic() >= u.ready_at]:
            del self.users[number]
