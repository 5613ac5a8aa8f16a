# SPDX-License-Identifier: MIT
"""Wraps, chains, Encrypted Data: Documentation/protocol-data.rst."""

import os

import primitives as p
from wire import Reader, u64, u8, want, zero

HPKE, SECRET, NONE = 1, 2, 3
WRAP = 145
CHUNK, TAG = 16384, 16
LINKS = 8


class Key:
    """A Kw at hand, with its context: the private part of a pair, or a secret."""

    def __init__(self, value, ctx, pair=False):
        self.value, self.ctx, self.pair = value, ctx, pair
        self.public = p.x25519_public(value) if pair else value
        self.kid = p.kid(self.public, ctx)


# ---- wraps ----

class Wrap:
    def __init__(self, data):
        want(len(data) == WRAP, "a wrap of another length")
        r = Reader(data)
        self.kind, self.k, self.kw, self.r, self.ct = \
            r.int(1), r.bytes(32), r.bytes(32), r.bytes(32), r.bytes(48)
        want(self.kind in (HPKE, SECRET, NONE), "a wrap of another kind")
        if self.kind == NONE:
            want(not any(self.kw + self.r + self.ct[32:]), "kind none with more than its key")
        self.info = p.L("wrap") + self.k + self.kw

    def _inside(self, key):
        if self.kind == NONE:
            want(key is None, "kind none takes no key")
            return self.ct[:32]
        want(key is not None and key.pair == (self.kind == HPKE), "a wrap for another kind of key")
        want(p.same(self.kw, key.kid), "a wrap for another key")
        if self.kind == HPKE:
            return p.hpke_open(key.value, self.r, self.info, self.ct)
        return p.gcm_open(p.expand(p.extract(self.r, key.value), self.info), zero(12), b"", self.ct)

    def open(self, kctx, key):
        """K, whose context is kctx; key is None for kind none."""
        k = self._inside(key)
        want(p.same(p.kid(k, kctx), self.k), "what came out is not what the wrap says")
        return k


def wrap_none(k, kctx):
    return u8(NONE) + p.kid(k, kctx) + zero(64) + k + zero(16)


def wrap_to(kind, k, kctx, kw, wctx, random=None):
    """kw is the public part of a pair, or the secret; random is skE or the salt."""
    random = random or os.urandom(32)
    kids = p.kid(k, kctx) + p.kid(kw, wctx)
    info = p.L("wrap") + kids
    if kind == HPKE:
        enc, ct = p.hpke_seal(kw, info, k, random)
        return u8(kind) + kids + enc + ct
    ct = p.gcm_seal(p.expand(p.extract(random, kw), info), zero(12), b"", k)
    return u8(kind) + kids + random + ct


# ---- chains ----

def chain_holds(wraps, first, last):
    """What is known of a chain before any of it is opened."""
    want(1 <= len(wraps) <= LINKS, "a chain of no link, or of too many")
    want(all(w.kind != NONE for w in wraps), "kind none in a chain")
    want(all(w.kind == SECRET for w in wraps[1:]), "a link after the first that is for a pair")
    want(p.same(wraps[0].kw, first), "a chain for another key")
    for before, after in zip(wraps, wraps[1:]):
        want(after.kw == before.k, "a chain that is broken")
    want(wraps[-1].k == last, "a chain to another key")
    kids = [w.k for w in wraps]
    want(len(set(kids)) == len(kids) and wraps[0].kw not in kids, "a chain that leads back")


def chain_open(wraps, kec, contexts, last):
    """Ke.  contexts: of what each link holds; last is the kid that is wanted."""
    want(len(contexts) == len(wraps), "a context for each link")
    chain_holds(wraps, kec.kid, last)
    key = kec
    for w, ctx in zip(wraps, contexts):
        key = Key(w.open(ctx, key), ctx)
    return key.value


# ---- Encrypted Data ----

def sealed_length(n):
    return n + TAG * max(1, -(-n // CHUNK))


def plain_length(n):
    """Of the plaintext of n bytes of Encrypted Data."""
    chunks = -(-n // (CHUNK + TAG))
    plain = n - TAG * chunks
    want(plain >= 0 and sealed_length(plain) == n, "a length that no plaintext has")
    return plain


def _nonce(i, last):
    return zero(3) + u64(i) + u8(last)


def seal_stream(key, plain):
    """The chunks."""
    parts = [plain[i:i + CHUNK] for i in range(0, len(plain), CHUNK)] or [b""]
    return [p.gcm_seal(key, _nonce(i, i == len(parts) - 1), b"", part)
            for i, part in enumerate(parts)]


class OpenStream:
    """Takes the chunks of so many bytes of Encrypted Data in order."""

    def __init__(self, key, length):
        plain_length(length)
        self.key, self.left, self.i, self.over = key, length, 0, False

    def chunk(self, sealed):
        want(not self.over, "a chunk after the last")
        last = self.left <= CHUNK + TAG
        self.over = True  # until it has opened
        want(len(sealed) == (self.left if last else CHUNK + TAG), "a chunk of another length")
        plain = p.gcm_open(self.key, _nonce(self.i, last), b"", sealed)
        self.left -= len(sealed)
        self.i += 1
        self.over = last
        return plain

    def done(self):
        want(not self.left, "chunks are missing")


def open_stream(key, sealed):
    s, out, r = OpenStream(key, len(sealed)), b"", Reader(sealed)
    while r.left():
        out += s.chunk(r.bytes(min(r.left(), CHUNK + TAG)))
    s.done()
    return out


# ---- what an INSTANCE says of its Data ----

class Manifest:
    """Of a verified INSTANCE, no tombstone."""

    def __init__(self, instance):
        n = instance.number
        want(not instance.has(135), "a tombstone delivers nothing")
        self.dataset, version = instance.subject.split(b"@")
        self.version = int(version)
        self.mode, self.kind, self.delivery = n(96), n(97), n(134)
        self.icx = p.icx(instance.region, self.dataset, self.version, self.mode, self.kind, n(129),
                         instance.attr[130])
        self.ke_kid, self.length, self.sha256 = instance.attr[131], n(132), instance.attr[133]

    def key(self, ke):
        want(p.same(p.kid(ke, self.icx), self.ke_kid), "another Ke")
        return p.SUB(ke, "stream", self.icx)
