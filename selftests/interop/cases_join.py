# SPDX-License-Identifier: MIT
"""Bundles, right and wrong, for a host that has made its join request, and what JOIN says of each
(Documentation/uapi.rst).  What is refused changes nothing, so they are for one host, in order."""

import copy
import os

import enrol
import primitives as p
from cases import flip
from statement import ENTITY, PAIR, SECRET
from wire import u8, v, zero

CODE = bytes(range(enrol.CODE))


class Join:
    """An office's server, and an Entity of its whose request that is."""

    def __init__(self, office, sp2, asked, addresses):
        self.office, self.sp2, self.asked, self.addresses = office, sp2, asked, addresses
        self.entity = office.entities[asked.name]

    def bundle(self, tail=None, code=None, request=None, attrs=None):
        """tail: in the place of its secrets; attrs: in another ENTITY than its own."""
        entity = self.entity.statement
        if attrs:
            entity = self.office.issue(ENTITY, entity.subject, {**self.entity.attrs(), **attrs},
                                       serial=entity.serial)
        tail = self.sealed(code=code) if tail is None else tail
        return enrol.bundle_make((request or self.asked).hash,
                                 [a.bytes for a in self.office.anchors], entity.bytes,
                                 self.sp2.delegations(), self.sp2.epoch.bytes, self.addresses, tail)

    def sealed(self, plain=None, code=None, request=None, region=None):
        plain = self.entity.secrets() if plain is None else plain
        if not plain:
            return b""
        return enrol.secrets_seal(request or self.asked, region or self.office.region, plain, code)

    def other(self, **differs):
        """The request, some of it another's."""
        out = copy.copy(self.asked)
        vars(out).update(differs)
        return out

    # ---- tables of (name, what JOIN says, bundle, code that the host gives) ----

    def any_kind(self):
        key, kid = p.p256_public(p.p256_private()), os.urandom(32)
        kei = (PAIR, key) if self.entity.mac else (SECRET, kid)
        kec = (SECRET, kid) if self.entity.pair else (PAIR, None)
        yield "bundle_of_another", "ENOKEY", self.bundle(request=self.other(hash=kid)), None
        for name, attrs in (
                ("kei_kind", {48: u8(kei[0]), 49: kei[1]}),
                ("kec_kind", {51: u8(kec[0]), 54: kec[1]}),
                ("kei", {49: kid if self.entity.mac else key}), ("kes", {50: key}),
                ("kec", {52: kid})):
            yield "entity_of_another_" + name, "ENOKEY", self.bundle(attrs=attrs), None

    def of_pairs(self):
        tail = enrol.secrets_seal(self.other(once=p.x25519_public(os.urandom(32))),
                                  self.office.region, os.urandom(32))
        yield "secrets_for_pairs", "EBADMSG", self.bundle(tail), None
        yield "a_code_for_pairs", "EBADMSG", self.bundle(), CODE

    def of_secrets(self):
        plain, right, by_code = self.entity.secrets(), self.sealed(), self.sealed(code=CODE)
        number = plain[:32] if len(plain) == 64 else plain * 2
        to_another = self.other(once=p.x25519_public(os.urandom(32)))
        for name, tail in (
                ("no_secrets", b""),
                ("secrets_cut", right[:-1]),
                ("secrets_longer", right + b"\0"),
                ("secrets_twice", right * 2),
                ("secrets_by_route_0", u8(0) + right[1:]),
                ("secrets_by_route_3", u8(3) + right[1:]),
                ("secrets_with_another_enc", flip(right, 1)),
                ("secrets_spoilt", flip(right)),
                ("secrets_of_no_byte", right[:33] + v(zero(16))),
                ("a_secret_of_31", self.sealed(plain[:-1])),
                ("three_secrets", self.sealed(plain[:32] * 3)),
                ("another_number_of_secrets", self.sealed(number)),
                ("secrets_for_another", self.sealed(request=to_another)),
                ("secrets_of_another_request", self.sealed(request=self.other(hash=zero(32)))),
                ("secrets_of_another_region", self.sealed(region=zero(32))),
                ("secrets_by_a_code_as_by_host", u8(1) + by_code[1:])):
            yield name, "EBADMSG", self.bundle(tail), None
        yield "other_secrets", "ENOKEY", self.bundle(self.sealed(os.urandom(len(plain)))), None
        for name, tail, code in (
                ("a_code_where_there_is_none", right, CODE),
                ("no_code", by_code, None),
                ("another_code", by_code, flip(CODE)),
                ("secrets_by_host_as_by_a_code", u8(2) + right[1:], CODE),
                ("secrets_with_another_salt", flip(by_code, 1), CODE),
                ("secrets_by_a_code_spoilt", flip(by_code), CODE)):
            yield name, "EBADMSG", self.bundle(tail), code

    def wrong(self):
        yield from self.any_kind()
        yield from self.of_secrets() if self.entity.secrets() else self.of_pairs()

    def right(self):
        """Each by itself: the host that has joined joins no more."""
        yield "a_right_bundle", "ok", self.bundle(), None
        if self.entity.secrets():
            yield "a_right_bundle_by_a_code", "ok", self.bundle(code=CODE), CODE
