"""What the calls on a project share."""
import time

from ..errors import ApiError, bad, not_found
from ..routes import route

P = "/cloud/project/{serviceName}"
ACTION = "publicCloudProject:apiovh:"


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def find_project(world, name):
    project = world.projects.get(name)
    if project is None:
        raise ApiError(404, {"class": "Client::NotFound", "message": "This service does not exist"})
    if project.expired:
        raise ApiError(460, {"class": "Client::ServiceExpired", "message": "This service is expired"})
    project.settle()
    return project


def on_project(method, pattern, action, query=(), fields=()):
    """A call on a project: the function gets the project in the place of its name."""
    def add(function):
        def call_it(world, call, serviceName, **parts):
            return function(world, call, find_project(world, serviceName), **parts)
        call_it.__name__, call_it.__module__ = function.__name__, function.__module__
        route(method, P + pattern, ACTION + action, query=query, fields=fields)(call_it)
        return function
    return add


def find_region(project, name):
    region = project.regions.get(name)
    if region is None or not region.active:
        raise not_found("The requested object (regionName = %s) does not exist" % name)
    return region


def chosen_regions(project, call):
    """Of the query's region, or all."""
    name = call.query.get("region")
    if name is None:
        return list(project.active().values())
    if name not in project.active():
        raise bad(f"Region {name} doesn't exist or is not available for this project")
    return [project.regions[name]]


def search(project, kind, id, what):
    """(region, object) of an id that does not say its region."""
    for region in project.active().values():
        found = getattr(region, kind).get(id)
        if found is not None:
            return region, found
    raise not_found(f"{what} not found")


def check_enum(name, value, allowed, enum):
    if value is not None and value not in allowed:
        raise bad(f"[{name}] Given data ({value}) does not belong to the {enum} enumeration")
