# SPDX-License-Identifier: MIT
"""Who signed a statement, and whether he may: Documentation/protocol.rst, from "Verification"."""

import re

import primitives as p
from statement import (ANCHOR, DAY, DATASET, DELEGATION, ENROL, ENTITY, EPOCH, FRESHNESS, GENERATE,
                       GROUP, GROUP_EPOCH, INSTANCE, MAY_INSTANCES, MAY_POLICY, MEMBER, NEW, PAIR,
                       POLICY, RECOVERY, REVOKE, ROLE_SUSPEND, SERVE, SIGNER, SUSPEND)
from wire import want, within

# What each kind of signer may sign; a DELEGATION by its role.
BY_ANCHOR = {DELEGATION, ENTITY, GROUP, MEMBER, DATASET, POLICY, INSTANCE, REVOKE}
BY_GROUP = {ENTITY, GROUP, MEMBER, DATASET, POLICY, INSTANCE, GROUP_EPOCH}
BY_ROLE = {
    SERVE: {DELEGATION},
    FRESHNESS: {EPOCH},
    GENERATE: {INSTANCE},
    ENROL: {ENTITY, MEMBER},
    ROLE_SUSPEND: {SUSPEND},
}


def signed(s, which, keys, threshold):
    sigs = s.sets[which]
    want(len(sigs) == threshold, "not as many signatures as the threshold")
    for officer, sig in sigs:
        want(officer < len(keys), "no such officer")
        p.verify(keys[officer], sig, p.L("statement"), s.root)


def dataset_of(s):
    return s.subject.split(b"@")[0]


def group_right(signer, dataset):
    rights = 0
    for bits, scope in signer.rights():
        if within(dataset, scope):
            rights |= bits
    return rights


# ---- one kind of signer each ----

def fits(subject, pattern):
    if pattern is None:
        return True
    text = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern.decode("ascii"))
    return bool(re.fullmatch(text, subject.decode("ascii")))


def passed_on(s, signer):
    want(s.role == SERVE and signer.life() > DAY, "a DELEGATION that may not be passed on")
    want(s.subject == signer.subject, "passed on to another name")
    want(all(s.attr.get(t) == signer.attr.get(t) for t in range(35, 43)), "another scope")
    want(s.life() <= DAY and s.not_before >= signer.not_before and
         s.not_after <= signer.not_after, "passed on for too long")


def enrols(s, signer):
    want(s.serial == 1, "an enrol key for what is not the first of its subject")
    name = s.subject
    if s.type == MEMBER:
        group, name = s.subject.split(b"/")
        want(s.number(80) == 1, "an enrol key and a group in a group")
        want(group in signer.scopes(35), "a group out of scope")
    else:
        kinds = (1 if s.number(48) == PAIR else 2) | (4 if s.number(51) == PAIR else 8)
        want(not kinds & ~signer.number(40, 15), "keys of a kind out of scope")
        words = s.attr.get(53, b"").split(b" ")
        want(all(x in words for x in signer.scopes(42)), "evidence that is missing")
    want(fits(name, signer.attr.get(38)), "a name out of scope")


def by_delegation(s, signer):
    want(s.type in BY_ROLE.get(signer.role, ()), "this role does not sign this type")
    want(signer.not_before <= s.issued <= signer.not_after, "issued out of the DELEGATION's window")
    want(s.life() <= signer.number(41, s.life()), "a life out of scope")
    if s.type == INSTANCE:
        want(any(within(dataset_of(s), x) for x in signer.scopes()), "a DataSet out of scope")
        want(s.attr.get(120) == signer.attr.get(37), "another template")
    if s.type in (ENTITY, MEMBER):
        enrols(s, signer)
    if s.type == SUSPEND:
        want(fits(s.subject, signer.attr.get(38)), "a name out of scope")
    if s.type == EPOCH:
        want(s.subject == signer.subject, "an EPOCH of another")
    if s.type == DELEGATION:
        passed_on(s, signer)
    return [signer.attr[32]], 1


def by_group(s, signer):
    want(s.type in BY_GROUP, "no group signs this type")
    if s.type == GROUP:
        want(s.subject == signer.subject and
             all(s.attr.get(t) == signer.attr.get(t) for t in (64, 65)), "a group that changes its own rights, or another's")
    elif s.type == ENTITY:
        want(65 in signer.attr and fits(s.subject, signer.attr[65]), "a name not its to enrol")
    elif s.type == MEMBER:
        want(s.subject.split(b"/")[0] == signer.subject, "a member of another group")
    elif s.type == GROUP_EPOCH:
        want(s.subject == signer.subject, "an epoch of another group")
    else:
        right = MAY_INSTANCES if s.type == INSTANCE else MAY_POLICY
        want(group_right(signer, dataset_of(s)) & right, "a group without the right")
    return signer.keys(), signer.number(17)


def by_anchor(s, signer):
    want(s.type in BY_ANCHOR, "no ANCHOR signs this type so")
    cap(s, signer)
    return signer.keys(), signer.number(17)


def cap(s, signer):
    want(s.life() <= signer.caps().get(s.type, s.life()), "a life above the cap")


BY = {ANCHOR: by_anchor, GROUP: by_group, DELEGATION: by_delegation}


def verify(s, signer, region):
    """s is no ANCHOR; signer is a Statement that was verified itself."""
    want(s.region == region, "of another Region")
    want(list(s.sets) == [SIGNER], "not one set, by the signer")
    want(signer.type in BY and s.signer == signer.leaf, "another signer")
    keys, threshold = BY[signer.type](s, signer)
    signed(s, SIGNER, keys, threshold)


# ---- ANCHORs ----

def genesis(s):
    """The region_id."""
    want(s.type == ANCHOR and not any(s.region + s.signer + s.attr[18]), "no genesis")
    want(s.serial == 1 and s.number(19) <= 1 and list(s.sets) == [NEW], "no genesis")
    signed(s, NEW, s.keys(), s.number(17))
    return p.region_id(s.body)


def follows(s, before, region):
    """The ANCHOR after before, which was verified."""
    want(s.type == ANCHOR and s.region == region, "no ANCHOR of this Region")
    want(s.serial > before.serial and s.subject == before.subject, "no later ANCHOR")
    want(s.number(19) <= s.serial, "MIN_ANCHOR out of its range")
    want(set(s.sets) in ({SIGNER, NEW}, {RECOVERY, NEW}), "not the two sets")
    line = (s.serial == before.serial + 1 and s.signer == s.attr[18] == before.leaf and
            before.number(19) <= s.number(19))
    if RECOVERY in s.sets:
        beyond = s.signer == s.attr[18] != bytes(32) and s.number(19) == s.serial
        want(line or beyond, "neither next in line nor beyond all")
        want(before.has(21), "there is no recovery set")
        signed(s, RECOVERY, before.keys(21), before.number(22))
    else:
        want(line, "not next in line")
        want(not before.has(21) or all(s.attr.get(t) == before.attr[t] for t in (21, 22)),
             "another recovery set")
        cap(s, before)
        signed(s, SIGNER, before.keys(), before.number(17))
    signed(s, NEW, s.keys(), s.number(17))


def chain(anchors):
    """Of an unbroken chain from a genesis: the region_id."""
    want(anchors, "no ANCHOR")
    region = genesis(anchors[0])
    for before, s in zip(anchors, anchors[1:]):
        follows(s, before, region)
    return region
