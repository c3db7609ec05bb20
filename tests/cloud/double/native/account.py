"""/me, the keys and service accounts of /me/api, and the catalogue of prices."""
import secrets

from ..cloud.flavors import FLAVORS, VOLUME_TYPES
from ..errors import bad, not_found
from ..routes import route
from .common import check_enum

SUBSIDIARIES = ("ASIA", "AU", "CA", "CZ", "DE", "ES", "EU", "FI", "FR", "GB", "IE", "IN", "IT", "LT", "MA", "NL",
                "PL", "PT", "QC", "SG", "SN", "TN", "US", "WE", "WS")
ME = "account:apiovh:"


@route("GET", "/me", action=ME + "me/get")
def me(world, call):
    return {"nichandle": "ab12345-ovh", "customerCode": "1234-5678-90", "email": "somebody@example.com",
            "spareEmail": None, "firstname": "Some", "name": "Body", "legalform": "individual",
            "organisation": "", "country": "FR", "ovhSubsidiary": "FR", "ovhCompany": "ovh",
            "language": "fr_FR", "state": "complete", "kycValidated": True, "vat": "", "phone": "+33.100000000",
            "phoneCountry": "FR", "fax": "", "address": "", "area": "", "city": "", "zip": "", "sex": None,
            "birthCity": "", "birthDay": None, "companyNationalIdentificationNumber": None,
            "corporationType": None, "currency": {"code": "EUR", "symbol": "€"},
            "italianSDI": None, "nationalIdentificationNumber": None, "phoneType": None, "purposeOfPurchase": None,
            "complementaryAddress": None, "iam": {"id": "00000000-0000-4000-8000-00000000000a",
                                                  "urn": "urn:v1:eu:resource:account:ab12345-ovh"}}


# --- keys --------------------------------------------------------------------------------------------------------


@route("GET", "/me/api/application", action=ME + "me/api/application/get")
def applications(world, call):
    return list(range(1000, 1000 + len(world.accounts.applications)))


@route("GET", "/me/api/application/{applicationId}", action=ME + "me/api/application/get")
def application_get(world, call, applicationId):
    keys = list(world.accounts.applications)
    place = int(applicationId) - 1000 if applicationId.isdigit() else -1
    if not 0 <= place < len(keys):
        raise not_found("The requested object (applicationId = %s) does not exist" % applicationId)
    return {"applicationId": int(applicationId), "applicationKey": keys[place], "name": "kbuild",
            "description": "kbuild", "status": "active"}


@route("GET", "/me/api/credential", action=ME + "me/api/credential/get", query=("applicationId", "status"))
def credentials(world, call):
    status = call.query.get("status")
    return [c["credentialId"] for c in world.accounts.credentials.values() if status in (None, c["status"])]


def find_credential(world, id):
    for key, one in world.accounts.credentials.items():
        if str(one["credentialId"]) == id:
            return key, one
    raise not_found("The requested object (credentialId = %s) does not exist" % id)


@route("GET", "/me/api/credential/{credentialId}", action=ME + "me/api/credential/get")
def credential_get(world, call, credentialId):
    return {k: v for k, v in find_credential(world, credentialId)[1].items() if k != "application"}


@route("DELETE", "/me/api/credential/{credentialId}", action=ME + "me/api/credential/delete")
def credential_delete(world, call, credentialId):
    del world.accounts.credentials[find_credential(world, credentialId)[0]]


# --- service accounts --------------------------------------------------------------------------------------------


@route("GET", "/me/api/oauth2/client", action=ME + "me/api/oauth2/client/get")
def clients(world, call):
    return sorted(world.accounts.clients)


def client_shown(world, id):
    one = world.accounts.clients[id]
    return {"clientId": id, "name": one.get("name", id), "description": one.get("description", ""),
            "flow": "CLIENT_CREDENTIALS", "callbackUrls": [], "createdAt": "2026-01-01T00:00:00+00:00",
            "identity": f"urn:v1:eu:identity:credential:ab12345-ovh/oauth2-{id}"}


@route("GET", "/me/api/oauth2/client/{clientId}", action=ME + "me/api/oauth2/client/get")
def client_get(world, call, clientId):
    if clientId not in world.accounts.clients:
        raise not_found("The requested object (clientId = %s) does not exist" % clientId)
    return client_shown(world, clientId)


@route("POST", "/me/api/oauth2/client", action=ME + "me/api/oauth2/client/create",
       fields=("name*", "description*", "flow*", "callbackUrls"))
def client_create(world, call):
    check_enum("flow", call.fields["flow"], ("CLIENT_CREDENTIALS", "AUTHORIZATION_CODE"),
               "api.ClientFlowEnum")
    id, secret = secrets.token_hex(8), secrets.token_hex(16)
    world.accounts.clients[id] = {"secret": secret, "actions": [], "name": call.fields["name"],
                                  "description": call.fields["description"]}
    return {"clientId": id, "clientSecret": secret}


@route("POST", "/v2/iam/policy", action=ME + "iam/policy/create",
       fields=("name*", "description", "identities*", "resources*", "permissions*", "permissionsGroups",
               "expiredAt", "conditions"))
def policy_create(world, call):
    actions = [a.get("action") for a in (call.fields["permissions"] or {}).get("allow", [])]
    for identity in call.fields["identities"]:
        client = world.accounts.clients.get(identity.rpartition("/oauth2-")[2])
        if client is None:
            raise bad(f"unknown identity {identity}")
        client["actions"] = sorted(set(client["actions"]) | set(actions))
    return dict({k: call.fields.get(k) for k in ("name", "description", "identities", "resources", "permissions")},
                id=secrets.token_hex(16), owner="ab12345-ovh", readOnly=False,
                createdAt="2026-01-01T00:00:00Z", updatedAt=None)


# --- prices -------------------------------------------------------------------------------------------------------


def pricing(price, unit, capacities=("consumption",)):
    return {"capacities": list(capacities), "commitment": 0, "description": f"{unit}ly", "interval": 1,
            "intervalUnit": unit, "minimumQuantity": 1, "maximumQuantity": None, "minimumRepeat": 1,
            "maximumRepeat": None, "mode": "default", "mustBeCompleted": False, "price": price, "phase": 0,
            "strategy": "tiered", "tax": price * 20 // 100, "type": "consumption"}


def addon(code, name, price, unit):
    return {"planCode": code, "invoiceName": name, "product": "publiccloud-instance", "pricingType": "consumption",
            "consumptionConfiguration": {"billingStrategy": "post_paid", "pingEndPolicy": None,
                                         "prorataUnit": unit},
            "pricings": [pricing(price, unit)], "addonFamilies": [], "blobs": None, "configurations": [],
            "family": None, "adjustedPrice": None}


@route("GET", "/order/catalog/public/cloud", auth=False, query=("ovhSubsidiary", "productName"))
def catalog(world, call):
    subsidiary = call.query.get("ovhSubsidiary")
    if subsidiary is None:
        raise bad("Missing parameter(s): ovhSubsidiary")
    check_enum("ovhSubsidiary", subsidiary, SUBSIDIARIES, "nichandle.OvhSubsidiaryEnum")
    addons = []
    for name, _, _, _, _, _, hour, month in FLAVORS:
        addons.append(addon(f"{name}.consumption", name, hour, "hour"))
        if name.startswith("b2"):
            addons.append(addon(f"{name}.monthly.postpaid", name, month, "month"))
    addons += [addon(f"volume.{name}.consumption", name, price, "hour") for name, price in VOLUME_TYPES]
    addons += [addon(f"volume.{name}.consumption.3AZ", name, 2 * price, "hour") for name, price in VOLUME_TYPES]
    addons += [addon("snapshot.consumption", "snapshot", 1_500, "hour")]
    money = {"GB": "GBP", "PL": "PLN", "CZ": "CZK", "CA": "CAD", "US": "USD", "MA": "MAD", "TN": "TND",
             "SN": "XOF"}.get(subsidiary, "EUR")
    return {"catalogId": 4321, "locale": {"currencyCode": money, "subsidiary": subsidiary, "taxRate": 20},
            "plans": [{"planCode": "project.2018", "invoiceName": "Public Cloud project", "addonFamilies": [
                {"name": "instance", "addons": [a["planCode"] for a in addons], "mandatory": False,
                 "exclusive": False, "default": None}], "pricings": [], "configurations": [], "product": "project",
                "pricingType": "consumption", "family": None, "blobs": None, "consumptionConfiguration": None}],
            "addons": addons, "products": [], "planFamilies": []}
