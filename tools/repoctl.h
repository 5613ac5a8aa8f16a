/* SPDX-License-Identifier: MIT */
/*
 * repoctl's shared state and helpers: options, officers, the admin socket,
 * the current Region, and one batch of things to sign and submit.
 */
#ifndef REPOCTL_H
#define REPOCTL_H

#include <jansson.h>
#include "lib/admin_client.h"
#include "lib/officer.h"
#include "lib/officer_uri.h"
#include "lib/proposal.h"
#include "lib/snapshot.h"
#include "lib/vault.h"
#include "lib/util.h"
#include "core/messages.h"
#include "core/statement.h"

struct rc_option {
	const char *name;	/* "--days" */
	const char *arg;	/* "N", NULL for a flag */
	const char *help;
};

#define RC_PASSPHRASE_MAX 255
#define RC_OPTIONS_MAX	12
#define RC_VALUES_MAX	16

/* What the command line gave: values of the verb's options, and its operands. */
struct rc_args {
	const struct rc_option *options;
	const char *values[RC_OPTIONS_MAX][RC_VALUES_MAX];
	unsigned int count[RC_OPTIONS_MAX];
	const char *operand[8];
	unsigned int operands;
};

struct rc {
	const char *socket;
	const char *region_label;
	const char *key_path[MH_OFFICERS_MAX];
	unsigned int keys;
	int passphrase_fd;
	bool json, yes;

	int fd;				/* admin socket, -1 until rc_connect() */
	struct mh_officer *officer[MH_OFFICERS_MAX];
	u8 region[32];
	struct mh_bytes anchor_bytes;
	struct mh_stmt anchor;		/* current ANCHOR; views into anchor_bytes */
	struct mh_quorum quorum;

	struct mh_vault *vault[RC_VALUES_MAX];	/* open once rc_vault() was asked for them */
	unsigned int vaults;
	u8 card_sp2[MH_P256_PUB_LEN];	/* of a card that is a server's of the Region */

	const char *offline;		/* a snapshot that answers in the daemon's place */
	struct mh_snapshot snapshot;
	const char *propose;		/* where what is made goes instead of to the daemon */
	struct mh_proposal p;		/* what is made; its ANCHORs are the Region's, once open */
	json_t *hosts;			/* names that a proposal touches, as keys */
	bool hosts_unknown;
};

/* rc_submit() wrote a proposal, and said so: nothing is done yet, nothing is wrong */
#define RC_PROPOSED (-1)

struct rc_verb {
	const char *noun, *verb;	/* verb NULL: the noun alone */
	const char *operands;		/* for --help */
	unsigned int least, most;	/* operands */
	const char *help;
	const struct rc_option *options;
	int (*run)(struct rc *rc, const struct rc_args *a);
};

extern const struct rc_verb rc_region_verbs[], rc_officer_verbs[], rc_entity_verbs[],
	rc_dataset_verbs[], rc_instance_verbs[], rc_grant_verbs[], rc_delegation_verbs[],
	rc_audit_verbs[], rc_status_verbs[], rc_proposal_verbs[],
	rc_quorum_verbs[], rc_calendar_verbs[], rc_revoke_verbs[];

/* Last value of an option of this verb, or NULL. */
const char *rc_value(const struct rc_args *a, const char *name);
unsigned int rc_values(const struct rc_args *a, const char *name, const char *const **values);
#define RC_LIFE_MAX	UINT32_MAX
#define RC_SERVE_MAX	(90 * 86400)	/* of a DELEGATION */

/* Durations, 1 s to most, and numbers, with a default; 0 or an exit code, told. */
int rc_duration(const struct rc_args *a, const char *name, u64 fallback, u64 most, u64 *out);
int rc_number(const struct rc_args *a, const char *name, u64 fallback, u64 least, u64 most,
	      u64 *out);

/* All return 0 or an exit code, having told why. */
int rc_connect(struct rc *rc);
int rc_call(struct rc *rc, u8 op, struct mh_buf body, struct mh_bytes *reply);
/* By label, fingerprint or region_id, or the only one; reads the newest ANCHOR */
int rc_open_region(struct rc *rc);
/* Of the key in path: from --passphrase-fd, or asked; on failure it is wiped */
int rc_passphrase(struct rc *rc, const char *path, const char *prompt,
		  char pass[RC_PASSPHRASE_MAX + 1]);
/* One that is made: asked twice */
int rc_new_passphrase(struct rc *rc, const char *path, const char *prompt,
		      char pass[RC_PASSPHRASE_MAX + 1]);
/* repoctl_token.c: the PIN for a pkcs11: URI, once it is one; what mh_officer_*() said of it */
int rc_token_pin(struct rc *rc, const char *uri, char pin[RC_PASSPHRASE_MAX + 1]);
int rc_token_failed(const char *uri, int err);
int rc_open_officers(struct rc *rc);	/* keys given; asks passphrases */
/*
 * The vaults that --vault names, once: their passphrases come after the officers'.  add: to put
 * something into one, which is begun if it is not there; more than one is refused then.
 */
#define RC_VAULT_OPTION(more) { "--vault", "FILE", \
	"the officers' vault: Kec-secrets of hosts, which no server has" more }
int rc_vault(struct rc *rc, const struct rc_args *a, bool add);
/* The Kec-secret of this kid in any of them, NULL if none has it */
const u8 *rc_kec_secret(const struct rc *rc, const u8 kid[MH_HASH_LEN]);
/*
 * The Region, and the officers given: as many of its ANCHOR's as the threshold; any or none for a
 * proposal.
 */
int rc_open_quorum(struct rc *rc);
/* An exit code, told */
int rc_too_few(u8 which, unsigned int asked, unsigned int have);
/* Newest statement of (type, subject): MH_EXIT_NOTFOUND without a message when there is none. */
int rc_get(struct rc *rc, u8 type, const char *subject, struct mh_bytes *bytes, struct mh_stmt *s);
/* Newest ENTITY of that name, as the server says it */
int rc_get_entity(struct rc *rc, struct mh_buf name, struct mh_bytes *bytes, struct mh_stmt *s);
/* By the officers of any ANCHOR of the chain; -EKEYREVOKED: of one that min_anchor voids */
int rc_verify(const struct rc *rc, const struct mh_stmt *s);
/* The same; else told, and MH_EXIT_DENIED */
int rc_signed(struct rc *rc, const struct mh_stmt *s, const char *what);
/* What the server makes of a statement that it gave as its subject's newest: 0, or told */
enum rc_standing {
	RC_HOLDS, RC_REVOKED, RC_ENDED,
	RC_VOID		/* signed under an ANCHOR that min_anchor voids, and not revoked */
};

int rc_standing(struct rc *rc, const struct mh_stmt *s, enum rc_standing *out);
/*
 * What is done rests on: what it is called, what is then not done, and what to do where it is not
 * there, revoked, or at its end
 */
struct rc_rest {
	const char *what, *done, *missing, *revoked, *ended;
};

/* 0 when it holds, else told: nobody is served by what rests on what does not. */
int rc_must_hold(struct rc *rc, const struct mh_stmt *s, const struct rc_rest *on);
/* After rc_submit(): what was signed is not taken by a REVOKE that rc_next_serial() did not see */
int rc_holds(struct rc *rc, u8 type, const char *subject);
/*
 * Serial for the next statement of (type, subject): above the newest, and above what a REVOKE
 * takes, which would take the new one too.
 */
int rc_next_serial(struct rc *rc, u8 type, const char *subject, u64 *serial);
/* Last serial of (type, subject) that the newest REVOKE of that name takes, 0 if none */
int rc_revoked_up_to(struct rc *rc, u8 type, const char *subject, u64 *up_to);

/*
 * Make a statement of the Region: _begin gives a writer positioned after the
 * common attributes; _end puts the body in the batch, not signed yet; leaf may be NULL.
 */
struct rc_maker {
	struct mh_writer w;
	u8 body[MH_STMT_BODY_MAX];
};

int rc_begin(struct rc *rc, struct rc_maker *m, u8 type, const char *subject, u64 life);
/* The nth (from 0) of several of one subject that are signed at once, valid from then on */
int rc_begin_from(struct rc *rc, struct rc_maker *m, u8 type, const char *subject, u64 nth,
		  u64 from, u64 life);
int rc_end(struct rc *rc, struct rc_maker *m, u8 leaf[MH_HASH_LEN]);
/* The same of an ANCHOR, which the set signs: enum mh_which; see proposal.h */
int rc_act(struct rc *rc, u8 which, struct rc_maker *m, u8 leaf[MH_HASH_LEN]);
int rc_item(struct rc *rc, u8 item, struct mh_buf a, struct mh_buf b);
/*
 * All of the batch is signed by the keys given, as one, and submitted; or written as a proposal:
 * RC_PROPOSED.
 */
int rc_submit(struct rc *rc);
int rc_submit_batch(struct rc *rc, const struct mh_proposal_view *v);	/* once it is signed */
/* n of its statements from the first on */
int rc_submit_some(struct rc *rc, const struct mh_proposal_view *v, unsigned int first,
		   unsigned int n);
/* Adds to rc->hosts those that the statement concerns, or says that they are not known */
int rc_touches(struct rc *rc, const struct mh_stmt *s);
/* The batch, signed by all keys that may; told when there are too few and this is no proposal */
int rc_sign(struct rc *rc, struct mh_proposal_view *v);
/* What mh_proposal_*() gave but 0, told */
int rc_proposal_failed(int ret, const struct mh_proposal_view *v);
int rc_propose(struct rc *rc);		/* repoctl_proposal.c */
/*
 * repoctl_says.c: what a statement changes, in a sentence; anchor: the newest of the chain, its
 * type 0 for none.  The caller frees it; NULL: no memory
 */
char *rc_says(const struct mh_proposal_act *a, const struct mh_stmt *anchor);
int rc_drilled(struct rc *rc);		/* what a drill showed, as review does */
const char *rc_who(u8 which);		/* "the officers" */
const char *rc_type_name(u8 type);
void rc_finish(struct rc *rc);

/* ---- repoctl_officer.c: who an ANCHOR lists ---- */

#define RC_OFFICER_ARMOUR "OFFICER"	/* a public key, x || y */

struct rc_officers {
	u8 keys[MH_OFFICERS_MAX * MH_P256_PUB_LEN], n, m;
	u8 recovery[MH_OFFICERS_MAX * MH_P256_PUB_LEN], recoverers, recovery_threshold;
};

/* All return 0 or an exit code, having told why. */
int rc_read_keys(const char *const *path, unsigned int n, u8 *keys);
int rc_sort_keys(u8 *keys, unsigned int n);	/* as an ANCHOR has them; none twice */
int rc_officers_options(const struct rc_args *a, struct rc_officers *o);	/* --recovery-... */
/* That one lost key is not the end of the Region, or that it is meant so */
int rc_officers_check(const struct rc_officers *o, bool insist);
void rc_officers_write(const struct rc_officers *o, struct mh_writer *w, const u8 before[32],
		       u64 min_anchor, struct mh_buf caps);

/* repoctl_offline.c: rc_call() without a daemon, status as it would say it; an exit code, told */
int rc_offline_call(struct rc *rc, u8 op, struct mh_buf body, u8 *status, struct mh_bytes *reply);
int rc_region_export(struct rc *rc, const struct rc_args *a);

/* repoctl_enrol.c's verb, among the Entities' */
extern const struct rc_option rc_enrol_options[];
int rc_entity_enrol(struct rc *rc, const struct rc_args *a);

/* ---- join bundles ---- */

struct rc_bundle {
	struct mh_bytes anchors, trust;
};

/* The chain, the DELEGATIONs and EPOCH as they are now; b gets views into room */
int rc_bundle_trust(struct rc *rc, struct mh_bundle *b, struct rc_bundle *room);
void rc_bundle_free(struct rc_bundle *room);
/* -errno: it is not written, which is not told */
int rc_bundle_write(const struct mh_bundle *b, const char *out, bool binary);
/* In the proposal that is made: all of it that is the host's own */
int rc_bundle_keep(struct rc *rc, const struct mh_bundle *b, const u8 leaf[MH_HASH_LEN],
		   bool binary);
/* The bundles of a proposal that was submitted: NAME.bundle in this directory */
int rc_bundle_finish(struct rc *rc, const char *dir, json_t *made);

int rc_confirm_fingerprint(struct rc *rc, const char *what, const char *fingerprint,
			   const char *given);
/* MH_ADMIN_ENTITLED's answer */
int rc_entitled(struct rc *rc, const char *dataset, struct mh_bytes *reply);
/*
 * A serve DELEGATION that the Region's officers signed, of this key if not NULL; its views are into
 * the reply.  MH_EXIT_NOTFOUND without a message when there is none.
 */
int rc_serve(struct rc *rc, const u8 *sp2, struct mh_bytes *reply, struct mh_stmt *s);
int rc_card(struct rc *rc, struct mh_bytes *bytes, struct mh_card *card);
/*
 * HPKE to the card's key: leaf || enc || ct, as an item of the batch.  Only to a card of which the
 * Region's officers have signed that it is a server's.
 */
int rc_item_sealed(struct rc *rc, u8 item, struct mh_buf label, const u8 leaf[32],
		   const u8 *secret);
void rc_print(json_t *j);
/* Every newest statement of a type as make() shows it; *out is the caller's, on failure too */
int rc_list(struct rc *rc, u8 type, json_t *(*make)(const struct mh_stmt *s, u8 flags),
	    json_t **out);
/* Each of them; 0, or what fn() gave that is not, which ends it */
int rc_each(struct rc *rc, u8 type, int (*fn)(void *ctx, const struct mh_stmt *s, u8 flags),
	    void *ctx);
/* JSON or columns; takes over list */
void rc_print_rows(struct rc *rc, json_t *list, const char *const *columns, unsigned int n);

#endif
