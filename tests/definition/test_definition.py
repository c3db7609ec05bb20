#!/usr/bin/env python3
"""cloud-init judges what is left for first boot, and our table of its keys.

usage: test_definition.py KBUILD      (prints TAP)
"""
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
SCHEMA = Path("/usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json")
KBUILD = "kbuild: {name: x, base: {distribution: debian, release: trixie}}\n"
BAKED = """\
timezone: Europe/Brussels
locale: C.UTF-8
packages: [htop, [ncdu, "1.0"], {apt: [jq]}]
package_update: true
apt: {conf: "APT::X 1;", sources: {x.list: {source: "deb http://a.example/ $RELEASE main"}}}
users: [default, {name: x, groups: "a, b", sudo: "ALL=(ALL) ALL"}]
groups: [a, {b: [x]}]
write_files: [{path: /etc/x, content: x, permissions: "0644"}]
ntp: {servers: [a.example]}
ssh_pwauth: false
disable_root: false
ca_certs: {remove_defaults: true}
"""
LEFT = """\
hostname: web
fqdn: web.example.com
manage_etc_hosts: true
ssh_authorized_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB x]
growpart: {mode: auto, devices: [/]}
resize_rootfs: noblock
bootcmd: [echo boot, [cloud-init-per, once, x, "true"]]
runcmd:
  - 'echo "a: b"'
  - [sh, -c, "echo $HOME > /root/x"]
  - |
    if true; then
      echo two lines
    fi
mounts: [[/dev/vdb, /data, ext4, "defaults,nofail", "0", "2"]]
swap: {filename: /swapfile, size: 1G}
final_message: "up after $UPTIME"
power_state: {mode: reboot, message: bye, condition: true}
phone_home: {url: "https://a.example/$INSTANCE_ID", post: all}
chpasswd: {expire: false}
random_seed: {file: /dev/urandom, data: abc}
"""


def run(kbuild, *words):
    return subprocess.run([kbuild, *words], capture_output=True, text=True)


def residual(kbuild, path):
    done = run(kbuild, "explain", "--user-data", str(path))
    assert done.returncode == 0, done.stderr
    return done.stdout


def judged(text):
    """What cloud-init says about user-data; None when it is content."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(text)
        f.flush()
        done = subprocess.run(["cloud-init", "schema", "-c", f.name], capture_output=True, text=True)
    said = done.stdout + done.stderr
    return None if done.returncode == 0 and "Valid cloud-config" in said else said + text


def images_leave_valid_user_data(kbuild):
    for image in sorted((SOURCE / "images").glob("*.yaml")):
        said = judged(residual(kbuild, image))
        assert said is None, said


def everything_baked_leaves_nothing(kbuild):
    with tempfile.TemporaryDirectory() as tmp:
        path = Path(tmp) / "x.yaml"
        path.write_text("#cloud-config\n" + BAKED + KBUILD)
        assert residual(kbuild, path) == "#cloud-config\n{}\n", residual(kbuild, path)


def what_is_left_comes_through_unchanged(kbuild):
    import yaml
    with tempfile.TemporaryDirectory() as tmp:
        path = Path(tmp) / "x.yaml"
        path.write_text("#cloud-config\n" + BAKED + LEFT + KBUILD)
        left = residual(kbuild, path)
    assert yaml.safe_load(left) == yaml.safe_load(LEFT), left
    said = judged(left)
    assert said is None, said


def every_key_of_the_installed_schema_is_known(kbuild):
    schema = json.loads(SCHEMA.read_text())
    keys = set()
    for definition in schema["$defs"].values():
        if {"$ref": "#/$defs/" + next(k for k, v in schema["$defs"].items() if v is definition)} \
                in schema["allOf"]:
            keys |= set(definition.get("properties", {}))
    known = {row["key"] for row in json.loads(run(kbuild, "explain", "--all", "--json").stdout)}
    assert len(keys) > 80 and not keys - known, sorted(keys - known)


def the_reference_says_what_the_table_says(kbuild):
    text = (SOURCE / "docs/reference.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", text, re.M)
    table = {row["key"]: (row["becomes"], row["why"])
             for row in json.loads(run(kbuild, "explain", "--all", "--json").stdout)}
    # Other tables of three columns say other things in the second.
    fates = {fate for fate, _ in table.values()}
    said = {key: (fate.strip(), why.strip()) for key, fate, why in rows if fate.strip() in fates}
    wrong = [k for k in table if said.get(k) != table[k]] + [k for k in said if k not in table]
    assert not wrong, "docs/reference.md differs for %s; see docs/reference.py" % ", ".join(wrong)


def the_reference_has_every_key_of_kbuild(_):
    text = (SOURCE / "docs/reference.md").read_text()
    keys = set()
    for name in ("kbuild_section.c", "kbuild_server.c"):
        source = (SOURCE / "builder/image/definition" / name).read_text()
        keys |= set(re.findall(r'^\s+\{ "([a-z0-9_]+)"[,}]', source, re.M))
    missing = [key for key in sorted(keys) if not re.search(r"`(\w+\.)*%s`" % key, text)]
    assert len(keys) > 60 and not missing, "docs/reference.md lacks " + ", ".join(missing)


def needs(test):
    if test in (images_leave_valid_user_data, what_is_left_comes_through_unchanged,
                every_key_of_the_installed_schema_is_known) and not SCHEMA.exists():
        return "cloud-init is not installed"
    return None


def main():
    tests = [images_leave_valid_user_data, everything_baked_leaves_nothing,
             what_is_left_comes_through_unchanged, every_key_of_the_installed_schema_is_known,
             the_reference_says_what_the_table_says, the_reference_has_every_key_of_kbuild]
    bad = 0
    for i, test in enumerate(tests, 1):
        name = test.__name__.replace("_", " ")
        if needs(test):
            print("ok %d - %s # SKIP %s" % (i, name, needs(test)))
            continue
        try:
            test(sys.argv[1])
            print("ok %d - %s" % (i, name))
        except (AssertionError, OSError) as e:
            bad += 1
            print("# " + str(e).replace("\n", "\n# "))
            print("not ok %d - %s" % (i, name))
    print("1..%d" % len(tests))
    return bad != 0


sys.exit(main())
