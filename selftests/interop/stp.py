# SPDX-License-Identifier: MIT
"""Frames, the handshake's both ends in both identity modes, records: Documentation/protocol-stp.rst.
No I/O, and no opinion on statements: trust.py has that."""

import os

import primitives as p
from wire import Reader, V, is_name, u24, u32, u64, u8, v, want, zero

HELLO, CHALLENGE, AUTH, RECORD, ANCHORS = range(1, 6)
LONGEST = {HELLO: 157, CHALLENGE: 14466, AUTH: 352, RECORD: 16656, ANCHORS: 16656}
(REQUEST, MANIFEST, STATEMENT, WRAP, CHUNK, DONE, UNCHANGED, REFUSED, PUSH, STALE, TICKET,
 CLOSE) = range(1, 13)
PROTOCOL = b"microhsm v1 STP 25519 AESGCM SHA256"
VERSION, SUITE = 1, 1
IDR, PLAIN, RECORDS = 14336, 16640, 1 << 24


# ---- frames ----

def frame(kind, body):
    return u8(kind) + u24(len(body)) + body


def header(head):
    """kind, length of what follows these four bytes."""
    kind, n = head[0], int.from_bytes(head[1:4], "big")
    want(kind in LONGEST and 1 <= n <= LONGEST[kind], "no such frame, or too long, or empty")
    return kind, n


def anchors_frame(anchors, more):
    return frame(ANCHORS, u8(len(anchors)) + u8(more) + b"".join(V(a) for a in anchors))


def anchors_read(body):
    """Statements' bytes, and whether more come."""
    r = Reader(body)
    n, more = r.int(1), r.int(1)
    want(1 <= n <= 8 and more <= 1, "no such anchors")
    out = [r.V() for _ in range(n)]
    r.end()
    return out, bool(more)


# ---- the Noise symmetric state, revision 34, section 5.2 ----

class Noise:
    def __init__(self, name, prologue):
        self.h = name.ljust(32, b"\0") if len(name) <= 32 else p.H(name)
        self.ck, self.k, self.n = self.h, None, 0
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.h = p.H(self.h, data)

    def _hkdf(self, ikm, n):
        t = p.expand(p.extract(self.ck, ikm), b"", 32 * n)
        return [t[i:i + 32] for i in range(0, 32 * n, 32)]

    def mix_key(self, ikm):
        self.ck, self.k = self._hkdf(ikm, 2)
        self.n = 0

    def mix_key_and_hash(self, ikm):
        self.ck, mix, self.k = self._hkdf(ikm, 3)
        self.n = 0
        self.mix_hash(mix)

    def e(self, public):
        self.mix_hash(public)
        self.mix_key(public)

    def _nonce(self):
        self.n += 1
        return zero(4) + u64(self.n - 1)

    def encrypt_and_hash(self, plain):
        out = p.gcm_seal(self.k, self._nonce(), self.h, plain)
        self.mix_hash(out)
        return out

    def decrypt_and_hash(self, sealed):
        out = p.gcm_open(self.k, self._nonce(), self.h, sealed)
        self.mix_hash(sealed)
        return out

    def split(self):
        return self._hkdf(b"", 2)


# ---- identities ----

class Secrets:
    """What an Entity proves itself with to one SP2; or what SP2 has of it, kei a public key."""

    def __init__(self, name, kei, kei_secret, kpf, region, sp2):
        """kei_secret: Kei is a secret, mode mac."""
        x = p.sp2x(region, sp2)
        self.name, self.kei, self.mac = name, kei, kei_secret
        self.kei_x = p.SUB(kei, "kei mac to", x) if kei_secret else None
        second = p.SUB(kei, "kei psk to", x) if kei_secret else zero(32)
        self.psk = p.extract(b"microhsm v1 psk", p.SUB(kpf, "kec proof to", x) + second)

    def prove(self, a):
        return p.mac(self.kei_x, a) + zero(32) if self.mac else p.sign(self.kei, a)

    def proven(self, a, proof):
        if self.mac:
            want(p.same(p.mac(self.kei_x, a) + zero(32), proof), "authI: no MAC of this Entity")
        else:
            p.verify(self.kei, proof, a)


class Who:
    """idI."""

    def __init__(self, name, serial, incarnation, sessions, receipts=0, head=zero(32)):
        self.name, self.serial, self.incarnation = name, serial, incarnation
        self.sessions, self.receipts, self.head = sessions, receipts, head

    def bytes(self):
        out = u8(len(self.name)) + self.name + u64(self.serial) + self.incarnation
        return (out + u64(self.sessions) + u64(self.receipts) + self.head).ljust(256, b"\0")

    @classmethod
    def read(cls, data):
        want(len(data) == 256, "idI of another length")
        r = Reader(data)
        who = cls(r.bytes(r.int(1)), r.int(8), r.bytes(16), r.int(8), r.int(8), r.bytes(32))
        want(is_name(who.name), "no name")
        want(not any(r.bytes(r.left())), "padding that is not zero")
        return who


class IdR:
    def __init__(self, versions, delegations, epoch):
        self.versions, self.delegations, self.epoch = versions, delegations, epoch

    def bytes(self):
        out = u8(len(self.versions)) + bytes(self.versions) + u8(len(self.delegations))
        return out + b"".join(V(d) for d in self.delegations) + V(self.epoch)

    def spoken(self):
        want(max((x for x in self.versions if x <= VERSION), default=None) == VERSION,
             "no version in common, or a better one")

    @classmethod
    def read(cls, data):
        want(len(data) <= IDR, "idR too long")
        r = Reader(data)
        versions, d = list(r.bytes(r.int(1))), r.int(1)
        want(versions and 1 <= d <= 4, "no version, no DELEGATION, or too many")
        idr = cls(versions, [r.V() for _ in range(d)], r.V())
        r.end()
        return idr


class P1:
    def __init__(self, region, serial, ticket=b"", version=VERSION, suite=SUITE):
        self.region, self.serial, self.ticket = region, serial, ticket
        self.version, self.suite = version, suite

    def bytes(self):
        return bytes([self.version, self.suite]) + self.region + u64(self.serial) + \
            u8(len(self.ticket)) + self.ticket

    @classmethod
    def read(cls, data):
        r = Reader(data)
        version, suite = r.int(1), r.int(1)
        want(version == VERSION and suite == SUITE, "another version or suite")
        p1 = cls(r.bytes(32), r.int(8), r.bytes(r.int(1)))
        want(len(p1.ticket) in (0, 64), "no ticket")
        r.end()
        return p1


# ---- SP1's end ----

class Initiator:
    def __init__(self, p1, e=None):
        self.p1, self.e = p1, e or os.urandom(32)
        self.s = Noise(PROTOCOL, p.L("stp") + p1.bytes())

    def hello(self):
        public = p.x25519_public(self.e)
        self.s.e(public)
        return frame(HELLO, v(self.p1.bytes()) + public + self.s.encrypt_and_hash(b""))

    def opened(self, body):
        """The bytes of idR; sigR is opened too, but served_by() verifies it."""
        r = Reader(body)
        other, sealed, sigr = r.bytes(32), r.v(), r.bytes(80)
        r.end()
        self.s.e(other)
        self.s.mix_key(p.dh(self.e, other))
        idr = self.s.decrypt_and_hash(sealed)
        self.signed = p.L("auth SP2") + self.s.h
        self.sigr = self.s.decrypt_and_hash(sigr)
        return idr

    def challenge(self, body):
        idr = IdR.read(self.opened(body))
        idr.spoken()
        return idr

    def served_by(self, ksp2):
        p.verify(ksp2, self.sigr, self.signed)

    def auth(self, who, secrets):
        """The frame, and the records' state; h is the session's from now on."""
        idi = who.bytes()
        body = self.s.encrypt_and_hash(idi)
        self.s.mix_key_and_hash(secrets.psk)
        self.h = self.s.h
        proof = secrets.prove(p.L("auth SP1") + self.h + idi)
        out = frame(AUTH, body + self.s.encrypt_and_hash(proof))
        mine, theirs = self.s.split()
        return out, Records(mine, theirs, "SP1")


# ---- SP2's end ----

class Responder:
    def __init__(self, e=None):
        self.e = e or os.urandom(32)

    def hello(self, body):
        r = Reader(body)
        head, self.other, tag = r.v(), r.bytes(32), r.bytes(16)
        r.end()
        p1 = P1.read(head)
        self.s = Noise(PROTOCOL, p.L("stp") + head)
        self.s.e(self.other)
        self.s.decrypt_and_hash(tag)
        return p1

    def challenge(self, idr, sign):
        """idr: bytes, so that a test may say what is no idR.  sign(message): Ksp2 does."""
        public = p.x25519_public(self.e)
        self.s.e(public)
        self.s.mix_key(p.dh(self.e, self.other))
        body = public + v(self.s.encrypt_and_hash(idr))
        sigr = sign(p.L("auth SP2") + self.s.h)
        return frame(CHALLENGE, body + self.s.encrypt_and_hash(sigr))

    def auth(self, body, secrets_of):
        """Who it is, and the records' state.  secrets_of(name): from SP2's own record."""
        want(len(body) == 352, "an auth of another length")
        idi = self.s.decrypt_and_hash(body[:272])
        who = Who.read(idi)
        secrets = secrets_of(who.name)
        self.s.mix_key_and_hash(secrets.psk)
        self.h = self.s.h
        proof = self.s.decrypt_and_hash(body[272:])
        secrets.proven(p.L("auth SP1") + self.h + idi, proof)
        theirs, mine = self.s.split()
        return who, Records(mine, theirs, "SP2")


# ---- records ----

def record_form(kind, request):
    want(REQUEST <= kind <= CLOSE, "no such record")
    want((kind <= REFUSED) == (request != 0), "a record with another's id")


class Records:
    """Both directions of a session; end: "SP1" or "SP2", ours."""

    def __init__(self, send, receive, end):
        self.keys, self.n, self.end = [send, receive], [0, 0], end

    def _nonce(self, way):
        want(self.n[way] < RECORDS, "too many records")
        self.n[way] += 1
        return zero(4) + u64(self.n[way] - 1)

    def seal(self, kind, request, body=b""):
        return self.seal_plain(u8(kind) + u32(request) + body)

    def seal_plain(self, plain):
        head = u8(RECORD) + u24(len(plain) + 16)
        return head + p.gcm_seal(self.keys[0], self._nonce(0), head, plain)

    def open(self, body):
        """type, request, body."""
        plain = p.gcm_open(self.keys[1], self._nonce(1), u8(RECORD) + u24(len(body)), body)
        r = Reader(plain)
        kind, request = r.int(1), r.int(4)
        record_form(kind, request)
        mine = kind in (REQUEST, CLOSE) if self.end == "SP2" else kind != REQUEST
        want(mine, "a record that this end does not get")
        return kind, request, r.bytes(r.left())


def request_body(dataset, version=0, purpose=1, held=zero(32), digest=zero(32)):
    return v(dataset) + u64(version) + u8(purpose) + held + digest
