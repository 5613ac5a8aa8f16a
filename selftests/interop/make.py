# SPDX-License-Identifier: MIT
"""Statements made: bodies, signatures, batches.  Documentation/protocol.rst.  Makes what it is told,
right or wrong: a test of who reads it needs both."""

import primitives as p
from statement import NEW, RECOVERY, SIGNER, Statement, leaf_of, node, split
from wire import attribute, u32, u64, u8, v, zero

ALONE = 0, 0, []


class Signer:
    """Keys that sign: an ANCHOR's or GROUP's officers, a DELEGATION's one key.  statement: whose
    leaf SIGNER is; None while it is being made."""

    def __init__(self, privates, threshold=None, statement=None):
        self.privates = sorted(privates, key=p.p256_public)
        self.threshold = threshold or len(self.privates)
        self.statement = statement

    @property
    def leaf(self):
        return self.statement.leaf if self.statement else zero(32)

    def keys(self):
        return b"".join(p.p256_public(k) for k in self.privates)

    def set(self, which, root, officers=None):
        officers = range(self.threshold) if officers is None else officers
        sigs = [u8(o) + p.sign(self.privates[o], p.L("statement"), root) for o in officers]
        return u8(which) + u8(len(sigs)) + b"".join(sigs)


def body(kind, attrs, *, region, signer, subject, serial, issued, not_before, not_after,
         features=0):
    """attrs: values by type; one that is None is left out, also of the common ones."""
    common = {
        1: bytes([1, kind]), 2: region, 3: signer, 4: subject, 5: u64(serial), 6: u64(issued),
        7: u64(not_before), 8: u64(not_after), 9: u32(features),
    }
    every = {**common, **attrs}
    return b"".join(attribute(t, every[t]) for t in sorted(every) if every[t] is not None)


def statement(what, sets, path=ALONE):
    index, size, hashes = path
    out = v(what) + u8(len(hashes))
    if hashes:
        out += u32(index) + u32(size) + b"".join(hashes)
    return out + u8(len(sets)) + b"".join(sets)


def alone(what, *signers):
    """signers: (which, Signer)."""
    root = leaf_of(what)
    return statement(what, [s.set(which, root) for which, s in signers])


# ---- batches ----

def tree(leaves):
    """The root, and of each leaf its path, from the leaf up."""
    if len(leaves) == 1:
        return leaves[0], [[]]
    k = split(len(leaves))
    left, left_paths = tree(leaves[:k])
    right, right_paths = tree(leaves[k:])
    return node(left, right), [x + [right] for x in left_paths] + [x + [left] for x in right_paths]


def batch(bodies, signer):
    """Statements that one signature is for."""
    root, paths = tree([leaf_of(b) for b in bodies])
    sets = [signer.set(SIGNER, root)]
    return [statement(b, sets, (i, len(bodies), path))
            for i, (b, path) in enumerate(zip(bodies, paths))]


def anchor(what, new, before=None, recovery=False):
    sets = [(NEW, new)]
    if before:
        sets.insert(0, (RECOVERY if recovery else SIGNER, before))
    return Statement(alone(what, *sets))
