# SPDX-License-Identifier: MIT
"""What an SP2 may do, right and wrong, and the errno of the fetch that meets it, or "ok"
(Documentation/uapi.rst).  A case is a function that is given a Case, in which all is right, and
spoils it; cases_*.py have them."""

import copy
import functools

import make
import office as o
import stp
from sp2 import Hooks, Shelf
from statement import MODE_GROUP
from wire import u32

TABLE = []
AHEAD = 3000  # seconds that an office's clock is behind, so that each case can be later
KEY = b"the thirty-two bytes of the key."


def case(errno, after=None, table=None):
    """after: the name of a case whose DataSet it is, and what the host knows of that."""
    def add(spoil):
        (TABLE if table is None else table).append((spoil.__name__, errno, spoil, after))
        return spoil
    return add


class Case:
    """A DataSet of mode group of its own, with version 1, on an SP2 of its own."""

    def __init__(self, sp2, entity, name):
        self.office, self.entity, self.name = sp2.office, entity, b"w/" + name.encode("ascii")
        self.shelves = {}
        self.begin(sp2)
        self.make()

    def begin(self, sp2):
        """Five seconds after the last case, with an EPOCH of then: all is right, or right again."""
        self.parent, self.sp2 = sp2, copy.copy(sp2)
        self.sp2.shelves, self.hooks = self.shelves, Hooks()
        self.sp2.hooks = self.hooks
        self.office.now += 5
        self.epoch()

    def make(self, mode=MODE_GROUP, attrs=None, policy=None, version=1, dataset=None, instance=None,
             plain=KEY):
        """All of it anew; dataset, instance: of issue()."""
        self.policy = self.office.policy(self.name, {118: u32(2), **(policy or {})})
        self.remake(mode, attrs, version, dataset, instance, plain)

    def remake(self, mode=MODE_GROUP, attrs=None, version=1, dataset=None, instance=None, plain=KEY,
               policies=None):
        """With the POLICY that is there, or these."""
        policies = [self.policy] if policies is None else policies
        self.plain, self.exported = plain, bool(policies)
        said = {"mode": mode, "policies": policies, **(dataset or {})}
        self.dataset = self.office.dataset(self.name, **said)
        self.instance = self.office.instance(self.name, version, plain, mode, policies=policies,
                                             attrs=attrs, **(instance or {}))
        self.shelf = Shelf(self.dataset, policies)
        self.sp2.put(self.shelf, self.instance)

    def epoch(self, **other):
        self.sp2.epoch = self.office.epoch(self.sp2.fresh, **other)

    def hook(self, name, f):
        setattr(self.hooks, name, f)

    def parts(self, f):
        """f(reply) changes it."""
        def hook(reply):
            f(reply)
            return reply
        self.hooks.reply = hook

    def push(self, *statements):
        """When it has authenticated."""
        self.hooks.pushes = lambda before: before + [(stp.PUSH, s.bytes) for s in statements]

    @staticmethod
    def forged(what):
        """The same body, signed by officers of another Region."""
        return make.alone(what.body, (0, o.officers()))


def flip(data, at=-1):
    out = bytearray(data)
    out[at] ^= 1
    return bytes(out)


# ---- what a case may be made of ----

def idr(f):
    """f(c, idr) changes it."""
    @functools.wraps(f)
    def spoil(c):
        def hook(x):
            f(c, x)
            return x.bytes()
        c.hook("idr", hook)
    return spoil


def frames(f):
    """f(c, frames): those before auth, the challenge being the last."""
    @functools.wraps(f)
    def spoil(c):
        c.hook("frames", lambda x: f(c, x))
    return spoil


def manifest(f):
    """f(c): the bytes in the place of MANIFEST."""
    @functools.wraps(f)
    def spoil(c):
        out = f(c)
        c.parts(lambda r: setattr(r, "manifest", out))
    return spoil


def statements(f):
    """f(c, statements): their bytes; the POLICY's and the DATASET's."""
    @functools.wraps(f)
    def spoil(c):
        c.parts(lambda r: setattr(r, "statements", f(c, r.statements)))
    return spoil


def wraps(f):
    """f(c, wraps), as (alternative, wrap)."""
    @functools.wraps(f)
    def spoil(c):
        c.parts(lambda r: setattr(r, "wraps", f(c, r.wraps)))
    return spoil


def chunks(f):
    """f(chunks)."""
    @functools.wraps(f)
    def spoil(c):
        c.parts(lambda r: setattr(r, "chunks", f(r.chunks)))
    return spoil


def records(f):
    """f(records), as (type, body)."""
    @functools.wraps(f)
    def spoil(c):
        c.hook("records", f)
    return spoil


def sealed(f):
    """f(frames): of the answer."""
    @functools.wraps(f)
    def spoil(c):
        c.hook("sealed", f)
    return spoil


def named(errno, name, spoil, after=None):
    """A case that is no function of its own."""
    spoil.__name__ = name
    case(errno, after)(spoil)


class Cases:
    """All of a table on one SP2, in order."""

    def __init__(self, sp2, entity, table=None):
        self.sp2, self.entity, self.table, self.had = sp2, entity, table or TABLE, {}

    def __iter__(self):
        """name, errno, Case; spoilt, so to be served before the next one is asked for."""
        for name, errno, spoil, after in self.table:
            if after:
                self.had[name] = self.had[after]
                self.had[name].begin(self.sp2)
            else:
                self.had[name] = Case(self.sp2, self.entity, name)
            spoil(self.had[name])
            yield name, errno, self.had[name]
