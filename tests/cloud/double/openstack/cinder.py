"""Cinder v3: volumes, their types, snapshots and limits."""
import re
import time
import uuid

from ..cloud.flavors import VOLUME_TYPES
from ..cloud.volume import Volume
from ..request import Answer
from .catalog import host_of
from .errors import EXPLAINED, Refusal
from .ids import id_of
from .microversion import VOLUME_HIGHEST
from .router import service
from .schema import check

ROLE = "volume_operator"
TEXT = {"type": ["string", "null"], "max": 255}
SIZE = {"type": ["integer", "string", "null"], "match": re.compile("^[0-9]+$"), "least": 1}
CREATE = {"type": "object", "required": ["volume"], "properties": {
    "volume": {"type": "object", "open": True, "properties": {
        "name": TEXT, "description": TEXT, "display_name": TEXT, "display_description": TEXT, "size": SIZE,
        "availability_zone": TEXT, "source_volid": TEXT, "consistencygroup_id": TEXT, "volume_type": TEXT,
        "metadata": {"type": ["object", "null"], "others": (re.compile("^.{1,255}$"), {"type": "string",
                                                                                     "max": 255})},
        "snapshot_id": TEXT, "imageRef": TEXT, "image_id": TEXT, "multiattach": {}, "group_id": TEXT,
        "backup_id": TEXT, "OS-SCH-HNT:scheduler_hints": {}}},
    "OS-SCH-HNT:scheduler_hints": {}}}


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000", time.gmtime(seconds))


def versions(world, request, path, region=None):
    if request.method != "GET" or path not in ("", "/", "/v3", "/v3/"):
        return None
    url = world.endpoint(host_of("volume", region.name)) + "/v3/"
    one = {"id": "v3.0", "status": "CURRENT", "version": "%d.%d" % VOLUME_HIGHEST, "min_version": "3.0",
           "updated": "2022-03-30T00:00:00Z",
           "links": [{"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
                     {"rel": "self", "href": url}],
           "media-types": [{"base": "application/json",
                            "type": "application/vnd.openstack.volume+json;version=3"}]}
    return Answer(300 if path in ("", "/") else 200, {"versions": [one]},
                  [("OpenStack-API-Version", "volume 3.0"), ("Vary", "OpenStack-API-Version")])


def find(ctx, id):
    volume = ctx.region.volumes.get(id)
    if volume is None:
        raise Refusal(404, f"Volume {id} could not be found.")
    return volume


def attachment_shown(volume, a):
    return {"id": volume.id, "attachment_id": a["id"], "volume_id": volume.id, "server_id": a["server"].id,
            "host_name": None, "device": a["device"], "attached_at": stamp(a["at"])}


def show(ctx, v):
    shown = {"id": v.id, "status": v.status, "size": v.size, "availability_zone": v.zone,
             "created_at": stamp(v.created), "updated_at": stamp(v.updated), "name": v.name,
             "description": v.description, "volume_type": v.kind, "snapshot_id": v.snapshot,
             "source_volid": None, "metadata": v.metadata,
             "links": [{"rel": "self", "href": f"{ctx.base}/volumes/{v.id}"},
                       {"rel": "bookmark", "href": f"{ctx.base.replace('/v3', '')}/volumes/{v.id}"}],
             "user_id": v.user.openstack_id if v.user else None, "bootable": str(v.bootable).lower(),
             "encrypted": False, "replication_status": None, "consistencygroup_id": None, "multiattach": False,
             "attachments": [attachment_shown(v, a) for a in v.attached],
             "os-vol-tenant-attr:tenant_id": ctx.project.id}
    if ctx.at_least(13):
        shown["group_id"] = None
    if ctx.at_least(21):
        shown["provider_id"] = None
    if ctx.at_least(48):
        shown.update({"shared_targets": True, "service_uuid": None})
    return shown


@service("volume", "POST", "/volumes", status=202, role=ROLE)
def volume_create(ctx):
    check(ctx.body if ctx.body is not None else {}, CREATE)
    given = ctx.body["volume"]
    size = given.get("size")
    if size is None and not given.get("snapshot_id"):
        raise Refusal(400, EXPLAINED[400])
    size = int(size or 1)
    kind = given.get("volume_type") or VOLUME_TYPES[0][0]
    if kind not in [name for name, _ in VOLUME_TYPES]:
        raise Refusal(404, f"Volume type with name {kind} could not be found.")
    zone = given.get("availability_zone")
    if zone and zone not in ctx.region.zones():
        raise Refusal(400, f"Invalid input received: Availability zone '{zone}' is invalid.")
    check_quota(ctx, size)
    volume = Volume(ctx.region, given.get("name"), size, kind, zone, given.get("description"),
                    given.get("metadata"), ctx.user)
    if given.get("imageRef"):
        volume.image, volume.bootable = given["imageRef"], True
    ctx.region.volumes[volume.id] = volume
    shown = dict(show(ctx, volume), updated_at=None)
    del shown["os-vol-tenant-attr:tenant_id"]
    volume.create(ctx.world.delays["volume"])
    return {"volume": shown}


def check_quota(ctx, size):
    limit, used = ctx.region.limits, ctx.region.used()
    if used["volumes"] >= limit["volumes"]:
        raise Refusal(413, f"VolumeLimitExceeded: Maximum number of volumes allowed ({limit['volumes']}) exceeded "
                           "for quota 'volumes'.")
    if used["gigabytes"] + size > limit["gigabytes"]:
        raise Refusal(413, "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes "
                           f"quota. Requested {size}G, quota is {limit['gigabytes']}G and {used['gigabytes']}G has "
                           "been consumed.")


def volumes(ctx):
    found = list(ctx.region.volumes.values())
    for name, value in ctx.request.pairs:
        if name == "name":
            found = [v for v in found if v.name == value]
        elif name == "status":
            found = [v for v in found if v.status == value]
        elif name == "metadata":
            pairs = dict(re.findall(r"['\"]([^'\"]*)['\"]\s*:\s*['\"]([^'\"]*)['\"]", value))
            found = [v for v in found if pairs.items() <= v.metadata.items()]
    found.sort(key=lambda v: (v.created, v.id), reverse=True)
    if "marker" in ctx.query:
        ids = [v.id for v in found]
        if ctx.query["marker"] not in ids:
            raise Refusal(404, f"Volume {ctx.query['marker']} could not be found.")
        found = found[ids.index(ctx.query["marker"]) + 1:]
    return found


def listed(ctx, shown_by, path):
    found = volumes(ctx)
    text = ctx.query.get("limit", "1000")
    if not text.isdigit():
        raise Refusal(400, "limit must be a non-negative integer")
    limit = min(int(text) or 1000, 1000)
    body = {"volumes": [shown_by(v) for v in found[:limit]]}
    if len(found) > limit:
        query = "&".join(f"{k}={v}" for k, v in ctx.request.pairs if k != "marker")
        body["volumes_links"] = [{"rel": "next", "href": f"{ctx.base}{path}?{query}&marker={found[limit - 1].id}"}]
    if ctx.at_least(45) and ctx.query.get("with_count", "").lower() == "true":
        body["count"] = len(found)
    return body


@service("volume", "GET", "/volumes")
def volume_list(ctx):
    return listed(ctx, lambda v: {"id": v.id, "name": v.name, "links": show(ctx, v)["links"]}, "/volumes")


@service("volume", "GET", "/volumes/detail")
def volume_detail(ctx):
    return listed(ctx, lambda v: show(ctx, v), "/volumes/detail")


@service("volume", "GET", "/volumes/{id}")
def volume_get(ctx, id):
    return {"volume": show(ctx, find(ctx, id))}


@service("volume", "PUT", "/volumes/{id}", role=ROLE)
def volume_update(ctx, id):
    volume, given = find(ctx, id), ctx.object("volume")
    volume.name = given.get("name", volume.name)
    volume.description = given.get("description", volume.description)
    volume.metadata = given.get("metadata", volume.metadata)
    return {"volume": show(ctx, volume)}


@service("volume", "DELETE", "/volumes/{id}", role=ROLE)
def volume_delete(ctx, id):
    volume = find(ctx, id)
    if volume.status not in ("available", "error", "error_restoring", "error_extending", "error_managing"):
        raise Refusal(400, "Invalid volume: Volume status must be available or error or error_restoring or "
                           "error_extending or error_managing and must not be migrating, attached, belong to a "
                           "group, have snapshots, awaiting a transfer, or be disassociated from snapshots after volume transfer.")
    volume.delete(ctx.world.delays["volume"])
    done = Answer(202, None)
    done.ids = ("x-openstack-request-id",)
    return done


@service("volume", "POST", "/volumes/{id}/metadata", role=ROLE)
def volume_metadata(ctx, id):
    volume = find(ctx, id)
    volume.metadata.update(ctx.object("metadata"))
    return {"metadata": volume.metadata}


@service("volume", "POST", "/volumes/{id}/action", role=ROLE)
def volume_action(ctx, id):
    volume = find(ctx, id)
    name, given = next(iter((ctx.body or {}).items()), (None, None))
    if name == "os-extend":
        if int(given["new_size"]) <= volume.size:
            raise Refusal(400, f"Invalid input received: New size for extend must be greater than current size. "
                               f"(current: {volume.size}, extended: {given['new_size']}).")
        if volume.status != "available" and not ctx.at_least(42):
            raise Refusal(400, f"Invalid volume: Volume {id} status must be '('available',)' to extend, currently "
                               f"{volume.status}.")
        volume.size = int(given["new_size"])
        return Answer(202, None)
    if name == "os-set_bootable":
        volume.bootable = bool(given.get("bootable"))
        return Answer(200, None)
    raise Refusal(400, f"There is no such action: {name}")


# --- types, limits, zones ----------------------------------------------------------------------------------


def type_shown(name):
    return {"id": str(uuid.UUID(id_of("volume type", name))), "name": name, "description": None, "is_public": True,
            "extra_specs": {}, "os-volume-type-access:is_public": True}


@service("volume", "GET", "/types")
def types(ctx):
    return {"volume_types": [type_shown(name) for name, _ in VOLUME_TYPES]}


@service("volume", "GET", "/types/{id}")
def type_get(ctx, id):
    for name, _ in VOLUME_TYPES:
        if id in (type_shown(name)["id"], name if id != "default" else None) or \
                (id == "default" and name == VOLUME_TYPES[0][0]):
            return {"volume_type": type_shown(name)}
    raise Refusal(404, f"Volume type {id} could not be found.")


@service("volume", "GET", "/limits")
def limits(ctx):
    limit, used = ctx.region.limits, ctx.region.used()
    return {"limits": {"rate": [], "absolute": {
        "totalSnapshotsUsed": 0, "maxTotalBackups": 10, "maxTotalVolumeGigabytes": limit["gigabytes"],
        "maxTotalSnapshots": 10, "maxTotalBackupGigabytes": 1000, "totalBackupGigabytesUsed": 0,
        "maxTotalVolumes": limit["volumes"], "totalVolumesUsed": used["volumes"], "totalBackupsUsed": 0,
        "totalGigabytesUsed": used["gigabytes"]}}}


@service("volume", "GET", "/os-quota-sets/{project}")
def quota(ctx, project):
    limit, used = ctx.region.limits, ctx.region.used()
    rows = {"volumes": limit["volumes"], "gigabytes": limit["gigabytes"], "snapshots": 10, "backups": 10,
            "backup_gigabytes": 1000, "per_volume_gigabytes": -1, "groups": 10}
    if ctx.query.get("usage", "").lower() == "true":
        return {"quota_set": dict({k: {"limit": v, "in_use": used.get(k, 0), "reserved": 0}
                                   for k, v in rows.items()}, id=project)}
    return {"quota_set": dict(rows, id=project)}


@service("volume", "GET", "/os-availability-zone")
def zones(ctx):
    return {"availabilityZoneInfo": [{"zoneName": z, "zoneState": {"available": True}} for z in ctx.region.zones()]}


@service("volume", "GET", "/snapshots")
@service("volume", "GET", "/snapshots/detail")
def snapshots(ctx):
    return {"snapshots": []}
