# SPDX-License-Identifier: MIT
"""Cases after which a Region, or this host, is not as before: for the end, in this order."""

import functools
import time

import office as o
import stp
from cases import case
from statement import ANCHOR, DAY, ROLE_SUSPEND

END = []
SUSPENDED = 5
case = functools.partial(case, table=END)


@case("ok")
def ten_anchors(c):
    """In two frames; what was signed under those before the last is void.  All is signed anew."""
    for i in range(10):
        c.office.next_anchor(least=c.office.anchors[0].serial + 10 if i == 9 else 0)
    c.parent.delegate()
    c.begin(c.parent)
    c.make()


@case("EBADMSG", after="ten_anchors")
def signed_under_what_is_void(c):
    before = o.make.Signer(c.office.rag.privates, 1, c.office.anchors[0])
    c.remake(dataset={"by": before})


def fork(c):
    """Another ANCHOR of the newest one's serial, by the same officers."""
    before, new = c.office.anchors[-2], o.officers()
    attrs = {**c.office.quorum(new, 11), 18: before.leaf}
    what = c.office.body(ANCHOR, c.office.label, attrs, before.leaf, DAY, serial=before.serial + 1)
    return o.make.alone(what, (0, c.office.former), (1, new))


def last_but_challenge(c, s):
    c.hook("frames", lambda x: x[:-1] + [stp.anchors_frame([s], False)] + x[-1:])


@case("EBADMSG", after="ten_anchors")
def anchor_twice_after_a_void_one(c):
    """What is void is forgotten: whether its officers signed both, the host cannot tell."""
    last_but_challenge(c, fork(c))


@case("ENOTUNIQ")
def anchor_twice(c):
    c.office.next_anchor(least=c.office.anchors[-1].serial)
    c.parent.delegate()
    c.begin(c.parent)
    c.make()
    last_but_challenge(c, fork(c))


@case("ok", after="anchor_twice")
def the_first_one_stays(c):
    pass


@case("EKEYREJECTED")
def suspended(c):
    """For some seconds of the host's clock, which is not the office's."""
    by = c.office.delegate(ROLE_SUSPEND, b"duty", attrs={38: b"*"})
    c.over = int(time.time()) + SUSPENDED
    c.push(by.statement, c.office.suspend(c.entity.name, by, c.over - c.office.now))


@case("ok", after="suspended")
def suspended_no_more(c):
    time.sleep(max(0, c.over + 1 - time.time()))


@case("EKEYREVOKED")
def entity_revoked(c):
    c.push(c.office.revoke(c.entity.statement))
