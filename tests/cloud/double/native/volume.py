"""Volumes and their snapshots as OVH's own API has them."""
import time
import uuid

from ..cloud.flavors import VOLUME_TYPES
from ..cloud.volume import Volume
from ..errors import ApiError, bad, conflict, not_found
from .common import check_enum, chosen_regions, on_project, search, stamp

TYPES = [name for name, _ in VOLUME_TYPES]


def shown(v):
    return {"id": v.id, "name": v.name or "", "description": v.description or "", "region": v.region.name,
            "size": v.size, "type": v.kind, "status": v.status, "bootable": v.bootable,
            "attachedTo": [a["server"].id for a in v.attached], "creationDate": stamp(v.created),
            "planCode": f"volume.{v.kind}.consumption", "availabilityZone": None}


@on_project("GET", "/volume", "volume/get", query=("region",))
def volumes(world, call, project):
    return [shown(v) for r in chosen_regions(project, call) for v in r.volumes.values()]


@on_project("POST", "/volume", "volume/create", fields=("region*", "size*", "type*", "name", "description",
                                                        "imageId", "snapshotId"))
def volume_create(world, call, project):
    f = call.fields
    region = project.active().get(f["region"])
    if region is None:
        raise bad(f"Region {f['region']} doesn't exist or is not available for this project")
    check_enum("type", f["type"], TYPES, "cloud.volume.VolumeTypeEnum")
    if not isinstance(f["size"], int) or f["size"] < 1:
        raise bad(f"[size] Given data ({f['size']}) is not valid for type long")
    limit, used = region.limits, region.used()
    if used["volumes"] >= limit["volumes"] or used["gigabytes"] + f["size"] > limit["gigabytes"]:
        raise ApiError(403, {"class": "Client::Forbidden::QuotaExceeded", "message": "Quota exceeded for volumes"})
    volume = Volume(region, f.get("name", ""), f["size"], f["type"], None, f.get("description"), None,
                    project.native_user)
    volume.snapshot = f.get("snapshotId")
    region.volumes[volume.id] = volume
    volume.create(world.delays["volume"])
    return shown(volume)


@on_project("GET", "/volume/{volumeId}", "volume/get")
def volume_get(world, call, project, volumeId):
    return shown(search(project, "volumes", volumeId, "Volume")[1])


@on_project("PUT", "/volume/{volumeId}", "volume/edit", fields=("name", "description"))
def volume_put(world, call, project, volumeId):
    volume = search(project, "volumes", volumeId, "Volume")[1]
    volume.name = call.fields.get("name", volume.name)
    volume.description = call.fields.get("description", volume.description)
    return shown(volume)


@on_project("DELETE", "/volume/{volumeId}", "volume/delete")
def volume_delete(world, call, project, volumeId):
    volume = search(project, "volumes", volumeId, "Volume")[1]
    if volume.status not in ("available", "error"):
        raise conflict(f"Volume {volumeId} is {volume.status}: it must be available or error to be deleted")
    volume.delete(world.delays["volume"])


@on_project("POST", "/volume/{volumeId}/attach", "volume/attach/create", fields=("instanceId*",))
def volume_attach(world, call, project, volumeId):
    region, volume = search(project, "volumes", volumeId, "Volume")
    server = region.servers.get(call.fields["instanceId"])
    if server is None:
        raise not_found("Instance not found")
    if volume.status != "available":
        raise conflict(f"Volume {volumeId} is {volume.status}")
    volume.attach(server, seconds=world.delays["attach"])
    return shown(volume)


@on_project("POST", "/volume/{volumeId}/detach", "volume/detach/create", fields=("instanceId*",))
def volume_detach(world, call, project, volumeId):
    region, volume = search(project, "volumes", volumeId, "Volume")
    server = region.servers.get(call.fields["instanceId"])
    if server is None or volume.id not in server.attachments:
        raise not_found("This volume is not attached to this instance")
    volume.detach(server, world.delays["detach"])
    return shown(volume)


@on_project("POST", "/volume/{volumeId}/upsize", "volume/upsize/create", fields=("size*",))
def volume_upsize(world, call, project, volumeId):
    volume = search(project, "volumes", volumeId, "Volume")[1]
    if call.fields["size"] <= volume.size:
        raise bad("The new size must be greater than the current size")
    volume.size = call.fields["size"]
    return shown(volume)


# --- snapshots ----------------------------------------------------------------------------------------------


@on_project("GET", "/volume/snapshot", "volume/snapshot/get", query=("region",))
def snapshots(world, call, project):
    return [dict(s) for r in chosen_regions(project, call) for s in r.volume_snapshots.values()]


@on_project("POST", "/volume/{volumeId}/snapshot", "volume/snapshot/create", fields=("name", "description"))
def snapshot_create(world, call, project, volumeId):
    region, volume = search(project, "volumes", volumeId, "Volume")
    one = {"id": str(uuid.uuid4()), "volumeId": volume.id, "name": call.fields.get("name", ""),
           "description": call.fields.get("description", ""), "size": volume.size, "region": region.name,
           "status": "available", "creationDate": stamp(time.time()), "planCode": "volume.snapshot.consumption"}
    region.volume_snapshots[one["id"]] = one
    return dict(one, status="creating")


@on_project("GET", "/volume/snapshot/{snapshotId}", "volume/snapshot/get")
def snapshot_get(world, call, project, snapshotId):
    return search(project, "volume_snapshots", snapshotId, "Snapshot")[1]


@on_project("DELETE", "/volume/snapshot/{snapshotId}", "volume/snapshot/delete")
def snapshot_delete(world, call, project, snapshotId):
    region, _ = search(project, "volume_snapshots", snapshotId, "Snapshot")
    del region.volume_snapshots[snapshotId]
