#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second implementation of the handshake, which shares no code with the
core, run on kmod/core/vectors/stp.h; see Documentation/protocol-stp.rst.
Needs python3-cryptography.  From the project's directory."""

import hashlib
import hmac
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def H(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def L(text):
    return b"microhsm v1 " + text.encode() + b"\0"


def v(x):
    return len(x).to_bytes(2, "big") + x


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def expand(prk, info, n):
    out, t = b"", b""
    while len(out) < n:
        t = mac(prk, t, info, bytes([len(out) // 32 + 1]))
        out += t
    return out[:n]


def SUB(key, label, ctx):
    return expand(mac(b"microhsm v1 key", key), L(label) + ctx, 32)


class Noise:
    """Revision 34, section 5.2."""

    def __init__(self, name, prologue):
        self.h = name.ljust(32, b"\0") if len(name) <= 32 else H(name)
        self.ck, self.k, self.n = self.h, None, 0
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.h = H(self.h, data)

    def mix_key(self, ikm):
        self.ck, self.k = [expand(mac(self.ck, ikm), b"", 64)[i:i + 32] for i in (0, 32)]
        self.n = 0

    def mix_key_and_hash(self, ikm):
        t = expand(mac(self.ck, ikm), b"", 96)
        self.ck, self.k, self.n = t[:32], t[64:], 0
        self.mix_hash(t[32:64])

    def encrypt_and_hash(self, data):
        out = AESGCM(self.k).encrypt(bytes(4) + self.n.to_bytes(8, "big"), data, self.h)
        self.n += 1
        self.mix_hash(out)
        return out

    def split(self):
        t = expand(mac(self.ck, b""), b"", 64)
        return t[:32], t[32:]


def frame(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def record(key, n, kind, request, body):
    plain = bytes([kind]) + request.to_bytes(4, "big") + body
    head = bytes([4]) + (len(plain) + 16).to_bytes(3, "big")
    return head + AESGCM(key).encrypt(bytes(4) + n.to_bytes(8, "big"), plain, head)


def verify(pub, sig, data):
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\4" + pub)
    der = utils.encode_dss_signature(int.from_bytes(sig[:32], "big"),
                                     int.from_bytes(sig[32:], "big"))
    try:
        key.verify(der, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def public(private):
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def count(n, first):
    return bytes((first + i) & 255 for i in range(n))


def run(f, mode):
    wrong = []

    def same(what, got):
        if got != f[what]:
            wrong.append(what)

    region, name = f["region"], b"host1"
    x = H(L("sp2"), region, v(b"repo1"))
    same("x", x)
    kpf = SUB(f["kec"], "kec proof", H(L("entity"), region, v(name)))
    second = SUB(f["kei"], "kei psk to", x) if mode == "mac" else bytes(32)
    psk = mac(b"microhsm v1 psk", SUB(kpf, "kec proof to", x) + second)
    same("psk", psk)

    ei, er = [x25519.X25519PrivateKey.from_private_bytes(f[e]) for e in ("ei", "er")]
    p1 = bytes([0, 1]) + region + (3).to_bytes(8, "big") + b"\0"
    s = Noise(b"microhsm v1 STP 25519 AESGCM SHA256", L("stp") + p1)
    s.mix_hash(public(ei))
    s.mix_key(public(ei))
    same("hello", frame(1, v(p1) + public(ei) + s.encrypt_and_hash(b"")))

    s.mix_hash(public(er))
    s.mix_key(public(er))
    s.mix_key(er.exchange(ei.public_key()))
    sealed = s.encrypt_and_hash(f["idr"])
    if not verify(f["ksp2_pub"], f["sigr"], L("auth SP2") + s.h):
        wrong.append("sigr")
    body = public(er) + v(sealed)
    same("challenge", frame(2, body + s.encrypt_and_hash(f["sigr"])))

    idi = bytes([len(name)]) + name + (7).to_bytes(8, "big") + count(16, 0xa0)
    idi += (9).to_bytes(8, "big") + (2).to_bytes(8, "big") + count(32, 0xb0)
    idi = idi.ljust(256, b"\0")
    body = s.encrypt_and_hash(idi)
    s.mix_key_and_hash(psk)
    same("h", s.h)
    a = L("auth SP1") + s.h + idi
    if mode == "mac":
        same("authi", mac(SUB(f["kei"], "kei mac to", x), a) + bytes(32))
    elif not verify(f["kei_pub"], f["authi"], a):
        wrong.append("authi")
    same("auth", frame(3, body + s.encrypt_and_hash(f["authi"])))

    k1, k2 = s.split()
    same("request", record(k1, 0, 1, 1, b"q" * 10))
    same("answer", record(k2, 0, 5, 1, b"d" * 10))
    return wrong


def main():
    with open("kmod/core/vectors/stp.h", encoding="ascii") as header:
        text = header.read()
    status = 0
    for mode in ("signature", "mac"):
        fields = re.findall(r"u8 stp_%s_(\w+)\[\] = \{([^}]*)\}" % mode, text)
        f = {n: bytes(int(b, 16) for b in re.findall("0x([0-9a-f]{2})", b)) for n, b in fields}
        wrong = run(f, mode)
        print(mode, "differs: " + ", ".join(wrong) if wrong else "agrees")
        status |= bool(wrong)
    return status


sys.exit(main())
