#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes kmod/core/vectors/public.h from public test vectors.

Sources, all in Debian 12: golang-github-flynn-noise-dev (vectors.txt),
golang-github-cloudflare-circl-dev (CFRG's HPKE test vectors),
python3-cryptography-vectors (RFC 5869, RFC 7748, NIST GCM); RFC 6979 A.2.5 and
FIPS 180-4's "abc" are from their texts.
"""
import hashlib
import json
import re

NOISE = "/usr/share/gocode/src/github.com/flynn/noise/vectors.txt"
HPKE = "/usr/share/gocode/src/github.com/cloudflare/circl/hpke/testdata/vectors_v08_779d028.json"
CRYPTO = "/usr/lib/python3/dist-packages/cryptography_vectors/"


def hkdf():
    text = open(CRYPTO + "KDF/rfc-5869-HKDF-SHA256.txt").read()
    for n, case in enumerate(text.split("COUNT")[1:], 1):
        f = {k: re.search(rf"^{k}\s*=[ \t]*([0-9a-f]*)", case, re.M).group(1) for k in ("IKM", "salt", "info", "PRK", "OKM")}
        yield f"rfc5869-{n}", "HKDF", [f["IKM"], f["salt"], f["info"], f["PRK"], f["OKM"]]


def x25519():
    yield "rfc7748-1", "X25519", [
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"]
    yield "rfc7748-2", "X25519", [
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"]


def gcm():
    text = open(CRYPTO + "ciphers/AES/GCM/gcmEncryptExtIV256.rsp").read()
    for pt, aad in (("0", "0"), ("104", "0"), ("408", "160"), ("408", "720")):
        head = f"[Keylen = 256]\n[IVlen = 96]\n[PTlen = {pt}]\n[AADlen = {aad}]\n[Taglen = 128]\n"
        case = text.replace("\r", "").split(head)[1].split("Count = 1\n")[0]
        f = {k: re.search(rf"^{k} = ?([0-9a-f]*)", case, re.M).group(1) for k in ("Key", "IV", "PT", "AAD", "CT", "Tag")}
        yield f"nist-gcm-{pt}-{aad}", "GCM", [f["Key"], f["IV"], f["AAD"], f["PT"], f["CT"] + f["Tag"]]


def p256():
    pub = ("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
           "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299")
    priv = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
    for m, sig in (("sample", "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"),
                   ("test", "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
                    "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083")):
        yield f"rfc6979-{m}", "P256", [priv, pub, hashlib.sha256(m.encode()).hexdigest(), sig]


def hpke():
    for v in json.load(open(HPKE)):
        if (v["mode"], v["kem_id"], v["kdf_id"], v["aead_id"]) == (0, 32, 1, 2):
            e = v["encryptions"][0]
            yield "cfrg-hpke", "HPKE", [v["skRm"], v["pkRm"], v["skEm"], v["info"], e["aad"], e["plaintext"], v["enc"], e["ciphertext"]]


def noise():
    seen = {}
    for block in open(NOISE).read().split("\n\n"):
        f = dict(line.split("=", 1) for line in block.split("\n") if "=" in line)
        name = f.get("handshake", "")
        m = re.fullmatch(r"Noise_(NN|NNpsk0|NNpsk2)_25519_AESGCM_SHA256", name)
        if not m:
            continue
        seen[name] = seen.get(name, 0) + 1
        yield f"{m.group(1)}-{seen[name]}", "NOISE", [
            name.encode().hex(), m.group(1)[-1:] == "0" and "00" or m.group(1)[-1:] == "2" and "02" or "ff",
            f.get("preshared_key", ""), f.get("prologue", ""), f["gen_init_ephemeral"], f["gen_resp_ephemeral"],
            f["msg_0_payload"], f["msg_0_ciphertext"], f["msg_1_payload"], f["msg_1_ciphertext"],
            f["msg_2_payload"], f["msg_2_ciphertext"]]


def emit(cases):
    out = ["/* SPDX-License-Identifier: GPL-2.0-only OR MIT */",
           "/* Public test vectors, made by selftests/vectors/public.py, which names their sources. */",
           "#ifndef MH_VECTORS_PUBLIC_H", "#define MH_VECTORS_PUBLIC_H", ""]
    rows = []
    for n, (name, kind, fields) in enumerate(cases):
        refs = []
        for i, h in enumerate(fields):
            b = bytes.fromhex(h)
            if not b:
                refs.append("{ NULL, 0 }")
                continue
            out.append(f"static const u8 kat_{n}_{i}[] = {{")
            for at in range(0, len(b), 12):
                out.append("\t" + " ".join(f"0x{x:02x}," for x in b[at:at + 12]))
            out.append("};\n")
            refs.append(f"{{ kat_{n}_{i}, {len(b)} }}")
        rows.append("\t{\n\t\t\"" + name + "\", MH_KAT_" + kind + ",\n\t\t{\n" +
                    "\n".join("\t\t\t" + r + "," for r in refs) + "\n\t\t},\n\t},")
    out += ["static const struct mh_kat mh_kats[] = {"] + rows + ["};", "", "#endif", ""]
    return "\n".join(out)


def sha():
    yield "fips180-abc", "SHA256", [b"abc".hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]


cases = [c for make in (sha, hkdf, x25519, gcm, p256, hpke, noise) for c in make()]
open("kmod/core/vectors/public.h", "w").write(emit(cases))
print(len(cases), "vectors")
