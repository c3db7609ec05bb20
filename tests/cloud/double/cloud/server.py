"""Servers: what was asked for, and the states that they go through by themselves."""
import time
import uuid

NOSTATE, RUNNING, PAUSED, SHUTDOWN = 0, 1, 3, 4
# The status that Nova shows, by vm_state and task_state (nova/api/openstack/common.py).
SHOWN = {
    "building": {None: "BUILD"},
    "active": {None: "ACTIVE", "rebooting": "REBOOT", "reboot_pending": "REBOOT", "reboot_started": "REBOOT",
               "rebooting_hard": "HARD_REBOOT", "reboot_started_hard": "HARD_REBOOT",
               "rebuilding": "REBUILD", "rebuild_spawning": "REBUILD", "resize_prep": "RESIZE"},
    "stopped": {None: "SHUTOFF", "rebooting_hard": "HARD_REBOOT", "rebuilding": "REBUILD"},
    "paused": {None: "PAUSED"},
    "error": {None: "ERROR"},
}
BUILDING = ("scheduling", "networking", "block_device_mapping", "spawning")


class Server:
    def __init__(self, region, user, name, flavor, image):
        self.region, self.user, self.name, self.flavor, self.image = region, user, name, flavor, image
        self.id = str(uuid.uuid4())
        self.created = self.updated = time.time()
        self.launched = None
        self.vm_state, self.task_state, self.power_state = "building", "scheduling", NOSTATE
        self.fault = None
        self.key_name = self.user_data = None
        self.config_drive = False
        self.metadata, self.tags = {}, []
        self.description = None
        self.ports, self.groups = [], []
        self.attachments = {}   # volume id -> device, in order
        self.mappings = []      # volumes to be attached while it is built
        self.keep_on_delete = {}  # volume id -> bool
        self.zone = region.zones()[-1]  # not where a volume comes to by itself
        self.admin_pass = uuid.uuid4().hex[:12]
        self.plan = []          # (when, what)
        self.booted = None      # when this boot began
        self.machine = None
        self.said = ""          # on paper: what its console held when it ended
        self.monthly = False
        self.snapshots = 0
        self.disk_config = "MANUAL"
        self.actions = []       # what os-instance-actions tells
        self.visible_at = 0.0   # when lists of the native API begin to show it

    def status(self):
        states = SHOWN[self.vm_state]
        return states.get(self.task_state, states[None])

    def touch(self):
        self.updated = time.time()

    # --- what happens by itself -------------------------------------------------------------------

    def after(self, seconds, what):
        start = self.plan[-1][0] if self.plan else time.monotonic()
        self.plan.append((start + seconds, what))

    def settle(self):
        while self.plan and time.monotonic() >= self.plan[0][0]:
            _, what = self.plan[0]
            if what() is False:
                # Not yet: the machine is still at it.
                return
            if self.plan:
                self.plan.pop(0)

    def task(self, name):
        def set_task():
            self.task_state = name
            self.touch()
        return set_task

    def build(self, seconds):
        """Begins; fails in the end when the region has been told to let one fail."""
        outcome = self.region.project.world.next_outcome(self)
        for name in BUILDING[1:]:
            self.after(seconds / 4, self.task(name))
        if outcome and outcome.get("vm_state") != "active":
            self.after(seconds / 4, lambda: self.failed(outcome))
            return
        self.after(seconds / 4, self.spawn)
        self.after(0, self.spawned)

    def spawn(self):
        self.attach_mapped()
        self.machine.start(self)

    def attach_mapped(self):
        for volume, delete, tag in self.mappings:
            volume.attach(self, at_once=True)
            self.keep_on_delete[volume.id] = not delete
        self.mappings = []

    def spawned(self):
        state = self.machine.state(self)
        if state is None:
            return False
        if state != "running":
            self.failed({"message": state})
            return True
        self.vm_state, self.task_state, self.power_state = "active", None, RUNNING
        self.launched = time.time()
        self.booted = time.monotonic()
        self.touch()
        return True

    def failed(self, outcome):
        self.vm_state, self.task_state, self.power_state = "error", None, NOSTATE
        self.fault = {"code": outcome.get("code", 500), "created": time.time(),
                      "message": outcome.get("message", "No valid host was found. ")}
        self.plan.clear()
        self.touch()

    # --- what is asked of it ----------------------------------------------------------------------

    def act(self, task, seconds, what, state, power, boots=True):
        def begin_and_end():
            if self.machine.busy(self):
                return False
            self.vm_state, self.task_state, self.power_state = state, None, power
            if power == RUNNING and boots:
                self.booted = time.monotonic()
            self.touch()
            return True
        self.plan.clear()
        self.task_state = task
        self.touch()
        what(self)
        self.after(seconds, begin_and_end)

    def stop(self, seconds):
        self.act("powering-off", seconds, self.machine.stop, "stopped", SHUTDOWN)

    def start(self, seconds):
        self.act("powering-on", seconds, self.machine.start_again, "active", RUNNING)

    def reboot(self, seconds, hard):
        self.act("rebooting_hard" if hard else "rebooting", seconds, self.machine.reboot, "active", RUNNING)

    def pause(self, seconds):
        """On paper: a machine goes on all the same."""
        self.act("pausing", seconds, lambda _: None, "paused", PAUSED)

    def unpause(self, seconds):
        self.act("unpausing", seconds, lambda _: None, "active", RUNNING, boots=False)

    def delete(self, seconds):
        self.plan.clear()
        self.task_state = "deleting"
        self.touch()
        self.machine.delete(self)
        self.after(seconds, self.deleted)

    def deleted(self):
        if self.machine.busy(self):
            return False
        region = self.region
        for port in self.ports:
            region.ports.pop(port.id, None)
        for volume_id in list(self.attachments):
            volume = region.volumes.get(volume_id)
            if volume:
                volume.server_is_gone(self, not self.keep_on_delete.get(volume_id, True))
        region.servers.pop(self.id, None)
        region.gone[self.id] = "server"
        return True

    def console(self):
        return self.machine.console(self)

    def addresses(self):
        """By network: (address, version, mac). A server may be ACTIVE before its IPv6 is shown."""
        found = {}
        late = self.booted is not None and \
            time.monotonic() < self.booted + self.region.project.world.delays["ipv6"]
        for port in self.ports:
            pairs = found.setdefault(port.network.name, [])
            for fixed in port.fixed:
                if late and ":" in fixed["ip_address"]:
                    continue
                pairs.append((fixed["ip_address"], 6 if ":" in fixed["ip_address"] else 4, port.mac))
        return found
