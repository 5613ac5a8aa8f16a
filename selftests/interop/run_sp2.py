#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Python office and SP2 for kernel/interop_sp2.sh: beside its VM, see vm/vm.sh.  Says the
port that it listens on, and goes on until it is killed.

A connection that does not begin with a hello is asked a line, and answered:

  region      the Region's fingerprint, and its region_id
  request N   then N bytes of a join request: enrols, and begins with the cases for this Entity
  join        the next bundle: its name, the errno, and the code that is given with it, in
              hexadecimal and as text, or none; "end" after the right one
  bundle      that bundle
  next        sessions end, and the next case begins: its name, the errno, DataSet, and, when its
              key is to be had as one of type user, its bytes; "end" when there is none"""

import itertools
import socket
import time

import cases
import cases_2099
import cases_answer
import cases_end
import cases_handshake
import cases_join
import cases_statement
import enrol
import primitives as p
import sp1
import sp2
from office import Office
from wire import Refused, want

MODULES = cases_2099, cases_answer, cases_handshake, cases_statement  # they fill cases.TABLE
ADDRESS = b"10.0.2.100:7878"
LAST = b"last"  # the Entity for which all cases are; for others those below
OF_EACH = ("mode_", "chain_of_", "wrap_")
OF_MIXED = ("entity_", "no_", "another_", "other_")  # bundles, if Kei and Kec differ in kind


class Beside(sp2.Listener):
    commands = {x.encode("ascii"): x for x in ("region", "request", "join", "bundle", "next")}

    def __init__(self, office):
        self.office, self.joins, self.cases, self.made = office, None, None, b""
        super().__init__(sp2.SP2(office), sp1.Wire)
        self.parent = self.sp2

    def _serve(self, sock):
        if sock.recv(1, socket.MSG_PEEK) == b"\1":
            super()._serve(sock)
            return
        with sock, sock.makefile("rwb") as f:
            words = f.readline().split()
            try:
                f.write(getattr(self, self.commands[words[0]])(f, *words[1:]))
            except (Refused, IndexError, KeyError, TypeError, OSError) as e:
                print("# control: %r: %r" % (words, e), flush=True)

    def region(self, f):
        region = self.office.region
        return ("%s %s\n" % (p.fingerprint(region), region.hex())).encode("ascii")

    def request(self, f, n):
        asked = enrol.Request(f.read(int(n)))
        entity, self.sp2 = self.office.enrol(asked), self.parent
        table = cases_join.Join(self.office, self.parent, asked, [ADDRESS])
        by_host, *by_code = table.right()
        mixed = asked.kei_kind != asked.kec_kind
        wrong = [x for x in table.wrong() if not mixed or x[0].startswith(OF_MIXED)]
        self.joins = iter(wrong + [by_code[0] if mixed else by_host])
        if asked.name == LAST:
            self.cases = itertools.chain(cases.Cases(self.parent, entity),
                                         cases.Cases(self.parent, entity, cases_end.END))
        else:
            some = [x for x in cases.TABLE if x[0].startswith(OF_EACH)]
            self.cases = iter(cases.Cases(self.parent, entity, some))
        return b"enrolled\n"

    def join(self, f):
        want(self.joins is not None, "nobody has asked")
        name, errno, self.made, code = next(self.joins, ("end", "", b"", None))
        words = [name, errno] + ([code.hex(), enrol.code_text(code)] if code else [])
        return " ".join(words).encode("ascii") + b"\n"

    def bundle(self, f):
        return self.made

    def next(self, f):
        want(self.cases is not None, "nobody has asked")
        for serving in list(self.sessions):
            serving.wire.shut()
        name, errno, c = next(self.cases, (None, None, None))
        if name is None:
            return b"end\n"
        self.sp2 = c.sp2
        out = "%s %s %s" % (name, errno, c.name.decode("ascii"))
        if errno == "ok" and c.exported:
            out += " " + c.plain.hex()
        return out.encode("ascii") + b"\n"


def serve(kind):
    """As one of that class; says its port, and does not return."""
    beside = kind(Office(now=time.time() - cases.AHEAD))
    print(beside.address.rsplit(":", 1)[1], flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    serve(Beside)
