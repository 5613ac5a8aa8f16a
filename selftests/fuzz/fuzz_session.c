// SPDX-License-Identifier: MIT
/*
 * SP1 in the kernel as a state machine: the very sources of kmod/, sessions and trust, whose
 * server is the input (hostile.h) and whose kernel is kernel/kernel.h: time passes, requesters give
 * up, memory runs out, as the input says.
 *
 *	u8 mode (kind of keys, what is asked), u8 bytes a write, then steps: those of hostile.h, or
 *	u8 0x80, u8 what, u8, u8
 *
 * The name is told to SP2 alone; a fetch is completed once; what is delivered is what was asked
 * for, of an open session; floors, clock, revocations and statements come from officers alone, and
 * floors from deliveries; a session that has ended stays so and leaves nothing.
 */
#include "kernel/kernel.h"

#pragma clang diagnostic ignored "-Wsign-compare"
#pragma clang diagnostic ignored "-Wunused-parameter"
#pragma clang diagnostic ignored "-Wmissing-field-initializers"
#include "../../kmod/trust.c"
#include "../../kmod/trust_fresh.c"
#include "../../kmod/trust_seal.c"
#include "../../kmod/session_stp.c"
#include "../../kmod/session_fd.c"
#include "../../kmod/session.c"

#undef __poll_t
#define HOSTILE_VERSIONS 1
#include "hostile.h"

#define FETCHES 4

struct workqueue_struct *mh_wq;
static struct mh_identity id;
static struct mh_fetch fetch[FETCHES];
static struct mh_session *session;
static unsigned int fetches, delivered_key;	/* the highest version that was delivered */
static bool disturbed;		/* memory failed, somebody gave up, time went by */
static bool starved;		/* memory failed, or was to */

/* ---- what else of the module they call ---- */

struct mh_identity *mh_identity_get(struct mh_identity *i)
{
	kref_get(&i->ref);
	return i;
}

void mh_identity_put(struct mh_identity *i)
{
	must(i->ref.n > 1);
	i->ref.n--;
}

void mh_identity_changed(struct mh_identity *i)
{
	must(i == &id);
}

void mh_event(u32 kind, const char *region, const char *name, u64 number)
{
	(void)region;
	(void)name;
	(void)number;
	/* of officers' doing, and no officer does so here */
	must(kind != MH_EV_REVOKED && kind != MH_EV_SUSPENDED && kind != MH_EV_FORK);
}

void mh_lease_end_matching(bool (*match)(const struct mh_lease *l, const void *ctx),
			   const void *ctx)
{
	(void)match;
	(void)ctx;
	must(!"a server's word withdraws nothing");
}

bool mh_draining(void)
{
	return false;
}

struct mh_fetch *mh_fetch_get(struct mh_fetch *f)
{
	kref_get(&f->ref);
	return f;
}

void mh_fetch_put(struct mh_fetch *f)
{
	must(f->ref.n > 0);
	f->ref.n--;
}

static void check_delivered(const struct mh_fetch *f, const struct mh_delivered *d)
{
	must(authed && proven && session && !session->end);
	must(fetches > 1 || told == went);	/* every record of it, and no other's */
	must(!strcmp(f->name, "alice/key") && d->version && d->version <= 2);
	must(!f->version || d->version == f->version);
	must(d->len == 32 && !memcmp(d->secret, v->key[d->version - 1], 32));
	must(d->alg == MH_ALG_RAW && d->deadline > ktime_get_boottime());
	must(!memcmp(d->leaf, v->leaf[d->version == 1 ? ST_KEY_1 : ST_KEY_2], 32));
	if (!f->version)		/* never an older one unasked */
		must(d->version >= delivered_key);
	if (delivered_key < d->version)
		delivered_key = (unsigned int)d->version;
}

bool mh_fetch_complete(struct mh_fetch *f, int err, struct mh_delivered *data)
{
	must(!kernel_spins);
	if (f->done) {		/* whoever gave up has completed it */
		must(disturbed);
		free(data);
		return false;
	}
	must(err <= 0 && !err == !!data);
	f->done = 1;
	f->err = err;
	if (!err)
		check_delivered(f, data);
	free(data);
	return true;
}

void mh_fetch_requeue(struct mh_fetch *f, int err)
{
	mh_fetch_complete(f, err ? err : -ECONNRESET, NULL);
	mh_fetch_put(f);
}

static struct mh_fetch *new_fetch(bool file, u64 version)
{
	struct mh_fetch *f = &fetch[fetches++];

	memset(f, 0, sizeof(*f));
	kref_init(&f->ref);
	f->identity = &id;
	f->version = version;
	strcpy(f->name, file ? "alice/file" : "alice/key");
	return f;
}

struct mh_identity *mh_request_adopt(u64 bell, struct list_head *to)
{
	struct mh_fetch *f = new_fetch(bell & 2, bell >> 2 & 1);

	kref_get(&f->ref);
	list_add_tail(&f->link, to);
	return mh_identity_get(&id);
}

int anon_inode_getfd(const char *name, const struct file_operations *ops, void *priv, int flags)
{
	(void)name;
	(void)flags;
	must(ops == &mh_session_fops);
	session = priv;
	return 3;
}

/* ---- the server's part of what the kernel believes ---- */

/* The first serve DELEGATION counts, and what it was passed on from; others count for nothing. */
static bool holds(const u8 *d, u8 n, u8 epoch, u8 key)
{
	bool fresh = false, serve = false;
	int first = -1;

	for (u8 i = 0; i < n; i++) {
		fresh |= d[i] == ST_FRESH;
		serve |= d[i] == ST_SERVE;
		if (first < 0 && (d[i] == ST_SERVE || d[i] == ST_ONWARD ||
				  d[i] == ST_SERVE_BY_SERVE))
			first = d[i];
	}
	return fresh && epoch == ST_EPOCH && (first == ST_SERVE ? key == 0 :
					      first == ST_ONWARD ? serve && key == 2 : false);
}

static bool signed_by_officers(struct mh_buf b)
{
	/* one that has ended is kept, and delivers nothing */
	bool known = mh_buf_equal(b, mh_bytes_buf(&v->w.anchor)) ||
		     mh_buf_equal(b, mh_bytes_buf(&v->st[ST_KEY_ENDED]));

	for (int k = 0; k < ST_FORGED; k++)
		known |= mh_buf_equal(b, mh_bytes_buf(&v->st[k]));
	return known;
}

static void check_trust(struct mh_trust *t)
{
	u8 hash[2][MH_HASH_LEN];
	const struct mh_buf names[] = { MH_BUF("alice/key", 9), MH_BUF("alice/file", 10) };
	struct mh_kept *k;

	for (int i = 0; i < 2; i++)
		mh_sha256v(hash[i], &names[i], 1);
	must(!t->revoked && !t->suspended && t->anchors && t->anchors <= 2);
	for (unsigned int i = 0; i < t->anchors; i++)
		must(signed_by_officers(t->anchor[i]->s.bytes));
	list_for_each_entry(k, &t->kept, link)
		must(signed_by_officers(k->s.bytes));
	must(!t->epoch || signed_by_officers(t->epoch->s.bytes));
	must(t->time <= (u64)time(NULL) && mh_trust_time(t) <= (u64)time(NULL) + kernel_boot);
	for (unsigned int i = 0; i < t->floors; i++) {
		const struct mh_floor *f = &t->floor[i];

		must(!f->anchor && !memcmp(f->subject, hash[0], 32));
		must(f->type == MH_DATASET ? f->serial == 1 :
		     f->type == MH_INSTANCE && f->serial <= 2);
		/* where memory failed, all had been verified, and only the delivery failed */
		must(starved || (f->type == MH_DATASET ? delivered_key :
				 f->serial == delivered_key));
	}
}

/* ---- bytes ---- */

static bool from_kernel(struct file *f)
{
	static u8 buf[MH_SESSION_OUT];
	static size_t have;
	ssize_t n;

	have = 0;
	do {	/* a frame, in pieces that are the reader's */
		n = mh_session_read(f, (char *)buf + have, min(sizeof(buf) - have, (size_t)200),
				    NULL);
		must(n <= 200);
		if (n > 0)
			have += (size_t)n;
	} while (n > 0 && have < MH_FRAME_HEADER + (mh_get32(buf) & 0xffffff));
	if (have)
		sp1_sent(buf, have);
	return have;
}

static bool to_kernel(struct file *f, size_t piece)
{
	const size_t n = min(out_n - out_at, piece);
	const bool over = session->end;
	ssize_t took;

	if (!n)
		return false;
	took = mh_session_write(f, (char *)out + out_at, n, NULL);
	must(took == (ssize_t)n || (took < 0 && session->end));
	must(!over || took == -EPIPE);		/* closed stays closed */
	out_at += n;
	if (out_at == out_n) {
		out_at = 0;
		out_n = 0;
	}
	return true;
}

static void event(const u8 *s)
{
	struct mh_fetch *f = &fetch[s[2] % FETCHES];

	disturbed |= s[1] % 6 != 4;
	switch (s[1] % 6) {
	case 0:		/* its requester gives up */
		if (f >= fetch + fetches || f->done)
			break;
		f->done = 1;
		mh_session_cancel(f);
		break;
	case 1:		/* its time is over */
		if (cancel_delayed_work(&session->life))
			mh_session_life(&session->life.work);
		break;
	case 2:
		kernel_boot += s[2];
		jiffies += (unsigned long)s[3] * HZ;
		break;
	case 3:
		kernel_fail_at = s[2] % 32 + 1;
		starved = true;
		break;
	case 4:		/* another asks */
		if (fetches == FETCHES)
			break;
		/* the server here answers one after the other */
		for (unsigned int i = 0; i < fetches; i++)
			honest &= fetch[i].done;
		f = new_fetch(s[2] & 1, s[2] >> 1 & 1);
		if (mh_session_submit(f))
			f->done = 1;
		break;
	case 5:
		mh_session_end_all(&id, -ECONNRESET);
		break;
	}
	honest &= !disturbed;
}

static void converse(size_t piece)
{
	struct file f = { .private_data = session, .f_flags = O_NONBLOCK };
	bool more = true;

	while (more) {
		more = from_kernel(&f);
		more |= to_kernel(&f, piece);
		kernel_run_works();
		must(!kernel_held);
		check_trust(id.trust);
		if (more)
			continue;
		if (left && script[0] & 0x80) {
			event(script);
			script += 4;
			left--;
			more = true;
		} else {
			more = server_step() || left;
		}
	}
	for (unsigned int i = 0; honest && i < fetches; i++)
		must(fetch[i].done && !fetch[i].err == !strcmp(fetch[i].name, "alice/key"));
	kernel_fail_at = 0;
	mh_session_close(NULL, &f);
	kernel_run_works();
}

static void identity(void)
{
	const struct mh_client_identity *h = &v->host.id;

	memset(&id, 0, sizeof(id));
	kref_init(&id.ref);
	mutex_init(&id.lock);
	id.joined = true;
	strcpy(id.name, h->name);
	strcpy(id.region, rd_label);
	memcpy(id.region_id, h->region, 32);
	memcpy(id.ecx, h->kec.ctx, 32);
	id.kei_kind = h->mac ? MH_KIND_SECRET : MH_KIND_PAIR;
	id.kec_kind = h->kec.pair ? MH_KIND_PAIR : MH_KIND_SECRET;
	memcpy(id.kei, h->kei, 32);
	memcpy(id.kec, h->kec.key, 32);
	memcpy(id.kec_pub, h->kec.pub, 32);
	id.entity_serial = 1;
	id.trust = mh_trust_new();
	must(id.trust && !mh_trust_anchor(id.trust, mh_bytes_buf(&v->w.anchor)));
	mh_trust_note(&id, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!made[0].st[0].n) {
		server_make(&made[0], false);
		server_make(&made[1], true);
	}
	if (size < 2)
		return 0;
	v = &made[data[0] & 1];
	script = data + 2;
	left = (size - 2) / 4 < STEPS ? (size - 2) / 4 : STEPS;
	fuzz_fix_random(8);
	begin();
	fetches = 0;
	delivered_key = 0;
	disturbed = false;
	starved = false;
	session = NULL;
	kernel_boot = 1000;
	jiffies = 1000;
	identity();
	must(mh_session_open(data[0]) == 3 && session);
	converse(data[1] ? (size_t)data[1] * 80 : 1);
	must(!mh_session_count() && !mh_sessions_n && !kernel_modules && !kernel_held);
	must(id.ref.n == 1 && !id.session);
	for (unsigned int i = 0; i < fetches; i++)
		must(fetch[i].done && fetch[i].ref.n == 1);
	check_trust(id.trust);
	mh_trust_free(id.trust);
	mh_stp_end(&sp2);
	return 0;
}
