#!/usr/bin/env python3
"""Runs the real kbuild against scripted input: one text file a case, a new case is a new file.

usage: run.py KBUILD [CASE.case | DIRECTORY]...      (prints TAP; exit 1 when a case fails)

A case is lines beginning with '@', each followed by its text up to the next such line
('@@' at the start of a line of text stands for '@'; what precedes the first '@' is comment):

  @file NAME      a file in the case's empty directory (where kbuild also runs and has its HOME)
  @env K=V ...    for all steps that follow
  @args WORDS     a step: runs kbuild with these words (quoted as in a shell)
  @stdin          its standard input (else empty)
  @exit N         its exit status (else 0)
  @stdout         its standard output (else nothing is allowed)
  @stderr         its standard error (else nothing is allowed)
  @json           instead of @stdout: JSON that must be equal to what stands there
  @content NAME   what a file must hold afterwards
  @absent NAME    what must not exist afterwards

In expected text a line '...' stands for any number of lines and '[...]' for anything within a
line. $TMP is the case's directory, $SRC the source tree; both also in arguments and files.
"""
import difflib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
TIMEOUT = 60  # of one step, seconds: a step that hangs is a failure, not a slow one
STEP_KEYS = {"stdin", "exit", "stdout", "stderr", "json", "content", "absent"}


class BadCase(Exception):
    pass


def sections(text):
    """(keyword, rest of its line, following lines) for each '@' line."""
    result = []
    for line in text.splitlines():
        if line.startswith("@") and not line.startswith("@@"):
            word, _, rest = line[1:].partition(" ")
            result.append((word, rest.strip(), []))
        elif result:
            result[-1][2].append(line[1:] if line.startswith("@@") else line)
    return result


def block(lines):
    return "".join(line + "\n" for line in lines)


def line_pattern(line):
    return ".*".join(re.escape(part) for part in line.split("[...]"))


def matches(want, got):
    """Whether lines equal, '...' standing for any number of them."""
    parts = []
    for line in want:
        parts.append("(?:.*\n)*?" if line == "..." else line_pattern(line) + "\n")
    return re.fullmatch("".join(parts), block(got)) is not None


def difference(name, want, got):
    lines = difflib.unified_diff(want, got, name + ": wanted", name + ": got", lineterm="", n=99)
    return list(lines) or [name + ": differs"]


class Case:
    def __init__(self, kbuild, path):
        self.kbuild, self.path = kbuild, path
        self.problems = []
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}

    def put(self, text):
        return text.replace("$TMP", self.tmp).replace("$SRC", str(SOURCE))

    def fail(self, *lines):
        self.problems.extend(lines)

    def run(self):
        with tempfile.TemporaryDirectory(prefix="kbuild-case-") as tmp:
            self.tmp = tmp
            self.env.update(HOME=tmp, TMPDIR=tmp)
            try:
                self.walk(sections(self.path.read_text()))
            except (BadCase, OSError, ValueError) as e:
                self.fail(f"{self.path}: {e}")
        return self

    def walk(self, parts):
        steps, i = 0, 0
        while i < len(parts):
            word, rest, lines = parts[i]
            i += 1
            if word == "file":
                target = Path(self.tmp, rest)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(self.put(block(lines)))
            elif word == "env":
                self.env.update(item.split("=", 1) for item in shlex.split(self.put(rest)))
            elif word == "args":
                end = i
                while end < len(parts) and parts[end][0] in STEP_KEYS:
                    end += 1
                self.step(rest, parts[i:end])
                i = end
                steps += 1
            else:
                raise BadCase(f"unknown or misplaced @{word}")
        if not steps:
            raise BadCase("has no @args")

    def step(self, args, parts):
        expect = {"exit": "0", "stdout": [], "stderr": []}
        stdin, wanted_json, after = "", None, []
        for word, rest, lines in parts:
            if word == "exit":
                expect["exit"] = rest
            elif word == "stdin":
                stdin = block(lines)
            elif word == "json":
                wanted_json = json.loads(self.put(block(lines)))
            elif word in ("content", "absent"):
                after.append((word, rest, lines))
            else:
                expect[word] = lines
        argv = [self.kbuild] + shlex.split(self.put(args))
        try:
            done = subprocess.run(argv, input=stdin, cwd=self.tmp, env=self.env, text=True,
                                  capture_output=True, timeout=TIMEOUT, errors="backslashreplace")
        except subprocess.TimeoutExpired:
            self.fail(f"kbuild {args}: no end after {TIMEOUT} s")
            return
        before = len(self.problems)
        if str(done.returncode) != expect["exit"]:
            self.fail(f"exit status {done.returncode}, wanted {expect['exit']}")
        if wanted_json is not None:
            self.compare_json(wanted_json, done.stdout)
        else:
            self.compare("stdout", expect["stdout"], done.stdout)
        self.compare("stderr", expect["stderr"], done.stderr)
        for word, name, lines in after:
            self.check_file(word, Path(self.tmp, self.put(name)), lines)
        if len(self.problems) > before:
            self.problems.insert(before, f"kbuild {args}")

    def compare(self, name, want, text):
        want, got = [self.put(line) for line in want], text.splitlines()
        if not matches(want, got):
            self.fail(*difference(name, want, got))

    def compare_json(self, want, text):
        try:
            got = json.loads(text)
        except ValueError as e:
            self.fail(f"stdout is not JSON: {e}", text)
            return
        if got != want:
            show = [json.dumps(x, indent=1, sort_keys=True).splitlines() for x in (want, got)]
            self.fail(*difference("json", *show))

    def check_file(self, word, path, lines):
        if word == "absent":
            if path.exists():
                self.fail(f"{path} exists")
        elif not path.is_file():
            self.fail(f"{path} does not exist")
        else:
            self.compare(str(path), lines, path.read_text())


def find(arguments):
    paths = [Path(a) for a in arguments] or [Path(__file__).parent]
    cases = []
    for path in paths:
        cases += sorted(path.rglob("*.case")) if path.is_dir() else [path]
    return cases


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    kbuild = str(Path(sys.argv[1]).resolve())
    cases = find(sys.argv[2:])
    failed = 0
    print(f"1..{len(cases)}")
    with ThreadPoolExecutor(2) as pool:
        for n, case in enumerate(pool.map(lambda p: Case(kbuild, p).run(), cases), 1):
            for problem in case.problems:
                print("\n".join("# " + line for line in problem.split("\n")))
            bad = bool(case.problems)
            failed += bad
            print(f"{'not ' if bad else ''}ok {n} - {case.path.stem}", flush=True)
    print(f"# {len(cases) - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
