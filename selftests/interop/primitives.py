# SPDX-License-Identifier: MIT
"""Primitives and contexts of Documentation/protocol*.rst, on python3-cryptography."""

import base64
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wire import Refused, u8, u16, u64, v, want


def H(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def L(text):
    return b"microhsm v1 " + text.encode("ascii") + b"\0"


def same(a, b):
    return hmac.compare_digest(a, b)


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def extract(salt, ikm):
    return mac(salt, ikm)


def expand(prk, info, n=32):
    out, t = b"", b""
    while len(out) < n:
        t = mac(prk, t, info, u8(len(out) // 32 + 1))
        out += t
    return out[:n]


def SUB(key, label, ctx):
    return expand(extract(b"microhsm v1 key", key), L(label) + ctx)


def kid(key, ctx):
    return SUB(key, "kid", ctx)


def kpf(kec, ctx):
    """Of Kec-public or Kec-secret."""
    return SUB(kec, "kec proof", ctx)


def fingerprint(digest):
    text = base64.b32encode(digest).decode("ascii").lower()[:20]
    return "-".join(text[i:i + 4] for i in range(0, 20, 4))


# ---- contexts ----

def region_id(genesis_body):
    return H(L("region"), genesis_body)


def ecx(region, name):
    return H(L("entity"), region, v(name))


def gcx(region, group, epoch):
    return H(L("epoch"), region, v(group), u64(epoch))


def icx(region, dataset, version, mode, kind, alg, random):
    return H(L("instance"), region, v(dataset), u64(version), bytes([mode, kind, alg]), random)


def sp2x(region, name):
    """X."""
    return H(L("sp2"), region, v(name))


# ---- AES-256-GCM ----

def gcm_seal(key, nonce, ad, plain):
    return AESGCM(key).encrypt(nonce, plain, ad)


def gcm_open(key, nonce, ad, sealed):
    try:
        return AESGCM(key).decrypt(nonce, sealed, ad)
    except (InvalidTag, ValueError) as e:
        raise Refused("does not open") from e


# ---- X25519 ----

def x25519_public(private):
    key = x25519.X25519PrivateKey.from_private_bytes(private).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def dh(private, public):
    """An all-zero result, which the library makes an error, is Refused."""
    mine = x25519.X25519PrivateKey.from_private_bytes(private)
    try:
        out = mine.exchange(x25519.X25519PublicKey.from_public_bytes(public))
    except ValueError as e:
        raise Refused("X25519: all zeros") from e
    want(any(out), "X25519: all zeros")
    return out


ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551


# ---- P-256: public keys x || y, private ones 32 bytes, signatures r || s ----

def p256_point(public):
    want(len(public) == 64, "a P-256 key of another length")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\4" + public)
    except ValueError as e:
        raise Refused("no P-256 key") from e


def p256_private():
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_numbers().private_value.to_bytes(32, "big")


def is_p256_private(x):
    return 0 < int.from_bytes(x, "big") < ORDER


def _p256(private):
    return ec.derive_private_key(int.from_bytes(private, "big"), ec.SECP256R1())


def p256_public(private):
    key = _p256(private).public_key()
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]


def sign(private, *message):
    der = _p256(private).sign(b"".join(message), ec.ECDSA(hashes.SHA256()))
    r, s = utils.decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(public, sig, *message):
    want(len(sig) == 64, "a signature of another length")
    r, s = int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big")
    der = utils.encode_dss_signature(r, s)
    try:
        p256_point(public).verify(der, b"".join(message), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as e:
        raise Refused("a signature does not hold") from e


# ---- HPKE: RFC 9180, base mode, one message, aad empty ----

KEM, SUITE = b"KEM\0\x20", b"HPKE\0\x20\0\x01\0\x02"


def _labeled_extract(suite, salt, label, ikm):
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def _labeled_expand(suite, prk, label, info, n):
    return expand(prk, u16(n) + b"HPKE-v1" + suite + label + info, n)


def _hpke_key(shared_dh, enc, pk, info):
    eae = _labeled_extract(KEM, b"", b"eae_prk", shared_dh)
    shared = _labeled_expand(KEM, eae, b"shared_secret", enc + pk, 32)
    ctx = b"\0" + _labeled_extract(SUITE, b"", b"psk_id_hash", b"")
    ctx += _labeled_extract(SUITE, b"", b"info_hash", info)
    secret = _labeled_extract(SUITE, shared, b"secret", b"")
    return (_labeled_expand(SUITE, secret, b"key", ctx, 32),
            _labeled_expand(SUITE, secret, b"base_nonce", ctx, 12))


def hpke_seal(pk, info, plain, sk_e=None):
    """enc, ct."""
    sk_e = sk_e or os.urandom(32)
    enc = x25519_public(sk_e)
    key, nonce = _hpke_key(dh(sk_e, pk), enc, pk, info)
    return enc, gcm_seal(key, nonce, b"", plain)


def hpke_open(sk, enc, info, ct):
    key, nonce = _hpke_key(dh(sk, enc), enc, x25519_public(sk), info)
    return gcm_open(key, nonce, b"", ct)
