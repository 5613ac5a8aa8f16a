# SPDX-License-Identifier: MIT
"""SP2: serves what an Office made, to one socket at a time or to many.  What a test wants otherwise
it changes in Hooks."""

import socket
import threading

import data as d
import primitives as p
import stp
from office import chain
from statement import FRESHNESS, PAIR, SERVE, SESSION
from wire import Reader, Refused, is_dataset, u32, u8, want

UNKNOWN, REVOKED = 1, 2


class Question:
    """A REQUEST."""

    def __init__(self, request, body):
        r = Reader(body)
        self.request = request
        self.dataset, self.version, self.purpose = r.v(), r.int(8), r.int(1)
        self.held, self.digest = r.bytes(32), r.bytes(32)
        r.end()
        want(is_dataset(self.dataset) and 1 <= self.purpose <= 3, "no REQUEST")


class Reply:
    """What is sent for one REQUEST, part by part."""

    def __init__(self, instance, statements, wraps):
        """wraps: (alternative, wrap)."""
        self.manifest, self.statements = instance.statement.bytes, [s.bytes for s in statements]
        self.leaf, self.wraps, self.chunks = instance.statement.leaf, wraps, instance.chunks

    def records(self):
        out = [(stp.MANIFEST, self.manifest)]
        out += [(stp.STATEMENT, s) for s in self.statements]
        out += [(stp.WRAP, u8(a) + w) for a, w in self.wraps]
        out += [(stp.CHUNK, c) for c in self.chunks]
        return out + [(stp.DONE, u32(len(out)) + self.leaf)]


class Hooks:
    """Each is given what is right, and gives what is sent."""

    def frames(self, frames):
        """Before the challenge, and it: a list."""
        return frames

    def idr(self, idr):
        return idr.bytes()

    def sign(self, sp2, message):
        return p.sign(sp2.ksp2, message)

    def pushes(self, pushes):
        """(type, body) of request 0, after auth."""
        return pushes

    def reply(self, reply):
        """Reply's parts."""
        return reply

    def records(self, records):
        return records

    def sealed(self, frames):
        """The frames of an answer."""
        return frames


class Known:
    """SP2's record of an Entity.  kec: Kec-public; Kpf, where Kec is a secret."""

    def __init__(self, statement, kei, kec):
        pair, ctx = statement.number(51) == PAIR, p.ecx(statement.region, statement.subject)
        self.mac = statement.number(48) != PAIR
        want((p.kid(kei, ctx) if self.mac else kei) == statement.attr[49], "another Kei")
        want(p.kid(kec, ctx) == statement.attr[52 if pair else 54], "another Kec-public or Kpf")
        self.kei, self.kpf = kei, p.kpf(kec, ctx) if pair else kec


class Shelf:
    """One DataSet: its DATASET and POLICYs, its Instances by version, what they need beside."""

    def __init__(self, dataset, policies=()):
        self.dataset, self.policies = dataset, list(policies)
        self.instances, self.beside, self.links = {}, [], ()

    def statements(self):
        return self.beside + self.policies + [self.dataset]


class SP2:
    """name: the server's.  Its DELEGATIONs and EPOCH are the office's to make anew."""

    def __init__(self, office, name=b"py"):
        self.office, self.name, self.hooks = office, name, Hooks()
        self.shelves, self.gone = {}, {}
        self.delegate()

    def delegate(self):
        """By the officers of now."""
        self.serve = self.office.delegate(SERVE, self.name)
        self.fresh = self.office.delegate(FRESHNESS, self.name + b".fresh")
        self.above = []  # the parent of an onward serve DELEGATION
        self.epoch = self.office.epoch(self.fresh)

    @property
    def ksp2(self):
        return self.serve.privates[0]

    def delegations(self):
        return [self.serve.statement.bytes] + [s.bytes for s in self.above] + \
            [self.fresh.statement.bytes]

    def idr(self):
        return stp.IdR([stp.VERSION], self.delegations(), self.epoch.bytes)

    # ---- what it has ----

    def put(self, shelf, instance):
        self.shelves[shelf.dataset.subject] = shelf
        shelf.instances[instance.manifest.version] = instance

    def secrets_of(self, name):
        e = self.office.entities.get(name)
        want(e is not None, "no such Entity")
        known = Known(e.statement, *e.told())
        return stp.Secrets(name, known.kei, known.mac, known.kpf, self.office.region, self.name)

    def wraps(self, shelf, instance, entity):
        m = instance.manifest
        if m.mode == SESSION:
            return [(0, d.wrap_none(instance.ke, m.icx))]
        return [(0, w) for w in chain(instance, entity, shelf.links)]

    def answer(self, q, name):
        """Records that answer."""
        shelf = self.shelves.get(q.dataset)
        if name in self.gone:
            return [refused(REVOKED)]
        version = q.version or max(shelf.instances, default=0) if shelf else 0
        if not version or version not in shelf.instances:
            return [refused(UNKNOWN)]
        instance, statements = shelf.instances[version], shelf.statements()
        if q.digest == p.H(*sorted(s.leaf for s in statements)):
            if q.held == instance.statement.leaf:
                return [(stp.UNCHANGED, q.held)]
            statements = []
        wraps = self.wraps(shelf, instance, self.office.entities[name])
        return self.hooks.records(self.hooks.reply(Reply(instance, statements, wraps)).records())


def refused(code, wait=0, step=0):
    return stp.REFUSED, u8(code) + u32(wait) + u8(step)


class Serving:
    """One connection."""

    def __init__(self, sp2, wire):
        self.sp2, self.wire, self.hooks = sp2, wire, sp2.hooks
        self.lock = threading.Lock()

    def _frame(self, kind):
        got, body = self.wire.frame()
        want(got == kind, "a message out of turn")
        return body

    def handshake(self):
        end, sp2 = stp.Responder(), self.sp2
        p1 = end.hello(self._frame(stp.HELLO))
        want(p1.region == sp2.office.region, "a Region that is not served")
        out, newer = [], [a.bytes for a in sp2.office.anchors if a.serial > p1.serial]
        for i in range(0, len(newer), 8):
            out.append(stp.anchors_frame(newer[i:i + 8], i + 8 < len(newer)))
        idr = self.hooks.idr(sp2.idr())
        out.append(end.challenge(idr, lambda m: self.hooks.sign(sp2, m)))
        for frame in self.hooks.frames(out):
            self.wire.send(frame)
        self.who, self.records = end.auth(self._frame(stp.AUTH), sp2.secrets_of)
        self.h = end.h

    def send(self, records, request=0):
        with self.lock:
            frames = [self.records.seal(kind, 0 if kind == stp.PUSH else request, body)
                      for kind, body in records]
            for frame in self.hooks.sealed(frames) if request else frames:
                self.wire.send(frame)

    def run(self):
        """Until the end of the session, whatever it is."""
        self.handshake()
        gone = self.sp2.gone.get(self.who.name, [])
        self.send(self.hooks.pushes([(stp.PUSH, s.bytes) for s in gone]))
        last = 0
        while True:
            kind, request, body = self.records.open(self._frame(stp.RECORD))
            if kind == stp.CLOSE:
                want(not body, "CLOSE with a body")
                return
            want(request > last, "an id that does not rise")
            last = request
            self.send(self.sp2.answer(Question(request, body), self.who.name), request)
            if gone:
                return


class Listener:
    """A thread for each connection."""

    def __init__(self, sp2, wire_of, host="127.0.0.1", port=0):
        self.sp2, self.wire_of, self.sessions = sp2, wire_of, []
        self.sock = socket.create_server((host, port))
        self.address = "%s:%d" % self.sock.getsockname()[:2]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock = self.sock.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with sock:
            serving = Serving(self.sp2, self.wire_of(sock))
            self.sessions.append(serving)
            try:
                serving.run()
            except (Refused, OSError) as e:
                print("# sp2: %s\n" % e, end="", flush=True)
            self.sessions.remove(serving)

    def push(self, statements):
        """On every open session."""
        for s in list(self.sessions):
            s.send([(stp.PUSH, x.bytes) for x in statements])

    def close(self):
        self.sock.close()
