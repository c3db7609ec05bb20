"""What a region offers: flavors with OVH's names, sizes and price codes, and the images of its catalogue."""
import uuid

# name, type, vcpus, RAM in MiB, disk in GB, Mbit/s, price an hour and a month in 1e-8 euros
FLAVORS = (
    ("d2-2", "ovh.d2", 1, 2000, 25, 100, 1_070_000, 499_000_000),
    ("d2-4", "ovh.d2", 2, 4000, 50, 250, 2_110_000, 999_000_000),
    ("d2-8", "ovh.d2", 4, 8000, 50, 500, 3_830_000, 1_799_000_000),
    ("b2-7", "ovh.ssd.eg", 2, 7000, 50, 250, 6_810_000, 2_420_000_000),
    ("b3-8", "ovh.ssd.eg", 2, 8000, 50, 500, 5_080_000, 1_850_000_000),
    ("b3-16", "ovh.ssd.eg", 4, 16000, 100, 1000, 10_160_000, 3_700_000_000),
    ("c3-4", "ovh.ssd.cpu", 2, 4000, 50, 250, 4_540_000, 1_650_000_000),
    ("r3-16", "ovh.ssd.ram", 2, 16000, 50, 500, 5_790_000, 2_110_000_000),
)
VOLUME_TYPES = (("classic", 4_000), ("high-speed", 8_000), ("high-speed-gen2", 8_000))

IMAGES = (("Debian 12", "debian", "bios", 2.0), ("Debian 13", "debian", "bios", 2.0),
          ("Ubuntu 24.04", "ubuntu", "bios", 2.2), ("Debian 12 - UEFI", "debian", "uefi", 2.0))


def stable(*words):
    """An id that is the same in every double: in OVH it differs from region to region, too."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(words)))


class Flavor:
    def __init__(self, region, row):
        self.name, self.kind, self.vcpus, self.ram, self.disk, self.bandwidth, self.hour, self.month = row
        self.id = stable("flavor", region.name, self.name)
        self.region, self.home = region.name, region
        self.available = True
        self.plan = {"hourly": f"{self.name}.consumption", "monthly": f"{self.name}.monthly.postpaid"}
        if not self.name.startswith("b2"):
            self.plan["monthly"] = None  # the newer ones have no monthly price of their own
