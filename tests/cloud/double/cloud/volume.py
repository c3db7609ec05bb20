"""Volumes and the states that they go through by themselves."""
import time
import uuid


class Volume:
    def __init__(self, region, name, size, kind, zone=None, description=None, metadata=None, user=None):
        self.region, self.name, self.size, self.kind = region, name, size, kind
        self.id = str(uuid.uuid4())
        self.zone = zone or region.zones()[0]
        self.description, self.metadata = description, dict(metadata or {})
        self.user = user
        self.status = "creating"
        self.created = self.updated = time.time()
        self.attached = []      # {"id", "server", "device", "at"}
        self.bootable = False
        self.image = None
        self.snapshot = None
        self.then = None        # (when, what)
        self.path = None        # of its bytes, when servers are real

    def turn(self, status):
        self.status, self.updated = status, time.time()

    def later(self, seconds, what):
        self.then = (time.monotonic() + seconds, what)

    def settle(self):
        if self.then and time.monotonic() >= self.then[0]:
            what, self.then = self.then[1], None
            what()

    def create(self, seconds):
        self.later(seconds, lambda: self.turn("available"))

    def attach(self, server, at_once=False, device=None, seconds=0.0):
        device = device or "/dev/" + ("sd" if server.region.project.world.scsi else "vd") + \
            "bcdefghijklmnop"[len(server.attachments)]
        entry = {"id": str(uuid.uuid4()), "server": server, "device": device, "at": time.time()}
        server.attachments[self.id] = device

        def done():
            self.attached.append(entry)
            self.turn("in-use")
            server.machine.attach(server, self)
        if at_once:
            done()
        else:
            self.turn("attaching")
            self.later(seconds, done)
        return entry

    def detach(self, server, seconds):
        def done():
            server.machine.detach(server, self)
            server.attachments.pop(self.id, None)
            self.attached = [a for a in self.attached if a["server"] is not server]
            self.turn("available" if not self.attached else "in-use")
        self.turn("detaching")
        self.later(seconds, done)

    def server_is_gone(self, server, delete):
        """The server's deletion is quicker than the volume's way back."""
        self.attached = [a for a in self.attached if a["server"] is not server]
        world = self.region.project.world
        if delete:
            self.delete(world.delays["volume"])
        elif not self.attached:
            self.turn("detaching" if world.delays["detach"] else "available")
            self.later(world.delays["detach"], lambda: self.turn("available"))

    def delete(self, seconds):
        def done():
            self.region.volumes.pop(self.id, None)
            self.region.gone[self.id] = "volume"
        self.turn("deleting")
        self.later(seconds, done)
