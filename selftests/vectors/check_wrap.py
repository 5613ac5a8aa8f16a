#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second implementation of wraps, chains, STREAM and sealed blobs, which
shares no code with the core, run on kmod/core/vectors/wrap.h, stream.h and
blob.h; see Documentation/protocol-data.rst.  HPKE is written out here.  Needs
python3-cryptography.  From the project's directory."""

import hashlib
import hmac
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import vectors

REGION = bytes(range(0x10, 0x30))


class Refused(Exception):
    pass


def H(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def L(text):
    return b"microhsm v1 " + text.encode() + b"\0"


def v(x):
    return len(x).to_bytes(2, "big") + x


def u64(n):
    return n.to_bytes(8, "big")


def extract(salt, ikm):
    return hmac.new(salt or bytes(32), ikm, hashlib.sha256).digest()


def expand(prk, info, n=32):
    out, t = b"", b""
    while len(out) < n:
        t = hmac.new(prk, t + info + bytes([len(out) // 32 + 1]), hashlib.sha256).digest()
        out += t
    return out[:n]


def SUB(key, label, ctx):
    return expand(extract(b"microhsm v1 key", key), L(label) + ctx)


def kid(key, ctx):
    return SUB(key, "kid", ctx)


def public(private):
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


# ---- HPKE, RFC 9180, base mode, one message ----

KEM, SUITE = b"KEM\0\x20", b"HPKE\0\x20\0\x01\0\x02"


def labeled_extract(suite, salt, label, ikm):
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite, prk, label, info, n):
    return expand(prk, n.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, n)


def hpke_key(dh, enc, pk_r, info):
    eae = labeled_extract(KEM, b"", b"eae_prk", dh)
    shared = labeled_expand(KEM, eae, b"shared_secret", enc + pk_r, 32)
    ctx = b"\0" + labeled_extract(SUITE, b"", b"psk_id_hash", b"")
    ctx += labeled_extract(SUITE, b"", b"info_hash", info)
    secret = labeled_extract(SUITE, shared, b"secret", b"")
    return (labeled_expand(SUITE, secret, b"key", ctx, 32),
            labeled_expand(SUITE, secret, b"base_nonce", ctx, 12))


# ---- wraps ----

def wrap_info(k, kctx, kw, wctx):
    return L("wrap") + kid(k, kctx) + kid(kw, wctx)


def seal(f):
    """The wrap of a vector's inputs."""
    if f["kind"] == "3":
        return b"\3" + kid(f["k"], f["kctx"]) + bytes(64) + f["k"] + bytes(16)
    kw = f.get("kw_pub", f["kw"])
    info = wrap_info(f["k"], f["kctx"], kw, f["wctx"])
    if f["kind"] == "2":
        enc, key, nonce = f["random"], expand(extract(f["random"], f["kw"]), info), bytes(12)
    else:
        eph = x25519.X25519PrivateKey.from_private_bytes(f["random"])
        enc = public(eph)
        dh = eph.exchange(x25519.X25519PublicKey.from_public_bytes(kw))
        key, nonce = hpke_key(dh, enc, kw, info)
    ct = AESGCM(key).encrypt(nonce, f["k"], None)
    return bytes([int(f["kind"])]) + info[len(L("wrap")):] + enc + ct


def unwrap(wrap, kctx, kw, kw_pub, wctx):
    """What is inside, or Refused; kw_pub is None for a secret, kw for kind none."""
    if len(wrap) != 145 or wrap[0] != (3 if kw is None else 1 if kw_pub else 2):
        raise Refused
    info, enc, ct = L("wrap") + wrap[1:65], wrap[65:97], wrap[97:]
    if kw is None:
        if any(wrap[33:97]) or any(ct[32:]):
            raise Refused
        k = ct[:32]
    else:
        if wrap[33:65] != kid(kw_pub or kw, wctx):
            raise Refused
        key, nonce = expand(extract(enc, kw), info), bytes(12)
        if kw_pub:
            mine = x25519.X25519PrivateKey.from_private_bytes(kw)
            try:
                dh = mine.exchange(x25519.X25519PublicKey.from_public_bytes(enc))
            except ValueError as e:
                raise Refused from e
            key, nonce = hpke_key(dh, enc, kw_pub, info)
        try:
            k = AESGCM(key).decrypt(nonce, ct, None)
        except InvalidTag as e:
            raise Refused from e
    if kid(k, kctx) != wrap[1:33]:
        raise Refused
    return k


def chain(f, wraps, ctx):
    links = [wraps[i:i + 145] for i in range(0, len(wraps), 145)]
    kids = [w[1:33] for w in links]
    if not 1 <= len(links) <= 8 or len(set(kids)) != len(kids):
        raise Refused
    if kids[-1] != kid(f["k"], ctx[-32:]):
        raise Refused
    kw, kw_pub, wctx = f["kec"], f.get("kec_pub"), f["ecx"]
    for i, w in enumerate(links):
        kctx = ctx[32 * i:32 * i + 32]
        kw, kw_pub, wctx = unwrap(w, kctx, kw, kw_pub, wctx), None, kctx
    return kw


def contexts():
    instance = H(L("instance"), REGION, v(b"eu/disk"), u64(7), b"\3\1\1", bytes(range(0x50, 0x70)))
    entity = H(L("entity"), REGION, v(b"host-1"))
    return entity, H(L("epoch"), REGION, v(b"staff"), u64(7)), instance


def refuses(what, *args):
    try:
        what(*args)
    except Refused:
        return
    raise AssertionError("what is spoilt is taken")


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def wraps():
    text = vectors.read("wrap")
    ecx, gcx, icx = contexts()
    names = []
    for f in vectors.table(text, "wrap"):
        names.append(f["name"])
        assert f["kctx"] == icx and f.get("wctx", gcx) in (ecx, gcx), f["name"]
        assert seal(f) == f["wrap"], f["name"]
        rest = f["kctx"], f.get("kw"), f.get("kw_pub"), f.get("wctx")
        assert unwrap(f["wrap"], *rest) == f["k"], f["name"]
        for at in range(145):
            refuses(unwrap, flip(f["wrap"], at), *rest)
    for f in vectors.table(text, "chain"):
        names.append(f["name"])
        n = len(f["ctx"]) // 32
        want = [H(L("epoch"), REGION, v(b"g%d" % i), u64(i)) for i in range(1, n)] + [icx]
        assert f["ecx"] == ecx and f["ctx"] == b"".join(want), f["name"]
        assert chain(f, f["wraps"], f["ctx"]) == f["k"], f["name"]
        refuses(chain, f, f["wraps"][145:], f["ctx"][32:])
        refuses(chain, f, f["wraps"] + f["wraps"][-145:], f["ctx"] + f["ctx"][-32:])
    assert names == ["hpke", "secret", "none", "one", "three", "eight"]
    return len(names)


# ---- STREAM ----

def stream(key, data):
    parts = [data[i:i + 16384] for i in range(0, len(data), 16384)] or [b""]
    last = len(parts) - 1
    return b"".join(AESGCM(key).encrypt(i.to_bytes(11, "big") + bytes([i == last]), p, None)
                    for i, p in enumerate(parts))


def streams():
    lengths = []
    for f in vectors.table(vectors.read("stream"), "stream"):
        n = int(f["length"])
        lengths.append(n)
        label = "file" if f["file"] == "true" else "stream"
        sealed = stream(SUB(f["key"], label, f["ctx"]), bytes(i % 251 for i in range(n)))
        assert sealed[-64:] == f["end"] and H(sealed) == f["sha256"], f["name"]
    assert lengths == [0, 1, 32, 16384, 16385, 40000, 20000]
    return len(lengths)


# ---- sealed blobs ----

def blob(data, inputs, c):
    """The Seat and what is inside; inputs: of each seat, empty where c is given."""
    labels = {1: "seat file", 4: "seat key", 5: "seat other"}
    if data[:5] != b"MHSB\0" or len(inputs) != data[5] or not 1 <= data[5] <= 8:
        raise Refused
    at, ikm, cs = 6, b"", []
    for i, given in enumerate(inputs):
        seat = data[at:at + 30]
        if (seat[0] == 3) != any(seat[18:]) or not 1 <= seat[0] <= 5:
            raise Refused
        cs.append(H(L(labels[seat[0]]), given) if given else c[32 * i:32 * i + 32])
        ikm += seat[:2] + cs[-1]
        at += 30
    seat_salt, blob_salt = data[at:at + 32], data[at + 32:at + 64]
    header, at = data[:at + 68], at + 68
    seat = extract(seat_salt, ikm)
    prk = extract(blob_salt, seat)
    com = expand(prk, L("seal commit"))
    if com != data[at:at + 32]:
        raise Refused
    try:
        plain = AESGCM(expand(prk, L("seal"))).decrypt(bytes(12), data[at + 32:], header + com)
    except InvalidTag as e:
        raise Refused from e
    return seat, plain, b"".join(cs)


def split(data):
    out = []
    while data:
        n = int.from_bytes(data[:2], "big")
        out.append(data[2:2 + n])
        data = data[2 + n:]
    return out


def blobs():
    names = []
    for f in vectors.table(vectors.read("blob"), "blob"):
        names.append(f["name"])
        inputs = split(f["bytes"])
        assert blob(f["blob"], inputs, f["c"]) == (f["seat"], f["content"], f["c"]), f["name"]
        for at in range(len(f["blob"])):
            if f["name"] == "seats":
                refuses(blob, flip(f["blob"], at), inputs, f["c"])
        refuses(blob, f["blob"], [b"x" * 32] + inputs[1:], f["c"])
        refuses(blob, f["blob"], inputs[:-1], f["c"])
    assert names == ["file", "seats", "identity", "joined"]
    return len(names)


print(wraps(), "wraps and chains,", streams(), "streams,", blobs(), "blobs are right")
sys.exit(0)
