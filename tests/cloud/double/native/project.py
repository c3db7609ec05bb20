"""/cloud/project: projects, regions, what they offer, quotas, usage."""
import time

from ..cloud.flavors import VOLUME_TYPES
from ..errors import bad, conflict
from ..openstack.catalog import host_of
from ..routes import route
from .common import ACTION, check_enum, chosen_regions, find_region, on_project, search, stamp
from .operation import operation

SERVICES = ("instance", "image", "network", "volume", "storage")
COUNTRIES = ["be", "cz", "de", "es", "fi", "fr", "gb", "ie", "it", "lt", "nl", "pl", "pt"]


def iam(project):
    return {"id": "00000000-0000-4000-8000-000000000001", "urn": f"urn:v1:eu:resource:publicCloudProject:{project.id}",
            "displayName": project.description}


@route("GET", "/cloud/project", action=ACTION + "get")
def projects(world, call):
    return sorted(world.projects)


@on_project("GET", "", "get")
def project_get(world, call, project):
    return {"project_id": project.id, "projectName": project.name, "description": project.description,
            "status": project.status, "access": "full", "planCode": "project.2018", "orderId": 123456789,
            "expiration": None, "manualQuota": False, "unleash": False, "creationDate": stamp(project.created),
            "iam": iam(project)}


@on_project("PUT", "", "edit", fields=("description", "manualQuota", "projectName"))
def project_put(world, call, project):
    project.description = call.fields.get("description", project.description)


@on_project("GET", "/serviceInfos", "serviceInfos/get")
def service_infos(world, call, project):
    return {"serviceId": 1234567, "domain": project.id, "status": "ok", "creation": "2026-01-01",
            "expiration": "2027-01-01", "contactAdmin": "ab12345-ovh", "contactTech": "ab12345-ovh",
            "contactBilling": "ab12345-ovh", "canDeleteAtExpiration": True, "engagedUpTo": None,
            "possibleRenewPeriod": None, "renew": None, "renewalType": "manual"}


# --- regions ----------------------------------------------------------------------------------------


def region_shown(world, region):
    return {"name": region.name, "type": region.kind, "status": region.status,
            "datacenterLocation": region.city[:3].upper(), "continentCode": region.continent,
            "countryCode": region.country, "ipCountries": COUNTRIES if region.continent == "EU" else [],
            "availabilityZones": region.zones() if region.kind == "region-3-az" else [],
            "services": [{"name": name, "status": region.status, "endpoint": world.endpoint(
                host_of({"instance": "compute", "storage": "object-store"}.get(name, name), region.name))}
                for name in SERVICES]}


@on_project("GET", "/region", "region/get")
def regions(world, call, project):
    return sorted(project.active())


@on_project("GET", "/region/{regionName}", "region/get")
def region_get(world, call, project, regionName):
    return region_shown(world, find_region(project, regionName))


@on_project("GET", "/regionAvailable", "regionAvailable/get")
def region_available(world, call, project):
    return [{"name": r.name, "datacenter": r.city[:3].upper(), "continentCode": r.continent, "type": r.kind,
             "ipCountries": COUNTRIES if r.continent == "EU" else []}
            for r in project.regions.values() if not r.active]


@on_project("POST", "/region", "region/create", fields=("region*",))
def region_activate(world, call, project):
    region = project.regions.get(call.fields["region"])
    if region is None:
        raise bad(f"Region {call.fields['region']} doesn't exist or is not available for this project")
    if region.active:
        raise conflict(f"Region {region.name} is already activated")
    region.active = True
    return region_shown(world, region)


# --- flavors --------------------------------------------------------------------------------------------


def flavor_shown(f):
    limit, used = f.home.limits, f.home.used()
    left = min(limit["instances"] - used["instances"], (limit["cores"] - used["cores"]) // f.vcpus,
               (limit["ram"] - used["ram"]) // f.ram)
    return {"id": f.id, "name": f.name, "region": f.region, "ram": f.ram, "disk": f.disk, "vcpus": f.vcpus,
            "type": f.kind, "osType": "linux", "inboundBandwidth": f.bandwidth, "outboundBandwidth": f.bandwidth,
            "available": f.available, "quota": max(left, 0), "planCodes": f.plan,
            "capabilities": [{"name": n, "enabled": n != "failoverip"} for n in
                             ("failoverip", "resize", "snapshot", "volume")]}


@on_project("GET", "/flavor", "flavor/get", query=("region",))
def flavors(world, call, project):
    return [flavor_shown(f) for r in chosen_regions(project, call) for f in r.flavors.values()]


@on_project("GET", "/flavor/{flavorId}", "flavor/get")
def flavor_get(world, call, project, flavorId):
    return flavor_shown(search(project, "flavors", flavorId, "Flavor")[1])


# --- quotas ---------------------------------------------------------------------------------------------


def quota_shown(region):
    limit, used = region.limits, region.used()
    return {
        "region": region.name,
        "instance": {"maxInstances": limit["instances"], "usedInstances": used["instances"],
                     "maxCores": limit["cores"], "usedCores": used["cores"], "maxRam": limit["ram"],
                     "usedRAM": used["ram"]},
        "volume": {"maxGigabytes": limit["gigabytes"], "usedGigabytes": used["gigabytes"],
                   "maxVolumeCount": limit["volumes"], "volumeCount": used["volumes"],
                   "maxBackupGigabytes": limit["gigabytes"], "usedBackupGigabytes": 0, "volumeBackupCount": 0,
                   "maxVolumeBackupCount": 20},
        "network": {"maxNetworks": limit["network"], "usedNetworks": used["network"], "maxSubnets": 50,
                    "usedSubnets": 0, "maxFloatingIPs": 20, "usedFloatingIPs": 0, "maxGateways": 10,
                    "usedGateways": 0},
        "loadbalancer": {"maxLoadbalancers": 20, "usedLoadbalancers": 0},
        "keypair": {"maxCount": limit["key_pairs"]},
        "keymanager": {"maxSecrets": 20, "usedSecrets": 0}, "share": None}


@on_project("GET", "/quota", "quota/get")
def quota_all(world, call, project):
    return [quota_shown(r) for r in project.active().values()]


@on_project("GET", "/region/{regionName}/quota", "region/quota/get")
def quota_get(world, call, project, regionName):
    return quota_shown(find_region(project, regionName))


@on_project("GET", "/region/{regionName}/quota/allowed", "region/quota/allowed/get")
def quota_allowed(world, call, project, regionName):
    find_region(project, regionName)
    return [{"name": "20vms"}, {"name": "40vms"}]


@on_project("POST", "/region/{regionName}/quota", "region/quota/create", fields=("name*",))
def quota_ask(world, call, project, regionName):
    region = find_region(project, regionName)
    check_enum("name", call.fields["name"], ("20vms", "40vms"), "cloud.quota.NameEnum")

    def done():
        region.limits.update({"instances": int(call.fields["name"][:2]), "cores": 80})
    return operation(world, project, "quota#update", [regionName], then=done)


# --- usage ------------------------------------------------------------------------------------------------


def usage(project):
    hours = {}
    for region in project.active().values():
        for server in region.servers.values():
            age = max(time.time() - server.created, 1) / 3600
            line = hours.setdefault((region.name, server.flavor.name), [0.0, 0.0, []])
            line[0] += age
            line[1] += age * server.flavor.hour / 1e8
            line[2].append({"instanceId": server.id, "quantity": {"unit": "Hour", "value": round(age, 2)},
                            "totalPrice": round(age * server.flavor.hour / 1e8, 4)})
    return {"instance": [{"region": r, "reference": f, "quantity": {"unit": "Hour", "value": round(v[0], 2)},
                          "totalPrice": round(v[1], 4), "details": v[2]} for (r, f), v in hours.items()],
            "volume": [], "snapshot": [], "storage": [], "instanceOption": [], "instanceBandwidth": [],
            "resourcesUsage": [], "managedKubernetesService": [], "rancher": []}


@on_project("GET", "/usage/current", "usage/current/get")
def usage_current(world, call, project):
    now = time.time()
    return {"period": {"from": stamp(now)[:8] + "01T00:00:00Z", "to": stamp(now)}, "lastUpdate": stamp(now),
            "hourlyUsage": usage(project), "monthlyUsage": None, "resourcesUsage": None}


@on_project("GET", "/usage/forecast", "usage/forecast/get")
def usage_forecast(world, call, project):
    return dict(usage_current(world, call, project), usableCredits=None)


@on_project("GET", "/consumption", "consumption/get", query=("from", "to"))
def consumption(world, call, project):
    return dict(usage(project), period={"from": call.query.get("from"), "to": call.query.get("to")})


@on_project("GET", "/volume/type", "volume/type/get")
def volume_types(world, call, project):
    return [name for name, _ in VOLUME_TYPES]
