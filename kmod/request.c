// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fetches: made by the requester, completed once (by a session, the agent, a
 * timeout, the requester's death or the drain), collected by the requester.
 */
#include <linux/cred.h>
#include <linux/freezer.h>
#include <linux/key-type.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <keys/request_key_auth-type.h>
#include <linux/microhsm.h>
#include "deliver.h"
#include "doorbell.h"
#include "keytype.h"
#include "request.h"
#include "session.h"

#define MH_PENDING_PER_USER	16
#define MH_FETCH_TIMEOUT_MS	30000
/* The actor holds key_types_sem: what it waits, every key type's registration waits. */
#define MH_ACTOR_TIMEOUT_MS	5000
#define MH_ACTOR_PULL_MS	500

static DEFINE_SPINLOCK(mh_fetch_lock);	/* list, and parked data's taking */
static LIST_HEAD(mh_fetches);		/* all alive; mh_fetch_lock */
static unsigned int mh_fetch_total;	/* mh_fetch_lock */
static int mh_fetch_refuse;		/* set by the drain; mh_fetch_lock */
static atomic_t mh_fetch_doubles = ATOMIC_INIT(0);

static void mh_delivered_wipe(struct mh_delivered *d)
{
	kfree_sensitive(d);
}

struct mh_fetch *mh_fetch_get(struct mh_fetch *f)
{
	kref_get(&f->ref);
	return f;
}

/* The last put is in a system call on our device or in the actor, or in a work of mh_wq. */
static void mh_fetch_release(struct kref *ref)
{
	struct mh_fetch *f = container_of(ref, struct mh_fetch, ref);

	spin_lock(&mh_fetch_lock);
	list_del(&f->all);
	mh_fetch_total--;
	spin_unlock(&mh_fetch_lock);
	mh_delivered_wipe(f->data);
	mh_identity_put(f->identity);
	kfree(f);
	module_put(THIS_MODULE);
}

void mh_fetch_put(struct mh_fetch *f)
{
	kref_put(&f->ref, mh_fetch_release);
}

bool mh_fetch_complete(struct mh_fetch *f, int err, struct mh_delivered *data)
{
	if (test_and_set_bit(0, &f->done)) {
		mh_delivered_wipe(data);
		return false;
	}
	if (atomic_inc_return(&f->completions) != 1)
		atomic_inc(&mh_fetch_doubles);
	if (!err && !data)
		err = -EBADMSG;
	if (err) {
		mh_delivered_wipe(data);
		data = NULL;
	}
	spin_lock(&mh_fetch_lock);
	f->err = err;
	f->data = data;
	spin_unlock(&mh_fetch_lock);
	smp_store_release(&f->ready, true);	/* pairs with mh_fetch_is_ready() */
	wake_up_all(&f->wq);
	if (f->async)
		wake_up_all(&mh_poll_wq);
	return true;
}

/* The requester's side gives up: nobody else completes it after this. */
static void mh_fetch_abort(struct mh_fetch *f, int err)
{
	mh_fetch_complete(f, err, NULL);
	if (!mh_doorbell_forget(f))
		mh_session_cancel(f);
}

void mh_fetch_requeue(struct mh_fetch *f, int err)
{
	int ret = err;

	if (!f->retried) {
		f->retried = true;
		ret = mh_doorbell_ring(f);
	}
	if (ret)
		mh_fetch_complete(f, ret == -ENOTCONN ? err : ret, NULL);
	mh_fetch_put(f);
}

/* An asynchronous fetch that was not answered, or not collected, in time. */
static void mh_fetch_expire(struct work_struct *work)
{
	struct mh_fetch *f = container_of(to_delayed_work(work), struct mh_fetch, expire);
	struct mh_delivered *data = NULL;

	mh_fetch_abort(f, -ETIMEDOUT);
	spin_lock(&mh_fetch_lock);
	if (!f->taken) {
		swap(data, f->data);
		f->taken = true;
	}
	spin_unlock(&mh_fetch_lock);
	mh_delivered_wipe(data);
	mh_fetch_put(f);
}

static struct mh_fetch *mh_fetch_new(struct mh_identity *id, const char *name, u64 version)
{
	struct mh_fetch *f, *i;
	unsigned int mine = 0;
	int err;

	if (!try_module_get(THIS_MODULE))
		return ERR_PTR(-ESHUTDOWN);
	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f) {
		module_put(THIS_MODULE);
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&f->ref);
	INIT_LIST_HEAD(&f->link);
	init_waitqueue_head(&f->wq);
	INIT_DELAYED_WORK(&f->expire, mh_fetch_expire);
	strscpy(f->name, name, sizeof(f->name));
	f->version = version;
	f->uid = current_fsuid();
	f->identity = mh_identity_get(id);

	spin_lock(&mh_fetch_lock);
	list_for_each_entry(i, &mh_fetches, all)
		mine += uid_eq(i->uid, f->uid);
	err = mh_fetch_refuse;
	if (!err && mine >= MH_PENDING_PER_USER)
		err = -EDQUOT;
	list_add_tail(&f->all, &mh_fetches);
	mh_fetch_total++;
	spin_unlock(&mh_fetch_lock);
	if (err) {
		mh_fetch_put(f);
		return ERR_PTR(err);
	}
	return f;
}

static int mh_fetch_start(struct mh_fetch *f)
{
	int ret = mh_session_submit(f);

	if (!ret)
		WRITE_ONCE(f->pulled, true);
	else if (ret == -ENOTCONN)
		ret = mh_doorbell_ring(f);
	return ret;
}

static bool mh_fetch_is_ready(const struct mh_fetch *f)
{
	return smp_load_acquire(&f->ready);	/* then err and data can be read */
}

#define mh_fetch_sleep(f, cond, state, left)						\
	___wait_event((f)->wq, ___wait_cond_timeout(cond), state, 0, left,		\
		      __ret = schedule_timeout(__ret))

/* pull_ms: an agent that has not pulled it by then is not waited for; 0: no such bound. */
static int mh_fetch_wait(struct mh_fetch *f, unsigned int state, u32 timeout_ms, u32 pull_ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(timeout_ms);
	long left = msecs_to_jiffies(timeout_ms);

	if (pull_ms) {
		left = mh_fetch_sleep(f, mh_fetch_is_ready(f) || READ_ONCE(f->pulled), state,
				      (long)msecs_to_jiffies(pull_ms));
		if (left > 0)
			left = max_t(long, end - jiffies, 1);
	}
	if (left > 0)
		left = mh_fetch_sleep(f, mh_fetch_is_ready(f), state, left);
	/* not -ERESTARTSYS: as another waiter's errno it would reach userspace as 512 */
	if (!mh_fetch_is_ready(f))
		mh_fetch_abort(f, left < 0 ? -EINTR : -ETIMEDOUT);
	/* somebody may have been between the bit and the result */
	wait_event(f->wq, mh_fetch_is_ready(f));
	return f->err;
}

/* The parked data becomes the caller's to read, until its last put of f. */
static int mh_fetch_take(struct mh_fetch *f)
{
	int ret = -ETIMEDOUT;

	spin_lock(&mh_fetch_lock);
	if (f->err) {
		ret = f->err;
	} else if (!f->taken && f->data) {
		f->taken = true;
		ret = 0;
	}
	spin_unlock(&mh_fetch_lock);
	return ret;
}

void mh_request_withdraw(bool (*match)(const struct mh_lease *l, const void *ctx), const void *ctx)
{
	struct mh_lease probe = {};
	struct mh_fetch *f;

	spin_lock(&mh_fetch_lock);
	list_for_each_entry(f, &mh_fetches, all) {
		if (!f->data)
			continue;
		memcpy(probe.region_id, f->identity->region_id, sizeof(probe.region_id));
		memcpy(probe.leaf, f->data->leaf, sizeof(probe.leaf));
		if (match(&probe, ctx))
			WRITE_ONCE(f->withdrawn, true);
	}
	spin_unlock(&mh_fetch_lock);
}

void mh_request_wipe(const struct mh_identity *id)
{
	struct mh_fetch *f;

	spin_lock(&mh_fetch_lock);
	list_for_each_entry(f, &mh_fetches, all) {
		if (f->taken || !f->data || (id && f->identity != id))
			continue;
		f->taken = true;
		mh_delivered_wipe(f->data);
		f->data = NULL;
	}
	spin_unlock(&mh_fetch_lock);
}

/* ---- requesters ---- */

/* The identity that fetches of region, if the caller may search it; serial 0: by its label. */
static struct mh_identity *mh_request_identity(key_serial_t serial, const char *region)
{
	struct mh_identity *id;

	if (!serial) {
		struct mh_identity *found = mh_identity_find_region(region);

		if (!found)
			return ERR_PTR(-ENOKEY);
		serial = READ_ONCE(found->serial);
		mh_identity_put(found);
	}
	id = mh_keytype_identity(serial, KEY_NEED_SEARCH);
	if (IS_ERR(id))
		return id;
	if (!READ_ONCE(id->joined) || (*region && strcmp(id->region, region))) {
		mh_identity_put(id);
		return ERR_PTR(-EINVAL);
	}
	return id;
}

static bool mh_terminated(const char *s, size_t size)
{
	return strnlen(s, size) < size;
}

static int mh_request_check(const struct mh_fetch_io *a)
{
	if (a->flags & ~MH_FETCH_ASYNC || memchr_inv(a->reserved, 0, sizeof(a->reserved)))
		return -EINVAL;
	if (!mh_terminated(a->region, sizeof(a->region)) ||
	    !mh_terminated(a->name, sizeof(a->name)) ||
	    !mh_terminated(a->description, sizeof(a->description)))
		return -EINVAL;
	if (!mh_dataset_name_ok(mh_text(a->name)))
		return -EINVAL;
	if (*a->region ? !mh_name_ok(mh_text(a->region)) : !a->identity)
		return -EINVAL;
	if (a->identity < 0 || a->form > MH_FORM_USER || a->timeout_ms > MH_FETCH_TIMEOUT_MAX_MS)
		return -EINVAL;
	if (a->form == MH_FORM_KEY && *a->description)
		return -EINVAL;
	return 0;
}

static struct mh_fetch *mh_request_start(struct mh_fetch_io *a, bool async)
{
	struct mh_identity *id;
	struct mh_fetch *f;
	int ret;

	id = mh_request_identity(a->identity, a->region);
	if (IS_ERR(id))
		return ERR_CAST(id);
	f = mh_fetch_new(id, a->name, a->version);
	mh_identity_put(id);
	if (IS_ERR(f))
		return f;
	f->async = async;
	ret = mh_fetch_start(f);
	if (ret) {
		mh_fetch_complete(f, ret, NULL);
		mh_fetch_put(f);
		return ERR_PTR(ret);
	}
	return f;
}

static int mh_request_deliver(struct mh_fetch *f, struct mh_fetch_io *a, key_ref_t ring)
{
	int ret;

	a->refusal = f->refusal;
	a->retry_after_ms = f->retry_after_ms;
	ret = mh_fetch_take(f);
	return ret ? ret : mh_deliver_fetch(f, a, ring);
}

int mh_request_fetch(struct mh_fetch_io *a)
{
	struct mh_fetch *f;
	key_ref_t ring;
	int ret;

	ret = mh_request_check(a);
	if (ret)
		return ret;
	/* before anything is asked for: a keyring that cannot be written costs no delivery */
	ring = mh_deliver_ring(a->keyring);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	f = mh_request_start(a, false);
	if (IS_ERR(f)) {
		key_ref_put(ring);
		return PTR_ERR(f);
	}
	mh_fetch_wait(f, TASK_KILLABLE | TASK_FREEZABLE, a->timeout_ms ?: MH_FETCH_TIMEOUT_MS, 0);
	ret = mh_request_deliver(f, a, ring);
	mh_fetch_put(f);
	key_ref_put(ring);
	return ret;
}

int mh_request_begin(struct mh_fetch_io *a, struct mh_fetch **out)
{
	struct mh_fetch *f;
	int ret;

	ret = mh_request_check(a);
	if (ret)
		return ret;
	f = mh_request_start(a, true);
	if (IS_ERR(f))
		return PTR_ERR(f);
	mh_fetch_get(f);	/* the work's */
	queue_delayed_work(mh_wq, &f->expire,
			   msecs_to_jiffies(a->timeout_ms ?: MH_FETCH_TIMEOUT_MS));
	*out = f;
	return -EINPROGRESS;
}

bool mh_request_ready(const struct mh_fetch *f)
{
	return mh_fetch_is_ready(f);
}

int mh_request_collect(struct mh_fetch *f, struct mh_fetch_io *a, bool *over)
{
	struct mh_identity *id;
	key_ref_t ring;
	int ret;

	*over = false;
	ret = mh_request_check(a);
	if (ret)
		return ret;
	if (strcmp(a->name, f->name))
		return -EINVAL;
	if (!mh_fetch_is_ready(f))
		return -EAGAIN;
	/* the descriptor may have been passed on: its holder needs the right too */
	id = mh_keytype_identity(READ_ONCE(f->identity->serial), KEY_NEED_SEARCH);
	if (IS_ERR(id)) {
		*over = f->err;
		return f->err ?: PTR_ERR(id);
	}
	mh_identity_put(id);
	ring = mh_deliver_ring(a->keyring);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	*over = true;
	ret = mh_request_deliver(f, a, ring);
	key_ref_put(ring);
	return ret;
}

void mh_request_abandon(struct mh_fetch *f)
{
	if (cancel_delayed_work(&f->expire))
		mh_fetch_put(f);
	if (!mh_fetch_is_ready(f))
		mh_fetch_abort(f, -ECANCELED);
	mh_fetch_put(f);
}

/* ---- request_key(2) ---- */

static int mh_actor_fetch(struct key *key, const char *desc, struct key *ring, struct key *authkey)
{
	const char *slash = strchr(desc, '/');
	char region[MH_NAME_MAX + 1];
	struct mh_identity *id;
	struct mh_fetch *f;
	int ret;

	if (!slash || strchr(desc, ':') || slash - desc >= sizeof(region))
		return -EPERM;		/* an identity is not asked for by this door */
	memcpy(region, desc, slash - desc);
	region[slash - desc] = '\0';
	id = mh_request_identity(0, region);
	if (IS_ERR(id))
		return PTR_ERR(id);
	f = mh_fetch_new(id, slash + 1, 0);
	mh_identity_put(id);
	if (IS_ERR(f))
		return PTR_ERR(f);
	ret = mh_fetch_start(f);
	if (ret)
		mh_fetch_complete(f, ret, NULL);
	else
		ret = mh_fetch_wait(f, TASK_KILLABLE, MH_ACTOR_TIMEOUT_MS, MH_ACTOR_PULL_MS);
	if (!ret)
		ret = mh_fetch_take(f);
	if (!ret)
		ret = mh_deliver_construct(f, key, ring, authkey);
	mh_fetch_put(f);
	return ret;
}

/* Runs in the requester's context; the system call holds key_types_sem for reading. */
int mh_request_key(struct key *authkey, void *aux)
{
	struct request_key_auth *rka = get_request_key_auth(authkey);
	struct key *key = rka->target_key;
	int ret = -EINVAL, err;

	/* The core has just linked it where its possessor may setperm it. */
	mh_keytype_seal_perm(key);
	if (!rka->callout_len)
		ret = mh_actor_fetch(key, key->description, rka->dest_keyring, authkey);
	if (!ret)
		return 0;
	if (ret == -EAGAIN)	/* the search takes that for "absent" */
		ret = -EBUSY;
	/*
	 * Expired at once, so that a retry asks again.  No keyring: it is
	 * linked already, and a restricted one would refuse with nothing done.
	 * expiry: a clock that is set back shall not revive the failure.
	 */
	err = key_reject_and_link(key, 0, -ret, NULL, authkey);
	if (!err)
		WRITE_ONCE(key->expiry, 1);
	else
		complete_request_key(authkey, ret);
	return ret;
}

unsigned int mh_request_count(void)
{
	return READ_ONCE(mh_fetch_total);
}

u32 mh_request_doubles(void)
{
	return atomic_read(&mh_fetch_doubles);
}

void mh_request_drain(int err)
{
	struct mh_fetch *f, *got;

	spin_lock(&mh_fetch_lock);
	mh_fetch_refuse = err;
	spin_unlock(&mh_fetch_lock);
	mh_doorbell_drain(err);
	do {	/* those that wait on a session; one at a time, as completing takes the lock */
		got = NULL;
		spin_lock(&mh_fetch_lock);
		list_for_each_entry(f, &mh_fetches, all)
			if (!test_bit(0, &f->done) && kref_get_unless_zero(&f->ref)) {
				got = f;
				break;
			}
		spin_unlock(&mh_fetch_lock);
		if (got) {
			mh_fetch_abort(got, err);
			mh_fetch_put(got);
		}
	} while (got);
	mh_request_wipe(NULL);
}
