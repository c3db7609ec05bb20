"""Nova's servers: made, listed, shown, changed, deleted."""
import base64
import hashlib
import re
import time

from ..cloud.network import Port, default_group
from ..cloud.server import Server
from ..request import Answer
from . import nova_actions, nova_schema  # noqa: F401 (its routes)
from .errors import Refusal
from .nova import COMPUTE, bookmark, links, listed, page
from .nova_schema import truth
from .router import service
from .schema import check

GIB = 2 ** 30


def stamp(seconds, form="%Y-%m-%dT%H:%M:%SZ"):
    return time.strftime(form, time.gmtime(seconds))


def find(ctx, id):
    server = ctx.region.servers.get(id)
    if server is None:
        raise Refusal(404, f"Instance {id} could not be found.")
    return server


# --- making one ---------------------------------------------------------------------------------------


def pick_flavor(ctx, ref):
    flavor = ctx.region.flavors.get(str(ref))
    if flavor is None:
        raise Refusal(400, f"Flavor {ref} could not be found.")
    return flavor


def pick_image(ctx, ref, flavor):
    image = ctx.region.images.get(ref)
    if image is None or (image.owner != ctx.project.id and image.base["visibility"] == "private"):
        raise Refusal(400, "Can not find requested image")
    if image.status != "active":
        raise Refusal(400, f"Image {ref} is not active.")
    if image.base["min_ram"] > flavor.ram:
        raise Refusal(400, "Flavor's memory is too small for requested image.")
    if image.base["min_disk"] > flavor.disk:
        raise Refusal(400, f"Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is "
                      f"{flavor.disk * GIB} bytes, minimum size is {image.base['min_disk'] * GIB} bytes.")
    if (image.size or 0) > flavor.disk * GIB:
        raise Refusal(400, f"Flavor's disk is too small for requested image. Flavor disk is {flavor.disk * GIB} "
                           f"bytes, image is {image.size} bytes.")
    return image


def pick_groups(ctx, given):
    if not given:
        return [default_group(ctx.region)]
    found = []
    for entry in given:
        name = entry.get("name")
        same = [g for g in ctx.region.groups.values() if name in (g.name, g.id)]
        if not same:
            raise Refusal(400, f"Unable to find security_group with name or id '{name}'")
        if len(same) > 1:
            raise Refusal(409, f"Multiple security_groups matches found for name '{name}', use an ID to be more "
                               "specific.")
        found.append(same[0])
    return found


def make_ports(ctx, server, wanted, groups):
    region = ctx.region
    if wanted is None or wanted == "auto":
        external = [n for n in region.networks.values() if n.external]
        private = [n for n in region.networks.values() if not n.external]
        if len(private) > 1:
            raise Refusal(409, "Multiple possible networks found, use a Network ID to be more specific.")
        wanted = [{"uuid": n.id} for n in private or external]
    elif wanted == "none":
        wanted = []
    for entry in wanted:
        if entry.get("port"):
            port = region.ports.get(entry["port"])
            if port is None:
                raise Refusal(400, f"Port id {entry['port']} could not be found.")
            if port.server:
                raise Refusal(409, f"Port {port.id} is still in use.")
            port.server = server
            server.ports.append(port)
            continue
        network = region.networks.get(entry.get("uuid"))
        if network is None:
            raise Refusal(400, f"Network {entry.get('uuid')} could not be found.")
        server.ports.append(Port(network, list(groups), server, security=network.external))


def read_mappings(ctx, server, entries):
    for entry in entries or ():
        source, destination = entry.get("source_type"), entry.get("destination_type")
        if source == "volume":
            volume = ctx.region.volumes.get(entry.get("uuid"))
            if volume is None:
                raise Refusal(400, f"Volume {entry.get('uuid')} could not be found.")
            if volume.status != "available":
                raise Refusal(400, f"Invalid volume: Volume {volume.id} status must be available or downloading "
                                   f"to reserve, but the current status is {volume.status}.")
            server.mappings.append((volume, truth(entry.get("delete_on_termination", False)), entry.get("tag")))
        elif source not in ("image", "blank") or destination not in ("local", "volume", None):
            raise Refusal(400, "Block Device Mapping is Invalid.")


def check_quota(ctx, flavor, count):
    limit, used = ctx.region.limits, ctx.region.used()
    asked = {"instances": count, "cores": count * flavor.vcpus, "ram": count * flavor.ram}
    over = [k for k in asked if limit[k] >= 0 and used[k] + asked[k] > limit[k]]
    if over:
        names = ", ".join(over)
        raise Refusal(403, "Quota exceeded for %s: Requested %s, but already used %s of %s %s" % (
            names, ", ".join(str(asked[k]) for k in over), ", ".join(str(used[k]) for k in over),
            ", ".join(str(limit[k]) for k in over), names))


@service("compute", "POST", "/servers", status=202, role=COMPUTE)
def server_create(ctx):
    check(ctx.body if ctx.body is not None else {}, nova_schema.create(ctx.version[1]))
    given = ctx.body["server"]
    flavor = pick_flavor(ctx, given["flavorRef"])
    image = pick_image(ctx, given["imageRef"], flavor) if given.get("imageRef") else None
    if image is None and not given.get("block_device_mapping_v2"):
        raise Refusal(400, "Invalid imageRef provided.")
    if given.get("key_name") and (ctx.user.openstack_id, given["key_name"]) not in ctx.region.keypairs:
        raise Refusal(400, "Invalid key_name provided.")
    if given.get("availability_zone") and given["availability_zone"] not in ctx.region.zones():
        raise Refusal(400, "The requested availability zone is not available")
    least, most = int(given.get("min_count", 1)), int(given.get("max_count", given.get("min_count", 1)))
    check_quota(ctx, flavor, least)
    groups = pick_groups(ctx, given.get("security_groups"))
    servers = [make(ctx, given, flavor, image, groups, i if most > 1 else None) for i in range(most)]
    if truth(given.get("return_reservation_id", False)):
        return {"reservation_id": "r-double00"}
    server = servers[0]
    ctx.headers.append(("Location", f"{ctx.base}/servers/{server.id}"))
    return {"server": {"id": server.id, "links": links(ctx, "servers", server.id), "adminPass": server.admin_pass,
                       "OS-DCF:diskConfig": server.disk_config,
                       "security_groups": [{"name": g["name"]} for g in given.get("security_groups") or
                                           [{"name": "default"}]]}}


def make(ctx, given, flavor, image, groups, index=None):
    world = ctx.world
    name = given["name"] if index is None else f"{given['name']}-{index + 1}"
    server = Server(ctx.region, ctx.user, name, flavor, image)
    server.machine = world.machines
    server.groups = groups
    server.key_name = given.get("key_name")
    server.metadata = dict(given.get("metadata", {}))
    server.tags = sorted(given.get("tags", []))
    server.description = given.get("description")
    server.config_drive = truth(given.get("config_drive", False))
    server.zone = given.get("availability_zone", server.zone)
    server.disk_config = given.get("OS-DCF:diskConfig", "MANUAL")
    if given.get("user_data"):
        server.user_data = base64.b64decode(given["user_data"])
    read_mappings(ctx, server, given.get("block_device_mapping_v2"))
    make_ports(ctx, server, given.get("networks"), groups)
    server.visible_at = time.monotonic() + world.delays["list"]
    ctx.region.servers[server.id] = server
    server.build(world.delays["server"])
    return server


# --- showing ------------------------------------------------------------------------------------------


def addresses(server):
    if server.vm_state == "building" and server.task_state in ("scheduling", "networking"):
        return {}
    return {name: [{"version": version, "addr": address, "OS-EXT-IPS:type": "fixed",
                    "OS-EXT-IPS-MAC:mac_addr": mac} for address, version, mac in pairs]
            for name, pairs in server.addresses().items()}


def flavor_of(ctx, server):
    f = server.flavor
    if ctx.at_least(47):
        return {"vcpus": f.vcpus, "ram": f.ram, "disk": f.disk, "ephemeral": 0, "swap": 0,
                "original_name": f.name, "extra_specs": {}}
    return {"id": f.id, "links": bookmark(ctx, "flavors", f.id)}


def attached(ctx, server):
    if ctx.at_least(3):
        return [{"id": v, "delete_on_termination": not server.keep_on_delete.get(v, True)}
                for v in server.attachments]
    return [{"id": v} for v in server.attachments]


def show(ctx, server):
    status = server.status()
    shown = {
        "id": server.id, "name": server.name, "status": status, "tenant_id": server.region.project.id,
        "user_id": server.user.openstack_id, "metadata": server.metadata,
        "hostId": hashlib.sha224((server.region.project.id + server.id).encode()).hexdigest()
        if server.vm_state != "building" else "",
        "image": {"id": server.image.id, "links": bookmark(ctx, "images", server.image.id)}
        if server.image else "",
        "flavor": flavor_of(ctx, server), "created": stamp(server.created), "updated": stamp(server.updated),
        "addresses": addresses(server), "accessIPv4": "", "accessIPv6": "",
        "links": links(ctx, "servers", server.id), "OS-DCF:diskConfig": server.disk_config,
        "OS-EXT-AZ:availability_zone": server.zone if server.vm_state != "building" else "",
        "config_drive": "True" if server.config_drive else "", "key_name": server.key_name,
        "OS-SRV-USG:launched_at": stamp(server.launched, "%Y-%m-%dT%H:%M:%S.000000") if server.launched else None,
        "OS-SRV-USG:terminated_at": None, "OS-EXT-STS:task_state": server.task_state,
        "OS-EXT-STS:vm_state": server.vm_state, "OS-EXT-STS:power_state": server.power_state,
        "os-extended-volumes:volumes_attached": attached(ctx, server)}
    if status in ("ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"):
        shown["progress"] = 100 if status == "ACTIVE" else 0
    if server.ports and server.vm_state != "building":
        names = {g.id: g.name for p in server.ports if p.security for g in p.groups}
        shown["security_groups"] = [{"name": n} for n in names.values()]
    elif server.vm_state == "building":
        shown["security_groups"] = [{"name": g.name} for g in server.groups]
    if server.fault:
        shown["fault"] = {"code": server.fault["code"], "created": stamp(server.fault["created"]),
                          "message": server.fault["message"]}
    return with_newer(ctx, server, shown)


def with_newer(ctx, server, shown):
    """What microversions have added."""
    if ctx.at_least(9):
        shown["locked"] = False
    if ctx.at_least(19):
        shown["description"] = server.description
    if ctx.at_least(26):
        shown["tags"] = server.tags
    if ctx.at_least(63):
        shown["trusted_image_certificates"] = None
    if ctx.at_least(71):
        shown["server_groups"] = []
    if ctx.at_least(73):
        shown["locked_reason"] = None
    if ctx.at_least(90):
        shown["OS-EXT-SRV-ATTR:hostname"] = server.name
    if ctx.at_least(96):
        shown["pinned_availability_zone"] = None
    return shown


@service("compute", "GET", "/servers/{id}")
def server_get(ctx, id):
    return {"server": show(ctx, find(ctx, id))}


def matches(ctx, server):
    q = ctx.query
    if "name" in q:
        try:
            if not re.search(q["name"], server.name):
                return False
        except re.error:
            raise Refusal(400, f"Invalid input for query parameters name. Value: {q['name']}. '{q['name']}' is "
                               "not a 'regex'") from None
    if "status" in q and server.status() not in [v.upper() for k, v in ctx.request.pairs if k == "status"]:
        return False
    if "image" in q and (server.image is None or server.image.id != q["image"]):
        return False
    if "flavor" in q and server.flavor.id != q["flavor"]:
        return False
    if ctx.at_least(26) and "tags" in q and not set(q["tags"].split(",")) <= set(server.tags):
        return False
    return True


def servers(ctx):
    found = [s for s in ctx.region.servers.values() if matches(ctx, s)]
    key = ctx.query.get("sort_key", "created_at")
    found.sort(key=(lambda s: (s.name, s.id)) if key == "display_name" else (lambda s: (s.created, s.id)),
               reverse=ctx.query.get("sort_dir", "desc") == "desc")
    return page(ctx, found)


@service("compute", "GET", "/servers")
def server_list(ctx):
    found, more = servers(ctx)
    shown = [{"id": s.id, "name": s.name, "links": links(ctx, "servers", s.id)} for s in found]
    return listed(ctx, "servers", found, shown, more, "/servers")


@service("compute", "GET", "/servers/detail")
def server_detail(ctx):
    found, more = servers(ctx)
    return listed(ctx, "servers", found, [show(ctx, s) for s in found], more, "/servers/detail")


@service("compute", "PUT", "/servers/{id}", role=COMPUTE)
def server_update(ctx, id):
    server = find(ctx, id)
    given = ctx.object("server")
    server.name = given.get("name", server.name)
    if ctx.at_least(19) and "description" in given:
        server.description = given["description"]
    server.touch()
    return {"server": show(ctx, server)}


@service("compute", "DELETE", "/servers/{id}", role=COMPUTE)
def server_delete(ctx, id):
    server = find(ctx, id)
    if server.task_state != "deleting":
        server.delete(ctx.world.delays["delete"])
    return Answer(204, None)
