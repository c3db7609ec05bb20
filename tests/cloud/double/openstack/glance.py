"""Glance v2: images as records. Their bytes are in glance_data.py."""
import re
import time
import uuid

from ..cloud.images import BASE, Image
from ..request import Answer
from .errors import Refusal, webob
from .router import service

FORMATS = ("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop")
CONTAINERS = ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed")
READ_ONLY = ("status", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value", "created_at",
             "updated_at", "file", "self", "schema", "direct_url", "locations", "owner_specified")
RESERVED = ("deleted", "deleted_at", "member", "stores")
UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$", re.IGNORECASE)
PATCH_TYPES = ("application/openstack-images-v2.1-json-patch", "application/openstack-images-v2.0-json-patch")


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def show(image):
    shown = dict(image.properties)
    shown.update({
        "id": image.id, "status": image.status, "size": image.size, "virtual_size": image.virtual_size,
        "checksum": image.checksum, "os_hash_algo": "sha512" if image.hash else None,
        "os_hash_value": image.hash, "owner": image.owner, "created_at": stamp(image.created),
        "updated_at": stamp(image.updated), "file": f"/v2/images/{image.id}/file",
        "self": f"/v2/images/{image.id}", "schema": "/v2/schemas/image"})
    shown.update({name: image.base.get(name) for name in BASE})
    return shown


def find(ctx, id):
    """As the project may see it."""
    image = ctx.region.images.get(id)
    if image is None or (image.owner != ctx.project.id and image.base["visibility"] not in
                         ("public", "community") and ctx.project.id not in image.members):
        raise Refusal(404, f"No image found with ID {id}")
    return image


def own(ctx, id, doing):
    image = find(ctx, id)
    if image.owner != ctx.project.id:
        raise Refusal(403, f"You are not permitted to {doing} this image.")
    return image


# --- what may be said of one --------------------------------------------------------------------------


def complain(name, value, why):
    raise Refusal(400, f"Provided object does not match schema 'image': {why}")


def check_base(name, value):
    kinds = {"min_disk": int, "min_ram": int, "protected": bool, "os_hidden": bool, "tags": list}
    if name in kinds:
        if not isinstance(value, kinds[name]) or (kinds[name] is int and isinstance(value, bool)):
            expected = {int: "integer", bool: "boolean", list: "array"}[kinds[name]]
            complain(name, value, f"{value!r} is not of type '{expected}'")
        if kinds[name] is int and value < 0:
            complain(name, value, f"{value!r} is less than the minimum of 0")
    elif name == "visibility":
        if value not in ("public", "private", "shared", "community"):
            complain(name, value, f"{value!r} is not one of ['community', 'public', 'private', 'shared']")
        if value == "public":
            raise Refusal(403, "You are not authorized to complete publicize_image action.")
    elif name in ("disk_format", "container_format"):
        allowed = FORMATS if name == "disk_format" else CONTAINERS
        if value is not None and value not in allowed:
            complain(name, value, f"{value!r} is not one of {[None, *allowed]!r}")
    elif value is not None and (not isinstance(value, str) or len(value) > 255):
        complain(name, value, f"{value!r} is not of type 'null', 'string'")


def check_property(name, value):
    if name in READ_ONLY:
        raise Refusal(403, f"Attribute '{name}' is read-only.")
    if name in RESERVED:
        raise Refusal(403, f"Attribute '{name}' is reserved.")
    if not isinstance(value, str) and not (name == "owner" and value is None):
        complain(name, value, f"{value!r} is not of type 'string'")


@service("image", "POST", "/images", status=201, role="image_operator")
def image_create(ctx):
    if ctx.region.kind == "localzone":
        raise Refusal(409, "Custom images are not available in this region.")
    if not isinstance(ctx.body, dict):
        raise Refusal(400, "Malformed request body")
    base = {"name": None, "disk_format": None, "container_format": None, "visibility": "shared",
            "min_disk": 0, "min_ram": 0, "tags": [], "protected": False, "os_hidden": False}
    properties, id = {}, str(uuid.uuid4())
    for name, value in ctx.body.items():
        if name == "id":
            if not isinstance(value, str) or not UUID.match(value):
                complain(name, value, f"{value!r} does not match "
                         "'^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$'")
            id = value
        elif name in base:
            check_base(name, value)
            base[name] = value
        else:
            check_property(name, value)
            properties[name] = value
    if id in ctx.region.images:
        raise Refusal(409, f"Image ID {id} already exists!")
    owner = properties.pop("owner", ctx.project.id)
    if owner != ctx.project.id:
        raise Refusal(403, "You are not permitted to create images owned by '%s'." % owner)
    base["tags"] = sorted(set(base["tags"]))
    image = ctx.region.images[id] = Image(ctx.region, id, base, properties)
    ctx.headers += [("Location", f"{ctx.base}/images/{id}"),
                    ("OpenStack-image-import-methods", "glance-direct,web-download"),
                    ("OpenStack-image-store-ids", "default")]
    return show(image)


@service("image", "GET", "/images/{id}")
def image_get(ctx, id):
    return show(find(ctx, id))


# --- lists ----------------------------------------------------------------------------------------------


def wanted(ctx, image):
    for name, value in ctx.request.pairs:
        if name in ("limit", "marker", "sort", "sort_key", "sort_dir", "member_status"):
            continue
        if name == "tag":
            if value not in image.base["tags"]:
                return False
        elif name in ("size_min", "size_max"):
            if image.size is None or (image.size < int(value) if name == "size_min" else image.size > int(value)):
                return False
        elif value.startswith("in:"):
            if str(show(image).get(name)) not in [v.strip('"') for v in value[3:].split(",")]:
                return False
        elif name in ("created_at", "updated_at"):
            continue
        else:
            have = show(image).get(name)
            have = str(have).lower() if isinstance(have, bool) else str(have)
            if have != value:
                return False
    return True


def visible(ctx, image):
    if "visibility" not in ctx.query and image.base["visibility"] == "community" and \
            image.owner != ctx.project.id:
        return False
    if "os_hidden" not in ctx.query and image.base["os_hidden"]:
        return False
    try:
        find(ctx, image.id)
    except Refusal:
        return False
    return True


@service("image", "GET", "/images")
def image_list(ctx):
    found = [i for i in ctx.region.images.values() if visible(ctx, i) and wanted(ctx, i)]
    key, _, direction = ctx.query.get("sort", "").partition(",")[0].partition(":")
    key = key or ctx.query.get("sort_key", "created_at")
    direction = direction or ctx.query.get("sort_dir", "desc")
    if key not in ("name", "created_at", "updated_at", "status", "size", "id", "disk_format", "container_format"):
        raise Refusal(400, f"Invalid sort key: {key}. It must be one of the following: name, status, container_format, "
                           "disk_format, size, id, created_at, updated_at.")
    exact = {"created_at": lambda i: i.created, "updated_at": lambda i: i.updated}.get(
        key, lambda i: show(i).get(key) or "")
    found.sort(key=lambda i: (exact(i), i.id), reverse=direction == "desc")
    limit = min(page_limit(ctx), 1000)
    if "marker" in ctx.query:
        ids = [i.id for i in found]
        if ctx.query["marker"] not in ids:
            raise Refusal(400, "No image found with ID %s" % ctx.query["marker"])
        found = found[ids.index(ctx.query["marker"]) + 1:]
    body = {"images": [show(i) for i in found[:limit]], "first": "/v2/images", "schema": "/v2/schemas/images"}
    query = "&".join(f"{k}={v}" for k, v in ctx.request.pairs if k != "marker")
    if query:
        body["first"] += "?" + query
    if len(found) > limit:
        body["next"] = "/v2/images?" + (query + "&" if query else "") + f"marker={found[limit - 1].id}"
    return body


def page_limit(ctx):
    text = ctx.query.get("limit", "25")
    if not text.isdigit():
        raise Refusal(400, "limit param must be an integer" if not text.lstrip("-").isdigit()
                      else "limit param must be positive")
    return int(text)


# --- changes ---------------------------------------------------------------------------------------------


@service("image", "PATCH", "/images/{id}", role="image_operator")
def image_patch(ctx, id):
    kind = ctx.request.headers.get("Content-Type", "").partition(";")[0].strip()
    if kind not in PATCH_TYPES:
        answer = webob(ctx.request, 415)
        answer.headers.append(("Accept-Patch", ", ".join(PATCH_TYPES)))
        return answer
    image = own(ctx, id, "modify")
    if not isinstance(ctx.body, list):
        raise Refusal(400, "Request body must be a JSON array of operation objects.")
    for change in ctx.body:
        apply(image, change)
    image.touch()
    return show(image)


def apply(image, change):
    op = change.get("op") if isinstance(change, dict) else None
    if op not in ("add", "replace", "remove") or not str(change.get("path", "")).startswith("/"):
        raise Refusal(400, "Operation objects must contain exactly one member named \"add\", \"remove\", or "
                           "\"replace\".")
    name = change["path"][1:].replace("~1", "/").replace("~0", "~")
    if name in BASE:
        if op == "remove":
            raise Refusal(403, f"Property '{name}' may not be removed.")
        check_base(name, change.get("value"))
        image.base[name] = sorted(set(change["value"])) if name == "tags" else change["value"]
        return
    if op != "remove":
        check_property(name, change.get("value"))
    if op != "add" and name not in image.properties:
        raise Refusal(409, f"Property {name} does not exist.", kind="detail")
    if op == "remove":
        del image.properties[name]
    else:
        image.properties[name] = change["value"]


@service("image", "DELETE", "/images/{id}", role="image_operator")
def image_delete(ctx, id):
    if id not in ctx.region.images:
        raise Refusal(404, f"Failed to find image {id} to delete")
    image = own(ctx, id, "delete")
    if image.base["protected"]:
        raise Refusal(403, f"Image {id} is protected and cannot be deleted.")
    image.status = "deleted"
    del ctx.region.images[id]
    if ctx.world.store:
        (ctx.world.store / id).unlink(missing_ok=True)
    return Answer(204, None)


@service("image", "PUT", "/images/{id}/tags/{tag}", role="image_operator")
def tag_put(ctx, id, tag):
    image = own(ctx, id, "modify")
    image.base["tags"] = sorted(set(image.base["tags"]) | {tag})
    image.touch()
    return Answer(204, None)


@service("image", "DELETE", "/images/{id}/tags/{tag}", role="image_operator")
def tag_delete(ctx, id, tag):
    image = own(ctx, id, "modify")
    if tag not in image.base["tags"]:
        raise Refusal(404, "The specified tag was not found")
    image.base["tags"].remove(tag)
    image.touch()
    return Answer(204, None)


@service("image", "GET", "/images/{id}/members")
def members(ctx, id):
    find(ctx, id)
    return {"members": [], "schema": "/v2/schemas/members"}


@service("image", "GET", "/info/import")
def import_info(ctx):
    return {"import-methods": {"description": "Import methods available.", "type": "array",
                               "value": ["glance-direct", "web-download"]}}


@service("image", "GET", "/info/usage")
def usage_info(ctx):
    own = [i for i in ctx.region.images.values() if i.owner == ctx.project.id]
    size = sum(i.size or 0 for i in own) >> 20
    limit = ctx.region.limits["images_gb"] << 10
    if not limit:  # without quotas there is nothing to tell
        return {"usage": {}}
    return {"usage": {"image_size_total": {"usage": size, "limit": limit},
                      "image_stage_total": {"usage": 0, "limit": -1},
                      "image_count_total": {"usage": len(own), "limit": -1},
                      "image_count_uploading": {"usage": sum(i.status == "saving" for i in own), "limit": -1}}}


@service("image", "GET", "/info/stores")
def stores_info(ctx):
    return {"stores": [{"id": "default", "default": "true"}]}


@service("image", "GET", "/schemas/image")
def image_schema(ctx):
    text = {"type": ["null", "string"]}
    names = ("id", "name", "status", "visibility", "disk_format", "container_format", "checksum", "owner",
             "os_hash_algo", "os_hash_value", "created_at", "updated_at", "self", "file", "schema")
    properties = {name: dict(text) for name in names}
    properties.update({name: {"type": "integer"} for name in ("min_disk", "min_ram")})
    properties.update({name: {"type": ["null", "integer"]} for name in ("size", "virtual_size")})
    properties.update({name: {"type": "boolean"} for name in ("protected", "os_hidden")})
    properties["tags"] = {"type": "array", "items": {"type": "string"}}
    return {"name": "image", "properties": properties, "additionalProperties": {"type": "string"},
            "links": [{"rel": "self", "href": "{self}"}]}


def versions(world, request, path, region=None):
    if path not in ("", "/", "/versions", "/versions/") or request.method != "GET":
        return None
    from .catalog import host_of
    url = world.endpoint(host_of("image", region.name)) + "/v2/"
    supported = [f"v2.{n}" for n in (15, 13, 12, 11, 10, 9, 7, 6, 5, 4, 3, 2, 1, 0)]
    found = [{"id": v, "status": "CURRENT" if v == supported[0] else "SUPPORTED",
              "links": [{"rel": "self", "href": url}]} for v in supported]
    done = Answer(300 if path in ("", "/") else 200, {"versions": found})
    done.ids = ()
    return done
