"""Flavors and the public network; with an argument, that host becomes the availability zone "qemu". May run again."""
import os
import sys

from provision_common import Session

NOVA, NEUTRON = os.environ["LAB_NOVA"], os.environ["LAB_NEUTRON"]
# name, cores, MiB, GiB. The first are OVH's; no host has the disk of too-big, and no project the cores of over-quota.
FLAVORS = (("d2-2", 1, 2048, 25), ("b2-7", 2, 7168, 50), ("b3-8", 2, 8192, 50), ("t-tiny", 1, 256, 1),
           ("t-demo", 2, 2048, 10), ("too-big", 1, 2048, 700000), ("over-quota", 128, 2048, 25))


def flavors(s):
    have = {f["name"] for f in s.get(NOVA + "/flavors").json()["flavors"]}
    for name, cores, memory, disk in FLAVORS:
        if name not in have:
            s.post(NOVA + "/flavors", json={"flavor": {
                "name": name, "vcpus": cores, "ram": memory, "disk": disk}})


def network(s):
    """As OVH has it: public addresses of both kinds, straight on the server, no DHCP here."""
    net = s.ensure(NEUTRON + "/networks", "network", {"name": "Ext-Net"}, **{
        "shared": True, "router:external": True, "provider:network_type": "flat",
        "provider:physical_network": "public"})
    for version, cidr, dns in ((4, "203.0.113.0/24", ["213.186.33.99"]), (6, "2001:db8:f00::/64", [])):
        s.ensure(NEUTRON + "/subnets", "subnet", {"network_id": net["id"], "ip_version": version}, cidr=cidr,
                 enable_dhcp=False, name=f"Ext-Net-v{version}", dns_nameservers=dns)


def zone(s, host):
    found = [a for a in s.get(NOVA + "/os-aggregates").json()["aggregates"] if a["name"] == "qemu"]
    aggregate = found[0] if found else s.post(NOVA + "/os-aggregates", json={
        "aggregate": {"name": "qemu", "availability_zone": "qemu"}}).json()["aggregate"]
    if host not in aggregate.get("hosts", []):
        s.post(f"{NOVA}/os-aggregates/{aggregate['id']}/action", json={"add_host": {"host": host}})


def main():
    s = Session()
    flavors(s)
    network(s)
    if len(sys.argv) > 1:
        zone(s, sys.argv[1])


main()
