"""/image (OVH's catalogue), /snapshot (the project's own, uploads too) and /sshkey."""
import base64
import time

from ..errors import ApiError, bad, conflict, not_found
from ..openstack.nova import Keypair
from ..openstack.errors import Refusal
from .common import check_enum, chosen_regions, on_project, search, stamp

OS_TYPES = ("baremetal-linux", "bsd", "linux", "windows")


def image_shown(image):
    own = image.owner == image.region.project.id
    return {"id": image.id, "name": image.base["name"], "region": image.region.name,
            "visibility": "private" if own else "public", "type": "linux",
            "status": {"killed": "error"}.get(image.status, image.status),
            "minDisk": image.base["min_disk"], "minRam": image.base["min_ram"],
            "size": round((image.size or 0) / 2 ** 30, 3),
            "user": image.properties.get("image_original_user") or None, "flavorType": None, "planCode": None,
            "tags": image.base["tags"], "creationDate": stamp(image.created)}


def listed(world, image):
    """Lists lag behind what Glance has."""
    return image.active_since is not None and time.time() >= image.active_since + world.delays["list"]


@on_project("GET", "/image", "image/get", query=("region", "osType", "flavorType"))
def images(world, call, project):
    check_enum("osType", call.query.get("osType"), OS_TYPES, "cloud.image.OSTypeEnum")
    return [image_shown(i) for r in chosen_regions(project, call) for i in r.images.values()
            if i.owner != project.id and call.query.get("osType", "linux") == "linux"]


@on_project("GET", "/image/{imageId}", "image/get")
def image_get(world, call, project, imageId):
    image = search(project, "images", imageId, "Image")[1]
    if image.owner == project.id:
        raise not_found("Image not found")
    return image_shown(image)


@on_project("GET", "/snapshot", "snapshot/get", query=("region", "flavorType"))
def snapshots(world, call, project):
    return [image_shown(i) for r in chosen_regions(project, call) for i in r.images.values()
            if i.owner == project.id and listed(world, i)]


def own_image(project, id):
    region, image = search(project, "images", id, "Snapshot")
    if image.owner != project.id:
        raise not_found("Snapshot not found")
    return region, image


@on_project("GET", "/snapshot/{imageId}", "snapshot/get")
def snapshot_get(world, call, project, imageId):
    return image_shown(own_image(project, imageId)[1])


@on_project("DELETE", "/snapshot/{imageId}", "snapshot/delete")
def snapshot_delete(world, call, project, imageId):
    region, image = own_image(project, imageId)
    if image.base["protected"]:
        raise ApiError(403, {"class": "Client::Forbidden", "message": "This image is protected"})
    image.status = "deleted"
    del region.images[imageId]


# --- ssh keys ------------------------------------------------------------------------------------------------


def key_id(name):
    """Not a UUID: the name, in base64, in hex."""
    return base64.b64encode(name.encode()).hex()


def keys(project, regions):
    found = {}
    for region in regions:
        for pair in region.keypairs.values():
            if pair.user is project.native_user:
                found.setdefault(pair.name, (pair, []))[1].append(region.name)
    return found


def key_shown(pair, regions):
    return {"id": key_id(pair.name), "name": pair.name, "publicKey": pair.public_key,
            "fingerPrint": pair.fingerprint, "regions": sorted(regions)}


@on_project("GET", "/sshkey", "sshkey/get", query=("region",))
def key_list(world, call, project):
    return [{k: v for k, v in key_shown(*one).items() if k != "fingerPrint"}
            for one in keys(project, chosen_regions(project, call)).values()]


@on_project("POST", "/sshkey", "sshkey/create", fields=("name*", "publicKey*", "region"))
def key_create(world, call, project):
    regions = [project.regions[call.fields["region"]]] if call.fields.get("region") in project.active() \
        else list(project.active().values())
    if call.fields.get("region") not in (None, *project.active()):
        raise bad(f"Region {call.fields['region']} doesn't exist or is not available for this project")
    try:
        pair = Keypair(project.native_user, call.fields["name"], call.fields["publicKey"])
    except Refusal:
        raise bad("Invalid ssh key") from None
    place = (pair.user.openstack_id, pair.name)
    if any(place in r.keypairs for r in regions):
        raise conflict(f"Key pair '{pair.name}' already exists.")
    for region in regions:
        region.keypairs[place] = pair
    return key_shown(pair, [r.name for r in regions])


def find_key(project, id):
    for pair, regions in keys(project, project.active().values()).values():
        if key_id(pair.name) == id:
            return pair, regions
    raise not_found("SSH key not found")


@on_project("GET", "/sshkey/{keyId}", "sshkey/get")
def key_get(world, call, project, keyId):
    return key_shown(*find_key(project, keyId))


@on_project("DELETE", "/sshkey/{keyId}", "sshkey/delete")
def key_delete(world, call, project, keyId):
    pair, _ = find_key(project, keyId)
    for region in project.regions.values():
        region.keypairs.pop((pair.user.openstack_id, pair.name), None)
