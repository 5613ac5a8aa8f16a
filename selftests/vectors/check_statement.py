#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second implementation of statements, which shares no code with the core,
run on kmod/core/vectors/statement.h; see Documentation/protocol.rst.  Needs
python3-cryptography.  From the project's directory."""

import hashlib
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

ANCHOR, DELEGATION, INSTANCE, GROUP = 1, 2, 8, 4
KEYS, THRESHOLD, BEFORE, RECOVERY_KEYS, RECOVERY_THRESHOLD, KEY = 16, 17, 18, 21, 22, 32


def H(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def L(text):
    return b"microhsm v1 " + text.encode() + b"\0"


def v(x):
    return len(x).to_bytes(2, "big") + x


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, n):
        assert self.at + n <= len(self.data)
        self.at += n
        return self.data[self.at - n:self.at]

    def int(self, n):
        return int.from_bytes(self.bytes(n), "big")

    def end(self):
        return self.at == len(self.data)


class Statement:
    def __init__(self, data):
        r = Reader(data)
        self.body = r.bytes(r.int(2))
        self.leaf = self.root = H(b"\0", self.body)
        n = r.int(1)
        if n:
            index, size = r.int(4), r.int(4)
            path = [r.bytes(32) for _ in range(n)]
            self.root = self.up(self.leaf, index, size, path)
            assert not path
        self.sets = {}
        for _ in range(r.int(1)):
            which, m = r.int(1), r.int(1)
            assert which not in self.sets
            self.sets[which] = [(r.int(1), r.bytes(64)) for _ in range(m)]
        assert r.end() and 1 <= len(self.sets) <= 2
        self.attr, b = {}, Reader(self.body)
        while not b.end():
            t = b.int(2)
            assert t > max(self.attr, default=0)
            self.attr[t] = b.bytes(b.int(4))
        assert list(self.attr)[:9] == list(range(1, 10))
        self.type, self.region, self.signer = self.attr[1][1], self.attr[2], self.attr[3]

    def up(self, leaf, index, size, path):
        """RFC 6962 2.1.1 by recursion from the root; takes hashes from the path's end."""
        assert index < size
        if size == 1:
            return leaf
        k = 1
        while 2 * k < size:
            k *= 2
        other = path.pop()
        if index < k:
            return H(b"\1", self.up(leaf, index, k, path), other)
        return H(b"\1", other, self.up(leaf, index - k, size - k, path))

    def quorum(self, recovery=False):
        if self.type == DELEGATION:
            return [self.attr[KEY]], 1
        keys = self.attr[RECOVERY_KEYS if recovery else KEYS]
        m = self.attr[RECOVERY_THRESHOLD if recovery else THRESHOLD][0]
        return [keys[i:i + 64] for i in range(0, len(keys), 64)], m

    def signed(self, which, quorum):
        keys, m = quorum
        sigs = self.sets[which]
        officers = [o for o, _ in sigs]
        assert len(sigs) == m and officers == sorted(set(officers)) and keys == sorted(set(keys))
        for officer, sig in sigs:
            ecdsa(keys[officer], L("statement") + self.root, sig)


def ecdsa(pub, message, sig):
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\4" + pub)
    r, s = int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big")
    key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))


def check(s, signer, region):
    if signer is None:
        assert s.region == s.signer == s.attr[BEFORE] == bytes(32) and list(s.sets) == [1]
        return s.signed(1, s.quorum())
    assert s.region == region and s.signer == signer.leaf
    if s.type != ANCHOR:
        assert list(s.sets) == [0]
        return s.signed(0, signer.quorum())
    assert s.attr[BEFORE] == signer.leaf
    recovery = 2 in s.sets
    s.signed(2 if recovery else 0, signer.quorum(recovery))
    return s.signed(1, s.quorum())


def main():
    text = open("kmod/core/vectors/statement.h").read()
    arrays = {n: bytes.fromhex("".join(re.findall(r"0x(..)", body))) for n, body in
              re.findall(r"static const u8 stmt_(\w+)\[\] = \{(.*?)\};", text, re.S)}
    table = re.findall(r'\.name = "(\w+)", \.signer = (-?\d+)', text)
    statements = [Statement(arrays[name]) for name, _ in table]
    region = H(L("region"), statements[0].body)
    for (name, signer), s in zip(table, statements):
        assert s.leaf == arrays[name + "_leaf"] and s.root == arrays[name + "_root"], name
        check(s, statements[int(signer)] if int(signer) >= 0 else None, region)
        bad = bytearray(arrays[name])
        bad[-1] ^= 1
        try:
            check(Statement(bytes(bad)), statements[max(int(signer), 0)]
                  if int(signer) >= 0 else None, region)
            raise SystemExit(name + ": a spoilt signature holds")
        except InvalidSignature:
            pass
    instance = next(s for s in statements if s.type == INSTANCE)
    random, mode, kind, alg = (instance.attr[t] for t in (130, 96, 97, 129))
    want = {
        "region": region,
        "ecx": H(L("entity"), region, v(b"host-1")),
        "gcx": H(L("epoch"), region, v(b"staff"), (7).to_bytes(8, "big")),
        "icx": H(L("instance"), region, v(b"eu/disk"), (7).to_bytes(8, "big"), mode, kind, alg,
                 random),
        "x": H(L("sp2"), region, v(b"repo1")),
    }
    for name, value in want.items():
        assert arrays[name] == value, name
    assert len(statements) == 25
    print(len(statements), "statements and", len(want), "contexts are right")


if __name__ == "__main__":
    sys.exit(main())
