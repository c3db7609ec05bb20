"""Keystone v3: tokens by password, application credential and token; federation; the credentials of users."""
import time
import uuid

from ..cloud.project import ApplicationCredential
from ..request import Answer
from . import oidc
from .catalog import AUTH, catalogue
from .errors import Refusal
from .ids import id_of
from .router import service

DOMAIN = {"id": "default", "name": "Default"}
REFUSED = "The request you have made requires authentication."


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(seconds))


def need(value, name, schema_place):
    if value is None:
        raise Refusal(400, f"Expecting to find {name} in {schema_place}. The server could not comply with the "
                           "request since it is either malformed or otherwise incorrect. The client is "
                           "assumed to be in error.")
    return value


# --- who it is ------------------------------------------------------------------------------------


def all_users(world):
    return [u for p in world.projects.values() for u in p.users.values() if not u.deleted]


def find_user(world, given):
    domain = given.get("domain") or {}
    if not given.get("id") and domain.get("id", "default") != "default" or \
            domain.get("name", "Default").lower() != "default":
        return None
    for user in all_users(world):
        if given.get("id") == user.openstack_id or (not given.get("id") and given.get("name") == user.name):
            return user
    return None


def by_password(world, part):
    user = find_user(world, need(part.get("user"), "user", "password"))
    if user is None or not user.ready() or time.monotonic() < user.known_at or \
            part["user"].get("password") != user.password:
        raise Refusal(401, REFUSED)
    return user, None


def by_credential(world, part):
    for credential in (c for p in world.projects.values() for c in p.credentials.values()):
        owner = part.get("user") or {}
        named = part.get("id") == credential.id or (
            "id" not in part and part.get("name") == credential.name and
            owner and find_user(world, owner) is credential.user)
        if not named:
            continue
        if part.get("secret") != credential.secret or credential.user.deleted or \
                (credential.expires and credential.expires <= world.now()):
            raise Refusal(401, REFUSED)
        return credential.user, credential
    if "id" in part:
        raise Refusal(404, f"Could not find Application Credential: {part['id']}.")
    raise Refusal(401, REFUSED)


def by_token(world, part):
    token = world.tokens.find(world, part.get("id"))
    if token is None:
        raise Refusal(404, f"Could not find token: {part.get('id')}.")
    return token.user, token.credential


METHODS = {"password": by_password, "application_credential": by_credential, "token": by_token}


def find_project(world, user, scope):
    """The project of a scope, where the user is at home in it."""
    wanted = (scope or {}).get("project")
    if wanted is None:
        return None
    domain = wanted.get("domain") or {}
    for project in world.projects.values():
        if wanted.get("id") == project.id or (
                "id" not in wanted and wanted.get("name") in (project.name, project.id) and
                (domain.get("id") == "default" or domain.get("name", "").lower() == "default")):
            if user is None or user.project is project:
                return project
    raise Refusal(401, REFUSED)


def show(world, token, with_catalog=True):
    user = token.user
    body = {"methods": token.methods, "user": {"domain": DOMAIN, "id": user.openstack_id, "name": user.name,
                                               "password_expires_at": None},
            "audit_ids": [token.audit], "expires_at": moment(token.expires), "issued_at": moment(token.issued)}
    if token.project:
        body.update({"project": {"domain": DOMAIN, "id": token.project.id, "name": token.project.name},
                     "is_domain": False,
                     "roles": [{"id": id_of("role", r), "name": r} for r in token.role_names()]})
        if with_catalog:
            body["catalog"] = catalogue(world, token.project)
    if token.credential:
        body["application_credential"] = {"id": token.credential.id, "name": token.credential.name,
                                          "restricted": not token.credential.unrestricted}
    return {"token": body}


@service("identity", "POST", "/auth/tokens", status=201, anyone=True)
def token_make(ctx):
    world = ctx.world
    auth = need((ctx.body or {}).get("auth"), "auth", "request body")
    identity = need(auth.get("identity"), "identity", "auth")
    methods = need(identity.get("methods"), "methods", "identity")
    user = credential = None
    for method in methods:
        if method not in METHODS:
            raise Refusal(401, REFUSED)
        user, credential = METHODS[method](world, need(identity.get(method), method, "identity"))
    wait = world.limits.allow("keystone", user.name)
    if wait:
        raise Refusal(429, kind="limit", headers=[("Retry-After", str(wait))])
    if credential:
        if "scope" in auth and methods == ["application_credential"]:
            raise Refusal(401, "Application credentials cannot request a scope.")
        project = user.project
    else:
        project = find_project(world, user, auth.get("scope"))
        if project is None and "scope" not in auth:
            project = user.project  # a project user's default project
    token = world.tokens.make(world, user, project, methods, credential and credential.roles, credential)
    ctx.headers.append(("X-Subject-Token", token.id))
    return show(world, token, "nocatalog" not in ctx.query)


def subject(ctx):
    token = ctx.world.tokens.find(ctx.world, ctx.request.headers.get("X-Subject-Token"))
    if token is None:
        raise Refusal(404, "Could not recognize Fernet token")
    return token


@service("identity", "GET", "/auth/tokens")
def token_get(ctx):
    token = subject(ctx)
    ctx.headers.append(("X-Subject-Token", token.id))
    return show(ctx.world, token, "nocatalog" not in ctx.query)


@service("identity", "HEAD", "/auth/tokens")
def token_head(ctx):
    subject(ctx)
    return Answer(200, None)


@service("identity", "DELETE", "/auth/tokens")
def token_delete(ctx):
    ctx.world.tokens.revoked.add(subject(ctx).id)
    return Answer(204, None)


@service("identity", "GET", "/auth/catalog")
def auth_catalog(ctx):
    return {"catalog": catalogue(ctx.world, ctx.project),
            "links": {"self": ctx.base + "/auth/catalog"}}


def listed(ctx, key, items, path):
    return {key: items, "links": {"self": ctx.base + path, "previous": None, "next": None}}


def project_shown(ctx, project):
    return {"id": project.id, "name": project.name, "domain_id": "default", "description": project.description,
            "enabled": True, "parent_id": "default", "is_domain": False, "tags": [], "options": {},
            "links": {"self": f"{ctx.base}/projects/{project.id}"}}


@service("identity", "GET", "/auth/projects")
def auth_projects(ctx):
    mine = [p for p in ctx.world.projects.values() if ctx.user.project is p]
    return listed(ctx, "projects", [project_shown(ctx, p) for p in mine], "/auth/projects")


@service("identity", "GET", "/projects/{id}")
def project_get(ctx, id):
    project = ctx.world.projects.get(id)
    if project is None or project is not ctx.project:
        raise Refusal(403, "You are not authorized to perform the requested action: identity:get_project.")
    return {"project": project_shown(ctx, project)}


@service("identity", "GET", "/projects")
def projects(ctx):
    raise Refusal(403, "You are not authorized to perform the requested action: identity:list_projects.")


# --- the federation of service accounts -----------------------------------------------------------


@service("identity", "POST", "/OS-FEDERATION/identity_providers/{idp}/protocols/{protocol}/auth", status=201,
         anyone=True)
def federation(ctx, idp, protocol):
    if not idp.startswith("ovhcloud-") or protocol != "openid":
        raise Refusal(404, f"Could not find identity provider: {idp}.")
    project = oidc.project_of(ctx.world, ctx.request.headers.get("Authorization", ""))
    user = oidc.service_user(project)
    token = ctx.world.tokens.make(ctx.world, user, None, ["openid"])
    ctx.headers.append(("X-Subject-Token", token.id))
    return show(ctx.world, token)


@service("identity", "GET", "/OS-FEDERATION/identity_providers/{idp}/protocols/{protocol}/auth", status=201,
         anyone=True)
def federation_by_get(ctx, idp, protocol):
    return federation(ctx, idp, protocol)


# --- application credentials, keys for S3 -----------------------------------------------------------


def own(ctx, user_id):
    if ctx.user.openstack_id != user_id:
        raise Refusal(403, "You are not authorized to perform the requested action.")


def credential_shown(ctx, c, secret=False):
    roles = c.roles if c.roles is not None else c.user.roles
    shown = {"id": c.id, "name": c.name, "description": c.description, "project_id": c.user.project.id,
             "unrestricted": c.unrestricted, "expires_at": moment(c.expires) if c.expires else None,
             "roles": [{"id": id_of("role", r), "name": r, "domain_id": None} for r in roles],
             "links": {"self": f"{ctx.base}/users/{c.user.openstack_id}/application_credentials/{c.id}"}}
    if secret:
        shown.update({"secret": c.secret, "user_id": c.user.openstack_id, "unrestricted": c.unrestricted or None})
    return shown


@service("identity", "GET", "/users/{user}/application_credentials")
def credentials(ctx, user):
    own(ctx, user)
    mine = [c for c in ctx.project.credentials.values() if c.user is ctx.user]
    return listed(ctx, "application_credentials", [credential_shown(ctx, c) for c in mine],
                  f"/users/{user}/application_credentials")


@service("identity", "POST", "/users/{user}/application_credentials", status=201)
def credential_make(ctx, user):
    own(ctx, user)
    given = ctx.object("application_credential")
    if ctx.token.credential and not ctx.token.credential.unrestricted:
        raise Refusal(403, "Could not create or delete an application credential with a restricted one.")
    if any(c.name == given.get("name") and c.user is ctx.user for c in ctx.project.credentials.values()):
        raise Refusal(409, "Conflict occurred attempting to store application_credential - "
                           "Duplicate entry found with name %s." % given.get("name"))
    roles = [r.get("name") for r in given["roles"]] if given.get("roles") else None
    c = ApplicationCredential(ctx.user, need(given.get("name"), "name", "application_credential"),
                              given.get("secret"), roles, None, bool(given.get("unrestricted")),
                              given.get("description"))
    ctx.project.credentials[c.id] = c
    return {"application_credential": credential_shown(ctx, c, True)}


@service("identity", "GET", "/users/{user}/application_credentials/{id}")
def credential_get(ctx, user, id):
    own(ctx, user)
    c = ctx.project.credentials.get(id)
    if c is None:
        raise Refusal(404, f"Could not find Application Credential: {id}.")
    return {"application_credential": credential_shown(ctx, c)}


@service("identity", "DELETE", "/users/{user}/application_credentials/{id}")
def credential_delete(ctx, user, id):
    credential_get(ctx, user, id)
    del ctx.project.credentials[id]
    return Answer(204, None)


@service("identity", "POST", "/users/{user}/credentials/OS-EC2", status=201)
def ec2_make(ctx, user):
    own(ctx, user)
    access, secret = uuid.uuid4().hex, uuid.uuid4().hex
    ctx.user.s3[access] = secret
    return {"credential": {"user_id": user, "tenant_id": ctx.project.id, "access": access, "secret": secret,
                           "trust_id": None,
                           "links": {"self": f"{ctx.base}/users/{user}/credentials/OS-EC2/{access}"}}}


@service("identity", "GET", "/users/{user}")
def user_get(ctx, user):
    own(ctx, user)
    return {"user": {"id": user, "name": ctx.user.name, "domain_id": "default", "enabled": True,
                     "password_expires_at": None, "options": {},
                     "links": {"self": f"{ctx.base}/users/{user}"}}}


@service("identity", "GET", "/regions")
def regions(ctx):
    found = [{"id": name, "description": "", "parent_region_id": None,
              "links": {"self": f"{ctx.base}/regions/{name}"}} for name in ctx.project.active()]
    return listed(ctx, "regions", found, "/regions")


def versions(world, request, path):
    """/ and /v3: what is there, told to anybody."""
    url = world.endpoint(AUTH) + "/v3/"
    one = {"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
           "links": [{"rel": "self", "href": url}],
           "media-types": [{"base": "application/json",
                            "type": "application/vnd.openstack.identity-v3+json"}]}
    if path in ("", "/"):
        return Answer(300, {"versions": {"values": [one]}}, [("Location", url)])
    if path in ("/v3", "/v3/"):
        return Answer(200, {"version": one})
    return None
