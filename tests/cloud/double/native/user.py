"""OpenStack users of a project, their openrc, tokens and S3 credentials."""
import secrets
import time
import uuid

from ..cloud.project import ROLES
from ..errors import ApiError, bad, not_found
from ..openstack.catalog import AUTH
from ..openstack.ids import id_of
from ..openstack.keystone import show as token_shown
from .common import check_enum, find_region, on_project, stamp


def role_shown(name):
    return {"id": id_of("role", name), "name": name, "description": ROLES[name], "permissions": []}


def shown(user, asked=False):
    return {"id": user.number, "username": user.name, "description": user.description,
            "status": user.status(asked), "openstackId": user.openstack_id, "creationDate": stamp(user.created),
            "roles": [role_shown(r) for r in user.roles]}


def find(project, text):
    user = project.users.get(int(text)) if text.isdigit() else None
    if user is None:
        raise not_found("User not found")
    return user


@on_project("GET", "/user", "user/get")
def users(world, call, project):
    return [shown(u) for u in project.users.values()]


@on_project("POST", "/user", "user/create", fields=("description", "role", "roles"))
def user_create(world, call, project):
    roles = call.fields.get("roles") or ([call.fields["role"]] if call.fields.get("role") else ["administrator"])
    for role in roles:
        check_enum("role", role, ROLES, "cloud.user.RoleEnum")
    user = project.add_user(call.fields.get("description", ""), roles)
    user.ready_at = time.monotonic() + world.delays["user"]
    user.polls_left = world.user_polls
    user.known_at = user.ready_at + world.user_late
    return dict(shown(user), status="creating", password=user.password)


@on_project("GET", "/user/{userId}", "user/get")
def user_get(world, call, project, userId):
    return shown(find(project, userId), asked=True)


@on_project("DELETE", "/user/{userId}", "user/delete")
def user_delete(world, call, project, userId):
    user = find(project, userId)
    user.deleted, user.ready_at = True, time.monotonic() + world.delays["user"]
    for credential in [c for c in project.credentials.values() if c.user is user]:
        del project.credentials[credential.id]


@on_project("POST", "/user/{userId}/regeneratePassword", "user/regeneratePassword/create")
def user_password(world, call, project, userId):
    user = find(project, userId)
    user.password = secrets.token_urlsafe(24).replace("_", "A").replace("-", "B")[:32]
    user.known_at = time.monotonic() + world.user_late
    return dict(shown(user), password=user.password)


OPENRC = """#!/bin/bash

# To use an Openstack cloud you need to authenticate against keystone, which
# returns a **Token** and **Service Catalog**.

export OS_AUTH_URL={url}
export OS_IDENTITY_API_VERSION=3

export OS_USER_DOMAIN_NAME=${{OS_USER_DOMAIN_NAME:-"Default"}}
export OS_PROJECT_DOMAIN_NAME=${{OS_PROJECT_DOMAIN_NAME:-"Default"}}

export OS_TENANT_ID={project}
export OS_TENANT_NAME="{name}"

export OS_USERNAME="{user}"

echo "Please enter your OpenStack Password: "
read -sr OS_PASSWORD_INPUT
export OS_PASSWORD=$OS_PASSWORD_INPUT

export OS_REGION_NAME="{region}"
if [ -z "$OS_REGION_NAME" ]; then unset OS_REGION_NAME; fi
"""


@on_project("GET", "/user/{userId}/openrc", "user/openrc/get", query=("region", "version"))
def openrc(world, call, project, userId):
    user = find(project, userId)
    if not call.query.get("region"):
        raise bad("Missing parameter(s): region")
    find_region(project, call.query["region"])
    return {"content": OPENRC.format(url=world.endpoint(AUTH) + "/v3/", project=project.id, name=project.name,
                                     user=user.name, region=call.query["region"])}


@on_project("POST", "/user/{userId}/token", "user/token/create", fields=("password*",))
def user_token(world, call, project, userId):
    user = find(project, userId)
    if not user.ready() or call.fields["password"] != user.password:
        raise ApiError(401, {"class": "Client::Unauthorized", "message": "Invalid credentials"})
    token = world.tokens.make(world, user, project, ["password"])
    return dict(token_shown(world, token), **{"X-Auth-Token": token.id})


# --- roles -----------------------------------------------------------------------------------------------------


@on_project("GET", "/role", "role/get")
def roles(world, call, project):
    return {"roles": [role_shown(r) for r in ROLES],
            "services": [{"name": n, "permissions": []} for n in ("compute", "image", "network", "volume")]}


@on_project("GET", "/user/{userId}/role", "user/role/get")
def user_roles(world, call, project, userId):
    return [role_shown(r) for r in find(project, userId).roles]


@on_project("POST", "/user/{userId}/role", "user/role/create", fields=("roleId*",))
def user_role_add(world, call, project, userId):
    user = find(project, userId)
    for name in ROLES:
        if id_of("role", name) == call.fields["roleId"]:
            user.roles = [*user.roles, *([] if name in user.roles else [name])]
            return shown(user)
    raise not_found("Role not found")


@on_project("DELETE", "/user/{userId}/role/{roleId}", "user/role/delete")
def user_role_delete(world, call, project, userId, roleId):
    user = find(project, userId)
    user.roles = [r for r in user.roles if id_of("role", r) != roleId]


# --- S3 ---------------------------------------------------------------------------------------------------------


def s3_shown(project, user, access):
    return {"access": access, "tenantId": project.id, "userId": user.openstack_id}


@on_project("GET", "/user/{userId}/s3Credentials", "user/s3Credentials/get")
def s3_list(world, call, project, userId):
    user = find(project, userId)
    return [s3_shown(project, user, a) for a in user.s3]


@on_project("POST", "/user/{userId}/s3Credentials", "user/s3Credentials/create")
def s3_create(world, call, project, userId):
    user = find(project, userId)
    access, secret = uuid.uuid4().hex, uuid.uuid4().hex
    user.s3[access] = secret
    return dict(s3_shown(project, user, access), secret=secret)


def find_s3(project, number, access):
    user = find(project, number)
    if access not in user.s3:
        raise not_found("S3 credentials not found")
    return user


@on_project("GET", "/user/{userId}/s3Credentials/{access}", "user/s3Credentials/get")
def s3_get(world, call, project, userId, access):
    return s3_shown(project, find_s3(project, userId, access), access)


@on_project("POST", "/user/{userId}/s3Credentials/{access}/secret", "user/s3Credentials/secret/get")
def s3_secret(world, call, project, userId, access):
    return {"secret": find_s3(project, userId, access).s3[access]}


@on_project("DELETE", "/user/{userId}/s3Credentials/{access}", "user/s3Credentials/delete")
def s3_delete(world, call, project, userId, access):
    del find_s3(project, userId, access).s3[access]


@on_project("GET", "/user/{userId}/policy", "user/policy/get")
def policy_get(world, call, project, userId):
    user = find(project, userId)
    if user.policy is None:
        raise not_found("Policy not found")
    return {"policy": user.policy}


@on_project("POST", "/user/{userId}/policy", "user/policy/create", fields=("policy*",))
def policy_set(world, call, project, userId):
    find(project, userId).policy = call.fields["policy"]


# --- containers -------------------------------------------------------------------------------------------------


@on_project("GET", "/storage", "storage/get", query=("includeType",))
def storage(world, call, project):
    return []


@on_project("GET", "/region/{regionName}/storage", "region/storage/get", query=("withObjects", "limit"))
def storage_regional(world, call, project, regionName):
    return []


@on_project("GET", "/network/public", "network/public/get")
def public_networks(world, call, project):
    regions = [{"region": r.name, "status": "ACTIVE", "openstackId": n.id}
               for r in project.active().values() for n in r.networks.values() if n.external]
    return [{"id": regions[0]["openstackId"] if regions else "", "name": "Ext-Net", "vlanId": None,
             "status": "ACTIVE", "type": "public", "regions": regions}]


@on_project("GET", "/network/private", "network/private/get")
def private_networks(world, call, project):
    return [{"id": f"pn-{i + 1}", "name": n.name, "vlanId": i + 1, "status": "ACTIVE", "type": "private",
             "regions": [{"region": r.name, "status": "ACTIVE", "openstackId": n.id}]}
            for r in project.active().values()
            for i, n in enumerate(n for n in r.networks.values() if not n.external)]
