# SPDX-License-Identifier: MIT
"""Messages, most of them malformed: a table for two readers to agree on.  A case is (name, the
judge's letter, our reader, bytes)."""

import random

import data as d
import enrol
import office as o
import primitives as p
import sp2
import stp
from answer import done, refusal
from wire import Reader, u32, u8, v, zero

LENGTHS = (0, 1, 2, 63, 64, 65, 255, 256, 1023, 1024, 1025, 65535)
NAMES = [b"", b"a", b".", b"..", b"A", b"a/b", b"a" * 64, b"a" * 65, b"a\0"]
DATASETS = NAMES + [b"a//b", b"/a", b"a/", b"a/.", b"a@1", (b"a" * 39 + b"/") * 4 + b"b" * 40,
                    (b"a" * 39 + b"/") * 4 + b"b" * 41]
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

def join(**other):
    keys = enrol.Keys(b"host")
    f = {"version": u8(0), "nonce": keys.nonce, "name": v(keys.name), "kei_kind": u8(1),
         "kei": v(keys.kei_public()), "kes": keys.kes_public(), "kec_kind": u8(1),
         "kec": v(keys.kec_shown()), "evidence": v(b"seat"), **other}
    said = b"".join(f[x] for x in ("version", "nonce", "name", "kei_kind", "kei", "kes", "kec_kind",
                                   "kec", "evidence"))
    signed = p.L("join request") + said
    return said + p.sign(keys.kei, signed) + p.sign(keys.kes, signed)


def joins(rnd):
    yield from altered(join(), rnd)
    for n in NUMBERS:
        for what in ("version", "kei_kind", "kec_kind"):
            yield "%s %d" % (what, n), join(**{what: u8(n)})
    for name in NAMES:
        yield "name %r" % name[:9], join(name=v(name))
    for n in LENGTHS:
        yield "evidence of %d" % n, join(evidence=v(zero(n)))
        for what in ("kei", "kec"):
            yield "%s of %d" % (what, n), join(**{what: v(zero(n))})
    yield "kec of 32, kind secret", join(kec_kind=u8(2))
    yield "kei of 32, kind pair", join(kei=v(zero(32)))


# ---- bundle ----

def bundles(rnd):
    off = o.Office(now=1800000000)
    server = sp2.SP2(off)
    entity = off.enrol(enrol.Keys(b"host")).statement.bytes
    anchors, delegations = [a.bytes for a in off.anchors], server.delegations()

    def one(anchors=anchors, entity=entity, delegations=delegations, epoch=server.epoch.bytes,
            addresses=(b"repo:1", b"/run/stp")):
        return enrol.bundle_make(zero(32), list(anchors), entity, list(delegations), epoch,
                                 list(addresses))

    yield from altered(one(), rnd, 40)
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


# ---- card ----

def card(**other):
    key = p.p256_private()
    f = {"magic": b"MHSC", "version": u8(0), "name": v(b"repo"), "sp2": p.p256_public(key),
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
    def one(versions=(0,), delegations=(b"d" * 9, b"e" * 9), epoch=b"f" * 9):
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
    ("P", stp.P1.read, p1s), ("I", lambda x: stp.IdR.read(x).spoken(), idrs), ("A", stp.Who.read, idis),
    ("R", lambda x: sp2.Question(1, x), requests),
    ("D", done, lambda rnd: altered(u32(7) + zero(32), rnd, 8)),
    ("F", refusal, refusals), ("W", d.Wrap, wraps), ("Y", read_record, records),
]


def cases():
    rnd = random.Random(1)
    for letter, read, table in TABLE:
        for name, data in table(rnd):
            yield "%s: %s" % (table.__name__, name), letter, read, data
