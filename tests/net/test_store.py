#!/usr/bin/env python3
"""store_fetch() against a mirror that fails in every way we know. Prints TAP."""
import concurrent.futures
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(sys.path[0]), "lib"))
from faulty_mirror import Fault, Mirror  # noqa: E402
from kbtest import take_interrupts  # noqa: E402

DRIVER = os.environ.get("STORE_DRIVER", "build/tests/net/store_driver")
ENV = {"PATH": os.environ["PATH"], "KBUILD_STALL_SECONDS": "30", "KBUILD_RETRY_PAUSE_MS": "20",
       "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
# Only where the mirror really stalls: a busy machine is silent for some seconds, too.
STALLS = {"KBUILD_STALL_SECONDS": "3"}
CASES = []


def case(f):
    CASES.append(f)
    return f


class World:
    """A directory with files to serve, a mirror on it, and a store to fill."""

    def __init__(self, sizes=(100_000,)):
        self.tmp = tempfile.TemporaryDirectory(prefix="kbuild-store-")
        self.dir = self.tmp.name
        self.pool, self.cache = self.dir + "/pool", self.dir + "/cache"
        os.mkdir(self.pool)
        self.files = []
        for i, size in enumerate(sizes):
            data = random.Random(i).randbytes(size)
            name = "p%d.deb" % i
            with open("%s/%s" % (self.pool, name), "wb") as f:
                f.write(data)
            self.files.append((hashlib.sha256(data).hexdigest(), size, name))
        self.mirror = Mirror(self.pool)

    def __enter__(self):
        self.mirror.__enter__()
        return self

    def __exit__(self, *args):
        self.mirror.__exit__(*args)
        self.tmp.cleanup()

    def fault(self, kind, times=None, pattern="*"):
        self.mirror.faults.append(Fault(pattern, kind, times))

    def lines(self, urls=None):
        text = ""
        for sha256, size, name in self.files:
            where = [self.mirror.url] if urls is None else urls
            text += " ".join([sha256, str(size), name] + [u + "/" + name for u in where]) + "\n"
        return text

    def start(self, *flags, urls=None, env=None, cache=None, pre=None):
        p = subprocess.Popen([DRIVER, cache or self.cache, *flags], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env={**ENV, **(env or {})}, preexec_fn=pre)
        p.stdin.write(self.lines(urls))
        p.stdin.close()
        p.stdin = None
        return p

    def fetch(self, *flags, **kwargs):
        p = self.start(*flags, **kwargs)
        out, err = p.communicate(timeout=60)
        return p.returncode, err

    def stored(self, sha256, cache=None):
        return "%s/store/%s/%s.deb" % (cache or self.cache, sha256[:2], sha256)

    def partial(self, sha256):
        return "%s/store/partial/%s" % (self.cache, sha256)

    def check_all(self):
        for sha256, _, _ in self.files:
            with open(self.stored(sha256), "rb") as f:
                same(hashlib.sha256(f.read()).hexdigest(), sha256)
        same(os.listdir(self.cache + "/store/partial"), [])

    def check_none_wrong(self):
        """Whatever is in the store has the digest that its name says."""
        for top, _, names in os.walk(self.cache + "/store"):
            for name in names:
                if top.endswith("/partial"):
                    continue
                with open(os.path.join(top, name), "rb") as f:
                    same(hashlib.sha256(f.read()).hexdigest() + ".deb", name)


def same(got, want):
    if got != want:
        raise AssertionError("got %r, wanted %r" % (got, want))


def has(text, part):
    if part not in text:
        raise AssertionError("%r is not in %r" % (part, text))


def fetched(w, **kwargs):
    code, err = w.fetch(**kwargs)
    if code != 0:
        raise AssertionError("exit %d: %s" % (code, err))
    w.check_all()


def refused(w, code, *parts, **kwargs):
    got, err = w.fetch(**kwargs)
    for part in parts:
        has(err, part)
    same(got, code)
    w.check_none_wrong()


@case
def many_files_come_over_few_connections():
    with World([1000 + 997 * i for i in range(100)]) as w:
        fetched(w)
        same(w.mirror.connections <= 8, True)
        same(len(w.mirror.log), 100)
        fetched(w)
        same(len(w.mirror.log), 100)  # the second run asked for nothing


def named(name, f):
    f.__name__ = name
    CASES.append(f)


def stalls(kind):
    return STALLS if kind.startswith("stall") else {}


def survives(kind):
    def run():
        with World(SIZES.get(kind, (100_000,))) as w:
            w.fault(kind, times=1)
            fetched(w, env=stalls(kind))
    named("a_passing_%s_is_survived" % kind.partition(":")[0], run)


def names(kind, code, reason, tries):
    def run():
        with World(SIZES.get(kind, (100_000,))) as w:
            w.fault(kind)
            refused(w, code, "cannot load p0.deb:\n  http://127.0.0.1", reason, env=stalls(kind))
            if tries:
                same(len(w.mirror.log), tries)
    named("a_lasting_%s_is_named" % kind, run)


NETWORK, LOCK = 5, 4
# libcurl's speed is a mean over five seconds: only of a small file is a stall seen in one.
SIZES = {"stall": (4000,)}
for fault in ("500", "502", "503:1", "429:1", "stall", "stall0", "half", "reset", "empty", "nolength",
              "wronglength", "html", "flip", "truncated", "longer", "redirect"):
    survives(fault)
names("404", NETWORK, "the server answers 404 Not Found", 1)
names("403", NETWORK, "the server answers 403 Forbidden", 1)
names("500", NETWORK, "the server answers 500 Internal Server Error (tried 4 times)", 4)
names("html", NETWORK, "a page of HTML instead of the file (tried 2 times)", 2)
names("htmlnolength", NETWORK, "a page of HTML instead of the file (tried 2 times)", 2)
names("truncated", NETWORK, "offers 50000 bytes, the lock says 100000 (tried 2 times)", 2)
names("wronglength", NETWORK, "offers 100001 bytes, the lock says 100000", 2)
names("longer", NETWORK, "sends more than the 100000 bytes of the lock", 2)
names("empty", NETWORK, "closed the connection without an answer (tried 4 times)", None)
names("stall", NETWORK, "stalled after 3750 of 4000 bytes (tried 4 times)", 4)
names("stall0", NETWORK, "the server does not answer (tried 4 times)", 4)
names("reset", NETWORK, "(tried 4 times)", 4)
names("half", NETWORK, "closed the connection half-way (tried 4 times)", 4)
names("loop", NETWORK, "redirects for ever", None)
names("flip", LOCK, "all bytes came, but they do not match the lock's SHA-256", 2)


@case
def each_reason_has_a_next_step():
    with World() as w:
        w.fault("404")
        refused(w, 5, "has left the archive", "kbuild lock --update")
    with World() as w:
        w.fault("flip")
        refused(w, 4, "--mirror URL")
    with World() as w:
        refused(w, 5, "run the same command again", urls=["http://127.0.0.1:9"])


@case
def the_next_url_is_tried():
    with World() as w:
        w.mirror.faults.append(Fault("/gone/*", "404"))
        fetched(w, urls=[w.mirror.url + "/gone", w.mirror.url])
        same([p for p, _ in w.mirror.log], ["/gone/p0.deb", "/p0.deb"])


@case
def all_urls_are_in_the_message():
    with World() as w:
        w.mirror.faults.append(Fault("/gone/*", "404"))
        w.mirror.faults.append(Fault("*", "flip"))
        refused(w, 4, "/gone/p0.deb: the server answers 404 Not Found\n",
                "do not match the lock's SHA-256",
                urls=[w.mirror.url + "/gone", w.mirror.url])


@case
def passwords_of_mirrors_are_not_shown():
    with World() as w:
        w.fault("404")
        code, err = w.fetch(urls=[w.mirror.url.replace("://", "://me:secret@")])
        same(code, 5)
        has(err, "  http://…@127.0.0.1:")
        same("secret" in err, False)


@case
def a_cut_download_goes_on_where_it_was():
    with World() as w:
        w.fault("half", times=1)
        fetched(w)
        same([r for _, r in w.mirror.log], [None, "bytes=50000-"])


@case
def a_later_run_goes_on_too():
    with World() as w:
        w.fault("slow:20000")
        p = w.start()
        sha256 = w.files[0][0]
        while not os.path.exists(w.partial(sha256)) or os.path.getsize(w.partial(sha256)) < 5000:
            assert p.poll() is None, "it ended by itself"
            time.sleep(0.02)
        p.kill()
        p.communicate()
        have = os.path.getsize(w.partial(sha256))
        w.mirror.faults.clear()
        fetched(w)
        same(w.mirror.log[-1][1], "bytes=%d-" % have)


@case
def servers_without_ranges_start_again():
    for kind in ("norange", "badrange", "416"):
        with World() as w:
            os.makedirs(w.cache + "/store/partial")
            with open(w.pool + "/p0.deb", "rb") as f, open(w.partial(w.files[0][0]), "wb") as to:
                to.write(f.read(30000))
            w.fault(kind, times=1)
            try:
                fetched(w)
            except AssertionError as e:
                raise AssertionError("%s: %s" % (kind, e))


@case
def a_rotten_beginning_is_thrown_away_once():
    with World() as w:
        os.makedirs(w.cache + "/store/partial")
        with open(w.partial(w.files[0][0]), "wb") as to:
            to.write(b"y" * 30000)
        fetched(w)
        same([r for _, r in w.mirror.log], ["bytes=30000-", None])


@case
def a_whole_partial_needs_no_request():
    with World() as w:
        os.makedirs(w.cache + "/store/partial")
        os.link(w.pool + "/p0.deb", w.partial(w.files[0][0]))
        fetched(w)
        same(w.mirror.log, [])


@case
def a_too_long_partial_starts_again():
    with World() as w:
        os.makedirs(w.cache + "/store/partial")
        with open(w.partial(w.files[0][0]), "wb") as to:
            to.write(b"y" * 200000)
        fetched(w)
        same([r for _, r in w.mirror.log], [None])


@case
def a_cut_store_file_is_loaded_again():
    with World() as w:
        fetched(w)
        os.truncate(w.stored(w.files[0][0]), 10)
        fetched(w)


@case
def verify_finds_bit_rot():
    with World() as w:
        fetched(w)
        with open(w.stored(w.files[0][0]), "r+b") as f:
            f.seek(5000)
            byte = f.read(1)
            f.seek(5000)
            f.write(bytes([byte[0] ^ 1]))
        code, err = w.fetch("--verify")
        same(code, 4)
        has(err, "was damaged")
        fetched(w)


@case
def file_urls_work():
    with World([1000, 100_000]) as w:
        fetched(w, urls=["file://" + w.pool])
        same(w.mirror.log, [])
    with World() as w:
        refused(w, 5, "there is no such file", urls=["file:///nowhere"])
    with World() as w:  # a beginning is there, but files are simply read again
        os.makedirs(w.cache + "/store/partial")
        with open(w.partial(w.files[0][0]), "wb") as to:
            to.write(b"y" * 30000)
        fetched(w, urls=["file://" + w.pool])


@case
def offline_names_what_is_missing():
    with World([1000] * 7) as w:
        w.files = w.files[:1] + [(f[0][:-1] + "%d" % i, f[1], "q%d" % i)
                                 for i, f in enumerate(w.files)]
        code, err = w.fetch("--offline")
        same(code, 5)
        has(err, "8 packages are not in the store, and --offline was given: p0.deb, q0, q1, q2, q3 "
                 "and 3 more")
        same(w.mirror.log, [])


@case
def two_kbuilds_share_a_store():
    with World([200_000] * 6) as w:
        w.files = [(hashlib.sha256(open("%s/p%d.deb" % (w.pool, i), "rb").read()).hexdigest(),
                    200_000, "p%d.deb" % i) for i in range(6)]
        w.fault("slow:400000")
        both = [w.start(), w.start()]
        for p in both:
            _, err = p.communicate(timeout=60)
            same((p.returncode, err if p.returncode else ""), (0, ""))
        w.check_all()
        same(len(w.mirror.log), 6)  # nothing was loaded twice


@case
def one_file_asked_for_twice_is_loaded_once():
    with World() as w:
        w.files = w.files * 2
        fetched(w)
        same(len(w.mirror.log), 1)


@case
def killed_at_any_time_nothing_wrong_is_kept():
    with World([50_000] * 20) as w:
        w.fault("slow:500000")
        for i in range(6):
            p = w.start()
            time.sleep(0.02 + 0.05 * i)
            p.kill()
            p.communicate()
            w.check_none_wrong()
        w.mirror.faults.clear()
        fetched(w)


@case
def an_interrupt_ends_it_at_once():
    with World() as w:
        w.fault("stall0")
        p = w.start(env={"KBUILD_STALL_SECONDS": "600"})
        while not w.mirror.log:
            assert p.poll() is None, "it ended by itself"
            time.sleep(0.02)
        p.send_signal(signal.SIGINT)
        _, err = p.communicate(timeout=60)
        same(p.returncode, 130)
        has(err, "interrupted")


@case
def a_full_disk_is_named():
    with World([3_000_000]) as w:
        mount = w.dir + "/small"
        os.mkdir(mount)
        # A private mount namespace: nothing is left mounted, whatever happens.
        script = ('mount -t tmpfs -o size=80m tmpfs "$1" && fallocate -l 14m "$1/ballast" && '
                  'exec "$2" "$1"')
        try:
            p = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", mount, DRIVER],
                               input=w.lines(), capture_output=True, text=True, env=ENV, timeout=60)
        except FileNotFoundError:
            return "SKIP no unshare"
        if "permission denied" in p.stderr.lower() or "not permitted" in p.stderr.lower():
            return "SKIP no mount namespaces"
        has(p.stderr, "not enough space in")
        has(p.stderr, "--cache")
        same(p.returncode, 1)


@case
def a_disk_that_fills_up_on_the_way_is_named():
    with World([3_000_000]) as w:
        limit = 1_000_000  # of a file's size: writing fails as on a full disk, without needing one

        def pre():
            import resource
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        refused(w, 1, "cannot load p0.deb: writing below", "File too large", pre=pre)
        fetched(w)


@case
def decompressing_onto_a_full_disk_is_named():
    with World() as w:
        good = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fuzz/corpus/deb")
        with open(good + "/good.xz.deb", "rb") as f:
            data = f.read()
        w.files = [(hashlib.sha256(data).hexdigest(), len(data), "p0.deb")]
        with open(w.pool + "/p0.deb", "wb") as f:
            f.write(data)

        def pre():
            import resource
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        code, err = w.fetch("--plain", pre=pre)
        same(code, 1)
        has(err, "decompressing into %s/plain: p0.deb: writing: File too large" % w.cache)
        same(os.listdir(w.cache + "/plain/tmp"), [])
        fetched(w)


@case
def a_package_without_urls_is_an_error():
    with World() as w:
        refused(w, 5, "there is no URL to load p0.deb from", urls=[])


@case
def strange_locks_are_refused():
    with World() as w:
        w.files = [("../../../../etc/passwd", 5, "evil")]
        refused(w, 4, "evil: '../../../../etc/passwd' is no SHA-256")


def attempt(c):
    begun = time.monotonic()
    try:
        return True, c() or "", time.monotonic() - begun
    except Exception as e:  # each is a failed case, and the others go on
        return False, "%s: %s" % (type(e).__name__, e), time.monotonic() - begun


def main():
    take_interrupts()
    failed = 0
    wanted = sys.argv[1:]
    chosen = [c for c in CASES if not wanted or c.__name__ in wanted]
    # They mostly wait, for stalls and pauses: at once they take as long as the longest.
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for i, (ok, text, took) in enumerate(pool.map(attempt, chosen), 1):
            failed += not ok
            if not ok:
                print("# %s" % text.replace("\n", "\n# "))
            print("%sok %d - %s%s" % ("" if ok else "not ", i, chosen[i - 1].__name__,
                                      " # " + text if ok and text else ""), flush=True)
            if os.environ.get("VERBOSE"):
                print("# %.1f s" % took)
    print("1..%d" % len(chosen))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
