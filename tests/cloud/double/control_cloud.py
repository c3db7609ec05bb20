"""
What tests see and turn of the cloud: /_double/… with JSON in and out.

    GET  /_double/cloud            everything that was made, by kind
    GET  /_double/counts           calls by service since the log was cleared, and the most in one second
    POST /_double/reset            forgets what was made, faults and the log
    POST /_double/save, /restore   what was made, kept and put back (servers on paper only)
    POST /_double/delays           {"server": s, …}: world.DELAYS
    POST /_double/limits           {"on": bool, "keystone": [n, s], "others": [n, s], "native": [n, s]}
    POST /_double/outcomes         [{"message": …, "code": n}…]: the next servers end in ERROR so
    POST /_double/console          [[seconds, text]…]: what servers say after they are ACTIVE
    POST /_double/region/NAME      {"active": bool, "kind": …, "status": …, "limits": {…}, "microversion": "2.x",
                                   "flavors": {name: {"available": bool}}, "private": name of a new network}
    POST /_double/project          {"expired": bool, "status": …}
    POST /_double/tokens           {"life": s, "revoke": bool}
    POST /_double/users            {"polls": n, "late": s}: so many questions find a new user still being created; so
                                   many seconds later Keystone knows it, and each new password
    POST /_double/another          {"name": …, "regions": […]}: a second project of the account; {"id": …}
    POST /_double/server/ID        {"vm_state": …, "message": …}: breaks a server
"""
import bisect
from collections import Counter

from .cloud.project import Project
from .errors import not_found


def cloud(world, name, data):
    project = world.project()
    project.settle()
    made = {"servers": [], "volumes": [], "images": [], "groups": [], "keypairs": [], "ports": []}
    for region in project.regions.values():
        made["servers"] += [{"id": s.id, "name": s.name, "region": region.name, "status": s.status(),
                             "metadata": s.metadata, "tags": s.tags, "volumes": list(s.attachments),
                             "groups": [g.name for g in s.groups], "key": s.key_name,
                             "image": s.image.id if s.image else None, "config_drive": s.config_drive,
                             "zone": s.zone, "user_data": (s.user_data or b"").decode("utf-8", "replace")}
                            for s in region.servers.values()]
        made["volumes"] += [{"id": v.id, "name": v.name, "region": region.name, "status": v.status,
                             "size": v.size, "metadata": v.metadata, "zone": v.zone} for v in region.volumes.values()]
        made["images"] += [{"id": i.id, "name": i.base["name"], "region": region.name, "status": i.status,
                            "size": i.size, "hash": i.hash, "properties": i.properties}
                           for i in region.images.values() if i.owner == project.id]
        made["groups"] += [{"id": g.id, "name": g.name, "region": region.name,
                            "rules": [r.what() for r in g.rules()]}
                           for g in region.groups.values() if g.name != "default"]
        made["keypairs"] += [{"name": p.name, "region": region.name} for p in region.keypairs.values()]
        made["ports"] += [{"id": p.id, "server": p.server.id if p.server else None, "region": region.name}
                          for p in region.ports.values()]
    made["users"] = [{"id": u.number, "name": u.name, "roles": u.roles, "description": u.description}
                     for u in project.users.values()]
    return made


def counts(world, name, data):
    times = sorted(e["at"] for e in world.log)
    most = max((bisect.bisect_left(times, at + 1.0) - i for i, at in enumerate(times)), default=0)
    return {"by_service": Counter(e["service"] for e in world.log), "calls": len(world.log),
            "most_in_a_second": most}


def reset(world, name, data):
    world.reset()


def save(world, name, data):
    world.save()


def restore(world, name, data):
    world.restore()


def delays(world, name, data):
    world.delays.update(data)


def limits(world, name, data):
    for key, value in data.items():
        setattr(world.limits, key, value if key == "on" else tuple(value))
    world.limits.seen.clear()


def outcomes(world, name, data):
    world.outcomes = list(data)


def console(world, name, data):
    world.machines.script = [tuple(line) for line in data]


def region(world, name, data):
    one = world.project().regions.get(name)
    if one is None:
        raise not_found("no such region")
    for key in ("active", "kind", "status", "microversion"):
        setattr(one, key, data.get(key, getattr(one, key)))
    one.limits.update(data.get("limits", {}))
    for flavor in one.flavors.values():
        for key, value in data.get("flavors", {}).get(flavor.name, {}).items():
            setattr(flavor, key, value)
    if "private" in data:
        return {"id": one.add_private_network(data["private"]).id}
    return None


def project(world, name, data):
    for key in ("expired", "status", "name", "description"):
        setattr(world.project(), key, data.get(key, getattr(world.project(), key)))


def tokens(world, name, data):
    world.tokens.life = data.get("life", world.tokens.life)
    if data.get("revoke"):
        world.tokens.revoke_all()


def users(world, name, data):
    world.user_polls = data.get("polls", world.user_polls)
    world.user_late = data.get("late", world.user_late)


def another(world, name, data):
    regions = data.get("regions", [])
    one = Project(world, data["name"], regions, [n for n in world.project().regions if n not in regions])
    world.projects[one.id] = one
    return {"id": one.id}


def server(world, name, data):
    for one in world.project().regions.values():
        if name in one.servers:
            one.servers[name].failed(data)
            return
    raise not_found("no such server")


calls = {("GET", "cloud"): cloud, ("GET", "counts"): counts, ("POST", "reset"): reset, ("POST", "delays"): delays,
         ("POST", "save"): save, ("POST", "restore"): restore,
         ("POST", "limits"): limits, ("POST", "outcomes"): outcomes, ("POST", "console"): console,
         ("POST", "region"): region, ("POST", "project"): project, ("POST", "tokens"): tokens,
         ("POST", "users"): users, ("POST", "another"): another, ("POST", "server"): server}
