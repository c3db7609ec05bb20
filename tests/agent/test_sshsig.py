#!/usr/bin/env python3
"""Signatures of commits: our verdict must be that of `ssh-keygen -Y verify` on good and on mutated ones.

    tests/agent/test_sshsig.py BUILD-DIRECTORY
"""
import base64
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from kbtest import Tap  # noqa: E402

BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
DATA = b"tree 0123\nauthor A <a@example.com> 1 +0000\n\nwhat was done\n"


def armour(blob, width=70):
    text = base64.b64encode(blob).decode()
    return "\n".join([BEGIN, *(text[i:i + width] for i in range(0, len(text), width)), END, ""])


def string(data):
    return struct.pack(">I", len(data)) + data


class Judges:
    def __init__(self, tool, where):
        self.where, self.n = where, 0
        self.ours = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def put(self, name, data):
        path = os.path.join(self.where, name)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return path

    def verdicts(self, signers, signature, data=DATA, name="git", who="alice@example.com"):
        files = self.put("signers", signers), self.put("signature", signature), self.put("data", data)
        self.ours.stdin.write(" ".join((*files, name)) + "\n")
        self.ours.stdin.flush()
        said = self.ours.stdout.readline().strip()
        real = subprocess.run(["ssh-keygen", "-Y", "verify", "-f", files[0], "-I", who, "-n", name, "-s", files[1]],
                              input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return said.startswith("good"), real.returncode == 0, said + " / " + real.stderr.decode().strip()


def make_key(where, name, kind="ed25519"):
    path = os.path.join(where, name)
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", path], check=True)
    with open(path + ".pub") as f:
        return path, " ".join(f.read().split()[:2])


def sign(key, where, data=DATA, name="git", options=()):
    path = os.path.join(where, "tosign")
    with open(path, "wb") as f:
        f.write(data)
    if os.path.exists(path + ".sig"):
        os.unlink(path + ".sig")
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", name, *options, path], check=True,
                   stderr=subprocess.DEVNULL)
    with open(path + ".sig") as f:
        return f.read()


def lines_of_signers(key, other):
    """Files of allowed signers, each read by both: options, their order, mistakes."""
    a, b = "alice@example.com " + key, "bob@example.com " + other
    yield "the key alone", a
    yield "after another", b + "\n" + a
    yield "after comments and blanks", "# who may\n\n   \n" + a
    yield "only another", b
    yield "nobody", "# nobody\n"
    for opts in ('namespaces="git"', 'namespaces="file"', 'namespaces="file,git"', 'namespaces="g*"',
                 'namespaces="!git,*"', "cert-authority", 'valid-after="20200101"', 'valid-after="20990101"',
                 'valid-before="20200101"', 'valid-before="20990101"', 'valid-before="20990101Z"',
                 'valid-after="202001011200"', 'valid-after="20200101120059"', 'valid-after="2020"',
                 'valid-after="20200101",valid-before="20990101"', 'valid-after="20990101",valid-before="20200101"',
                 'VALID-BEFORE="20990101"', 'namespaces="git",namespaces="git"', "unknown", 'namespaces=git',
                 'namespaces="git', 'namespaces="git",', 'valid-before="20991301"', 'namespaces="git" '):
        yield "with " + opts, f"alice@example.com {opts} {key}"
    yield "several names", "carol@example.com,alice@example.com " + key
    yield "a pattern", "*@example.com " + key
    yield "names in quotes", '"alice@example.com" ' + key
    yield "a line that cannot be read before it", "alice@example.com nonsense AAAA\n" + a
    yield "a line that cannot be read after it", a + "\nalice@example.com nonsense AAAA"
    yield "a refused line, then a good one", f'alice@example.com namespaces="file" {key}\n' + a
    yield "tabs", "alice@example.com\t" + key.replace(" ", "\t")
    yield "a comment behind", a + " a comment"
    yield "half a key", a[:-10]


def mutations(signature, key, rng):
    """(what, armoured text): the same signature with something wrong, or different but as good."""
    blob = base64.b64decode("".join(signature.split("\n")[1:-2]))
    for i in range(len(blob)):
        yield f"bit {i}", armour(blob[:i] + bytes([blob[i] ^ 1 << rng.randrange(8)]) + blob[i + 1:])
    for _ in range(60):
        n = rng.randrange(len(blob))
        yield f"cut to {n}", armour(blob[:n])
    for _ in range(40):
        n, k = rng.randrange(len(blob)), rng.randrange(1, 5)
        yield f"{k} more at {n}", armour(blob[:n] + rng.randbytes(k) + blob[n:])
    for _ in range(40):
        n, k = rng.randrange(len(blob) - 8), rng.randrange(1, 8)
        yield f"{k} fewer at {n}", armour(blob[:n] + blob[n + k:])
    yield "more at the end", armour(blob + b"\0")
    for width in (1, 4, 64, 76, 1000):
        yield f"lines of {width}", armour(blob, width)
    yield "no line at the end", armour(blob).rstrip("\n")
    yield "something behind", armour(blob) + "more\n"
    yield "something before", "more\n" + armour(blob)
    yield "a blank line before", "\n" + armour(blob)
    yield "blanks inside", armour(blob).replace("\n", " \n")
    yield "CRLF", armour(blob).replace("\n", "\r\n")
    yield "no end", armour(blob).replace(END, "")
    yield "no beginning", armour(blob).replace(BEGIN, "")
    yield "a wrong character", armour(blob).replace("U1NI", "U1N!", 1)
    yield "nothing", ""
    yield "PGP", "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"
    public = base64.b64decode(key.split()[1])
    raw = blob[-64:]
    for reserved, hash_name in ((b"x", b"sha512"), (b"", b"sha512\0"), (b"", b"sha256\0"), (b"", b"SHA512")):
        yield f"reserved {reserved}, {hash_name}", armour(
            b"SSHSIG" + struct.pack(">I", 1) + string(public) + string(b"git") + string(reserved) +
            string(hash_name) + string(string(b"ssh-ed25519") + string(raw)))
    yield "blanks inside, not in the first line", armour(blob).replace("\n", " \n").replace(" \n", "\n", 1)
    yield "nothing inside", BEGIN + "\n" + END + "\n"
    for version in (0, 1, 2, 2 ** 31):
        for name in (b"git", b"file", b"", b"git\0"):
            for hash_name in (b"sha512", b"sha256", b"sha1", b""):
                yield f"version {version}, {name}, {hash_name}", armour(
                    b"SSHSIG" + struct.pack(">I", version) + string(public) + string(name) + string(b"") +
                    string(hash_name) + string(string(b"ssh-ed25519") + string(raw)))


def main():
    build, tap = Path(sys.argv[1]).resolve(), Tap()
    where, rng = tempfile.mkdtemp(prefix="kbuild-sshsig-"), random.Random(9)
    judges = Judges(str(build / "tests/agent/sshsig_tool"), where)
    try:
        path, key = make_key(where, "alice")
        other_path, other = make_key(where, "bob")
        allowed = "alice@example.com " + key + "\n"
        good = {"sha512": sign(path, where), "sha256": sign(path, where, options=("-O", "hashalg=sha256"))}
        for name, signature in good.items():
            ours, real, said = judges.verdicts(allowed, signature)
            tap.check(ours and real, f"a signature over {name} is good", said)
        for what, arguments in {
                "of other data": {"data": DATA + b" "}, "for another use": {"name": "file"},
                "of no data": {"data": b""}}.items():
            ours, real, said = judges.verdicts(allowed, good["sha512"], **arguments)
            tap.check(not ours and not real, f"one {what} is bad", said)
        ours, real, said = judges.verdicts(allowed, sign(other_path, where))
        tap.check(not ours and not real, "one by somebody else is bad", said)
        differ, accepted, count = [], 0, 0
        for signature in good.values():
            for what, text in mutations(signature, key, rng):
                ours, real, said = judges.verdicts(allowed, text)
                count, accepted = count + 1, accepted + ours
                if ours != real:
                    differ.append(f"{what}: {said}")
        tap.check(not differ and accepted > 5, f"{count} changed signatures: the verdict of ssh-keygen on each "
                  f"({accepted} are as good)", "\n".join(differ))
        differ, count = [], 0
        for what, text in lines_of_signers(key, other):
            ours, real, said = judges.verdicts(text + "\n", good["sha512"])
            count += 1
            if ours != real:
                differ.append(f"{what}: {said}")
        tap.check(not differ, f"{count} files of signers: the verdict of ssh-keygen with each", "\n".join(differ))
        rsa_path, rsa = make_key(where, "rsa", "rsa")
        ours, real, said = judges.verdicts("alice@example.com " + rsa, sign(rsa_path, where))
        tap.check(not ours and real and "only ed25519" in said, "an RSA key is refused, and that is said", said)
    finally:
        judges.ours.stdin.close()
        judges.ours.wait()
        shutil.rmtree(where)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
