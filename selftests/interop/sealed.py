# SPDX-License-Identifier: MIT
"""Sealed blobs: Documentation/protocol-data.rst."""

import primitives as p
from wire import Reader, want, zero

LABELS = {1: "seat file", 4: "seat key", 5: "seat other"}


def _seat(r, given, c):
    """type || index || c of one; given: what c is made from, or empty."""
    head, kdf = r.bytes(2), (r.bytes(16), r.int(4), r.int(4), r.int(4))[1:]
    want(1 <= head[0] <= 5 and (head[0] == 3) == any(kdf), "no such seat")
    return head + (p.H(p.L(LABELS[head[0]]), given) if given else c)


class Blob:
    """Opened.  inputs: of each seat what c is made from, or empty where c, of all of them, has it."""

    def __init__(self, data, inputs, c=b""):
        r = Reader(data)
        want(r.bytes(5) == b"MHSB\1" and 1 <= len(inputs) <= 8 and r.int(1) == len(inputs),
             "no blob")
        seats = [_seat(r, x, c[32 * i:32 * i + 32]) for i, x in enumerate(inputs)]
        seat_salt, blob_salt = r.bytes(32), r.bytes(32)
        r.int(4)
        header, com = data[:r.at], r.bytes(32)
        self.c = b"".join(x[2:] for x in seats)
        self.seat = p.extract(seat_salt, b"".join(seats))
        self.prk = p.extract(blob_salt, self.seat)
        want(p.same(p.expand(self.prk, p.L("seal commit")), com), "another Seat")
        self.kseal = p.expand(self.prk, p.L("seal"))
        self.content = p.gcm_open(self.kseal, zero(12), header + com, r.bytes(r.left()))


class Identity:
    """The secrets of an identity's content, and their kinds."""

    def __init__(self, content):
        r = Reader(content)
        want(r.int(1) == 1, "another version")
        self.name = r.v()
        self.kei_kind, self.kec_kind = r.int(1), r.int(1)
        self.kei, self.kes, self.kec = r.bytes(32), r.bytes(32), r.bytes(32)
