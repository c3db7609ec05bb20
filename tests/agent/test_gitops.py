#!/usr/bin/env python3
"""The deployment engine with everything real: commits in a repository become containers, or do not.

usage: test_gitops.py BUILD [--only=WORD]      (root; needs Debian's mirror once, for the engine's packages)
"""
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from kbtest import Tap, bcrypt, wait_for  # noqa: E402

from gitops_lab import Gitops  # noqa: E402
from world import REGISTRY_PASSWORD, REGISTRY_USER  # noqa: E402


def a_good_commit_goes_live(t, g):
    g.commit("1")
    t.equal(g.now()[0], "deployed", "the first commit is deployed")
    t.equal(g.version(), "1", "and answers through the proxy")
    t.equal(g.status()["state"], "idle", "the state is idle")
    t.equal(g.now()[0], "unchanged", "without a commit nothing happens")
    before = g.containers()
    # Replaced in place it would be gone for a moment, and only the proxy's patience would hide that.
    g.app["zero_downtime"] = ["api"]
    load = g.load("good")
    sha = g.commit("2")
    t.equal(g.now()[0], "deployed", "the second commit is deployed")
    seen = load.end()
    del g.app["zero_downtime"]
    t.equal(g.version(), "2", "the second version answers")
    after = g.containers()
    t.equal(after["store"], before["store"], "the service with data was left alone")
    t.equal(after["proxy"], before["proxy"], "so was the proxy")
    t.check(after["api"] != before["api"], "the API was replaced")
    t.equal(seen["bad"], [], f"no request failed ({seen['asked']} asked)")
    status = g.status()
    t.equal(status["good"]["sha"], sha, "the second commit is good")
    t.check(all("sha256:" in d for d in status["good"]["digests"].values()), "digests are kept", status)
    t.equal(g.alerts(), [], "nobody was told of anything")


BAD = [
    ("crash", {"broken": "crash"}, "rolled-back", "crash"),
    ("unhealthy", {"broken": "unhealthy"}, "rolled-back", "unhealthy"),
    ("missing", {"image": "nothing:9"}, "refused", "nothing:9"),
    ("yaml", {"text": "services: [\n"}, "refused", ""),
    ("privileged", {"more": "    privileged: true\n"}, "refused", "privileged"),
]


def a_bad_commit_does_no_harm(t, g):
    good = g.status()["good"]["sha"]
    version = g.version()
    before = g.containers()
    for name, how, result, word in BAD:
        load = g.load(name)
        sha = g.commit(name, **how)
        got, why = g.now()
        t.equal(got, result, f"{name}: {result}")
        t.check(word in why, f"{name}: and it is said why", why)
        t.equal(g.now()[0], "unchanged", f"{name}: it is not tried again")
        seen = load.end()
        t.equal(g.version(), version, f"{name}: the good version answers")
        t.equal(g.status()["good"]["sha"], good, f"{name}: the good revision is what it was")
        t.equal(g.status()["state"], "failed", f"{name}: the state says failed")
        # A replaced container is gone for a moment; what was refused was never begun.
        if result == "refused":
            t.equal(seen["bad"], [], f"{name}: no request failed ({seen['asked']} asked)")
            t.equal(g.containers(), before, f"{name}: no container was touched")
        told = [a for a in g.alerts() if a["key"] == f"gitops:{sha}"]
        t.equal(len(told), 1, f"{name}: one alert")
        evidence = g.dir / f"state/failures/{sha}.json"
        if result == "rolled-back":
            text = evidence.read_text() if evidence.exists() else "{}"
            t.check("api" in {c["service"] for c in json.loads(text).get("containers", [])},
                    f"{name}: what was seen is kept", text[:500])
            if name == "crash":
                t.check("panic: this version always crashes" in text, "crash: with what it said", text[:2000])
        before = g.containers()
    t.equal(g.containers()["store"], before["store"], "the service with data was never touched")
    load = g.load("mended")
    g.commit("3")
    t.equal(g.now()[0], "deployed", "a good commit after them is deployed")
    load.end()
    t.equal(g.version(), "3", "and answers")
    t.check(all(a["over"] for a in g.alerts()), "every alert is over", g.alerts())


def what_was_changed_by_hand_is_put_right(t, g):
    g.lab.docker("rm", "-f", g.containers()["api"][0][0])
    got, why = g.now()
    t.equal(got, "repaired", "a removed container is made again")
    t.equal(g.version(), "3", "and answers")
    g.lab.docker("stop", "-t", "1", "store")
    t.equal(g.now()[0], "repaired", "a stopped one is started")
    t.equal(g.now()[0], "unchanged", "and then all is well")
    good = json.loads((g.dir / "state/gitops.json").read_text())["good"]["plan"]
    g.lab.docker("compose", "--project-name", "demo", "--file", g.dir / f"broker/plans/{good}.json", "up", "--detach", "--no-deps",
                 "--pull=never", "--no-recreate", "--scale", "api=2", "api")
    got, why = g.now()
    t.equal((got, len(g.containers()["api"])), ("repaired", 1), "what was scaled by hand is as it was deployed") or t.note(why)
    g.lab.docker("run", "-d", "--name", "foreign", "--label", "com.docker.compose.project=demo", "--label",
                 "com.docker.compose.service=foreign", "--label", "com.docker.compose.oneoff=False",
                 f"{g.registry}/store:1")
    got, why = g.now()
    t.equal((got, "foreign" in g.containers()), ("repaired", False), "what is of no service goes") or t.note(why)
    t.check("foreign is of no service" in why, "and is named", why)
    g.app["drift"] = "report"
    g.lab.docker("stop", "-t", "1", "store")
    t.equal(g.now()[0], "unchanged", "drift: report changes nothing")
    t.check(any(a["kind"] == "drift" for a in g.alerts()), "but tells", g.alerts())
    g.app["drift"] = "repair"
    t.equal(g.now()[0], "repaired", "and repair repairs")


def a_moved_tag_changes_no_data(t, g):
    """The tag of what keeps data means another image by now: it is left alone, and made anew with the one it had."""
    def image():
        return g.lab.inspect("store")["Image"]

    before, had = g.containers()["store"], image()
    g.lab.busybox_image(f"{g.registry}/store:1", files={"/moved": "yes\n"})
    g.lab.docker("push", f"{g.registry}/store:1")
    g.commit("3.1")
    t.equal(g.now()[0], "deployed", "a commit after the tag has moved is deployed")
    t.equal(g.containers()["store"], before, "what keeps data was left alone")
    g.lab.docker("rm", "-f", "store")
    t.equal(g.now()[0], "repaired", "and when it is gone it is made again")
    t.equal(image(), had, "with the image it had")
    t.check(any(a["key"] == "gitops:drift:data" and "store" in a["text"] for a in g.alerts()), "which is told", g.alerts())
    g.commit("3")
    t.equal((g.now()[0], image()), ("deployed", had), "which the next commit keeps, too")


def images_that_come_after_their_commit(t, g):
    """Whoever pushes a commit begins its build, too, and that is over minutes later."""
    def image(service):
        return g.lab.inspect(g.containers()[service][0][0])["Image"]

    g.app["image_wait"] = "20m"
    version = g.version()
    sha = g.commit("3.2", image="api:${KBUILD_COMMIT_SHORT}")
    got, why = g.now()
    t.check(got == "later" and "is waited for until" in why, "an image that is not there yet is waited for", (got, why))
    t.equal((g.version(), [a for a in g.alerts() if sha in a["key"]]), (version, []), "nothing is changed, nobody is told")
    g.make_api(sha[:7])
    t.equal((g.now()[0], g.version()), ("deployed", "3.2"), "and when it comes, the commit is deployed")
    # The same tag each time, and a service that has a volume and is no database.
    files = '  files:\n    image: %s/api:moving\n    command: ["/api"]\n    volumes: ["files:/files"]\n' % g.registry
    text = g.compose("3.3", image="api:moving", more=files).replace("  data: {}", "  data: {}\n  files: {}")
    g.make_api("moving")
    g.commit("3.3", text=text)
    t.equal(g.now()[0], "deployed", "a commit that was seen before its build was over is deployed with the image of before")
    old = image("api"), image("files"), image("store")
    t.equal((g.now()[0], image("api")), ("unchanged", old[0]), "nothing moves")
    g.make_api("moving", **{"/newer": "yes\n"})
    t.equal(g.now()[0], "deployed", "its tag means another image now: that is deployed")
    new = image("api"), image("files"), image("store")
    t.check(new[0] != old[0] and new[1] == new[0] and new[2] == old[2], "to all that have it, volume or not", (old, new))
    t.equal(g.now()[0], "unchanged", "once")
    g.app["image_wait"] = 0
    g.make_api("moving", **{"/newer": "again\n"})
    t.equal((g.now()[0], image("api")), ("unchanged", new[0]), "after that time a tag may mean what it likes")
    g.commit("3")
    t.equal((g.now()[0], g.version()), ("deployed", "3"), "until the next commit")


def the_operator_has_the_last_word(t, g):
    g.run("gitops", "pause")
    g.commit("4")
    t.equal(g.now()[0], "paused", "paused is paused")
    t.equal(g.version(), "3", "nothing was deployed")
    g.run("gitops", "resume")
    t.equal(g.now()[0], "deployed", "resumed is deployed")
    t.equal(g.now("rollback")[0], "deployed", "rollback goes to the revision before")
    t.equal(g.version(), "3", "which answers")
    t.equal(g.now()[0], "unchanged", "and stays")
    t.equal(g.now("retry")[0], "deployed", "retry takes the branch's again")
    t.equal(g.version(), "4", "which answers")
    text = g.run("gitops", "history").stdout
    t.check(text.count("good") >= 3 and "rolled-back" in text, "history tells it", text)


def a_service_can_be_replaced_without_a_gap(t, g):
    g.app["zero_downtime"] = ["api", "store"]
    before, version = g.containers(), g.version()
    load = g.load("overlap")
    g.commit("6")
    child = g.start("gitops", "now")
    both = 0
    while child.poll() is None:
        both = max(both, len(g.containers().get("api", [])))
    out, err = child.communicate()
    seen = load.end()
    t.equal(out.split(":")[0], "deployed", "zero_downtime: the commit is deployed")
    t.check("beside the old one" in err, "the new one is started beside the old one", err)
    t.equal(both, 2, "there were two of them for a while")
    t.equal(len(g.containers()["api"]), 1, "and one in the end")
    t.equal(g.version(), "6", "the new version answers")
    t.equal(seen["bad"], [], f"no request failed ({seen['asked']} asked)")
    t.equal(sorted(seen["seen"]), sorted([version, "6"]), "both were served, and nothing else")
    t.equal(g.containers()["store"], before["store"], "what keeps data was left alone")
    load = g.load("overlap-bad")
    g.commit("7", broken="unhealthy")
    t.equal(g.now()[0], "rolled-back", "a bad one beside it is taken away")
    seen = load.end()
    t.equal(g.version(), "6", "the good one answers")
    t.equal(seen["bad"], [], f"and no request failed ({seen['asked']} asked)")
    g.commit("8", more="    read_only: true\n")
    t.equal(g.now()[0], "deployed", "and the next good one goes live")
    g.commit("9")
    got, why = g.now()
    t.equal((got, g.version(), len(g.containers()["api"])), ("deployed", "9", 1),
            "an old one that takes no file to drain by is replaced all the same") or t.note(why)
    t.check("requests in flight end with it" in g.last.stderr, "which is said", g.last.stderr)
    g.commit("9.1", more="    volumes: [/kept]\n")
    t.equal(g.now()[0], "deployed", "one that has a volume without a name from now on is deployed")
    t.check("with a gap: it has a volume without a name" in g.last.stderr, "with a gap, by which it keeps that", g.last.stderr)
    g.commit("9")
    t.equal(g.now()[0], "deployed", "and without it again")
    g.app["zero_downtime"] = []


def one_that_drains_never_serves_again(t, g):
    """Cut off when the good one's container was told to drain, and taken back by hand."""
    g.app["zero_downtime"] = ["api"]
    g.commit("10")
    t.equal(g.now()[0], "deployed", "a good commit is deployed")
    load = g.load("overlap-back")
    g.commit("11")
    child = g.start("gitops", "now")
    for line in child.stderr:
        if "draining" in line:
            break
    child.send_signal(signal.SIGINT)
    child.communicate()
    drained = [one for one, _ in g.containers()["api"]]
    t.equal(len(drained), 2, "cut off while the old one drains: there are two")
    got, why = g.now("rollback")
    seen = load.end()
    left = [one for one, _ in g.containers()["api"]]
    t.equal((got, g.version(), len(left)), ("deployed", "10", 1), "taken back to the good one") or t.note(why + g.last.stderr)
    t.check(not set(left) & set(drained), "in a container of its own", left)
    t.check(g.lab.docker("cp", f"{left[0]}:/tmp/drain", "-", check=False).returncode != 0, "which is not told to drain")
    t.equal(seen["bad"], [], f"and no request failed ({seen['asked']} asked)")
    t.equal(g.now()[0], "unchanged", "the next run has nothing to do")
    g.app["zero_downtime"] = []


def a_kill_at_any_moment_is_survived(t, g):
    """kill -9 while a commit goes live, as late as each of these words of the run."""
    words = ["fetching", "writing", "rendering", "pulling", "replacing", "waiting"]
    for n, word in enumerate(words):
        version, before = f"k{n}", g.version()
        g.commit(version, broken="unhealthy" if word == "waiting" else "")
        child = g.start("gitops", "now")
        for line in child.stderr:
            if word in line:
                break
        child.kill()
        child.communicate()
        if word != "waiting":  # there the bad one has replaced the good one already
            # The broker ends what it has begun; what is replaced in place is gone for a moment.
            t.check(wait_for(lambda either=(version, before): g.version() in either, 120),
                    f"{word}: the old or the new one answers", g.version())
        got, why = g.now()
        if word == "waiting":
            t.equal(got, "rolled-back", f"{word}: the next run takes the bad one back")
            t.equal(g.version(), f"k{n - 1}", f"{word}: and the good one answers")
        else:
            t.equal(got, "deployed", f"{word}: the next run ends it")
            t.equal(g.version(), version, f"{word}: and it answers")


def a_dead_registry_is_waited_for(t, g):
    g.registry_process.terminate()
    g.registry_process.wait()
    version = g.version()
    g.commit("5", image="api:2")
    t.equal(g.now()[0], "later", "a registry that does not answer is no fault of the commit")
    ledger = g.dir / "state/gitops.json"
    kept = json.loads(ledger.read_text())
    kept["later"]["since"] -= 7200
    ledger.write_text(json.dumps(kept))
    found = json.loads(g.run("health", "--json").stdout)
    told = [f for f in found["checks"] if f["name"] == "gitops"]
    t.check(told and told[0]["now"] == "bad" and "has waited for" in told[0]["text"],
            "that it waits for hours is told", found)
    t.equal(g.version(), version, "the good version answers")
    g.registry, g.registry_process = g.lab.registry(5000)
    g.lab.docker("tag", f"{g.registry}/api:1", f"{g.registry}/api:2")
    g.lab.docker("push", f"{g.registry}/api:2")
    t.equal(g.now()[0], "deployed", "when it is back, it is deployed")
    t.equal(g.version(), "5", "and answers")


def a_registry_that_nobody_signed_in_to(t, g):
    """As after a first boot while it was down: the engine knows no login, the agent has the credentials."""
    g.registry_process.terminate()
    g.registry_process.wait()
    _, g.registry_process = g.lab.registry(5000, htpasswd=f"{REGISTRY_USER}:{bcrypt(REGISTRY_PASSWORD)}\n")
    login = g.dir / "credentials/registry"
    g.commit("6", image="api:1")
    login.write_text(json.dumps({g.registry: {"user": REGISTRY_USER, "password": "wr0ng"},
                                 "127.0.0.1:1": {"user": "x", "password": "y"}}))
    t.equal(g.now()[0], "later", "while another of the registries cannot be asked, the commit waits")
    login.write_text(json.dumps({g.registry: {"user": REGISTRY_USER, "password": REGISTRY_PASSWORD}}))
    t.equal(g.now()[0], "deployed", "a registry that wants a login is signed in to")
    t.equal(g.version(), "6", "and what it has is deployed")


class Events:
    """
    What becomes of containers from now on. Asked afterwards, the engine knows the last 256 events, and health checks are
    several a second.
    """

    def __init__(self, g):
        self.g, self.path = g, g.dir / "events"
        with open(self.path, "wb") as out:
            self.child = subprocess.Popen(
                [g.lab.programs / "docker", "events", "--since", f"{time.time():.9f}", "--filter", "type=container", "--format",
                 '{{index .Actor.Attributes "com.docker.compose.service"}} {{.Action}}'],
                stdin=subprocess.DEVNULL, stdout=out)

    def end(self):
        """All of them in order, as "SERVICE ACTION"."""
        self.g.lab.docker("exec", self.g.containers()["proxy"][0][0], "/bin/true", "was", "last")
        whole = wait_for(lambda: "proxy exec_create: /bin/true was last" in self.path.read_text(), 120)
        self.child.kill()
        self.child.wait()
        if not whole:
            raise RuntimeError(f"the engine does not tell what became of containers: {self.path.read_text()}")
        return self.path.read_text().split("\n")


def a_migration_ends_before_what_needs_it_begins(t, g):
    """Also where the new container comes beside the old one, which Compose does not wait for."""
    def with_migration(version, status=0):
        return ("    depends_on: {migrate: {condition: service_completed_successfully}}\n"
                f"  migrate:\n    image: {g.registry}/store:1\n    environment: {{VERSION: \"{version}\"}}\n"
                f"    command: [\"/bin/sh\", \"-c\", \"sleep 8; exit {status}\"]\n")

    g.app["zero_downtime"] = ["api"]
    for version in ("12", "13"):
        watched = Events(g)
        g.commit(version, more=with_migration(version))
        t.equal((g.now()[0], g.version()), ("deployed", version), f"{version}: it is deployed")
        t.check("beside the old one" in g.last.stderr, f"{version}: without a gap", g.last.stderr)
        events = watched.end()
        t.check("migrate die" in events and "api start" in events and events.index("migrate die") < events.index("api start"),
                f"{version}: its migration has ended when it begins", events)
    before = g.containers()["api"]
    g.commit("14", more=with_migration("14", status=3))
    got, why = g.now()
    t.equal(got, "rolled-back", "a migration that fails takes the commit back")
    t.check("migrate has ended with status 3" in why, "which is said", why)
    t.equal((g.version(), g.containers()["api"]), ("13", before), "the old one serves on")
    g.app["zero_downtime"] = []
    g.commit("15")
    t.equal(g.now()[0], "deployed", "and the next one goes live")


def who_is_in_a_name_space_comes_along(t, g):
    """Left in that of a container that is gone it would run, and nobody would reach it."""
    side = (f"  side:\n    image: {g.registry}/store:1\n    network_mode: \"service:api\"\n"
            "    stop_grace_period: 1s\n    restart: unless-stopped\n")

    def seen():
        done = g.lab.docker("exec", g.containers()["side"][0][0], "/bin/sh", "-c",
                            r"printf 'GET /version HTTP/1.0\r\n\r\n' | nc 127.0.0.1 8080", check=False)
        return done.stdout.rpartition("\n")[2] or f"exit {done.returncode}: {done.stderr}"

    g.app["zero_downtime"] = ["api"]
    for version in ("16", "17"):
        g.commit(version, more=side)
        t.equal((g.now()[0], seen()), ("deployed", version), f"{version}: it sees the one that it shares with")
    t.check("with a gap: it shares name spaces" in g.last.stderr, "of which there are never two", g.last.stderr)
    g.commit("18", broken="crash", more=side)
    t.equal((g.now()[0], seen()), ("rolled-back", "17"), "also after a way back")
    t.equal(g.now()[0], "unchanged", "which nobody takes for a change by hand")
    for what in (["stop", "-t", "1"], ["rm", "-f"]):
        g.lab.docker(*what, g.containers()["api"][0][0])
        t.equal((g.now()[0], seen()), ("repaired", "17"), f"and after {what[0]}")
    g.app["zero_downtime"] = []
    g.commit("19")
    t.equal(g.now()[0], "deployed", "without it again")


def a_renamed_service_goes_when_the_new_one_is_there(t, g):
    text = g.compose("7").replace("  job:\n", "  worker:\n")
    g.commit("7", text=text.replace('command: ["/bin/true"]', 'command: ["/bin/sleep", "1000"]'))
    t.equal(g.now()[0], "deployed", "a service comes")
    watched = Events(g)
    g.commit("8", text=text.replace('command: ["/bin/true"]', 'command: ["/bin/sleep", "1000"]')
             .replace("  worker:\n", "  helper:\n"))
    t.equal(g.now()[0], "deployed", "its name is changed")
    events = watched.end()
    t.check("helper start" in events and "worker die" in events and
            events.index("helper start") < events.index("worker die"), "the old one ends when the new one runs", events)
    t.check("worker" not in g.containers(), "and is gone", g.containers())


def data_keep_their_volume(t, g):
    before = g.containers()
    text = g.compose("9").replace("data:/data", "other:/data").replace("volumes:\n  data: {}", "volumes:\n  other: {}")
    g.commit("9", text=text)
    got, why = g.now()
    t.check(got == "refused" and "store: /data would have the volume 'demo_other' instead of 'demo_data'" in why,
            "another volume where there are data is refused", why)
    t.equal(g.containers(), before, "and nothing is touched")
    g.commit("10", text=text.replace('kbuild.stateful: "true"', 'kbuild.stateful: "true", kbuild.new_data: "true"'))
    t.equal(g.now()[0], "deployed", "unless it is meant")
    g.commit("8")
    t.equal(g.now()[0], "deployed", "and back")


def a_renamed_service_with_data_goes_first(t, g):
    """Two of them on one volume at once would destroy what is in it. No container_name keeps them apart."""
    def renamed(version, broken=""):
        return (g.compose(version, broken=broken).replace("  store:\n", "  depot:\n")
                .replace("    container_name: store\n", ""))

    def check_order(events, old, new, what):
        t.check(f"{old} die" in events and f"{new} start" in events and
                events.index(f"{old} die") < events.index(f"{new} start"), f"{what}: {old} ends before {new} begins", events)

    def mark(service):
        return g.lab.docker("exec", g.containers()[service][0][0], "cat", "/data/mark").stdout.strip()

    g.commit("8.1")
    t.equal(g.now()[0], "deployed", "what keeps data has its first name")
    g.lab.docker("exec", g.containers()["store"][0][0], "sh", "-c", "echo kept > /data/mark")
    watched = Events(g)
    g.commit("8.2", text=renamed("8.2", broken="crash"))
    t.equal(g.now()[0], "rolled-back", "a bad commit with another name is taken back")
    events = watched.end()
    check_order(events, "store", "depot", "there")
    back = events[events.index("depot start"):] if "depot start" in events else []
    t.check("depot die" in back and "store start" in back and back.index("depot die") < back.index("store start"),
            "and back: depot ends before store begins", events)
    t.equal((mark("store"), "depot" in g.containers()), ("kept", False), "with its data, and alone")
    watched = Events(g)
    g.commit("8.3", text=renamed("8.3"))
    t.equal(g.now()[0], "deployed", "a good commit with another name is deployed")
    check_order(watched.end(), "store", "depot", "deployed")
    t.equal((mark("depot"), "store" in g.containers()), ("kept", False), "the new one has the data, and alone")
    g.commit("8.4")
    t.equal(g.now()[0], "deployed", "and the first name comes back")
    t.equal((mark("store"), "depot" in g.containers()), ("kept", False), "with the data")


def a_secret_that_a_check_prints(t, g):
    values = json.loads((g.dir / "state/secrets/values.json").read_text())["values"]
    check = 'healthcheck: {test: ["CMD-SHELL", "echo at postgres://app:$$SECRET@db; false"], interval: 1s, retries: 1}'
    g.commit("9", text=g.compose("9").replace(
        "    container_name: store\n", "    container_name: store\n    environment: {SECRET: \"${SECRET}\"}\n"
        f"    {check}\n"))
    got, why = g.now()
    t.equal(got, "rolled-back", "a check that fails takes the commit back")
    t.check("postgres://app:[SECRET]@db" in why, "what it printed is told without the secret", why)
    told = why + g.last.stderr + json.dumps(g.alerts()) + json.dumps(g.status())
    t.check(values["SECRET"] not in told, "which is in no alert, status or message")


def no_secret_is_told(t, g):
    values = json.loads((g.dir / "state/secrets/values.json").read_text())
    secret = values["values"]["SECRET"]
    found = [str(p) for p in (g.dir / "state").rglob("*")
             if p.is_file() and "repo.git" not in str(p) and p.name not in ("values.json",)
             and secret.encode() in p.read_bytes()]
    t.equal(found, [], "the application's secret stands in no file of the agent but its own")
    t.check(secret not in g.run("gitops", "status", "--json").stdout, "nor in the status")


TESTS = [
    a_good_commit_goes_live,
    a_bad_commit_does_no_harm,
    what_was_changed_by_hand_is_put_right,
    a_moved_tag_changes_no_data,
    images_that_come_after_their_commit,
    the_operator_has_the_last_word,
    a_service_can_be_replaced_without_a_gap,
    one_that_drains_never_serves_again,
    a_kill_at_any_moment_is_survived,
    a_dead_registry_is_waited_for,
    a_registry_that_nobody_signed_in_to,
    a_migration_ends_before_what_needs_it_begins,
    who_is_in_a_name_space_comes_along,
    a_renamed_service_goes_when_the_new_one_is_there,
    a_renamed_service_with_data_goes_first,
    data_keep_their_volume,
    a_secret_that_a_check_prints,
    no_secret_is_told,
]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    t = Tap()
    with Gitops(Path(sys.argv[1]) / "firstboot/kbuild-agent") as g:
        g.make_secrets()
        only = [a.split("=", 1)[1] for a in sys.argv if a.startswith("--only=")]
        for test in TESTS:
            if only and not any(word in test.__name__ for word in only):
                continue
            start = time.monotonic()
            try:
                test(t, g)
            except Exception as problem:  # pylint: disable=broad-except
                t.check(False, f"{test.__name__} ended: {problem!r}",
                        getattr(g, "last", None) and g.last.stderr)
            t.note(f"{test.__name__}: {time.monotonic() - start:.0f} s")
    return t.done()


if __name__ == "__main__":
    sys.exit(main())
