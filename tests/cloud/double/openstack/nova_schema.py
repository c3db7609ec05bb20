"""What a request to make a server may say, by microversion (nova/api/openstack/compute/schemas/servers.py)."""
import base64
import binascii
import re
import uuid

NAME = re.compile(r"^(?!\s)[\s\S]*(?<!\s)$")
META = (re.compile(r"^[a-zA-Z0-9-_:. ]{1,255}$"), {"type": "string", "max": 255})
TEXT = {"type": "string", "min": 1, "max": 255}
BOOLEAN = {"any": [{"type": "boolean"}, {"enum": [True, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes",
                                                  "yes", "t", "T", "y", "Y", False, "False", "FALSE", "false",
                                                  "0", "OFF", "Off", "off", "NO", "No", "no", "f", "F", "n",
                                                  "N"]}],
           "words": "%r is not one of [True, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes', "
                    "'y', 't', False, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no', "
                    "'n', 'f']"}
TRUE = ("true", "1", "on", "yes", "t", "y")
NUMBER = {"any": [{"type": "integer"}, {"type": "string", "match": re.compile("^[0-9]+$")}]}


def is_uuid(text):
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def is_base64(text):
    try:
        base64.b64decode(text.encode())
    except (ValueError, binascii.Error):
        return False
    return True


def truth(value):
    return value is True or str(value).lower() in TRUE


UUID = {"type": "string", "format": ("uuid", is_uuid)}
USER_DATA = {"type": "string", "format": ("base64", is_base64), "max": 65535}
TAG = {"type": "string", "min": 1, "max": 60, "match": re.compile("^[^,/]*$")}
TAGS = {"type": "array", "most": 50, "unique": True, "items": TAG}
METADATA = {"type": "object", "others": META}


def network(minor):
    properties = {"fixed_ip": {"type": "string"}, "port": {"any": [UUID, {"type": "null"}]}, "uuid": UUID}
    if minor >= 42 or minor in range(32, 37):
        properties["tag"] = TAG
    return {"type": "object", "properties": properties}


def mapping(minor):
    """An element of block_device_mapping_v2."""
    properties = {name: {"type": "string"} for name in
                  ("device_name", "disk_bus", "guest_format", "device_type", "uuid", "snapshot_id", "volume_id",
                   "image_id", "volume_size_text")}
    properties.update({
        "source_type": {"type": "string", "enum": ["volume", "image", "snapshot", "blank"]},
        "destination_type": {"type": "string", "enum": ["local", "volume"]},
        "boot_index": {"any": [{"type": "null"}, {"type": "integer"},
                               {"type": "string", "match": re.compile("^-?[0-9]+$")}]},
        "volume_size": NUMBER, "delete_on_termination": BOOLEAN, "no_device": {}})
    if minor >= 42 or minor in range(32, 37):
        properties["tag"] = TAG
    if minor >= 67:
        properties["volume_type"] = {"any": [{"type": "null"}, TEXT]}
    return {"type": "object", "properties": properties}


def create(minor):
    properties = {
        "name": {"type": "string", "min": 1, "max": 255, "match": NAME},
        "imageRef": {"any": [UUID, {"type": "string", "max": 0}], "words": "%r is not valid under any of the given schemas"},
        "flavorRef": {"any": [{"type": "string", "min": 1}, {"type": "integer"}]},
        "adminPass": {"type": "string"}, "metadata": METADATA,
        "networks": {"any": [{"type": "array", "items": network(minor)}] +
                     ([{"type": "string", "enum": ["none", "auto"]}] if minor >= 37 else [])},
        "OS-DCF:diskConfig": {"type": "string", "enum": ["AUTO", "MANUAL"]},
        "accessIPv4": {"type": "string"}, "accessIPv6": {"type": "string"},
        "availability_zone": TEXT, "config_drive": BOOLEAN, "key_name": TEXT, "min_count": NUMBER,
        "max_count": NUMBER, "return_reservation_id": BOOLEAN,
        "security_groups": {"type": "array", "items": {"type": "object", "properties": {"name": TEXT}}},
        "user_data": USER_DATA, "block_device_mapping": {"type": "array"},
        "block_device_mapping_v2": {"type": "array", "items": mapping(minor)}}
    if minor < 57:
        properties["personality"] = {"type": "array"}
    if minor >= 19:
        properties["description"] = {"type": ["string", "null"], "max": 255}
    if minor >= 52:
        properties["tags"] = TAGS
    if minor >= 63:
        properties["trusted_image_certificates"] = {"type": ["array", "null"]}
    if minor >= 74:
        properties.update({"host": {"type": "string"}, "hypervisor_hostname": {"type": "string"}})
    if minor >= 90:
        properties["hostname"] = {"type": "string", "min": 2, "max": 63,
                                  "match": re.compile("^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$")}
    required = ["name", "flavorRef"] + (["networks"] if minor >= 37 else [])
    hints = {"type": "object", "open": True}
    return {"type": "object", "required": ["server"], "properties": {
        "server": {"type": "object", "required": required, "properties": properties},
        "os:scheduler_hints": hints, "OS-SCH-HNT:scheduler_hints": hints}}


REBOOT = {"type": "object", "required": ["reboot"], "properties": {
    "reboot": {"type": "object", "required": ["type"], "properties": {
        "type": {"enum": ["HARD", "Hard", "hard", "SOFT", "Soft", "soft"]}}}}}
CONSOLE = {"type": "object", "required": ["os-getConsoleOutput"], "properties": {
    "os-getConsoleOutput": {"type": "object", "properties": {
        "length": {"type": ["integer", "string", "null"], "match": re.compile("^-?[0-9]+$")}}}}}


def attach(minor):
    properties = {"volumeId": UUID, "device": {"type": ["string", "null"]}}
    if minor >= 49:
        properties["tag"] = TAG
    if minor >= 79:
        properties["delete_on_termination"] = BOOLEAN
    return {"type": "object", "required": ["volumeAttachment"], "properties": {
        "volumeAttachment": {"type": "object", "required": ["volumeId"], "properties": properties}}}


def keypair(minor):
    properties = {"name": {"type": "string", "min": 1, "max": 255, "match": re.compile(r"^[a-zA-Z0-9 \-_@.:]+$")},
                  "public_key": {"type": "string"}}
    if minor >= 2:
        properties["type"] = {"type": "string", "enum": ["ssh", "x509"]}
    if minor >= 10:
        properties["user_id"] = {"type": "string"}
    return {"type": "object", "required": ["keypair"], "properties": {
        "keypair": {"type": "object", "required": ["name"], "properties": properties}}}


METADATA_BODY = {"type": "object", "required": ["metadata"], "properties": {"metadata": METADATA}}
