"""The role adapter: OIDC discovery and the token endpoint from which service accounts get an id_token."""
import base64
import re
import secrets
from urllib.parse import parse_qs

from ..cloud.project import User
from ..request import Answer
from .catalog import ROLE_ADAPTER
from .errors import Refusal

PROJECT = re.compile(r"/role-adapter/urn:v1:eu:resource:publicCloudProject:([0-9a-f]+|pci)(/.*)$")
id_tokens = {}      # id_token -> (project, client)


def project_of(world, authorization):
    known = id_tokens.get(authorization.partition(" ")[2])
    if not authorization.startswith("Bearer ") or known is None or known[2] <= world.now():
        raise Refusal(401, "The request you have made requires authentication.")
    return known[0]


def service_user(project):
    user = User(project, 0, "service account", ["administrator"])
    user.name = "oauth2-service-account"
    return user


def token(world, request):
    """OAuth2's client credentials; besides the access token an id_token, when openid was asked for."""
    form = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
    client, secret = form.get("client_id"), form.get("client_secret")
    basic = request.headers.get("Authorization", "")
    if basic.startswith("Basic "):
        client, _, secret = base64.b64decode(basic[6:]).decode().partition(":")
    known = world.accounts.clients.get(client)
    if known is None or known["secret"] != secret:
        return Answer(401, {"error": "invalid_client", "error_description": "Client authentication failed"})
    if form.get("grant_type") != "client_credentials":
        return Answer(400, {"error": "unsupported_grant_type"})
    body = {"access_token": secrets.token_urlsafe(40), "token_type": "Bearer", "scope": form.get("scope", ""),
            "expires_in": world.accounts.token_life - 1}
    if "openid" in form.get("scope", "").split():
        body["id_token"] = ".".join(secrets.token_urlsafe(30) for _ in range(3))
        id_tokens[body["id_token"]] = (world.project(), client, world.now() + world.accounts.token_life)
    return Answer(200, body)


def carry_out(world, request):
    match = PROJECT.match(request.path)
    if match is None:
        return Answer(404, {"message": "no such service"})
    issuer = world.endpoint(ROLE_ADAPTER) + request.path[:match.start(2)]
    if match[2] == "/.well-known/openid-configuration" and request.method == "GET":
        return Answer(200, {
            "issuer": issuer, "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/keys",
            "authorization_endpoint": issuer + "/authorize", "response_types_supported": ["code"],
            "grant_types_supported": ["client_credentials"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"]})
    if match[2] == "/token" and request.method == "POST":
        return token(world, request)
    return Answer(404, {"message": "no such service"})
