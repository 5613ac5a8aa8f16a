#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Python SP1 against repositoryd, for scenario/r12_interop.sh:

  run_sp1.py request NAME KEYS REQUEST KEI KEC
      makes an Entity's keys, of these kinds, and its join request
  run_sp1.py brief|play KEYS REQUEST BUNDLE REGION ADDRESS SOCKET DATA [CODE]
      REGION: its fingerprint.  DATA: a directory with the bytes of a/session@1, @2 and a/group@1.
      CODE: of the bundle, a file.  brief: joins and fetches.  play: all else too; says "revoke now"
      and waits for the REVOKE."""

import copy
import os
import pickle
import sys

import enrol
import primitives as p
import sp1
import stp
import wrongs_sp1 as wrongs
from answer import RefusedBySP2
from statement import ENTITY, EPOCH, PAIR, REVOKE, SECRET, Statement
from trust import Trust
from verdicts import equal, ok, refused
from wire import want

KINDS = {"pair": PAIR, "secret": SECRET}


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def request(name, keys, out, kei, kec):
    mine = enrol.Keys(name.encode("ascii"), KINDS[kei], KINDS[kec])
    made = enrol.request_make(mine, b"python")
    write(keys, pickle.dumps(mine))
    write(out, made)
    print(p.fingerprint(enrol.Request(made).hash))


class Play:
    def __init__(self, keys, asked, bundle, region, address, path, data, code=None):
        self.keys, self.asked = pickle.loads(read(keys)), enrol.Request(read(asked))
        self.bundle, self.region = enrol.Bundle(read(bundle)), region
        self.address, self.path, self.data = address, path, data
        self.code = enrol.code_read(read(code).decode("ascii").strip()) if code else None

    def bytes(self, name):
        return read(os.path.join(self.data, name))

    def join(self, keys, code):
        trust = Trust([Statement(a) for a in self.bundle.anchors])
        return sp1.Host(trust.join(self.bundle, keys, code), trust)

    def host(self):
        """The Entity as it is when it has joined, with nothing yet."""
        return self.join(self.keys, self.code)

    # ---- enrolment ----

    def enrolment(self):
        equal("r08 the bundle is for this request", self.bundle.request, self.asked.hash)
        equal("r08 it has the address", self.bundle.addresses, [self.address.encode("ascii")])
        host = ok("r08 each part of it verifies", self.host)
        equal("r08 the Region's fingerprint", p.fingerprint(host.trust.region), self.region)
        other = enrol.Keys(self.keys.name, self.keys.kei_kind, self.keys.kec_kind)
        refused("r08 not for another request", self.join, other, self.code)
        other.request = self.keys.request
        refused("r08 not for other keys of that name", self.join, other, self.code)
        self.secrets()

    def secrets(self):
        """Whose they are: by code his who has it, else Konce's."""
        equal("r09 by this route", self.bundle.route, enrol.BY_CODE if self.code else
              enrol.BY_HOST if self.asked.once else 0)
        other = copy.copy(self.keys)
        other.once = os.urandom(32)
        if self.bundle.route == enrol.BY_HOST:
            refused("r09 not by another one-time key", self.join, other, None)
        if self.code:
            ok("r09 by the code alone", self.join, other, self.code)
            refused("r09 not without it", self.join, self.keys, None)
        refused("r09 not by another code", self.join, self.keys, os.urandom(enrol.CODE))

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
        for name, step in wrongs.BY_SP1 + (wrongs.BY_MAC if host.keys.kei_kind == SECRET else []):
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


def brief(*args):
    p1 = Play(*args)
    p1.enrolment()
    p1.delivery("TCP", p1.address)
    p1.delivery("unix socket", p1.path)
    return p1


def play(*args):
    p1 = brief(*args)
    p1.refusals()
    p1.held()
    p1.pipelined()
    p1.wrong()
    p1.revocation()


if __name__ == "__main__":
    {"request": request, "brief": brief, "play": play}[sys.argv[1]](*sys.argv[2:])
