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
from statement import EPOCH, PAIR, SECRET, Statement
from wire import Reader, Refused, want

ROUTES = {"secret": enrol.BY_HOST, "code": enrol.BY_CODE}
RANDOM = bytes(range(0xd0, 0xf0))  # skE, and the salt


def each_byte_refused(what, data, *args):
    for at in range(len(data)):
        for bad in (data[:at] + bytes([data[at] ^ 1]) + data[at + 1:], data[:at]):
            try:
                what(bad, *args)
            except Refused:
                continue
            raise AssertionError("byte %d may be otherwise" % at)


def the(text, secret):
    """The join request of pairs, or of secrets."""
    return {f["secret"]: f for f in vectors.table(text, "join")}["true" if secret else "false"]


def requests(text, once):
    hashes_of = []
    for f in vectors.table(text, "join"):
        m = enrol.Request(f["request"])
        each_byte_refused(enrol.Request, f["request"])
        assert m.name == b"host-1" and m.kes == p.p256_public(f["kes"])
        if f["secret"] == "true":
            assert m.kei == m.kec == m.once == p.x25519_public(once)
        else:
            assert (m.kei, m.kec) == (p.p256_public(f["kei"]), p.x25519_public(f["kec"]))
            assert m.once is None
        assert p.H(m.signed) == f["digest"]
        assert m.hash == f["hash"] and p.fingerprint(m.hash) == f["fingerprint"]
        hashes_of.append(m.hash)
    assert len(hashes_of) == 2
    return hashes_of


def bundles(text, pair, other):
    regions = {}
    want = {"right": pair, "request": other, "region": pair, "secret": other, "code": other}
    for f in vectors.table(text, "bundle"):
        m = enrol.Bundle(f["bundle"])
        assert m.request == want[f["name"]]
        regions[f["name"]] = chain([Statement(a) for a in m.anchors])
        assert regions[f["name"]] == f["region"]
        assert p.fingerprint(f["region"]) == f["fingerprint"]
        assert all(Statement(s).region == f["region"] for s in
                   m.anchors[1:] + [m.entity, m.epoch] + m.delegations)
        assert m.addresses == [b"repo1.example:7100", b"/run/stp"]
        assert m.route == int(f["route"]) == ROUTES.get(f["name"], 0)
    assert list(regions) == ["right", "request", "region", "secret", "code"]
    assert len(set(regions.values())) == 2 and regions["right"] != regions["region"]
    return regions["right"]


def secrets(text, once, code):
    """Those of the two bundles that have them: opened, sealed again, and ENTITY's kids."""
    join = the(text, True)
    request = enrol.Request(join["request"])
    for f in vectors.table(text, "bundle"):
        if f["name"] not in ROUTES:
            continue
        by = code if f["name"] == "code" else None
        m, plain = enrol.Bundle(f["bundle"]), join["kei"] + join["kec"]

        def opened(tail, f=f, by=by):
            m = enrol.Bundle(f["bundle"][:-115] + tail)
            want(m.route, "no secrets")
            return m.secrets(f["region"], once, by)

        tail = enrol.secrets_seal(request, f["region"], plain, by, RANDOM)
        assert f["bundle"].endswith(tail) and len(tail) == 115 and opened(tail) == plain
        each_byte_refused(opened, tail)
        s, ctx = Statement(m.entity), p.ecx(f["region"], b"host-1")
        assert (s.number(48), s.number(51)) == (SECRET, SECRET)
        assert s.attr[50] == p.p256_public(join["kes"])
        assert [s.attr[t] for t in (49, 52, 54)] == \
            [p.kid(k, ctx) for k in (join["kei"], join["kec"], p.kpf(join["kec"], ctx))]
    assert enrol.code_read(enrol.code_text(code)) == code


def joined(r, region):
    """What a joined identity knows of its Region: how many floors."""
    assert r.v() == b"eu" and r.bytes(32) == region and r.int(8) == 7
    assert r.v() == b"repo1.example:7100\n/run/stp"
    anchors = [Statement(r.V()) for _ in range(r.int(1))]
    epoch = Statement(r.V())
    assert chain(anchors) == region and epoch.type == EPOCH
    assert r.int(8) == epoch.not_after
    assert r.bytes(32) == anchors[0].leaf
    assert [r.int(8) for _ in range(4)] == [epoch.issued, 0, 0, 0]
    floors = [(r.int(1), r.bytes(32), r.int(8), r.int(8)) for _ in range(r.int(2))]
    assert floors[:3] == [(3, p.H(b"host-1"), 7, 0), (2, p.H(b"gen1"), 4, 1),
                          (8, p.H(b"eu/disk"), 7, 0)]
    assert [(f[0], *f[2:]) for f in floors[3:]] == [(0, 1, 1)]
    return len(floors)


def identity(data, text, region, once):
    """The content of an identity's blob, to its end; once: it awaits its secrets."""
    r = Reader(data)
    join = the(text, bool(once))
    assert r.int(1) == 1 and r.v() == b"host-1"
    assert [r.int(1), r.int(1)] == [SECRET if once else PAIR] * 2
    assert [r.bytes(32) for _ in range(3)] == \
        [once or join["kei"], join["kes"], once or join["kec"]]
    assert r.bytes(32) == enrol.Request(join["request"]).nonce and r.v() == join["request"]
    generation, is_joined = r.int(8), r.int(1)
    assert generation == 1 + is_joined
    floors = joined(r, region) if is_joined else 0
    r.end()
    return bool(once), floors


def main():
    text = vectors.read("enrol")
    have = vectors.arrays(text)
    once, code = have["join_once"], have["join_code"]
    assert once == bytes(range(0x0a, 0x2a)) and code == bytes(range(0x2a, 0x3e))
    pair, other = requests(text, once)
    region = bundles(text, pair, other)
    secrets(text, once, code)
    card = enrol.Card(have["card_bytes"])
    assert card.name == b"repo1" and card.hash == have["card_hash"]
    each_byte_refused(enrol.Card, have["card_bytes"])
    held = {f["name"]: f["content"] for f in vectors.table(vectors.read("blob"), "blob")}
    said = [identity(held[name], text, region, once if name == "secret" else None)
            for name in ("identity", "joined", "secret")]
    assert said == [(0, 0), (0, 4), (1, 0)]
    print("2 requests, 5 bundles, a card and 3 identities are right")
    return 0


sys.exit(main())
