#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second implementation of enrolment's messages and of what an identity's
blob holds, which shares no code with the core, run on
kmod/core/vectors/enrol.h and blob.h; see Documentation/protocol-stp.rst and
protocol-data.rst.  Needs python3-cryptography.  From the project's directory."""

import base64
import hashlib
import hmac
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import vectors


class Refused(Exception):
    pass


def H(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def L(text):
    return b"microhsm v1 " + text.encode() + b"\0"


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def SUB(key, label, ctx):
    return mac(mac(b"microhsm v1 key", key), L(label), ctx, b"\1")


def fingerprint(digest):
    text = base64.b32encode(digest).decode().lower()[:20]
    return "-".join(text[i:i + 4] for i in range(0, 20, 4))


def ecdsa(pub, message, sig):
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\4" + pub)
        r, s = int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big")
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError) as e:
        raise Refused from e


def p256_public(private):
    key = ec.derive_private_key(int.from_bytes(private, "big"), ec.SECP256R1())
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]


def x25519_public(private):
    key = x25519.X25519PrivateKey.from_private_bytes(private).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, n):
        if self.at + n > len(self.data):
            raise Refused
        self.at += n
        return self.data[self.at - n:self.at]

    def int(self, n):
        return int.from_bytes(self.bytes(n), "big")

    def v(self):
        return self.bytes(self.int(2))

    def V(self):
        return self.bytes(self.int(4))

    def want(self, good):
        if not good:
            raise Refused

    def end(self):
        self.want(self.at == len(self.data))


def request(data, kei_secret=None):
    """Its parts; Refused unless both proofs hold."""
    r, m = Reader(data), {}
    r.want(r.int(1) == 0)
    m["nonce"], m["name"] = r.bytes(32), r.v()
    m["kei kind"], m["kei"], m["kes"] = r.int(1), r.v(), r.bytes(64)
    m["kec kind"], m["kec"], m["evidence"] = r.int(1), r.v(), r.v()
    r.want(m["kei kind"] in (1, 2) and m["kec kind"] in (1, 2) and len(m["evidence"]) <= 1024)
    r.want(len(m["kei"]) == (64 if m["kei kind"] == 1 else 32) and len(m["kec"]) == 32)
    signed = L("join request") + data[:r.at]
    m["digest"] = H(signed)
    proof, sig = r.bytes(64), r.bytes(64)
    r.end()
    if m["kei kind"] == 1:
        ecdsa(m["kei"], signed, proof)
    else:
        key = SUB(kei_secret, "kei join", m["nonce"])
        r.want(proof == mac(key, signed) + bytes(32))
    ecdsa(m["kes"], signed, sig)
    return m


def bundle(data):
    r, m = Reader(data), {}
    r.want(r.bytes(5) == b"MHJB\0")
    m["request"] = r.bytes(32)
    m["anchors"] = [r.V() for _ in range(r.int(2))]
    m["entity"] = r.V()
    m["delegations"] = [r.V() for _ in range(r.int(1))]
    m["epoch"] = r.V()
    m["addresses"] = [r.v() for _ in range(r.int(1))]
    r.end()
    r.want(len(m["anchors"]) > 0 and len(m["delegations"]) <= 4 and len(m["addresses"]) <= 8)
    return m


def body(statement):
    return Reader(statement).v()


def attributes(statement):
    r, out = Reader(body(statement)), {}
    while r.at < len(r.data):
        t = r.int(2)
        out[t] = r.V()
    return out


def region_id(genesis):
    return H(L("region"), body(genesis))


def card(data):
    r, m = Reader(data), {}
    r.want(r.bytes(5) == b"MHSC\0")
    m["name"], m["sp2"], m["fresh"] = r.v(), r.bytes(64), r.bytes(64)
    m["audit"], m["hpke"] = r.bytes(64), r.bytes(32)
    signed = L("server card") + data[:r.at]
    sig = r.bytes(64)
    r.end()
    ecdsa(m["sp2"], signed, sig)
    return m


def each_byte_refused(what, data, *args):
    for at in range(len(data)):
        for bad in (data[:at] + bytes([data[at] ^ 1]) + data[at + 1:], data[:at]):
            try:
                what(bad, *args)
            except Refused:
                continue
            raise AssertionError("byte %d may be otherwise" % at)


def requests(text):
    hashes_of = []
    for f in vectors.table(text, "join"):
        secret = f["kei"] if f["secret"] == "true" else None
        m = request(f["request"], secret)
        each_byte_refused(request, f["request"], secret)
        assert m["name"] == b"host-1" and m["kes"] == p256_public(f["kes"])
        if secret:
            assert m["kei"] == SUB(f["kei"], "kid", m["nonce"])
            assert m["kec"] == SUB(f["kec"], "kid", m["nonce"])
        else:
            assert m["kei"] == p256_public(f["kei"]) and m["kec"] == x25519_public(f["kec"])
        assert m["digest"] == f["digest"]
        assert f["hash"] == H(L("join fingerprint"), f["request"])
        assert f["fingerprint"] == fingerprint(f["hash"])
        hashes_of.append(f["hash"])
    assert len(hashes_of) == 2
    return hashes_of


def bundles(text, pair, other):
    names = {}
    want = {"right": pair, "request": other, "region": pair}
    for f in vectors.table(text, "bundle"):
        m = bundle(f["bundle"])
        names[f["name"]] = f["region"]
        assert m["request"] == want[f["name"]]
        assert region_id(m["anchors"][0]) == f["region"]
        assert fingerprint(f["region"]) == f["fingerprint"]
        assert all(attributes(s)[2] == f["region"] for s in
                   m["anchors"][1:] + [m["entity"], m["epoch"]] + m["delegations"])
        assert m["addresses"] == [b"repo1.example:7100", b"/run/stp"]
    assert list(names) == ["right", "request", "region"]
    assert names["right"] == names["request"] != names["region"]
    return names["right"]


def identity(data, text, region):
    """The content of an identity's blob, to its end."""
    r = Reader(data)
    join = next(f for f in vectors.table(text, "join") if f["secret"] == "false")
    assert r.int(1) == 0 and r.v() == b"host-1"
    assert [r.bytes(32) for _ in range(3)] == [join["kei"], join["kes"], join["kec"]]
    assert r.bytes(32) == request(join["request"])["nonce"] and r.v() == join["request"]
    generation, joined = r.int(8), r.int(1)
    floors = []
    if joined:
        assert generation == 2 and r.v() == b"eu" and r.bytes(32) == region and r.int(8) == 7
        assert r.v() == b"repo1.example:7100\n/run/stp"
        anchors = [r.V() for _ in range(r.int(1))]
        epoch = attributes(r.V())
        assert region_id(anchors[0]) == region and epoch[1] == b"\0\x0b"
        assert r.int(8) == int.from_bytes(epoch[8], "big")
        assert r.bytes(32) == H(b"\0", body(anchors[0]))
        assert [r.int(8), r.int(8), r.int(1)] == [int.from_bytes(epoch[6], "big"), 0, 0]
        floors = [(r.int(1), r.int(1), r.bytes(32), r.int(8)) for _ in range(r.int(2))]
        voided = [r.bytes(32) for _ in range(r.int(1))]
        assert floors == [(3, 0, H(b"host-1"), 7), (2, 1, H(b"gen1"), 4), (8, 0, H(b"eu/disk"), 7)]
        assert len(voided) == 1
    r.end()
    return len(floors)


def main():
    text = vectors.read("enrol")
    pair, other = requests(text)
    region = bundles(text, pair, other)
    have = vectors.arrays(text)
    assert card(have["card_bytes"])["name"] == b"repo1"
    each_byte_refused(card, have["card_bytes"])
    assert have["card_hash"] == H(L("card fingerprint"), have["card_bytes"])
    held = {f["name"]: f["content"] for f in vectors.table(vectors.read("blob"), "blob")}
    floors = [identity(held[name], text, region) for name in ("identity", "joined")]
    assert floors == [0, 3]
    print("2 requests, 3 bundles, a card and 2 identities are right")
    return 0


sys.exit(main())
