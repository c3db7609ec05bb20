#!/usr/bin/env python3
"""
The health run against real receivers: web servers, a mail server with STARTTLS and login, a web hook, a dead
man's switch. The broker is a stand-in that answers what the test says.

    test_health.py KBUILD-AGENT

Prints TAP. Needs root: the test's own authority is trusted in a mount namespace.
"""
import base64
import ctypes
import errno
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from email import message_from_string
from email.header import decode_header, make_header
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from kbtest import Tap, free_port, program_argument  # noqa: E402
from world import Authority, MailSink, Sink, can_connect  # noqa: E402

PASSWORD = "the-pass-word-4711"


class Broker:
    """Answers system-state, clock and ps."""

    def __init__(self, path):
        self.answers = {"system-state": {"failed_units": [], "services": {}}, "clock": {"synchronized": True},
                        "ps": {"containers": []}}
        self.asked = []
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.bind(str(path))
        self.sock.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            c, _ = self.sock.accept()
            with c:
                q = json.loads(c.recv(65536))
                self.asked.append(q["op"])
                c.send(json.dumps(self.answers.get(q["op"], {"error": {"code": 1, "message": "no"}})).encode())


class Lab:
    def __init__(self, program, where):
        self.program, self.where = program, where
        (where / "tls").mkdir()
        (where / "state").mkdir()
        (where / "run").mkdir()
        (where / "credentials").mkdir()
        (where / "state/handoff.json").write_text('{"v":1,"server":"web-1","launched":1,"parts":[]}')
        self.authority = Authority(where / "tls")
        tls = self.authority.context()
        self.site, self.hook = Sink(None), Sink(tls)
        self.mail = MailSink(tls, "alerts", PASSWORD)
        self.broker = Broker(where / "broker")
        self.form = "generic"

    def write(self, mail_port=None, hook_port=None, more="", limits=(100, 100, 1000), parts="", app=""):
        (self.where / "credentials/alert").write_text(json.dumps(
            {"smtp_password": PASSWORD, "webhook_token": "tok-en", "ping_url": f"https://localhost:{self.hook.port}/ping"}))
        (self.where / "agent.yaml").write_text(f"""
name: web
app: {{repository: https://example.org/a.git{app}}}
{parts}health:
  disk_percent: {limits[0]}
  memory_percent: {limits[1]}
  load_per_cpu: {limits[2]}
  http:
    - {{url: "http://127.0.0.1:{self.site.port}/", status: 200}}
{more}  alert:
    mail: [kara@proof.test, ops@proof.test]
    smtp: {{server: localhost, port: {mail_port or self.mail.port}, from: server@proof.test, user: alerts}}
    webhook: {{url: "https://localhost:{hook_port or self.hook.port}/hook", form: {self.form}}}
""")

    def fresh(self):
        """As a server is that nothing was ever found on."""
        shutil.rmtree(self.where / "state")
        (self.where / "state").mkdir()

    def without(self, *keys):
        """The configuration, without the lines of these keys."""
        path = self.where / "agent.yaml"
        path.write_text("".join(line for line in path.read_text().splitlines(True) if line.split(":")[0].strip() not in keys))

    def queue(self, *subjects, step=1):
        """Faults that somebody found, and nobody was told of."""
        (self.where / "state/alerts").mkdir(exist_ok=True)
        for at, subject in enumerate(subjects):
            key = f"proof:{subject}"
            (self.where / f"state/alerts/{hashlib.sha256(key.encode()).hexdigest()[:24]}.json").write_text(json.dumps(
                {"key": key, "kind": "proof", "subject": subject, "text": "", "at": int(time.time()) - 100 + at * step,
                 "sent": False, "over": None}))

    def start(self, *args):
        env = dict(os.environ, CREDENTIALS_DIRECTORY=str(self.where / "credentials"),
                   RUNTIME_DIRECTORY=str(self.where / "run"),
                   KBUILD_CONFINE_STRICT="1")
        return subprocess.Popen([self.program, "health", *args, "--config", self.where / "agent.yaml", "--state",
                                 self.where / "state", "--broker", self.where / "broker"], env=env, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *args):
        with self.start(*args) as child:
            try:
                out, err = child.communicate(timeout=120)
            except BaseException:
                child.kill()
                raise
        return subprocess.CompletedProcess(child.args, child.returncode, out, err)

    def state(self):
        return json.loads((self.where / "state/health.json").read_text())

    def check(self, name):
        return next((c for c in self.state()["checks"] if c["name"].startswith(name)), {})

    def posts(self, path="/hook"):
        return [json.loads(body) for _, p, body in self.hook.got if p == path]


def subject(mail):
    return str(make_header(decode_header(message_from_string(mail[2])["Subject"])))


def body(mail):
    return message_from_string(mail[2]).get_payload(decode=True).decode()


def all_is_well(tap, lab):
    done = lab.run()
    tap.equal(done.returncode, 0, "a run on a good machine succeeds") or tap.note(done.stdout + done.stderr)
    tap.equal(lab.state()["faults"], 0, "and finds no fault")
    tap.equal([p for _, p, _ in lab.hook.got], ["/ping"], "the dead man's switch is told, nobody else")
    tap.equal(lab.mail.mails, [], "no mail")
    prom = (lab.where / "run/kbuild.prom")
    tap.equal(prom.stat().st_mode & 0o777, 0o644, "others may read the metrics")
    tap.check(f'kbuild_check_ok{{check="http:http://127.0.0.1:{lab.site.port}/"}} 1\n' in prom.read_text(),
              "which say that the site is well", prom.read_text())
    status = lab.where / "run/status.json"
    tap.check(status.stat().st_mode & 0o777 == 0o644 and json.loads(status.read_text()) == lab.state()
              and lab.state()["server"] == "web-1", "and the run's state, in JSON", status.read_text())


def a_fault_is_told_once(tap, lab):
    lab.site.status = 500
    lab.run()
    tap.equal(lab.mail.mails, [], "one bad answer is no alert")
    lab.run()
    lab.run()
    lab.run()
    tap.equal(len(lab.mail.mails), 1, "two of three are one mail, and the same again is none")
    tap.check("answers 500" in subject(lab.mail.mails[0]), "its subject says what is wrong", subject(lab.mail.mails[0]))
    tap.equal(lab.mail.mails[0][1], ["kara@proof.test", "ops@proof.test"], "it goes to all")
    tap.check("server: web-1\ndefinition: web\n" in body(lab.mail.mails[0]) and subject(lab.mail.mails[0]).startswith("web-1: "),
              "and says of which server", body(lab.mail.mails[0]))
    posts = lab.posts()
    tap.equal([(p["over"], p["server"], p["definition"], p["kind"]) for p in posts], [(False, "web-1", "web", "health")],
              "one post to the web hook")
    lab.site.status = 200
    lab.run()
    tap.equal(len(lab.mail.mails), 1, "one good answer is no recovery")
    lab.run()
    lab.run()
    tap.equal([p["over"] for p in lab.posts()], [False, True], "two are one notice that it is over")
    tap.check("over:" in subject(lab.mail.mails[-1]), "by mail too", subject(lab.mail.mails[-1]))
    tap.equal(lab.state()["faults"], 0, "no fault is left")


def notices_of_one_second_differ(tap, lab):
    lab.queue("fault 0", "fault 1", step=0)
    lab.run()
    ids = [message_from_string(m[2])["Message-ID"] for m in lab.mail.mails[-2:]]
    tap.check(ids[0] != ids[1] and all(i.endswith(".web-1@kbuild>") for i in ids), "two alerts of one second are two mails, "
              "which another server's cannot be", ids)
    shutil.rmtree(lab.where / "state/alerts")


def a_dead_network_loses_nothing(tap, lab):
    mails, posts = len(lab.mail.mails), len(lab.posts())
    lab.write(mail_port=free_port(), hook_port=free_port())
    lab.broker.answers["system-state"]["failed_units"] = ["nginx.service"]
    done = [lab.run() for _ in range(3)][-1]
    tap.equal(done.returncode, 0, "with nobody to reach the run succeeds")
    lab.write(hook_port=free_port())
    lab.run()
    lab.run()
    tap.equal(len(lab.mail.mails), mails + 1, "as soon as mail works, the mail comes, once")
    tap.check("nginx.service" in subject(lab.mail.mails[-1]), "with the failed unit", subject(lab.mail.mails[-1]))
    lab.write()
    lab.run()
    lab.run()
    tap.equal((len(lab.mail.mails), len(lab.posts())), (mails + 1, posts + 1), "and the web hook gets its own later")
    lab.broker.answers["system-state"]["failed_units"] = []
    for _ in range(3):
        lab.run()
    tap.equal(lab.posts()[-1]["over"], True, "then it is over")


def containers_and_clock(tap, lab):
    box = {"name": "api", "state": "running", "health": "healthy", "exit_code": 0, "restarts": 0}
    lab.broker.answers["ps"]["containers"] = [box, dict(box, name="migrate", state="exited", health=None)]
    lab.run()
    tap.equal(lab.check("container:api")["now"], "good", "a container that runs is well")
    tap.equal(lab.check("container:migrate")["now"], "good", "so is one that did its work and ended")
    box["restarts"] = 3
    lab.run()
    tap.check("3 times" in lab.check("container:api")["text"], "restarts are counted", lab.check("container:api"))
    box["health"] = "unhealthy"
    lab.run()
    tap.check("unhealthy" in lab.check("container:api")["text"], "an unhealthy one is seen")
    lab.broker.answers["clock"]["synchronized"] = False
    lab.run()
    tap.equal(lab.check("clock")["now"], "bad", "a clock that is not in sync is seen")
    lab.broker.answers["clock"] = {"error": {"code": 1, "transient": True, "message": "busy"}}
    lab.run()
    tap.equal(lab.check("clock")["now"], "unknown", "a broker that cannot say changes nothing")
    lab.broker.answers["clock"] = {"synchronized": True}
    with open(lab.where / "state/lock-gitops", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lab.run()
        tap.check("deployment" in lab.check("container:api")["text"], "while a deployment is at work that one judges",
                  lab.check("container:api"))
    lab.broker.answers["ps"]["containers"] = []
    for _ in range(3):
        lab.run()


def what_nobody_could_look_at_is_not_over(tap, lab):
    box = {"name": "api", "state": "exited", "health": None, "exit_code": 1, "restarts": 7}
    start = len(lab.posts())

    def told():
        return [(p["over"], p["subject"]) for p in lab.posts()[start:]]

    lab.broker.answers["ps"] = {"containers": [box]}
    lab.run()
    lab.run()
    fault = (False, "api is exited (exit status 1)")
    tap.equal(told(), [fault], "a container that died is a fault")
    lab.broker.answers["ps"] = {"error": {"code": 1, "transient": True, "message": "busy"}}
    lab.run()
    check = lab.check("container:api")
    tap.equal((check.get("fault"), check.get("now"), lab.state()["restarts"], told()), (True, "unknown", {"api": 7}, [fault]),
              "while nobody can look it stays one, with its restarts")
    lab.broker.answers["ps"] = {"containers": []}
    lab.run()
    over = (True, "container:api is gone")
    tap.equal((lab.check("container:api"), told()), ({}, [fault, over]), "one that is gone ends its fault")
    lab.broker.answers["ps"] = {"containers": [box]}
    lab.run()
    lab.run()
    tap.equal(told(), [fault, over, fault], "and the next one is told again")
    lab.broker.answers["ps"] = {"containers": []}
    lab.run()


def a_kill_before_the_record_leaves_no_alert_for_ever(tap, lab):
    key, posts = "health:units", len(lab.posts())
    (lab.where / f"state/alerts/{hashlib.sha256(key.encode()).hexdigest()[:24]}.json").write_text(json.dumps(
        {"key": key, "kind": "health", "subject": "failed: x", "text": "", "at": 1700000000, "sent": True, "over": None}))
    lab.run()
    lab.run()
    tap.equal(([p["over"] for p in lab.posts()[posts:]], lab.state()["faults"]), ([True], 0),
              "an alert that is open, whatever the record says, ends when it is over")


def fill(directory):
    """Takes what is free there, to the last block."""
    with open(directory / "ballast", "ab", buffering=0) as f:
        for size in (65536, 4096, 512):
            try:
                while True:
                    f.write(b"x" * size)
            except OSError as e:
                if e.errno != errno.ENOSPC:
                    raise


def a_full_disk_is_told(tap, lab):
    state = lab.where / "state"
    shutil.rmtree(state)
    state.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", state], check=False, capture_output=True).returncode:
        tap.note("no tmpfs can be mounted here: the full disk was not tried")
        return
    try:
        lab.site.status = 200
        lab.run()
        mails, posts = len(lab.mail.mails), len(lab.posts())

        def run():
            fill(state)
            done = lab.run()
            fill(state)
            return done

        fill(state)
        free = os.statvfs(state).f_bavail
        lab.site.status = 500
        run()
        said = run().stderr
        tap.equal((free, len(lab.mail.mails) - mails), (0, 1), "with not a byte free a fault is told") or tap.note(said)
        lab.write(hook_port=free_port())
        lab.broker.answers["system-state"]["failed_units"] = ["nginx.service"]
        for _ in range(20):
            run()
        tap.equal((len(lab.mail.mails) - mails, len(lab.posts()) - posts), (2, 1),
                  "so is the next one, once, also while a channel is down")
        lab.write()
        lab.site.status = 200
        lab.broker.answers["system-state"]["failed_units"] = []
        for _ in range(5):
            run()
        tap.equal((len(lab.mail.mails) - mails, [p["over"] for p in lab.posts()[posts:]]), (4, [False, False, True, True]),
                  "and that they are over")
        (state / "ballast").unlink()
        lab.run()
        tap.equal({p.stat().st_size for p in state.rglob("spare-*")}, {16384, 131072}, "with room there are spares again")
    finally:
        subprocess.run(["umount", state], check=False)


def certificates_and_words(tap, lab):
    lab.write(more=f"""    - {{url: "https://localhost:{lab.hook.port}/page", contains: "not there"}}
  tls_days: 365
""")
    lab.run()
    tap.equal(lab.check("tls:")["now"], "bad", "a certificate that ends soon is seen")
    tap.equal(lab.check("tls:")["value"], 29, "with the days it has left")
    tap.check("without 'not there'" in lab.check("http:https")["text"], "an answer without the word is seen")
    done = lab.run("show")
    tap.equal(done.returncode, 6, "who asks gets status 6 for faults")
    tap.check("BAD" in done.stdout, "and lines for people", done.stdout)
    tap.check(json.loads(lab.run("show", "--json").stdout)["checks"], "or JSON")


def one_page_for_several_checks(tap, lab):
    page, start = f"http://127.0.0.1:{lab.site.port}/app", len(lab.posts())

    def named():
        return sorted(c["name"] for c in lab.state()["checks"] if c["name"].startswith(f"http:{page}"))

    def twice():
        series = [line.split("} ")[0] for line in (lab.where / "run/kbuild.prom").read_text().splitlines() if "{" in line]
        return [s for s in series if series.count(s) > 1]

    def told():
        return [(p["over"], p["subject"]) for p in lab.posts()[start:]]

    app, nope = f', health: "{page}"', f'    - {{url: "{page}", contains: nope}}\n'
    lab.write(app=app, more=nope)
    lab.run()
    lab.run()
    fault = (False, f"{page} answers without 'nope' in it")
    tap.equal(told(), [fault], "the application's own URL, listed with a word that is not there, is one fault")
    tap.equal((named(), twice()), ([f"http:{page}"], []), "of one check")
    lab.write(app=app)
    lab.run()
    lab.run()
    tap.equal(told(), [fault, (True, f"{page} answers 200")], "not listed, it is asked all the same")
    lab.fresh()
    lab.write(app=app, more=f'    - {{url: "{page}", status: 200}}\n{nope}{nope}')
    lab.run()
    lab.run()
    tap.equal(told()[2:], [fault], "the same for a page that is listed more than once")
    tap.equal((named(), twice()), ([f"http:{page} contains 'nope'", f"http:{page} status 200"], []),
              "each a check with a name of its own")
    tap.equal([lab.check(n)["now"] for n in named()], ["bad", "good"], "which finds what it was asked for")
    lab.fresh()
    lab.write()


def dockers_disk_is_the_brokers_word(tap, lab):
    disk = {"path": "/srv/docker", "size": 1000, "used": 950, "free": 50, "inodes": 100, "inodes_free": 40,
            "device": os.stat("/").st_dev}
    disk["volumes"] = dict(disk, path="/srv/docker/volumes")
    lab.write(limits=(94, 100, 1000))
    lab.broker.answers["disk"] = disk
    lab.run()
    tap.equal((lab.check("disk:/srv"), lab.check("inodes:/srv")), ({}, {}), "one file system is looked at once")
    disk["device"] = 1 << 40
    lab.run()
    tap.equal([(lab.check(n).get("now"), lab.check(n).get("value")) for n in ("disk:/srv/docker", "inodes:/srv/docker")],
              [("bad", 95), ("good", 60)], "a disk of Docker's own is seen full")
    disk["volumes"].update(device=(1 << 40) + 1, used=100)
    lab.run()
    tap.equal([lab.check(f"disk:/srv/docker{n}").get("now") for n in ("", "/volumes")], ["bad", "good"],
              "and one of its volumes' own is looked at, too")
    lab.broker.answers["disk"] = dict(disk, used=None)
    lab.run()
    tap.equal([lab.check(n).get("now") for n in ("disk:docker", "disk:/srv/docker")], ["unknown"] * 2,
              "an answer without a number changes nothing")
    del lab.broker.answers["disk"]
    lab.run()
    tap.equal([lab.check(n).get("now") for n in ("disk:docker", "disk:/srv/docker")], ["unknown"] * 2,
              "nor does a broker that cannot say")
    lab.write()


def mailed(lab, first):
    """The subjects of the mails from the first-th, without the server's name."""
    return [subject(m).split(": ", 1)[1] for m in lab.mail.mails[first:]]


class Silent:
    """Takes connections, as the kernel does by itself, and never says a word."""

    def __enter__(self):
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.sock.getsockname()[1]
        return self

    def __exit__(self, *_):
        self.sock.close()


def a_silent_channel_keeps_nothing_back(tap, lab):
    faults = [f"fault {n}" for n in range(10)]
    got, mails = len(lab.hook.got), len(lab.mail.mails)
    with Silent() as silent:
        lab.write(mail_port=silent.port)
        lab.queue(*faults)
        for n in ("the first", "the next"):
            try:
                tap.equal(lab.run().returncode, 0, f"with a mail server that says nothing {n} run ends")
            except subprocess.TimeoutExpired:
                tap.check(False, f"with a mail server that says nothing {n} run ends")
    tap.equal(sorted(json.loads(b)["subject"] for _, p, b in lab.hook.got[got:] if p == "/hook"), faults,
              "each notice goes to the web hook once")
    tap.equal(([p for _, p, _ in lab.hook.got[got:]].count("/ping"), lab.hook.got[got][1]), (2, "/ping"),
              "the dead man's switch is told both times, and first")
    lab.write()
    lab.run()
    lab.run()
    tap.equal((mailed(lab, mails), len(lab.hook.got) - got), (faults, 14),
              "as soon as mail works each comes once, and nothing is posted again")
    shutil.rmtree(lab.where / "state/alerts")


def silent_sites_leave_time_to_tell_of_them(tap, lab):
    with Silent() as silent:
        lab.write(more="".join(f'    - {{url: "http://127.0.0.1:{silent.port}/{n}"}}\n' for n in range(7)))
        tap.equal(lab.run().returncode, 0, "a round with many silent sites ends")
    verdicts = [lab.check(f"http:http://127.0.0.1:{silent.port}/{n}").get("now") for n in range(7)]
    tap.equal((verdicts[:3], verdicts[-1]), (["bad"] * 3, "unknown"),
              "those that had their time are bad, of the others nothing is said")
    lab.write()
    lab.run()


def an_end_between_two_channels_repeats_nothing(tap, lab):
    sent, posts, mails = lab.where / "state/alerts-sent.json", len(lab.posts()), len(lab.mail.mails)
    sent.unlink(missing_ok=True)
    with Silent() as silent:
        lab.write(hook_port=silent.port)
        lab.queue("first", "second")
        with lab.start() as child:
            while child.poll() is None and not sent.exists():
                time.sleep(0.05)
            tap.equal(mailed(lab, mails), ["first"], "that it went by mail is written down "
                      "before the web hook has its time")
            child.send_signal(signal.SIGTERM)
            child.communicate(timeout=120)
    tap.equal(len(lab.mail.mails) - mails, 1, "who is asked to end begins no other notice")
    lab.write()
    lab.run()
    lab.run()
    tap.equal((mailed(lab, mails), [p["subject"] for p in lab.posts()[posts:]]),
              (["first", "second"], ["first", "second"]), "then each goes everywhere once")
    shutil.rmtree(lab.where / "state/alerts")


def one_notice_holds_back_no_other(tap, lab):
    for status, tried in ((500, 3), (503, 1)):
        posts = len(lab.posts())
        lab.hook.status = status
        lab.queue("first", "second", "third")
        lab.run()
        tap.equal(len(lab.posts()) - posts, tried, f"a web hook that answers {status} is asked for {tried} of three notices")
        shutil.rmtree(lab.where / "state/alerts")
    lab.hook.status = 200


def mail_that_cannot_go_is_kept(tap, lab):
    mails, said = len(lab.mail.mails), ""
    lab.without("smtp", "webhook")
    lab.queue("kept")
    for _ in range(2):
        said = lab.run().stderr
    tap.check("kbuild.health.alert.smtp is missing" in said, "mail without a server is complained of", said)
    lab.write()
    lab.run()
    tap.equal(mailed(lab, mails), ["kept"], "and the notice is kept until there is one")
    shutil.rmtree(lab.where / "state/alerts")


def one_receiver_that_is_gone(tap, lab):
    mails = len(lab.mail.mails)
    lab.mail.refuse = ("kara@proof.test",)
    lab.queue("for all")
    said = lab.run().stderr
    lab.run()
    tap.equal(([m[1] for m in lab.mail.mails[mails:]], mailed(lab, mails)), ([["ops@proof.test"]], ["for all"]),
              "the others have the mail, once")
    tap.check("refuses mail to kara@proof.test (550)" in said, "and who has not is said", said)
    lab.mail.refuse = ("kara@proof.test", "ops@proof.test")
    lab.queue("for nobody")
    lab.run()
    lab.mail.refuse = ()
    lab.run()
    tap.equal([m[1] for m in lab.mail.mails[mails + 1:]], [["kara@proof.test", "ops@proof.test"]],
              "what nobody had is sent again")
    shutil.rmtree(lab.where / "state/alerts")


def forms(tap, lab):
    for form, test in (("slack", lambda b: "nginx" in json.loads(b)["text"]),
                       ("discord", lambda b: "nginx" in json.loads(b)["content"]),
                       ("ntfy", lambda b: "nginx" in b)):
        lab.fresh()
        lab.form = form
        lab.write()
        lab.hook.got.clear()
        lab.broker.answers["system-state"]["failed_units"] = ["nginx.service"]
        lab.run()
        lab.run()
        got = [b for _, p, b in lab.hook.got if p == "/hook"]
        tap.check(len(got) == 1 and test(got[0]), f"the form of {form}", got)


def no_secret_anywhere(tap, lab):
    texts = [p.read_text(errors="replace") for p in (lab.where / "state").rglob("*") if p.is_file()]
    done = lab.run()
    texts += [done.stdout, done.stderr]
    tap.check(not any(PASSWORD in t or "tok-en" in t for t in texts), "no password is in the state or the output")
    wrong = json.loads((lab.where / "credentials/alert").read_text())
    wrong["smtp_password"] = "wrong-" + PASSWORD
    (lab.where / "credentials/alert").write_text(json.dumps(wrong))
    lab.fresh()
    lab.run()
    done = lab.run()
    tap.check("refuses the login" in done.stderr, "a refused login is said", done.stderr)
    tap.check(PASSWORD not in done.stderr and base64.b64encode(PASSWORD.encode()).decode() not in done.stderr,
              "without the password")


def the_machines_own_limits(tap, lab):
    """Small numbers of our own: what this machine has is nobody's fault."""
    state = Path("/var/lib/kbuild")
    made = not state.exists()
    state.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=40", "none", state], check=True)
    (lab.where / "meminfo").write_text("MemTotal: 1000 kB\nMemFree: 50 kB\nMemAvailable: 100 kB\n")
    subprocess.run(["mount", "--bind", lab.where / "meminfo", "/proc/meminfo"], check=True)
    try:
        lab.write(limits=(85, 90, 0))
        lab.run()
        tap.equal([(lab.check(n)["now"], lab.check(n)["value"]) for n in ("memory", f"disk:{state}", f"inodes:{state}")],
                  [("good", 90), ("good", 0), ("good", 2)], "at a limit all is well") or tap.note(lab.state())
        tap.equal(lab.check("load")["now"], "bad", "a load over 15 minutes above the limit is seen")
        lab.write(limits=(85, 89, 1000))
        for n in range(34):
            (state / str(n)).touch()
        fill(state)
        lab.run()
        tap.equal([lab.check(n)["now"] for n in ("memory", f"disk:{state}", f"inodes:{state}", "load")],
                  ["bad", "bad", "bad", "good"], "so are memory, a full disk, and one whose inodes are used") or tap.note(lab.state())
        tap.check("100 %" in lab.check(f"disk:{state}")["text"] and "limit 85 %" in lab.check(f"inodes:{state}")["text"],
                  "with how much it is, and what the limit is", lab.state())
    finally:
        for place in (state, "/proc/meminfo"):
            subprocess.run(["umount", place], check=True)
        if made:
            state.rmdir()
        lab.write()
    lab.run()


def change_record(lab, change):
    record = lab.state()
    change(record)
    (lab.where / "state/health.json").write_text(json.dumps(record))


def what_has_not_come_for_long(tap, lab):
    """Backups, looks at the repository, and what is told anew a day later."""
    looked, first = lab.where / "state/gitops-checked", len(lab.posts())
    looked.touch()
    lab.write(parts="backup: {postgres: {container: db}, recipients: []}\n")
    lab.run()
    tap.equal(lab.check("backup")["now"], "unknown", "a new server's first backup may take its time")
    change_record(lab, lambda r: r.update(first=r["first"] - 27 * 3600))
    lab.run()
    tap.equal((lab.check("backup")["now"], lab.check("backup")["text"]), ("bad", "there is no backup yet"),
              "after more than a day without one it is a fault")
    lab.write()
    lab.run()
    os.utime(looked, (time.time() - 31 * 60,) * 2)
    lab.run()
    lab.run()
    tap.equal((lab.check("gitops")["now"], lab.check("gitops")["text"]), ("bad", "the repository was not reached for 31 minutes"),
              "a repository that was not reached for ten intervals is a fault")
    subjects = [p["subject"] for p in lab.posts()[first:]]
    tap.equal(subjects.count("the repository was not reached for 31 minutes"), 1, "which is told") or tap.note(subjects)

    def yesterday(record):
        for check in record["checks"]:
            if check["name"] == "gitops":
                check["told"] -= 24 * 3600

    change_record(lab, yesterday)
    lab.run()
    lab.run()
    subjects = [p["subject"] for p in lab.posts()[first:]]
    tap.equal(len([s for s in subjects if "was not reached" in s]), 2, "and told again a day later, once") or tap.note(subjects)
    looked.unlink()
    for _ in range(3):
        lab.run()


def first_boot_goes_on(tap, lab):
    """A step that failed is told; what may hold by now is tried again, a quarter of an hour after the last walk."""
    record, ops = lab.where / "state/first-boot.json", lab.broker.asked
    lab.broker.answers["first-boot"] = {}
    lab.fresh()
    first = len(lab.posts())

    def walked(ago, *steps):
        record.write_text(json.dumps({"v": 1, "state": "degraded", "at": int(time.time()) - ago, "steps": [
            {"step": "clock", "state": "done"}, *({"step": s, "state": "failed", "note": f"{s} is ill", **more} for s, more in steps)]}))
        ops.clear()
        return lab.run()

    passing, app, for_good = ("dns", {"transient": True}), ("gate", {"deploys": True}), ("volume", {})
    for ago, steps, want in ((60, [passing], 0), (1000, [passing], 1), (-5000, [passing], 1), (1000, [for_good], 0),
                             (1000, [app], 0), (1000, [for_good, passing], 1), (1000, [], 0)):
        done = walked(ago, *steps)
        tap.equal((done.returncode, ops.count("first-boot")), (0, want), f"{steps}, {ago} s ago: asked for {want} times") \
            or tap.note(done.stderr)
    with open(lab.where / "state/lock-first-boot", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        walked(1000, passing)
    tap.equal(ops.count("first-boot"), 0, "a walk that is at work is left alone")
    walked(1000, for_good)
    ops.clear()
    lab.run("show")
    tap.equal(ops.count("first-boot"), 0, "who only looks asks for nothing")
    lab.fresh()
    lab.broker.answers["system-state"]["failed_units"] = ["kbuild-firstboot.service"]
    walked(60, for_good, passing)
    walked(60, for_good, passing)
    tap.equal([p["subject"] for p in lab.posts()[first:] if "over" not in p["subject"]][-1:],
              ["first boot is not done: volume: volume is ill (and 1 more)"], "a step that failed is told with its reason")
    tap.equal(lab.check("units")["now"], "good", "and its unit not once more")
    (lab.where / "state/gitops.json").write_text(json.dumps(
        {"v": 1, "good": {"sha": "a" * 40, "plan": "b" * 64, "table": {"services": []}}}))
    walked(60, app)
    tap.equal(ops.count("first-boot"), 1, "an application that is deployed by now is taken note of")
    (lab.where / "state/gitops.json").unlink()
    record.write_text('{"v": 1, "state": "ready", "at": 1, "steps": [{"step": "dns", "state": "done"}]}')
    lab.run()
    tap.equal(lab.check("units")["now"], "bad", "a unit that failed otherwise is told as any other")
    lab.broker.answers["system-state"]["failed_units"] = []
    for _ in range(3):
        lab.run()
    tap.equal((lab.check("first-boot")["now"], lab.state()["faults"]), ("good", 0), "and it ends when all steps are done")
    lab.fresh()


BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def trust(ca):
    """For this process and its children: what the system trusts is this authority."""
    if ctypes.CDLL(None, use_errno=True).unshare(0x00020000) != 0:
        sys.exit("test_health.py: needs root")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "--bind", ca, BUNDLE], check=True)


def main():
    tap, program = Tap(), program_argument()
    with tempfile.TemporaryDirectory(prefix="kbuild-health-") as d:
        lab = Lab(program, Path(d))
        trust(lab.authority.ca)
        lab.write()
        tap.check(can_connect(lab.mail.port), "the mail server listens")
        for section in (all_is_well, a_fault_is_told_once, notices_of_one_second_differ, a_dead_network_loses_nothing, containers_and_clock,
                        what_nobody_could_look_at_is_not_over, a_kill_before_the_record_leaves_no_alert_for_ever,
                        a_full_disk_is_told, the_machines_own_limits, what_has_not_come_for_long,
                        first_boot_goes_on, certificates_and_words, one_page_for_several_checks, dockers_disk_is_the_brokers_word,
                        a_silent_channel_keeps_nothing_back, silent_sites_leave_time_to_tell_of_them, an_end_between_two_channels_repeats_nothing,
                        one_notice_holds_back_no_other, mail_that_cannot_go_is_kept, one_receiver_that_is_gone, forms,
                        no_secret_anywhere):
            section(tap, lab)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
