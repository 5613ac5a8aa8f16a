# SPDX-License-Identifier: MIT
"""R43: an SP2, with all keys a server has, that claims the year 2099 wherever it can.  Nothing moves:
each case after it is as before."""

import itertools
from types import SimpleNamespace

import primitives as p
import stp
from cases import case, named, records
from statement import DAY, DELEGATION, SERVE
from sp2 import refused
from wire import u8, zero

THEN = 4070908800  # its first second
TIMES = "issued", "not_before", "not_after"
SOME = [c for n in (1, 2, 3) for c in itertools.combinations(TIMES, n)]
BUSY = 7


def at(times):
    return dict.fromkeys(times, THEN)


def epoch(c, times):
    """Of the next number, by its freshness key, with these times in 2099."""
    return SimpleNamespace(bytes=c.office.epoch_bytes(c.sp2.fresh, **at(times)))


def passed_on(c, times):
    """A serve DELEGATION that its own key has passed on."""
    parent, key = c.office.delegate(SERVE, c.sp2.name), p.p256_private()
    attrs = {32: p.p256_public(key), 33: p.p256_public(p.p256_private()), 34: u8(SERVE)}
    c.sp2.above = [parent.statement]
    body = c.office.bytes(DELEGATION, c.sp2.name, attrs, parent, DAY, **at(times))
    c.sp2.serve = SimpleNamespace(privates=[key], leaf=zero(32),
                                  statement=SimpleNamespace(bytes=body))


def claims(of_epoch_is, passed_on_is, times):
    """EBADMSG: it ends before it begins, or lasts too long; EPERM: outside of its signer's time."""
    name = "_".join(times) + "_2099"

    def of_epoch(c):
        c.sp2.epoch = epoch(c, times)

    named(of_epoch_is, "epoch_" + name, of_epoch)
    named(passed_on_is, "serve_" + name, lambda c: passed_on(c, times))


for some in SOME:
    claims("EPERM" if some == TIMES else "EBADMSG",
           "EPERM" if some in (TIMES[:1], TIMES[1:], TIMES) else "EBADMSG", some)


@case("ok")
def pushed_2099(c):
    c.push(*[epoch(c, some) for some in SOME])


named("EBUSY", "refused_until_2099", records(lambda out: [refused(BUSY, 0xffffffff, 0)]))


@case("ok")
def nothing_has_moved(c):
    pass
