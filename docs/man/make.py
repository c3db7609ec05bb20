#!/usr/bin/env python3
"""Makes the manual page: make.py KBUILD kbuild.1.in [OUTPUT]

Puts what the program says of itself into the hand-written text. Fails when a verb of the program is
not in the text, or the other way round: so the two cannot disagree.
"""
import re
import subprocess
import sys


def ask(*args):
    return subprocess.run([sys.argv[1], *args], check=True, capture_output=True, text=True).stdout


def main():
    text = open(sys.argv[2], encoding="utf-8").read()
    listed = ask("--help").split("Verbs:\n", 1)[1].split("\n\n", 1)[0]
    verbs = [line.split()[0] for line in listed.splitlines()]
    written = re.findall(r"^@verb (\S+)@$", text, re.M)
    for verb in sorted(set(verbs) ^ set(written)):
        print(f"make.py: the verb '{verb}' is in",
              "the program but not in the page" if verb in verbs else
              "the page but not in the program", file=sys.stderr)
    if set(verbs) != set(written):
        return 1
    text = re.sub(r"^@verb (\S+)@\n", lambda m: ask("help", "--man", m[1]), text, flags=re.M)
    text = text.replace("@options@\n", ask("help", "--man"))
    text = text.replace("@version@", ask("--version").split()[1])
    if len(sys.argv) > 3:
        open(sys.argv[3], "w", encoding="utf-8").write(text)
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
