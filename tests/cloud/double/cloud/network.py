"""Networks, subnets, ports, security groups and their rules."""
import ipaddress
import time
import uuid

from .flavors import stable


class Network:
    def __init__(self, region, name, external, cidrs=("10.0.0.0/24",), id=None):
        self.region, self.name, self.external = region, name, external
        self.id = id or str(uuid.uuid4())
        self.created = time.time()
        self.owner = "0" * 32 if external else region.project.id
        self.subnets = []
        for cidr in cidrs:
            subnet = Subnet(self, cidr)
            region.subnets[subnet.id] = subnet
            self.subnets.append(subnet)


class Subnet:
    def __init__(self, network, cidr, name=""):
        self.network, self.name = network, name
        self.net = ipaddress.ip_network(cidr)
        self.id = stable("subnet", network.id, cidr)
        self.taken = 9
        self.created = time.time()

    def next_address(self):
        self.taken += 1
        return str(self.net[self.taken])


class Port:
    def __init__(self, network, groups, server=None, name="", security=True, fixed=None):
        self.id, self.network, self.groups, self.server = str(uuid.uuid4()), network, groups, server
        self.name, self.security = name, security
        self.mac = "fa:16:3e:" + ":".join(f"{b:02x}" for b in uuid.uuid4().bytes[:3])
        self.fixed = fixed or [{"subnet_id": s.id, "ip_address": s.next_address()} for s in network.subnets]
        self.created = time.time()
        self.tags, self.description = [], ""
        network.region.ports[self.id] = self


class Rule:
    def __init__(self, group, direction, ethertype, protocol=None, low=None, high=None, prefix=None,
                 remote=None, description=None):
        self.id, self.group = str(uuid.uuid4()), group
        self.direction, self.ethertype, self.protocol = direction, ethertype, protocol
        self.low, self.high, self.prefix, self.remote = low, high, prefix, remote
        self.description, self.created = description, time.time()

    def what(self):
        """By which two rules are the same."""
        return (self.direction, self.ethertype, self.protocol, self.low, self.high, self.prefix,
                self.remote)


class Group:
    def __init__(self, region, name, description="", rules=()):
        self.region, self.id, self.name, self.description = region, str(uuid.uuid4()), name, description
        self.created = self.updated = time.time()
        self.revision = 1
        self.tags = []
        region.groups[self.id] = self
        for direction, ethertype in rules:
            self.add(Rule(self, direction, ethertype))

    def add(self, rule):
        self.region.rules[rule.id] = rule
        self.updated = time.time()
        self.revision += 1
        return rule

    def rules(self):
        return [r for r in self.region.rules.values() if r.group is self]

    def users(self):
        return [p for p in self.region.ports.values() if self in p.groups]


def new_group(region, name, description=""):
    """As one is born: what leaves is allowed, nothing comes in."""
    return Group(region, name, description, (("egress", "IPv4"), ("egress", "IPv6")))


def default_group(region):
    return next((g for g in region.groups.values() if g.name == "default"), None)


def furnish_network(region):
    index = sum(region.name.encode()) % 200
    network = Network(region, "Ext-Net", True, id=stable("network", region.name, "Ext-Net"),
                      cidrs=(f"198.51.{index}.0/24", f"2001:db8:{index:x}::/56"))
    region.networks[network.id] = network
    # OVH's default lets everything in and out.
    Group(region, "default", "Default security group",
          [(d, e) for d in ("ingress", "egress") for e in ("IPv4", "IPv6")])
