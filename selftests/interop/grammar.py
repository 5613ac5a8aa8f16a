# SPDX-License-Identifier: MIT
"""The grammars of Documentation/protocol*.rst, read from there: a right message is taken apart by its
rule, and each of its fields is made wrong at each edge of what it is."""

import pathlib
import re

from wire import Reader, want

TEXTS = pathlib.Path(__file__).resolve().parents[2] / "Documentation"
RULE = re.compile(r"^  (\w[\w ]*?)\s+= (.*)")
ROW = re.compile(r"^\d+ +([A-Z]+) +\w+ +(.* .*)")  # of the table of records
LENGTHS = 0, 1, 63, 64, 65, 255, 256, 1024, 1025, 65535


def rules():
    """The right side of each, by its name."""
    found, name = {}, None
    for text in sorted(TEXTS.glob("protocol*.rst")):
        for line in text.read_text().splitlines():
            line = line.split("\t")[0]  # what comes after is a note
            start = RULE.match(line) or ROW.match(line)
            if start:
                name = start[1]
                found[name] = start[2]
            elif name and line.lstrip().startswith("||"):
                found[name] += " " + line.strip()
            else:
                name = None
    return found


def parts(right):
    """What stands between ||, but not within brackets."""
    out, depth = [""], 0
    for token in re.split(r"(\|\||[()])", right):
        depth += (token == "(") - (token == ")")
        if token == "||" and not depth:
            out.append("")
        else:
            out[-1] += token
    return [x.strip() for x in out]


class Field:
    def __init__(self, kind, name, data):
        self.kind, self.name, self.data = kind, name, data


class Apart:
    """A message in its fields; count: of u8 n and the like, by their letters."""

    KINDS = (  # of which the first that fits is it
        (r'"(\w+)"', lambda s, m: s.add("fixed", m[1], len(m[1]))),
        (r"u(8|16|24|32|64) ?(.*)", lambda s, m: s.number(int(m[1]) // 8, m[2])),
        (r"(\w) \* ([vV])\((.*?)\)",
         lambda s, m: [s.sized(m[2], m[3]) for _ in range(s.count[m[1]])]),
        (r"([vV])\((.*?)\)", lambda s, m: s.sized(m[1], m[2])),
        (r"\([^:]*: (.*)\)$", lambda s, m: s.r.left() and s.walk(m[1])),
        (r"zeros up to \d+", lambda s, m: s.add("fixed", "zeros", s.r.left())),
        (r"H\((.*)\)$", lambda s, m: s.add("fixed", "hash", 32)),
        (r"body$", lambda s, m: s.walk(s.rules["body"])),
        (r"(.*?) (\d+)( \(.*\))?$", lambda s, m: s.add("fixed", m[1], int(m[2]))),
        (r"(\w) (versions) ", lambda s, m: s.add("fixed", m[2], s.count[m[1]])),
        (r"(.*) (\w)$", lambda s, m: s.add("fixed", m[1], s.count[m[2]])),
    )

    def __init__(self, rules, name, data):
        self.rules, self.r, self.fields, self.count = rules, Reader(data), [], {}
        self.walk(rules[name])
        want(not self.r.left(), "%s does not end where its rule does" % name)

    def walk(self, right):
        for part in parts(right):
            for pattern, take in self.KINDS:
                m = re.match(pattern, part)
                if m:
                    take(self, m)
                    break
            else:
                raise ValueError("no such part: " + part)

    def add(self, kind, name, size):
        self.fields.append(Field(kind, name, self.r.bytes(size)))
        return self.fields[-1].data

    def number(self, size, name):
        n = int.from_bytes(self.add("number", name, size), "big")
        self.count[name[:1]] = n

    def sized(self, letter, name):
        size = 2 if letter == "v" else 4
        n = int.from_bytes(self.r.data[self.r.at:self.r.at + size], "big")
        self.add("sized%d" % size, name, size + n)


def numbers(data):
    top = 1 << 8 * len(data)
    was = int.from_bytes(data, "big")
    for n in sorted({0, 1, 2, was - 1, was + 1, top // 2 - 1, top // 2, top - 2, top - 1} - {was}):
        if 0 <= n < top:
            yield "is %d" % n, n.to_bytes(len(data), "big")


def fixed(data):
    yield "short", data[:-1]
    yield "long", data + b"\0"
    yield "zeros", bytes(len(data))
    yield "ones", b"\xff" * len(data)


def sized(size, data):
    inner = data[size:]
    for what, n in numbers(data[:size]):
        yield "says it " + what, n + inner
    for n in sorted({len(inner) - 1, len(inner) + 1, *LENGTHS}):
        if n >= 0:
            yield "of %d" % n, n.to_bytes(size, "big") + ((inner or b"\0") * n)[:n]


EDGES = {"number": numbers, "fixed": fixed, "sized2": lambda x: sized(2, x),
         "sized4": lambda x: sized(4, x)}


def edges(name, right, all_rules):
    """(what, message): right, with each field out, twice, after the next one, and at its edges."""
    fields = Apart(all_rules, name, right).fields
    for i, f in enumerate(fields):
        before = b"".join(x.data for x in fields[:i])
        after = b"".join(x.data for x in fields[i + 1:])
        called = "%s: field %d, %s, " % (name, i, f.name)
        yield called + "left out", before + after
        yield called + "twice", before + f.data * 2 + after
        if i + 1 < len(fields):
            yield called + "late", before + fields[i + 1].data + f.data + \
                b"".join(x.data for x in fields[i + 2:])
        for what, data in EDGES[f.kind](f.data):
            yield called + what, before + data + after
