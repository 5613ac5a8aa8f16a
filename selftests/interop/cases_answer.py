# SPDX-License-Identifier: MIT
"""Cases of WRAPs, Data, the order of records, and records on the wire."""

import os

import data as d
import office as o
import primitives as p
import stp
from cases import KEY, case, chunks, flip, named, records, sealed, wraps
from sp2 import refused
from statement import GROUP_EPOCH, GUARDIAN, MODE_GROUP, RAW, SESSION
from wire import V, u32, u64, u8, v, zero


# ---- modes ----

@case("ok")
def mode_session(c):
    c.remake(SESSION)


@case("ok")
def mode_guardian(c):
    c.remake(GUARDIAN)


@case("EBADMSG")
def mode_session_with_a_chain(c):
    c.remake(SESSION)
    chain_to = o.chain(c.instance, c.entity)
    c.parts(lambda r: setattr(r, "wraps", [(0, chain_to[0])]))


@case("EBADMSG")
@wraps
def mode_group_with_none(c, w):
    return [(0, d.wrap_none(c.instance.ke, c.instance.manifest.icx))]


# ---- chains ----

def links(c, n):
    """n between, each a group's epoch; GROUPs and GROUP_EPOCHs come along."""
    out = []
    for i in range(n):
        name, kgc = b"g%d." % i + c.name[2:], os.urandom(32)
        group = c.office.group(name)
        out.append((kgc, p.gcx(c.office.region, name, i + 1)))
        c.shelf.beside += [group.statement, c.office.group_epoch(group, i + 1, kgc)]
    c.shelf.links = out


def chain(errno, name, n, f=lambda c: None, mode=MODE_GROUP):
    def spoil(c):
        c.remake(mode)
        links(c, n)
        f(c)
    named(errno, name, spoil)


def without_group_epoch(c):
    c.shelf.beside.pop()


def with_public(c):
    """Its Kgc is said to be a pair."""
    group = c.office.group(c.shelf.beside[0].subject)
    attrs = {18: zero(32), 192: u64(1), 193: c.shelf.beside[1].attr[193], 194: zero(32)}
    c.shelf.beside = [group.statement,
                      c.office.issue(GROUP_EPOCH, group.statement.subject, attrs, group)]


chain("ok", "chain_of_two", 1)
chain("ok", "chain_of_seven", 6)
chain("EBADMSG", "chain_without_group_epoch", 1, without_group_epoch)
chain("EBADMSG", "chain_with_a_public_kgc", 1, with_public)
chain("EBADMSG", "chain_in_mode_guardian", 1, mode=GUARDIAN)
chain("EBADMSG", "chain_reversed", 1, wraps(lambda c, w: w[::-1]))
chain("EBADMSG", "chain_without_first", 1, wraps(lambda c, w: w[1:]))
chain("EBADMSG", "chain_without_last", 1, wraps(lambda c, w: w[:-1]))
chain("EBADMSG", "chain_in_two_alternatives", 1,
      wraps(lambda c, w: [(i, x) for i, (_, x) in enumerate(w)]))


# ---- wraps ----

@case("EBADMSG")
@wraps
def no_wrap(c, w):
    return []


@case("EBADMSG")
@wraps
def wrap_spoilt(c, w):
    return [(0, flip(w[0][1]))]


@case("EBADMSG")
@wraps
def wrap_with_another_enc(c, w):
    return [(0, flip(w[0][1], 66))]


@case("EBADMSG")
@wraps
def wrap_with_enc_of_zeros(c, w):
    return [(0, w[0][1][:65] + zero(32) + w[0][1][97:])]


@case("EBADMSG")
@wraps
def wrap_of_another_kind(c, w):
    return [(0, u8(4) + w[0][1][1:])]


@case("EBADMSG")
@wraps
def wrap_cut(c, w):
    return [(0, w[0][1][:-1])]


@case("EBADMSG")
@wraps
def wrap_for_another(c, w):
    other, wctx = p.x25519_public(os.urandom(32)), p.ecx(c.office.region, c.entity.name)
    return [(0, d.wrap_to(d.HPKE, c.instance.ke, c.instance.manifest.icx, other, wctx))]


def other_inside(c, as_ke):
    """Of another K.  as_ke: with the kid of Ke; the wrap opens, and its kid does not hold."""
    m, wctx = c.instance.manifest, p.ecx(c.office.region, c.entity.name)
    kind = d.HPKE if c.entity.pair else d.SECRET
    if not as_ke:
        return d.wrap_to(kind, KEY, m.icx, c.entity.kec, wctx)
    kids = p.kid(c.instance.ke, m.icx) + p.kid(c.entity.kec, wctx)
    info = p.L("wrap") + kids
    if kind == d.HPKE:
        return u8(kind) + kids + b"".join(p.hpke_seal(c.entity.kec, info, KEY))
    key = p.expand(p.extract(zero(32), c.entity.kec), info)
    return u8(kind) + kids + zero(32) + p.gcm_seal(key, zero(12), b"", KEY)


@case("EBADMSG")
@wraps
def wrap_with_another_inside(c, w):
    return [(0, other_inside(c, True))]


@case("EBADMSG")
@wraps
def wrap_of_another_ke(c, w):
    return [(0, other_inside(c, False))]


@case("ok")
@wraps
def second_alternative(c, w):
    return [(0, other_inside(c, False)), (1, w[0][1])]


@case("ok")
@wraps
def second_alternative_opens(c, w):
    return [(3, other_inside(c, True)), (7, w[0][1])]


@case("EBADMSG")
@wraps
def alternatives_that_descend(c, w):
    return [(1, other_inside(c, False)), (0, w[0][1])]


@case("EBADMSG")
@wraps
def nine_links(c, w):
    return [(0, other_inside(c, False))] * 8 + [(0, w[0][1])]


@case("ok")
@wraps
def thirty_two_wraps(c, w):
    return [(i // 8, other_inside(c, False)) for i in range(31)] + [(9, w[0][1])]


@case("EBADMSG")
@wraps
def thirty_three_wraps(c, w):
    return [(i // 8, other_inside(c, False)) for i in range(32)] + [(9, w[0][1])]


# ---- Data ----

@case("EBADMSG")
@chunks
def chunk_spoilt(x):
    return [flip(x[0])]


@case("EBADMSG")
@chunks
def chunk_cut(x):
    return [x[0][:-1]]


@case("EBADMSG")
@chunks
def chunk_in_two(x):
    return [x[0][:20], x[0][20:]]


@case("EBADMSG")
@chunks
def chunk_twice(x):
    return x * 2


@case("EBADMSG")
@chunks
def no_chunk(x):
    return []


def says(name, attrs):
    """An INSTANCE that says something else of its Data."""
    named("EBADMSG", name, lambda c: c.make(attrs=attrs, policy={120: None}))


says("another_sha256", {133: zero(32)})
says("another_length", {132: u64(49), 120: u8(RAW) + u32(33)})
says("another_random", {130: zero(32)})
says("another_ke_kid", {131: zero(32)})


# ---- order, DONE ----

def done(name, count, leaf=None):
    def f(out):
        return out[:-1] + [(stp.DONE, u32(len(out) - 1 + count) + (leaf or out[-1][1][4:]))]
    named("EBADMSG", name, records(f))


done("done_one_less", -1)
done("done_one_more", 1)
done("done_of_another", 0, zero(32))


@case("EBADMSG")
@records
def done_longer(out):
    return out[:-1] + [(stp.DONE, out[-1][1] + b"\0")]


@case("EBADMSG")
@records
def done_first(out):
    return out[-1:]


@case("EBADMSG")
@records
def manifest_twice(out):
    return out[:1] + out


@case("EBADMSG")
@records
def manifest_is_missing(out):
    return out[1:]


@case("EBADMSG")
@records
def statement_after_wrap(out):
    return out[:2] + out[3:4] + out[2:3] + out[4:]


@case("EBADMSG")
@records
def wrap_after_chunk(out):
    return out[:-1] + out[3:4] + out[-1:]


@case("EBADMSG")
@records
def refused_in_the_middle(out):
    return out[:3] + [refused(1)]


@case("EBADMSG")
@records
def unchanged_unasked(out):
    return [(stp.UNCHANGED, out[-1][1][4:])]


@case("EBADMSG")
@records
def request_for_an_answer(out):
    return [(stp.REQUEST, stp.request_body(b"w/other"))]


def refusal(errno, code, step=0):
    name = "refused_%d" % code + ("_step_%d" % step if step else "")
    named(errno, name, records(lambda out: [refused(code, 0, step)]))


for _code, _errno in enumerate(("ENOENT", "EKEYREVOKED", "EKEYREJECTED", "EPERM", "ESTALE",
                                "ENODATA", "EBUSY", "EDQUOT"), 1):
    refusal(_errno, _code)
refusal("EPERM", 4, 4)
refusal("EBADMSG", 4, 5)
refusal("ENOENT", 1, 1)
refusal("EBADMSG", 0)
refusal("EBADMSG", 9)


# ---- records on the wire ----

@case("EBADMSG")
@sealed
def record_spoilt(x):
    return [flip(x[0])] + x[1:]


@case("EBADMSG")
@sealed
def record_left_out(x):
    return x[1:]


@case("EBADMSG")
@sealed
def record_doubled(x):
    return x[:1] + x


@case("EBADMSG")
@sealed
def records_swapped(x):
    return x[1::-1] + x[2:]


@case("EBADMSG")
@sealed
def hello_for_a_record(x):
    return [stp.frame(stp.HELLO, zero(100))]


@case("EBADMSG")
@sealed
def anchors_in_a_session(x):
    return [stp.frame(stp.ANCHORS, b"\1\0" + V(b""))]


# ---- records of no request, before the answer ----

def before(errno, name, *given):
    named(errno, name, lambda c: c.hook("pushes", lambda x: x + list(given)))


before("ok", "push_of_no_statement", (stp.PUSH, b"no statement"))
before("ok", "push_of_nothing", (stp.PUSH, b""))
before("ok", "stale_is_a_hint", (stp.STALE, v(b"w/other")))
before("ok", "ticket", (stp.TICKET, zero(64)))
before("ECONNRESET", "close_for_an_answer", (stp.CLOSE, b""))
before("EBADMSG", "record_of_type_13", (13, b""))
before("EBADMSG", "record_of_type_0", (0, b""))
before("EBADMSG", "manifest_of_no_request", (stp.MANIFEST, b"x"))


@case("ok")
def ten_pushes_of_one_epoch(c):
    c.push(*[c.sp2.epoch] * 10)
