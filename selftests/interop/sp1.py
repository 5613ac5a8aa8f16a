# SPDX-License-Identifier: MIT
"""SP1 on a socket: connects, authenticates, asks, and keeps what it was told."""

import os
import socket

import data as d
import primitives as p
import stp
from answer import Answer, RefusedBySP2
from statement import PAIR
from wire import Reader, Refused, u32, want, zero


class Ended(Refused):
    """The connection was closed where the text does not end it."""


def connect(address, timeout=10):
    """host:port, or the path of a unix socket."""
    if address.startswith("/"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        sock.connect(address)
        return sock
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timeout)


class Wire:
    """Frames on a socket."""

    def __init__(self, sock):
        self.sock = sock

    def send(self, data):
        self.sock.sendall(data)

    def _exactly(self, n):
        out = b""
        while len(out) < n:
            try:
                more = self.sock.recv(n - len(out))
            except ConnectionError as e:
                raise Ended("the connection broke") from e
            if not more:
                raise Ended("the connection was closed")
            out += more
        return out

    def frame(self):
        kind, n = stp.header(self._exactly(4))
        return kind, self._exactly(n)

    def silent_end(self):
        """Nothing comes but the end."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def shut(self):
        """The end, for whoever reads at either end."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        self.sock.close()


class Host:
    """An enrolled Entity: its keys, its trust, and what it holds, across sessions."""

    def __init__(self, keys, trust):
        self.keys, self.trust = keys, trust
        self.incarnation, self.sessions = os.urandom(16), 0
        self.receipts, self.head, self.ticket = 0, zero(32), b""
        self.held, self.versions = {}, {}
        self.kec = d.Key(keys.kec, p.ecx(trust.region, keys.name), keys.kec_kind == PAIR)

    def secrets(self, sp2):
        k, region = self.keys, self.trust.region
        return stp.Secrets(k.name, k.kei, k.kei_kind != PAIR, k.kpf(region), region, sp2)

    def who(self):
        self.sessions += 1
        return stp.Who(self.keys.name, self.trust.entity.serial, self.incarnation, self.sessions,
                       self.receipts, self.head)

    def delivered(self, x, request, h):
        dataset, version = x.manifest.dataset, x.manifest.version
        self.held[dataset] = x
        self.versions[dataset] = max(version, self.versions.get(dataset, 0))
        self.receipts += 1
        self.head = p.H(p.L("receipt"), self.head, x.instance.leaf, u32(request), h)


class Session:
    """The steps of a session, each of which a test may take wrongly: see session()."""

    def __init__(self, host, sock):
        self.host, self.trust, self.wire = host, host.trust, Wire(sock)
        self.next, self.open, self.pushes, self.over = 1, {}, [], False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.wire.close()

    # ---- handshake ----

    def hello(self, p1=None):
        p1 = p1 or stp.P1(self.trust.region, self.trust.newest.serial, self.host.ticket)
        self.sp1 = stp.Initiator(p1)
        self.wire.send(self.sp1.hello())

    def challenge(self):
        """ANCHORs that are newer, then the challenge: all of it verified."""
        more = True
        while True:
            kind, body = self.wire.frame()
            if kind != stp.ANCHORS:
                break
            want(more, "anchors after the last")
            anchors, more = stp.anchors_read(body)
            for a in anchors:
                self.trust.learn_anchor(a)
        want(kind == stp.CHALLENGE, "a message out of turn")
        self.serve = self.trust.server(self.sp1.challenge(body))
        self.sp1.served_by(self.serve.attr[32])
        self.sp2 = self.serve.subject

    def auth(self, secrets=None, who=None):
        frame, self.records = self.sp1.auth(who or self.host.who(),
                                            secrets or self.host.secrets(self.sp2))
        self.wire.send(frame)

    # ---- records ----

    def ask(self, dataset, version=0, hold=True):
        """The request's id.  hold: say what is held of it."""
        held = self.host.held.get(dataset) if hold else None
        leaf, digest = (held.instance.leaf, held.digest()) if held else (zero(32), zero(32))
        request, self.next = self.next, self.next + 1
        self.open[request] = Answer(self, dataset, version, held)
        body = stp.request_body(dataset, version, 1, leaf, digest)
        self.wire.send(self.records.seal(stp.REQUEST, request, body))
        return request

    def record(self):
        """Takes one record."""
        kind, body = self.wire.frame()
        want(kind == stp.RECORD, "a frame out of turn")
        kind, request, body = self.records.open(body)
        if request:
            want(request in self.open, "an id that is not open")
            self._answered(request, kind, body)
        elif kind == stp.PUSH:
            self._pushed(body)
        elif kind == stp.TICKET:
            want(len(body) == 64, "no ticket")
            self.host.ticket = body
        elif kind == stp.STALE:
            r = Reader(body)
            r.v()
            r.end()
        else:
            want(kind == stp.CLOSE and not body, "no CLOSE")
            self.over = True

    def _pushed(self, body):
        """What does not hold does nothing."""
        try:
            self.pushes.append(self.trust.pushed(body))
        except Refused as e:
            print("# pushed, and refused: %s" % e)

    def _answered(self, request, kind, body):
        a = self.open[request]
        a.record(kind, body)
        if a.result is None:
            return
        if kind == stp.DONE:
            self.host.delivered(a.result, request, self.sp1.h)

    def result(self, request):
        """Of an answer: the Delivery.  Raises RefusedBySP2."""
        a = self.open[request]
        while a.result is None:
            want(not self.over, "the end in the place of DONE")
            self.record()
        del self.open[request]
        if isinstance(a.result, RefusedBySP2):
            raise a.result
        return a.result

    def fetch(self, dataset, version=0, hold=True):
        return self.result(self.ask(dataset, version, hold))

    def close(self):
        """Ours, and whether nothing came but the end."""
        self.wire.send(self.records.seal(stp.CLOSE, 0))
        self.ended = self.wire.silent_end()


def session(host, address):
    s = Session(host, connect(address))
    try:
        s.hello()
        s.challenge()
        s.auth()
    except BaseException:
        s.wire.close()
        raise
    return s
