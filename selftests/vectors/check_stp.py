#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The second implementation's handshake (selftests/interop), both ends, on
kmod/core/vectors/stp.h; see Documentation/protocol-stp.rst.  Needs python3-cryptography.  From the
project's directory."""

import sys

import vectors
import primitives as p
import stp

NAME, SP2 = b"host1", b"repo1"


def count(n, first):
    return bytes((first + i) & 255 for i in range(n))


def kpf(f):
    return p.kpf(f["kec"], p.ecx(f["region"], NAME))


class Given(stp.Secrets):
    """Proves with the vector's authI, which was signed with another nonce than ours."""

    def __init__(self, f, mac):
        super().__init__(NAME, f["kei"], mac, kpf(f), f["region"], SP2)
        self.given = f["authi"]

    def prove(self, a):
        assert not self.mac or super().prove(a) == self.given
        return self.given


def run(f, mac):
    wrong = []

    def same(what, got):
        if got != f[what]:
            wrong.append(what)

    def body(what):
        return f[what][4:]

    mine = Given(f, mac)
    kei = f["kei"] if mac else f["kei_pub"]
    of_sp1 = stp.Secrets(NAME, kei, mac, kpf(f), f["region"], SP2)
    same("x", p.sp2x(f["region"], SP2))
    same("psk", mine.psk)
    same("psk", of_sp1.psk)

    sp1, sp2 = stp.Initiator(stp.P1(f["region"], 3), f["ei"]), stp.Responder(f["er"])
    same("hello", sp1.hello())
    p1 = sp2.hello(body("hello"))
    assert (p1.region, p1.serial, p1.ticket) == (f["region"], 3, b"")
    same("challenge", sp2.challenge(f["idr"], lambda m: f["sigr"]))
    same("idr", sp1.opened(body("challenge")))
    sp1.served_by(f["ksp2_pub"])

    who = stp.Who(NAME, 7, count(16, 0xa0), 9, 2, count(32, 0xb0))
    auth, r1 = sp1.auth(who, mine)
    same("auth", auth)
    told, r2 = sp2.auth(body("auth"), lambda name: of_sp1)
    assert told.bytes() == who.bytes()
    same("h", sp1.h)
    same("h", sp2.h)
    same("request", r1.seal(stp.REQUEST, 1, b"q" * 10))
    same("answer", r2.seal(stp.CHUNK, 1, b"d" * 10))
    assert r2.open(body("request")) == (stp.REQUEST, 1, b"q" * 10)
    assert r1.open(body("answer")) == (stp.CHUNK, 1, b"d" * 10)
    return wrong


def main():
    have, status = vectors.arrays(vectors.read("stp")), 0
    for mode in ("signature", "mac"):
        start = "stp_%s_" % mode
        f = {n.removeprefix(start): x for n, x in have.items() if n.startswith(start)}
        wrong = run(f, mode == "mac")
        print(mode, "differs: " + ", ".join(wrong) if wrong else "agrees")
        status |= bool(wrong)
    return status


sys.exit(main())
