# SPDX-License-Identifier: MIT
"""Reads a header of kmod/core/vectors: nothing of what it says is known here.  Puts the second
implementation, selftests/interop, which the vectors check, on the path."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))

DIR = "kmod/core/vectors/"


def read(name):
    with open(DIR + name + ".h", encoding="ascii") as header:
        return header.read()


def arrays(text):
    """The bytes of each array, by its name, in the order of the file."""
    return {name: bytes.fromhex("".join(re.findall(r"0x(..)", body))) for name, body in
            re.findall(r"static const u8 (\w+)\[\] = \{(.*?)\};", text, re.S)}


def table(text, kind):
    """Rows of mh_KIND_vectors: each a name, its fields that are no bytes, and those that are."""
    have = arrays(text)
    body = re.search(r"mh_%s_vectors\[\] = \{\n(.*?)\n\};" % kind, text, re.S).group(1)
    for row in re.findall(r"\t\{\n(.*?)\n\t\},", body, re.S):
        f = {k: v.strip('"') for k, v in re.findall(r"\.(\w+) = (\"[^\"]*\"|\w+),", row)}
        for k, name in re.findall(r"\.(\w+) = MH_BUF\((\w+), sizeof\(\w+\)\)", row):
            f[k] = have[name]
        yield f
