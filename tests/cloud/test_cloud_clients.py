#!/usr/bin/env python3
"""
Clients that we did not write take the double's cloud for OVH's, unchanged: python3-libcloud's OVH driver and npm's
`ovh` by OVH's own API, the OpenStack client by its services, all under OVH's host names and with TLS, in
namespaces where those lead to loopback. What the one makes, the others see. Needs root, and npm's registry once.
"""
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab import Double, authority, die_with_parent, wait_until
from clients import enter, go_inside, inside, run
from kbtest import Tap, wait_for
from npm import NPM, npm_package

# Names that libcloud knows are needed: it has a list of its own.
REGIONS = ["GRA1", "SGP1"]
API = ["eu.api.ovh.com", "www.ovh.com", "localhost"]
# Debian's packages are for Debian's interpreter, whichever else comes first in PATH.
PYTHON = "/usr/bin/python3"
tap = Tap()


def service_names():
    names = ["auth.cloud.ovh.net", "iam.ovh.net"]
    for region in REGIONS:
        names += [f"{kind}.{region.lower()}.cloud.ovh.net" for kind in
                  ("compute", "image.compute", "network.compute", "volume.compute", "storage")]
    return names


# --- libcloud ----------------------------------------------------------------------------------------

LIBCLOUD = """
import json, sys, time
from libcloud.compute.providers import get_driver
from libcloud.compute.types import Provider
key, secret, consumer, project, public_key = sys.argv[1:]
say = lambda name, value: print(json.dumps([name, value]), flush=True)
d = get_driver(Provider.OVH)(key, secret, project, consumer, region='eu')

def until(what, wanted):
    for _ in range(200):
        if what() == wanted:
            return wanted
        time.sleep(0.05)
    return what()

places = d.list_locations()
say('locations', [p.id for p in places])
place = places[0]
sizes = d.list_sizes(place)
say('sizes', [[s.name, s.ram, s.disk, s.extra['vcpus']] for s in sizes])
images = d.list_images(place)
say('images', sorted(i.name for i in images))
pair = d.import_key_pair_from_string('lib', public_key, place)
say('key', [k.name for k in d.list_key_pairs(place)])
size = next(s for s in sizes if s.name == 'd2-2')
node = d.create_node('lib-node', images[0], size, place, ex_keyname='lib')
say('made', [node.name, node.state])
say('state', until(lambda: d.ex_get_node(node.id).state, 'running'))
node = d.list_nodes(place)[0]
say('node', [node.id, node.name, len(node.public_ips), node.extra['sshKeyId'] == pair.extra['id']])
volume = d.create_volume(10, 'lib-volume', place, ex_volume_type='high-speed')
say('volume', until(lambda: d.ex_get_volume(volume.id).state, 'available'))
d.attach_volume(node, volume)
say('attached', until(lambda: d.ex_get_volume(volume.id).extra['attachedTo'], [node.id]) == [node.id])
snapshot = d.create_volume_snapshot(volume, 'lib-snapshot')
say('snapshots', [s.name for s in d.list_volume_snapshots(volume)])
d.destroy_volume_snapshot(snapshot)
d.detach_volume(d.ex_get_volume(volume.id))
say('detached', until(lambda: d.ex_get_volume(volume.id).state, 'available'))
d.destroy_volume(volume)
d.destroy_node(node)
d.delete_key_pair(pair)
say('left', until(lambda: [len(d.list_nodes()), len(d.list_volumes()), len(d.list_key_pairs())], [0, 0, 0]))
try:
    d.ex_get_node(node.id)
    say('gone', None)
except Exception as e:
    say('gone', 'Instance not found' in str(e))
"""


def libcloud(d, ca, key):
    about = d.about
    arguments = (about["consumer_key"], about["project"], key)
    done = run(PYTHON, "-c", LIBCLOUD, about["application_key"], about["application_secret"], *arguments,
               SSL_CERT_FILE=str(ca))
    said = dict(json.loads(line) for line in done.stdout.splitlines())
    if not tap.check(done.returncode == 0, "libcloud runs its script", done.stdout + done.stderr):
        return
    tap.equal(said["locations"], sorted(REGIONS), "libcloud lists regions")
    tap.check(["d2-2", 2000, 25, 1] in said["sizes"], "libcloud lists flavors", said["sizes"])
    tap.check("Debian 12" in said["images"], "libcloud lists images", said["images"])
    tap.equal(said["key"], ["lib"], "libcloud adds a key")
    tap.equal((said["made"], said["state"]), (["lib-node", "pending"], "running"),
              "libcloud makes a node, and it comes to run")
    tap.equal(said["node"][1:], ["lib-node", 2, True], "libcloud sees its addresses and key")
    tap.equal((said["volume"], said["attached"], said["snapshots"], said["detached"]),
              ("available", True, ["lib-snapshot"], "available"), "libcloud makes, attaches and snapshots a volume")
    tap.equal((said["left"], said["gone"]), ([0, 0, 0], True), "libcloud removes all of it")
    bad = run(PYTHON, "-c", LIBCLOUD, about["application_key"], "wrong", *arguments, SSL_CERT_FILE=str(ca))
    tap.check(bad.returncode != 0 and "InvalidCredsError" in bad.stderr,
              "libcloud with a wrong secret says so", bad.stderr)


# --- npm's ovh ----------------------------------------------------------------------------------------

SCRIPT = """
const ovh = require('ovh');
const [appKey, appSecret, consumerKey, project] = process.argv.slice(2);
const say = (name, value) => console.log(JSON.stringify([name, value]));
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

(async () => {
    const signed = ovh({ endpoint: 'ovh-eu', appKey, appSecret, consumerKey });
    const p = '/cloud/project/' + project;
    say('projects', await signed.requestPromised('GET', '/cloud/project'));
    say('project', (await signed.requestPromised('GET', '/cloud/project/{serviceName}',
        { serviceName: project })).status);
    say('regions', await signed.requestPromised('GET', p + '/region'));
    say('region', await signed.requestPromised('GET', p + '/region/GRA1'));
    const made = await signed.requestPromised('POST', p + '/user',
        { description: 'npm', roles: ['compute_operator', 'image_operator'] });
    say('made', [made.status, made.username.slice(0, 5), made.password.length >= 20, typeof made.id]);
    let user = made;
    for (let i = 0; i < 100 && user.status !== 'ok'; i++) {
        await sleep(50);
        user = await signed.requestPromised('GET', p + '/user/' + made.id);
    }
    say('user', [user.status, user.password === undefined, user.roles.map((r) => r.name)]);
    const rc = await signed.requestPromised('GET', p + '/user/' + made.id + '/openrc', { region: 'GRA1', version: 'v3' });
    say('openrc', rc.content.includes('OS_USERNAME="' + made.username + '"'));
    const s3 = await signed.requestPromised('POST', p + '/user/' + made.id + '/s3Credentials');
    say('s3', [s3.tenantId === project, s3.secret.length]);
    const token = await signed.requestPromised('POST', p + '/user/' + made.id + '/token', { password: made.password });
    say('token', [token.token.project.id === project, token['X-Auth-Token'].length > 50]);
    const flavor = (await signed.requestPromised('GET', p + '/flavor', { region: 'GRA1' })).find((f) => f.name === 'b3-8');
    const image = (await signed.requestPromised('GET', p + '/image', { region: 'GRA1', osType: 'linux' }))[0];
    say('flavor', [flavor.planCodes.hourly, flavor.available, flavor.quota > 0]);
    const operation = await signed.requestPromised('POST', p + '/region/GRA1/instance', { name: 'npm', billingPeriod: 'hourly',
        flavor: { id: flavor.id }, bootFrom: { imageId: image.id, imageRegionName: 'GRA1' }, network: { public: true } });
    let state = operation;
    for (let i = 0; i < 100 && state.status === 'in-progress'; i++) {
        await sleep(50);
        state = await signed.requestPromised('GET', p + '/operation/' + operation.id);
    }
    const id = state.resourceId || state.subOperations.find((s) => s.action === 'instance#create').resourceId;
    say('operation', [operation.status, state.status, (await signed.requestPromised('GET', p + '/instance/' + id)).name]);
    say('deleted', await signed.requestPromised('DELETE', p + '/instance/' + id));
    await signed.requestPromised('POST', p + '/region/GRA1/instance', { name: 'x', billingPeriod: 'hourly',
        flavor: { id: flavor.id }, bootFrom: { imageId: image.id }, network: { public: true } })
        .catch((e) => say('region name', [e.error, e.message]));
    await signed.requestPromised('POST', p + '/region', { region: 'GRA1' }).catch((e) => say('twice', [e.error, e.message]));
    await signed.requestPromised('GET', p + '/flavor', { region: 'XXX1' }).catch((e) => say('bad', e.error));
    await signed.requestPromised('POST', p + '/user', { unknown: 1 }).catch((e) => say('unknown', e.error));
    say('removed', await signed.requestPromised('DELETE', p + '/user/' + made.id));
    const catalog = await signed.requestPromised('GET', '/order/catalog/public/cloud', { ovhSubsidiary: 'FR' });
    const addon = catalog.addons.find((a) => a.planCode === flavor.planCodes.hourly);
    say('price', [catalog.locale.currencyCode, addon.pricings[0].price, addon.pricings[0].intervalUnit]);
})().catch((e) => { console.error(e); process.exit(1); });
"""


def npm(d, scratch, ca):
    (scratch / "script.js").write_text(SCRIPT)
    a = d.about
    done = run("node", scratch / "script.js", a["application_key"], a["application_secret"], a["consumer_key"],
               a["project"], NODE_EXTRA_CA_CERTS=str(ca),
               NODE_PATH=str(NPM / "node_modules"))
    if not tap.check(done.returncode == 0, "npm's ovh runs its script", done.stdout + done.stderr):
        return
    said = dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    tap.equal((said["projects"], said["project"]), ([a["project"]], "ok"), "ovh finds the project")
    tap.equal((said["regions"], said["region"]["type"], said["region"]["status"]), (REGIONS, "region", "UP"),
              "ovh lists regions")
    tap.equal((said["made"], said["user"]), (["creating", "user-", True, "number"],
                                             ["ok", True, ["compute_operator", "image_operator"]]),
              "ovh makes an OpenStack user: creating, then ok; the password is shown once")
    tap.equal((said["openrc"], said["s3"], said["token"]), (True, [True, 32], [True, True]),
              "ovh gets the user's openrc, S3 credentials and token")
    tap.equal(said["flavor"], ["b3-8.consumption", True, True], "ovh sees flavors with price codes")
    tap.equal((said["operation"], said["deleted"]), (["in-progress", "completed", "npm"], None),
              "ovh makes a server by an operation and removes it")
    tap.equal((said["region name"], said["twice"][0], said["bad"], said["unknown"]),
              ([400, "Invalid value(s) received: ImageRegionName:<nil>"], 409, 400, 400), "ovh: errors have their words")
    tap.equal((said["price"], said["removed"]), (["EUR", 5080000, "hour"], None), "ovh reads the price of a flavor")


# --- the OpenStack client ------------------------------------------------------------------------------


# One process for all commands: what takes a second each time is its start.
RUNNER = """
import contextlib, io, json, os, sys
from openstackclient import shell
for line in sys.stdin:
    argv, env = json.loads(line)
    os.environ.update(env)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = shell.main(argv)
        except SystemExit as e:
            status = e.code
    print(json.dumps([status, out.getvalue(), err.getvalue()]), file=sys.__stdout__, flush=True)
"""


class OpenStack:
    def __init__(self, d, ca, region):
        a = d.about
        self.child = subprocess.Popen([PYTHON, "-c", RUNNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True, preexec_fn=die_with_parent)
        self.env = {"OS_AUTH_URL": a["auth_url"], "OS_USERNAME": a["user"], "OS_PASSWORD": a["password"],
                    "OS_PROJECT_ID": a["project"], "OS_USER_DOMAIN_NAME": "Default", "OS_CACERT": str(ca),
                    "OS_REGION_NAME": region, "OS_IDENTITY_API_VERSION": "3"}

    def __call__(self, *args):
        self.child.stdin.write(json.dumps([[str(a) for a in args], self.env]) + "\n")
        self.child.stdin.flush()
        return subprocess.CompletedProcess(args, *json.loads(self.child.stdout.readline()))

    def json(self, *args):
        done = self(*args, "-f", "json")
        return json.loads(done.stdout) if done.returncode == 0 else done.stderr

    def until(self, wanted, *args):
        for _ in range(60):
            got = self.json(*args)
            if isinstance(got, dict) and got.get("status") == wanted:
                return wanted
            time.sleep(0.2)
        return got


def openstack_image(o, scratch):
    (scratch / "disk").write_bytes(bytes(range(256)) * 4096)
    image = o.json("image", "create", "--file", scratch / "disk", "--disk-format", "raw", "--container-format", "bare",
                   "--private", "--property", "os_distro=debian", "os-image")
    if not tap.check(isinstance(image, dict), "openstack uploads an image", image):
        return False
    shown = o.json("image", "show", "os-image")
    tap.equal((shown["status"], shown["size"], shown["properties"]["os_hash_value"]),
              ("active", 1 << 20, hashlib.sha512((scratch / "disk").read_bytes()).hexdigest()),
              "openstack: it is active, with its hash")
    back = o("image", "save", "--file", scratch / "back", "os-image")
    tap.check(back.returncode == 0 and (scratch / "back").read_bytes() == (scratch / "disk").read_bytes(),
              "openstack downloads the same bytes", back.stderr)
    return True


def openstack_server(o, scratch):
    (scratch / "user-data").write_text("#cloud-config\n")
    for words in (("keypair", "create", "--public-key", scratch / "key.pub", "os-key"),
                  ("security", "group", "create", "os-group"),
                  ("security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "22", "--remote-ip",
                   "0.0.0.0/0", "os-group"),
                  ("volume", "create", "--size", "5", "--property", "a=b", "os-volume")):
        done = o(*words)
        tap.check(done.returncode == 0, "openstack: " + " ".join(map(str, words[:3])), done.stderr)
    server = o.json("server", "create", "--flavor", "b3-8", "--image", "os-image", "--key-name", "os-key",
                    "--user-data", scratch / "user-data", "--config-drive", "true", "--network", "Ext-Net",
                    "--security-group", "os-group", "--property", "kbuild:name=web", "--wait", "os-server")
    if not tap.check(isinstance(server, dict), "openstack makes a server", server):
        return
    tap.equal((server["status"], server["properties"], server["key_name"], [g["name"] for g in server["security_groups"]],
               len(server["addresses"]["Ext-Net"]), server["config_drive"]),
              ("ACTIVE", {"kbuild:name": "web"}, "os-key", ["os-group"], 2, "True"), "openstack: it is as asked for")
    tap.equal([s["Name"] for s in o.json("server", "list")], ["os-server"], "openstack lists it")
    ready = 'kbuild-status: {"v":1,"state":"ready"'
    tap.check(wait_for(lambda: ready in o("console", "log", "show", "os-server").stdout, 60), "openstack reads its console")
    done = o("server", "add", "volume", "os-server", "os-volume")
    tap.equal(o.until("in-use", "volume", "show", "os-volume"), "in-use", "openstack attaches the volume")
    held = o("security", "group", "delete", "os-group")
    tap.check(held.returncode != 0 and "in use" in held.stderr, "openstack cannot delete a group in use", held.stderr)
    o("server", "stop", "os-server")
    tap.equal(o.until("SHUTOFF", "server", "show", "os-server"), "SHUTOFF", "openstack stops it")
    o("server", "start", "os-server")
    tap.equal(o.until("ACTIVE", "server", "show", "os-server"), "ACTIVE", "openstack starts it")
    done = o("server", "delete", "--wait", "os-server")
    tap.equal((done.returncode, o.json("server", "list")), (0, []), "openstack deletes it")
    tap.equal(o.until("available", "volume", "show", "os-volume"), "available", "openstack: the volume is free again")
    for words in (("volume", "delete", "os-volume"), ("security", "group", "delete", "os-group"),
                  ("keypair", "delete", "os-key"), ("image", "delete", "os-image")):
        done = o(*words)
        tap.check(done.returncode == 0, "openstack: " + " ".join(words), done.stderr)


def openstack(d, scratch, ca):
    o = OpenStack(d, ca, "GRA1")
    done = o.json("catalog", "list")
    types = sorted(e["Type"] for e in done) if isinstance(done, list) else done
    tap.equal(types, ["compute", "identity", "image", "network", "object-store", "volumev3"],
              "openstack reads the catalogue")
    if openstack_image(o, scratch):
        openstack_server(o, scratch)
    d.control("/tokens", {"revoke": True})
    other = OpenStack(d, ca, "SGP1")
    tap.check("os-image" not in str(other.json("image", "list")), "openstack: another region has other images")
    other.env["OS_PASSWORD"] = "wrong"
    done = other("token", "issue")
    tap.check(done.returncode != 0 and "HTTP 401" in done.stderr, "openstack with a wrong password is refused",
              done.stderr)
    other.env.update({"OS_PASSWORD": d.about["password"], "OS_REGION_NAME": "DE1"})
    done = other("server", "list")
    tap.check(done.returncode != 0 and "endpoint" in done.stderr,
              "openstack: a region that is not activated has no endpoint", done.stderr)


def left(d):
    return {kind: made for kind, made in d.control("/cloud").items() if made and kind != "users"}


def main():
    if not inside():
        npm_package("ovh", "2.0.3")
        go_inside()
    scratch = Path(tempfile.mkdtemp(prefix="kbuild-clients-"))
    names = API + service_names()
    enter(scratch, names)
    ca, cert, key = authority(scratch, names + ["127.0.0.1"])
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", scratch / "key"], check=True)
    regions = [word for name in REGIONS for word in ("--region", name)]
    (scratch / "store").mkdir()
    d = Double("--port", 443, "--tls", cert, key, "--url", "https://eu.api.ovh.com", "--by-name", "--store",
               scratch / "store", *regions, "--region", "DE1=inactive", trust=ca)
    try:
        libcloud(d, ca, (scratch / "key.pub").read_text().strip())
        npm(d, scratch, ca)
        openstack(d, scratch, ca)
        wait_until(lambda: not left(d), 120)
        tap.equal(left(d), {}, "nothing is left of all this")
    finally:
        d.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
