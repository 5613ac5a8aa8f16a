# SPDX-License-Identifier: MIT
"""SP1's checks of the answer to one REQUEST: Documentation/protocol-stp.rst, "Requests"."""

import data as d
import primitives as p
import stp
from policy import Allowed
from statement import (AES, ANCHOR, DATASET, DELEGATION, ENTITY, GENERATE, GROUP, GROUP_EPOCH,
                       INSTANCE, KIND_KEY, MEMBER, MODE_GROUP, P256, POLICY, SESSION, Statement)
from wire import Reader, Refused, want, zero

SENT = {DATASET, POLICY, GROUP, MEMBER, ENTITY, DELEGATION, GROUP_EPOCH}
NEXT = {
    None: {stp.MANIFEST, stp.UNCHANGED, stp.REFUSED},
    stp.MANIFEST: {stp.STATEMENT, stp.WRAP},
    stp.STATEMENT: {stp.STATEMENT, stp.WRAP},
    stp.WRAP: {stp.WRAP, stp.CHUNK},
    stp.CHUNK: {stp.CHUNK, stp.DONE},
}


class RefusedBySP2(Exception):
    """A REFUSED: its code, milliseconds to wait, step."""

    def __init__(self, code, wait, step):
        super().__init__("refused: code %d" % code)
        self.code, self.wait, self.step = code, wait, step


def refusal(body):
    r = Reader(body)
    out = RefusedBySP2(r.int(1), r.int(4), r.int(1))
    r.end()
    want(1 <= out.code <= 8 and out.step <= 4, "no refusal")
    return out


def done(body):
    """How many records, and the INSTANCE's leaf."""
    r = Reader(body)
    out = r.int(4), r.bytes(32)
    r.end()
    return out


class Delivery:
    """What SP1 holds of a DataSet: the Data, the INSTANCE, its statements, what they allow."""

    def __init__(self, answer):
        self.instance, self.manifest, self.plain = answer.instance, answer.m, answer.plain
        self.statements, self.allowed = answer.statements, answer.allowed

    def digest(self):
        return digest(self.statements)


def digest(statements):
    return p.H(*sorted(s.leaf for s in statements)) if statements else zero(32)


class Answer:
    """Takes the records of one request in order; over when it has a result: a Delivery, or held."""

    def __init__(self, session, dataset, version=0, held=None):
        host = session.host
        self.trust, self.serve, self.kec = host.trust, session.serve, host.kec
        self.dataset, self.version, self.floor = dataset, version, host.versions.get(dataset, 0)
        self.held, self.last, self.count, self.result = held, None, 0, None
        self.statements, self.wraps, self.plain, self.sealed = [], [], b"", b""

    def record(self, kind, body):
        want(self.result is None and kind in NEXT[self.last], "an answer out of order")
        if self.last == stp.STATEMENT and kind != stp.STATEMENT or \
                self.last == stp.MANIFEST and kind == stp.WRAP:
            self._statements()
        if self.last == stp.WRAP and kind == stp.CHUNK:
            self._wraps()
        {stp.MANIFEST: self._manifest, stp.STATEMENT: self._statement, stp.WRAP: self._wrap,
         stp.CHUNK: self._chunk, stp.DONE: self._done, stp.UNCHANGED: self._unchanged,
         stp.REFUSED: self._refused}[kind](body)
        self.last = kind
        self.count += 1

    # ---- MANIFEST ----

    def _manifest(self, body):
        s = Statement(body)
        want(s.type == INSTANCE and s.region == self.trust.region, "no INSTANCE of this Region")
        self.instance, self.m = s, d.Manifest(s)
        want(self.m.dataset == self.dataset, "of another DataSet")
        want(self.version in (0, self.m.version), "another version")

    # ---- STATEMENTs ----

    def _statement(self, body):
        s = Statement(body)
        want(s.region == self.trust.region and s.type in SENT, "what is not sent")
        self.statements.append(s)
        want(len(self.statements) <= 16, "too many statements")

    def _statements(self):
        if not self.statements and self.held:
            self.statements = self.held.statements
        dataset = [s for s in self.statements if s.type == DATASET]
        want(len(dataset) == 1 and dataset[0].subject == self.dataset, "not the one DATASET")
        dataset, trust = dataset[0], self.trust
        trust.good(dataset, self.statements)
        want((dataset.number(96), dataset.number(97)) == (self.m.mode, self.m.kind),
             "another mode or kind than the DataSet's")
        self._owned(dataset, trust.good(self.instance, self.statements))
        self._policies(dataset)

    @staticmethod
    def _owned(dataset, by):
        owner = dataset.attr[98]
        if by.type == DELEGATION:
            want(by.role == GENERATE, "not by its owner")
        elif owner:
            want(by.type == GROUP and by.subject == owner, "not by its owner")
        else:
            want(by.type == ANCHOR, "not by its owner")

    def _policies(self, dataset):
        named = set(dataset.leaves()) | set(self.instance.leaves())
        policies = [s for s in self.statements if s.type == POLICY and s.leaf in named]
        want({s.leaf for s in policies} == named and len(named) <= 8,
             "a POLICY is missing, or there are too many")
        for q in policies:
            self.trust.good(q, self.statements)
        self.allowed = Allowed(policies, self.instance)

    # ---- WRAPs ----

    def _wrap(self, body):
        r = Reader(body)
        alternative, wrap = r.int(1), d.Wrap(r.bytes(d.WRAP))
        r.end()
        want(not self.wraps or alternative >= self.wraps[-1][0], "alternatives that descend")
        self.wraps.append((alternative, wrap))
        want(len(self.wraps) <= 32, "too many wraps")
        want(len([a for a, _ in self.wraps if a == alternative]) <= d.LINKS, "too many links")

    def _contexts(self, links):
        """Of what each link holds; None where it is of no GROUP_EPOCH that came."""
        epochs = {}
        for s in self.statements:
            if s.type == GROUP_EPOCH and not s.attr[194]:
                epochs[s.attr[193]] = p.gcx(s.region, s.subject, s.number(192)), s
        out = []
        for w in links[:-1]:
            if w.k not in epochs:
                return None
            ctx, s = epochs[w.k]
            self.trust.good(s, self.statements)
            out.append(ctx)
        return out + [self.m.icx]

    def _chain(self, links):
        """Ke by these, or None if they do not open."""
        want(len(links) == 1 or self.m.mode == MODE_GROUP, "more than one link")
        want(all(w.kind != d.NONE for w in links), "kind none out of mode session")
        contexts = self._contexts(links)
        try:
            return d.chain_open(links, self.kec, contexts, self.m.ke_kid) if contexts else None
        except Refused:
            return None

    def _wraps(self):
        if self.m.mode == SESSION:
            want(len(self.wraps) == 1 and self.wraps[0][1].kind == d.NONE, "not the one wrap")
            ke = self.wraps[0][1].open(self.m.icx, None)
        else:
            ways = {}
            for alternative, w in self.wraps:
                ways.setdefault(alternative, []).append(w)
            ke = next((k for k in map(self._chain, ways.values()) if k), None)
            want(ke is not None, "no chain from this Kec")
        self.stream = d.OpenStream(self.m.key(ke), self.m.length)

    # ---- Data ----

    def _chunk(self, body):
        self.plain += self.stream.chunk(body)
        self.sealed += body

    def _done(self, body):
        count, leaf = done(body)
        self.stream.done()
        want(count == self.count and leaf == self.instance.leaf, "DONE of another answer")
        want(p.H(self.sealed) == self.m.sha256, "other Data than the INSTANCE's")
        self._deliver()
        self.result = Delivery(self)

    def _deliver(self):
        """Once more, at this time."""
        for s in [self.instance] + self.statements:
            self.trust.good(s, self.statements)
        self.trust.serves(self.serve, self.dataset)
        want(self.trust.fresh() or self.allowed.on_stale, "the EPOCH has ended")
        want(self.version or self.m.version >= self.floor, "an older version than one that came")
        self._fits()

    def _fits(self):
        """Key Data is a key of its algorithm."""
        alg = self.instance.attr[120][0] if self.m.kind == KIND_KEY else 0
        want(alg not in (AES, P256) or len(self.plain) == 32, "a key of another length")
        want(alg != P256 or p.is_p256_private(self.plain), "no P-256 key")

    def _unchanged(self, body):
        want(self.held is not None and body == self.held.instance.leaf, "not what is held")
        self.result = self.held

    def _refused(self, body):
        self.result = refusal(body)
