"""Neutron's security groups and their rules."""
import ipaddress

from ..cloud.network import Rule, new_group
from ..request import Answer
from .errors import Refusal
from .neutron import absent, body_of, known, pick, stamp
from .router import service

ROLE = "network_security_operator"
PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "ipv6-icmp", "sctp", "ah", "dccp", "egp", "esp", "gre", "igmp", "ospf",
             "pgm", "rsvp", "udplite", "vrrp", "ipip", "any")


def rule_shown(r):
    project = r.group.region.project.id
    return {"id": r.id, "tenant_id": project, "project_id": project, "security_group_id": r.group.id,
            "ethertype": r.ethertype, "direction": r.direction, "protocol": r.protocol, "port_range_min": r.low,
            "port_range_max": r.high, "remote_ip_prefix": r.prefix,
            "normalized_cidr": r.prefix and str(ipaddress.ip_network(r.prefix, strict=False)),
            "remote_group_id": r.remote, "remote_address_group_id": None,
            "description": r.description, "created_at": stamp(r.created),
            "updated_at": stamp(r.created), "revision_number": 0}


def group_shown(g):
    project = g.region.project.id
    return {"id": g.id, "name": g.name, "description": g.description, "tenant_id": project, "project_id": project,
            "stateful": True, "shared": False, "tags": g.tags,
            "security_group_rules": [dict(rule_shown(r), tags=[], standard_attr_id=1) for r in g.rules()], "created_at": stamp(g.created),
            "updated_at": stamp(g.updated), "revision_number": g.revision}


def find(ctx, id):
    if id not in ctx.region.groups:
        raise absent("SecurityGroup", id)
    return ctx.region.groups[id]


@service("network", "GET", "/security-groups")
def group_list(ctx):
    return pick(ctx, "security_groups", [group_shown(g) for g in ctx.region.groups.values()])


@service("network", "GET", "/security-groups/{id}")
def group_get(ctx, id):
    return {"security_group": group_shown(find(ctx, id))}


@service("network", "POST", "/security-groups", status=201, role=ROLE)
def group_create(ctx):
    given = body_of(ctx, "security_group")
    known(given, ("name", "description", "tenant_id", "project_id", "stateful"))
    if given.get("name", "").lower() == "default":
        raise Refusal(409, "Default security group already exists.", kind="SecurityGroupDefaultAlreadyExists")
    if ctx.region.used()["security_group"] >= ctx.region.limits["security_group"]:
        raise Refusal(409, "Quota exceeded for resources: ['security_group'].", kind="OverQuota")
    return {"security_group": group_shown(new_group(ctx.region, given.get("name", ""),
                                                    given.get("description", "")))}


@service("network", "PUT", "/security-groups/{id}", role=ROLE)
def group_update(ctx, id):
    group, given = find(ctx, id), body_of(ctx, "security_group")
    known(given, ("name", "description", "stateful"))
    group.name = given.get("name", group.name)
    group.description = given.get("description", group.description)
    return {"security_group": group_shown(group)}


@service("network", "DELETE", "/security-groups/{id}", status=204, role=ROLE)
def group_delete(ctx, id):
    group = find(ctx, id)
    if group.name == "default":
        raise Refusal(409, "Insufficient rights for removing default security group.",
                      kind="SecurityGroupCannotRemoveDefault")
    if group.users():
        raise Refusal(409, f"Security Group {id} in use.", kind="SecurityGroupInUse")
    for rule in group.rules():
        del ctx.region.rules[rule.id]
    del ctx.region.groups[id]
    return Answer(204, None)


@service("network", "PUT", "/security-groups/{id}/tags", role=ROLE)
def group_tags(ctx, id):
    group = find(ctx, id)
    group.tags = sorted(set((ctx.body or {}).get("tags", [])))
    return {"tags": group.tags}


# --- rules ---------------------------------------------------------------------------------------------------


def bad(name, value, why):
    raise Refusal(400, f"Invalid input for {name}. Reason: {why}", kind="HTTPBadRequest")


def number(given, name):
    value = given.get(name)
    if value is None:
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        raise Refusal(400, f"Invalid value for port {value}", kind="SecurityGroupInvalidPortValue") from None


def check_ports(given, protocol):
    low, high = number(given, "port_range_min"), number(given, "port_range_max")
    if low is None and high is None:
        return None, None
    if protocol in (None, "any"):
        raise Refusal(400, "Must also specify protocol if port range is given.",
                      kind="SecurityGroupProtocolRequiredWithPorts")
    if protocol in ("tcp", "udp", "sctp", "dccp", "udplite"):
        if low is None or high is None or low > high:
            raise Refusal(400, "For TCP/UDP protocols, port_range_min must be <= port_range_max",
                          kind="SecurityGroupInvalidPortRange")
        if not (0 <= low <= 65535 and 0 <= high <= 65535):
            raise Refusal(400, f"Invalid value for port {high}", kind="SecurityGroupInvalidPortValue")
    return low, high


def check_prefix(prefix, ethertype):
    if prefix is None:
        return None
    try:
        net = ipaddress.ip_network(prefix, strict=False)
    except ValueError:
        raise Refusal(400, f"Invalid CIDR {prefix} given as IP prefix.", kind="InvalidCIDR") from None
    if (net.version == 6) != (ethertype == "IPv6"):
        raise Refusal(400, f"Conflicting value ethertype {ethertype} for CIDR {prefix}",
                      kind="SecurityGroupRuleParameterConflict")
    return prefix


@service("network", "POST", "/security-group-rules", status=201, role=ROLE)
def rule_create(ctx):
    """One, or all of a list or none."""
    if isinstance(ctx.body, dict) and isinstance(ctx.body.get("security_group_rules"), list):
        if not ctx.body["security_group_rules"]:
            raise Refusal(400, "Resources required", kind="HTTPBadRequest")
        made = []
        try:
            for given in ctx.body["security_group_rules"]:
                made.append(make(ctx, given))
        except Refusal:
            for rule in made:
                del ctx.region.rules[rule.id]
            raise
        return {"security_group_rules": [rule_shown(r) for r in made]}
    return {"security_group_rule": rule_shown(make(ctx, body_of(ctx, "security_group_rule")))}


def make(ctx, given):
    known(given, ("security_group_id", "direction", "ethertype", "protocol", "port_range_min", "port_range_max",
                  "remote_ip_prefix", "remote_group_id", "description", "tenant_id", "project_id",
                  "remote_address_group_id"), ("security_group_id", "direction"))
    if given["direction"] not in ("ingress", "egress"):
        bad("direction", given["direction"], f"{given['direction']} is not in valid_values.")
    ethertype = {"ipv4": "IPv4", "ipv6": "IPv6"}.get(str(given.get("ethertype", "IPv4")).lower())
    if ethertype is None:
        raise Refusal(400, f"Security group rule for ethertype '{given['ethertype']}' not supported. Allowed values "
                           "are ['IPv4', 'IPv6'].", kind="SecurityGroupRuleInvalidEtherType")
    protocol = given.get("protocol")
    protocol = str(protocol).lower() if protocol is not None else None
    if protocol is not None and protocol not in PROTOCOLS and not (protocol.isdigit() and int(protocol) < 256):
        raise Refusal(400, f"Security group rule protocol {given['protocol']} not supported. Only protocol values "
                           f"[None, {', '.join(repr(p) for p in PROTOCOLS)}] and integer representations [0 to 255] "
                           "are supported.", kind="SecurityGroupRuleInvalidProtocol")
    low, high = check_ports(given, protocol)
    prefix = check_prefix(given.get("remote_ip_prefix"), ethertype)
    group = find(ctx, given["security_group_id"])
    rule = Rule(group, given["direction"], ethertype, None if protocol == "any" else protocol, low, high, prefix,
                given.get("remote_group_id"), given.get("description") or "")
    for other in group.rules():
        if other.what() == rule.what():
            raise Refusal(409, f"Security group rule already exists. Rule id is {other.id}.",
                          kind="SecurityGroupRuleExists")
    if ctx.region.used()["security_group_rule"] >= ctx.region.limits["security_group_rule"]:
        raise Refusal(409, "Quota exceeded for resources: ['security_group_rule'].", kind="OverQuota")
    return group.add(rule)


@service("network", "GET", "/security-group-rules")
def rule_list(ctx):
    return pick(ctx, "security_group_rules", [rule_shown(r) for r in ctx.region.rules.values()])


@service("network", "GET", "/security-group-rules/{id}")
def rule_get(ctx, id):
    if id not in ctx.region.rules:
        raise absent("SecurityGroupRule", id)
    return {"security_group_rule": rule_shown(ctx.region.rules[id])}


@service("network", "DELETE", "/security-group-rules/{id}", status=204, role=ROLE)
def rule_delete(ctx, id):
    rule = ctx.region.rules.pop(id, None)
    if rule is None:
        raise absent("SecurityGroupRule", id)
    return Answer(204, None)
