#!/usr/bin/env python3
"""
Clients that we did not write take the double for OVH, unchanged: lego, lexicon and npm's `ovh` make a
record, and the name server gives it after their refresh, not before. They know OVH by name and trust
what the system trusts, so all of this happens in namespaces of its own, where OVH's names lead to
loopback. Needs root, and npm's registry once: the package is kept beside the build (build-ci/npm).
"""
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lab import HERE, Double, authority, die_with_parent
from clients import enter, go_inside, inside, run
from kbtest import Tap
from npm import NPM, npm_package

NAMES = ["eu.api.ovh.com", "www.ovh.com", "localhost", "127.0.0.1"]
tap = Tap()


def kinds_of_writes(d):
    return [c.rpartition("/")[2] if c.startswith("POST") else c.split()[0] for c in d.writes()]


# --- lego --------------------------------------------------------------------------------------------


def lego(d, scratch, ca, cert, key):
    acme = subprocess.Popen([sys.executable, HERE / "acme_double.py", scratch, d.about["dns"], cert, key],
                            stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    server = acme.stdout.readline().strip()
    about = d.about
    d.set()
    done = run("lego", "--accept-tos", "--email", "a@example.com", "--server", server, "--dns", "ovh",
               "--dns.resolvers", d.about["dns"], "--dns.disable-cp", "--domains", "www.example.com",
               "--path", scratch / "lego", "run",
               OVH_ENDPOINT="ovh-eu", OVH_APPLICATION_KEY=about["application_key"],
               OVH_APPLICATION_SECRET=about["application_secret"],
               OVH_CONSUMER_KEY=about["consumer_key"], SSL_CERT_FILE=str(ca),
               LEGO_CA_CERTIFICATES=str(ca))
    acme.terminate()
    asked = acme.stdout.read()
    tap.check(done.returncode == 0, "lego gets a certificate by DNS-01", done.stdout + done.stderr)
    tap.check("right" in asked, "lego: the TXT record was served when it was asked for", asked)
    tap.equal(kinds_of_writes(d), ["record", "refresh", "DELETE", "refresh"],
              "lego: writes, refreshes, removes, refreshes")
    tap.equal((d.records(), d.ask("_acme-challenge.www.example.com", "TXT")[1]), ([], []),
              "lego: nothing is left")
    bad = run("lego", "--accept-tos", "--email", "a@example.com", "--server", server, "--dns", "ovh",
              "--domains", "www.example.com", "--path", scratch / "lego2", "run",
              OVH_ENDPOINT="ovh-eu", OVH_APPLICATION_KEY="", OVH_CONSUMER_KEY="",
              OVH_APPLICATION_SECRET="", SSL_CERT_FILE=str(ca), LEGO_CA_CERTIFICATES=str(ca))
    tap.check(bad.returncode != 0, "lego without keys fails, so it did use them")


# --- lexicon -----------------------------------------------------------------------------------------


def lexicon(d, ca):
    about = d.about

    def call(*args, secret=about["application_secret"]):
        return run("lexicon", "ovh", *args, "--auth-entrypoint", "ovh-eu",
                   "--auth-application-key", about["application_key"],
                   "--auth-application-secret", secret,
                   "--auth-consumer-key", about["consumer_key"], REQUESTS_CA_BUNDLE=str(ca))
    d.set()
    done = call("create", "example.com", "A", "--name", "lex.example.com", "--content", "192.0.2.77",
                "--ttl", "120")
    tap.equal((done.returncode, d.ask("lex.example.com", "A")[1]), (0, ["192.0.2.77"]),
              "lexicon creates a record, and it is served")
    done = call("list", "example.com", "A")
    tap.check(done.returncode == 0 and "192.0.2.77" in done.stdout, "lexicon lists it", done.stderr)
    done = call("update", "example.com", "A", "--name", "lex.example.com", "--content", "192.0.2.78")
    tap.equal((done.returncode, d.ask("lex.example.com", "A")[1]), (0, ["192.0.2.78"]),
              "lexicon changes it")
    done = call("create", "example.com", "TXT", "--name", "t", "--content", "some text")
    tap.equal((done.returncode, d.ask("t.example.com", "TXT")[1]), (0, ["some text"]),
              "lexicon makes a TXT record")
    done = call("delete", "example.com", "A", "--name", "lex.example.com")
    tap.equal((done.returncode, d.ask("lex.example.com", "A")), (0, (3, [])), "lexicon removes it")
    done = call("list", "example.com", "A", secret="wrong")
    tap.check(done.returncode != 0, "lexicon with a wrong secret is refused: signatures are checked")


# --- npm's ovh ---------------------------------------------------------------------------------------

SCRIPT = """
const ovh = require('ovh');
const [appKey, appSecret, zone] = process.argv.slice(2);
const say = (name, value) => console.log(JSON.stringify([name, value]));
const https = require('https');
const browse = (url) => new Promise((done) => https.get(url, (r) => { r.resume(); r.on('end', done); }));

(async () => {
    const anyone = ovh({ endpoint: 'ovh-eu', appKey, appSecret });
    const rules = [];
    for (const method of ['GET', 'POST', 'PUT', 'DELETE'])
        rules.push({ method, path: '/domain/zone/' + zone + '/*' });
    const credential = await anyone.requestPromised('POST', '/auth/credential', { accessRules: rules });
    say('state', credential.state);
    const mine = ovh({ endpoint: 'ovh-eu', appKey, appSecret, consumerKey: credential.consumerKey });
    const base = '/domain/zone/' + zone;
    await mine.requestPromised('GET', base + '/record', {}).catch((e) => say('before', [e.error, e.message]));
    await browse(credential.validationUrl);
    const record = await mine.requestPromised('POST', base + '/record',
        { fieldType: 'A', subDomain: 'npm', target: '192.0.2.99', ttl: 60 });
    say('record', record);
    say('ids', await mine.requestPromised('GET', base + '/record', { fieldType: 'A', subDomain: 'npm' }));
    say('put', await mine.requestPromised('PUT', base + '/record/' + record.id, { target: '192.0.2.98' }));
    say('read', await mine.requestPromised('GET', base + '/record/{id}', { id: record.id }));
    say('refresh', await mine.requestPromised('POST', base + '/refresh'));
    const text = { fieldType: 'TXT', subDomain: 'u', target: 'd\\u00e9j\\u00e0 vu' };
    say('unicode', (await mine.requestPromised('POST', base + '/record', text)).target);
    await mine.requestPromised('GET', '/me').catch((e) => say('me', [e.error, e.message]));
    await mine.requestPromised('GET', '/domain/zone').catch((e) => say('zones', [e.error, e.message]));
    await mine.requestPromised('POST', base + '/record', { fieldType: 'A', target: 'x' })
        .catch((e) => say('bad', [e.error, e.message]));
})().catch((e) => { console.error(e); process.exit(1); });
"""


def npm(d, scratch, ca):
    d.set()
    (scratch / "script.js").write_text(SCRIPT)
    done = run("node", scratch / "script.js", d.about["application_key"], d.about["application_secret"],
               "example.com", NODE_EXTRA_CA_CERTS=str(ca), NODE_PATH=str(NPM / "node_modules"))
    if not tap.check(done.returncode == 0, "npm's ovh runs its script", done.stdout + done.stderr):
        return
    said = dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    record = said["record"]
    tap.equal(said["state"], "pendingValidation", "ovh gets a consumer key")
    tap.equal(said["before"][0], 403, "ovh: the key counts only after its validation")
    tap.equal((record["fieldType"], record["subDomain"], record["target"], record["zone"]),
              ("A", "npm", "192.0.2.99", "example.com"), "ovh makes a record")
    tap.equal((said["ids"], said["read"]["target"]), ([record["id"]], "192.0.2.98"),
              "ovh finds and changes it")
    tap.equal((said["put"], said["refresh"]), (None, None), "ovh: void answers are null")
    tap.equal(d.ask("npm.example.com", "A")[1], ["192.0.2.98"], "ovh: it is served after the refresh")
    tap.equal(d.ask("u.example.com", "TXT")[1], [], "ovh: what came after the refresh is not")
    tap.equal(said["unicode"], '"d\u00e9j\u00e0 vu"', "ovh: signatures hold beyond ASCII")
    tap.equal(said["zones"], [403, "This call has not been granted"],
              "ovh: a rule for /x/* does not cover /x")
    tap.equal(said["bad"], [400, "Invalid IP address x"], "ovh: errors have their words")


def main():
    if not inside():
        npm_package("ovh", "2.0.3")
        go_inside()
    scratch = Path(tempfile.mkdtemp(prefix="kbuild-clients-"))
    enter(scratch, NAMES[:3])
    ca, cert, key = authority(scratch, NAMES)
    d = Double("--port", 443, "--tls", cert, key, "--url", "https://eu.api.ovh.com", trust=ca)
    try:
        lego(d, scratch, ca, cert, key)
        lexicon(d, ca)
        npm(d, scratch, ca)
    finally:
        d.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
