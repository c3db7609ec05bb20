"""Servers as OVH's own API has them: the same servers as Nova's, in other words and sometimes later."""
import time

from ..cloud.network import Port, default_group
from ..cloud.server import Server
from ..errors import ApiError, bad, conflict, not_found
from .common import check_enum, chosen_regions, find_region, on_project, search, stamp
from .images import find_key, image_shown, key_id, key_shown
from .operation import operation
from .project import flavor_shown

def addresses(server):
    found = []
    for port in server.ports if server.vm_state != "building" else ():
        for fixed in reversed(port.fixed):  # IPv6 may come first
            six = ":" in fixed["ip_address"]
            found.append({"ip": fixed["ip_address"], "version": 6 if six else 4, "networkId": port.network.id,
                          "type": "public" if port.network.external else "private",
                          "gatewayIp": str(next(s.net[1] for s in port.network.subnets
                                                if s.id == fixed["subnet_id"]))})
    return found


def shown(server, detail):
    project = server.region.project
    billing = {"since": stamp(server.created), "status": "ok"} if server.monthly else None
    body = {"id": server.id, "name": server.name, "region": server.region.name, "status": server.status(),
            "created": stamp(server.created), "planCode": server.flavor.plan["hourly"],
            "monthlyBilling": billing, "ipAddresses": addresses(server), "operationIds": [],
            "currentMonthOutgoingTraffic": None}
    if not detail:
        body.update({"flavorId": server.flavor.id, "imageId": server.image.id if server.image else "",
                     "sshKeyId": key_id(server.key_name) if server.key_name else None})
        return body
    key = None
    if server.key_name:
        try:
            key = key_shown(*find_key(project, key_id(server.key_name)))
        except ApiError:
            key = None
    body.update({"flavor": flavor_shown(server.flavor), "sshKey": key, "rescuePassword": None,
                 "image": image_shown(server.image) if server.image else None})
    return body


@on_project("GET", "/instance", "instance/get", query=("region",))
def instances(world, call, project):
    now = time.monotonic()
    return [shown(s, False) for r in chosen_regions(project, call) for s in r.servers.values()
            if now >= s.visible_at]


@on_project("GET", "/instance/{instanceId}", "instance/get")
def instance_get(world, call, project, instanceId):
    return shown(search(project, "servers", instanceId, "Instance")[1], True)


# --- making ----------------------------------------------------------------------------------------------------

FIELDS = ("name*", "flavorId*", "region*", "imageId", "volumeId", "sshKeyId", "userData", "networks", "groupId",
          "monthlyBilling", "autobackup")


def make(world, project, region, fields, name):
    flavor = region.flavors.get(fields["flavorId"])
    if flavor is None:
        raise bad(f"Flavor {fields['flavorId']} doesn't exist in region {region.name}")
    if not flavor.available:
        raise conflict(f"Flavor {flavor.name} is not available in region {region.name}")
    image = region.images.get(fields.get("imageId"))
    if image is None and not fields.get("volumeId"):
        raise bad("Missing parameter(s): imageId")
    limit, used = region.limits, region.used()
    for key, more in (("instances", 1), ("cores", flavor.vcpus), ("ram", flavor.ram)):
        if used[key] + more > limit[key]:
            raise ApiError(403, {"class": "Client::Forbidden::QuotaExceeded", "message":
                                 f"Quota exceeded for {key}: Requested {more}, but already used {used[key]} of "
                                 f"{limit[key]} {key}"})
    server = Server(region, project.native_user, name, flavor, image)
    if fields.get("sshKeyId"):
        server.key_name = find_key(project, fields["sshKeyId"])[0].name
    server.machine = world.machines
    # Plain text here; it is the API that encodes it for Nova.
    server.user_data = fields["userData"].encode() if fields.get("userData") else None
    server.monthly = bool(fields.get("monthlyBilling"))
    server.groups = [default_group(region)]
    wanted = [n.get("networkId") for n in fields.get("networks") or ()]
    for network in [n for n in region.networks.values() if (n.id in wanted if wanted else n.external)]:
        server.ports.append(Port(network, list(server.groups), server, security=network.external))
    server.visible_at = time.monotonic() + world.delays["list"]
    region.servers[server.id] = server
    server.build(world.delays["server"])
    return server


@on_project("POST", "/instance", "instance/create", fields=FIELDS)
def instance_create(world, call, project):
    region = project.active().get(call.fields["region"])
    if region is None:
        raise bad(f"Region {call.fields['region']} doesn't exist or is not available for this project")
    return shown(make(world, project, region, call.fields, call.fields["name"]), True)


@on_project("POST", "/instance/bulk", "instance/bulk/create", fields=(*FIELDS, "number*"))
def instance_bulk(world, call, project):
    region = project.active().get(call.fields["region"])
    if region is None:
        raise bad(f"Region {call.fields['region']} doesn't exist or is not available for this project")
    return [shown(make(world, project, region, call.fields, f"{call.fields['name']}-{n + 1}"), False)
            for n in range(int(call.fields["number"]))]


@on_project("POST", "/region/{regionName}/instance", "region/instance/create",
            fields=("billingPeriod*", "bootFrom*", "flavor*", "network*", "name", "bulk", "sshKey", "sshKeyCreate",
                    "group", "availabilityZone", "autobackup", "userData"))
def instance_create_regional(world, call, project, regionName):
    region, f = find_region(project, regionName), call.fields
    if f["bootFrom"].get("imageId") and not f["bootFrom"].get("imageRegionName"):
        raise bad("Invalid value(s) received: ImageRegionName:<nil>")
    key = f.get("sshKey", {}).get("name")
    fields = {"flavorId": f["flavor"].get("id"), "imageId": f["bootFrom"].get("imageId"),
              "volumeId": f["bootFrom"].get("volumeId"), "userData": f.get("userData"),
              "sshKeyId": key_id(key) if key else None, "monthlyBilling": f["billingPeriod"] == "monthly"}
    server = make(world, project, region, fields, f.get("name", "instance"))
    return operation(world, project, "instance#create", [regionName], server.id, inside="instance#create")


@on_project("GET", "/region/{regionName}/instance", "region/instance/get")
def instances_regional(world, call, project, regionName):
    return [regional(s) for s in find_region(project, regionName).servers.values()]


@on_project("GET", "/region/{regionName}/instance/{instanceId}", "region/instance/get")
def instance_regional(world, call, project, regionName, instanceId):
    server = find_region(project, regionName).servers.get(instanceId)
    if server is None:
        raise not_found("Instance not found")
    return regional(server)


def regional(server):
    user = server.image.properties.get("image_original_user") if server.image else None
    four = [a["ip"] for a in addresses(server) if a["version"] == 4]
    return {"id": server.id, "name": server.name, "region": server.region.name, "regionType": server.region.kind,
            "availabilityZone": None, "status": server.status(), "taskState": server.task_state or "",
            "flavorId": server.flavor.id, "flavorName": server.flavor.name,
            "imageId": server.image.id if server.image else None, "sshKey": server.key_name,
            "login": f"{user}@{four[0]}" if user and four else None,
            "addresses": [{"ip": a["ip"], "version": a["version"], "type": a["type"]} for a in addresses(server)],
            "attachedVolumes": [{"id": v} for v in server.attachments], "volumes": [], "pendingTask": False,
            "pricings": [], "actions": []}


# --- changing -----------------------------------------------------------------------------------------------


@on_project("PUT", "/instance/{instanceId}", "instance/edit", fields=("instanceName*",))
def instance_put(world, call, project, instanceId):
    search(project, "servers", instanceId, "Instance")[1].name = call.fields["instanceName"]


@on_project("DELETE", "/instance/{instanceId}", "instance/delete")
def instance_delete(world, call, project, instanceId):
    server = search(project, "servers", instanceId, "Instance")[1]
    if server.task_state != "deleting":
        server.delete(world.delays["delete"])


def in_state(project, id, *states):
    server = search(project, "servers", id, "Instance")[1]
    if server.vm_state not in states:
        raise conflict(f"Instance {id} is in state {server.status()}")
    return server


@on_project("POST", "/instance/{instanceId}/start", "instance/start/create")
def instance_start(world, call, project, instanceId):
    in_state(project, instanceId, "stopped").start(world.delays["action"])


@on_project("POST", "/instance/{instanceId}/stop", "instance/stop/create")
def instance_stop(world, call, project, instanceId):
    in_state(project, instanceId, "active", "error").stop(world.delays["action"])


@on_project("POST", "/instance/{instanceId}/reboot", "instance/reboot/create", fields=("type*",))
def instance_reboot(world, call, project, instanceId):
    check_enum("type", call.fields["type"], ("soft", "hard"), "cloud.instance.RebootTypeEnum")
    in_state(project, instanceId, "active").reboot(world.delays["action"], call.fields["type"] == "hard")


@on_project("POST", "/instance/{instanceId}/activeMonthlyBilling", "instance/activeMonthlyBilling/create")
def instance_monthly(world, call, project, instanceId):
    server = search(project, "servers", instanceId, "Instance")[1]
    if server.flavor.plan["monthly"] is None:
        raise bad("Monthly billing is not available for this flavor")
    server.monthly = True
    return shown(server, True)


@on_project("GET", "/instance/{instanceId}/interface", "instance/interface/get")
def interfaces(world, call, project, instanceId):
    server = search(project, "servers", instanceId, "Instance")[1]
    return [{"id": p.id, "networkId": p.network.id, "macAddress": p.mac, "state": "ACTIVE",
             "type": "public" if p.network.external else "private",
             "fixedIps": [{"ip": f["ip_address"], "subnetId": f["subnet_id"]} for f in p.fixed]}
            for p in server.ports]


@on_project("GET", "/instance/group", "instance/group/get", query=("region",))
def groups(world, call, project):
    return [{"id": g["id"], "name": g["name"], "region": r.name, "type": g.get("policy") or g["policies"][0],
             "instance_ids": g["members"]} for r in chosen_regions(project, call) for g in r.server_groups.values()]
