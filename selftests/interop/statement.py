# SPDX-License-Identifier: MIT
"""A statement's form: what can be known of it alone.  Documentation/protocol.rst.  Who may have
signed it is in quorum.py."""

import re

import primitives as p
from data import plain_length
from wire import CRITICAL, Reader, attributes, is_dataset, is_name, is_scope, items, want

(ANCHOR, DELEGATION, ENTITY, GROUP, MEMBER, DATASET, POLICY, INSTANCE, REVOKE, SUSPEND, EPOCH,
 GROUP_EPOCH) = range(1, 13)
TYPES = range(ANCHOR, GROUP_EPOCH + 1)
SERVE, FRESHNESS, GENERATE, CERTIFY, ENROL, ROLE_SUSPEND = range(1, 7)
SIGNER, NEW, RECOVERY = range(3)
PAIR, SECRET = 1, 2
SESSION, GUARDIAN, MODE_GROUP = 1, 2, 3
KIND_KEY = 1
AES, P256, RAW = 1, 2, 3
MAY_FETCH, MAY_INSTANCES, MAY_POLICY = 1, 16, 32
HOUR, DAY = 3600, 86400
BODY = 12288


# ---- values: each a function that refuses what the text does not give ----

def uint(n, most=None, least=0):
    def check(x):
        want(len(x) == n, "an integer of another width")
        i = int.from_bytes(x, "big")
        want(i >= least and (most is None or i <= most), "an integer out of its range")
    return check


def fixed(*lengths):
    def check(x):
        want(len(x) in lengths, "a value of another length")
    return check


def upto(n):
    def check(x):
        want(len(x) <= n, "a value too long")
    return check


def flags(n, known):
    def check(x):
        uint(n)(x)
        want(not int.from_bytes(x, "big") & ~known, "a flag that is not known")
    return check


def listed(read, most=BODY, size=BODY, key=None):
    def check(x):
        want(len(x) <= size, "a list too long")
        items(x, read, most, key)
    return check


def read_key(r):
    r.bytes(64)


def read_name(r):
    want(is_name(r.v()), "no name")


def read_scope(r):
    want(is_scope(r.v()), "no DataSet nor prefix")


def read_rights(r):
    r.bytes(2)
    read_scope(r)


def read_cap(r):
    r.bytes(5)


def read_floor(r):
    r.bytes(41)


def read_leaf(r):
    r.bytes(32)


def owner(x):
    want(not x or is_name(x), "no name")


def pattern(x):
    want(re.fullmatch(rb"[a-z0-9._*?-]{1,64}", x), "no pattern")


def template(x):
    want(len(x) == 5 and x[0] in (1, 2, 3), "no template")


a_key = fixed(64)  # whether it is a point is seen when a signature is verified
KEYS, LEAVES, U32, U64 = listed(read_key, 16), listed(read_leaf, 8), uint(4), uint(8)
POLICIES = (False, LEAVES)
TEMPLATE = (False, template)

# by type: whether it is required, and its value
COMMON = {
    1: (True, fixed(2)),
    2: (True, fixed(32)),
    3: (True, fixed(32)),
    4: (True, fixed(*range(1, 231))),
    5: (True, uint(8, least=1)),
    6: (True, U64),
    7: (True, U64),
    8: (True, U64),
    9: (True, flags(4, 0xffff)),
}
QUORUM = {16: (True, KEYS), 17: (True, uint(1, least=1)), 19: (True, U64)}
FORM = {
    ANCHOR: {
        **QUORUM,
        18: (True, fixed(32)),
        20: (False, listed(read_cap, 16, key=1)),
        21: (False, KEYS),
        22: (False, uint(1, least=1)),
    },
    GROUP: {**QUORUM, 64: (False, listed(read_rights, size=8192)), 65: (False, pattern)},
    DELEGATION: {
        32: (True, a_key),
        33: (False, a_key),
        34: (True, uint(1, 6, 1)),
        35: (False, listed(read_name, size=4096)),
        36: (False, listed(read_scope, size=4096)),
        37: TEMPLATE,
        38: (False, pattern),
        39: (False, U32),
        40: (False, fixed(1)),
        41: (False, U32),
        42: (False, listed(read_name, size=1024)),
    },
    ENTITY: {
        48: (True, uint(1, 2, 1)),
        49: (True, fixed(32, 64)),
        50: (True, a_key),
        51: (True, uint(1, 2, 1)),
        52: (True, fixed(32)),
        53: (False, upto(1024)),
        54: (False, fixed(32)),
    },
    MEMBER: {80: (True, uint(1, 2, 1))},
    DATASET: {
        96: (True, uint(1, 3, 1)),
        97: (True, uint(1, 4, 1)),
        98: (True, owner),
        99: POLICIES,
    },
    POLICY: {
        112: (False, uint(1, 1, 1)),
        113: (False, U32),
        114: (False, U32),
        115: (False, U32),
        116: (False, U32),
        117: (False, U32),
        118: (False, U32),
        119: (False, uint(1, 1)),
        120: TEMPLATE,
        121: (False, U32),
        122: (False, uint(1, 2)),
        123: (False, U32),
        124: (False, U32),
    },
    INSTANCE: {
        128: (True, uint(8, least=1)),
        135: (False, uint(1, 1, 1)),
        96: (False, uint(1, 3, 1)),
        97: (False, uint(1, 4, 1)),
        129: (False, uint(1, 1, 1)),
        130: (False, fixed(32)),
        131: (False, fixed(32)),
        132: (False, U64),
        133: (False, fixed(32)),
        134: (False, uint(1, 3, 1)),
        99: POLICIES,
        120: TEMPLATE,
    },
    REVOKE: {
        144: (False, uint(1, GROUP_EPOCH, 1)),
        145: (False, U64),
        146: (False, fixed(32)),
    },
    SUSPEND: {160: (True, U64)},
    EPOCH: {
        176: (True, U64),
        177: (True, U64),
        178: (True, fixed(32)),
        179: (True, U64),
        180: (False, listed(read_floor, 128, key=33)),
    },
    GROUP_EPOCH: {
        18: (True, fixed(32)),
        192: (True, U64),
        193: (True, fixed(32)),
        194: (True, fixed(0, 32)),
    },
}


# ---- subjects ----

def is_member(x):
    parts = x.split(b"/")
    return len(parts) == 2 and all(is_name(part) for part in parts)


def is_instance(x):
    dataset, at, version = x.partition(b"@")
    return bool(at) and is_dataset(dataset) and bool(re.fullmatch(rb"[1-9][0-9]{0,19}", version))


SUBJECT = {MEMBER: is_member, DATASET: is_dataset, POLICY: is_dataset, INSTANCE: is_instance}


def subject_fits(kind, x):
    return SUBJECT.get(kind, is_name)(x)


# ---- what one attribute says of another ----

def quorum_form(s):
    want(s.number(17) <= len(s.keys()), "a threshold above the number of keys")


def anchor_form(s):
    quorum_form(s)
    want(s.has(21) == s.has(22), "half of a recovery set")
    if s.has(21):
        want(s.number(22) <= len(s.keys(21)), "a threshold above the number of keys")


def delegation_form(s):
    want(s.has(33) == (s.role == SERVE), "an AUDIT_KEY, and role serve: both or neither")
    want(s.life() <= 90 * DAY, "a DELEGATION of more than 90 days")


def entity_form(s):
    want(len(s.attr[49]) == (64 if s.number(48) == PAIR else 32), "KEI of another kind")
    want(s.has(54) == (s.number(51) == SECRET), "KPF_KID, and Kec a secret: both or neither")


def instance_form(s):
    want(int(s.subject.split(b"@")[1]) == s.number(128), "the subject's version is another")
    given = [s.has(t) for t in (96, 97, 129, 130, 131, 132, 133, 134)]
    if s.has(135):
        want(not any(given), "a tombstone with Data")
        return
    want(all(given), "Data without all that is said of it")
    n = plain_length(s.number(132))
    if s.number(97) == KIND_KEY:
        want(s.has(120), "a key without a template")
        length = int.from_bytes(s.attr[120][1:], "big")
        want(1 <= n <= 64 and length in (0, n), "a key of another length")


def revoke_form(s):
    want(s.has(144) == s.has(145) != s.has(146), "TARGET_TYPE and UP_TO, or UNDER")
    kind = s.number(144) if s.has(144) else DELEGATION
    want(kind == REVOKE or subject_fits(kind, s.subject), "no subject of its target's type")


def suspend_form(s):
    want(s.issued <= s.number(160) <= s.issued + 72 * HOUR, "UNTIL out of its range")


def epoch_form(s):
    want(s.issued <= s.not_before and s.not_after - s.issued <= 7 * DAY, "an EPOCH's times")


TOGETHER = {
    ANCHOR: anchor_form, GROUP: quorum_form, DELEGATION: delegation_form, ENTITY: entity_form,
    INSTANCE: instance_form, REVOKE: revoke_form, SUSPEND: suspend_form, EPOCH: epoch_form,
}


# ---- batches: RFC 6962 section 2.1 ----

def leaf_of(body):
    return p.H(b"\0", body)


def node(left, right):
    return p.H(b"\1", left, right)


def split(size):
    """The largest power of two below size."""
    return 1 << (size - 1).bit_length() - 1


def root_of(leaf, index, size, path):
    """path: from the leaf up."""
    want(index < size, "a place out of the tree")
    if size == 1:
        want(not path, "a path too long")
        return leaf
    want(path, "a path too short")
    k = split(size)
    if index < k:
        return node(root_of(leaf, index, k, path[:-1]), path[-1])
    return node(path[-1], root_of(leaf, index - k, size - k, path[:-1]))


# ---- a statement ----

class Statement:
    """Parsed; Refused if its form is not right.  attr: values by type, known ones only."""

    def __init__(self, data):
        r = Reader(data)
        self.bytes = data
        self.body = r.v()
        want(len(self.body) <= BODY, "a body too long")
        self.leaf = leaf_of(self.body)
        self.root = self._path(r)
        self.sets = self._sets(r)
        r.end()
        self._attributes()

    def _path(self, r):
        n = r.int(1)
        want(n <= 20, "a path too long")
        if not n:
            return self.leaf
        index, size = r.int(4), r.int(4)
        return root_of(self.leaf, index, size, [r.bytes(32) for _ in range(n)])

    @staticmethod
    def _sets(r):
        sets, s = {}, r.int(1)
        want(s in (1, 2), "sets of signatures: one or two")
        for _ in range(s):
            which, m = r.int(1), r.int(1)
            want(which in (SIGNER, NEW, RECOVERY) and which not in sets, "no such set, or twice")
            want(1 <= m <= 16, "no signature, or too many")
            sigs = [(r.int(1), r.bytes(64)) for _ in range(m)]
            officers = [o for o, _ in sigs]
            want(officers == sorted(set(officers)) and officers[-1] < 16, "officers do not rise")
            sets[which] = sigs
        return sets

    def _attributes(self):
        have = attributes(self.body)
        want(list(have)[:9] == list(COMMON), "a common attribute is missing")
        COMMON[1][1](have[1])
        version, self.type = have[1]
        want(version == 1 and self.type in TYPES, "no such version or type")
        known = {**COMMON, **FORM[self.type]}
        self.attr = {t: x for t, x in have.items() if t in known}
        want(all(t in known or t & CRITICAL for t in have), "an attribute that it does not have")
        for t, (required, check) in known.items():
            if t in self.attr:
                check(self.attr[t])
            else:
                want(not required, "an attribute is missing")
        self.region, self.signer, self.subject = (self.attr[t] for t in (2, 3, 4))
        self.serial, self.issued, self.not_before, self.not_after = map(self.number, (5, 6, 7, 8))
        want(self.not_after >= self.not_before, "it ends before it begins")
        if self.type != REVOKE:
            want(subject_fits(self.type, self.subject), "no subject of its type")
        TOGETHER.get(self.type, lambda s: None)(self)

    def has(self, t):
        return t in self.attr

    def number(self, t, default=None):
        return int.from_bytes(self.attr[t], "big") if t in self.attr else default

    def life(self):
        return self.not_after - self.not_before

    def valid(self, now):
        return self.not_before - 600 <= now <= self.not_after

    @property
    def role(self):
        return self.number(34)

    def keys(self, t=16):
        return [self.attr[t][i:i + 64] for i in range(0, len(self.attr[t]), 64)]

    def leaves(self, t=99):
        x = self.attr.get(t, b"")
        return [x[i:i + 32] for i in range(0, len(x), 32)]

    def scopes(self, t=36):
        """SCOPE_DATASETS, SCOPE_GROUPS."""
        r, out = Reader(self.attr.get(t, b"")), []
        while r.left():
            out.append(r.v())
        return out

    def rights(self):
        """A GROUP's: (rights, DataSet or prefix)."""
        r, out = Reader(self.attr.get(64, b"")), []
        while r.left():
            out.append((r.int(2), r.v()))
        return out

    def caps(self):
        x = self.attr.get(20, b"")
        return {x[i]: int.from_bytes(x[i + 1:i + 5], "big") for i in range(0, len(x), 5)}

    def floors(self):
        """An EPOCH's: (type, H(subject)): serial."""
        x = self.attr.get(180, b"")
        return {(x[i], x[i + 1:i + 33]): int.from_bytes(x[i + 33:i + 41], "big")
                for i in range(0, len(x), 41)}


def parse(data):
    return Statement(data)
