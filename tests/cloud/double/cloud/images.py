"""Images: what Glance holds, and what has become of its bytes."""
import time

BASE = ("name", "disk_format", "container_format", "visibility", "min_disk", "min_ram", "tags", "protected",
        "os_hidden")


class Image:
    def __init__(self, region, id, base, properties):
        self.region, self.id, self.base, self.properties = region, id, base, dict(properties)
        self.owner = region.project.id
        self.status = "queued"
        self.size = self.virtual_size = self.checksum = self.hash = None
        self.created = self.updated = time.time()
        self.active_since = None
        self.writer = None   # whoever uploads now
        self.staged = None   # the file of what was staged
        self.task = None     # (when, what then): an import at work
        self.members = {}

    def touch(self):
        self.updated = time.time()

    def became_active(self, size, md5, sha512):
        self.status, self.size, self.checksum, self.hash = "active", size, md5, sha512
        self.active_since = time.time()
        self.touch()

    def settle(self):
        if self.task and time.monotonic() >= self.task[0]:
            then, self.task = self.task[1], None
            then()
