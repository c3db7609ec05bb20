"""
The requests of test_alike.py, in order. OVH is not plain OpenStack: what the double does otherwise on purpose (its
default security group, its flavors, its releases) is not asked here.
"""
from alike import Step

NOBODY = "11111111-2222-3333-4444-555555555555"
HTML = {"Accept": "*/*"}
JSON = {"Accept": "application/json"}
OCTETS = {"Content-Type": "application/octet-stream"}
PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
NAME = "d-alike"


def v(minor):
    return {"OpenStack-API-Version": f"compute 2.{minor}"}


def auth(**identity):
    return {"auth": {"identity": identity}}


def login(password="<password>", project="<project>"):
    return dict(auth(methods=["password"], password={"user": {
        "name": "<user>", "domain": {"name": "Default"}, "password": password}})["auth"],
        scope={"project": {"id": project}})


IDENTITY = [
    Step("versions", "identity", "GET", "^/", headers={"X-Auth-Token": None}),
    Step("version 3", "identity", "GET", "^/v3", headers={"X-Auth-Token": None}),
    Step("a token", "identity", "POST", "/auth/tokens", {"auth": login()}, {"X-Auth-Token": None},
         keep={"other": "token.audit_ids.0"}, but=("catalog", "roles")),
    Step("a wrong password", "identity", "POST", "/auth/tokens", {"auth": login("wrong")}, {"X-Auth-Token": None}),
    Step("an unknown project", "identity", "POST", "/auth/tokens", {"auth": login(project="0" * 32)},
         {"X-Auth-Token": None}),
    Step("an unknown credential", "identity", "POST", "/auth/tokens", auth(
        methods=["application_credential"], application_credential={"id": "0" * 32, "secret": "x"}),
        {"X-Auth-Token": None}),
    Step("no body", "identity", "POST", "/auth/tokens", {}, {"X-Auth-Token": None}),
    Step("no JSON", "identity", "POST", "/auth/tokens", b"{", {"X-Auth-Token": None}),
    Step("an unknown token, looked at", "identity", "GET", "/auth/tokens", headers={"X-Subject-Token": "nonsense"}),
    Step("a token, looked at", "identity", "GET", "/auth/tokens", headers={"X-Subject-Token": "<token>"},
         but=("catalog", "roles")),
    Step("no token", "identity", "GET", "/auth/tokens", headers={"X-Auth-Token": None}),
    Step("no such path", "identity", "GET", "/nothing"),
    Step("an application credential", "identity", "POST", "/users/<user_id>/application_credentials",
         {"application_credential": {"name": NAME}}, keep={"credential": "application_credential.id",
                                                           "secret": "application_credential.secret"},
         but=("roles", "system")),
    Step("the same again", "identity", "POST", "/users/<user_id>/application_credentials",
         {"application_credential": {"name": NAME}}),
    Step("a token by it", "identity", "POST", "/auth/tokens", auth(
        methods=["application_credential"], application_credential={"id": "<credential>", "secret": "<secret>"}),
        {"X-Auth-Token": None}, but=("catalog", "roles")),
    Step("it is removed", "identity", "DELETE", "/users/<user_id>/application_credentials/<credential>"),
]

RAW = {"name": NAME, "disk_format": "raw", "container_format": "bare", "visibility": "private", "min_disk": 1,
       "kbuild_digest": "abc", "hw_disk_bus": "scsi"}

IMAGE = [
    Step("versions", "image", "GET", "^/", headers={"X-Auth-Token": None}, but=("versions",)),
    Step("no token, HTML", "image", "GET", "/images", headers=dict(HTML, **{"X-Auth-Token": None})),
    Step("no token, JSON", "image", "GET", "/images", headers=dict(JSON, **{"X-Auth-Token": None})),
    Step("a wrong token", "image", "GET", "/images", headers=dict(JSON, **{"X-Auth-Token": "nonsense"})),
    Step("made", "image", "POST", "/images", RAW, keep={"image": "id"}),
    Step("with a size", "image", "POST", "/images", dict(RAW, size=1), HTML),
    Step("with a size, JSON", "image", "POST", "/images", dict(RAW, size=1), JSON),
    Step("with a wrong format", "image", "POST", "/images", dict(RAW, disk_format="nonsense"), HTML, first=150),
    Step("with a number", "image", "POST", "/images", dict(RAW, kbuild_n=1), HTML, first=150),
    Step("with a wrong min_disk", "image", "POST", "/images", dict(RAW, min_disk="1"), HTML, first=150),
    Step("public", "image", "POST", "/images", dict(RAW, visibility="public"), HTML),
    Step("with an id that is taken", "image", "POST", "/images", dict(RAW, id="<image>"), HTML),
    Step("no JSON", "image", "POST", "/images", b"{", HTML),
    Step("queued", "image", "GET", "/images/<image>"),
    Step("absent", "image", "GET", f"/images/{NOBODY}", headers=HTML),
    Step("download of nothing", "image", "GET", "/images/<image>/file", headers=HTML),
    Step("upload as JSON", "image", "PUT", "/images/<image>/file", b"x", dict(HTML, **{
        "Content-Type": "application/json"})),
    Step("upload", "image", "PUT", "/images/<image>/file", b"0123456789" * 1000, OCTETS),
    Step("active", "image", "GET", "/images/<image>", until=("status", "active"), but=("virtual_size", "stores")),
    Step("upload again", "image", "PUT", "/images/<image>/file", b"x", dict(HTML, **OCTETS)),
    Step("upload to an absent one", "image", "PUT", f"/images/{NOBODY}/file", b"x", dict(HTML, **OCTETS)),
    Step("patched", "image", "PATCH", "/images/<image>", [{"op": "replace", "path": "/name", "value": NAME + "2"},
                                                          {"op": "add", "path": "/extra", "value": "x"}], PATCH,
         but=("virtual_size", "stores")),
    Step("patched with a wrong type", "image", "PATCH", "/images/<image>", [], HTML),
    Step("patched: read only", "image", "PATCH", "/images/<image>", [{"op": "replace", "path": "/status",
                                                                      "value": "x"}], dict(HTML, **PATCH)),
    Step("patched: no such property", "image", "PATCH", "/images/<image>", [{"op": "remove", "path": "/none"}],
         dict(HTML, **PATCH)),
    Step("list by property", "image", "GET", "/images?kbuild_digest=abc&limit=1&sort=created_at:desc",
         but=("virtual_size", "stores", "first", "next")),
    Step("list of none", "image", "GET", "/images?name=nobody-has-this"),
    Step("a wrong limit", "image", "GET", "/images?limit=x", headers=HTML),
    Step("a wrong marker", "image", "GET", f"/images?marker={NOBODY}", headers=HTML),
    Step("a wrong sort key", "image", "GET", "/images?sort=nonsense:desc", headers=HTML),
    Step("import methods", "image", "GET", "/info/import"),
    Step("usage", "image", "GET", "/info/usage", headers=HTML),
    Step("import of what is active", "image", "POST", "/images/<image>/import",
         {"method": {"name": "glance-direct"}}, HTML),
    Step("protected", "image", "PATCH", "/images/<image>", [{"op": "replace", "path": "/protected",
                                                             "value": True}], PATCH,
         but=("virtual_size", "stores")),
    Step("protected, deleted", "image", "DELETE", "/images/<image>", headers=HTML),
    Step("unprotected", "image", "PATCH", "/images/<image>", [{"op": "replace", "path": "/protected",
                                                               "value": False}], PATCH,
         but=("virtual_size", "stores")),
    Step("absent, deleted", "image", "DELETE", f"/images/{NOBODY}", headers=HTML),
    Step("no such path", "image", "GET", "/nothing", headers=HTML),
]

NETWORK = [
    Step("versions", "network", "GET", "^/", headers={"X-Auth-Token": None}),
    Step("no token", "network", "GET", "/networks", headers=dict(JSON, **{"X-Auth-Token": None})),
    Step("the public network", "network", "GET", "/networks?name=Ext-Net", keep={"network": "networks.0.id"},
         but=("l2_adjacency", "is_default", "availability_zones")),
    Step("subnets", "network", "GET", "/subnets?network_id=<network>", but=("dns_nameservers", "ipv6_ra_mode",
                                                                            "ipv6_address_mode")),
    Step("an absent network", "network", "GET", f"/networks/{NOBODY}"),
    Step("a group", "network", "POST", "/security-groups", {"security_group": {
        "name": NAME, "description": "kbuild:server=web"}}, keep={"group": "security_group.id"}),
    Step("groups by name", "network", "GET", f"/security-groups?name={NAME}"),
    Step("groups by name, one field", "network", "GET", f"/security-groups?name={NAME}&fields=id"),
    Step("an unknown field", "network", "POST", "/security-groups", {"security_group": {"nonsense": 1}}),
    Step("a body of something else", "network", "POST", "/security-groups", {"x": 1}),
    Step("no JSON", "network", "POST", "/security-groups", b"{"),
    Step("a rule", "network", "POST", "/security-group-rules", {"security_group_rule": {
        "security_group_id": "<group>", "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
        "port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": "0.0.0.0/0"}},
        keep={"rule": "security_group_rule.id"}),
    Step("the same rule", "network", "POST", "/security-group-rules", {"security_group_rule": {
        "security_group_id": "<group>", "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
        "port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": "0.0.0.0/0"}}),
    Step("ports the wrong way round", "network", "POST", "/security-group-rules", {"security_group_rule": {
        "security_group_id": "<group>", "direction": "ingress", "protocol": "tcp", "port_range_min": 23,
        "port_range_max": 22}}),
    Step("ports without protocol", "network", "POST", "/security-group-rules", {"security_group_rule": {
        "security_group_id": "<group>", "direction": "ingress", "port_range_min": 22, "port_range_max": 22}}),
    Step("a wrong direction", "network", "POST", "/security-group-rules", {"security_group_rule": {
        "security_group_id": "<group>", "direction": "nonsense"}}),
    Step("a prefix of the other kind", "network", "POST", "/security-group-rules", {"security_group_rule": {
        "security_group_id": "<group>", "direction": "ingress", "ethertype": "IPv6",
        "remote_ip_prefix": "0.0.0.0/0"}}),
    Step("no prefix at all", "network", "POST", "/security-group-rules", {"security_group_rule": {
        "security_group_id": "<group>", "direction": "ingress", "remote_ip_prefix": "nonsense"}}),
    Step("of an absent group", "network", "POST", "/security-group-rules", {"security_group_rule": {
        "security_group_id": NOBODY, "direction": "ingress"}}),
    Step("several rules", "network", "POST", "/security-group-rules", {"security_group_rules": [
        {"security_group_id": "<group>", "direction": "ingress", "protocol": "tcp", "port_range_min": p,
         "port_range_max": p} for p in (80, 443)]}),
    Step("several rules, one there already", "network", "POST", "/security-group-rules", {"security_group_rules": [
        {"security_group_id": "<group>", "direction": "ingress", "protocol": "udp", "port_range_min": 443,
         "port_range_max": 443},
        {"security_group_id": "<group>", "direction": "ingress", "protocol": "tcp", "port_range_min": 80,
         "port_range_max": 80}]}),
    Step("several rules, none valid", "network", "POST", "/security-group-rules", {"security_group_rules": []}),
    Step("rules of the group", "network", "GET", "/security-group-rules?security_group_id=<group>"),
    Step("an absent rule", "network", "GET", f"/security-group-rules/{NOBODY}"),
    Step("an absent group", "network", "GET", f"/security-groups/{NOBODY}"),
    Step("an absent group, deleted", "network", "DELETE", f"/security-groups/{NOBODY}"),
    Step("an absent port", "network", "GET", f"/ports/{NOBODY}"),
    Step("a port", "network", "POST", "/ports", {"port": {"network_id": "<network>", "name": NAME,
                                                          "security_groups": ["<group>"]}},
         keep={"port": "port.id"}, but=("qos_network_policy_id", "resource_request", "ip_allocation", "status",
                                        "binding:vnic_type", "revision_number")),
    Step("a group in use, deleted", "network", "DELETE", "/security-groups/<group>"),
    Step("the port, deleted", "network", "DELETE", "/ports/<port>"),
    Step("quotas", "network", "GET", "/quotas/<project>", but=("trunk",)),
    Step("no such path", "network", "GET", "/nothing"),
]

# What only administrators see, and the lab's user is one where Cinder's old policies ask.
HOST = ("os-vol-host-attr:host", "os-vol-mig-status-attr:migstat", "os-vol-mig-status-attr:name_id")

VOLUME = [
    Step("versions", "volume", "GET", "^/", headers={"X-Auth-Token": None}),
    Step("no token", "volume", "GET", "/volumes", headers=dict(JSON, **{"X-Auth-Token": None})),
    Step("a volume", "volume", "POST", "/volumes", {"volume": {"size": 1, "name": NAME, "volume_type": "classic",
                                                              "metadata": {"kbuild:server": "web"}}},
         keep={"volume": "volume.id"}),
    Step("available", "volume", "GET", "/volumes/<volume>", until=("volume.status", "available"),
         but=HOST),
    Step("list", "volume", "GET", f"/volumes?name={NAME}"),
    Step("detailed list", "volume", "GET", f"/volumes/detail?name={NAME}",
         but=HOST),
    Step("without a size", "volume", "POST", "/volumes", {"volume": {"name": NAME}}),
    Step("of size 0", "volume", "POST", "/volumes", {"volume": {"size": 0}}),
    Step("of size x", "volume", "POST", "/volumes", {"volume": {"size": "x"}}),
    Step("an unknown field", "volume", "POST", "/volumes", {"volume": {"size": 1, "nonsense": 1}},
         keep={"second": "volume.id"}),
    Step("the second", "volume", "GET", "/volumes/<second>", until=("volume.status", "available"), but=HOST),
    Step("the second, deleted", "volume", "DELETE", "/volumes/<second>"),
    Step("no body", "volume", "POST", "/volumes", {}),
    Step("an unknown type", "volume", "POST", "/volumes", {"volume": {"size": 1, "volume_type": "nonsense"}}),
    Step("too large", "volume", "POST", "/volumes", {"volume": {"size": 100000}}, but=("message",)),
    Step("absent", "volume", "GET", f"/volumes/{NOBODY}"),
    Step("absent, deleted", "volume", "DELETE", f"/volumes/{NOBODY}"),
    Step("limits", "volume", "GET", "/limits", but=("rate",)),
    Step("types", "volume", "GET", "/types", but=("description",)),
    Step("zones", "volume", "GET", "/os-availability-zone"),
    Step("no such path", "volume", "GET", "/nothing", headers=HTML),
]

SERVER = {"name": NAME, "flavorRef": "<flavor>", "imageRef": "<image>", "networks": [{"uuid": "<network>"}]}
ADMIN = ("OS-EXT-SRV-ATTR:hostname",)


def server(**more):
    return {"server": dict(SERVER, **more)}


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEQF3UEFgmfgIFgFrm8Zvv/EqTgMUNXu3eo7K34gHUSF x"

COMPUTE = [
    Step("versions", "compute", "GET", "^/", headers={"X-Auth-Token": None}),
    Step("version 2.1", "compute", "GET", "^/v2.1/", headers={"X-Auth-Token": None}),
    Step("no token", "compute", "GET", "/servers", headers=dict(JSON, **{"X-Auth-Token": None})),
    Step("flavors", "compute", "GET", "/flavors", headers=v(1), keep={"flavor": "flavors.name=b3-8.id"}),
    Step("flavors in detail", "compute", "GET", "/flavors/detail", headers=v(1)),
    Step("flavors in detail, 2.61", "compute", "GET", "/flavors/detail", headers=v(61), but=("extra_specs",)),
    Step("an absent flavor", "compute", "GET", f"/flavors/{NOBODY}"),
    Step("limits", "compute", "GET", "/limits"),
    Step("limits, 2.67", "compute", "GET", "/limits", headers=v(67)),
    Step("quotas", "compute", "GET", "/os-quota-sets/<project>", headers=v(67)),
    Step("quotas in detail", "compute", "GET", "/os-quota-sets/<project>/detail", headers=v(67)),
    Step("zones", "compute", "GET", "/os-availability-zone"),
    Step("a microversion too high", "compute", "GET", "/servers", headers=v(999), but=("message",)),
    Step("a microversion that is none", "compute", "GET", "/servers",
         headers={"OpenStack-API-Version": "compute x"}),
    Step("a key pair", "compute", "POST", "/os-keypairs", {"keypair": {"name": NAME, "public_key": KEY}}, v(2)),
    Step("the same again", "compute", "POST", "/os-keypairs", {"keypair": {"name": NAME, "public_key": KEY}}, v(2)),
    Step("a key pair of nonsense", "compute", "POST", "/os-keypairs", {"keypair": {"name": "n", "public_key": "x"}},
         v(2)),
    Step("a key pair, looked at", "compute", "GET", f"/os-keypairs/{NAME}", headers=v(2)),
    Step("key pairs", "compute", "GET", "/os-keypairs", headers=v(2)),
    Step("an absent key pair", "compute", "GET", "/os-keypairs/nobody"),
    Step("no name", "compute", "POST", "/servers", {"server": {"flavorRef": "<flavor>", "imageRef": "<image>"}}),
    Step("no networks, 2.37", "compute", "POST", "/servers", {"server": {
        "name": NAME, "flavorRef": "<flavor>", "imageRef": "<image>"}}, v(37)),
    Step("an unknown field", "compute", "POST", "/servers", server(nonsense=1)),
    Step("tags too early", "compute", "POST", "/servers", server(tags=["x"]), v(51)),
    Step("metadata of a number", "compute", "POST", "/servers", server(metadata={"a": 1})),
    Step("metadata too long", "compute", "POST", "/servers", server(metadata={"a": "x" * 256})),
    Step("user data that is no base64", "compute", "POST", "/servers", server(user_data="x")),
    Step("an absent flavor", "compute", "POST", "/servers", server(flavorRef="nobody")),
    Step("an absent image", "compute", "POST", "/servers", server(imageRef=NOBODY)),
    Step("an image that is none", "compute", "POST", "/servers", server(imageRef="nonsense")),
    Step("an absent key", "compute", "POST", "/servers", server(key_name="nobody")),
    Step("an absent network", "compute", "POST", "/servers", server(networks=[{"uuid": NOBODY}])),
    Step("an absent group", "compute", "POST", "/servers", server(security_groups=[{"name": "nobody"}])),
    Step("an absent zone", "compute", "POST", "/servers", server(availability_zone="nobody")),
    Step("an absent volume", "compute", "POST", "/servers", server(block_device_mapping_v2=[
        {"boot_index": 0, "source_type": "image", "destination_type": "local", "uuid": "<image>"},
        {"boot_index": -1, "source_type": "volume", "destination_type": "volume", "uuid": NOBODY}])),
    Step("no body", "compute", "POST", "/servers", {}),
    Step("no JSON", "compute", "POST", "/servers", b"{"),
    Step("made", "compute", "POST", "/servers", server(
        key_name=NAME, metadata={"kbuild:name": "web"}, config_drive=True, user_data="I2Nsb3VkLWNvbmZpZwo=",
        security_groups=[{"name": "<group>"}], tags=["kbuild"]), v(52), keep={"server": "server.id"}),
    Step("active", "compute", "GET", "/servers/<server>", headers=v(1), until=("server.status", "ACTIVE"), but=ADMIN),
    Step("at 2.67", "compute", "GET", "/servers/<server>", headers=v(67), but=("extra_specs",)),
    Step("at 2.72", "compute", "GET", "/servers/<server>", headers=v(72), but=("extra_specs",)),
    Step("list", "compute", "GET", f"/servers?name={NAME}"),
    Step("list in detail", "compute", "GET", f"/servers/detail?name={NAME}", headers=v(67), but=("extra_specs",)),
    Step("list of none", "compute", "GET", "/servers/detail?name=nobody-has-this"),
    Step("list with a wrong limit", "compute", "GET", "/servers?limit=x"),
    Step("list with a wrong marker", "compute", "GET", f"/servers?marker={NOBODY}"),
    Step("absent", "compute", "GET", f"/servers/{NOBODY}"),
    Step("console", "compute", "POST", "/servers/<server>/action", {"os-getConsoleOutput": {"length": 5}}),
    Step("console of x", "compute", "POST", "/servers/<server>/action", {"os-getConsoleOutput": {"length": "x"}}),
    Step("an action that is none", "compute", "POST", "/servers/<server>/action", {"nonsense": None}),
    Step("start of what runs", "compute", "POST", "/servers/<server>/action", {"os-start": None}),
    Step("a reboot of no kind", "compute", "POST", "/servers/<server>/action", {"reboot": {"type": "x"}}),
    Step("metadata", "compute", "GET", "/servers/<server>/metadata"),
    Step("metadata added", "compute", "POST", "/servers/<server>/metadata", {"metadata": {"b": "c"}}),
    Step("metadata of numbers", "compute", "POST", "/servers/<server>/metadata", {"metadata": {"b": 1}}),
    Step("absent metadata, deleted", "compute", "DELETE", "/servers/<server>/metadata/nobody"),
    Step("tags", "compute", "GET", "/servers/<server>/tags", headers=v(26)),
    Step("volume attached", "compute", "POST", "/servers/<server>/os-volume_attachments",
         {"volumeAttachment": {"volumeId": "<volume>"}}),
    Step("volume in use", "volume", "GET", "/volumes/<volume>", until=("volume.status", "in-use"), but=(*HOST, "host_name")),
    Step("volume in use, deleted", "volume", "DELETE", "/volumes/<volume>"),
    Step("attached again", "compute", "POST", "/servers/<server>/os-volume_attachments",
         {"volumeAttachment": {"volumeId": "<volume>"}}),
    Step("attachments", "compute", "GET", "/servers/<server>/os-volume_attachments"),
    Step("an absent volume attached", "compute", "POST", "/servers/<server>/os-volume_attachments",
         {"volumeAttachment": {"volumeId": NOBODY}}),
    Step("server with its volume", "compute", "GET", "/servers/<server>", headers=v(3), but=ADMIN),
    Step("an absent attachment", "compute", "GET", f"/servers/<server>/os-volume_attachments/{NOBODY}"),
    Step("an absent attachment, deleted", "compute", "DELETE", f"/servers/<server>/os-volume_attachments/{NOBODY}"),
    Step("volume detached", "compute", "DELETE", "/servers/<server>/os-volume_attachments/<volume>"),
    Step("volume available again", "volume", "GET", "/volumes/<volume>", until=("volume.status", "available"), but=HOST),
    Step("detached again", "compute", "DELETE", "/servers/<server>/os-volume_attachments/<volume>"),
    Step("ports of the server", "network", "GET", "/ports?device_id=<server>", but=(
        "qos_network_policy_id", "resource_request", "ip_allocation", "status", "binding:vnic_type", "device_owner",
        "revision_number")),
    Step("stopped", "compute", "POST", "/servers/<server>/action", {"os-stop": None}),
    Step("shut off", "compute", "GET", "/servers/<server>", headers=v(1), until=("server.status", "SHUTOFF"),
         but=ADMIN),
    Step("stop of what is stopped", "compute", "POST", "/servers/<server>/action", {"os-stop": None}),
    Step("started", "compute", "POST", "/servers/<server>/action", {"os-start": None}),
    Step("active again", "compute", "GET", "/servers/<server>", headers=v(1), until=("server.status", "ACTIVE"),
         but=ADMIN),
    Step("deleted", "compute", "DELETE", "/servers/<server>"),
    Step("gone", "compute", "GET", "/servers/<server>", until=404),
    Step("deleted again", "compute", "DELETE", "/servers/<server>"),
    Step("no such path", "compute", "GET", "/nothing", headers=HTML),
]

END = [
    Step("key pair deleted", "compute", "DELETE", f"/os-keypairs/{NAME}", headers=v(2)),
    Step("volume deleted", "volume", "DELETE", "/volumes/<volume>"),
    Step("group deleted", "network", "DELETE", "/security-groups/<group>"),
    Step("image deleted", "image", "DELETE", "/images/<image>"),
    Step("volume gone", "volume", "GET", "/volumes/<volume>", until=404),
    Step("image gone", "image", "GET", "/images/<image>", headers=HTML),
]

STEPS = IDENTITY + IMAGE + NETWORK + VOLUME + COMPUTE + END
