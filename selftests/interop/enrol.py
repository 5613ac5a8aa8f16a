# SPDX-License-Identifier: MIT
"""Join request, bundle, server card: Documentation/protocol-stp.rst, "Enrolment"."""

import base64
import binascii
import copy
import os

import primitives as p
from statement import PAIR, SECRET
from wire import Reader, Refused, V, is_name, u16, u8, v, want, zero

VERSION = 1
REQUEST, BUNDLE, CARD, CODE = 2048, 262144, 512, 20
BY_HOST, BY_CODE = 1, 2  # routes


# ---- an Entity's own keys ----

class Keys:
    """Kei, Kes and Kec, private parts or secrets: these None until taken from a bundle.  once:
    Konce's private part.  request: the hash of the join request, once that is made."""

    def __init__(self, name, kei_kind=PAIR, kec_kind=PAIR):
        self.name, self.kei_kind, self.kec_kind = name, kei_kind, kec_kind
        self.kei = p.p256_private() if kei_kind == PAIR else None
        self.kec = os.urandom(32) if kec_kind == PAIR else None
        self.kes, self.once, self.nonce = p.p256_private(), os.urandom(32), os.urandom(32)
        self.request = None

    def kei_public(self):
        return p.p256_public(self.kei)

    def kes_public(self):
        return p.p256_public(self.kes)

    def kec_shown(self):
        """Kec-public or Kec-secret: what Kpf and kid are made from."""
        return p.x25519_public(self.kec) if self.kec_kind == PAIR else self.kec

    def kec_kid(self, region):
        return p.kid(self.kec_shown(), p.ecx(region, self.name))

    def kpf(self, region):
        return p.kpf(self.kec_shown(), p.ecx(region, self.name))

    def kei_said(self, region):
        """Kei-public, or the kid of Kei-secret: what ENTITY has."""
        if self.kei_kind == PAIR:
            return self.kei_public()
        return p.kid(self.kei, p.ecx(region, self.name))

    def given(self, plain):
        """These keys with the secrets that a bundle has."""
        out, r = copy.copy(self), Reader(plain)
        if self.kei_kind == SECRET:
            out.kei = r.bytes(32)
        if self.kec_kind == SECRET:
            out.kec = r.bytes(32)
        r.end()
        return out


# ---- join request ----

def request_hash(data):
    return p.H(p.L("join fingerprint"), data)


def request_make(keys, evidence=b""):
    once = p.x25519_public(keys.once)
    kei = keys.kei_public() if keys.kei_kind == PAIR else once
    kec = keys.kec_shown() if keys.kec_kind == PAIR else once
    said = u8(VERSION) + keys.nonce + v(keys.name) + u8(keys.kei_kind) + v(kei)
    said += keys.kes_public() + u8(keys.kec_kind) + v(kec) + v(evidence)
    signed = p.L("join request") + said
    proof = p.sign(keys.kei, signed) if keys.kei_kind == PAIR else zero(64)
    made = said + proof + p.sign(keys.kes, signed)
    keys.request = request_hash(made)
    return made


class Request:
    """Refused unless its proofs hold.  kei, kec: public keys; of a secret: Konce, as is once."""

    def __init__(self, data):
        want(len(data) <= REQUEST, "a join request too long")
        r = Reader(data)
        want(r.int(1) == VERSION, "another version")
        self.nonce, self.name = r.bytes(32), r.v()
        self.kei_kind, self.kei, self.kes = r.int(1), r.v(), r.bytes(64)
        self.kec_kind, self.kec, self.evidence = r.int(1), r.v(), r.v()
        self.signed = p.L("join request") + data[:r.at]
        proof, sig = r.bytes(64), r.bytes(64)
        r.end()
        self.hash = request_hash(data)
        self._form()
        if self.kei_kind == PAIR:
            p.verify(self.kei, proof, self.signed)
        else:
            want(not any(proof), "a proof by what is not there yet")
        p.verify(self.kes, sig, self.signed)

    def _form(self):
        kinds = PAIR, SECRET
        want(is_name(self.name) and len(self.evidence) <= 1024, "no name, or too much evidence")
        want(self.kei_kind in kinds and self.kec_kind in kinds, "no such kind")
        want(len(self.kei) == (64 if self.kei_kind == PAIR else 32), "Kei of another length")
        want(len(self.kec) == 32, "Kec of another length")
        once = {kec for kind, kec in ((self.kei_kind, self.kei), (self.kec_kind, self.kec))
                if kind == SECRET}
        want(len(once) <= 1, "two one-time keys")
        self.once = once.pop() if once else None


# ---- secrets ----

def code_text(code):
    text = base64.b32encode(code).decode("ascii").lower()
    return "-".join(text[i:i + 4] for i in range(0, len(text), 4))


def code_read(text):
    try:
        code = base64.b32decode(text.replace("-", "").upper())
    except (binascii.Error, ValueError) as e:
        raise Refused("no code") from e
    want(code_text(code) == text, "no code")
    return code


def _info(hash_of_request, region):
    return p.L("join secrets") + hash_of_request + region


def _code_key(salt, code, info):
    want(len(code) == CODE, "a code of another length")
    return p.expand(p.extract(salt, code), info)


def secrets_seal(request, region, plain, code=None, random=None):
    """The end of a bundle.  code: by that route; random: skE or the salt."""
    info, random = _info(request.hash, region), random or os.urandom(32)
    if code:
        ct = p.gcm_seal(_code_key(random, code, info), zero(12), b"", plain)
        return u8(BY_CODE) + random + v(ct)
    enc, ct = p.hpke_seal(request.once, info, plain, random)
    return u8(BY_HOST) + enc + v(ct)


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
        want(self.anchors and all(is_address(a) for a in self.addresses), "a part is missing")
        self.route = 0
        if r.left():
            self.route, self.enc, self.ct = r.int(1), r.bytes(32), r.v()
            want(self.route in (BY_HOST, BY_CODE) and len(self.ct) in (48, 80), "no such secrets")
        r.end()

    def secrets(self, region, once, code=None):
        """What the office sealed; empty where there is none.  once: Konce's private part."""
        want((self.route == BY_CODE) == (code is not None), "a code too many, or none")
        info = _info(self.request, region)
        if self.route == BY_HOST:
            return p.hpke_open(once, self.enc, info, self.ct)
        if self.route == BY_CODE:
            return p.gcm_open(_code_key(self.enc, code, info), zero(12), b"", self.ct)
        return b""


def bundle_make(hash_of_request, anchors, entity, delegations, epoch, addresses, secrets=b""):
    """secrets: of secrets_seal()."""
    out = b"MHJB" + u8(VERSION) + hash_of_request + u16(len(anchors)) + b"".join(map(V, anchors))
    out += V(entity) + u8(len(delegations)) + b"".join(map(V, delegations)) + V(epoch)
    return out + u8(len(addresses)) + b"".join(map(v, addresses)) + secrets


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
