# SPDX-License-Identifier: MIT
"""What SP1 knows of its Region beside a statement and its signer: ANCHORs, its clock, the EPOCH that
counts, serials seen, revocations.  Documentation/protocol.rst, "Standing" and "EPOCHs"."""

import time

import primitives as p
import quorum
from statement import (ANCHOR, DELEGATION, ENTITY, EPOCH, FRESHNESS, GROUP, GROUP_EPOCH, POLICY,
                       REVOKE, SERVE, SUSPEND, Statement)
from wire import want, within

NAMED_BY_LEAF = {DELEGATION, GROUP, POLICY, GROUP_EPOCH}
CHAIN = 8  # signers above signers


def key_of(s):
    return s.type, p.H(s.subject)


class Trust:
    """clock: what the wall clock says; a test may set it."""

    def __init__(self, anchors, clock=time.time):
        self.region = quorum.chain(anchors)
        self.anchors, self.clock = list(anchors), clock
        self.floor, self.learnt = 0, 0
        self.epoch, self.until, self.entity, self.suspended = None, 0, None, 0
        self.seen, self.floors, self.revoked, self.void = {}, {}, {}, set()
        self.known = {}

    # ---- the clock ----

    def now(self):
        return max(int(self.clock()), self.floor + int(time.monotonic() - self.learnt))

    def learn_time(self, issued):
        if issued > self.floor + time.monotonic() - self.learnt:
            self.floor, self.learnt = issued, time.monotonic()

    def valid(self, s):
        want(s.valid(self.now()), "not valid now")

    # ---- ANCHORs ----

    @property
    def newest(self):
        return self.anchors[-1]

    def learn_anchor(self, data):
        s = Statement(data)
        quorum.follows(s, self.newest, self.region)
        self.anchors.append(s)

    # ---- standing ----

    def floor_of(self, s):
        key = key_of(s)
        floor = self.floors.get(key, 0)
        if self.epoch and self.now() <= self.until:
            floor = max(floor, self.epoch.floors().get(key, 0))
        return floor

    def stands(self, s):
        """Itself; the signers above it: signed()."""
        want(s.leaf not in self.void and s.signer not in self.void, "void")
        want(s.serial > self.revoked.get(key_of(s), 0), "revoked")
        want(s.serial >= self.floor_of(s), "below a floor")

    def contradicts(self, s):
        for serial, leaf, signer in self.seen.get(key_of(s), ()):
            want(serial <= s.serial or s.type in NAMED_BY_LEAF, "older than one known")
            same = serial == s.serial and (s.type != DELEGATION or signer == s.signer)
            want(not same or leaf == s.leaf, "another of one serial")

    def take(self, s):
        self.contradicts(s)
        self.seen.setdefault(key_of(s), set()).add((s.serial, s.leaf, s.signer))
        floor = self.floor_of(s)
        if floor:
            self.floors[key_of(s)] = floor
        if s.type == GROUP and s.number(19) > 1:
            self.floors[key_of(s)] = max(self.floors.get(key_of(s), 0), s.number(19))

    # ---- signatures ----

    def signer_of(self, s, pool=()):
        for by in list(self.anchors) + list(pool) + list(self.known.values()):
            if by.leaf == s.signer:
                return by
        return None

    def signed(self, s, pool=(), depth=CHAIN):
        """By whom: all the way up to an ANCHOR, and all of them stand."""
        by = self.signer_of(s, pool)
        want(by is not None and depth, "its signer is not known")
        quorum.verify(s, by, self.region)
        self.stands(s)
        if by.type == ANCHOR:
            want(by.serial >= self.newest.number(19), "signed under an ANCHOR that is void")
        else:
            self.signed(by, pool, depth - 1)
        return by

    def good(self, s, pool=()):
        """Signed, standing and valid; by whom."""
        by = self.signed(s, pool)
        self.take(s)
        self.valid(s)
        return by

    # ---- EPOCH ----

    def learn_epoch(self, epoch, pool):
        """Its DELEGATION.  Signatures, the DELEGATION's window and the clock; no validity."""
        want(epoch.type == EPOCH, "no EPOCH")
        fresh = self.signer_of(epoch, pool)
        want(fresh is not None and fresh.type == DELEGATION and fresh.role == FRESHNESS,
             "no DELEGATION of this EPOCH")
        self.signed(fresh, pool)
        self.take(fresh)
        known = [serial for serial, _, _ in self.seen.get(key_of(epoch), ())]
        if known and max(known) > epoch.serial:
            return fresh  # passed over
        self.signed(epoch, pool)
        self.take(epoch)
        self.learn_time(epoch.issued)
        if self.epoch is None or epoch.issued > self.epoch.issued:
            self.epoch = epoch
            self.until = min(epoch.not_after, fresh.not_after)
        return fresh

    def fresh(self):
        return self.epoch is not None and self.now() <= self.until

    # ---- the two ways in ----

    def server(self, said):
        """Of idR, or a bundle: the serve DELEGATION, verified in the text's order."""
        pool, epoch = [Statement(d) for d in said.delegations], Statement(said.epoch)
        want(all(d.type == DELEGATION for d in pool), "no DELEGATION")
        want(any(d.leaf == epoch.signer for d in pool), "no DELEGATION of this EPOCH")
        fresh = self.learn_epoch(epoch, pool)
        for s in (epoch, fresh):
            want(s.not_before - 600 <= self.now(), "not valid yet")
        serve = pool[0]
        want(serve.role == SERVE, "not to serve")
        above = self.signer_of(serve, pool)
        if above is not None and above.type == DELEGATION:
            self.good(above, pool)
        self.good(serve, pool)
        for d in pool:
            self.known[d.leaf] = d
        return serve

    def serves(self, serve, dataset):
        """Once more, when the answer is there."""
        self.stands(serve)
        self.valid(serve)
        want(not serve.has(36) or any(within(dataset, x) for x in serve.scopes()),
             "a DataSet that this SP2 does not serve")

    def join(self, bundle, keys, code=None):
        """keys, with the bundle's secrets: its ENTITY is theirs."""
        want(bundle.request == keys.request, "for another request")
        self.server(bundle)
        want(self.fresh(), "an EPOCH that has ended")
        s = Statement(bundle.entity)
        want(s.type == ENTITY and s.subject == keys.name, "no ENTITY of this name")
        keys = keys.given(bundle.secrets(self.region, keys.once, code))
        said = [keys.kei_kind, keys.kei_said(self.region), keys.kes_public(), keys.kec_kind,
                keys.kec_kid(self.region)]
        have = [s.number(48), s.attr[49], s.attr[50], s.number(51), s.attr[52]]
        want(said == have, "an ENTITY with other keys")
        self.good(s, [Statement(d) for d in bundle.delegations])
        self.entity = s
        return keys

    # ---- what SP2 pushes ----

    def pushed(self, data):
        """The statement; Refused if it does not hold, and then it does nothing."""
        s = Statement(data)
        want(s.type in (REVOKE, SUSPEND, EPOCH, DELEGATION), "what is not pushed")
        if s.type == EPOCH:
            self.learn_epoch(s, self.known.values())
        elif s.type == REVOKE:
            self.signed(s)
            want(s.not_before - 600 <= self.now(), "not valid yet")
            self.revoke(s)
        else:
            self.good(s)
        if s.type == DELEGATION:
            self.known[s.leaf] = s
        elif s.type == SUSPEND and s.subject == self.entity.subject:
            self.suspended = max(self.suspended, s.number(160))
        return s

    def revoke(self, s):
        if s.has(146):
            self.void.add(s.attr[146])
            return
        key = s.number(144), p.H(s.subject)
        self.revoked[key] = max(self.revoked.get(key, 0), s.number(145))

    def is_revoked(self):
        return self.entity.signer in self.void or \
            self.revoked.get(key_of(self.entity), 0) >= self.entity.serial
