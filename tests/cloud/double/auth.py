"""
Both ways of signing in, checked for real: signatures over the bytes that came, the timestamp's skew,
the rules of the consumer key; OAuth2 tokens with their end, and actions of IAM.
"""
import base64
import fnmatch
import hashlib
import hmac
import re
import secrets
import time
from urllib.parse import parse_qs

from .errors import ApiError, bad, denied_by_iam, gate
from .routes import route

SKEW = 300  # seconds that a timestamp may be off; OVH publishes none, 8 minutes are refused
METHODS = ("GET", "POST", "PUT", "DELETE")


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))


class Accounts:
    def __init__(self):
        self.applications = {}  # key -> secret
        self.credentials = {}   # consumer key -> what currentCredential shows, and "application"
        self.clients = {}       # client id -> {"secret", "actions"}
        self.tokens = {}        # token -> (client id, end)
        self.token_life = 3600
        self.oauth_error_status = 400

    def credential(self, application, rules, status="pendingValidation", key=None):
        key = key or secrets.token_urlsafe(24)[:32]
        self.credentials[key] = {
            "allowedIPs": None, "applicationId": 1000 + len(self.applications), "application": application,
            "creation": stamp(time.time()), "credentialId": 5000 + len(self.credentials),
            "expiration": None, "lastUse": None, "ovhSupport": False, "rules": rules,
            "status": status}
        return key


def path_allowed(rules, method, path):
    """'*' stands for anything, slashes too; '/x/*' does not cover '/x'."""
    for rule in rules:
        pattern = re.escape(rule["path"]).replace(r"\*", ".*")
        if rule["method"] == method and re.fullmatch(pattern, path):
            return True
    return False


def signature(secret, consumer, method, url, body, timestamp):
    text = b"+".join([secret.encode(), consumer.encode(), method.encode(), url.encode(), body,
                      timestamp.encode()])
    return "$1$" + hashlib.sha1(text).hexdigest()


def check_signed(world, call, urls):
    """Application, consumer key, time, signature, rules; in the order in which OVH complains."""
    get = call.headers.get
    application, consumer = get("X-Ovh-Application"), get("X-Ovh-Consumer")
    if not application:
        raise gate(401, "NOT_CREDENTIAL", "You must login first")
    secret = world.accounts.applications.get(application)
    if secret is None:
        raise gate(403, "INVALID_KEY", "This application key is invalid")
    if not consumer:
        raise gate(403, "NOT_CREDENTIAL", "You must login first")
    credential = world.accounts.credentials.get(consumer)
    if credential is None or credential["application"] != application:
        raise gate(403, "INVALID_CREDENTIAL", "This credential does not exist")
    if credential["status"] != "validated":
        raise gate(403, "INVALID_CREDENTIAL", "This credential is not valid")
    timestamp = get("X-Ovh-Timestamp") or ""
    if not re.fullmatch(r"\d{1,12}", timestamp) or abs(int(timestamp) - world.now()) > SKEW:
        raise gate(400, "QUERY_TIME_OUT", "Query out of time")
    given = get("X-Ovh-Signature") or ""
    wanted = [signature(secret, consumer, call.method, url, call.raw_body, timestamp) for url in urls]
    if not any(hmac.compare_digest(given.encode(), one.encode()) for one in wanted):
        raise gate(400, "INVALID_SIGNATURE", "Invalid signature")
    if not call.path.startswith("/auth/") and \
            not path_allowed(credential["rules"], call.method, call.path):
        raise gate(403, "NOT_GRANTED_CALL", "This call has not been granted")
    credential["lastUse"] = stamp(world.now())
    return credential


def check_bearer(world, call, action):
    token = call.headers["Authorization"].partition(" ")[2]
    client, end = world.accounts.tokens.get(token, (None, 0))
    if client is None or world.now() >= end:
        raise gate(401, "INVALID_TOKEN", "This token is not valid or has expired")
    allowed = world.accounts.clients[client]["actions"]
    if action and not any(fnmatch.fnmatchcase(action, one) for one in allowed):
        raise denied_by_iam([action])


def authenticate(world, call, urls, action):
    """Lets a call in, or raises."""
    if call.headers.get("Authorization", "").startswith("Bearer "):
        check_bearer(world, call, action)
        call.credential = None
    else:
        call.credential = check_signed(world, call, urls)


def token_request(world, headers, body):
    """The token server. Its errors are OAuth2's, not the API's."""
    form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    client, secret = form.get("client_id"), form.get("client_secret")
    basic = headers.get("Authorization", "")
    if basic.startswith("Basic "):
        client, _, secret = base64.b64decode(basic[6:]).decode().partition(":")
    failed = world.accounts.oauth_error_status
    if not headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        raise ApiError(failed, {"error": "invalid_request"})
    if form.get("grant_type") != "client_credentials":
        raise ApiError(failed, {"error": "unsupported_grant_type"})
    known = world.accounts.clients.get(client)
    if known is None or known["secret"] != secret:
        raise ApiError(failed, {"error": "invalid_client",
                                "error_description": "Client authentication failed"})
    token = secrets.token_urlsafe(32)
    world.accounts.tokens[token] = (client, world.now() + world.accounts.token_life)
    return {"access_token": token, "token_type": "Bearer", "scope": form.get("scope", "all"),
            "expires_in": world.accounts.token_life - 1}


@route("GET", "/auth/time", auth=False)
def auth_time(world, call):
    return int(world.now())


@route("POST", "/auth/credential", auth=False, fields=("accessRules*", "redirection", "allowedIPs"))
def auth_credential(world, call):
    application = call.headers.get("X-Ovh-Application")
    if application not in world.accounts.applications:
        raise gate(403, "INVALID_KEY", "This application key is invalid")
    rules = call.fields["accessRules"]
    if not isinstance(rules, list) or not rules:
        raise bad("accessRules must be a list")
    for rule in rules:
        if rule.get("method") not in METHODS or not str(rule.get("path", "")).startswith("/"):
            raise bad("accessRules: a method and a path are needed")
    key = world.accounts.credential(application, rules)
    return {"consumerKey": key, "state": "pendingValidation",
            "validationUrl": f"{world.base_url}/auth/?credentialToken={key}"}


@route("GET", "/auth/", auth=False, query=("credentialToken",))
def auth_page(world, call):
    """What a person does in the browser: log in and agree."""
    credential = world.accounts.credentials.get(call.query.get("credentialToken"))
    if credential is None:
        raise gate(403, "INVALID_CREDENTIAL", "This credential does not exist")
    credential["status"] = "validated"
    return None


@route("GET", "/auth/currentCredential")
def auth_current(world, call):
    if call.credential is None:
        raise gate(403, "NOT_CREDENTIAL", "You must login first")
    return {name: value for name, value in call.credential.items() if name != "application"}


@route("GET", "/auth/details")
def auth_details(world, call):
    return {"account": "ab12345-ovh", "allowedRoutes": None, "description": "double",
            "identities": ["urn:v1:eu:identity:account:ab12345-ovh"], "method": "account",
            "roles": [], "user": None}


@route("POST", "/auth/logout")
def auth_logout(world, call):
    if call.credential is not None:
        call.credential["status"] = "expired"
    return None
