/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * microhsm: the doors of the kernel module.  This comment is the specification.
 *
 * keyctl            life and permission of identities and keys; request2
 *                   microhsm REGION/NAME "" KEYRING; pkey query, sign, verify
 * /dev/microhsm     the ioctls below
 * generic netlink   family "microhsm": public signed statements in, dumps, events
 *
 * Every struct begins with its own size; a size this kernel does not know is
 * -EINVAL, as is an unknown flag or a reserved field that is not zero.
 * Pointers are __u64.  Integers are the host's order; what goes on a wire or
 * into a blob is in PROTOCOL's.  Times are seconds unless named _ms.
 *
 * Names of keys: "entity:REGION/NAME" an identity, "entity:NAME" a pending one
 * (before join), "REGION/DATASET" a delivered key.
 *
 * errno common to all: EINVAL bad argument, EFAULT, EPERM not allowed, ENOKEY no
 * such key, EACCES no permission on the key, EKEYREVOKED, EKEYEXPIRED (lease),
 * EKEYREJECTED (a permission of the key was changed, wrong seat, not usable),
 * EDQUOT quota, ESHUTDOWN draining, ENOMEM.
 */
#ifndef _UAPI_LINUX_MICROHSM_H
#define _UAPI_LINUX_MICROHSM_H

#include <linux/types.h>
#include <linux/ioctl.h>

#define MH_UAPI_VERSION		1
#define MH_DEVICE		"/dev/microhsm"

#define MH_UNAME_MAX		65	/* Region label, Entity name, with NUL */
#define MH_UDATASET_MAX		201
#define MH_UBLOB_MAX		(256 * 1024)
#define MH_UREQUEST_MAX		2048
#define MH_USEATS_MAX		8
#define MH_UCONSTANT_MAX	4096	/* bytes of one seat constant */
#define MH_UAEAD_MAX		65536
#define MH_UCHUNK		16384
#define MH_FETCH_TIMEOUT_MAX_MS	600000

enum mh_seat_type { MH_SEAT_FILE = 1, MH_SEAT_TPM, MH_SEAT_PIN, MH_SEAT_KEY, MH_SEAT_OTHER };

/* One constant of the Seat of Trust: 32 bytes or more for file, key and other. */
struct mh_seat_constant {
	__u32 type;
	__u32 index;
	__u64 ptr;
	__u32 len;
	__u32 reserved;
};

/*
 * MH_IOC_INIT: make Kei, Kes and Kec in the kernel, a pending identity "entity:NAME".
 * KEI_SECRET, KEC_SECRET: that one is a secret, and comes with the bundle.
 * CAP_SYS_ADMIN.  EEXIST one of that name; the key is uid:gid's (0:0 for root).
 */
#define MH_INIT_KEI_SECRET	0x1
#define MH_INIT_KEC_SECRET	0x2
struct mh_init {
	__u32 size;
	__u32 flags;
	char name[MH_UNAME_MAX];
	__u8 reserved[7];
	__u32 uid, gid;
	__u64 seats;		/* struct mh_seat_constant[] */
	__u32 nseats;
	__s32 serial;		/* out */
};

/*
 * MH_IOC_UNLOCK: open a sealed blob.  CAP_SYS_ADMIN.  EKEYREJECTED for anything
 * wrong with blob or seat; EBUSY throttled (wait_ms says how long); EEXIST open already.
 */
struct mh_unlock {
	__u32 size;
	__u32 flags;
	__u64 blob;
	__u32 len;
	__u32 uid, gid;
	__u32 nseats;
	__u64 seats;
	__s32 serial;		/* out */
	__u32 wait_ms;		/* out, with EBUSY */
};

/*
 * MH_IOC_BLOB: the sealed blob of an identity, sealed afresh; ENOSPC with len set when
 * the buffer is small.  CAP_SYS_ADMIN.  MH_IOC_BLOB_ACK: generation is on stable storage.
 */
struct mh_blob_io {
	__u32 size;
	__s32 serial;
	__u64 buf;
	__u32 len;		/* in: room; out: length */
	__u32 reserved;
	__u64 generation;	/* out of BLOB, into BLOB_ACK */
};

/* MH_IOC_REQUEST: the join request of a pending identity (same bytes each time). CAP_SYS_ADMIN. */
struct mh_request_io {
	__u32 size;
	__s32 serial;
	__u64 buf;
	__u32 len;		/* in: room; out: length */
	__u32 reserved;
};

enum mh_form { MH_FORM_KEY = 0, MH_FORM_LOGON = 1, MH_FORM_USER = 2 };

/*
 * return EINPROGRESS; POLLIN when done; then MH_IOC_COLLECT with the same struct: EAGAIN not done
 * yet, ENOENT none was begun on this descriptor, or it is collected.  One a descriptor: EBUSY.
 */
#define MH_FETCH_ASYNC	0x1

/*
 * MH_IOC_FETCH: needs SEARCH on the identity key.  Blocks, killable.  The key lands on
 * `keyring` in the caller's credentials; ENOTDIR that is no keyring.  ETIMEDOUT, ENOTCONN no
 * agent, EHOSTUNREACH no upstream, ECONNRESET, EINTR;
 * EACCES is also the export that policy does not allow.
 * A refusal by the peer: ENOENT unknown or no right, EKEYREVOKED revoked, EKEYREJECTED
 * suspended, EPERM policy, ESTALE stale, ENODATA out of date, EBUSY busy, EDQUOT limit; `refusal`
 *   has the code.
 * What the peer sent does not hold: EBADMSG; ENOTUNIQ two statements of one serial (a fork),
 * EPROTONOSUPPORT of a version, EOPNOTSUPP of a kind that is not known here.
 */
struct mh_fetch_io {
	__u32 size;
	__u32 flags;
	__s32 identity;		/* serial; 0: entity of `region`, if the caller may search it */
	__s32 keyring;		/* destination: serial or KEY_SPEC_* */
	char region[MH_UNAME_MAX];
	char name[MH_UDATASET_MAX];
	__u8 form;
	__u8 reserved[5];
	__u64 version;		/* 0 newest; out: delivered */
	__u32 timeout_ms;	/* 0: 30 s */
	__s32 serial;		/* out */
	__u32 refusal;		/* out: peer's code, 0 none */
	__u32 retry_after_ms;	/* out */
	/* in: for logon/user; empty: "microhsm:REGION/NAME" */
	char description[MH_UDATASET_MAX + MH_UNAME_MAX + 6];
};

/* MH_IOC_INFO: needs VIEW on the key. */
struct mh_info {
	__u32 size;
	__s32 serial;
	__u32 kind;		/* 1 identity, 2 pending identity, 3 key */
	__u32 alg;		/* keys: 1 AES-256, 2 P-256, 3 raw */
	__u32 operations;
	__s32 lease_ms;		/* left, S32_MAX for more; -1 none */
	__u64 version;
	__u8 region_id[32];
	__u8 public_key[64];	/* P-256 key's, or the identity's Kes */
	__u8 leaf[32];		/* INSTANCE */
	char region[MH_UNAME_MAX];
	char name[MH_UDATASET_MAX];
	__u8 reserved[6];
	__u64 sealed;		/* identities: generation acknowledged */
	__u64 generation;	/* identities: newest; more than sealed: write it */
};

/*
 * MH_IOC_AEAD: AES-256 keys; SEARCH.  key = SUB(K, "aead", salt), AES-256-GCM, zero nonce.
 * SEAL makes a fresh salt (out); OPEN takes it.  Output is in_len + 16, or in_len - 16.
 * EBADMSG does not open.  EACCES when policy does not allow the operation.
 */
enum mh_aead_op { MH_AEAD_SEAL = 1, MH_AEAD_OPEN = 2 };
struct mh_aead_io {
	__u32 size;
	__s32 serial;
	__u32 op;
	__u32 ad_len;		/* at most 4096 */
	__u64 ad;
	__u64 in;
	__u64 out;
	__u32 in_len;
	__u32 out_len;		/* in: room; out: length */
	__u8 salt[32];
};

/*
 * MH_IOC_STREAM_BEGIN, MH_IOC_STREAM: STREAM under SUB(K, "file", salt), one chunk a call
 * (16,384 bytes of plaintext but the last); the descriptor keeps the place.
 */
struct mh_stream_io {
	__u32 size;
	__s32 serial;		/* BEGIN */
	__u32 op;		/* BEGIN: enum mh_aead_op */
	__u32 last;		/* STREAM: 1 for the last chunk */
	__u64 in, out;
	__u32 in_len, out_len;
	__u8 salt[32];		/* BEGIN: out of SEAL, into OPEN */
};

/* MH_IOC_SIGN: application signature by Kes (SEARCH): ECDSA over a SHA-256 digest; r || s. */
struct mh_sign_io {
	__u32 size;
	__s32 serial;
	__u8 digest[32];
	__u8 sig[64];
};

/* ---- the agent ---- */

/*
 * MH_IOC_ATTACH: this descriptor becomes the agent; EBUSY there is one.  CAP_SYS_ADMIN in the
 * initial user namespace, at open and now.  POLLIN: something to pull (level).  Released: waiters
 * without a session fail with ECONNRESET.
 *
 * MH_IOC_PULL: next thing to do, EAGAIN none (never blocks); ESHUTDOWN: the module drains, and
 *   waits for this descriptor to be closed.
 *   MH_PULL_CONNECT: Region wants a session: MH_IOC_SESSION with the id, connect, pump; or
 *   MH_IOC_DONE with an error.
 *   MH_PULL_SEAL: identity `serial` changed: MH_IOC_BLOB, write, fsync, rename, fsync directory,
 *   MH_IOC_BLOB_ACK.
 */
enum mh_pull_kind { MH_PULL_CONNECT = 1, MH_PULL_SEAL = 2 };
struct mh_pull {
	__u32 size;
	__u32 kind;		/* out */
	__u64 id;		/* out */
	__s32 serial;		/* out: identity */
	__u32 uid;		/* out: requester's, in the initial namespace */
	char region[MH_UNAME_MAX];
	char name[MH_UNAME_MAX];	/* Entity */
	char dataset[MH_UDATASET_MAX];
	__u8 reserved[5];
	char addresses[2048];	/* of the bundle, '\n' between */
};

/*
 * MH_IOC_SESSION: a session descriptor for a pulled request: read = bytes to send, write =
 * bytes received, poll; end of file after close.  It ends when closed.  ENOENT nobody waits any
 *   more.
 * After the session is open, further fetches of the identity ride on it without a doorbell.
 * read gives at most one frame a call; 0 when the kernel wants the connection closed.
 * write errors: EBADMSG protocol violation or failed check, EPIPE session over.
 */
struct mh_session_io {
	__u32 size;
	__s32 fd;		/* out */
	__u64 id;
};

/*
 * MH_IOC_DONE: the request cannot be served: err is a negative errno (-EHOSTUNREACH...). ENOENT
 * gone.
 */
struct mh_done_io {
	__u32 size;
	__s32 err;
	__u64 id;
};

/*
 * MH_IOC_DRAIN: end requests, sessions, keys, identities; no new ones until the module is loaded
 * anew. CAP_SYS_ADMIN. EBUSY left over.
 */
struct mh_drain {
	__u32 size;
	__u32 left;		/* out: payloads still held */
};

/* MH_IOC_STATUS */
struct mh_status {
	__u32 size;
	__u32 version;		/* MH_UAPI_VERSION */
	__u32 payloads, requests, sessions, identities;
	__u32 agent;		/* 1: attached */
	__u32 draining;
	__u32 vmfork;		/* 1: this kernel tells of VM forks */
	__u32 completions_double; /* always 0: a request completed twice */
	__u64 now;		/* max(wall, floor) */
	__u64 floor;
};

#define MH_IOC_STATUS		_IOWR('M', 0x00, struct mh_status)
#define MH_IOC_INIT		_IOWR('M', 0x01, struct mh_init)
#define MH_IOC_UNLOCK		_IOWR('M', 0x02, struct mh_unlock)
#define MH_IOC_BLOB		_IOWR('M', 0x03, struct mh_blob_io)
#define MH_IOC_BLOB_ACK		_IOWR('M', 0x04, struct mh_blob_io)
#define MH_IOC_REQUEST		_IOWR('M', 0x05, struct mh_request_io)
#define MH_IOC_FETCH		_IOWR('M', 0x06, struct mh_fetch_io)
#define MH_IOC_COLLECT		_IOWR('M', 0x07, struct mh_fetch_io)
#define MH_IOC_INFO		_IOWR('M', 0x08, struct mh_info)
#define MH_IOC_AEAD		_IOWR('M', 0x09, struct mh_aead_io)
#define MH_IOC_STREAM_BEGIN	_IOWR('M', 0x0a, struct mh_stream_io)
#define MH_IOC_STREAM		_IOWR('M', 0x0b, struct mh_stream_io)
#define MH_IOC_SIGN		_IOWR('M', 0x0c, struct mh_sign_io)
#define MH_IOC_ATTACH		_IO('M', 0x10)
#define MH_IOC_PULL		_IOWR('M', 0x11, struct mh_pull)
#define MH_IOC_SESSION		_IOWR('M', 0x12, struct mh_session_io)
#define MH_IOC_DONE		_IOWR('M', 0x13, struct mh_done_io)
#define MH_IOC_DRAIN		_IOWR('M', 0x14, struct mh_drain)

/* ---- generic netlink: family "microhsm", version 1, initial network namespace only ---- */

#define MH_GENL_NAME		"microhsm"
#define MH_GENL_VERSION		1
#define MH_GENL_MCGRP		"events"	/* CAP_SYS_ADMIN */

/*
 * All commands: CAP_SYS_ADMIN in the initial user namespace, else EPERM.  An attribute that is
 * absent or not the command's: EINVAL; of a wrong length: ERANGE or EINVAL.
 * JOIN: SERIAL of the pending identity, REGION_ID that the person confirmed, BUNDLE, and CODE if
 *   the bundle's secrets are sealed to one. Makes
 *   "entity:REGION/NAME", drops the pending one, reply has SERIAL.  EKEYREJECTED fingerprint
 *   differs,
 *   EBADMSG a part does not verify, or the code is another's, EEXIST a Region of that label is
 *   joined, ENOKEY not this
 *   host's request.
 * STATEMENT: REGION_ID, STATEMENT: ANCHOR, DELEGATION, EPOCH, REVOKE, SUSPEND for a joined
 *   Region. ESTALE older.
 * IDENTITIES (dump): those that are held.
 * EVENT (multicast): EVENT_KIND, REGION, NAME, NUMBER.
 */
enum mh_genl_cmd {
	MH_CMD_UNSPEC,
	MH_CMD_JOIN,
	MH_CMD_STATEMENT,
	MH_CMD_IDENTITIES,
	MH_CMD_EVENT,
	__MH_CMD_MAX
};

enum mh_genl_attr {
	MH_ATTR_UNSPEC,
	MH_ATTR_SERIAL,		/* s32 */
	MH_ATTR_REGION_ID,	/* 32 bytes */
	MH_ATTR_BUNDLE,		/* <= 60,000 bytes */
	MH_ATTR_STATEMENT,	/* <= 16,384 bytes */
	MH_ATTR_REGION,		/* NUL string */
	MH_ATTR_NAME,		/* NUL string */
	MH_ATTR_EVENT_KIND,	/* u32 */
	MH_ATTR_NUMBER,		/* u64 */
	MH_ATTR_ANCHOR_SERIAL,	/* u64 */
	MH_ATTR_EPOCH_NUMBER,	/* u64 */
	MH_ATTR_EPOCH_UNTIL,	/* u64 */
	MH_ATTR_SESSIONS,	/* u32: open ones */
	MH_ATTR_FLAGS,		/* u32: 1 revoked, 2 suspended */
	MH_ATTR_PAD,
	MH_ATTR_CODE,		/* 20 bytes */
	__MH_ATTR_MAX
};

#define MH_ATTR_MAX (__MH_ATTR_MAX - 1)

enum mh_event_kind {
	MH_EV_SESSION_OPEN = 1, MH_EV_SESSION_END, MH_EV_DELIVERED, MH_EV_WITHDRAWN, MH_EV_REVOKED,
	MH_EV_SUSPENDED, MH_EV_REFUSED, MH_EV_STALE_SERVED, MH_EV_FORK, MH_EV_SEAL, MH_EV_LEASE_END,
};

#endif
