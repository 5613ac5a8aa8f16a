#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Python office and SP2 for kernel/r02_memory.sh: beside its VM, whose memory, all of it, is
the file $MH_RAM.  What the host's kernel is given or makes is known here, so it can be looked for
there.  Asked over its port as run_sp2.py is:

  region      the Region's fingerprint, and its region_id
  request N   then N bytes of a join request: enrols
  join        as of run_sp2.py, the right bundle first; bundle: that bundle
  blob N M    then N bytes of the device secret and M of a sealed blob: opens it
  data MODE   a DataSet of that mode, of one key, is put: its name
  end         all sessions are ended
  forms       which secrets are known: a line "WHICH NAME" of each
  look        which of them are in memory: a line find_bytes -l of each

WHICH is identity (what the kernel keeps until it forgets the identity), session (the keys of the
sessions so far), data (the keys that were delivered), spent (what serves once and is wiped then)."""

import os
import subprocess

import cases
import cases_join
import enrol
import primitives as p
import run_sp2
import stp
from sealed import Blob, Identity
from statement import GUARDIAN, MODE_GROUP, PAIR, SESSION

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PUBLIC = b"psk_id_hash", b"info_hash"  # what HPKE extracts from no secret
FIND = os.path.join(TOP, "build", "ktest", "find_bytes")


class Secrets:
    """All that was ever noted, each once: what is spent, and is something else too, is that."""

    def __init__(self):
        self.known = {}

    def note(self, which, name, value):
        if len(value) >= 16 and (which != "spent" or value not in self.known):
            self.known[value] = "%s.%s" % (which, name)

    def scalar(self, name, d):
        """A P-256 private key, and what a ladder makes of it: d + n, d + 2n."""
        self.note("identity", name, d)
        for i in (1, 2):
            n = (int.from_bytes(d, "big") + i * p.ORDER) % 2**256
            self.note("spent", "%s+%dn" % (name, i), n.to_bytes(32, "big"))

    def listed(self):
        return "".join("%s %s\n" % (name, value.hex()) for value, name in self.known.items())


SECRETS = Secrets()


def noting(module, name, which):
    """which(result, arguments): notes."""
    f = getattr(module, name)

    def noted(*args):
        out = f(*args)
        which(out, *args)
        return out
    setattr(module, name, noted)


def watch():
    """Each key that is made from another, by whichever end."""
    noting(p, "dh", lambda out, *a: SECRETS.note("spent", "dh", out))
    noting(p, "extract", lambda out, salt, ikm: any(x in ikm for x in PUBLIC) or
           SECRETS.note("spent", "extract", out))
    noting(p, "SUB", lambda out, k, label, ctx: label == "kid" or
           SECRETS.note("spent", label.replace(" ", "-"), out))
    noting(p, "gcm_seal", lambda out, key, *a: SECRETS.note("spent", "gcm", key))
    noting(p, "gcm_open", lambda out, key, *a: SECRETS.note("spent", "gcm", key))
    noting(stp.Noise, "mix_key", lambda out, s, *a: SECRETS.note("spent", "ck", s.ck))
    noting(stp.Noise, "mix_key_and_hash", lambda out, s, *a: SECRETS.note("spent", "ck", s.ck))
    noting(stp.Noise, "split", lambda out, s: [SECRETS.note("session", "key", k) for k in out])


class Beside(run_sp2.Beside):
    commands = {**run_sp2.Beside.commands, b"blob": "blob", b"data": "data", b"end": "end",
                b"forms": "forms", b"look": "look"}

    def request(self, f, n):
        asked = enrol.Request(f.read(int(n)))
        self.entity, self.number = self.office.enrol(asked), 0
        self.joins = iter(cases_join.Join(self.office, self.sp2, asked,
                                          [run_sp2.ADDRESS]).right())
        for name, kind in (("kei", asked.kei_kind), ("kec", asked.kec_kind)):
            if kind != PAIR:
                SECRETS.note("identity", name, getattr(self.entity, name))
        return b"enrolled\n"

    def blob(self, f, n, m):
        secret, sealed = f.read(int(n)), f.read(int(m))
        b = Blob(sealed, [secret])
        i = Identity(b.content)
        for name, kind in (("kei", i.kei_kind), ("kes", PAIR)):
            if kind == PAIR:
                SECRETS.scalar(name, getattr(i, name))
        if i.kec_kind == PAIR:
            SECRETS.note("identity", "kec", i.kec)
        # Konce's, while it has not joined; then these are the office's, which are known
        SECRETS.note("spent", "once", i.kei if i.kei_kind != PAIR else i.kec)
        SECRETS.note("identity", "seat", b.seat)
        for name in ("c", "prk", "kseal"):
            SECRETS.note("spent", name, getattr(b, name))
        return b"opened\n"

    def data(self, f, mode):
        self.number += 1
        c = cases.Case(self.sp2, self.entity, "%s%d" % (self.entity.name.decode(), self.number))
        plain = os.urandom(32)
        c.remake({b"group": MODE_GROUP, b"guardian": GUARDIAN, b"session": SESSION}[mode],
                 plain=plain)
        self.sp2.put(c.shelf, c.instance)  # on the session that is open, too
        SECRETS.note("data", "plain", plain)
        SECRETS.note("spent", "ke", c.instance.ke)
        return c.name + b"\n"

    def end(self, f):
        for serving in list(self.sessions):
            serving.wire.shut()
        return b"ended\n"

    def forms(self, f):
        return "".join(sorted("%s\n" % x for x in set(SECRETS.known.values()))).encode("ascii")

    def look(self, f):
        found = subprocess.run([FIND, "-l", "-", os.environ["MH_RAM"]], check=True,
                               input=SECRETS.listed().encode("ascii"), stdout=subprocess.PIPE)
        return found.stdout


if __name__ == "__main__":
    watch()
    run_sp2.serve(Beside)
