"""The volume types that OVH has. May run again."""
import os

from provision_common import Session


def main():
    s = Session()
    url = f"{os.environ['LAB_CINDER']}/{s.token['project']['id']}/types"
    have = {t["name"] for t in s.get(url).json()["volume_types"]}
    for name in ("classic", "high-speed"):
        if name not in have:
            s.post(url, json={"volume_type": {"name": name}})


main()
