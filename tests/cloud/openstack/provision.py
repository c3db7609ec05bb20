"""Keystone's regions, projects, users and catalogue, and the files that clients are given. May run again."""
import json
import os

import yaml
from provision_common import KEYSTONE, PASSWORD, STATE, Session

PROJECT, OTHER = "1234567890123456", "6543210987654321"
SERVICES = ("glance", "nova", "placement", "neutron", "cinder")


def people(s):
    def role(name):
        return s.ensure(KEYSTONE + "/roles", "role", {"name": name})

    def project(name, about):
        return s.ensure(KEYSTONE + "/projects", "project", {"name": name, "domain_id": "default"},
                        description=about)

    def user(name):
        return s.ensure(KEYSTONE + "/users", "user", {"name": name, "domain_id": "default"},
                        password=PASSWORD)

    def grant(where, who, what):
        s.put(f"{KEYSTONE}/projects/{where['id']}/users/{who['id']}/roles/{what['id']}")

    admin, member, reader, service = map(role, ("admin", "member", "reader", "service"))
    services = project("service", "the services themselves")
    for name in SERVICES:
        account = user(name)
        grant(services, account, admin)
        grant(services, account, service)
    first = project(PROJECT, "the first customer's project")
    second = project(OTHER, "another customer's project")
    for name, projects in (("user-one", [first]), ("user-two", [second]), ("user-both", [first, second])):
        for where in projects:
            grant(where, user(name), member)
            grant(where, user(name), reader)
    grant(first, user("user-reader"), reader)


def catalogue(s, lines):
    """Exactly these: the template's lab may have had more components than this one."""
    wanted = {line.split()[0] for line in lines}
    for service in s.get(KEYSTONE + "/services").json()["services"]:
        if service["name"] not in wanted:
            s.delete(f"{KEYSTONE}/services/{service['id']}")
    for name, kind, region, public, internal in map(str.split, lines):
        if s.get(f"{KEYSTONE}/regions/{region}", absent=0) == 0:
            s.post(KEYSTONE + "/regions", json={"region": {"id": region}})
        service = s.ensure(KEYSTONE + "/services", "service", {"name": name, "type": kind})
        for interface, url in (("public", public), ("internal", internal), ("admin", internal)):
            where = {"service_id": service["id"], "interface": interface, "region_id": region}
            endpoint = s.ensure(KEYSTONE + "/endpoints", "endpoint", where, url=url)
            if endpoint["url"] != url:
                s.patch(f"{KEYSTONE}/endpoints/{endpoint['id']}", json={"endpoint": {"url": url}})


def credential():
    """An application credential of user-one: {id, secret}. The secret is told once, so it is kept."""
    kept = STATE / "credential.json"
    if kept.exists():
        return json.loads(kept.read_text())
    s = Session("user-one", PROJECT)
    made = s.post(f"{KEYSTONE}/users/{s.token['user']['id']}/application_credentials",
                  json={"application_credential": {"name": "lab"}}).json()["application_credential"]
    key = {"id": made["id"], "secret": made["secret"]}
    save("credential.json", json.dumps(key))
    return key


def save(name, text):
    with open(os.open(STATE / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
              encoding="utf-8") as f:
        f.write(text)


def clouds(key):
    more = {"cacert": os.environ["LAB_CA"]} if os.environ["LAB_CA"] else {}
    url = os.environ["LAB_PUBLIC_KEYSTONE"]

    def cloud(user, project, region="GRA11"):
        return dict(more, region_name=region, auth={
            "auth_url": url, "username": user, "password": PASSWORD, "project_name": project,
            "user_domain_name": "Default", "project_domain_name": "Default"})
    return {"clouds": {
        "gra": cloud("user-one", PROJECT), "sbg": cloud("user-one", PROJECT, "SBG5"),
        "two": cloud("user-two", OTHER), "reader": cloud("user-reader", PROJECT),
        "admin": cloud("admin", "admin"),
        "credential": dict(more, region_name="GRA11", auth_type="v3applicationcredential", auth={
            "auth_url": url, "application_credential_id": key["id"],
            "application_credential_secret": key["secret"]})}}


def main():
    s = Session()
    people(s)
    catalogue(s, os.environ["LAB_CATALOGUE"].splitlines())
    save("clouds.yaml", yaml.safe_dump(clouds(credential()), sort_keys=False))


main()
