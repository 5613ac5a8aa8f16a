# SPDX-License-Identifier: MIT
"""Messages, most of them malformed: a table for two readers to agree on.  A case is (name, the
judge's letter, our reader, bytes)."""

import random

import data as d
import enrol
import grammar
import office as o
import primitives as p
import sp2
import stp
import wrongs_sp1
from answer import done, refusal
from statement import PAIR, SECRET
from wire import Reader, u32, u8, v, want, zero

LENGTHS = (0, 1, 2, 63, 64, 65, 255, 256, 1023, 1024, 1025, 65535)
NAMES = [b"", b"a", b".", b"..", b"A", b"a/b", b"a" * 64, b"a" * 65, b"a\0"]
DATASETS = NAMES + [b"a//b", b"/a", b"a/", b"a/.", b"a@1", (b"a" * 39 + b"/") * 4 + b"b" * 40,
                    (b"a" * 39 + b"/") * 4 + b"b" * 41]
KINDS = [(kei, kec) for kei in (PAIR, SECRET) for kec in (PAIR, SECRET)]
NUMBERS = (0, 1, 2, 3, 4, 5, 8, 9, 127, 128, 255)


def altered(right, rnd, n=80):
    """Cut, longer, and with bytes turned."""
    yield "as it is", right
    for size in sorted({0, 1, 2, 4, 5, len(right) // 2, len(right) - 1} & set(range(len(right)))):
        yield "cut to %d" % size, right[:size]
    yield "a byte more", right + b"\0"
    yield "twice", right * 2
    for i in range(n):
        at = rnd.randrange(len(right))
        yield "bit %d of byte %d" % (i % 8, at), right[:at] + bytes([right[at] ^ 1 << i % 8]) + \
            right[at + 1:]


# ---- join request: signed anew, so that the form alone decides ----

def join(kinds=(PAIR, PAIR), proof=None, **other):
    keys = enrol.Keys(b"host", *kinds)
    once = p.x25519_public(keys.once)
    f = {"version": u8(1), "nonce": keys.nonce, "name": v(keys.name), "kei_kind": u8(kinds[0]),
         "kei": v(keys.kei_public() if keys.kei else once), "kes": keys.kes_public(),
         "kec_kind": u8(kinds[1]), "kec": v(keys.kec_shown() if keys.kec else once),
         "evidence": v(b"seat"), **other}
    said = b"".join(f.values())
    signed = p.L("join request") + said
    proof = proof or (p.sign(keys.kei, signed) if keys.kei else zero(64))
    return said + proof + p.sign(keys.kes, signed)


def joins(rnd):
    for kinds in KINDS:
        yield from joins_of(kinds, rnd)
    yield "proof of zeros, kind pair", join(proof=zero(64))
    for kinds in KINDS[2:]:
        yield "%d %d: proof not zero" % kinds, join(kinds, zero(63) + b"\1")
        yield "%d %d: a signature" % kinds, join(kinds, p.sign(p.p256_private(), b""))
    both = SECRET, SECRET
    yield "two one-time keys", join(both, kei=v(p.x25519_public(b"1" * 32)))
    for x in (zero(32), b"\xff" * 32, wrongs_sp1.ORDER_8):
        yield "one-time key " + x.hex()[:8], join(both, kei=v(x), kec=v(x))


def joins_of(kinds, rnd):
    def one(what, **other):
        return "%d %d: %s" % (*kinds, what), join(kinds, **other)

    for name, data in altered(join(kinds), rnd, 80 if kinds == KINDS[0] else 40):
        yield "%d %d: %s" % (*kinds, name), data
    for n in NUMBERS:
        for what in ("version", "kei_kind", "kec_kind"):
            yield one("%s %d" % (what, n), **{what: u8(n)})
    for name in NAMES:
        yield one("name %r" % name[:9], name=v(name))
    for n in LENGTHS:
        yield one("evidence of %d" % n, evidence=v(zero(n)))
        for what in ("kei", "kec"):
            yield one("%s of %d" % (what, n), **{what: v(zero(n))})
    yield one("kei of 32", kei=v(zero(32)))


# ---- bundle ----

def bundles(rnd):
    off = o.Office(now=1800000000)
    server = sp2.SP2(off)
    entity, secret = (off.enrol(enrol.Request(join(kinds))).statement.bytes for kinds in
                      (KINDS[0], KINDS[-1]))
    anchors, delegations = [a.bytes for a in off.anchors], server.delegations()

    def one(anchors=anchors, entity=entity, delegations=delegations, epoch=server.epoch.bytes,
            addresses=(b"repo:1", b"/run/stp"), secrets=b""):
        return enrol.bundle_make(zero(32), list(anchors), entity, list(delegations), epoch,
                                 list(addresses), secrets)

    yield from altered(one(), rnd, 40)
    for n in (48, 80):
        yield from altered(one(entity=secret, secrets=u8(1) + zero(32) + v(zero(n))), rnd, 40)
    yield "no secrets, ENTITY has", one(entity=secret)
    yield "secrets, ENTITY has none", one(secrets=u8(1) + zero(32) + v(zero(80)))
    for n in (0, 1, 2, 3, 4, 128, 255):
        yield "secrets by route %d" % n, one(entity=secret, secrets=u8(n) + zero(32) + v(zero(80)))
    for n in (0, 16, 31, 32, 33, 47, 48, 49, 64, 79, 80, 81, 112, 65535):
        for route in (1, 2):
            yield "secrets of %d by route %d" % (n, route), \
                one(entity=secret, secrets=u8(route) + zero(32) + v(zero(n)))
    for n in (0, 1, 2, 9, 300):
        yield "%d ANCHORs" % n, one(anchors=anchors * n)
    for n in range(7):
        yield "%d DELEGATIONs" % n, one(delegations=delegations[:1] * n)
    for n in (0, 1, 8, 9, 255):
        yield "%d addresses" % n, one(addresses=[b"a:1"] * n)
    for x in (b"", b"a b:1", b"\x7f", b"~", b"!", b" ", b"\n", b"\xe4:1", b"a" * 255, b"a" * 256):
        yield "address %r" % x[:9], one(addresses=[x])
    yield "no ENTITY", one(entity=b"")
    yield "no EPOCH", one(epoch=b"")
    fill = [zero(8188)] * 31  # 8,192 each with its length
    room = enrol.BUNDLE - len(one(anchors=[*fill, b""]))
    for n in (room, room + 1):
        yield "of %d" % (enrol.BUNDLE - room + n), one(anchors=[*fill, zero(n)])


# ---- a bundle's secrets: (name, bundle, Konce's private part or the code, region_id, secrets) ----

def sealed():
    """All but route, hash of the request, enc and ct is as it is in all of them."""
    off = o.Office(now=1800000000)
    server = sp2.SP2(off)
    keys = enrol.Keys(b"host", SECRET, SECRET)
    asked = enrol.Request(enrol.request_make(keys))
    parts = ([a.bytes for a in off.anchors], off.enrol(asked).statement.bytes, server.delegations(),
             server.epoch.bytes, [])
    rnd, code = random.Random(2), bytes(range(enrol.CODE))

    def one(what, tail, key=keys.once, request=asked.hash, region=off.region, plain=b"p" * 64):
        return what, enrol.bundle_make(request, *parts, tail), key, region, plain

    for size in (32, 64):
        plain = b"p" * size
        for name, by in (("host", None), ("code", code)):
            tail, key = enrol.secrets_seal(asked, off.region, plain, by), by or keys.once
            for what, data in altered(tail, rnd, 80):
                yield one("%d by %s %s" % (size, name, what), data, key, plain=plain)
            what = "%d by %s: " % (size, name)
            yield one(what + "another hash", tail, key, zero(32), plain=plain)
            yield one(what + "another Region", tail, key, region=zero(32), plain=plain)
            yield one(what + "other secrets", tail, key, plain=zero(size))
            for n in (0, 1, 19, 20, 21, 31, 32, 33) if by else (32,):
                other = bytes(range(1, n + 1))
                yield one(what + "another key, of %d" % n, tail, other, plain=plain)
            yield one(what + "as by the other route", u8(3 - tail[0]) + tail[1:],
                      keys.once if by else code, plain=plain)
    right = enrol.secrets_seal(asked, off.region, b"p" * 64)
    yield one("none", b"")
    yield one("enc with its top bit", right[:32] + u8(right[32] | 128) + right[33:])
    for x in (zero(32), u8(1) + zero(31), b"\xff" * 32, wrongs_sp1.ORDER_8):
        yield one("enc " + x.hex()[:8], right[:1] + x + right[33:])
    for n in (0, 16, 31, 33, 63, 65, 96):
        for by in (None, code):
            tail = enrol.secrets_seal(asked, off.region, b"p" * n, by)
            yield one("secrets of %d" % n, tail, by or keys.once, plain=b"p" * n)


def read_sealed(bundle, key, region, plain):
    b = enrol.Bundle(bundle)
    out = b.secrets(region, key, key if b.route == enrol.BY_CODE else None)
    want(out == plain, "other secrets")


# ---- card ----

def card(**other):
    key = p.p256_private()
    f = {"magic": b"MHSC", "version": u8(1), "name": v(b"repo"), "sp2": p.p256_public(key),
         "fresh": zero(64), "audit": zero(64), "hpke": zero(32), **other}
    said = b"".join(f.values())
    return said + p.sign(key, p.L("server card"), said)


def cards(rnd):
    yield from altered(card(), rnd)
    for n in NUMBERS:
        yield "version %d" % n, card(version=u8(n))
    for name in NAMES:
        yield "name %r" % name[:9], card(name=v(name))
    yield "another magic", card(magic=b"MHSD")


# ---- handshake ----

def p1s(rnd):
    yield from altered(stp.P1(zero(32), 1).bytes(), rnd)
    yield from altered(stp.P1(zero(32), 1, zero(64)).bytes(), rnd, 20)
    for n in (1, 63, 65, 255):
        yield "ticket of %d" % n, stp.P1(zero(32), 1, zero(n)).bytes()


def idrs(rnd):
    def one(versions=(1,), delegations=(b"d" * 9, b"e" * 9), epoch=b"f" * 9):
        return stp.IdR(versions, list(delegations), epoch).bytes()

    yield from altered(one(), rnd)
    for n in (0, 1, 2, 255):
        yield "%d versions" % n, one(versions=range(n))
    for n in range(7):
        yield "%d DELEGATIONs" % n, one(delegations=[b"d"] * n)
    yield "an empty DELEGATION", one(delegations=[b""])
    yield "an empty EPOCH", one(epoch=b"")
    room = stp.IDR - len(one(epoch=b""))
    for n in (room, room + 1):
        yield "of %d" % (stp.IDR - room + n), one(epoch=zero(n))


def idis(rnd):
    right = stp.Who(b"host", 1, zero(16), 1).bytes()
    yield from altered(right, rnd)
    for name in NAMES:
        yield "name %r" % name[:9], stp.Who(name, 1, zero(16), 1).bytes()
    for n in (0, 183, 184, 255):
        yield "name of %d" % n, (u8(n) + b"a" * n + zero(256))[:256]


# ---- records ----

def requests(rnd):
    yield from altered(stp.request_body(b"a/b"), rnd)
    for name in DATASETS:
        yield "DataSet %r" % name[:9], stp.request_body(name)
    for n in NUMBERS:
        yield "purpose %d" % n, stp.request_body(b"a/b", 0, n)


def refusals(rnd):
    yield from altered(u8(1) + u32(0) + u8(0), rnd, 16)
    for code in NUMBERS:
        for step in NUMBERS:
            yield "code %d step %d" % (code, step), u8(code) + u32(9) + u8(step)


def wraps(rnd):
    none = d.wrap_none(zero(32), zero(32))
    secret = d.wrap_to(d.SECRET, zero(32), zero(32), zero(32), zero(32))
    yield from altered(none, rnd, 200)
    yield from altered(secret, rnd, 20)
    for n in NUMBERS:
        yield "kind %d" % n, u8(n) + secret[1:]


def records(rnd):
    for kind in range(16):
        for request in (0, 1, 2 ** 32 - 1):
            yield "type %d, request %d" % (kind, request), u8(kind) + u32(request) + b"x"
    for n in range(7):
        yield "of %d" % n, (u8(12) + u32(0) + b"x")[:n]
    yield "CLOSE with nothing", u8(12) + u32(0)


def read_record(data):
    r = Reader(data)
    stp.record_form(r.int(1), r.int(4))


TABLE = [
    ("J", enrol.Request, joins), ("B", enrol.Bundle, bundles), ("C", enrol.Card, cards),
    ("P", stp.P1.read, p1s), ("I", lambda x: stp.IdR.read(x).spoken(), idrs),
    ("A", stp.Who.read, idis), ("R", lambda x: sp2.Question(1, x), requests),
    ("D", done, lambda rnd: altered(u32(7) + zero(32), rnd, 8)),
    ("F", refusal, refusals), ("W", d.Wrap, wraps), ("Y", read_record, records),
]


# Rules of Documentation/protocol*.rst: each field of each right message, which is called "as it is",
# is put to its edges.
BY_RULE = {"J": "join request", "B": "join bundle", "C": "server card", "P": "P1", "I": "idR",
           "A": "idI", "R": "REQUEST", "D": "DONE", "F": "REFUSED", "W": "wrap"}


def cases():
    rnd, rules = random.Random(1), grammar.rules()
    for letter, read, table in TABLE:
        for name, data in table(rnd):
            yield "%s: %s" % (table.__name__, name), letter, read, data
            if letter in BY_RULE and name.endswith("as it is"):
                for what, wrong in grammar.edges(BY_RULE[letter], data, rules):
                    yield "%s, %s" % (name, what), letter, read, wrong
