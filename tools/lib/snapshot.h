/* SPDX-License-Identifier: MIT */
/*
 * What a server said of one Region, as a file: an officer makes proposals from it where there is no
 * server.  Nothing in it is secret.
 *
 *	snapshot = "MHSS" || u8 version 1 || u64 made || region_id 32 || v(label) || V(card)
 *		|| V(answer to TRUST, or nothing) || u16 a || a * V(ANCHOR), genesis first
 *		|| u32 n || n * (V(statement) || u8 flags)
 *
 * Statements are the newest of each (type, subject), which rise; flags as LIST has them (admin.h).
 * Whoever reads it believes no more of it than of a server: signatures are his to verify.
 */
#ifndef MH_LIB_SNAPSHOT_H
#define MH_LIB_SNAPSHOT_H

#include "admin.h"
#include "util.h"

#define MH_SNAPSHOT_ARMOUR	"REGION SNAPSHOT"
#define MH_SNAPSHOT_MAX		(256u << 20)
#define MH_SNAPSHOT_ANCHORS	1024

struct mh_snapshot_entry {
	struct mh_stmt s;
	u8 flags;
};

/* Views into bytes, but for the arrays */
struct mh_snapshot {
	struct mh_bytes bytes;
	u64 made;
	const u8 *region;
	struct mh_buf label, card, trust;
	struct mh_buf *anchor;
	struct mh_snapshot_entry *entry;
	u32 anchors, entries;
};

/* Takes bytes over, on failure too: 0, -ENOMEM, -EPROTONOSUPPORT another version, -EBADMSG */
int mh_snapshot_decode(struct mh_snapshot *s, struct mh_bytes *bytes);
void mh_snapshot_free(struct mh_snapshot *s);
/*
 * What the daemon would have answered at that time, to CARD, REGIONS, ANCHORS, TRUST, GET, LIST
 * and ENTITLED; *status and *reply as mh_admin_call() gives them.  -EOPNOTSUPP to any other,
 * -ENOMEM.
 */
int mh_snapshot_call(const struct mh_snapshot *s, u8 op, struct mh_buf body, u64 now, u8 *status,
		     struct mh_bytes *reply);

#endif
