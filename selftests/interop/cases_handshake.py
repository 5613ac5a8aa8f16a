# SPDX-License-Identifier: MIT
"""Cases until the session stands: challenge, idR, DELEGATIONs, EPOCH, ANCHORs."""

import make
import office as o
import primitives as p
import stp
from cases import case, flip, frames, idr, named
from statement import ANCHOR, DAY, FRESHNESS, HOUR, SERVE
from wire import v, zero


# ---- the challenge ----

@case("EBADMSG")
def sigr_by_another(c):
    key = p.p256_private()
    c.hook("sign", lambda sp2, m: p.sign(key, m))


@case("EBADMSG")
def sigr_over_another(c):
    c.hook("sign", lambda sp2, m: p.sign(sp2.ksp2, flip(m)))


@case("EBADMSG")
def sigr_as_sp1(c):
    c.hook("sign", lambda sp2, m: p.sign(sp2.ksp2, p.L("auth SP1") + m[-32:]))


@case("EBADMSG")
@frames
def challenge_spoilt(c, x):
    return [flip(x[-1])]


@case("EBADMSG")
@frames
def challenge_cut(c, x):
    return [stp.frame(stp.CHALLENGE, x[-1][4:-1])]


@case("EBADMSG")
@frames
def challenge_longer(c, x):
    return [stp.frame(stp.CHALLENGE, x[-1][4:] + b"\0")]


@case("EBADMSG")
@frames
def challenge_with_e_of_zeros(c, x):
    return [x[-1][:4] + zero(32) + x[-1][36:]]


@case("EBADMSG")
@frames
def record_for_challenge(c, x):
    return [stp.frame(stp.RECORD, x[-1][4:])]


@case("EBADMSG")
@frames
def challenge_twice(c, x):
    return x * 2


# ---- idR ----

@case("EPROTONOSUPPORT")
@idr
def version_2_only(c, x):
    x.versions = [2]


@case("ok")
@idr
def version_2_too(c, x):
    x.versions = [1, 2]


@case("EBADMSG")
@idr
def no_version(c, x):
    x.versions = []


@case("EBADMSG")
@idr
def no_delegation(c, x):
    x.delegations = []


@case("EBADMSG")
@idr
def five_delegations(c, x):
    x.delegations += [x.delegations[-1]] * 3


@case("EBADMSG")
@idr
def serve_is_missing(c, x):
    x.delegations = x.delegations[1:]


@case("EBADMSG")
@idr
def serve_is_second(c, x):
    x.delegations.reverse()


@case("EBADMSG")
@idr
def freshness_is_missing(c, x):
    x.delegations = x.delegations[:1]


@case("EBADMSG")
@idr
def epoch_for_serve(c, x):
    x.delegations[0] = x.epoch


@case("EBADMSG")
@idr
def epoch_empty(c, x):
    x.epoch = b""


@case("EBADMSG")
@idr
def epoch_spoilt(c, x):
    x.epoch = flip(x.epoch)


@case("EBADMSG")
@idr
def serve_spoilt(c, x):
    """One that is new: what was verified before need not be again."""
    x.delegations[0] = flip(c.office.delegate(SERVE, c.sp2.name).statement.bytes)


@case("EBADMSG")
def idr_longer(c):
    c.hook("idr", lambda x: x.bytes() + b"\0")


# ---- DELEGATIONs and EPOCH ----

def serve(errno, name, **how):
    def spoil(c):
        c.sp2.serve = c.office.delegate(SERVE, c.sp2.name, **how)
    named(errno, name, spoil)


AGO = -DAY - HOUR  # the office's clock is behind the host's, by less than an hour
serve("EKEYEXPIRED", "serve_over", begins=AGO, life=DAY - HOUR)
serve("ESTALE", "serve_not_yet", begins=3 * HOUR)
serve("EPERM", "serve_of_others", attrs={36: v(b"other/")})
serve("ok", "serve_of_this", attrs={36: v(b"w/serve_of_that") + v(b"w/serve_of_this")})
serve("ok", "serve_of_prefix", attrs={36: v(b"w/")})


@case("EBADMSG")
def serve_by_stranger(c):
    c.sp2.serve = c.office.delegate(SERVE, c.sp2.name)
    c.sp2.serve.statement.bytes = c.forged(c.sp2.serve.statement)


@case("EBADMSG")
def serve_with_another_key(c):
    c.sp2.serve = make.Signer([p.p256_private()], 1, c.sp2.serve.statement)


@case("EBADMSG")
def epoch_by_stranger(c):
    c.sp2.epoch.bytes = c.forged(c.sp2.epoch)


@case("EBADMSG")
def epoch_by_serve(c):
    c.sp2.epoch.bytes = make.alone(c.sp2.epoch.body, (0, c.sp2.serve))


def fresh_of_its_own(c, **delegation):
    """Its EPOCHs have another SUBJECT than the others."""
    c.sp2.fresh = c.office.delegate(FRESHNESS, c.name[2:], **delegation)


@case("EPERM")
def epoch_out_of_window(c):
    fresh_of_its_own(c, begins=60)
    c.epoch()


@case("ESTALE")
def epoch_not_yet(c):
    fresh_of_its_own(c)
    c.epoch(begins=3 * HOUR)


def over(c):
    """An EPOCH that has ended."""
    fresh_of_its_own(c)
    c.epoch(life=1)


@case("ESTALE")
def epoch_over(c):
    over(c)


@case("ok")
def epoch_over_but_served(c):
    c.make(policy={119: b"\1"})
    over(c)


@case("ESTALE")
def epoch_of_freshness_that_is_over(c):
    fresh_of_its_own(c, life=1)
    c.epoch()


# ---- onward DELEGATIONs ----

def onward(c, life=DAY, parent_life=90 * DAY, **other):
    parent = c.office.delegate(SERVE, c.sp2.name, life=parent_life)
    c.sp2.serve = c.office.delegate(SERVE, c.sp2.name, parent, life, **other)
    c.sp2.above = [parent.statement]
    return parent


@case("ok")
def passed_on(c):
    onward(c)


@case("ENOKEY")
def passed_on_without_parent(c):
    onward(c)
    c.sp2.above = []


@case("EPERM")
def passed_on_for_too_long(c):
    onward(c, DAY + 1)


@case("EPERM")
def passed_on_from_a_day(c):
    onward(c, HOUR, DAY)


@case("EPERM")
def passed_on_with_a_scope(c):
    onward(c, attrs={36: v(b"w/")})


@case("EPERM")
def passed_on_past_its_parent(c):
    onward(c, DAY, DAY + HOUR, begins=2 * HOUR)


@case("ENOKEY")
def passed_on_twice(c):
    parent = onward(c)
    middle = c.office.delegate(SERVE, c.sp2.name, parent, DAY)
    c.sp2.above = [middle.statement, parent.statement]
    c.sp2.serve = c.office.delegate(SERVE, c.sp2.name, middle, HOUR)


# ---- ANCHORs that are none ----

def anchors(f):
    """f(c): frames before the challenge."""
    @frames
    def spoil(c, x):
        return f(c) + x
    named("EBADMSG", f.__name__, spoil)


def next_anchor(c, **other):
    return c.office.next_anchor(publish=False, **other).bytes


def signed(c, label, *signers, serial=1, keys=None):
    """An ANCHOR after the newest, by these."""
    before = c.office.anchors[-1]
    attrs = {**c.office.quorum(keys or signers[-1][1]), 18: before.leaf}
    what = c.office.body(ANCHOR, label, attrs, before.leaf, DAY, serial=before.serial + serial)
    return [stp.anchors_frame([make.alone(what, *signers)], False)]


@anchors
def anchors_none(c):
    return [stp.frame(stp.ANCHORS, b"\0\0")]


@anchors
def anchors_nine(c):
    return [stp.anchors_frame([c.office.anchors[0].bytes] * 9, False)]


@anchors
def anchors_more_2(c):
    return [stp.anchors_frame([next_anchor(c)], 2)]


@anchors
def anchors_empty(c):
    return [stp.anchors_frame([b""], False)]


@anchors
def anchor_with_a_gap(c):
    new = o.officers()
    return signed(c, c.office.label, (0, c.office.rag), (1, new), serial=2)


@anchors
def anchor_by_strangers(c):
    strangers = o.officers()
    return signed(c, c.office.label, (0, strangers), (1, strangers))


@anchors
def anchor_by_the_old_alone(c):
    return signed(c, c.office.label, (0, c.office.rag), keys=o.officers())


@anchors
def anchor_by_the_new_alone(c):
    return signed(c, c.office.label, (1, o.officers()))


@anchors
def anchor_by_a_recovery_that_is_not(c):
    return signed(c, c.office.label, (2, c.office.rag), (1, o.officers()))


@anchors
def anchor_of_another_name(c):
    return signed(c, b"another", (0, c.office.rag), (1, o.officers()))


@anchors
def delegation_for_anchor(c):
    return [stp.anchors_frame([c.sp2.serve.statement.bytes], False)]
