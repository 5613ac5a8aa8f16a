#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The second implementation's messages of enrolment (selftests/interop), and what an identity's
blob holds, on kmod/core/vectors/enrol.h and blob.h; see Documentation/protocol-stp.rst and
protocol-data.rst.  Needs python3-cryptography.  From the project's directory."""

import sys

import vectors
import enrol
import primitives as p
from quorum import chain
from statement import EPOCH, Statement
from wire import Reader, Refused


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
        m = enrol.Request(f["request"], secret)
        each_byte_refused(enrol.Request, f["request"], secret)
        assert m.name == b"host-1" and m.kes == p.p256_public(f["kes"])
        if secret:
            assert (m.kei, m.kec) == (p.kid(f["kei"], m.nonce), p.kid(f["kec"], m.nonce))
        else:
            assert (m.kei, m.kec) == (p.p256_public(f["kei"]), p.x25519_public(f["kec"]))
        assert p.H(m.signed) == f["digest"]
        assert m.hash == f["hash"] and p.fingerprint(m.hash) == f["fingerprint"]
        hashes_of.append(m.hash)
    assert len(hashes_of) == 2
    return hashes_of


def bundles(text, pair, other):
    regions = {}
    want = {"right": pair, "request": other, "region": pair}
    for f in vectors.table(text, "bundle"):
        m = enrol.Bundle(f["bundle"])
        assert m.request == want[f["name"]]
        regions[f["name"]] = chain([Statement(a) for a in m.anchors])
        assert regions[f["name"]] == f["region"]
        assert p.fingerprint(f["region"]) == f["fingerprint"]
        assert all(Statement(s).region == f["region"] for s in
                   m.anchors[1:] + [m.entity, m.epoch] + m.delegations)
        assert m.addresses == [b"repo1.example:7100", b"/run/stp"]
    assert list(regions) == ["right", "request", "region"]
    assert regions["right"] == regions["request"] != regions["region"]
    return regions["right"]


def joined(r, region):
    """What a joined identity knows of its Region: how many floors."""
    assert r.v() == b"eu" and r.bytes(32) == region and r.int(8) == 7
    assert r.v() == b"repo1.example:7100\n/run/stp"
    anchors = [Statement(r.V()) for _ in range(r.int(1))]
    epoch = Statement(r.V())
    assert chain(anchors) == region and epoch.type == EPOCH
    assert r.int(8) == epoch.not_after
    assert r.bytes(32) == anchors[0].leaf
    assert [r.int(8), r.int(8), r.int(1)] == [epoch.issued, 0, 0]
    floors = [(r.int(1), r.int(1), r.bytes(32), r.int(8)) for _ in range(r.int(2))]
    voided = [r.bytes(32) for _ in range(r.int(1))]
    assert floors == [(3, 0, p.H(b"host-1"), 7), (2, 1, p.H(b"gen1"), 4), (8, 0, p.H(b"eu/disk"), 7)]
    assert len(voided) == 1
    return len(floors)


def identity(data, text, region):
    """The content of an identity's blob, to its end."""
    r = Reader(data)
    join = next(f for f in vectors.table(text, "join") if f["secret"] == "false")
    assert r.int(1) == 0 and r.v() == b"host-1"
    assert [r.bytes(32) for _ in range(3)] == [join["kei"], join["kes"], join["kec"]]
    assert r.bytes(32) == enrol.Request(join["request"]).nonce and r.v() == join["request"]
    generation, is_joined = r.int(8), r.int(1)
    assert generation == 1 + is_joined
    floors = joined(r, region) if is_joined else 0
    r.end()
    return floors


def main():
    text = vectors.read("enrol")
    pair, other = requests(text)
    region = bundles(text, pair, other)
    have = vectors.arrays(text)
    card = enrol.Card(have["card_bytes"])
    assert card.name == b"repo1" and card.hash == have["card_hash"]
    each_byte_refused(enrol.Card, have["card_bytes"])
    held = {f["name"]: f["content"] for f in vectors.table(vectors.read("blob"), "blob")}
    floors = [identity(held[name], text, region) for name in ("identity", "joined")]
    assert floors == [0, 3]
    print("2 requests, 3 bundles, a card and 2 identities are right")
    return 0


sys.exit(main())
