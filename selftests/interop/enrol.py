# SPDX-License-Identifier: MIT
"""Join request, bundle, server card: Documentation/protocol-stp.rst, "Enrolment"."""

import os

import primitives as p
from statement import PAIR, SECRET
from wire import Reader, V, is_name, u16, u8, v, want, zero

VERSION = 0
REQUEST, BUNDLE, CARD = 2048, 262144, 512


# ---- an Entity's own keys ----

class Keys:
    """Kei, Kes and Kec of both kinds; what the host alone has."""

    def __init__(self, name, kei_kind=PAIR, kec_kind=PAIR):
        self.name, self.kei_kind, self.kec_kind = name, kei_kind, kec_kind
        self.kei = p.p256_private() if kei_kind == PAIR else os.urandom(32)
        self.kes, self.kec, self.nonce = p.p256_private(), os.urandom(32), os.urandom(32)

    def kei_public(self):
        return p.p256_public(self.kei)

    def kes_public(self):
        return p.p256_public(self.kes)

    def kec_shown(self):
        """Kec-public or Kec-secret: what Kpf and kid are made from."""
        return p.x25519_public(self.kec) if self.kec_kind == PAIR else self.kec

    def kec_kid(self, region):
        return p.kid(self.kec_shown(), p.ecx(region, self.name))

    def kei_said(self, ctx):
        """Kei-public, or the kid of Kei-secret: what ENTITY and the join request have."""
        return self.kei_public() if self.kei_kind == PAIR else p.kid(self.kei, ctx)


# ---- join request ----

def _proof(keys, signed):
    if keys.kei_kind == PAIR:
        return p.sign(keys.kei, signed)
    return p.mac(p.SUB(keys.kei, "kei join", keys.nonce), signed) + zero(32)


def request_make(keys, evidence=b""):
    kec = keys.kec_shown() if keys.kec_kind == PAIR else p.kid(keys.kec, keys.nonce)
    said = u8(VERSION) + keys.nonce + v(keys.name) + u8(keys.kei_kind)
    said += v(keys.kei_said(keys.nonce)) + keys.kes_public()
    said += u8(keys.kec_kind) + v(kec) + v(evidence)
    signed = p.L("join request") + said
    return said + _proof(keys, signed) + p.sign(keys.kes, signed)


class Request:
    """Refused unless its proofs hold.  kei_secret: where Kei is one, which nobody else checks."""

    def __init__(self, data, kei_secret=None):
        want(len(data) <= REQUEST, "a join request too long")
        r = Reader(data)
        want(r.int(1) == VERSION, "another version")
        self.nonce, self.name = r.bytes(32), r.v()
        self.kei_kind, self.kei, self.kes = r.int(1), r.v(), r.bytes(64)
        self.kec_kind, self.kec, self.evidence = r.int(1), r.v(), r.v()
        self.signed = p.L("join request") + data[:r.at]
        proof, sig = r.bytes(64), r.bytes(64)
        r.end()
        self.hash = p.H(p.L("join fingerprint"), data)
        self._form()
        self._proven(proof, kei_secret)
        p.verify(self.kes, sig, self.signed)

    def _form(self):
        kinds = PAIR, SECRET
        want(is_name(self.name) and len(self.evidence) <= 1024, "no name, or too much evidence")
        want(self.kei_kind in kinds and self.kec_kind in kinds, "no such kind")
        want(len(self.kei) == (64 if self.kei_kind == PAIR else 32), "Kei of another length")
        want(len(self.kec) == 32, "Kec of another length")

    def _proven(self, proof, kei_secret):
        if self.kei_kind == PAIR:
            p.verify(self.kei, proof, self.signed)
        else:
            want(kei_secret is not None, "the Kei-secret is needed")
            key = p.SUB(kei_secret, "kei join", self.nonce)
            want(p.same(p.mac(key, self.signed) + zero(32), proof), "no proof by Kei-secret")


# ---- bundle ----

def is_address(x):
    return len(x) <= 255 and all(0x21 <= c <= 0x7e for c in x)


class Bundle:
    """Its parts, each Statement's bytes; what they say is trust.py's to check."""

    def __init__(self, data):
        want(len(data) <= BUNDLE, "a bundle too long")
        r = Reader(data)
        want(r.bytes(4) == b"MHJB" and r.int(1) == VERSION, "no bundle, or another version")
        self.request = r.bytes(32)
        self.anchors = [r.V() for _ in range(r.int(2))]
        self.entity = r.V()
        self.delegations = [r.V() for _ in range(r.int(1))]
        self.epoch = r.V()
        n = r.int(1)
        want(n <= 8 and len(self.delegations) <= 4, "too many addresses or DELEGATIONs")
        self.addresses = [r.v() for _ in range(n)]
        r.end()
        want(self.anchors and all(is_address(a) for a in self.addresses), "a part is missing")


def bundle_make(request_hash, anchors, entity, delegations, epoch, addresses):
    out = b"MHJB" + u8(VERSION) + request_hash + u16(len(anchors)) + b"".join(map(V, anchors))
    out += V(entity) + u8(len(delegations)) + b"".join(map(V, delegations)) + V(epoch)
    return out + u8(len(addresses)) + b"".join(map(v, addresses))


# ---- server card ----

class Card:
    def __init__(self, data):
        want(len(data) <= CARD, "a card too long")
        r = Reader(data)
        want(r.bytes(4) == b"MHSC" and r.int(1) == VERSION, "no card, or another version")
        self.name, self.sp2, self.fresh = r.v(), r.bytes(64), r.bytes(64)
        self.audit, self.hpke = r.bytes(64), r.bytes(32)
        signed = p.L("server card") + data[:r.at]
        sig = r.bytes(64)
        r.end()
        want(is_name(self.name), "no name")
        p.verify(self.sp2, sig, signed)
        self.hash = p.H(p.L("card fingerprint"), data)
