#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The second implementation's wraps, chains and Encrypted Data (selftests/interop), and sealed
blobs, on kmod/core/vectors/wrap.h, stream.h and blob.h; see Documentation/protocol-data.rst.  Needs
python3-cryptography.  From the project's directory."""

import sys

import vectors
import data as d
import primitives as p
from sealed import Blob
from wire import Reader, Refused, want, zero

REGION = bytes(range(0x10, 0x30))
ECX = p.ecx(REGION, b"host-1")
GCX = p.gcx(REGION, b"staff", 7)
ICX = p.icx(REGION, b"eu/disk", 7, 3, 1, 1, bytes(range(0x50, 0x70)))


def refuses(what, *args):
    try:
        what(*args)
    except Refused:
        return
    raise AssertionError("what is spoilt is taken")


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


# ---- wraps and chains ----

def seal(f):
    """The wrap of a vector's inputs."""
    if int(f["kind"]) == d.NONE:
        return d.wrap_none(f["k"], f["kctx"])
    kw = f.get("kw_pub", f["kw"])
    return d.wrap_to(int(f["kind"]), f["k"], f["kctx"], kw, f["wctx"], f["random"])


def unwrap(wrap, kctx, key):
    return d.Wrap(wrap).open(kctx, key)


def chain(f, wraps, ctx):
    links = [d.Wrap(wraps[i:i + d.WRAP]) for i in range(0, len(wraps), d.WRAP)]
    contexts = [ctx[i:i + 32] for i in range(0, len(ctx), 32)]
    kec = d.Key(f["kec"], f["ecx"], "kec_pub" in f)
    return d.chain_open(links, kec, contexts, p.kid(f["k"], ctx[-32:]))


def wraps():
    text = vectors.read("wrap")
    names = []
    for f in vectors.table(text, "wrap"):
        names.append(f["name"])
        assert f["kctx"] == ICX and f.get("wctx", GCX) in (ECX, GCX), f["name"]
        assert seal(f) == f["wrap"], f["name"]
        key = d.Key(f["kw"], f["wctx"], "kw_pub" in f) if "kw" in f else None
        assert unwrap(f["wrap"], f["kctx"], key) == f["k"], f["name"]
        for at in range(d.WRAP):
            refuses(unwrap, flip(f["wrap"], at), f["kctx"], key)
    for f in vectors.table(text, "chain"):
        names.append(f["name"])
        n = len(f["ctx"]) // 32
        ctx = [p.gcx(REGION, b"g%d" % i, i) for i in range(1, n)] + [ICX]
        assert f["ecx"] == ECX and f["ctx"] == b"".join(ctx), f["name"]
        assert chain(f, f["wraps"], f["ctx"]) == f["k"], f["name"]
        refuses(chain, f, f["wraps"][d.WRAP:], f["ctx"][32:])
        refuses(chain, f, f["wraps"] + f["wraps"][-d.WRAP:], f["ctx"] + f["ctx"][-32:])
    assert names == ["hpke", "secret", "none", "one", "three", "eight"]
    return len(names)


# ---- STREAM ----

def streams():
    lengths = []
    for f in vectors.table(vectors.read("stream"), "stream"):
        n = int(f["length"])
        lengths.append(n)
        plain = bytes(i % 251 for i in range(n))
        key = p.SUB(f["key"], "file" if f["file"] == "true" else "stream", f["ctx"])
        sealed = b"".join(d.seal_stream(key, plain))
        assert sealed[-64:] == f["end"] and p.H(sealed) == f["sha256"], f["name"]
        assert d.open_stream(key, sealed) == plain and d.plain_length(len(sealed)) == n
        refuses(d.open_stream, key, flip(sealed, len(sealed) - 1))
    assert lengths == [0, 1, 32, 16384, 16385, 40000, 20000]
    return len(lengths)


# ---- sealed blobs ----

def blob(data, inputs, c):
    b = Blob(data, inputs, c)
    return b.seat, b.content, b.c


def parts(data):
    r, out = Reader(data), []
    while r.left():
        out.append(r.v())
    return out


def blobs():
    names = []
    for f in vectors.table(vectors.read("blob"), "blob"):
        names.append(f["name"])
        inputs = parts(f["bytes"])
        assert blob(f["blob"], inputs, f["c"]) == (f["seat"], f["content"], f["c"]), f["name"]
        for at in range(len(f["blob"]) if f["name"] == "seats" else 0):
            refuses(blob, flip(f["blob"], at), inputs, f["c"])
        refuses(blob, f["blob"], [b"x" * 32] + inputs[1:], f["c"])
        refuses(blob, f["blob"], inputs[:-1], f["c"])
    assert names == ["file", "seats", "identity", "joined", "secret"]
    return len(names)


print(wraps(), "wraps and chains,", streams(), "streams,", blobs(), "blobs are right")
sys.exit(0)
