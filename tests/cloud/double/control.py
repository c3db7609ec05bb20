"""
What tests see and turn, beside the API: /_double/… with JSON in and out.

    GET  /_double/log                    calls since the last time it was cleared
    POST /_double/log/clear
    POST /_double/faults                 adds one fault (world.Faults); []: removes all
    GET  /_double/zone/NAME              records, published records, counts
    POST /_double/zone/NAME              {"records": [[type, sub, target, ttl]…], "knobs": {…},
                                         "errors": […], "publish": bool, "servers": […],
                                         "delegated": […]}; makes the zone when new
    POST /_double/world                  {"skew": s, "loose": "%", "truncate": bool, "mute": bool}
    POST /_double/credential             {"rules": [{method, path}…]}: of the tests' consumer key
    POST /_double/client                 {"actions": […], "token_life": s}

What concerns servers, images and the like is in control_cloud.py.
"""
import json

from . import control_cloud
from .errors import no_such_url
from .world import CLIENT, CONSUMER
from .zone import Zone


def zone_change(world, name, data):
    zone = world.zones.setdefault(name, Zone(name))
    if "records" in data:
        zone.records.clear()
        for record in data["records"]:
            zone.add(*record)
    zone.knobs.update(data.get("knobs", {}))
    zone.errors = data.get("errors", zone.errors)
    zone.servers = data.get("servers", zone.servers)
    zone.delegated = data.get("delegated", zone.delegated)
    if data.get("publish"):
        zone.publish()
    return zone.show()


def log_clear(world, data):
    world.log.clear()


def faults(world, data):
    if data:
        world.faults.add(data)
    else:
        world.faults.queue.clear()


def turn(world, data):
    for name in ("skew", "loose", "truncate", "mute"):
        setattr(world, name, data.get(name, getattr(world, name)))


def credential(world, data):
    world.accounts.credentials[CONSUMER].update(data)


def client(world, data):
    world.accounts.token_life = data.pop("token_life", world.accounts.token_life)
    world.accounts.clients[CLIENT].update(data)


posts = {"log/clear": log_clear, "faults": faults, "world": turn, "credential": credential,
         "client": client}


def control(world, method, path, body):
    data = json.loads(body or b"null")
    if path.startswith("zone/"):
        name = path[5:]
        return zone_change(world, name, data) if method == "POST" else world.zones[name].show()
    if (method, path) == ("GET", "log"):
        return world.log
    if method == "POST" and path in posts:
        return posts[path](world, data)
    if (method, path.partition("/")[0]) in control_cloud.calls:
        return control_cloud.calls[method, path.partition("/")[0]](world, path.partition("/")[2], data)
    raise no_such_url()
