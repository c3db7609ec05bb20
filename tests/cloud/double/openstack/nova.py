"""Nova beside its servers: what there is to choose from, limits, key pairs, groups."""
import base64
import hashlib
import uuid

from ..request import Answer
from . import nova_schema
from .catalog import host_of
from .errors import Refusal
from .ids import id_of
from .router import service
from .schema import check

COMPUTE = "compute_operator"


def versions(world, request, path, region=None):
    if request.method != "GET" or path not in ("", "/", "/v2", "/v2/", "/v2.1", "/v2.1/"):
        return None
    root = world.endpoint(host_of("compute", region.name))

    def one(id, status, high):
        return {"id": id, "status": status, "version": high, "min_version": "2.1" if high else "",
                "updated": "2013-07-23T11:33:21Z" if high else "2011-01-21T11:33:21Z",
                "links": [{"rel": "self", "href": f"{root}/{'v2.1' if high else 'v2'}/"}]}
    if path in ("", "/"):
        done = Answer(200, {"versions": [one("v2.0", "SUPPORTED", ""),
                                         one("v2.1", "CURRENT", region.microversion)]})
        done.ids = ()
        return done
    shown = one("v2.1", "CURRENT", region.microversion) if "1" in path else one("v2.0", "SUPPORTED", "")
    shown["links"].append({"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"})
    shown["media-types"] = [{"base": "application/json",
                             "type": "application/vnd.openstack.compute+json;version=2.1"}]
    return Answer(200, {"version": shown}, [
        ("OpenStack-API-Version", "compute 2.1"), ("X-OpenStack-Nova-API-Version", "2.1"),
        ("Vary", "OpenStack-API-Version, X-OpenStack-Nova-API-Version")])


def links(ctx, kind, id):
    root = ctx.base.partition("/v2")[0]
    return [{"rel": "self", "href": f"{ctx.base}/{kind}/{id}"}, {"rel": "bookmark", "href": f"{root}/{kind}/{id}"}]


def bookmark(ctx, kind, id):
    return links(ctx, kind, id)[1:]


# --- flavors ----------------------------------------------------------------------------------------


def flavor_shown(ctx, f):
    shown = {"id": f.id, "name": f.name, "ram": f.ram, "disk": f.disk, "swap": "", "vcpus": f.vcpus,
             "OS-FLV-EXT-DATA:ephemeral": 0, "OS-FLV-DISABLED:disabled": False,
             "os-flavor-access:is_public": True, "rxtx_factor": 1.0, "links": links(ctx, "flavors", f.id)}
    if ctx.at_least(55):
        shown["description"] = None
    if ctx.at_least(61):
        shown["extra_specs"] = {}
    if ctx.at_least(75):
        shown["swap"] = 0
    return shown


def flavors(ctx):
    found = sorted(ctx.region.flavors.values(), key=lambda f: (f.ram, f.name))
    if "minRam" in ctx.query:
        found = [f for f in found if f.ram >= int(ctx.query["minRam"])]
    if "minDisk" in ctx.query:
        found = [f for f in found if f.disk >= int(ctx.query["minDisk"])]
    return page(ctx, found)


def page(ctx, found):
    """One page of a list, and the link to the next."""
    limit = number_of(ctx, "limit", 1000)
    if "marker" in ctx.query:
        ids = [o.id for o in found]
        if ctx.query["marker"] not in ids:
            raise Refusal(400, f"marker [{ctx.query['marker']}] not found")
        found = found[ids.index(ctx.query["marker"]) + 1:]
    return found[:limit], len(found) > limit


def number_of(ctx, name, default):
    text = ctx.query.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise Refusal(400, f"Invalid input for query parameters {name}. Value: {text}. '{text}' does not match "
                           "'^[0-9]*$'")
    return min(int(text) or default, default)


def listed(ctx, kind, found, shown, more, path):
    body = {kind: shown}
    if more and found:
        query = "&".join(f"{k}={v}" for k, v in ctx.request.pairs if k != "marker")
        body[f"{kind}_links"] = [{"rel": "next", "href": f"{ctx.base}{path}?{query}&marker={found[-1].id}"}]
    return body


@service("compute", "GET", "/flavors")
def flavor_list(ctx):
    found, more = flavors(ctx)
    shown = [{"id": f.id, "name": f.name, "links": links(ctx, "flavors", f.id)} for f in found]
    if ctx.at_least(55):
        shown = [dict(f, description=None) for f in shown]
    return listed(ctx, "flavors", found, shown, more, "/flavors")


@service("compute", "GET", "/flavors/detail")
def flavor_detail(ctx):
    found, more = flavors(ctx)
    return listed(ctx, "flavors", found, [flavor_shown(ctx, f) for f in found], more, "/flavors/detail")


@service("compute", "GET", "/flavors/{id}")
def flavor_get(ctx, id):
    flavor = ctx.region.flavors.get(id)
    if flavor is None:
        raise Refusal(404, f"Flavor {id} could not be found.")
    return {"flavor": flavor_shown(ctx, flavor)}


@service("compute", "GET", "/flavors/{id}/os-extra_specs")
def extra_specs(ctx, id):
    flavor_get(ctx, id)
    return {"extra_specs": {}}


# --- limits and quotas --------------------------------------------------------------------------------


@service("compute", "GET", "/limits")
def limits(ctx):
    limit, used = ctx.region.limits, ctx.region.used()
    absolute = {"maxServerMeta": 128, "maxTotalInstances": limit["instances"], "maxTotalCores": limit["cores"],
                "maxTotalRAMSize": limit["ram"], "maxTotalKeypairs": limit["key_pairs"],
                "maxServerGroups": 10, "maxServerGroupMembers": 10, "totalRAMUsed": used["ram"],
                "totalCoresUsed": used["cores"], "totalInstancesUsed": used["instances"],
                "totalServerGroupsUsed": len(ctx.region.server_groups)}
    if not ctx.at_least(36):
        absolute.update({"maxSecurityGroups": limit["security_group"],
                         "maxSecurityGroupRules": limit["security_group_rule"], "maxTotalFloatingIps": -1,
                         "totalSecurityGroupsUsed": 0, "totalFloatingIpsUsed": 0})
    if not ctx.at_least(57):
        absolute.update({"maxImageMeta": 128, "maxPersonality": 5, "maxPersonalitySize": 10240})
    return {"limits": {"rate": [], "absolute": absolute}}


def quota_shown(ctx, project, detail):
    limit, used = ctx.region.limits, ctx.region.used()
    rows = {"instances": limit["instances"], "cores": limit["cores"], "ram": limit["ram"],
            "key_pairs": limit["key_pairs"], "metadata_items": 128, "server_groups": 10,
            "server_group_members": 10}
    if not ctx.at_least(36):
        rows.update({"fixed_ips": -1, "floating_ips": -1, "security_groups": -1, "security_group_rules": -1})
    if not ctx.at_least(57):
        rows.update({"injected_files": 5, "injected_file_content_bytes": 10240, "injected_file_path_bytes": 255})
    if detail:
        rows = {k: {"limit": v, "in_use": used.get(k, 0), "reserved": 0} for k, v in rows.items()}
    return {"quota_set": dict(rows, id=project)}


@service("compute", "GET", "/os-quota-sets/{project}")
def quota(ctx, project):
    return quota_shown(ctx, project, False)


@service("compute", "GET", "/os-quota-sets/{project}/detail")
def quota_detail(ctx, project):
    return quota_shown(ctx, project, True)


@service("compute", "GET", "/os-availability-zone")
def zones(ctx):
    return {"availabilityZoneInfo": [{"zoneName": z, "zoneState": {"available": True}, "hosts": None}
                                     for z in ctx.region.zones()]}


# --- key pairs ----------------------------------------------------------------------------------------


def key_bytes(text):
    """Of a line as sshd reads it: the bytes begin with the kind that the line says."""
    words = text.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
        size = int.from_bytes(blob[:4], "big")
        if blob[4:4 + size] != words[0].encode() or (size == 11 and len(blob) != 51):
            raise ValueError
    except (IndexError, ValueError):
        raise Refusal(400, "Keypair data is invalid: failed to generate fingerprint") from None
    return blob


class Keypair:
    def __init__(self, user, name, public_key):
        self.id, self.user, self.name, self.public_key = name, user, name, public_key
        digest = hashlib.md5(key_bytes(public_key)).hexdigest()
        self.fingerprint = ":".join(digest[i:i + 2] for i in range(0, 32, 2))


def keypair_shown(ctx, pair, created=False):
    shown = {"name": pair.name, "public_key": pair.public_key, "fingerprint": pair.fingerprint}
    if created:
        shown["user_id"] = pair.user.openstack_id
    if ctx.at_least(2):
        shown["type"] = "ssh"
    return {"keypair": shown}


@service("compute", "GET", "/os-keypairs")
def keypair_list(ctx):
    mine = sorted((p for (u, _), p in ctx.region.keypairs.items() if u == ctx.user.openstack_id),
                  key=lambda p: p.name)
    return {"keypairs": [keypair_shown(ctx, p) for p in mine]}


@service("compute", "POST", "/os-keypairs", role=COMPUTE)
def keypair_create(ctx):
    minor = ctx.version[1]
    check(ctx.body, nova_schema.keypair(minor))
    given = ctx.body["keypair"]
    if "public_key" not in given:
        raise Refusal(400, "Keypair data is invalid: a public key is needed here")
    place = (ctx.user.openstack_id, given["name"])
    if place in ctx.region.keypairs:
        raise Refusal(409, f"Key pair '{given['name']}' already exists.")
    pair = ctx.region.keypairs[place] = Keypair(ctx.user, given["name"], given["public_key"])
    return Answer(201 if ctx.at_least(2) else 200, keypair_shown(ctx, pair, True))


@service("compute", "GET", "/os-keypairs/{name}")
def keypair_get(ctx, name):
    pair = ctx.region.keypairs.get((ctx.user.openstack_id, name))
    if pair is None:
        raise Refusal(404, f"Keypair {name} not found for user {ctx.user.openstack_id}")
    shown = keypair_shown(ctx, pair, True)
    shown["keypair"].update({"id": int(id_of(name)[:6], 16), "created_at": "2026-01-01T00:00:00.000000",
                             "deleted": False, "deleted_at": None, "updated_at": None})
    return shown


@service("compute", "DELETE", "/os-keypairs/{name}", role=COMPUTE)
def keypair_delete(ctx, name):
    keypair_get(ctx, name)
    del ctx.region.keypairs[(ctx.user.openstack_id, name)]
    return Answer(204 if ctx.at_least(2) else 202, None)


# --- server groups --------------------------------------------------------------------------------------


@service("compute", "GET", "/os-server-groups")
def group_list(ctx):
    return {"server_groups": list(ctx.region.server_groups.values())}


@service("compute", "POST", "/os-server-groups", role=COMPUTE)
def group_create(ctx):
    given = ctx.object("server_group")
    group = {"id": str(uuid.uuid4()), "name": given.get("name"), "members": []}
    if ctx.at_least(64):
        group.update({"policy": given.get("policy"), "rules": {}})
    else:
        group.update({"policies": given.get("policies", []), "metadata": {}})
    ctx.region.server_groups[group["id"]] = group
    return {"server_group": group}


@service("compute", "DELETE", "/os-server-groups/{id}", role=COMPUTE)
def group_delete(ctx, id):
    if ctx.region.server_groups.pop(id, None) is None:
        raise Refusal(404, f"Instance group {id} could not be found.")
    return Answer(204, None)


@service("compute", "GET", "/os-simple-tenant-usage/{project}")
def tenant_usage(ctx, project):
    return {"tenant_usage": {}}
