"""One region as one project sees it: what it offers, and what was made in it."""
import time
import uuid

from .flavors import FLAVORS, IMAGES, Flavor, stable
from .images import Image
from .network import Network, furnish_network

# name: type, city, continent, country
PLACES = {
    "GRA11": ("region", "Gravelines", "EU", "fr"), "SBG5": ("region", "Strasbourg", "EU", "fr"),
    "DE1": ("region", "Limburg", "EU", "de"), "BHS5": ("region", "Beauharnois", "NA", "ca"),
    "WAW1": ("region", "Warsaw", "EU", "pl"), "UK1": ("region", "London", "EU", "gb"),
    "GRA1": ("region", "Gravelines", "EU", "fr"), "SGP1": ("region", "Singapore", "ASIA", "sg"),
    "EU-WEST-PAR": ("region-3-az", "Paris", "EU", "fr"),
    "EU-WEST-LZ-BRU-A": ("localzone", "Brussels", "EU", "be"),
}
# The highest microversion of Nova: old releases in old regions.
MICROVERSIONS = {"EU-WEST-PAR": "2.96", "EU-WEST-LZ-BRU-A": "2.90"}


class Region:
    def __init__(self, project, name, active=True):
        self.project, self.name, self.active = project, name, active
        self.kind, self.city, self.continent, self.country = PLACES.get(
            name, ("region", name.title(), "EU", "fr"))
        self.status = "UP"
        self.eventlet = name.startswith("SBG")  # what its Glance runs under
        self.microversion = MICROVERSIONS.get(name, "2.72")
        self.flavors = {f.id: f for f in (Flavor(self, row) for row in FLAVORS)}
        self.images = {}
        self.keypairs = {}  # (user id, name) -> keypair
        self.servers, self.volumes, self.volume_snapshots = {}, {}, {}
        self.gone = {}      # id -> kind: what there was
        self.server_groups = {}
        self.networks, self.subnets, self.ports = {}, {}, {}
        self.groups, self.rules = {}, {}
        self.limits = {"instances": 20, "cores": 40, "ram": 200_000, "volumes": 20, "gigabytes": 2000,
                       "key_pairs": 100, "security_group": 20, "security_group_rule": 200,
                       "network": 50, "port": 200, "images_gb": 0}
        furnish_network(self)
        for row in IMAGES:
            self.add_public_image(*row)

    def zones(self):
        if self.kind == "region-3-az":
            return [f"{self.name.lower()}-{letter}" for letter in "abc"]
        return ["nova"]

    def add_public_image(self, name, user, firmware, size):
        image = Image(self, stable("image", self.name, name), {
            "name": name, "disk_format": "raw", "container_format": "bare", "visibility": "public",
            "min_disk": 0, "min_ram": 0, "tags": [], "protected": True, "os_hidden": False},
            {"image_original_user": user, "os_type": "linux", "hw_firmware_type": firmware,
             "distro_family": user})
        image.owner = "b60c5f0e3f4c4f0f9d5e1f0a7c2d3e4f"
        image.became_active(int(size * 2 ** 30), "0" * 32, "0" * 128)
        self.images[image.id] = image

    def flavor(self, id_or_name):
        return self.flavors.get(id_or_name)

    def used(self):
        servers = list(self.servers.values())
        volumes = list(self.volumes.values())
        return {"instances": len(servers), "cores": sum(s.flavor.vcpus for s in servers),
                "ram": sum(s.flavor.ram for s in servers), "volumes": len(volumes),
                "gigabytes": sum(v.size for v in volumes), "key_pairs": len(self.keypairs),
                "security_group": len(self.groups), "security_group_rule": len(self.rules),
                "network": sum(1 for n in self.networks.values() if not n.external),
                "port": len(self.ports)}

    def settle(self):
        """What has come to its end by itself."""
        for server in list(self.servers.values()):
            server.settle()
        for volume in list(self.volumes.values()):
            volume.settle()
        for image in list(self.images.values()):
            image.settle()

    def add_private_network(self, name, **more):
        network = Network(self, name, external=False, **more)
        self.networks[network.id] = network
        return network


def new_id():
    return str(uuid.uuid4())


def stamp(seconds=None, form="%Y-%m-%dT%H:%M:%SZ"):
    return time.strftime(form, time.gmtime(time.time() if seconds is None else seconds))
