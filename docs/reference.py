#!/usr/bin/env python3
"""Writes the two tables of docs/reference.md from what `kbuild explain --all` says.

usage: reference.py KBUILD
"""
import json
import re
import subprocess
import sys
from pathlib import Path


def main():
    path = Path(__file__).with_name("reference.md")
    rows = json.loads(subprocess.run([sys.argv[1], "explain", "--all", "--json"], check=True,
                                     capture_output=True, text=True).stdout)
    text = path.read_text()
    for name, ours in (("kbuild", True), ("cloud-config", False)):
        table = "| key | becomes | why |\n|---|---|---|\n" + "".join(
            "| `%(key)s` | %(becomes)s | %(why)s |\n" % row
            for row in rows if row["key"].startswith("kbuild.") == ours)
        text, n = re.subn(r"(<!-- table: %s -->\n).*?(<!-- end -->)" % name,
                          lambda m: m.group(1) + table + m.group(2), text, flags=re.S)
        assert n == 1, name
    path.write_text(text)


main()
