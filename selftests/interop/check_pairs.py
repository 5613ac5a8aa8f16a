#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Both ends of the second implementation against each other, on a Region of its own: each kind of
Kei with each kind of Kec, and of each all that the other end may be.  From the project's directory."""

import os
import sys
import time

import cases
import cases_answer
import cases_handshake
import cases_join
import cases_statement
import enrol
import sp1
import sp2
import wrongs_sp1
from answer import RefusedBySP2
from office import Office
from statement import GUARDIAN, MODE_GROUP, PAIR, SECRET, SESSION
from trust import Trust
from wire import Refused

MODULES = cases_answer, cases_handshake, cases_statement
GOOD = "ok", "EOPNOTSUPP"  # the latter is what the kernel does not do


class Pair:
    """A host and its server, of these kinds."""

    def __init__(self, kei_kind, kec_kind):
        self.office = Office(now=time.time() - cases.AHEAD)
        self.sp2 = sp2.SP2(self.office)
        self.keys = enrol.Keys(b"host", kei_kind, kec_kind)
        self.asked = enrol.Request(enrol.request_make(self.keys, b"python"))
        self.entity = self.office.enrol(self.asked)
        self.join = cases_join.Join(self.office, self.sp2, self.asked, [b"127.0.0.1:1"])
        self.host = self.joined(self.join.bundle())
        self.listener = sp2.Listener(self.sp2, sp1.Wire)

    # ---- enrolment ----

    def joined(self, bundle, code=None):
        trust = Trust(list(self.office.anchors))
        return sp1.Host(trust.join(enrol.Bundle(bundle), self.keys, code), trust)

    def joins(self):
        for table in (self.join.wrong, self.join.right):
            for name, errno, bundle, code in table():
                try:
                    got = self.joined(bundle, code) and "ok"
                except Refused as e:
                    got = "refused: %s" % e
                yield name, got, (got == "ok") == (errno == "ok")

    def told(self):
        """What SP2 takes of the office, and what not."""
        s, (kei, kec) = self.entity.statement, self.entity.told()
        yield "Kei and Kec for SP2", "", sp2.Known(s, kei, kec).kpf == self.host.keys.kpf(s.region)
        for name, wrong in (("another Kei", (kec, kec)), ("another Kec or Kpf", (kei, kei[:32])),
                            ("a Kec-secret", (kei, self.entity.kec))):
            try:
                sp2.Known(s, *wrong)
                yield "SP2 is told " + name, "", name == "a Kec-secret" and self.entity.pair
            except Refused as e:
                yield "SP2 is told " + name, str(e), True

    # ---- what SP2 does ----

    def fetch(self, c):
        self.listener.sp2 = c.sp2
        with sp1.session(self.host, self.listener.address) as s:
            return s.fetch(c.name, hold=False).plain

    def outcome(self, c):
        """ok, wrong bytes, or what it was refused for."""
        try:
            return "ok" if self.fetch(c) == c.plain else "wrong bytes"
        except (Refused, RefusedBySP2) as e:
            return "refused: %s" % e

    def cases(self):
        for name, errno, c in cases.Cases(self.sp2, self.entity):
            got = self.outcome(c)
            yield name, got, (got == "ok") == (errno in GOOD) and got != "wrong bytes"

    # ---- what SP1 does ----

    def shelf(self, name, mode):
        """A DataSet with one version, and its bytes."""
        plain = os.urandom(32)
        self.sp2.put(sp2.Shelf(self.office.dataset(name, mode)),
                     self.office.instance(name, 1, plain, mode))
        return plain

    def wrongs(self):
        """What SP1 does wrong: SP2 closes without a byte."""
        self.listener.sp2 = self.sp2
        self.shelf(b"a/group", MODE_GROUP)
        table = wrongs_sp1.BY_SP1 + (wrongs_sp1.BY_MAC if self.entity.mac else [])
        for name, step in table:
            try:
                wrongs_sp1.closed(step, self.host, self.listener.address)
                yield name, "closed", True
            except Refused as e:
                yield name, str(e), False
        for name, step in wrongs_sp1.RIGHT:
            try:
                wrongs_sp1.closed(step, self.host, self.listener.address)
                yield name, "closed", False
            except Refused as e:
                yield name, str(e), True

    # ---- what both do, in one session and the next ----

    def held(self):
        """Held Data, statements left out, a REVOKE, the next session."""
        plain = {name: self.shelf(name, mode) for name, mode in
                 ((b"b/session", SESSION), (b"b/guardian", GUARDIAN), (b"b/group", MODE_GROUP))}
        with sp1.session(self.host, self.listener.address) as s:
            ids = [(name, s.ask(name)) for name in plain]
            for name, i in ids:
                yield "fetched " + name.decode(), "", s.result(i).plain == plain[name]
            for name in plain:
                was = self.host.held[name]
                yield "unchanged " + name.decode(), "", s.fetch(name) is was
            self.sp2.gone[self.entity.name] = [self.office.revoke(self.entity.statement)]
            self.listener.push(self.sp2.gone[self.entity.name])
            s.record()
            yield "revoked", "", self.host.trust.is_revoked()
        with sp1.session(self.host, self.listener.address) as s:
            yield "revoked at the next session", "", refusal(s, b"b/group") == 2

    def anchors(self):
        """Ten at once; then what was made under the old ones is void."""
        for i in range(10):
            self.office.next_anchor(least=11 if i == 9 else 0)
        self.sp2.delegate()
        shelf = self.shelf(b"c/session", SESSION)
        with sp1.session(self.host, self.listener.address) as s:
            yield "eleven ANCHORs", "", s.trust.newest.serial == 11
            yield "signed by the newest", "", s.fetch(b"c/session").plain == shelf
            old = self.sp2.shelves[b"a/group"]
            try:
                s.fetch(b"a/group", hold=False)
                yield "signed by the first: void", "", False
            except Refused as e:
                yield "signed by the first: void", str(e), "void" in str(e)
            yield "which is the same", "", old.dataset.signer == self.office.anchors[0].leaf

    def all(self):
        for part in (self.joins, self.told, self.cases, self.wrongs, self.anchors, self.held):
            yield from part()
        self.listener.close()


def refusal(s, dataset):
    try:
        s.fetch(dataset, hold=False)
    except RefusedBySP2 as e:
        return e.code
    return 0


def main():
    status = 0
    for kei in (PAIR, SECRET):
        for kec in (PAIR, SECRET):
            n = 0
            for name, got, good in Pair(kei, kec).all():
                n += 1
                print("%s %s %s\n" % ("ok" if good else "error:", name, got), end="")
                status |= not good
            print("Kei", kei, "Kec", kec, n, "results")
            status |= n < 200
    return status


if __name__ == "__main__":
    sys.exit(main())
