"""Which host names are which service of which region, and the catalogue that Keystone gives."""
import re

from .ids import id_of

AUTH = "auth.cloud.ovh.net"
ROLE_ADAPTER = "iam.ovh.net"
# service: host name by region
HOSTS = (("image", "image.compute.{}.cloud.ovh.net"), ("network", "network.compute.{}.cloud.ovh.net"),
         ("volume", "volume.compute.{}.cloud.ovh.net"), ("compute", "compute.{}.cloud.ovh.net"),
         ("object-store", "storage.{}.cloud.ovh.net"))
PATTERNS = [(name, re.compile(re.escape(host).replace(r"\{\}", r"([a-z0-9-]+)") + "$")) for name, host in HOSTS]
HOST_NAME = re.compile(r"[a-z0-9.-]+\.(cloud\.ovh\.net|ovh\.net)$")


def which(host):
    """(service, region's name in capitals) of a host name, or None."""
    if host == AUTH:
        return "identity", None
    if host == ROLE_ADAPTER:
        return "role-adapter", None
    for name, pattern in PATTERNS:
        match = pattern.match(host)
        if match:
            return name, match[1].upper()
    return None


def host_of(service, region):
    return dict(HOSTS)[service].format(region.lower())


def all_hosts(world):
    hosts = [AUTH, ROLE_ADAPTER]
    for project in world.projects.values():
        for name in project.regions:
            hosts += [host_of(service, name) for service, _ in HOSTS]
    return sorted(set(hosts))


# type and name in the catalogue, service here, what comes behind the host
ENTRIES = (("image", "glance", "image", "/"), ("network", "neutron", "network", "/"),
           ("compute", "nova", "compute", "/v2.1/{project}"),
           ("volumev3", "cinderv3", "volume", "/v3/{project}"),
           ("object-store", "swift", "object-store", "/v1/AUTH_{project}"))


def catalogue(world, project):
    entries = [{"type": "identity", "name": "keystone", "id": id_of("identity"), "endpoints": [
        endpoint(world, project, name, world.endpoint(AUTH) + "/v3/", "identity")
        for name in project.active()]}]
    for kind, name, service, path in ENTRIES:
        points = [endpoint(world, project, region, world.endpoint(host_of(service, region)) +
                           path.format(project=project.id), service) for region in project.active()]
        entries.append({"type": kind, "name": name, "id": id_of(kind), "endpoints": points})
    return entries


def endpoint(world, project, region, url, service):
    return {"id": id_of("endpoint", region, service), "interface": "public", "region": region,
            "region_id": region, "url": url}
