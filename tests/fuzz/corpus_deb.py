#!/usr/bin/env python3
"""Writes corpus/deb: small packages, well-formed and hostile. Run it again after adding a row."""
import bz2
import gzip
import io
import lzma
import os
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "corpus", "deb")
PACK = {
    "": lambda b: b,
    ".gz": lambda b: gzip.compress(b, mtime=0),
    ".xz": lambda b: lzma.compress(b, preset=0),
    ".bz2": bz2.compress,
    ".lzma": lambda b: lzma.compress(b, format=lzma.FORMAT_ALONE, preset=0),
}


def tar(*entries, fmt=tarfile.GNU_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as t:
        for name, kind, rest in entries:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.mode = 0o755
            data = b""
            if kind == tarfile.REGTYPE:
                data = rest
                info.size = len(data)
            elif kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = rest
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def member(name, data, size=None):
    head = "%-16s%-12d%-6d%-6d%-8s%-10s`\n" % (name, 0, 0, 0, "100644",
                                              len(data) if size is None else size)
    return head.encode() + data + (b"\n" if len(data) % 2 else b"")


F, D, S, L = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
CONTROL = tar(("./control", F, b"Package: demo\nVersion: 1\n"))
GOOD = tar(("./", D, None), ("./usr/", D, None), ("./usr/a", F, b"hello"), ("./usr/b", L, "./usr/a"),
           ("./usr/c", S, "a"))


def deb(data, suffix="", control=CONTROL):
    return (b"!<arch>\n" + member("debian-binary", b"2.0\n") +
            member("control.tar" + suffix, PACK[suffix](control)) +
            member("data.tar" + suffix, PACK[suffix](data)))


CASES = {"good" + (s or ".plain"): deb(GOOD, s) for s in PACK}
CASES.update({
    "dotdot": deb(tar(("../escape", F, b"x"))),
    "dotdot-inside": deb(tar(("./a/../../escape", F, b"x"))),
    "absolute": deb(tar(("/etc/escape", F, b"x"))),
    "symlink-absolute": deb(tar(("./a", S, "/"), ("./a/tmp", D, None), ("./a/x", F, b"x"))),
    "symlink-up": deb(tar(("./a", S, "../../.."), ("./a/x", F, b"x"), ("./a/d/", D, None))),
    "symlink-loop": deb(tar(("./a", S, "b"), ("./b", S, "a"), ("./a/x", F, b"x"))),
    "symlink-replaced": deb(tar(("./a", S, "/etc/passwd"), ("./a", F, b"x"))),
    "hardlink-out": deb(tar(("./a", L, "../../etc/passwd"))),
    "hardlink-through": deb(tar(("./s", S, "/etc"), ("./a", L, "./s/passwd"))),
    "hardlink-self": deb(tar(("./a", L, "./a"))),
    "device": deb(tar(("./null", tarfile.CHRTYPE, None), ("./sda", tarfile.BLKTYPE, None))),
    "fifo": deb(tar(("./pipe", tarfile.FIFOTYPE, None), ("./pipe", F, b"x"))),
    "file-as-dir": deb(tar(("./a", F, b"x"), ("./a/b", F, b"y"))),
    "dir-as-file": deb(tar(("./a/", D, None), ("./a", F, b"y"))),
    "root-is-file": deb(tar((".", F, b"x"))),
    "long-name": deb(tar(("./" + "n" * 300, F, b"x"), ("./" + "d/" * 200 + "x", F, b"x"))),
    "pax": deb(tar(("./" + "é" * 120, F, b"x"), fmt=tarfile.PAX_FORMAT)),
    "empty-data": deb(b"\0" * 1024),
    "nothing": deb(b""),
    "control-in-directories": deb(GOOD, control=tar(("./a/control", F, b"x"))),
    "two-data": deb(GOOD) + member("data.tar", GOOD),
    "signed": deb(GOOD) + member("_gpgorigin", b"x"),
    "ar-size-huge": b"!<arch>\n" + member("debian-binary", b"2.0\n", 9999999999),
    "ar-size-wrong": b"!<arch>\n" + member("debian-binary", b"2.0\n", "4x"),
    "tar-size-huge": deb(GOOD.replace(b"00000000005\0", b"77777777777\0")),
    "cut": deb(GOOD, ".xz")[:-40],
    "xz-is-plain": (b"!<arch>\n" + member("debian-binary", b"2.0\n") +
                    member("control.tar.xz", CONTROL) + member("data.tar.xz", GOOD)),
})


def main():
    os.makedirs(OUT, exist_ok=True)
    for name, data in CASES.items():
        with open(os.path.join(OUT, name + ".deb"), "wb") as f:
            f.write(data)


if __name__ == "__main__":
    main()
