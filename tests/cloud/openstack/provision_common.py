"""What the provisioning scripts share: a session as the administrator of the lab. Runs inside its root."""
import os
from pathlib import Path

import requests

STATE = Path(os.environ["LAB_STATE"])
PASSWORD = (STATE / "password").read_text().strip()
KEYSTONE = os.environ["LAB_KEYSTONE"]


class Session(requests.Session):
    """One connection per request: uWSGI closes after each answer, and may not say so."""

    def __init__(self, user="admin", project="admin"):
        super().__init__()
        self.trust_env = False
        answer = self.request("POST", KEYSTONE + "/auth/tokens", json={"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": user, "domain": {"name": "Default"}, "password": PASSWORD}}},
            "scope": {"project": {"name": project, "domain": {"name": "Default"}}}}})
        self.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
        self.token = answer.json()["token"]

    def request(self, method, url, *args, absent=None, **more):
        try:
            answer = super().request(method, url, *args, **more)
        finally:
            self.close()
        if answer.status_code == 404 and absent is not None:
            return absent
        if answer.status_code >= 400:
            raise SystemExit(f"{method} {url}: {answer.status_code}\n{answer.text}")
        return answer

    def ensure(self, where, key, want, **more):
        """The first object that has these values, made with these and more when there is none."""
        collection = where.rsplit("/", 1)[1].replace("-", "_")
        found = self.get(where, params=want).json()[collection]
        return found[0] if found else self.post(where, json={key: dict(want, **more)}).json()[key]
