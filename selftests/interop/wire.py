# SPDX-License-Identifier: MIT
"""Notation, names, attributes and lists of Documentation/protocol*.rst, read strictly: whatever
the text does not allow is Refused.  Nothing here, nor in any module beside it, comes from the C."""

import re

NAME = rb"[a-z0-9._-]{1,64}"
STATEMENT = 16384  # bytes, at most


class Refused(Exception):
    """What the text says is refused."""


def want(good, why):
    if not good:
        raise Refused(why)


def u8(n):
    return n.to_bytes(1, "big")


def u16(n):
    return n.to_bytes(2, "big")


def u24(n):
    return n.to_bytes(3, "big")


def u32(n):
    return n.to_bytes(4, "big")


def u64(n):
    return n.to_bytes(8, "big")


def v(x):
    return u16(len(x)) + x


def V(x):
    return u32(len(x)) + x


def zero(n):
    return bytes(n)


class Reader:
    """Bytes, from the left; what is not there is Refused."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def bytes(self, n):
        want(n <= self.left(), "cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def int(self, n):
        return int.from_bytes(self.bytes(n), "big")

    def v(self):
        return self.bytes(self.int(2))

    def V(self):
        """A statement, or what is in one"""
        n = self.int(4)
        want(n <= STATEMENT, "longer than any statement")
        return self.bytes(n)

    def end(self):
        want(not self.left(), "bytes after the end")


# ---- names ----

def is_name(x):
    return bool(re.fullmatch(NAME, x)) and x not in (b".", b"..")


def is_dataset(x):
    return len(x) <= 200 and all(is_name(part) for part in x.split(b"/"))


def is_scope(x):
    """A DataSet's name, or a prefix."""
    return len(x) <= 200 and is_dataset(x[:-1] if x.endswith(b"/") else x)


def within(dataset, scope):
    """The DataSet is the one that the scope names, or has it as its prefix."""
    return dataset == scope or (scope.endswith(b"/") and dataset.startswith(scope))


# ---- attributes and lists ----

CRITICAL = 0x8000  # the bit that makes a type one that may be skipped


def attributes(body):
    """What is in a body, by type, in its order."""
    r, out, last = Reader(body), {}, 0
    while r.left():
        t = r.int(2)
        want(t > last, "types do not rise")
        last = t
        out[t] = r.V()
    return out


def attribute(t, value):
    return u16(t) + V(value)


def items(data, read, most, key=None):
    """The items of a list: read(r) takes one.  They rise strictly, by their first bytes if key."""
    r, out, last = Reader(data), [], None
    while r.left():
        start = r.at
        out.append(read(r))
        whole = r.data[start:r.at]
        this = whole[:key] if key else whole
        want(last is None or this > last, "a list does not rise")
        last = this
    want(1 <= len(out) <= most, "a list of too few or too many")
    return out
