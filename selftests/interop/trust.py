# SPDX-License-Identifier: MIT
"""What SP1 knows of its Region beside a statement and its signer: ANCHORs, the clock's floor, EPOCH,
serials seen, revocations.  Documentation/protocol.rst and protocol-stp.rst."""

import time

import primitives as p
import quorum
from statement import (ANCHOR, DELEGATION, ENTITY, EPOCH, FRESHNESS, REVOKE, SERVE, SUSPEND,
                       Statement)
from wire import want


class Trust:
    """clock: what the wall clock says; a test may set it."""

    def __init__(self, anchors, clock=time.time):
        self.region = quorum.chain(anchors)
        self.anchors, self.clock = list(anchors), clock
        self.floor, self.epoch, self.entity, self.suspended = 0, None, None, 0
        self.seen, self.floors, self.revoked, self.void = {}, {}, {}, set()
        self.known = {}

    def now(self):
        return max(int(self.clock()), self.floor)

    @property
    def newest(self):
        return self.anchors[-1]

    def learn_anchor(self, data):
        s = Statement(data)
        quorum.follows(s, self.newest, self.region)
        self.anchors.append(s)

    # ---- signatures ----

    def signer_of(self, s, pool=()):
        for by in list(self.anchors) + list(pool) + list(self.known.values()):
            if by.leaf == s.signer:
                return by
        return None

    def signed(self, s, pool=(), depth=4):
        """By whom, all the way up to an ANCHOR; and nobody of them is revoked."""
        by = self.signer_of(s, pool)
        want(by is not None and depth, "its signer is not known")
        quorum.verify(s, by, self.region)
        self.standing(s)
        if by.type == ANCHOR:
            want(by.serial >= self.newest.number(19), "signed under an ANCHOR that is void")
        else:
            want(by.leaf not in self.void, "made under a DELEGATION that is void")
            self.signed(by, pool, depth - 1)
        return by

    def standing(self, s):
        want(s.leaf not in self.void, "void")
        key = s.type, p.H(s.subject)
        want(s.serial > self.revoked.get(key, 0), "revoked")
        want(s.serial >= self.floors.get(key, 0), "below its floor")
        serial, leaf = self.seen.get(key, (0, None))
        want(s.serial >= serial, "older than one known")
        want(s.serial > serial or s.leaf == leaf, "another of the same serial")

    def take(self, s):
        self.seen[s.type, p.H(s.subject)] = s.serial, s.leaf

    def good(self, s, pool=()):
        """Signed, standing and valid now; by whom."""
        by = self.signed(s, pool)
        want(s.valid(self.now()), "not valid now")
        if by.type != ANCHOR:
            self.good(by, pool)
        self.take(s)
        return by

    # ---- EPOCH ----

    def learn_epoch(self, epoch, pool):
        """Signature, its DELEGATION's window and the floor, before any validity."""
        want(epoch.type == EPOCH, "no EPOCH")
        fresh = self.signer_of(epoch, pool)
        want(fresh is not None and fresh.type == DELEGATION and fresh.role == FRESHNESS,
             "no DELEGATION of this EPOCH")
        self.signed(fresh, pool)
        self.signed(epoch, pool)
        if self.epoch is None or epoch.issued >= self.epoch.issued:
            self.epoch = epoch
            self.floor = max(self.floor, epoch.issued)
            self.floors = epoch.floors()
        self.take(epoch)
        return fresh

    def fresh(self):
        return self.epoch is not None and self.epoch.valid(self.now())

    # ---- the two ways in ----

    def server(self, idr):
        """Of idR: the serve DELEGATION, verified in the text's order."""
        pool = [Statement(d) for d in idr.delegations]
        epoch = Statement(idr.epoch)
        want(all(d.type == DELEGATION for d in pool), "no DELEGATION")
        fresh = self.learn_epoch(epoch, pool)
        want(epoch.valid(self.now()), "an EPOCH that is over")
        want(fresh.valid(self.now()), "a DELEGATION that is over")
        serve = pool[0]
        want(serve.role == SERVE, "not to serve")
        self.good(serve, pool)
        for d in pool:
            self.known[d.leaf] = d
        return serve

    def join(self, bundle, keys):
        """The ENTITY of a bundle is keys'."""
        pool = [Statement(d) for d in bundle.delegations]
        s = Statement(bundle.entity)
        self.server(bundle)
        want(s.type == ENTITY and s.subject == keys.name, "no ENTITY of this name")
        said = [keys.kei_kind, keys.kei_said(p.ecx(self.region, keys.name)), keys.kes_public(),
                keys.kec_kind, keys.kec_kid(self.region)]
        have = [s.number(48), s.attr[49], s.attr[50], s.number(51), s.attr[52]]
        want(said == have, "an ENTITY with other keys")
        self.good(s, pool)
        self.entity = s

    # ---- what SP2 pushes ----

    def pushed(self, data):
        s = Statement(data)
        want(s.type in (REVOKE, SUSPEND, EPOCH, DELEGATION), "what is not pushed")
        if s.type == EPOCH:
            self.learn_epoch(s, self.known.values())
        else:
            self.good(s)
        if s.type == DELEGATION:
            self.known[s.leaf] = s
        elif s.type == SUSPEND:
            self.suspended = max(self.suspended, s.number(160))
        elif s.type == REVOKE:
            self.revoke(s)
        return s

    def revoke(self, s):
        if s.has(146):
            self.void.add(s.attr[146])
            return
        key = s.number(144), p.H(s.subject)
        self.revoked[key] = max(self.revoked.get(key, 0), s.number(145))

    def is_revoked(self):
        key = ENTITY, p.H(self.entity.subject)
        return self.revoked.get(key, 0) >= self.entity.serial
