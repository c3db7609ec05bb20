"""Operations: what OVH gives instead of the thing itself, to be asked for until it is there."""
import time
import uuid

from ..errors import not_found
from .common import on_project, stamp


def operation(world, project, action, regions, resource=None, then=None, fails=False, inside=None):
    """inside: the action of the part that has the resource."""
    one = {"id": str(uuid.uuid4()), "action": action, "regions": regions, "resource": resource, "then": then,
           "fails": fails, "inside": inside, "begun": time.time(), "done": None,
           "due": time.monotonic() + world.delays["server"]}
    project.operations[one["id"]] = one
    return shown(one)


def settle(one):
    if one["done"] is None and time.monotonic() >= one["due"]:
        one["done"] = time.time()
        if one["then"]:
            one["then"]()


def shown(one):
    settle(one)
    status = ("in-error" if one["fails"] else "completed") if one["done"] else "in-progress"
    body = {"id": one["id"], "action": one["action"], "status": status, "progress": 100 if one["done"] else 0,
            "createdAt": stamp(one["begun"]), "startedAt": stamp(one["begun"]),
            "completedAt": stamp(one["done"]) if one["done"] else None, "regions": one["regions"],
            "resourceId": None if one["inside"] else one["resource"], "subOperations": []}
    if one["inside"]:
        body["subOperations"] = [{"id": one["id"][:-1] + "0", "action": one["inside"], "status": status,
                                  "progress": body["progress"], "resourceId": one["resource"] if one["done"] else None,
                                  "createdAt": body["createdAt"], "startedAt": body["startedAt"],
                                  "completedAt": body["completedAt"], "regions": one["regions"]}]
    return body


@on_project("GET", "/operation", "operation/get")
def operations(world, call, project):
    return [shown(one) for one in project.operations.values()]


@on_project("GET", "/operation/{operationId}", "operation/get")
def operation_get(world, call, project, operationId):
    if operationId not in project.operations:
        raise not_found("Operation not found")
    return shown(project.operations[operationId])
