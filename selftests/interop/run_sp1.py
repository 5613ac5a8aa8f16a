#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Python SP1 against repositoryd, for scenario/r12_interop.sh:

  run_sp1.py request NAME KEYS REQUEST      makes an Entity's keys and its join request
  run_sp1.py play KEYS REQUEST BUNDLE REGION ADDRESS SOCKET DATA
      REGION: its fingerprint.  DATA: a directory with the bytes of a/session@1, @2 and a/group@1.
      Says "revoke now" and waits for the REVOKE."""

import os
import pickle
import sys

import enrol
import primitives as p
import sp1
import stp
import wrongs_sp1 as wrongs
from answer import RefusedBySP2
from statement import ENTITY, EPOCH, REVOKE, Statement
from trust import Trust
from verdicts import equal, ok, refused
from wire import want


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def request(name, keys, out):
    mine = enrol.Keys(name.encode("ascii"))
    made = enrol.request_make(mine, b"python")
    write(keys, pickle.dumps(mine))
    write(out, made)
    print(p.fingerprint(enrol.Request(made).hash))


class Play:
    def __init__(self, keys, asked, bundle, region, address, path, data):
        self.keys, self.asked = pickle.loads(read(keys)), enrol.Request(read(asked))
        self.bundle, self.region = enrol.Bundle(read(bundle)), region
        self.address, self.path, self.data = address, path, data

    def bytes(self, name):
        return read(os.path.join(self.data, name))

    def host(self):
        """The Entity as it is when it has joined, with nothing yet."""
        trust = Trust([Statement(a) for a in self.bundle.anchors])
        trust.join(self.bundle, self.keys)
        return sp1.Host(self.keys, trust)

    # ---- enrolment ----

    def enrolment(self):
        equal("r08 the bundle is for this request", self.bundle.request, self.asked.hash)
        equal("r08 it has the address", self.bundle.addresses, [self.address.encode("ascii")])
        host = ok("r08 each part of it verifies", self.host)
        equal("r08 the Region's fingerprint", p.fingerprint(host.trust.region), self.region)
        other = enrol.Keys(self.keys.name)
        refused("r08 not for other keys of that name", host.trust.join, self.bundle, other)

    # ---- delivery ----

    def fetched(self, s, dataset, name, version=0):
        x = s.fetch(dataset, version, hold=False)
        want(x.plain == self.bytes(name), "other bytes than were given to repoctl")

    def delivery(self, way, address):
        with sp1.session(self.host(), address) as s:
            ok("r12 mode session by %s" % way, self.fetched, s, b"a/session", "session.2")
            ok("r13 mode group by %s" % way, self.fetched, s, b"a/group", "group.1")
            ok("r29 a version by its number by %s" % way, self.fetched, s, b"a/session",
               "session.1", 1)

    def refusal(self, s, dataset, version=0):
        try:
            s.fetch(dataset, version, hold=False)
        except RefusedBySP2 as e:
            return e.code
        return 0

    def refusals(self):
        with sp1.session(self.host(), self.path) as s:
            equal("r12 no such DataSet: unknown", self.refusal(s, b"a/none"), 1)
            equal("r35 no right to it: unknown", self.refusal(s, b"a/others"), 1)
            equal("r29 no such version: unknown", self.refusal(s, b"a/session", 3), 1)
            ok("r12 and the session goes on", self.fetched, s, b"a/group", "group.1")
            s.close()
            ok("r12 CLOSE is answered by the end", want, s.ended, "bytes after CLOSE")

    # ---- what is held ----

    def asked_for(self, s, dataset):
        """The Delivery, and the types of the records that answer."""
        request_id = s.ask(dataset)
        types, a = [], s.open[request_id]
        record = a.record

        def spy(kind, body):
            types.append(kind)
            record(kind, body)
        a.record = spy
        return s.result(request_id), types

    def held(self):
        host = self.host()
        with sp1.session(host, self.path) as s:
            old = s.fetch(b"a/session", 1)
            new, types = self.asked_for(s, b"a/session")
            equal("r16 statements held are left out", types,
                  [stp.MANIFEST, stp.WRAP, stp.CHUNK, stp.DONE])
            equal("r29 the newer version", (old.manifest.version, new.manifest.version), (1, 2))
            equal("r29 with its bytes", new.plain, self.bytes("session.2"))
            same, types = self.asked_for(s, b"a/session")
            equal("r16 UNCHANGED", (types, same is new), ([stp.UNCHANGED], True))
        with sp1.session(host, self.address) as s:
            equal("r16 in another session too", self.asked_for(s, b"a/session")[1],
                  [stp.UNCHANGED])
        equal("r40 two receipts, and two sessions", (host.receipts, host.sessions), (2, 2))

    def pipelined(self):
        names = [b"a/session", b"a/group", b"a/none", b"a/session", b"a/group"] * 3
        got = []
        with sp1.session(self.host(), self.address) as s:
            for i in [s.ask(name, hold=False) for name in names]:
                try:
                    got.append(s.result(i).plain)
                except RefusedBySP2 as e:
                    got.append(e.code)
        by = {b"a/session": self.bytes("session.2"), b"a/group": self.bytes("group.1"),
              b"a/none": 1}
        equal("r16 fifteen requests at once, each with its answer", got, [by[n] for n in names])

    # ---- wrong things ----

    def wrong(self):
        host = self.host()
        for name, step in wrongs.RIGHT:
            refused("r12 not closed: " + name, wrongs.closed, step, host, self.path)
        for name, step in wrongs.BY_SP1:
            ok("r12 closed without a byte: " + name, wrongs.closed, step, host, self.path)
        with sp1.session(host, self.path) as s:
            ok("r12 a right one is served after all these", self.fetched, s, b"a/group", "group.1")

    # ---- revocation ----

    def revoked_meanwhile(self, host):
        with sp1.session(host, self.address) as s:
            self.fetched(s, b"a/group", "group.1")
            print("revoke now", flush=True)
            try:
                while True:
                    s.record()
            except sp1.Ended:
                pass
            equal("r37 REVOKE and EPOCH are pushed", [x.type for x in s.pushes], [REVOKE, EPOCH])
            ok("r37 and taken", want, host.trust.is_revoked(), "not revoked")
            equal("r37 of this Entity", [s.pushes[0].number(144), s.pushes[0].subject],
                  [ENTITY, self.keys.name])

    def revocation(self):
        host, later = self.host(), self.host()
        self.revoked_meanwhile(host)
        with sp1.session(later, self.address) as s:
            equal("r37 at the next session: revoked", self.refusal(s, b"a/group"), 2)
            ok("r37 by its REVOKE", want, later.trust.is_revoked(), "not revoked")
            ok("r37 and it is closed", want, s.wire.silent_end(), "bytes after REFUSED")


def play(*args):
    p1 = Play(*args)
    p1.enrolment()
    p1.delivery("TCP", p1.address)
    p1.delivery("unix socket", p1.path)
    p1.refusals()
    p1.held()
    p1.pipelined()
    p1.wrong()
    p1.revocation()


if __name__ == "__main__":
    {"request": request, "play": play}[sys.argv[1]](*sys.argv[2:])
