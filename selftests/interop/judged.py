#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Malformed inputs: the core and the second implementation both take one, or neither does.

  judged.py JUDGE     JUDGE: the program of scenario/judge.c.  From the project's directory."""

import subprocess
import sys

import bad_messages
import bad_statements
import office
import quorum
from statement import ANCHOR, MEMBER, Statement
from wire import Refused, V, u64, u8

SHOWN = 40
LAST = 2 ** 63 - 1  # a clock shows no more


def statement(region, signer, data):
    s = Statement(data)
    if signer is None:
        quorum.genesis(s)
    elif s.type == ANCHOR:
        quorum.follows(s, signer, region)
    else:
        quorum.verify(s, signer, region)


def verdict(what, *args):
    try:
        what(*args)
    except Refused as e:
        return str(e)
    return "ok"


def statements():
    """(name, what the judge is given, our verdict)."""
    for name, region, signer, data in bad_statements.cases():
        given = b"S" + V(region) + V(signer.bytes if signer else b"") + V(data)
        yield name, given, verdict(statement, region, signer, data)


def times():
    """A statement that is good from 1,000 to 2,000 and others, at a time."""
    off = office.Office(now=1000)
    for begin, end in ((1000, 2000), (0, 0), (1, 600), (599, 601), (600, LAST), (LAST, LAST)):
        s = off.issue(MEMBER, b"g/h", {80: u8(1)}, issued=0, not_before=begin, not_after=end)
        for now in {0, 1, begin - 601, begin - 600, begin - 599, begin, end, end + 1, LAST}:
            if 0 <= now <= LAST:
                name = "%d to %d at %d" % (begin, end, now)
                yield name, b"T" + V(u64(now)) + V(s.bytes), "ok" if s.valid(now) else "not valid"


def messages():
    for name, letter, read, data in bad_messages.cases():
        yield name, letter.encode("ascii") + V(data), verdict(read, data)


def secrets():
    for name, *given in bad_messages.sealed():
        yield name, b"O" + b"".join(map(V, given)), verdict(bad_messages.read_sealed, *given)


def main(judge):
    table = [*statements(), *times(), *messages(), *secrets()]
    said = subprocess.run([judge], input=b"".join(given for _, given, _ in table),
                          stdout=subprocess.PIPE, check=True).stdout.decode("ascii").split()
    if len(said) != len(table):
        print("error: %d verdicts of %d" % (len(said), len(table)))
        return 1
    differ = [(name, ours, core) for (name, _, ours), core in zip(table, said)
              if (ours == "ok") != (core == "ok")]
    for name, ours, core in differ[:SHOWN]:
        print("error: %s: the core says %s, we say %s" % (name, core, ours))
    good = said.count("ok")
    print(len(table), "cases,", good, "of them good,", len(differ), "that differ")
    return 1 if differ or good < 100 or good > len(table) / 2 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
