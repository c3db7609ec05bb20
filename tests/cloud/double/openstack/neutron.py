"""Neutron's networks, subnets, ports and quotas. Security groups are in neutron_groups.py."""
import ipaddress
import time

from ..cloud.network import Network, Port, Subnet, default_group
from ..request import Answer
from .catalog import host_of
from .errors import Refusal
from .router import service

NETWORK = "network_operator"


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def versions(world, request, path, region=None):
    if request.method != "GET" or path not in ("", "/"):
        return None
    url = world.endpoint(host_of("network", region.name)) + "/v2.0/"
    done = Answer(200, {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [{"rel": "self", "href": url}]}]})
    done.ids = ()
    return done


def absent(kind, id):
    """kind: as in "SecurityGroupNotFound"."""
    words = {"Network": f"Network {id} could not be found.", "Subnet": f"Subnet {id} could not be found.",
             "Port": f"Port {id} could not be found.", "SecurityGroup": f"Security group {id} does not exist",
             "SecurityGroupRule": f"Security group rule {id} does not exist"}
    return Refusal(404, words[kind], kind=kind + "NotFound")


def known(given, allowed, required=(), kind="resource"):
    """Neutron's own checks of a body."""
    for name in given:
        if name not in allowed:
            raise Refusal(400, f"Unrecognized attribute(s) '{name}'", kind="HTTPBadRequest")
    for name in required:
        if given.get(name) is None:
            raise Refusal(400, f"Failed to parse request. Required attribute '{name}' not specified",
                          kind="HTTPBadRequest")


def body_of(ctx, name):
    if not isinstance(ctx.body, dict) or not isinstance(ctx.body.get(name), dict):
        raise Refusal(400, f"Unable to find '{name}' in request body", kind="HTTPBadRequest")
    return ctx.body[name]


def pick(ctx, key, shown):
    """Filters by any attribute, fields, sorting and pages."""
    control = ("limit", "marker", "fields", "sort_key", "sort_dir", "page_reverse")
    wanted = {}
    for name, value in ctx.request.pairs:
        if name not in control:
            wanted.setdefault(name, []).append(value)
    found = [o for o in shown if all(matches(o, name, values) for name, values in wanted.items())]
    key_name = ctx.query.get("sort_key", "id")
    found.sort(key=lambda o: str(o.get(key_name, "")), reverse=ctx.query.get("sort_dir") == "desc")
    if "marker" in ctx.query:
        ids = [o["id"] for o in found]
        found = found[ids.index(ctx.query["marker"]) + 1:] if ctx.query["marker"] in ids else []
    fields = [v for k, v in ctx.request.pairs if k == "fields"]
    body = {}
    limit = int(ctx.query.get("limit", len(found)) or len(found))
    if len(found) > limit:
        query = "&".join(f"{k}={v}" for k, v in ctx.request.pairs if k != "marker")
        body[f"{key}_links"] = [{"rel": "next", "href": f"{ctx.base}{ctx.request.path.partition('/v2.0')[2]}"
                                                        f"?{query}&marker={found[limit - 1]['id']}"}]
    found = found[:limit]
    if fields:
        found = [{k: o[k] for k in fields if k in o} for o in found]
    return dict({key: found}, **body)


def matches(shown, name, values):
    if name == "tags":
        return set(values[0].split(",")) <= set(shown.get("tags", []))
    if name == "fixed_ips":
        return all(any(str(f.get(v.partition("=")[0])) == v.partition("=")[2] for f in shown.get("fixed_ips", []))
                   for v in values)
    if name not in shown:
        return True  # an unknown filter filters nothing
    have = shown[name]
    text = str(have).lower() if isinstance(have, bool) else ("" if have is None else str(have))
    return text in [v.lower() if isinstance(have, bool) else v for v in values]


# --- networks ----------------------------------------------------------------------------------------------


def network_shown(n):
    return {"id": n.id, "name": n.name, "tenant_id": n.owner, "project_id": n.owner, "admin_state_up": True,
            "status": "ACTIVE", "mtu": 1500, "shared": n.external, "router:external": n.external,
            "subnets": [s.id for s in n.subnets], "availability_zone_hints": [], "availability_zones": ["nova"],
            "port_security_enabled": n.external, "ipv4_address_scope": None, "ipv6_address_scope": None,
            "description": "", "tags": [], "created_at": stamp(n.created), "updated_at": stamp(n.created),
            "revision_number": 1}


@service("network", "GET", "/networks")
def network_list(ctx):
    return pick(ctx, "networks", [network_shown(n) for n in ctx.region.networks.values()])


@service("network", "GET", "/networks/{id}")
def network_get(ctx, id):
    if id not in ctx.region.networks:
        raise absent("Network", id)
    return {"network": network_shown(ctx.region.networks[id])}


@service("network", "POST", "/networks", status=201, role=NETWORK)
def network_create(ctx):
    given = body_of(ctx, "network")
    known(given, ("name", "admin_state_up", "port_security_enabled", "description", "mtu", "shared",
                  "router:external", "tenant_id", "project_id", "availability_zone_hints"))
    network = Network(ctx.region, given.get("name", ""), False, cidrs=())
    ctx.region.networks[network.id] = network
    return {"network": network_shown(network)}


@service("network", "DELETE", "/networks/{id}", status=204, role=NETWORK)
def network_delete(ctx, id):
    network = ctx.region.networks.get(id)
    if network is None:
        raise absent("Network", id)
    if network.external:
        raise Refusal(403, "rule:delete_network is disallowed by policy", kind="PolicyNotAuthorized")
    if any(p.network is network for p in ctx.region.ports.values()):
        raise Refusal(409, f"Unable to complete operation on network {id}. There are one or more ports still in "
                           "use on the network.", kind="NetworkInUse")
    for subnet in network.subnets:
        ctx.region.subnets.pop(subnet.id, None)
    del ctx.region.networks[id]
    return Answer(204, None)


# --- subnets ------------------------------------------------------------------------------------------------


def subnet_shown(s):
    return {"id": s.id, "name": s.name, "network_id": s.network.id, "tenant_id": s.network.owner,
            "project_id": s.network.owner, "cidr": str(s.net), "ip_version": s.net.version,
            "gateway_ip": str(s.net[1]), "enable_dhcp": True, "dns_nameservers": [], "host_routes": [],
            "allocation_pools": [{"start": str(s.net[2]), "end": str(s.net[-2])}], "subnetpool_id": None,
            "ipv6_ra_mode": None, "ipv6_address_mode": None, "service_types": [], "description": "", "tags": [],
            "created_at": stamp(s.created), "updated_at": stamp(s.created), "revision_number": 0}


@service("network", "GET", "/subnets")
def subnet_list(ctx):
    return pick(ctx, "subnets", [subnet_shown(s) for s in ctx.region.subnets.values()])


@service("network", "GET", "/subnets/{id}")
def subnet_get(ctx, id):
    if id not in ctx.region.subnets:
        raise absent("Subnet", id)
    return {"subnet": subnet_shown(ctx.region.subnets[id])}


@service("network", "POST", "/subnets", status=201, role=NETWORK)
def subnet_create(ctx):
    given = body_of(ctx, "subnet")
    known(given, ("name", "network_id", "cidr", "ip_version", "gateway_ip", "enable_dhcp", "dns_nameservers",
                  "allocation_pools", "host_routes", "description"), ("network_id", "ip_version"))
    network = ctx.region.networks.get(given["network_id"])
    if network is None:
        raise absent("Network", given["network_id"])
    try:
        ipaddress.ip_network(given.get("cidr", ""))
    except ValueError:
        raise Refusal(400, f"Invalid input for cidr. Reason: '{given.get('cidr')}' is not a valid IP subnet.",
                      kind="HTTPBadRequest") from None
    subnet = Subnet(network, given["cidr"], given.get("name", ""))
    ctx.region.subnets[subnet.id] = subnet
    network.subnets.append(subnet)
    return {"subnet": subnet_shown(subnet)}


# --- ports ----------------------------------------------------------------------------------------------------


def port_shown(ctx, p):
    server = p.server
    return {"id": p.id, "name": p.name, "network_id": p.network.id, "tenant_id": ctx.project.id,
            "project_id": ctx.project.id, "mac_address": p.mac, "admin_state_up": True,
            "status": "ACTIVE" if server and server.vm_state == "active" else "DOWN",
            "device_id": server.id if server else "", "device_owner": "compute:nova" if server else "",
            "fixed_ips": p.fixed, "allowed_address_pairs": [], "extra_dhcp_opts": [],
            "security_groups": [g.id for g in p.groups] if p.security else [],
            "port_security_enabled": p.security, "binding:vnic_type": "normal", "description": p.description,
            "tags": p.tags, "created_at": stamp(p.created), "updated_at": stamp(p.created),
            "revision_number": 1}


@service("network", "GET", "/ports")
def port_list(ctx):
    return pick(ctx, "ports", [port_shown(ctx, p) for p in ctx.region.ports.values()])


@service("network", "GET", "/ports/{id}")
def port_get(ctx, id):
    if id not in ctx.region.ports:
        raise absent("Port", id)
    return {"port": port_shown(ctx, ctx.region.ports[id])}


def groups_of(ctx, ids):
    found = []
    for id in ids:
        if id not in ctx.region.groups:
            raise absent("SecurityGroup", id)
        found.append(ctx.region.groups[id])
    return found


PORT_FIELDS = ("network_id", "name", "fixed_ips", "security_groups", "allowed_address_pairs", "description",
               "port_security_enabled", "admin_state_up", "mac_address", "device_id", "device_owner",
               "binding:vnic_type", "tenant_id", "project_id")


@service("network", "POST", "/ports", status=201, role=NETWORK)
def port_create(ctx):
    given = body_of(ctx, "port")
    known(given, PORT_FIELDS, ("network_id",))
    network = ctx.region.networks.get(given["network_id"])
    if network is None:
        raise absent("Network", given["network_id"])
    if ctx.region.used()["port"] >= ctx.region.limits["port"]:
        raise Refusal(409, "Quota exceeded for resources: ['port'].", kind="OverQuota")
    groups = groups_of(ctx, given["security_groups"]) if given.get("security_groups") is not None \
        else [default_group(ctx.region)]
    port = Port(network, groups, None, given.get("name", ""),
                given.get("port_security_enabled", network.external))
    port.description = given.get("description", "")
    return {"port": port_shown(ctx, port)}


@service("network", "PUT", "/ports/{id}", role=NETWORK)
def port_update(ctx, id):
    given = body_of(ctx, "port")
    known(given, PORT_FIELDS)
    port = ctx.region.ports.get(id)
    if port is None:
        raise absent("Port", id)
    if "security_groups" in given:
        port.groups = groups_of(ctx, given["security_groups"] or [])
        if port.server:
            port.server.groups = port.groups
    port.security = given.get("port_security_enabled", port.security)
    port.name = given.get("name", port.name)
    return {"port": port_shown(ctx, port)}


@service("network", "DELETE", "/ports/{id}", status=204, role=NETWORK)
def port_delete(ctx, id):
    port = ctx.region.ports.pop(id, None)
    if port is None:
        raise absent("Port", id)
    if port.server and port in port.server.ports:
        port.server.ports.remove(port)
    return Answer(204, None)


# --- quotas, extensions ------------------------------------------------------------------------------------


@service("network", "GET", "/quotas/{project}/details.json")
@service("network", "GET", "/quotas/{project}/details")
def quota_details(ctx, project):
    limit, used = ctx.region.limits, ctx.region.used()
    rows = {"network": "network", "port": "port", "security_group": "security_group",
            "security_group_rule": "security_group_rule"}
    quota = {name: {"limit": limit[key], "used": used[key], "reserved": 0} for name, key in rows.items()}
    quota.update({name: {"limit": -1, "used": 0, "reserved": 0} for name in
                  ("subnet", "subnetpool", "router", "floatingip", "rbac_policy")})
    return {"quota": quota}


@service("network", "GET", "/quotas/{project}")
def quotas(ctx, project):
    return {"quota": {name: row["limit"] for name, row in quota_details(ctx, project)["quota"].items()}}


@service("network", "GET", "/extensions")
def extensions(ctx):
    names = ("security-group", "port-security", "quotas", "external-net", "quota_details", "standard-attr-tag",
             "binding", "availability_zone", "net-mtu", "security-groups-remote-address-group")
    return {"extensions": [{"alias": n, "name": n, "description": n, "links": [],
                            "updated": "2016-01-01T00:00:00-00:00"} for n in names]}


@service("network", "GET", "/floatingips")
def floating(ctx):
    return {"floatingips": []}


@service("network", "GET", "/routers")
def routers(ctx):
    return {"routers": []}
