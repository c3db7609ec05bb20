"""
/domain/zone: records, their loose filters, what is refused, and the refresh without which nothing
that was edited is ever served.
"""
import copy
import ipaddress
import re
import time

from .errors import ApiError, bad, conflict, not_found
from .routes import route

TYPES = ("A", "AAAA", "CAA", "CNAME", "DKIM", "DMARC", "DNAME", "LOC", "MX", "NAPTR", "NS", "PTR",
         "SPF", "SRV", "SSHFP", "TLSA", "TXT")
APIOVH = "dnsZone:apiovh:"


class Zone:
    def __init__(self, name, servers=("dns104.ovh.net", "ns104.ovh.net")):
        self.name, self.servers = name, list(servers)
        self.delegated = None    # what a resolver says instead of them
        self.records = {}        # id -> record
        self.next_id = 5420906913  # as large as real ones: more than 32 bits
        self.soa = {"server": servers[0], "email": "tech.ovh.net", "serial": 2026010100,
                    "refresh": 86400, "expire": 3600000, "nxDomainTtl": 60, "ttl": 3600}
        self.published = []
        self.deploying = None    # (when it is done, the records of then)
        self.refreshes = self.dropped = 0
        self.errors, self.warnings = [], []  # of the last refresh: with errors, nothing is deployed
        # What tests turn on: counts of questions that do not yet see a new record, and so on.
        self.knobs = {"lag_get": 0, "lag_list": 0, "publish_delay": 0.0, "zero_id": False,
                      "refuse_duplicates": False, "never_deploys": False, "publishes": True}
        self.seen = {}           # id -> [gets, lists] asked since it was made
        self.publish()

    def add(self, kind, sub, target, ttl=0):
        record = {"id": self.next_id, "zone": self.name, "fieldType": kind, "subDomain": sub,
                  "target": target, "ttl": ttl}
        self.next_id += 7
        self.records[record["id"]] = record
        return record

    def publish(self):
        self.published = copy.deepcopy(sorted(self.records.values(), key=lambda r: r["id"]))
        self.soa["serial"] += 1

    def settle(self):
        """Ends a deployment whose time has come."""
        if self.deploying and time.monotonic() >= self.deploying[0]:
            if self.knobs["publishes"]:
                self.published = self.deploying[1]
                self.soa["serial"] += 1
            self.deploying = None

    def refresh(self):
        self.settle()
        self.refreshes += 1
        if self.deploying:  # one at a time; OVH drops the other without a word
            self.dropped += 1
            return
        self.errors = []
        records = copy.deepcopy(sorted(self.records.values(), key=lambda r: r["id"]))
        self.deploying = (time.monotonic() + self.knobs["publish_delay"], records)
        self.settle()

    def deployed(self):
        self.settle()
        return self.deploying is None and not self.errors and not self.knobs["never_deploys"]

    def show(self):
        self.settle()
        return {"records": sorted(self.records.values(), key=lambda r: r["id"]),
                "published": self.published, "refreshes": self.refreshes, "dropped": self.dropped,
                "serial": self.soa["serial"]}


def find_zone(world, name):
    zone = world.zones.get(name.lower())
    if zone is None:
        raise ApiError(404, {"class": "Client::NotFound", "message": "This service does not exist"})
    return zone


def find_record(zone, text):
    record = zone.records.get(int(text)) if text.isdigit() else None
    if record is None:
        raise not_found("The requested object (id = %s) does not exist" % text)
    counts = zone.seen.setdefault(record["id"], [99, 99])
    counts[0] += 1
    if counts[0] <= zone.knobs["lag_get"]:
        raise not_found("The requested object (id = %s) does not exist" % text)
    return record


def like(pattern, text):
    """SQL's LIKE without case: % and _ are wildcards. That is how loose the filters are."""
    regex = "".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in pattern)
    return re.fullmatch(regex, text, re.IGNORECASE | re.DOTALL) is not None


def check_target(kind, target):
    if not isinstance(target, str) or not target:
        raise bad(f"[target] Given data ({target}) is not valid for type string")
    try:
        if kind == "A":
            ipaddress.IPv4Address(target)
        elif kind == "AAAA":
            ipaddress.IPv6Address(target)
    except ValueError:
        raise bad(f"Invalid IP address {target}") from None
    if kind in ("TXT", "SPF", "DKIM", "DMARC") and not target.startswith('"'):
        # Comes back in quotes, in pieces of 255 bytes.
        return " ".join('"%s"' % target[i:i + 255] for i in range(0, len(target), 255))
    return target


def check_ttl(ttl):
    if ttl is None:
        return 0
    if not isinstance(ttl, int) or isinstance(ttl, bool) or (ttl != 0 and ttl < 60):
        raise bad(f"Invalid ttl {ttl}: at least 60")
    return ttl


def check_beside(zone, kind, sub, target, itself=None):
    """No CNAME beside anything; a record twice, where the zone refuses that."""
    for other in zone.records.values():
        if other["id"] == itself or other["subDomain"].lower() != sub.lower():
            continue
        if "CNAME" in (kind, other["fieldType"]):
            raise ApiError(403, {"class": "Client::Forbidden", "message":
                                 "A CNAME record cannot coexist with another record"})
        if zone.knobs["refuse_duplicates"] and \
                (other["fieldType"], other["target"]) == (kind, target):
            raise conflict("This record already exists")


@route("GET", "/domain/zone", action=APIOVH + "get")
def zones(world, call):
    return sorted(world.zones)


@route("GET", "/domain/zone/{zone}", action=APIOVH + "get")
def zone_get(world, call, zone):
    z = find_zone(world, zone)
    return {"name": z.name, "nameServers": z.servers, "dnssecSupported": True,
            "hasDnsAnycast": False, "lastUpdate": "2026-01-01T00:00:00+00:00",
            "iam": {"id": "00000000-0000-4000-8000-000000000000",
                    "urn": f"urn:v1:eu:resource:dnsZone:{z.name}"}}


@route("GET", "/domain/zone/{zone}/record", action=APIOVH + "record/get",
       query=("fieldType", "subDomain"))
def record_list(world, call, zone):
    z, found = find_zone(world, zone), []
    kind = call.query.get("fieldType")
    if kind is not None and kind not in TYPES:
        raise bad(f"[fieldType] Given data ({kind}) does not belong to the NamedResolutionFieldTypeEnum "
                  "enumeration")
    for record in sorted(z.records.values(), key=lambda r: r["id"]):
        if kind is not None and not like(kind + world.loose, record["fieldType"]):
            continue
        if call.query.get("subDomain") and \
                not like(call.query["subDomain"] + world.loose, record["subDomain"]):
            continue
        counts = z.seen.setdefault(record["id"], [99, 99])
        counts[1] += 1
        if counts[1] > z.knobs["lag_list"]:
            found.append(record["id"])
    return found


@route("POST", "/domain/zone/{zone}/record", action=APIOVH + "record/create",
       fields=("fieldType*", "target*", "subDomain", "ttl"))
def record_create(world, call, zone):
    z, f = find_zone(world, zone), call.fields
    if f["fieldType"] not in TYPES:
        raise bad(f"[fieldType] Given data ({f['fieldType']}) does not belong to the "
                  "NamedResolutionFieldTypeEnum enumeration")
    sub = f.get("subDomain") or ""
    target = check_target(f["fieldType"], f["target"])
    ttl = check_ttl(f.get("ttl"))
    check_beside(z, f["fieldType"], sub, target)
    record = z.add(f["fieldType"], sub, target, ttl)
    z.seen[record["id"]] = [0, 0]
    return dict(record, id=0) if z.knobs["zero_id"] else record


@route("GET", "/domain/zone/{zone}/record/{id}", action=APIOVH + "record/get")
def record_get(world, call, zone, id):
    return find_record(find_zone(world, zone), id)


@route("PUT", "/domain/zone/{zone}/record/{id}", action=APIOVH + "record/edit",
       fields=("subDomain", "target", "ttl"))
def record_put(world, call, zone, id):
    z = find_zone(world, zone)
    record, f = find_record(z, id), call.fields
    sub = f.get("subDomain", record["subDomain"]) or ""
    target = check_target(record["fieldType"], f.get("target", record["target"]))
    ttl = check_ttl(f.get("ttl", record["ttl"]))
    check_beside(z, record["fieldType"], sub, target, record["id"])
    record.update(subDomain=sub, target=target, ttl=ttl)
    return None


@route("DELETE", "/domain/zone/{zone}/record/{id}", action=APIOVH + "record/delete")
def record_delete(world, call, zone, id):
    z = find_zone(world, zone)
    del z.records[find_record(z, id)["id"]]
    return None


@route("POST", "/domain/zone/{zone}/refresh", action=APIOVH + "refresh")
def zone_refresh(world, call, zone):
    find_zone(world, zone).refresh()
    return None


@route("GET", "/domain/zone/{zone}/status", action=APIOVH + "status/get")
def zone_status(world, call, zone):
    z = find_zone(world, zone)
    return {"isDeployed": z.deployed(), "errors": z.errors, "warnings": z.warnings}


@route("GET", "/domain/zone/{zone}/soa", action=APIOVH + "soa/get")
def zone_soa(world, call, zone):
    return find_zone(world, zone).soa


@route("GET", "/domain/zone/{zone}/export", action=APIOVH + "export")
def zone_export(world, call, zone):
    z = find_zone(world, zone)
    lines = [f"$TTL {z.soa['ttl']}"]
    for r in sorted(z.records.values(), key=lambda r: r["id"]):
        lines.append(f"{r['subDomain'] or '@'} {r['ttl'] or ''} IN {r['fieldType']} {r['target']}")
    return "\n".join(lines) + "\n"
