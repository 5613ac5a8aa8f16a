// SPDX-License-Identifier: GPL-2.0-only
/*
 * The agent: attach, pull, done, adopt.  Fetches of one identity that have no
 * session wait together on one bell, which the agent pulls once.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/slab.h>
#include "audit.h"
#include "doorbell.h"
#include "keytype.h"
#include "session.h"

#define MH_ERRNO_LAST	133	/* EHWPOISON: what lies behind is the kernel's own */
#define MH_RIDE_TRIES	64

/* All of it under mh_bell_lock; the last fetch that leaves takes it along. */
struct mh_bell {
	struct list_head link;
	struct list_head waiting;	/* mh_fetch.link, each with a reference */
	struct mh_identity *identity;	/* a reference */
	u64 id;
	bool pulled;
};

DECLARE_WAIT_QUEUE_HEAD(mh_poll_wq);
static DEFINE_SPINLOCK(mh_bell_lock);
static LIST_HEAD(mh_bells);
static LIST_HEAD(mh_seals);		/* mh_identity.seal, each with a reference */
static struct file *mh_agent;		/* no reference: its release clears it */
static u64 mh_bell_next;

static void mh_bell_free(struct mh_bell *bell)
{
	if (!bell)
		return;
	mh_identity_put(bell->identity);
	kfree(bell);
}

static struct mh_bell *mh_bell_of(const struct mh_identity *id)
{
	struct mh_bell *bell;

	lockdep_assert_held(&mh_bell_lock);
	list_for_each_entry(bell, &mh_bells, link)
		if (bell->identity == id)
			return bell;
	return NULL;
}

static struct mh_bell *mh_bell_by_id(u64 id)
{
	struct mh_bell *bell;

	lockdep_assert_held(&mh_bell_lock);
	list_for_each_entry(bell, &mh_bells, link)
		if (bell->id == id && bell->pulled)
			return bell;
	return NULL;
}

int mh_doorbell_ring(struct mh_fetch *f)
{
	struct mh_bell *bell, *fresh;
	int ret = 0;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return -ENOMEM;
	INIT_LIST_HEAD(&fresh->waiting);
	fresh->identity = mh_identity_get(f->identity);

	spin_lock(&mh_bell_lock);
	bell = mh_bell_of(f->identity);
	if (mh_draining()) {
		ret = -ESHUTDOWN;
	} else if (!mh_agent) {
		ret = -ENOTCONN;
	} else if (test_bit(0, &f->done)) {	/* given up: mh_doorbell_forget() was before us */
		ret = -ECANCELED;
	} else {
		if (!bell) {
			swap(bell, fresh);
			bell->id = ++mh_bell_next;
			list_add_tail(&bell->link, &mh_bells);
		}
		f->bell = bell;
		f->id = bell->id;
		WRITE_ONCE(f->pulled, bell->pulled);
		list_add_tail(&mh_fetch_get(f)->link, &bell->waiting);
	}
	spin_unlock(&mh_bell_lock);
	mh_bell_free(fresh);
	if (!ret)
		wake_up_all(&mh_poll_wq);
	return ret;
}

bool mh_doorbell_forget(struct mh_fetch *f)
{
	struct mh_bell *bell, *empty = NULL;

	spin_lock(&mh_bell_lock);
	bell = f->bell;
	if (bell) {
		f->bell = NULL;
		list_del_init(&f->link);
		if (list_empty(&bell->waiting)) {
			list_del(&bell->link);
			empty = bell;
		}
	}
	spin_unlock(&mh_bell_lock);
	mh_bell_free(empty);
	if (bell)
		mh_fetch_put(f);
	return bell;
}

/* Takes a bell off, and its fetches with their references to `to`. */
static void mh_bell_take(struct mh_bell *bell, struct list_head *to)
{
	struct mh_fetch *f;

	lockdep_assert_held(&mh_bell_lock);
	list_del(&bell->link);
	list_for_each_entry(f, &bell->waiting, link)
		f->bell = NULL;
	list_splice_tail_init(&bell->waiting, to);
}

static void mh_bell_fail(struct list_head *fetches, int err)
{
	struct mh_fetch *f, *next;

	list_for_each_entry_safe(f, next, fetches, link) {
		list_del_init(&f->link);
		mh_fetch_complete(f, err, NULL);
		mh_fetch_put(f);
	}
}

static void mh_bell_fail_all(int err)
{
	struct mh_bell *bell, *next;
	LIST_HEAD(fetches);
	LIST_HEAD(bells);

	spin_lock(&mh_bell_lock);
	list_for_each_entry_safe(bell, next, &mh_bells, link) {
		mh_bell_take(bell, &fetches);
		list_add(&bell->link, &bells);
	}
	spin_unlock(&mh_bell_lock);
	mh_bell_fail(&fetches, err);
	list_for_each_entry_safe(bell, next, &bells, link)
		mh_bell_free(bell);
}

/* ---- sealing ---- */

void mh_request_seal(struct mh_identity *id)
{
	spin_lock(&mh_bell_lock);
	if (!id->seal_queued && !READ_ONCE(id->dead) && !mh_draining()) {
		id->seal_queued = true;
		list_add_tail(&mh_identity_get(id)->seal, &mh_seals);
	}
	spin_unlock(&mh_bell_lock);
	wake_up_all(&mh_poll_wq);
}

void mh_doorbell_unseal(struct mh_identity *id)
{
	bool was;

	spin_lock(&mh_bell_lock);
	was = id->seal_queued;
	if (was) {
		id->seal_queued = false;
		list_del(&id->seal);
	}
	spin_unlock(&mh_bell_lock);
	if (was)
		mh_identity_put(id);
}

/* What an agent before this one pulled and did not bring to the disk. */
static void mh_doorbell_reseal(void)
{
	struct mh_identity *id = NULL;

	while ((id = mh_identity_next(id)))
		if (READ_ONCE(id->joined) && READ_ONCE(id->sealed) < READ_ONCE(id->generation))
			mh_request_seal(id);
}

/* ---- the agent ---- */

int mh_doorbell_attach(struct file *file)
{
	int ret = 0;

	/* at open, and now; then the descriptor is the right */
	if (!file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN) || !capable(CAP_SYS_ADMIN)) {
		mh_audit("attach", "agent", false);
		return -EPERM;
	}
	spin_lock(&mh_bell_lock);
	if (mh_draining())
		ret = -ESHUTDOWN;
	else if (mh_agent)
		ret = -EBUSY;
	else
		mh_agent = file;
	spin_unlock(&mh_bell_lock);
	if (ret)
		return ret;
	mh_audit("attach", "agent", true);
	mh_doorbell_reseal();
	return 0;
}

bool mh_doorbell_is_agent(const struct file *file)
{
	return READ_ONCE(mh_agent) == file;
}

bool mh_doorbell_attached(void)
{
	return READ_ONCE(mh_agent);
}

static struct mh_bell *mh_bell_to_pull(void)
{
	struct mh_bell *bell;

	lockdep_assert_held(&mh_bell_lock);
	list_for_each_entry(bell, &mh_bells, link)
		if (!bell->pulled)
			return bell;
	return NULL;
}

/*
 * A session may have come up between a fetch's question for one and its place
 * on the bell: then it rides on that.  false: none of them does.
 */
static bool mh_doorbell_ride(void)
{
	struct mh_fetch *f = NULL;
	struct mh_bell *bell;
	int ret;

	spin_lock(&mh_bell_lock);
	bell = mh_bell_to_pull();
	if (bell && READ_ONCE(bell->identity->session))
		f = mh_fetch_get(list_first_entry(&bell->waiting, struct mh_fetch, link));
	spin_unlock(&mh_bell_lock);
	if (!f)
		return false;
	if (mh_doorbell_forget(f)) {
		ret = mh_session_submit(f);
		if (ret == -ENOTCONN)
			ret = mh_doorbell_ring(f);
		else if (!ret)
			WRITE_ONCE(f->pulled, true);
		if (ret)
			mh_fetch_complete(f, ret, NULL);
		wake_up_all(&f->wq);
	}
	mh_fetch_put(f);
	return true;
}

/* names are copied whole, with their ends */
static_assert(sizeof_field(struct mh_pull, name) == sizeof_field(struct mh_identity, name));
static_assert(sizeof_field(struct mh_pull, dataset) == sizeof_field(struct mh_fetch, name));

static void mh_pull_fill(struct mh_pull *a, struct mh_identity *id)
{
	a->serial = READ_ONCE(id->serial);
	memcpy(a->region, id->region, sizeof(id->region));
	memcpy(a->name, id->name, sizeof(id->name));
	if (a->kind != MH_PULL_CONNECT)
		return;
	mutex_lock(&id->lock);
	if (id->addresses)
		strscpy(a->addresses, id->addresses, sizeof(a->addresses));
	mutex_unlock(&id->lock);
}

int mh_doorbell_pull(struct file *file, struct mh_pull *a)
{
	struct mh_identity *id = NULL;
	struct mh_bell *bell;
	struct mh_fetch *f;
	int i, ret = -EAGAIN;

	if (memchr_inv(a->reserved, 0, sizeof(a->reserved)))
		return -EINVAL;
	for (i = 0; i < MH_RIDE_TRIES && mh_doorbell_ride(); i++)
		;
	memset(a, 0, sizeof(*a));
	a->size = sizeof(*a);
	spin_lock(&mh_bell_lock);
	bell = mh_bell_to_pull();
	if (mh_agent != file) {
		ret = -EPERM;
	} else if (mh_draining()) {	/* the agent's descriptor holds the module: it must go */
		ret = -ESHUTDOWN;
	} else if (bell) {
		bell->pulled = true;
		id = mh_identity_get(bell->identity);
		f = list_first_entry(&bell->waiting, struct mh_fetch, link);
		a->kind = MH_PULL_CONNECT;
		a->id = bell->id;
		a->uid = from_kuid(&init_user_ns, f->uid);
		memcpy(a->dataset, f->name, sizeof(f->name));
		list_for_each_entry(f, &bell->waiting, link) {
			WRITE_ONCE(f->pulled, true);
			wake_up_all(&f->wq);
		}
		ret = 0;
	} else if (!list_empty(&mh_seals)) {
		id = list_first_entry(&mh_seals, struct mh_identity, seal);
		list_del(&id->seal);	/* its reference is ours now */
		id->seal_queued = false;
		a->kind = MH_PULL_SEAL;
		ret = 0;
	}
	spin_unlock(&mh_bell_lock);
	if (id) {
		mh_pull_fill(a, id);
		mh_identity_put(id);
	}
	return ret;
}

int mh_doorbell_done(struct file *file, struct mh_done_io *a)
{
	struct mh_bell *bell = NULL;
	LIST_HEAD(fetches);
	int ret = 0;

	if (a->err >= 0 || a->err < -MH_ERRNO_LAST)
		return -EINVAL;
	spin_lock(&mh_bell_lock);
	if (mh_agent == file) {
		bell = mh_bell_by_id(a->id);
		if (bell)
			mh_bell_take(bell, &fetches);
		else
			ret = -ENOENT;
	} else {
		ret = -EPERM;
	}
	spin_unlock(&mh_bell_lock);
	mh_bell_fail(&fetches, a->err);
	mh_bell_free(bell);
	return ret;
}

struct mh_identity *mh_request_adopt(u64 id, struct list_head *to)
{
	struct mh_identity *identity = NULL;
	struct mh_bell *bell;

	spin_lock(&mh_bell_lock);
	bell = mh_bell_by_id(id);
	if (bell) {
		mh_bell_take(bell, to);
		identity = bell->identity;	/* with the bell's reference */
	}
	spin_unlock(&mh_bell_lock);
	kfree(bell);
	return identity;
}

__poll_t mh_doorbell_poll(struct file *file, poll_table *pt)
{
	__poll_t mask = 0;

	poll_wait(file, &mh_poll_wq, pt);
	spin_lock(&mh_bell_lock);
	if (mh_agent == file && (mh_bell_to_pull() || !list_empty(&mh_seals) || mh_draining()))
		mask = EPOLLIN | EPOLLRDNORM;
	spin_unlock(&mh_bell_lock);
	return mask;
}

void mh_doorbell_release(struct file *file)
{
	bool was;

	spin_lock(&mh_bell_lock);
	was = mh_agent == file;
	if (was)
		mh_agent = NULL;
	spin_unlock(&mh_bell_lock);
	if (was)
		mh_bell_fail_all(-ECONNRESET);
}

void mh_doorbell_drain(int err)
{
	struct mh_identity *id;

	mh_bell_fail_all(err);
	wake_up_all(&mh_poll_wq);	/* the agent pulls, hears of it, and goes */
	do {
		spin_lock(&mh_bell_lock);
		id = list_first_entry_or_null(&mh_seals, struct mh_identity, seal);
		if (id) {
			list_del(&id->seal);
			id->seal_queued = false;
		}
		spin_unlock(&mh_bell_lock);
		if (id)
			mh_identity_put(id);
	} while (id);
}
