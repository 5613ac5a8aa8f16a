# SPDX-License-Identifier: MIT
"""What a program says for the script that runs it: a line "ok NAME" or "bad NAME: why" for each
check, which the script makes its own verdicts."""

import traceback

from wire import Refused


def ok(name, what, *args):
    """what(*args) must not raise; what it returns."""
    try:
        out = what(*args)
    except Exception as e:  # whatever it is, it is this check's verdict
        traceback.print_exc()
        print("bad %s: %r" % (name, e), flush=True)
        return None
    print("ok " + name, flush=True)
    return out


def equal(name, got, wanted):
    if got == wanted:
        print("ok " + name, flush=True)
    else:
        print("bad %s: got %r, not %r" % (name, got, wanted), flush=True)


def refused(name, what, *args):
    """what(*args) must be Refused."""
    try:
        out = what(*args)
    except Refused as e:
        print("# %s: %s" % (name, e))
        print("ok " + name, flush=True)
    else:
        print("bad %s: taken: %r" % (name, out), flush=True)
