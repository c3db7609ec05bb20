#!/usr/bin/env python3
"""Writes the files named as a C table, so that kbuild is one program that finds nothing amiss."""
import os
import sys


def c_string(data):
    lines = data.decode().split("\n")
    out = []
    for i, line in enumerate(lines):
        end = "\\n" if i + 1 < len(lines) else ""
        text = line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
        if text or end:
            out.append(f'\t\t"{text}{end}"')
    return "\n".join(out) or '\t\t""'


def main(target, *files):
    with open(target, "w", encoding="utf-8") as out:
        out.write('#include "embedded.h"\n\nconst struct embedded embedded_files[] = {\n')
        for path in sorted(files, key=os.path.basename):
            with open(path, "rb") as f:
                data = f.read()
            mode = 0o755 if data.startswith(b"#!") else 0o644
            out.write(f'\t{{ "{os.path.basename(path)}", 0{mode:o},\n{c_string(data)},\n\t\t{len(data)} }},\n')
        out.write("\t{ 0 },\n};\n")


main(*sys.argv[1:])
