# SPDX-License-Identifier: MIT
"""Statements, most of them malformed, each signed as it ought to be: a table for two verifiers to
agree on.  A case is (name, region, signer's Statement or None, bytes)."""

import random

import make
import office as o
import primitives as p
import statement as st
from statement import ANCHOR, DAY, DELEGATION, GROUP, HOUR, INSTANCE, MODE_GROUP, TYPES
from wire import attribute, attributes, u16, u32, u64, u8, v, zero

INTS = {
    1: [bytes([n]) for n in (0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 16, 17, 127, 128, 255)],
    2: [u16(n) for n in (0, 1, 0x3f, 0x40, 0xffff)],
    4: [u32(n) for n in (0, 1, 7, 8, 31, 32, 0xffff, 0x10000, 0x80000000, 0xffffffff)],
    8: [u64(n) for n in (0, 1, 2, 15, 16, 17, 32, 80, 81, 16400, 16401, 16416, 16417, 2 ** 63,
                         2 ** 64 - 1)],
}
SUBJECTS = [
    b"", b"a", b"z.9_-", b"A", b".", b"..", b"...", b".a", b"-", b"a b", b"a\0", b"\xe4", b"a*",
    b"a/b", b"a/b/c", b"a//b", b"/a", b"a/", b"/", b"a/.", b"a/..", b"a/../b", b"a/A",
    b"a@1", b"a/b@1", b"a@", b"@1", b"a@0", b"a@01", b"a@1@1", b"a@-1", b"a@+1", b"a@1x", b"a@ 1",
    b"a@18446744073709551615", b"a@18446744073709551616", b"a@99999999999999999999",
    b"a@100000000000000000000", b"a" * 64, b"a" * 65, b"a/" + b"b" * 64, b"a/" + b"b" * 65,
    (b"a" * 39 + b"/") * 5, (b"a" * 39 + b"/") * 4 + b"b" * 40, (b"a" * 39 + b"/") * 4 + b"b" * 41,
    (b"a" * 39 + b"/") * 4 + b"b" * 40 + b"@1", (b"a" * 39 + b"/") * 4 + b"b" * 41 + b"@1",
    b"a" * 64 + b"/" + b"b" * 64, b"a" * 64 + b"/" + b"b" * 65, b"a" * 200, b"a" * 230, b"a" * 231,
]
NOT_ON_CURVE = zero(63) + b"\1"


class Base:
    """A right statement: its parts, and who signs it."""

    def __init__(self, name, s, signer):
        self.name, self.signer, self.region = name, signer, s.region
        self.parts = list(attributes(s.body).items())

    def case(self, what, parts=None, body=None):
        body = body if body is not None else join(parts)
        return ("%s: %s" % (self.name, what), self.region, self.signer.statement,
                make.alone(body, (0, self.signer)))

    def put(self, t, value):
        """Its parts with this one, in the order of types."""
        return sorted([(x, y) for x, y in self.parts if x != t] + [(t, value)])

    def without(self, t):
        return [(x, y) for x, y in self.parts if x != t]


def join(parts):
    return b"".join(attribute(t, x) for t, x in parts)


# ---- one of each type ----

class World:
    """A Region with signers of all kinds."""

    def __init__(self):
        self.office = off = o.Office(now=1800000000)
        self.rag, self.region = off.rag, off.region
        self.group = off.group(b"staff", [(63, b"a/"), (63, b"a")])
        scope = {36: v(b"a") + v(b"a/"), 37: o.TEMPLATE_AES}
        self.by_role = {role: off.delegate(role, b"holder%d" % role, life=30 * DAY,
                                           attrs=scope if role == st.GENERATE else None)
                        for role in range(1, 7)}
        self.fresh = self.by_role[st.FRESHNESS]
        self.bases = {b.name: b for b in self._bases()}

    def _entity(self):
        keys = p.p256_public(p.p256_private()), p.p256_public(p.p256_private())
        return {48: u8(1), 49: keys[0], 50: keys[1], 51: u8(1), 52: zero(32)}

    def _secrets(self, kei_kind):
        """Of an Entity with a Kec-secret."""
        kei = zero(32) if kei_kind == st.SECRET else p.p256_public(p.p256_private())
        return {**self._entity(), 48: u8(kei_kind), 49: kei, 51: u8(st.SECRET), 54: zero(32)}

    def _bases(self):
        off = self.office
        policy = off.policy(b"a/b")
        every = {113: u32(1), 114: u32(2), 115: u32(3), 116: u32(4), 117: u32(31), 118: u32(7),
                 119: u8(1), 121: u32(5), 122: u8(2), 123: u32(6), 124: u32(7)}
        scoped = {35: v(b"g") + v(b"h"), 36: v(b"a") + v(b"a/"), 37: o.TEMPLATE_AES, 38: b"a*?",
                  39: u32(7), 40: u8(5), 41: u32(8), 42: v(b"kernel")}
        floors = b"".join(u8(t) + zero(32) + u64(t) for t in TYPES)
        said = [
            ("DELEGATION", off.delegate(1, b"sp", attrs=scoped).statement, self.rag),
            ("ENTITY", off.issue(st.ENTITY, b"host", {**self._entity(), 53: b"seat"}), self.rag),
            ("ENTITY SECRET", off.issue(st.ENTITY, b"host", self._secrets(st.PAIR)), self.rag),
            ("ENTITY SECRETS", off.issue(st.ENTITY, b"host", self._secrets(st.SECRET)), self.rag),
            ("GROUP", off.group(b"new", [(1, b"a/b"), (63, b"c/")], o.officers(3, 2)).statement,
             self.rag),
            ("MEMBER", off.member(b"staff", b"host"), self.rag),
            ("DATASET", off.dataset(b"a/b", MODE_GROUP, owner=b"staff", policies=[policy]), self.rag),
            ("POLICY", off.policy(b"a/b", every), self.rag),
            ("INSTANCE", off.instance(b"a/b", 1, zero(32), MODE_GROUP,
                                      policies=[policy]).statement, self.rag),
            ("TOMBSTONE", off.issue(INSTANCE, b"a/b@2", {128: u64(2), 135: u8(1)}), self.rag),
            ("REVOKE", off.revoke(policy), self.rag),
            ("REVOKE UNDER", off.issue(st.REVOKE, b"sp", {146: zero(32)}), self.rag),
            ("SUSPEND", off.suspend(b"host", self.by_role[6]), self.by_role[6]),
            ("EPOCH", off.epoch(self.fresh, attrs={180: floors}), self.fresh),
            ("GROUP_EPOCH", off.group_epoch(self.group, 1, zero(32)), self.group),
        ]
        return [Base(*x) for x in said]


# ---- what is spoilt of each ----

def values(t, x):
    """Instead of the value of an attribute."""
    out = [b"", x[:-1], x + b"\0", zero(len(x)), b"\xff" * len(x)]
    if x:
        out += [bytes([x[0] ^ 1]) + x[1:], x[:-1] + bytes([x[-1] ^ 1]), x * 2, x[::-1]]
    return out + INTS.get(len(x), []) + [zero(n) for n in (1, 2, 4, 5, 8, 31, 32, 33, 63, 64, 65)]


def spoilt(base):
    parts = base.parts
    yield base.case("as it is", parts)
    for i, (t, x) in enumerate(parts):
        yield base.case("without %d" % t, parts[:i] + parts[i + 1:])
        yield base.case("%d twice" % t, parts[:i + 1] + parts[i:])
        yield base.case("%d last" % t, parts[:i] + parts[i + 1:] + [(t, x)])
        for n, value in enumerate(values(t, x)):
            if value != x:
                yield base.case("%d value %d: %s" % (t, n, value[:12].hex()), base.put(t, value))
    for subject in SUBJECTS:
        yield base.case("subject %r" % subject[:30], base.put(4, subject))
    have = {t for t, _ in parts}
    for kind in TYPES:
        for t in st.FORM[kind]:
            if t not in have:
                for x in (b"\1", zero(4), zero(5), u8(1) + u32(32), zero(8), zero(32), b""):
                    yield base.case("with %d %d" % (t, len(x)), base.put(t, x))
        yield base.case("type %d" % kind, base.put(1, bytes([0, kind])))
    for t in (0, 10, 15, 200, 0x7fff, 0x8000, 0x8001, 0xffff):
        yield base.case("type %#x" % t, base.put(t, b"whatever"))
    body = join(parts)
    for n in (0, 1, 5, 6, len(body) - 1):
        yield base.case("cut to %d" % n, body=body[:n])
    yield base.case("a byte more", body=body + b"\0")
    yield base.case("a header more", body=body + attribute(0x8123, b"")[:-1])


def times(base):
    issued, begin, end = (int.from_bytes(dict(base.parts)[t], "big") for t in (6, 7, 8))
    for t in (6, 7, 8):
        for n in (0, 1, begin - 1, begin, begin + 1, end - 1, end, end + 1, issued - 1, issued + 1,
                  begin + 90 * DAY, begin + 90 * DAY + 1, issued + 7 * DAY, issued + 7 * DAY + 1,
                  2 ** 63, 2 ** 64 - 1):
            yield base.case("time %d of %d" % (t, n), base.put(t, u64(n)))


# ---- lists ----

def both(t, items, name):
    """In each order, and one twice."""
    a, b = items
    return [(t, a + b, name), (t, b + a, name + " the other way"), (t, a + a, name + " twice")]


def lists(world):
    def each(base, rows):
        base = world.bases[base]
        for t, x, what in rows:
            yield base.case("%d %s" % (t, what), base.put(t, x))

    names = both(35, [v(b"b"), v(b"aa")], "short, long") + both(35, [v(b"a"), v(b"ab")], "begins") + \
        both(35, [v(b"a"), v(b"b")], "names")
    scopes = [(36, x, "of %r" % n) for n in SUBJECTS for x in [v(n)] if n]
    scopes += both(36, [v(b"a"), v(b"a/")], "name, prefix") + both(36, [v(b"b"), v(b"a/a")], "b, a/a")
    full = b"".join(sorted(v(b"%061d" % i) for i in range(65)))
    scopes += [(36, full, "65 of 63"), (36, full[63 * 65 - 4095:], "x")]
    scopes += [(36, full[:63 * 65] + b"", "4,095"), (36, full[:63 * 64] + v(b"~" * 62), "4,096 no name"),
               (36, full[:63 * 64] + v(b"z" * 62), "4,096"), (36, full[:63 * 64] + v(b"z" * 63), "4,097")]
    yield from each("DELEGATION", names + scopes)
    patterns = [b"*", b"?", b"a*b?c", b"A", b"a/b", b"[a]", b"a" * 64, b"*" * 65, b".", b".."]
    yield from each("DELEGATION", [(38, x, "%r" % x[:9]) for x in patterns])
    templates = [u8(a) + u32(n) for a in range(5) for n in (0, 1, 16, 31, 32, 33, 64, 65, 2 ** 32 - 1)]
    yield from each("DELEGATION", [(37, x, "template " + x.hex()) for x in templates])
    yield from each("POLICY", [(120, x, "template " + x.hex()) for x in templates])
    yield from each("INSTANCE", [(120, x, "template " + x.hex()) for x in templates])

    rights = [u16(n) + v(b"a") for n in (0, 1, 32, 63, 64, 0x8000, 0xffff)]
    rows = [(64, x, "bits " + x[:2].hex()) for x in rights]
    rows += [(64, u16(1) + v(n), "of %r" % n) for n in SUBJECTS]
    rows += both(64, [u16(1) + v(b"b"), u16(2) + v(b"a")], "1 of b, 2 of a")
    rows += both(64, [u16(1) + v(b"a"), u16(2) + v(b"a")], "1 of a, 2 of a")
    rows += both(64, [u16(1) + v(b"b"), u16(1) + v(b"aa")], "b, aa")
    many = b"".join(sorted(u16(1) + v(b"%060d" % i) for i in range(128)))
    rows += [(64, many, "8,192"), (64, many[:64 * 127] + u16(1) + v(b"z" * 61), "8,193")]
    yield from each("GROUP", rows)

    leaves = [b"".join(u8(i) + zero(31) for i in range(n)) for n in (1, 8, 9)]
    for base in ("DATASET", "INSTANCE"):
        yield from each(base, [(99, x, "%d leaves" % (len(x) // 32)) for x in leaves] +
                        both(99, [zero(32), u8(1) + zero(31)], "leaves"))
    floors = [b"".join(u8(8) + p.H(u32(i)) + u64(i) for i in x) for x in
              (sorted(range(128), key=lambda i: p.H(u32(i))),
               sorted(range(129), key=lambda i: p.H(u32(i))))]
    rows = [(180, x, "%d floors" % (len(x) // 41)) for x in floors]
    rows += [(180, u8(t) + zero(40), "floor of type %d" % t) for t in (0, 1, 12, 13, 255)]
    rows += both(180, [u8(3) + zero(40), u8(3) + zero(39) + b"\1"], "one subject, two serials")
    rows += both(180, [u8(3) + zero(40), u8(4) + zero(40)], "two types")
    yield from each("EPOCH", rows)


# ---- sets, paths ----

def sets(world):
    base = world.bases["MEMBER"]
    body = join(base.parts)
    root = st.leaf_of(body)
    three = o.officers(3, 2)
    three.statement = world.office.group(b"staff", [(1, b"a")], three).statement
    parts = base.put(3, three.leaf)
    body3 = join(parts)
    root3 = st.leaf_of(body3)

    def one(what, *raw, body=body, signer=world.rag):
        return ("sets: " + what, world.region, signer.statement, make.statement(body, list(raw)))

    good = world.rag.set(0, root)
    yield one("none")
    yield one("one", good)
    yield one("the same twice", good, good)
    yield one("three", good, world.rag.set(1, root), world.rag.set(2, root))
    for which in (1, 2, 3, 255):
        yield one("which %d" % which, world.rag.set(which, root))
        yield one("and %d" % which, good, world.rag.set(which, root))
    yield one("no signature", b"\0\0")
    yield one("seventeen", b"\0\x11" + b"".join(u8(i) + zero(64) for i in range(17)))
    yield one("cut", good[:-1])
    yield one("a byte more", good + b"\0")
    yield one("signature of zeros", good[:3] + zero(64))
    yield one("r above n", good[:3] + b"\xff" * 32 + good[35:])
    r, s = good[3:35], int.from_bytes(good[35:], "big")
    yield one("n - s", good[:3] + r + (p.ORDER - s).to_bytes(32, "big"))
    yield one("s + n", good[:3] + r + ((s + p.ORDER) % 2 ** 256).to_bytes(32, "big"))
    for officers in ([0, 1], [0, 2], [1, 2], [0], [2], [0, 1, 2], [1, 0], [0, 0], []):
        yield one("officers %r" % officers, three.set(0, root3, officers), body=body3, signer=three)
    sig = three.set(0, root3, [0])[2:]
    other = three.set(0, root3, [1])[2:]
    for a, b in ((0, 3), (0, 15), (0, 16), (0, 255)):
        raw = b"\0\2" + u8(a) + sig[1:] + u8(b) + other[1:]
        yield one("officers %d, %d" % (a, b), raw, body=body3, signer=three)
    yield one("officers swapped", b"\0\2" + b"\0" + other[1:] + b"\1" + sig[1:], body=body3,
              signer=three)


def fold(leaf, hashes, index):
    """The root of a tree of 2 ** len(hashes) leaves."""
    for i, h in enumerate(hashes):
        leaf = st.node(h, leaf) if index >> i & 1 else st.node(leaf, h)
    return leaf


def paths(world):
    base = world.bases["MEMBER"]
    body = join(base.parts)

    def one(what, path, root):
        index, size, hashes = path
        raw = make.v(body) + u8(len(hashes)) + (u32(index) + u32(size) + b"".join(hashes)
                                                if hashes else b"")
        return ("path: " + what, world.region, world.rag.statement,
                raw + u8(1) + world.rag.set(0, root))

    leaf = st.leaf_of(body)
    for size in list(range(1, 10)) + [13, 16, 17]:
        for index in range(size):
            leaves = [p.H(u32(i)) for i in range(size)]
            leaves[index] = leaf
            root, all_paths = make.tree(leaves)
            path = all_paths[index]
            yield one("%d of %d" % (index, size), (index, size, path), root)
            yield one("%d of %d reversed" % (index, size), (index, size, path[::-1]), root)
            for i, n in ((index, size + 1), (index + 1, size), (index, size - 1), (size, size)):
                if path and n >= 0:
                    yield one("%d of %d as %d of %d" % (index, size, i, n), (i, n, path), root)
            if path:
                yield one("%d of %d cut" % (index, size), (index, size, path[1:]), root)
            yield one("%d of %d longer" % (index, size), (index, size, path + [zero(32)]), root)
    for n in (19, 20, 21, 31):
        hashes = [p.H(u8(i)) for i in range(n)]
        for index in (0, 1, 2 ** n - 1):
            root = fold(leaf, hashes, index)
            yield one("%d of 2^%d" % (index, n), (index, 2 ** n, hashes), root)
    hashes = [p.H(u8(i)) for i in range(20)]
    for size in (2 ** 20 - 1, 2 ** 20 + 1, 2 ** 32 - 1, 0, 1):
        yield one("0 of %d by 20" % size, (0, size, hashes), fold(leaf, hashes, 0))


# ---- who may sign what ----

def signers(world):
    all_of_them = [("RAG", world.rag), ("GROUP", world.group)]
    all_of_them += [("role %d" % role, s) for role, s in world.by_role.items()]
    for name, signer in all_of_them:
        for base in world.bases.values():
            for subject in (None, b"staff", b"staff/host", b"holder2", b"holder1", b"a", b"a@1"):
                parts = dict(base.parts)
                parts[3] = signer.leaf
                if subject:
                    parts[4] = subject
                    if base.name == "INSTANCE" and subject == b"a@1":
                        parts[128] = u64(1)
                body = join(sorted(parts.items()))
                yield ("%s by %s, subject %r" % (base.name, name, subject), world.region,
                       signer.statement, make.alone(body, (0, signer)))


def group_rights(world):
    off = world.office
    scopes = [b"a", b"a/", b"a/b", b"a/b/", b"a/bb", b"b"]
    for i, scope in enumerate(scopes):
        for bits in (0x10, 0x20, 0x2f, 0x1f, 0x3f):
            group = off.group(b"r%d-%d" % (i, bits), [(bits, scope)])
            for kind, subject, attrs in (
                    (INSTANCE, b"a/b@1", {128: u64(1), 135: u8(1)}),
                    (st.DATASET, b"a/b", {96: u8(1), 97: u8(1), 98: b""}),
                    (st.POLICY, b"a/b", {})):
                yield ("%d by a group with %#x on %r" % (kind, bits, scope), world.region,
                       group.statement, off.bytes(kind, subject, attrs, group))
    two = off.group(b"two", [(0x10, b"a/"), (0x20, b"a/b")])
    for kind, attrs in ((st.DATASET, {96: u8(1), 97: u8(1), 98: b""}), (st.POLICY, {})):
        yield ("%d by a group with two items" % kind, world.region, two.statement,
               off.bytes(kind, b"a/b", attrs, two))
    for rights in ([], [(0x10, b"a/"), (0x20, b"a/b")], [(0x10, b"a/")]):
        attrs = {**off.quorum(two)}
        if rights:
            attrs[64] = b"".join(sorted(u16(b) + v(x) for b, x in rights))
        yield ("GROUP by itself with %d rights" % len(rights), world.region, two.statement,
               off.bytes(GROUP, b"two", attrs, two))


def scopes(world):
    off = world.office
    tomb = {128: u64(1), 135: u8(1)}
    for n, scope in enumerate([None, b"a", b"a/", b"a/b", b"a/b/", b"b"]):
        for template in (None, o.TEMPLATE_AES, u8(1) + u32(0)):
            attrs = {36: v(scope) if scope else None, 37: template}
            gen = off.delegate(st.GENERATE, b"gen%d" % n, attrs=attrs)
            for what, t in (("none", None), ("aes", o.TEMPLATE_AES), ("any", u8(1) + u32(0))):
                yield ("generate %r %r, template %s" % (scope, template, what), world.region,
                       gen.statement, off.bytes(INSTANCE, b"a/b@1", {**tomb, 120: t}, gen))
    patterns = [None, b"*", b"?", b"h*", b"*t", b"h?st", b"h??st", b"host", b"hos", b"host*", b"*?*",
                b"h*o*s*t", b"*h", b"**", b"h*x", b"????", b"?????", b"h.st", b"a*a*a*a*b"]
    for pattern in patterns:
        for role, kind, attrs in ((st.ENROL, st.ENTITY, world._entity()),
                                  (st.ROLE_SUSPEND, st.SUSPEND, {160: u64(off.now)})):
            by = off.delegate(role, b"office", attrs={38: pattern})
            for name in (b"host", b"hst", b"h", b"a" * 64, b"aaaab"):
                yield ("%d of %r by pattern %r" % (kind, name[:9], pattern), world.region,
                       by.statement, off.bytes(kind, name, attrs, by))


def enrolments(world):
    """What an enrol key, and a group that ENROLS, may sign."""
    off, kinds = world.office, {}
    for kei in (st.PAIR, st.SECRET):
        for kec in (st.PAIR, st.SECRET):
            one = world._secrets(kei) if kec == st.SECRET else world._entity()
            if kei == st.SECRET:
                one = {**one, 48: u8(kei), 49: zero(32)}
            kinds[kei, kec] = one
    scopes = ({}, {40: u8(0)}, {40: u8(5)}, {40: u8(10)}, {40: u8(15)}, {40: u8(0xff)}, {40: u8(9)},
              {41: u32(DAY)}, {42: v(b"kernel")}, {42: v(b"file") + v(b"kernel")}, {38: b"h*"},
              {35: v(b"staff")}, {35: v(b"crew") + v(b"staff"), 38: b"h?"})
    for n, scope in enumerate(scopes):
        by = off.delegate(st.ENROL, b"night", attrs=scope, life=30 * DAY)

        def one(what, kind, subject, attrs, **other):
            return ("enrol key %d: %s" % (n, what), world.region, by.statement,
                    off.bytes(kind, subject, attrs, by, **{"serial": 1, **other}))

        for pair, attrs in kinds.items():
            yield one("kinds %d %d" % pair, st.ENTITY, b"h1", attrs)
        for words in (b"", b"kernel", b"kernel file", b"file kernel", b"kernel  file", b"kernels",
                      b"kernel,file", b" kernel", b"kernel file pin"):
            yield one("evidence %r" % words, st.ENTITY, b"h1", {**world._entity(), 53: words})
        for serial in (1, 2, 2 ** 64 - 1):
            yield one("serial %d" % serial, st.ENTITY, b"h1", world._entity(), serial=serial)
            yield one("member, serial %d" % serial, st.MEMBER, b"staff/h1", {80: u8(1)},
                      serial=serial)
        for life in (DAY, DAY + 1):
            yield one("life %d" % life, st.ENTITY, b"h1", world._entity(), life=life)
            yield one("member, life %d" % life, st.MEMBER, b"staff/h1", {80: u8(1)}, life=life)
        for member in (b"staff/h1", b"staff/x1", b"crew/h1", b"staf/h1", b"staff/h12"):
            for kind in (1, 2):
                yield one("member %r %d" % (member, kind), st.MEMBER, member, {80: u8(kind)})
        yield one("a group", GROUP, b"h1", off.quorum(o.officers()))
    for pattern in (None, b"h*", b"*", b"h2"):
        head = o.officers()
        mine = {**off.quorum(head), 65: pattern}
        group = make.Signer(head.privates, head.threshold, off.issue(GROUP, b"crew", mine))
        for name in (b"h1", b"h2", b"x"):
            for serial in (1, 7):
                yield ("a group that enrols %r: %r, %d" % (pattern, name, serial), world.region,
                       group.statement, off.bytes(st.ENTITY, name, world._entity(), group,
                                                  serial=serial))
        for other in (None, b"h*", b"*"):
            yield ("a group that enrols %r says %r" % (pattern, other), world.region,
                   group.statement, off.bytes(GROUP, b"crew", {**mine, 65: other}, group))


def windows(world):
    """ISSUED against the DELEGATION's; passing on."""
    off = world.office
    begin, end = off.now, off.now + 30 * DAY
    for issued in (begin - 601, begin - 1, begin, begin + 1, end - 1, end, end + 1):
        yield ("EPOCH issued at %+d" % (issued - begin), world.region, world.fresh.statement,
               off.bytes(st.EPOCH, b"holder2", {176: u64(1), 177: u64(0), 178: zero(32),
                                                179: u64(0)}, world.fresh, issued=issued,
                         not_before=issued, not_after=issued + DAY))
    for life in (DAY - 1, DAY, DAY + 1, 2 * DAY, 90 * DAY):
        parent = off.delegate(1, b"sp", life=life, attrs={38: b"a*"})
        for what, how in (
                ("", {}), ("an hour", {"life": HOUR}), ("a second more", {"life": DAY + 1}),
                ("earlier", {"not_before": off.now - 1, "not_after": off.now + 9}),
                ("to its end", {"not_before": off.now + life - 9, "not_after": off.now + life}),
                ("past it", {"not_before": off.now + life - 9, "not_after": off.now + life + 1}),
                ("another name", {"subject": b"sp2"}), ("another role", {"role": 2}),
                ("no scope", {"scope": None}), ("another scope", {"scope": b"b*"}),
                ("a number", {"number": u32(1)}), ("kinds", {40: u8(1)}), ("a life", {41: u32(9)}),
                ("evidence", {42: v(b"tpm")})):
            how = dict(how)
            role = how.pop("role", 1)
            attrs = {32: p.p256_public(p.p256_private()), 34: u8(role), 38: how.pop("scope", b"a*"),
                     39: how.pop("number", None), **{t: how.pop(t, None) for t in (40, 41, 42)}}
            if role == 1:
                attrs[33] = attrs[32]
            how.setdefault("life", DAY)
            yield ("passed on from %d s: %s" % (life, what), world.region, parent.statement,
                   off.bytes(DELEGATION, how.pop("subject", b"sp"), attrs, parent, **how))


# ---- ANCHORs ----

def keys_of(signer, *more):
    return b"".join(sorted([p.p256_public(k) for k in signer.privates] + list(more)))


def geneses(world):
    off, now = world.office, world.office.now

    def one(what, by, attrs=None, which=1, **other):
        have = {**off.quorum(by), 18: zero(32), **(attrs or {})}
        said = {"region": zero(32), "signer": zero(32), "subject": b"hq", "serial": 1,
                "issued": now, "not_before": now, "not_after": now + DAY, **other}
        body = make.body(ANCHOR, have, **said)
        return "genesis: " + what, zero(32), None, make.alone(body, (which, by))

    one_of, two_of = o.officers(), o.officers(3, 2)
    yield one("right", one_of)
    yield one("two of three", two_of)
    yield one("sixteen", o.officers(16, 16))
    yield one("seventeen", o.officers(17, 1))
    for t in (0, 2, 255):
        yield one("threshold %d" % t, one_of, {17: u8(t)})
    for n in (0, 1, 2, 2 ** 64 - 1):
        yield one("MIN_ANCHOR %d" % n, one_of, {19: u64(n)})
        yield one("serial %d" % n, one_of, serial=n)
    for what in ("region", "signer"):
        yield one("%s not zero" % what, one_of, **{what: zero(31) + b"\1"})
    yield one("BEFORE not zero", one_of, {18: zero(31) + b"\1"})
    for which in (0, 2):
        yield one("set %d" % which, one_of, which=which)
    yield one("a key that is none", one_of, {16: keys_of(one_of, NOT_ON_CURVE)})
    yield one("a key of zeros", one_of, {16: keys_of(one_of, zero(64))})
    yield one("a key of ones", one_of, {16: keys_of(one_of, b"\xff" * 64)})
    yield one("keys that fall", two_of, {16: b"".join(reversed(
        [p.p256_public(k) for k in two_of.privates]))})
    yield one("a key twice", one_of, {16: one_of.keys() * 2})
    cap = [u8(t) + u32(9) for t in range(20)]
    for what, x in (("16 of which four are none", b"".join(cap[1:17])), ("12", b"".join(cap[1:13])),
                    ("type 0", cap[0]), ("type 13", cap[13]), ("falling", cap[2] + cap[1]),
                    ("twice", cap[2] + u8(2) + u32(10)), ("cut", cap[1][:-1])):
        yield one("CAPS " + what, one_of, {20: x})
    for what, x in (("both", {21: two_of.keys(), 22: u8(2)}), ("keys", {21: two_of.keys()}),
                    ("threshold", {22: u8(1)}), ("0", {21: two_of.keys(), 22: u8(0)}),
                    ("4", {21: two_of.keys(), 22: u8(4)}),
                    ("the same keys", {21: one_of.keys(), 22: u8(1)}),
                    ("a key that is none", {21: keys_of(two_of, NOT_ON_CURVE), 22: u8(1)})):
        yield one("RECOVERY " + what, one_of, x)
    for subject in SUBJECTS:
        yield one("subject %r" % subject[:30], one_of, subject=subject)
    yield one("longer than a cap on ANCHORs", one_of, {20: u8(1) + u32(1)})


def followers(world):
    recovery = o.officers(3, 2)
    old = o.officers(2, 2)
    off = o.Office(signer=old, now=1800000000)
    off.next_anchor(old, attrs={21: recovery.keys(), 22: u8(2), 20: u8(1) + u32(DAY)}, least=1)
    before, new = off.anchors[-1], o.officers(2, 1)

    def one(what, sets=None, attrs=None, life=DAY, **other):
        have = {**off.quorum(new, 1), 18: before.leaf, 21: recovery.keys(), 22: u8(2),
                **(attrs or {})}
        body = off.body(ANCHOR, other.pop("subject", b"hq"), have, other.pop("leaf", before.leaf),
                        life, **{"serial": 3, **other})
        root = st.leaf_of(body)
        raw = [s.set(which, root) for which, s in (sets or [(0, old), (1, new)])]
        return "ANCHOR: " + what, off.region, before, make.statement(body, raw)

    yield one("right")
    yield one("the sets in the other order", [(1, new), (0, old)])
    yield one("by recovery", [(2, recovery), (1, new)])
    yield one("by recovery, in the other order", [(1, new), (2, recovery)])
    yield one("by both", [(0, old), (2, recovery)])
    yield one("old alone", [(0, old)])
    yield one("new alone", [(1, new)])
    yield one("recovery alone", [(2, recovery)])
    yield one("old as new", [(0, old), (1, old)])
    yield one("recovery as signer", [(0, recovery), (1, new)])
    one_of = make.Signer(old.privates, 1, before)
    yield one("half of the old", [(0, one_of), (1, new)])
    for serial in (1, 2, 4, 2 ** 64 - 1):
        yield one("serial %d" % serial, serial=serial)
    for least in (0, 1, 2, 3, 4, 2 ** 64 - 1):
        yield one("MIN_ANCHOR %d" % least, attrs={19: u64(least)})
    for what, x in (("none", {21: None, 22: None}), ("another", {21: new.keys(), 22: u8(2)}),
                    ("a lower threshold", {22: u8(1)}), ("one more", {
                        21: keys_of(recovery, p.p256_public(new.privates[0]))})):
        yield one("recovery set " + what, attrs=x)
        yield one("recovery set %s, by recovery" % what, [(2, recovery), (1, new)], x)
    for serial, least in ((2, 2), (3, 3), (4, 4), (4, 3), (5, 5), (2 ** 32, 2 ** 32), (2 ** 32, 1),
                          (2 ** 32, 2 ** 32 - 1), (2 ** 64 - 1, 2 ** 64 - 1)):
        for at in (before.leaf, off.anchors[0].leaf, zero(32), zero(31) + b"\1"):
            for by in (0, 2):
                yield one("serial %d, MIN_ANCHOR %d, after %s, by %d" % (
                    serial, least, at[:4].hex(), by), [(by, (old, None, recovery)[by]), (1, new)],
                    {18: at, 19: u64(least)}, leaf=at, serial=serial)
    yield one("by recovery, past the cap", [(2, recovery), (1, new)], life=DAY + 1)
    yield one("by recovery, BEFORE and SIGNER differ", [(2, recovery), (1, new)],
              {18: zero(31) + b"\1", 19: u64(9)}, serial=9)
    yield one("another name", subject=b"hx")
    yield one("another BEFORE", attrs={18: off.anchors[0].leaf})
    yield one("another SIGNER", leaf=off.anchors[0].leaf)
    yield one("another Region", region=zero(32))
    yield one("a life of the cap and one", life=DAY + 1)
    yield one("a life less", life=0)
    yield one("before the one before", issued=1, not_before=1, not_after=2)


def capped(world):
    """Each type against CAPS of its own and of another."""
    for cap in (HOUR, 365 * DAY, 0):
        off = o.Office(signer=o.officers(), now=1800000000)
        off.next_anchor(attrs={20: u8(st.MEMBER) + u32(cap) + u8(st.POLICY) + u32(cap)})
        for life in (0, 1, HOUR, HOUR + 1):
            yield ("MEMBER of %d s, cap %d" % (life, cap), off.region, off.rag.statement,
                   off.bytes(st.MEMBER, b"g/h", {80: u8(1)}, life=life))
            yield ("DATASET of %d s, no cap" % life, off.region, off.rag.statement,
                   off.bytes(st.DATASET, b"g", {96: u8(1), 97: u8(1), 98: b""}, life=life))


# ---- at random ----

def at_random(world, n, seed=1):
    rnd = random.Random(seed)
    bases = list(world.bases.values())
    pool = [x for b in bases for _, x in b.parts]
    for i in range(n):
        base = rnd.choice(bases)
        parts = list(base.parts)
        for _ in range(rnd.randrange(1, 3)):
            at = rnd.randrange(len(parts))
            parts[at] = (parts[at][0], rnd.choice(pool))
        yield base.case("random values %d" % i, parts)
        body = bytearray(join(base.parts))
        for _ in range(rnd.randrange(1, 4)):
            body[rnd.randrange(len(body))] ^= 1 << rnd.randrange(8)
        yield base.case("random bits %d" % i, body=bytes(body))


def cases():
    world = World()
    for base in world.bases.values():
        yield from spoilt(base)
        yield from times(base)
    for part in (lists, sets, paths, signers, group_rights, scopes, enrolments, windows, geneses, followers,
                 capped):
        yield from part(world)
    yield from at_random(world, 1000)
