// SPDX-License-Identifier: GPL-2.0-only
/* Sessions: the list of them, the fetches they serve, their life and end. */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/microhsm.h>
#include "genl.h"
#include "keytype.h"
#include "lease.h"
#include "session_priv.h"

#define MH_SESSIONS_MAX		1024
#define MH_LIFE_MIN		(18 * 3600)
#define MH_LIFE_SPREAD		(6 * 3600)

static DEFINE_SPINLOCK(mh_sessions_lock);
static LIST_HEAD(mh_sessions);
static unsigned int mh_sessions_n;	/* mh_sessions_lock */

/* ---- life ---- */

/* The last put is in a call on its descriptor, or in a work of mh_wq. */
static void mh_session_release(struct kref *ref)
{
	struct mh_session *s = container_of(ref, struct mh_session, ref);

	spin_lock(&mh_sessions_lock);
	list_del(&s->link);
	mh_sessions_n--;
	spin_unlock(&mh_sessions_lock);
	mh_identity_put(s->identity);
	kfree_sensitive(s);
	module_put(THIS_MODULE);
}

void mh_session_put(struct mh_session *s)
{
	kref_put(&s->ref, mh_session_release);
}

/* mh_sessions_lock is held.  What is left is done by the work, which may take s->lock. */
static void mh_session_mark(struct mh_session *s, int err)
{
	lockdep_assert_held(&mh_sessions_lock);
	/* at zero it waits for our lock, to leave the list */
	if (s->end || !kref_get_unless_zero(&s->ref))
		return;
	s->end = err;
	if (s->identity->session == s)
		WRITE_ONCE(s->identity->session, NULL);
	queue_work(mh_wq, &s->end_work);	/* once in a life, with the reference just taken */
	wake_up_all(&s->wq);
}

void mh_session_end(struct mh_session *s, int err)
{
	spin_lock(&mh_sessions_lock);
	mh_session_mark(s, err);
	spin_unlock(&mh_sessions_lock);
}

void mh_session_end_all(struct mh_identity *id, int err)
{
	struct mh_session *s;

	spin_lock(&mh_sessions_lock);
	list_for_each_entry(s, &mh_sessions, link)
		if (!id || s->identity == id)
			mh_session_mark(s, err);
	spin_unlock(&mh_sessions_lock);
}

unsigned int mh_session_count(void)
{
	struct mh_session *s;
	unsigned int n = 0;

	spin_lock(&mh_sessions_lock);
	list_for_each_entry(s, &mh_sessions, link)
		n += !s->end;
	spin_unlock(&mh_sessions_lock);
	return n;
}

struct mh_fetch *mh_flight_take(struct mh_flight *fl)
{
	struct mh_fetch *f;

	spin_lock(&mh_sessions_lock);
	f = fl->f;
	fl->f = NULL;
	spin_unlock(&mh_sessions_lock);
	return f;
}

void mh_flight_free(struct mh_flight *fl)
{
	unsigned int i;

	spin_lock(&mh_sessions_lock);
	list_del(&fl->link);
	fl->session->load--;
	spin_unlock(&mh_sessions_lock);
	mh_answer_end(&fl->answer);
	mh_kept_put(fl->held);
	for (i = 0; i < fl->nused; i++)
		mh_kept_put(fl->used[i]);
	kfree_sensitive(fl->data);
	kfree_sensitive(fl);
}

/* One that the session did not serve. */
static void mh_session_return(struct mh_fetch *f, int err)
{
	/* another session would end no better */
	if (err == -EKEYREVOKED || err == -EKEYREJECTED || err == -ESHUTDOWN) {
		if (err != -ESHUTDOWN)
			f->refusal = err == -EKEYREVOKED ? MH_REFUSED_REVOKED :
							   MH_REFUSED_SUSPENDED;
		mh_fetch_complete(f, err, NULL);
		mh_fetch_put(f);
		return;
	}
	mh_fetch_requeue(f, err);
}

/* Everything goes but the struct; again is fine. */
void mh_session_teardown(struct mh_session *s)
{
	struct mh_flight *fl, *next_fl;
	struct mh_fetch *f, *next;
	LIST_HEAD(fetches);
	int err;

	lockdep_assert_held(&s->lock);
	if (s->torn)
		return;
	s->torn = true;
	spin_lock(&mh_sessions_lock);
	err = s->end;
	list_for_each_entry(f, &s->queue, link)
		s->load--;
	list_splice_init(&s->queue, &fetches);
	spin_unlock(&mh_sessions_lock);
	list_for_each_entry_safe(fl, next_fl, &s->flights, link) {
		f = mh_flight_take(fl);
		mh_flight_free(fl);
		if (f)
			mh_session_return(f, err);
	}
	list_for_each_entry_safe(f, next, &fetches, link) {
		list_del_init(&f->link);
		mh_session_return(f, err);
	}
	if (s->open)
		mh_event(MH_EV_SESSION_END, s->identity->region, s->identity->name, -err);
	WRITE_ONCE(s->open, false);
	mh_stp_end(&s->stp);
	kvfree_sensitive(s->in, s->in_room);
	s->in = NULL;
	s->out_len = 0;
	mh_kept_put(s->peer.serve);
	s->peer.serve = NULL;
	if (cancel_delayed_work(&s->life))
		mh_session_put(s);
}

static void mh_session_end_work(struct work_struct *work)
{
	struct mh_session *s = container_of(work, struct mh_session, end_work);

	mutex_lock(&s->lock);
	mh_session_teardown(s);
	mutex_unlock(&s->lock);
	mh_session_put(s);
}

static void mh_session_life(struct work_struct *work)
{
	struct mh_session *s = container_of(to_delayed_work(work), struct mh_session, life);

	mh_session_end(s, -ECONNRESET);
	mh_session_put(s);
}

void mh_session_opened(struct mh_session *s)
{
	unsigned long seconds = MH_LIFE_MIN + get_random_u32() % MH_LIFE_SPREAD;

	WRITE_ONCE(s->open, true);
	if (!mod_delayed_work(mh_wq, &s->life, HZ * seconds))
		kref_get(&s->ref);	/* it was running, and puts the one it had */
}

/* ---- fetches ---- */

/* mh_sessions_lock is held */
static int mh_session_enqueue(struct mh_session *s, struct mh_fetch *f)
{
	if (s->load >= MH_SESSION_FLIGHTS)
		return -EDQUOT;
	s->load++;
	list_add_tail(&f->link, &s->queue);
	return 0;
}

/* Nothing has come since a request whose asker gave up, and long enough: nobody is there. */
static bool mh_session_silent(const struct mh_session *s, const struct mh_flight *fl)
{
	return !fl->f && time_before(s->heard, fl->sent) &&
	       time_after(jiffies, fl->sent + HZ * MH_SESSION_SILENCE_S);
}

/* Whoever gave up may have done so early: the next one looks again. */
static struct mh_session *mh_session_alive(struct mh_identity *id)
{
	struct mh_session *s = id->session;
	struct mh_flight *fl;

	lockdep_assert_held(&mh_sessions_lock);
	if (s)
		list_for_each_entry(fl, &s->flights, link)
			if (mh_session_silent(s, fl)) {
				mh_session_mark(s, -ECONNRESET);
				break;
			}
	return s;
}

int mh_session_submit(struct mh_fetch *f)
{
	struct mh_session *s;
	int ret = -ENOTCONN;

	spin_lock(&mh_sessions_lock);
	s = mh_session_alive(f->identity);
	if (test_bit(0, &f->done)) {
		ret = -ECANCELED;
	} else if (s && !s->end) {
		ret = mh_session_enqueue(s, f);
		if (!ret) {
			mh_fetch_get(f);
			wake_up_all(&s->wq);
		}
	}
	spin_unlock(&mh_sessions_lock);
	return ret;
}

/* mh_sessions_lock is held; true: it was there, and its reference is the caller's now */
static bool mh_session_drop(struct mh_session *s, struct mh_fetch *f)
{
	struct mh_flight *fl;
	struct mh_fetch *i;

	list_for_each_entry(i, &s->queue, link)
		if (i == f) {
			list_del_init(&f->link);
			s->load--;
			return true;
		}
	list_for_each_entry(fl, &s->flights, link)
		if (fl->f == f) {
			fl->f = NULL;
			if (mh_session_silent(s, fl))
				mh_session_mark(s, -ECONNRESET);
			return true;
		}
	return false;
}

void mh_session_cancel(struct mh_fetch *f)
{
	struct mh_session *s;
	bool found = false;

	spin_lock(&mh_sessions_lock);
	list_for_each_entry(s, &mh_sessions, link)
		if (s->identity == f->identity && mh_session_drop(s, f)) {
			found = true;
			break;
		}
	spin_unlock(&mh_sessions_lock);
	if (found)
		mh_fetch_put(f);
}

/* ---- what there is to read ---- */

bool mh_session_readable(struct mh_session *s)
{
	bool yes;

	spin_lock(&mh_sessions_lock);
	yes = s->end || READ_ONCE(s->out_len) || (READ_ONCE(s->open) && !list_empty(&s->queue));
	spin_unlock(&mh_sessions_lock);
	return yes;
}

/* The next queued fetch becomes a flight, its REQUEST the frame in out. */
int mh_session_next(struct mh_session *s)
{
	struct mh_flight *fl = NULL;
	struct mh_fetch *f;
	int ret;

	spin_lock(&mh_sessions_lock);
	f = s->open ? list_first_entry_or_null(&s->queue, struct mh_fetch, link) : NULL;
	if (f)
		mh_fetch_get(f);	/* it may be cancelled while the frame is made */
	spin_unlock(&mh_sessions_lock);
	if (!f)
		return 0;
	ret = mh_session_request(s, f, &fl);
	spin_lock(&mh_sessions_lock);
	if (fl && mh_session_drop(s, f)) {	/* the queue's reference is the flight's now */
		fl->f = f;
		s->load++;
	} else if (fl) {
		s->load++;		/* cancelled meanwhile: asked all the same, then dropped */
	}
	if (fl)
		list_add_tail(&fl->link, &s->flights);
	spin_unlock(&mh_sessions_lock);
	mh_fetch_put(f);
	return ret;
}

/* ---- opening ---- */

static struct mh_session *mh_session_new(struct mh_identity *id)
{
	struct mh_session *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	bool full;

	if (!s)
		return ERR_PTR(-ENOMEM);
	__module_get(THIS_MODULE);	/* we are in an ioctl */
	kref_init(&s->ref);
	s->identity = mh_identity_get(id);
	init_waitqueue_head(&s->wq);
	INIT_WORK(&s->end_work, mh_session_end_work);
	INIT_DELAYED_WORK(&s->life, mh_session_life);
	INIT_LIST_HEAD(&s->queue);
	INIT_LIST_HEAD(&s->flights);
	mutex_init(&s->lock);
	mh_stp_init(&s->stp, true);
	s->budget = MH_SIGNATURES_MAX;
	s->next_request = 1;
	s->heard = jiffies;
	spin_lock(&mh_sessions_lock);
	full = mh_sessions_n >= MH_SESSIONS_MAX;
	list_add_tail(&s->link, &mh_sessions);
	mh_sessions_n++;
	spin_unlock(&mh_sessions_lock);
	if (full) {
		mh_session_put(s);
		return ERR_PTR(-EDQUOT);
	}
	return s;
}

/* It is the identity's from now on, with what waits for one; or they ride on the one there is. */
static int mh_session_adopt(struct mh_session *s, struct list_head *fetches)
{
	struct mh_session *to = s;
	struct mh_fetch *f, *next;
	int ret = 0;

	spin_lock(&mh_sessions_lock);
	if (mh_draining() || READ_ONCE(s->identity->dead)) {
		ret = -ESHUTDOWN;
	} else {
		if (s->identity->session) {
			to = s->identity->session;
			ret = -ENOENT;
		} else {
			WRITE_ONCE(s->identity->session, s);
		}
		list_for_each_entry_safe(f, next, fetches, link) {
			list_del_init(&f->link);
			if (mh_session_enqueue(to, f))
				list_add(&f->link, fetches);
		}
		wake_up_all(&to->wq);
	}
	spin_unlock(&mh_sessions_lock);
	return ret;
}

static void mh_session_begin_life(struct mh_session *s)
{
	mutex_lock(&s->lock);
	if (!s->torn) {
		kref_get(&s->ref);
		queue_delayed_work(mh_wq, &s->life, HZ * MH_SESSION_HANDSHAKE_S);
	}
	mutex_unlock(&s->lock);
}

/* A descriptor, or -errno; then nothing is left of it. */
static int mh_session_start(struct mh_session *s, struct list_head *fetches)
{
	int ret;

	mutex_lock(&s->lock);
	ret = mh_session_hello(s);
	mutex_unlock(&s->lock);
	if (!ret)
		ret = mh_session_adopt(s, fetches);
	if (ret)
		return ret;
	mh_session_begin_life(s);
	kref_get(&s->ref);	/* the descriptor's */
	ret = anon_inode_getfd("[microhsm]", &mh_session_fops, s, O_RDWR | O_CLOEXEC);
	if (ret < 0)
		mh_session_put(s);
	return ret;
}

int mh_session_open(u64 bell)
{
	struct mh_session *s;
	struct mh_fetch *f, *next;
	struct mh_identity *id;
	LIST_HEAD(fetches);
	int ret;

	id = mh_request_adopt(bell, &fetches);
	if (!id)
		return -ENOENT;
	s = mh_session_new(id);
	ret = PTR_ERR_OR_ZERO(s);
	if (!ret) {
		ret = mh_session_start(s, &fetches);
		if (ret < 0)
			mh_session_end(s, ret == -ENOENT ? -ECONNRESET : ret);
		mh_session_put(s);
	}
	list_for_each_entry_safe(f, next, &fetches, link) {
		list_del_init(&f->link);
		mh_fetch_complete(f, ret < 0 && ret != -ENOENT ? ret : -EDQUOT, NULL);
		mh_fetch_put(f);
	}
	mh_identity_put(id);
	return ret;
}

int mh_session_init(void)
{
	return 0;
}

/* Each session held the module, and its works are mh_wq's. */
void mh_session_exit(void)
{
}
