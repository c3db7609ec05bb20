#!/usr/bin/env python3
"""PyYAML, with which cloud-init reads, judges our YAML: what we read and what we write.

usage: test_yaml_peer.py YAML_PEER [ROUNDS [SEED]]      (prints TAP)

Random trees of nasty texts are written by PyYAML in all its styles. We must see the same tree in
them, and what we write of it must be the same tree to PyYAML again.
"""
import json
import random
import subprocess
import sys

try:
    import yaml
except ImportError:
    print("1..0 # SKIP python3-yaml is not installed")
    sys.exit(0)

PIECES = ["a", "b c", "yes", "No", "null", "~", "1", "0644", "1:30", "0x1f", "1_000", "-", "--", "- x",
          "? x", ": ", ":", "a: b", " #", "#", "'", '"', "\\", "\n", "\n\n", "\n ", "\t", " ", "  ",
          "%", "@", "`", "&a", "*a", "!t", "|", ">", "[", "]", "{", "}", ",", "é", "€", "\U0001f600",
          "\x85", "\u2028", "\ufeff", "\x1b", "\x7f", "\r", "=", "<<", "2020-01-01", "1.5", ".inf",
          "1e3", "12e03", "+1", "y", "n", "on", "OFF", "/etc/x", "<", "a" * 90, "x y " * 30]
PLAIN = [None, True, False, 0, 1, -7, 420, 10 ** 12]


class Loader(yaml.SafeLoader):
    """As cloud-init's, but floats and dates stay text: our tree keeps their text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, regex) for tag, regex in rows if not tag.endswith((":float", ":timestamp"))]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def text(rng):
    return "".join(rng.choice(PIECES) for _ in range(rng.choice([0, 1, 1, 1, 2, 3, 5])))


def tree(rng, depth=0):
    kind = rng.random()
    if depth > 4 or kind < 0.5:
        return rng.choice(PLAIN) if rng.random() < 0.3 else text(rng)
    if kind < 0.75:
        return [tree(rng, depth + 1) for _ in range(rng.randrange(5))]
    return {text(rng): tree(rng, depth + 1) for _ in range(rng.randrange(5))}


def dump(rng, value):
    return yaml.safe_dump(value, default_style=rng.choice([None, None, "'", '"', "|", ">"]),
                          default_flow_style=rng.choice([None, True, False]),
                          width=rng.choice([20, 80, 1000]), indent=rng.choice([2, 4, 7]),
                          allow_unicode=rng.random() < 0.5, sort_keys=False,
                          explicit_start=rng.random() < 0.2)


def ask(peer, documents):
    frames = b"".join(b"%d\n%s" % (len(d), d) for d in documents)
    out = subprocess.run([peer], input=frames, stdout=subprocess.PIPE, check=True).stdout
    answers, at = [], 0
    while at < len(out):
        end = out.index(b"\n", at)
        length = int(out[at:end])
        answers.append(out[end + 1:end + 1 + length])
        at = end + 1 + length
    assert len(answers) == 2 * len(documents), f"{len(answers)} answers to {len(documents)} documents"
    return list(zip(answers[::2], answers[1::2]))


def typed(value):
    """As text, so that 1 and True differ."""
    return json.dumps(value, sort_keys=True)


def repeats(node):
    """PyYAML folds some texts that it writes, and then two keys may be the same."""
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        return len(set(keys)) < len(keys) or any(repeats(value) for _, value in node.value)
    return isinstance(node, yaml.SequenceNode) and any(repeats(item) for item in node.value)


def judge(document, ours, again):
    want = yaml.load(document, Loader)
    if ours == b"!repeated-key" and repeats(yaml.compose(document)):
        return None
    if ours.startswith(b"!"):
        return "refused: " + ours.decode()
    if typed(json.loads(ours, parse_float=str)) != typed(want):
        return "read as " + ours.decode("utf-8", "replace")
    if typed(yaml.load(again.decode(), Loader)) != typed(want):
        return "written as " + again.decode("utf-8", "replace")
    return None


def main():
    peer = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rng = random.Random(seed)
    print("# seed", seed)
    documents = [dump(rng, {"k": tree(rng)}) for _ in range(rounds)]
    bad = 0
    for document, (ours, again) in zip(documents, ask(peer, [d.encode() for d in documents])):
        trouble = judge(document, ours, again)
        if trouble and bad < 5:
            print("# document: %r\n# %s" % (document, trouble.replace("\n", "\n# ")))
        bad += trouble is not None
    print("%s 1 - %d random trees: PyYAML and kbuild read and write them alike (seed %d)"
          % ("not ok" if bad else "ok", rounds, seed))
    print("1..1")
    return bad != 0


sys.exit(main())
