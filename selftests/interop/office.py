# SPDX-License-Identifier: MIT
"""An office: a Region's officers, and what they, its servers and its originators make."""

import os
import time

import data as d
import make
import primitives as p
from statement import (AES, ANCHOR, DATASET, DAY, DELEGATION, ENTITY, EPOCH, GROUP, GROUP_EPOCH,
                       HOUR, INSTANCE, KIND_KEY, MEMBER, PAIR, POLICY, REVOKE, SECRET, SERVE,
                       SESSION, SUSPEND, Statement)
from wire import u16, u32, u64, u8, v, zero

TEMPLATE_AES = u8(AES) + u32(32)


def officers(n=1, threshold=None):
    return make.Signer([p.p256_private() for _ in range(n)], threshold)


class Entity:
    """What the office has of one: the public keys of its join request, the secrets made for it,
    and its ENTITY."""

    def __init__(self, request, region):
        self.name, self.ecx = request.name, p.ecx(region, request.name)
        self.mac, self.pair = request.kei_kind != PAIR, request.kec_kind == PAIR
        self.kei = os.urandom(32) if self.mac else request.kei
        self.kec = request.kec if self.pair else os.urandom(32)
        self.kes, self.statement = request.kes, None

    def secrets(self):
        """For its bundle."""
        return (self.kei if self.mac else b"") + (b"" if self.pair else self.kec)

    def told(self):
        """Kei and Kec for SP2, to which nobody tells a Kec-secret: Kpf it is then."""
        return self.kei, self.kec if self.pair else p.kpf(self.kec, self.ecx)

    def attrs(self):
        kei, kec = self.told()
        return {48: u8(SECRET if self.mac else PAIR), 49: p.kid(kei, self.ecx) if self.mac else kei,
                50: self.kes, 51: u8(PAIR if self.pair else SECRET),
                52: p.kid(self.kec, self.ecx), 54: None if self.pair else p.kid(kec, self.ecx)}


class Instance:
    """Data as the originator made it."""

    def __init__(self, statement, ke, chunks):
        self.statement, self.ke, self.chunks = statement, ke, chunks
        self.manifest = d.Manifest(statement)


class Office:
    """now: what its clock shows; every statement is issued then."""

    def __init__(self, label=b"hq", signer=None, now=None):
        self.label, self.region = label, zero(32)
        self.now = int(time.time() if now is None else now)
        self.serials = {}
        self.rag = signer or officers()
        self.anchors = [self._genesis()]
        self.region = p.region_id(self.anchors[0].body)
        self.entities, self.revokes, self.running = {}, 0, zero(32)

    # ---- statements ----

    def serial(self, kind, subject):
        self.serials[kind, subject] = self.serials.get((kind, subject), 0) + 1
        return self.serials[kind, subject]

    def body(self, kind, subject, attrs, leaf, life, **other):
        """other: what is to differ; begins: seconds after now that it does."""
        begins = other.pop("begins", 0)
        said = {
            "region": self.region, "signer": leaf, "subject": subject,
            "serial": other.pop("serial", None) or self.serial(kind, subject),
            "issued": self.now, "not_before": self.now + begins,
            "not_after": self.now + begins + life,
        }
        return make.body(kind, attrs, **{**said, **other})

    def issue(self, kind, subject, attrs, by=None, life=365 * DAY, **other):
        """A Statement; what is no right one is bytes()'s to make."""
        return Statement(self.bytes(kind, subject, attrs, by, life, **other))

    def bytes(self, kind, subject, attrs, by=None, life=365 * DAY, **other):
        by = by or self.rag
        return make.alone(self.body(kind, subject, attrs, by.leaf, life, **other), (0, by))

    # ---- ANCHORs ----

    @staticmethod
    def quorum(signer, least=0):
        return {16: signer.keys(), 17: u8(signer.threshold), 19: u64(least)}

    def _genesis(self):
        attrs = {**self.quorum(self.rag), 18: zero(32)}
        s = make.anchor(self.body(ANCHOR, self.label, attrs, zero(32), 3650 * DAY), self.rag)
        self.rag.statement = s
        return s

    def next_anchor(self, new=None, least=0, publish=True, **other):
        new = new or officers()
        before = self.anchors[-1]
        other.setdefault("serial", before.serial + 1)
        attrs = {**self.quorum(new, least), 18: before.leaf, **other.pop("attrs", {})}
        what = self.body(ANCHOR, self.label, attrs, before.leaf, 3650 * DAY, **other)
        s = make.anchor(what, new, self.rag)
        if publish:
            new.statement = s
            self.anchors.append(s)
            self.former, self.rag = self.rag, new
        return s

    # ---- DELEGATIONs, EPOCHs ----

    def delegate(self, role, subject, by=None, life=90 * DAY, attrs=None, private=None, **other):
        """A Signer, whose statement is the DELEGATION."""
        key = private or p.p256_private()
        have = {32: p.p256_public(key), 34: u8(role), **(attrs or {})}
        if role == SERVE:
            have.setdefault(33, p.p256_public(p.p256_private()))
        return make.Signer([key], 1, self.issue(DELEGATION, subject, have, by, life, **other))

    def epoch(self, *of, **other):
        return Statement(self.epoch_bytes(*of, **other))

    def epoch_bytes(self, fresh, life=DAY, attrs=None, **other):
        subject = fresh.statement.subject
        serial = other.pop("serial", None) or self.serial(EPOCH, subject)
        have = {176: u64(serial), 177: u64(self.revokes), 178: self.running, 179: u64(0),
                **(attrs or {})}
        return self.bytes(EPOCH, subject, have, fresh, life, serial=serial, **other)

    # ---- Entities ----

    def enrol(self, request, by=None, **other):
        """The Entity of a join request."""
        out = Entity(request, self.region)
        out.statement = self.issue(ENTITY, out.name, out.attrs(), by, **other)
        self.entities[out.name] = out
        return out

    def revoke(self, s, **other):
        attrs = {144: u8(s.type), 145: u64(s.serial)}
        out = self.issue(REVOKE, s.subject, attrs, **other)
        self.revokes += 1
        self.running = p.H(self.running, out.leaf)
        return out

    def suspend(self, name, by, life=HOUR, **other):
        return self.issue(SUSPEND, name, {160: u64(self.now + life)}, by, life, **other)

    # ---- groups ----

    def group(self, name, rights=(), signer=None, by=None, least=0, **other):
        """rights: (bits, DataSet or prefix).  A Signer, whose statement is the GROUP."""
        signer = signer or officers()
        attrs = self.quorum(signer, least)
        if rights:
            attrs[64] = b"".join(sorted(u16(bits) + v(x) for bits, x in rights))
        s = self.issue(GROUP, name, attrs, by, **other)
        return make.Signer(signer.privates, signer.threshold, s)

    def member(self, group, name, kind=1, by=None, **other):
        return self.issue(MEMBER, group + b"/" + name, {80: u8(kind)}, by, **other)

    def group_epoch(self, group, number, kgc, before=zero(32), public=b"", **other):
        name = group.statement.subject
        kid = p.kid(public or kgc, p.gcx(self.region, name, number))
        attrs = {18: before, 192: u64(number), 193: kid, 194: public}
        return self.issue(GROUP_EPOCH, name, attrs, group, **other)

    # ---- DataSets ----

    def policy(self, name, attrs=None, by=None, **other):
        return self.issue(POLICY, name, {112: u8(1), 120: TEMPLATE_AES, **(attrs or {})}, by,
                          **other)

    def dataset(self, name, mode=SESSION, kind=KIND_KEY, owner=b"", policies=(), by=None, **other):
        attrs = {96: u8(mode), 97: u8(kind), 98: owner, 99: leaves(policies)}
        return self.issue(DATASET, name, attrs, by, **other)

    def instance(self, name, version, plain, mode=SESSION, kind=KIND_KEY, policies=(), by=None,
                 attrs=None, **other):
        random, ke = os.urandom(32), os.urandom(32)
        icx = p.icx(self.region, name, version, mode, kind, 1, random)
        chunks = d.seal_stream(p.SUB(ke, "stream", icx), plain)
        sealed = b"".join(chunks)
        have = {
            128: u64(version), 96: u8(mode), 97: u8(kind), 129: u8(1), 130: random,
            131: p.kid(ke, icx), 132: u64(len(sealed)), 133: p.H(sealed), 134: u8(min(kind, 3)),
            99: leaves(policies), 120: TEMPLATE_AES, **(attrs or {}),
        }
        s = self.issue(INSTANCE, name + b"@%d" % version, have, by, **other)
        return Instance(s, ke, chunks)


def leaves(statements):
    """A list of leaves; left out when it is empty."""
    return b"".join(sorted(s.leaf for s in statements)) or None


def chain(instance, entity, links=()):
    """WRAPs from an Entity's Kec to Ke, which the office makes.  links: (Kgc, its gcx) between."""
    kind = d.HPKE if entity.pair else d.SECRET
    kw, wctx = entity.kec, entity.ecx
    out = []
    for k, ctx in [*links, (instance.ke, instance.manifest.icx)]:
        out.append(d.wrap_to(kind, k, ctx, kw, wctx))
        kind, kw, wctx = d.SECRET, k, ctx
    return out
