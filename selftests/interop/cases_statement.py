# SPDX-License-Identifier: MIT
"""Cases of what is signed: INSTANCE, DATASET, POLICY, whose they are, and what stands."""

import make
import office as o
import primitives as p
import stp
from cases import KEY, case, flip, manifest, named, statements
from statement import (DATASET, DAY, ENTITY, GENERATE, GUARDIAN, HOUR, INSTANCE, MAY_INSTANCES,
                       MAY_POLICY, MODE_GROUP, P256, RAW, REVOKE, SERVE)
from wire import attribute, u32, u64, u8, v, zero

OVER = {"begins": -DAY - HOUR, "life": DAY - HOUR}  # the office's clock is behind


# ---- MANIFEST ----

@case("EBADMSG")
@manifest
def instance_of_another_dataset(c):
    return c.office.instance(b"w/other", 1, KEY, MODE_GROUP).statement.bytes


@case("EBADMSG")
@manifest
def instance_by_stranger(c):
    return c.forged(c.instance.statement)


@case("EBADMSG")
@manifest
def instance_spoilt(c):
    return flip(c.instance.statement.bytes, 60)


@case("EBADMSG")
@manifest
def instance_of_another_region(c):
    return o.Office(b"hq").instance(c.name, 1, KEY, MODE_GROUP).statement.bytes


@case("EBADMSG")
@manifest
def dataset_for_instance(c):
    return c.dataset.bytes


@case("ENODATA")
@manifest
def tombstone(c):
    return c.office.issue(INSTANCE, c.name + b"@1", {128: u64(1), 135: u8(1)}).bytes


@case("EPROTONOSUPPORT")
@manifest
def instance_with_feature_16(c):
    return c.office.bytes(INSTANCE, c.name + b"@1", {128: u64(1), 135: u8(1)}, features=1 << 16)


@case("EBADMSG")
@manifest
def instance_with_what_is_not_known(c):
    body = c.instance.statement.body + attribute(0x7001, b"whatever")
    return make.alone(body, (0, c.office.rag))


@case("ok")
def instance_with_what_may_be_skipped(c):
    c.remake(attrs={0x8001: b"whatever"})


@case("ok")
def instance_with_feature_0(c):
    c.remake(instance={"features": 1})


@case("EKEYEXPIRED")
def instance_over(c):
    c.remake(instance=OVER)


@case("ESTALE")
def instance_not_yet(c):
    c.remake(instance={"begins": 3 * HOUR})


@case("EOPNOTSUPP")
def instance_of_other_data(c):
    c.remake(dataset={"kind": 3}, instance={"kind": 3})


@case("EBADMSG")
@manifest
def instance_of_other_data_by_stranger(c):
    c.remake(dataset={"kind": 3}, instance={"kind": 3})
    return c.forged(c.instance.statement)


@case("EBADMSG")
@manifest
def tombstone_by_stranger(c):
    return c.forged(c.office.issue(INSTANCE, c.name + b"@1", {128: u64(1), 135: u8(1)}))


# ---- whose INSTANCE ----

def owned(c, rights, owner=None):
    """By a group of this DataSet's."""
    group = c.group = c.office.group(c.name.replace(b"/", b"."), [(rights, c.name)])
    c.remake(dataset={"owner": group.statement.subject if owner is None else owner},
             instance={"by": group})
    c.shelf.beside = [group.statement]


@case("ok")
def instance_of_its_group(c):
    owned(c, MAY_INSTANCES)


@case("EKEYREVOKED", after="instance_of_its_group")
def group_revoked_in_the_middle(c):
    """Which the host knows, and this answer leaves out."""
    c.remake(version=2, dataset={"owner": c.group.statement.subject}, instance={"by": c.group})
    push = stp.PUSH, c.office.revoke(c.group.statement).bytes
    c.hook("records", lambda out: [y for x in out for y in ([push, x] if x[0] == stp.DONE else [x])])


@case("EPERM")
def instance_of_a_group_that_is_not_owner(c):
    owned(c, MAY_INSTANCES, b"")


@case("EPERM")
def instance_of_a_group_without_right(c):
    owned(c, MAY_POLICY)


@case("EPERM")
def instance_by_officers_for_a_group(c):
    c.remake(dataset={"owner": b"staff"})


def generated(errno, name, scope, pushed=False):
    """pushed: so that it is known before MANIFEST comes."""
    def spoil(c):
        generate = c.office.delegate(GENERATE, c.name[2:], attrs={36: v(scope), 37: o.TEMPLATE_AES})
        c.remake(instance={"by": generate})
        c.shelf.beside = [generate.statement]
        if pushed:
            c.push(generate.statement)
    named(errno, name, spoil)


generated("ok", "instance_generated", b"w/")
generated("EPERM", "instance_generated_out_of_scope", b"x/")
generated("ok", "instance_generated_by_a_known_one", b"w/", True)
generated("EPERM", "instance_generated_by_a_known_one_out_of_scope", b"x/", True)


# ---- STATEMENTs ----

@case("EBADMSG")
@statements
def dataset_is_missing(c, x):
    return x[:-1]


@case("EBADMSG")
@statements
def dataset_twice(c, x):
    return x + x[-1:]


@case("EBADMSG")
@statements
def dataset_of_another(c, x):
    return x[:-1] + [c.office.dataset(b"w/other", MODE_GROUP).bytes]


@case("EBADMSG")
def dataset_of_another_mode(c):
    c.remake(dataset={"mode": GUARDIAN})


@case("EBADMSG")
def dataset_of_another_kind(c):
    c.remake(dataset={"kind": 2})


@case("EBADMSG")
@statements
def dataset_by_stranger(c, x):
    return x[:-1] + [c.forged(c.dataset)]


@case("EKEYEXPIRED")
def dataset_over(c):
    c.remake(dataset=OVER)


@case("EBADMSG")
@statements
def policy_is_missing(c, x):
    return x[1:]


@case("EKEYEXPIRED")
def policy_over(c):
    c.policy = c.office.policy(c.name, **OVER)
    c.remake()


@case("EBADMSG")
def policy_of_another_template(c):
    c.make(policy={120: u8(P256) + u32(32)})


@case("ok")
def policy_without_template(c):
    c.make(policy={120: None})


@case("ok")
def policy_is_not_named(c):
    c.remake(policies=[])


@case("ok")
@statements
def policy_of_others(c, x):
    """It counts for nothing: the template is another, and it allows nothing."""
    return [c.office.policy(b"w/other", {117: u32(0), 120: u8(RAW) + u32(0)}).bytes] + x


@case("EBADMSG")
@statements
def revoke_for_statement(c, x):
    return [c.office.issue(REVOKE, b"nobody", {144: u8(ENTITY), 145: u64(1)}).bytes] + x


def members(c, n):
    return [c.office.member(c.name[2:], b"h%d" % i).bytes for i in range(n)]


@case("ok")
@statements
def sixteen_statements(c, x):
    return members(c, 14) + x


@case("EBADMSG")
@statements
def seventeen_statements(c, x):
    return members(c, 15) + x


@case("EBADMSG")
@statements
def statement_of_another_region(c, x):
    return [o.Office(b"elsewhere").member(b"staff", b"h").bytes] + x


@case("ok")
def statements_of_a_batch(c):
    """Both, the INSTANCE, and what is no statement, by one signature."""
    bodies = [c.policy.body, c.dataset.body, c.instance.statement.body, b"no statement at all"]
    batch = make.batch(bodies, c.office.rag)

    def replace(r):
        r.statements, r.manifest = batch[:2], batch[2]
    c.parts(replace)


# ---- Key Data ----

def key(errno, name, template, plain):
    def spoil(c):
        c.make(attrs={120: template}, policy={120: template}, plain=plain)
    named(errno, name, spoil)


key("ok", "key_p256", u8(P256) + u32(32), p.p256_private())
key("EBADMSG", "key_p256_of_zeros", u8(P256) + u32(32), zero(32))
key("EBADMSG", "key_aes_of_16", u8(1) + u32(16), KEY[:16])
key("ok", "key_raw_of_20", u8(RAW) + u32(20), KEY[:20])
key("ok", "key_raw_of_any", u8(RAW) + u32(0), KEY[:20])
key("ok", "key_raw_of_64", u8(RAW) + u32(64), KEY * 2)


# ---- what stands ----

@case("ok")
def dataset_serial_7(c):
    c.remake(dataset={"serial": 7})


@case("ESTALE", after="dataset_serial_7")
def dataset_serial_6(c):
    c.remake(dataset={"serial": 6})


@case("ENOTUNIQ", after="dataset_serial_7")
def dataset_serial_7_again(c):
    c.remake(dataset={"serial": 7})


@case("ok", after="dataset_serial_7")
def dataset_serial_8(c):
    c.remake(dataset={"serial": 8})


@case("ok")
def version_2(c):
    c.remake(version=2)


@case("ESTALE", after="version_2")
def version_1_for_the_newest(c):
    c.sp2.shelves.clear()
    c.remake()


@case("ESTALE")
def dataset_below_floor(c):
    floor = u8(DATASET) + p.H(c.name) + u64(c.dataset.serial + 1)
    c.epoch(attrs={180: floor})


@case("ok")
def dataset_at_its_floor(c):
    c.epoch(attrs={180: u8(DATASET) + p.H(c.name) + u64(c.dataset.serial)})


def revoked(name, what, errno="EKEYREVOKED", after=None):
    named(errno, name, lambda c: c.push(c.office.revoke(what(c))), after)


revoked("dataset_revoked", lambda c: c.dataset)
revoked("policy_revoked", lambda c: c.policy)
revoked("instance_revoked", lambda c: c.instance.statement)


@case("ok")
def many_signers(c):
    """Behind one delivery sixteen STATEMENTs, and those who signed fourteen of them."""
    parents = [c.office.delegate(SERVE, b"many%d" % i) for i in range(14)]
    c.push(*(s.statement for s in parents))
    c.shelf.beside = [c.office.delegate(SERVE, b"many%d" % i, s, DAY - HOUR).statement
                      for i, s in enumerate(parents)]


revoked("many_signers_revoked", lambda c: c.instance.statement, after="many_signers")


@case("ok", after="dataset_revoked")
def dataset_after_its_revoke(c):
    c.remake(dataset={"serial": c.dataset.serial + 1})


@case("ok")
def dataset_revoked_by_stranger(c):
    s = c.office.revoke(c.dataset)
    s.bytes = c.forged(s)
    c.push(s)


@case("EKEYREVOKED")
def generate_revoked(c):
    """All that was made under it."""
    generate = c.office.delegate(GENERATE, c.name[2:], attrs={36: v(b"w/"), 37: o.TEMPLATE_AES})
    c.remake(instance={"by": generate})
    c.shelf.beside = [generate.statement]
    c.push(generate.statement, c.office.issue(REVOKE, c.name[2:], {146: generate.leaf}))


