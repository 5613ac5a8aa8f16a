# SPDX-License-Identifier: MIT
"""Wrong things by one end, that the other must end the session on: tables of a name and a step."""

import os

import primitives as p
import sp1
import stp
from statement import PAIR
from wire import u32, u8, want, zero

LOW_ORDER = zero(32)
ORDER_8 = bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")


# ---- by SP1, before the challenge ----

def p1(s, **other):
    return stp.P1(s.trust.region, s.trust.newest.serial, **other)


def first(data):
    return lambda s: s.wire.send(data)


def hello(**other):
    return lambda s: s.hello(p1(s, **other))


def other_region(s):
    s.hello(stp.P1(os.urandom(32), 1))


def hello_spoilt(s):
    out = stp.Initiator(p1(s)).hello()
    s.wire.send(out[:-1] + u8(out[-1] ^ 1))


def hello_longer(s):
    out = stp.Initiator(p1(s)).hello()[4:] + b"\0"
    s.wire.send(stp.frame(stp.HELLO, out))


def point(public):
    def step(s):
        noise = stp.Initiator(p1(s)).s
        noise.e(public)
        tag = noise.encrypt_and_hash(b"")
        s.wire.send(stp.frame(stp.HELLO, stp.v(p1(s).bytes()) + public + tag))
    return step


# ---- by SP1, after the challenge ----

def challenged(s):
    s.hello()
    s.challenge()


def instead_of_auth(kind, body):
    def step(s):
        challenged(s)
        s.wire.send(stp.frame(kind, body))
    return step


def request_before_auth(s):
    """Sealed under the keys that would be, had auth been sent."""
    challenged(s)
    _, records = s.sp1.auth(s.host.who(), s.host.secrets(s.sp2))
    s.wire.send(records.seal(stp.REQUEST, 1, stp.request_body(b"a/group")))


def hello_again(s):
    challenged(s)
    s.hello()


def secrets(s, name=None, kei=None, kec=None):
    k, name = s.host.keys, name or s.host.keys.name
    kpf = p.kpf(kec or k.kec_shown(), p.ecx(s.trust.region, name))
    return stp.Secrets(name, kei or k.kei, k.kei_kind != PAIR, kpf, s.trust.region, s.sp2)


def wrong_psk(s):
    challenged(s)
    s.auth(secrets(s, kec=p.x25519_public(os.urandom(32))))


def wrong_kei(s):
    challenged(s)
    s.auth(secrets(s, kei=p.p256_private()))


def psk_of_another_sp2(s):
    challenged(s)
    s.sp2 = b"another"
    s.auth()


class Idi(stp.Who):
    """An idI with these bytes from at on."""

    def __init__(self, who, at, other):
        super().__init__(who.name, who.serial, who.incarnation, who.sessions)
        self.at, self.other = at, other

    def bytes(self):
        out = super().bytes()
        return (out[:self.at] + self.other + out[self.at + len(self.other):])[:256]


def idi(at, other):
    def step(s):
        challenged(s)
        s.auth(None, Idi(s.host.who(), at, other))
    return step


def other_name(s):
    challenged(s)
    who = s.host.who()
    who.name = b"nobody"
    s.auth(secrets(s, name=who.name), who)


def proof(f):
    """authI is f(s, A, the right one), under the right psk."""
    def step(s):
        challenged(s)
        mine = s.host.secrets(s.sp2)
        right = mine.prove
        mine.prove = lambda a: f(s, a, right(a))
        s.auth(mine)
    return step


def of_the_other_mode(s, a, right):
    if s.host.keys.kei_kind == PAIR:
        return p.mac(os.urandom(32), a) + zero(32)
    return p.sign(p.p256_private(), a)


def for_another_sp2(s, a, right):
    return s.host.secrets(b"another").prove(a)


def auth_spoilt(at):
    def step(s):
        challenged(s)
        out, _ = s.sp1.auth(s.host.who(), s.host.secrets(s.sp2))
        out = bytearray(out)
        out[4 + at] ^= 1
        s.wire.send(bytes(out))
    return step


def auth_cut(s):
    challenged(s)
    out, _ = s.sp1.auth(s.host.who(), s.host.secrets(s.sp2))
    s.wire.send(stp.frame(stp.AUTH, out[4:-1]))


def auth_of_another_session(s):
    with sp1.Session(s.host, sp1.connect(s.address)) as other:
        challenged(other)
        out, _ = other.sp1.auth(s.host.who(), s.host.secrets(other.sp2))
    challenged(s)
    s.wire.send(out)


# ---- by SP1, in records ----

def authenticated(s):
    challenged(s)
    s.auth()


def record(kind, request, body=b""):
    def step(s):
        authenticated(s)
        s.wire.send(s.records.seal(kind, request, body))
    return step


def plain(data):
    def step(s):
        authenticated(s)
        s.wire.send(s.records.seal_plain(data))
    return step


def record_spoilt(s):
    authenticated(s)
    out = s.records.seal(stp.REQUEST, 1, stp.request_body(b"a/group"))
    s.wire.send(out[:-1] + u8(out[-1] ^ 1))


def record_too_early(s):
    """The second of two, without the first."""
    authenticated(s)
    s.records.seal(stp.REQUEST, 1, stp.request_body(b"a/group"))
    s.wire.send(s.records.seal(stp.REQUEST, 2, stp.request_body(b"a/group")))


def record_of_the_other_way(s):
    authenticated(s)
    s.records.keys.reverse()
    s.wire.send(s.records.seal(stp.REQUEST, 1, stp.request_body(b"a/group")))


def answered(s):
    authenticated(s)
    s.fetch(b"a/group", hold=False)


def record_twice(s):
    authenticated(s)
    out = s.records.seal(stp.REQUEST, 1, stp.request_body(b"a/none"))
    s.wire.send(out)
    s.wire.frame()  # its REFUSED
    s.wire.send(out)


def ids(*numbers):
    """The last is the wrong one; those before are answered."""
    def step(s):
        authenticated(s)
        for n in numbers[:-1]:
            s.next = n
            s.fetch(b"a/group", hold=False)
        s.wire.send(s.records.seal(stp.REQUEST, numbers[-1], stp.request_body(b"a/group")))
    return step


def auth_again(s):
    answered(s)
    s.wire.send(stp.frame(stp.AUTH, zero(352)))


GROUP = stp.request_body(b"a/group")

# In mode mac: beside those below.
BY_MAC = [
    ("a MAC with the second half not zero", proof(lambda s, a, right: right[:32] + right[:32])),
    ("a MAC for another SP2", proof(for_another_sp2)),
]

# Nothing wrong: what they are told from.
RIGHT = [
    ("hello", hello()),
    ("a REQUEST", record(stp.REQUEST, 1, GROUP)),
]

BY_SP1 = [
    # what is no frame
    ("no such kind of frame: 0", first(b"\0\0\0\1\0")),
    ("no such kind of frame: 6", first(b"\6\0\0\1\0")),
    ("an empty frame", first(b"\1\0\0\0")),
    ("a hello of 158 bytes, by its header alone", first(b"\1\0\0\x9e")),
    ("a record of 16,657, by its header alone", first(b"\4\0\x41\x11")),
    # hello
    ("a record in the place of hello", first(stp.frame(stp.RECORD, zero(64)))),
    ("an auth in the place of hello", first(stp.frame(stp.AUTH, zero(352)))),
    ("anchors from SP1", first(stp.frame(stp.ANCHORS, b"\1\0" + u32(0)))),
    ("version 0", hello(version=0)),
    ("version 2", hello(version=2)),
    ("suite 0", hello(suite=0)),
    ("suite 2", hello(suite=2)),
    ("a Region that is not served", other_region),
    ("a ticket of 5 bytes", hello(ticket=b"12345")),
    ("a tag that is spoilt", hello_spoilt),
    ("a hello with a byte more", hello_longer),
    ("e of zeros", point(LOW_ORDER)),
    ("e of order 8", point(ORDER_8)),
    # auth
    ("a REQUEST before auth", request_before_auth),
    ("a challenge from SP1", instead_of_auth(stp.CHALLENGE, zero(200))),
    ("hello again", hello_again),
    ("an auth of zeros", instead_of_auth(stp.AUTH, zero(352))),
    ("an auth that is cut", auth_cut),
    ("an auth spoilt in idI", auth_spoilt(0)),
    ("an auth spoilt in authI", auth_spoilt(351)),
    ("an auth of another session", auth_of_another_session),
    ("the wrong Kec, so the wrong psk", wrong_psk),
    ("the psk for another SP2", psk_of_another_sp2),
    ("the wrong Kei", wrong_kei),
    ("authI of the other mode", proof(of_the_other_mode)),
    ("authI of zeros", proof(lambda s, a, right: zero(64))),
    ("authI over another A", proof(lambda s, a, right: s.host.secrets(s.sp2).prove(a + b"\0"))),
    ("no Entity of this name", other_name),
    ("idI with a name of no byte", idi(0, b"\0")),
    ("idI with a name past its end", idi(0, b"\xff")),
    ("idI with a name that is none", idi(1, b"/")),
    ("idI with padding that is not zero", idi(255, b"\1")),
    # records
    ("a REQUEST with id 0", record(stp.REQUEST, 0, GROUP)),
    ("an answer from SP1", record(stp.MANIFEST, 1, zero(64))),
    ("a PUSH from SP1", record(stp.PUSH, 0, zero(64))),
    ("a record of type 0", record(0, 1)),
    ("a record of type 13", record(13, 0)),
    ("CLOSE with an id", record(stp.CLOSE, 1)),
    ("CLOSE with a body", record(stp.CLOSE, 0, b"\0")),
    ("a record of four bytes", plain(zero(4))),
    ("a record that is spoilt", record_spoilt),
    ("a record before its turn", record_too_early),
    ("a record twice", record_twice),
    ("a record of the other direction", record_of_the_other_way),
    ("an id again", ids(1, 1)),
    ("an id that falls", ids(3, 2)),
    ("auth again", auth_again),
    # REQUEST
    ("a REQUEST that is cut", record(stp.REQUEST, 1, GROUP[:-1])),
    ("a REQUEST with a byte more", record(stp.REQUEST, 1, GROUP + b"\0")),
    ("a REQUEST with a name that is none",
     record(stp.REQUEST, 1, stp.request_body(b"a//group"))),
    ("a REQUEST with purpose 0", record(stp.REQUEST, 1, stp.request_body(b"a/group", 0, 0))),
    ("a REQUEST with purpose 4", record(stp.REQUEST, 1, stp.request_body(b"a/group", 0, 4))),
]


def closed(step, host, address):
    """The step, and nothing after it but the end."""
    with sp1.Session(host, sp1.connect(address, 3)) as s:
        s.address = address
        step(s)
        want(s.wire.silent_end(), "bytes, and not the end")
