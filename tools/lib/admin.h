/* SPDX-License-Identifier: MIT */
/*
 * The admin socket of repositoryd: what officers' tools ask, over a unix stream socket.
 *
 *	request = u32 length || u8 op || body		length counts op and body
 *	reply   = u32 length || u8 status || body       status 0, or enum mh_admin_status and body
 *		is a message in UTF-8
 *
 * Requests are answered in order, each when the reply before it has been taken; a reply that nobody
 * takes for 30 seconds ends the connection.  V(x) = u32 length || x; v(x) = u16 length || x.
 * Everything that changes state is one SUBMIT: one transaction, durable when
 * status 0 is read; nothing of it happened otherwise.
 */
#ifndef MH_LIB_ADMIN_H
#define MH_LIB_ADMIN_H

#include "core/home.h"
#include "core/statement.h"

#define MH_ADMIN_MAX	(8u << 20)	/* a request or reply */
#define MH_ADMIN_ITEMS	4096		/* of one SUBMIT */

enum mh_admin_op {
	/* () -> server card (core/messages.h) */
	MH_ADMIN_CARD = 1,
	/* u16 n || n * (u8 item || V(bytes)) -> u64 audit sequence number */
	MH_ADMIN_SUBMIT,
	/*
	 * region_id 32 || u8 type || v(subject) -> V(newest statement); not there:
	 *		MH_ADMIN_NOTFOUND
	 */
	MH_ADMIN_GET,
	/*
	 * region_id 32 || u8 type || v(subject prefix) || v(after subject) -> u16 n || n *
	 * (V(statement)
	 * || u8 flags), at most 256; flags: 1 revoked, 2 suspended
	 */
	MH_ADMIN_LIST,
	/*
	 * v(region label, or empty) -> u16 n || n * (region_id 32 || v(label) || u64 anchor serial)
	 */
	MH_ADMIN_REGIONS,
	/* region_id 32 || u64 from serial -> u16 n || n * V(ANCHOR), at most 64 */
	MH_ADMIN_ANCHORS,
	/*
	 * region_id 32 -> u8 n || n * V(DELEGATION serve, freshness) || V(EPOCH newest) : what a
	 * bundle needs
	 */
	MH_ADMIN_TRUST,
	/* () -> nonce 32, good once, on this connection */
	MH_ADMIN_NONCE,
	/*
	 * region_id 32 || v(entity) || u8 officer || r||s 64 over
	 * H(L("admin read") || nonce || region_id || v(entity)) -> v(Kec-public)
	 */
	MH_ADMIN_READ_KEC,
	/*
	 * region_id 32 || u64 from || u32 most -> u32 n || n * V(audit record),
	 * repositoryd/audit.h's format; then V(newest signed checkpoint)
	 */
	MH_ADMIN_AUDIT,
	/* () -> JSON text */
	MH_ADMIN_STATUS,
	/*
	 * region_id 32 || v(dataset) -> u16 n || n * (v(entity) || Kec kid 32): Entities with right
	 * fetch now
	 */
	MH_ADMIN_ENTITLED,
	/*
	 * region_id 32 -> u16 n || n * V(DELEGATION): those that hold or will, of each subject, and
	 * the newest of it, ended or not; none that is revoked
	 */
	MH_ADMIN_DELEGATIONS,
};

/* Items of a SUBMIT, in any order: an item names its statement by leaf or digest. */
enum mh_admin_item {
	MH_ITEM_STATEMENT = 1, /* statement bytes */
	/*
	 * ENTITY leaf 32 || enc 32 || ct 48: HPKE of Kec-public to the card, info L("admin kec") ||
	 * leaf
	 */
	MH_ITEM_KEC,
	/* Encrypted Data; named by its SHA-256 in an INSTANCE of this SUBMIT or stored */
	MH_ITEM_DATA,
	/*
	 * INSTANCE leaf 32 || enc 32 || ct 48: HPKE of Ke to the card, info L("admin ke") || leaf;
	 * mode session
	 */
	MH_ITEM_KE,
	/*
	 * wrap, MH_WRAP_LEN: its kid(K) is that of an INSTANCE that is new with this SUBMIT; one
	 * that is stored already is never replaced
	 */
	MH_ITEM_WRAP,
	/*
	 * ENTITY leaf 32 || enc 32 || ct 48: as KEC, of a Kei-secret, info L("admin kei") || leaf;
	 * of Kpf, where Kec is a secret, which no server is told, info L("admin kpf") || leaf
	 */
	MH_ITEM_KEI,
	MH_ITEM_KPF,
};

enum mh_admin_status {
	MH_ADMIN_OK = 0,
	MH_ADMIN_MALFORMED,	/* bytes not understood */
	MH_ADMIN_NOTFOUND,
	MH_ADMIN_DENIED,	/* signature, quorum, right, or socket credentials */
	MH_ADMIN_CONFLICT,	/* serial not above the stored one, fork, exists */
	MH_ADMIN_INVALID,	/* well formed, signed, and not acceptable: says why */
	MH_ADMIN_FULL,		/* disk or limit */
	MH_ADMIN_FAILED,	/* the daemon's own failure */
};

#endif
