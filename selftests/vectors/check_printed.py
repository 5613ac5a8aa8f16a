#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Documentation/protocol-vectors.rst prints the vectors of kmod/core/vectors;
with --write it is made so.  From the project's directory."""

import sys

import vectors

PAGE = "Documentation/protocol-vectors.rst"
WIDTH = 48
PARTS = [
    ("wrap", "Wraps and chains"),
    ("stream", "Encrypted Data"),
    ("blob", "Sealed blobs"),
    ("enrol", "Enrolment"),
    ("stp", "Handshake and records"),
    ("statement", "Statements and contexts"),
]
HEAD = """.. SPDX-License-Identifier: GPL-2.0-only OR MIT

===========
The vectors
===========

Made by ``make vectors``, with the headers of the same bytes in ``kmod/core/vectors``.  What
each field is: ``protocol-data.rst`` for the first four, ``protocol-stp.rst``, ``protocol.rst``.
A number in brackets is the length in bytes.
"""


def page():
    out = [HEAD]
    for name, title in PARTS:
        out += [title, "=" * len(title), "", "From ``%s%s.h``." % (vectors.DIR, name), "", "::", ""]
        text = vectors.read(name)
        for field, data in vectors.arrays(text).items():
            out.append("  %s [%d]" % (field, len(data)))
            out += ["    " + data[i:i + WIDTH].hex() for i in range(0, len(data), WIDTH)]
        out.append("")
    return "\n".join(out)


def main():
    want = page()
    if sys.argv[1:] == ["--write"]:
        with open(PAGE, "w", encoding="ascii") as f:
            f.write(want)
        return 0
    with open(PAGE, encoding="ascii") as f:
        if f.read() != want:
            print("error: %s is not what the headers say: make vectors" % PAGE)
            return 1
    print(want.count(" ["), "vectors are printed as they are")
    return 0


sys.exit(main())
