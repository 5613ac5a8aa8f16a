/* SPDX-License-Identifier: MIT */
/* microhsm's shared state and helpers: options, the device, netlink, the state directory. */
#ifndef MICROHSM_H
#define MICROHSM_H

#include <jansson.h>
#include <linux/microhsm.h>
#include "lib/util.h"

#define MHT_STATE	"/var/lib/microhsm"

struct mht_option {
	const char *name, *arg, *help;
};

#define MHT_OPTIONS_MAX	10
#define MHT_VALUES_MAX	8

struct mht {
	const char *state;	/* directory of sealed blobs */
	bool json;
	int device;		/* -1 until mht_device() */

	const struct mht_option *options;
	const char *values[MHT_OPTIONS_MAX][MHT_VALUES_MAX];
	unsigned int count[MHT_OPTIONS_MAX];
	const char *operand[4];
	unsigned int operands;
};

struct mht_verb {
	const char *verb, *operands;
	unsigned int least, most;
	const char *help;
	const struct mht_option *options;
	int (*run)(struct mht *t);
	bool no_json;		/* standard output is for a file's bytes, or for nothing */
};

extern const struct mht_verb mht_identity_verbs[], mht_key_verbs[], mht_sign_verbs[],
	mht_host_verbs[], mht_agent_verbs[];

const char *mht_value(const struct mht *t, const char *name);
unsigned int mht_values(const struct mht *t, const char *name, const char *const **values);

/* A key's serial number on the command line; 0 or MH_EXIT_USAGE, told */
int mht_serial(const char *what, const char *given, __s32 *serial);
/* A result as JSON, in one line; takes it over */
void mht_print(json_t *j);
/* Tells that, and what to do; its exit code */
int mht_no_module(void);
/* Open /dev/microhsm; told when it is not there. */
int mht_device(struct mht *t);
/* ioctl; 0, or an exit code with what happened told ("what" is the sentence's beginning) */
int mht_ioctl(struct mht *t, unsigned long op, void *arg, const char *what);
/* Message and exit code of an errno of the module's, in words with what to do next. */
int mht_tell(int err, const char *what);
/*
 * Serial of "entity:..." by Region (label, fingerprint, region_id in hexadecimal) or name;
 * NULL: the only one. 0 or an exit code, told.
 */
int mht_identity(struct mht *t, const char *which, __s32 *serial);
/* A fingerprint or region_id becomes the label of the identity's Region; what is none stays. */
int mht_region_label(struct mht *t, char region[MH_UNAME_MAX]);
/* Seal identity `serial` anew, write it durably to the state directory, acknowledge. */
int mht_write_blob(struct mht *t, int device, __s32 serial);
/* Told, MH_EXIT_CONFLICT: once it has joined, there would be another's file where its own goes. */
int mht_blob_room(struct mht *t, __s32 pending, const char *region);

/* One joined or pending identity as the kernel's dump gives it. */
struct mht_entry {
	__s32 serial;
	char region[MH_UNAME_MAX], name[MH_UNAME_MAX];
	__u8 region_id[32];
	__u64 anchor, epoch, epoch_until;
	__u32 sessions, flags;
};

/* Calls each; returns 0, or an exit code, told. Needs CAP_SYS_ADMIN. */
int mht_identities(struct mht *t, void (*each)(const struct mht_entry *e, void *ctx), void *ctx);
/* Over netlink: 0 and the serial of the reply (JOIN; code NULL: none), or -errno */
int mht_netlink_join(__s32 pending, const __u8 region_id[32], const void *bundle, size_t n,
		     const __u8 *code, __s32 *serial);
int mht_netlink_statement(const __u8 region_id[32], const void *statement, size_t n);
/* Events until interrupted; 0 or -errno */
int mht_netlink_events(void (*each)(__u32 kind, const char *region, const char *name, __u64 number,
				    void *ctx),
		       void *ctx);

#endif
