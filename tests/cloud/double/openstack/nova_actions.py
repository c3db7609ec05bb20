"""What is done to a server of Nova's: actions, volumes, metadata, tags."""
import time
import uuid

from ..cloud.images import Image
from ..request import Answer
from . import nova_schema
from .errors import Refusal
from .nova import COMPUTE
from .router import service
from .schema import check


def find(ctx, id):
    server = ctx.region.servers.get(id)
    if server is None:
        raise Refusal(404, f"Instance {id} could not be found.")
    return server


def wrong_state(server, doing, field="vm_state"):
    value = server.vm_state if field == "vm_state" else server.task_state
    raise Refusal(409, f"Cannot '{doing}' instance {server.id} while it is in {field} {value}")


def need(server, doing, *states):
    if server.vm_state not in states:
        wrong_state(server, doing)
    if server.task_state is not None and doing not in ("delete", "get_console_output"):
        wrong_state(server, doing, "task_state")


# --- actions --------------------------------------------------------------------------------------------


def start(ctx, server, _):
    need(server, "start", "stopped")
    server.start(ctx.world.delays["action"])
    return Answer(202, None)


def stop(ctx, server, _):
    need(server, "stop", "active", "error")
    server.stop(ctx.world.delays["action"])
    return Answer(202, None)


def reboot(ctx, server, given):
    check(ctx.body, nova_schema.REBOOT)
    hard = given["type"].upper() == "HARD"
    need(server, "reboot", "active", *(("stopped", "error") if hard else ()))
    server.reboot(ctx.world.delays["action"], hard)
    return Answer(202, None)


def pause(ctx, server, _):
    need(server, "pause", "active")
    server.pause(ctx.world.delays["action"])
    return Answer(202, None)


def unpause(ctx, server, _):
    need(server, "unpause", "paused")
    server.unpause(ctx.world.delays["action"])
    return Answer(202, None)


def console(ctx, server, given):
    check(ctx.body, nova_schema.CONSOLE)
    if server.vm_state == "building":
        raise Refusal(409, f"Instance {server.id} is not ready")
    text = server.console()
    length = given.get("length")
    if length is not None and int(length) >= 0:
        text = "\n".join(text.split("\n")[-int(length) - (text.endswith("\n")):]) if int(length) else ""
    return Answer(200, {"output": text})


def create_image(ctx, server, given):
    need(server, "createImage", "active", "stopped")
    image = Image(ctx.region, str(uuid.uuid4()), {
        "name": given.get("name"), "disk_format": "qcow2", "container_format": "bare", "visibility": "private",
        "min_disk": server.flavor.disk, "min_ram": 0, "tags": [], "protected": False, "os_hidden": False},
        dict(given.get("metadata", {}), instance_uuid=server.id, image_type="snapshot"))
    image.task = (time.monotonic() + ctx.world.delays["import"],
                  lambda: image.became_active(2 ** 30, "0" * 32, "0" * 128))
    ctx.region.images[image.id] = image
    if ctx.at_least(45):
        return Answer(202, {"image_id": image.id})
    return Answer(202, None, [("Location", f"{ctx.base}/images/{image.id}")])


def vnc(ctx, server, given):
    need(server, "get_vnc_console", "active")
    return Answer(200, {"console": {"type": given.get("type", "novnc"),
                                    "url": f"https://{ctx.request.host}/vnc_auto.html?token={uuid.uuid4()}"}})


def nothing(ctx, server, _):
    return Answer(202, None)


ACTIONS = {"os-start": start, "os-stop": stop, "pause": pause, "unpause": unpause, "reboot": reboot, "os-getConsoleOutput": console,
           "createImage": create_image, "os-getVNCConsole": vnc, "lock": nothing, "unlock": nothing}


@service("compute", "POST", "/servers/{id}/action", role=COMPUTE)
def server_action(ctx, id):
    if not isinstance(ctx.body, dict) or len(ctx.body) != 1:
        raise Refusal(400, "The request body contains too many or no keys")
    name, given = next(iter(ctx.body.items()))
    if name not in ACTIONS:
        raise Refusal(400, f"There is no such action: {name}")
    server = find(ctx, id)
    server.actions.append({"action": {"os-start": "start", "os-stop": "stop"}.get(name, name),
                           "instance_uuid": id, "message": None, "project_id": ctx.project.id,
                           "request_id": "req-" + str(uuid.uuid4()), "user_id": ctx.user.openstack_id,
                           "start_time": time.strftime("%Y-%m-%dT%H:%M:%S.000000", time.gmtime())})
    return ACTIONS[name](ctx, server, given or {})


@service("compute", "GET", "/servers/{id}/os-instance-actions")
def actions(ctx, id):
    return {"instanceActions": list(reversed(find(ctx, id).actions))}


# --- volumes -----------------------------------------------------------------------------------------------


def attachment(ctx, server, volume_id):
    shown = {"id": volume_id, "volumeId": volume_id, "serverId": server.id,
             "device": server.attachments[volume_id]}
    if ctx.at_least(70):
        shown["tag"] = None
    if ctx.at_least(79):
        shown["delete_on_termination"] = not server.keep_on_delete.get(volume_id, True)
    return shown


@service("compute", "GET", "/servers/{id}/os-volume_attachments")
def attachment_list(ctx, id):
    server = find(ctx, id)
    return {"volumeAttachments": [attachment(ctx, server, v) for v in server.attachments]}


@service("compute", "GET", "/servers/{id}/os-volume_attachments/{volume}")
def attachment_get(ctx, id, volume):
    server = find(ctx, id)
    if volume not in server.attachments:
        raise Refusal(404, f"Instance {id} is not attached to volume {volume}")
    return {"volumeAttachment": attachment(ctx, server, volume)}


@service("compute", "POST", "/servers/{id}/os-volume_attachments", role=COMPUTE)
def attachment_create(ctx, id):
    check(ctx.body if ctx.body is not None else {}, nova_schema.attach(ctx.version[1]))
    server = find(ctx, id)
    given = ctx.body["volumeAttachment"]
    volume = ctx.region.volumes.get(given["volumeId"])
    if volume is None:
        raise Refusal(404, f"Volume {given['volumeId']} could not be found.")
    if server.vm_state not in ("active", "stopped"):
        wrong_state(server, "attach_volume")
    if volume.id in server.attachments:
        raise Refusal(400, f"Invalid volume: volume {volume.id} is already attached to instances: {server.id}")
    if volume.status != "available":
        raise Refusal(400, f"Invalid volume: Volume {volume.id} status must be available or downloading to "
                           f"reserve, but the current status is {volume.status}. (HTTP 400) (Request-ID: "
                           f"req-{uuid.uuid4()})")
    if volume.zone != server.zone:
        raise Refusal(400, f"Invalid volume: Instance {server.id} and volume {volume.id} are not in the same "
                           f"availability_zone. Instance is in {server.zone}. Volume is in {volume.zone}")
    volume.attach(server, device=given.get("device"), seconds=ctx.world.delays["attach"])
    return {"volumeAttachment": attachment(ctx, server, volume.id)}


@service("compute", "DELETE", "/servers/{id}/os-volume_attachments/{volume}", role=COMPUTE)
def attachment_delete(ctx, id, volume):
    server = find(ctx, id)
    if volume not in ctx.region.volumes:
        raise Refusal(404, f"Volume {volume} could not be found.")
    if volume not in server.attachments:
        raise Refusal(404, f"Instance {id} is not attached to volume {volume}")
    held = ctx.region.volumes[volume]
    if held.status != "in-use":
        raise Refusal(400, "Invalid volume: Invalid input received: Invalid volume: Unable to detach volume. "
                           "Volume status must be 'in-use' and attach_status must be 'attached' to detach.")
    held.detach(server, ctx.world.delays["detach"])
    return Answer(202, None)


# --- metadata and tags ---------------------------------------------------------------------------------------


@service("compute", "GET", "/servers/{id}/metadata")
def metadata_get(ctx, id):
    return {"metadata": find(ctx, id).metadata}


@service("compute", "POST", "/servers/{id}/metadata", role=COMPUTE)
def metadata_update(ctx, id):
    server = find(ctx, id)
    check(ctx.body if ctx.body is not None else {}, nova_schema.METADATA_BODY)
    server.metadata.update(ctx.body["metadata"])
    server.touch()
    return {"metadata": server.metadata}


@service("compute", "PUT", "/servers/{id}/metadata", role=COMPUTE)
def metadata_set(ctx, id):
    server = find(ctx, id)
    check(ctx.body if ctx.body is not None else {}, nova_schema.METADATA_BODY)
    server.metadata = dict(ctx.body["metadata"])
    server.touch()
    return {"metadata": server.metadata}


@service("compute", "DELETE", "/servers/{id}/metadata/{key}", status=204, role=COMPUTE)
def metadata_delete(ctx, id, key):
    server = find(ctx, id)
    if key not in server.metadata:
        raise Refusal(404, "Metadata item was not found")
    del server.metadata[key]
    return Answer(204, None)


@service("compute", "GET", "/servers/{id}/tags")
def tags_get(ctx, id):
    return {"tags": find(ctx, id).tags}


@service("compute", "PUT", "/servers/{id}/tags", role=COMPUTE)
def tags_set(ctx, id):
    server = find(ctx, id)
    check(ctx.body, {"type": "object", "required": ["tags"], "properties": {"tags": nova_schema.TAGS}})
    server.tags = sorted(ctx.body["tags"])
    return {"tags": server.tags}


@service("compute", "PUT", "/servers/{id}/tags/{tag}", role=COMPUTE)
def tag_add(ctx, id, tag):
    server = find(ctx, id)
    known = tag in server.tags
    server.tags = sorted({*server.tags, tag})
    return Answer(204 if known else 201, None)


@service("compute", "GET", "/servers/{id}/ips")
def ips(ctx, id):
    server = find(ctx, id)
    return {"addresses": {name: [{"version": v, "addr": a} for a, v, _ in pairs]
                          for name, pairs in server.addresses().items()}}


@service("compute", "GET", "/servers/{id}/os-security-groups")
def server_groups(ctx, id):
    server = find(ctx, id)
    return {"security_groups": [{"id": g.id, "name": g.name, "description": g.description,
                                 "tenant_id": ctx.project.id, "rules": []} for g in server.groups]}


@service("compute", "GET", "/servers/{id}/os-interface")
def interfaces(ctx, id):
    return {"interfaceAttachments": [
        {"net_id": p.network.id, "port_id": p.id, "mac_addr": p.mac, "port_state": "ACTIVE", "fixed_ips": p.fixed}
        for p in find(ctx, id).ports]}
