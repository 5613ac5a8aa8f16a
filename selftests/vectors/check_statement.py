#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The second implementation's statements (selftests/interop), on kmod/core/vectors/statement.h; see
Documentation/protocol.rst.  Needs python3-cryptography.  From the project's directory."""

import re
import sys

import vectors
import primitives as p
import quorum
from statement import ANCHOR, INSTANCE, Statement
from wire import Refused


def check(s, signer, region):
    if signer is None:
        return quorum.genesis(s)
    if s.type == ANCHOR:
        return quorum.follows(s, signer, region)
    return quorum.verify(s, signer, region)


def spoilt(data, signer, region):
    bad = data[:-1] + bytes([data[-1] ^ 1])
    try:
        check(Statement(bad), signer, region)
    except Refused:
        return True
    return False


def contexts(statements, region):
    s = next(s for s in statements if s.type == INSTANCE)
    mode, kind, alg = (s.number(t) for t in (96, 97, 129))
    return {
        "region": region,
        "ecx": p.ecx(region, b"host-1"),
        "gcx": p.gcx(region, b"staff", 7),
        "icx": p.icx(region, b"eu/disk", 7, mode, kind, alg, s.attr[130]),
        "x": p.sp2x(region, b"repo1"),
    }


def main():
    text = vectors.read("statement")
    arrays = {n.removeprefix("stmt_"): x for n, x in vectors.arrays(text).items()}
    table = re.findall(r'\.name = "(\w+)", \.signer = (-?\d+)', text)
    statements = [Statement(arrays[name]) for name, _ in table]
    region = p.region_id(statements[0].body)
    for (name, signer), s in zip(table, statements):
        signer = statements[int(signer)] if int(signer) >= 0 else None
        assert s.leaf == arrays[name + "_leaf"] and s.root == arrays[name + "_root"], name
        check(s, signer, region)
        assert spoilt(arrays[name], signer, region), name + ": a spoilt signature holds"
    want = contexts(statements, region)
    for name, value in want.items():
        assert arrays[name] == value, name
    assert len(statements) == 25
    print(len(statements), "statements and", len(want), "contexts are right")
    return 0


sys.exit(main())
