/* SPDX-License-Identifier: MIT */
/*
 * As much of the kernel as sessions and trust of kmod/ ask for, in a process of one thread: locks
 * know who holds them, works wait until kernel_run_works(), the clock and memory are the fuzzer's.
 */
#ifndef FUZZ_KERNEL_H
#define FUZZ_KERNEL_H

#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>

#include "core/home.h"
#include "core/crypto.h"
#include "../fuzz.h"

typedef u32 gfp_t;
typedef int32_t s32;
typedef int key_serial_t;
typedef u32 key_perm_t;
typedef s64 ktime_t;
typedef struct { unsigned int val; } kuid_t, kgid_t;
typedef struct { int counter; } atomic_t;
typedef struct { int waits; } wait_queue_head_t;
typedef void *key_ref_t;
typedef unsigned int kernel_poll_t;
struct key;
struct rw_semaphore;
enum key_need_perm { KEY_NEED_NONE };

#define __poll_t kernel_poll_t
#define __user
#undef static_assert
#define static_assert(x, ...) _Static_assert(x, #x)
#define GFP_KERNEL_ACCOUNT 0
#define HZ 250
#define ERESTARTSYS 512
#define KTIME_SEC_MAX 9223372036ll
#define U64_MAX UINT64_MAX
#define READ_ONCE(x) (x)
#define WRITE_ONCE(x, v) ((x) = (v))
#define smp_load_acquire(p) (*(p))	/* of one thread: no barrier */
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define min_t(t, a, b) min((t)(a), (t)(b))
#define max_t(t, a, b) max((t)(a), (t)(b))
#define container_of(p, t, member) \
	((__typeof__(t) *)((char *)(p) - offsetof(__typeof__(t), member)))
#define struct_size(p, m, n) (offsetof(__typeof__(*(p)), m) + (n))	/* of bytes */

static inline void *ERR_PTR(long err) { return (void *)err; }
static inline long PTR_ERR(const void *p) { return (long)p; }
static inline bool IS_ERR(const void *p) { return (unsigned long)p >= -4095ul; }
static inline bool IS_ERR_OR_NULL(const void *p) { return !p || IS_ERR(p); }
static inline int PTR_ERR_OR_ZERO(const void *p) { return IS_ERR(p) ? (int)PTR_ERR(p) : 0; }

/* ---- memory: the fuzzer says which allocation fails ---- */

static unsigned int kernel_fail_at;	/* 0 none; 1 the next */

static inline void *kernel_alloc(size_t n)
{
	if (kernel_fail_at && !--kernel_fail_at)
		return NULL;
	return calloc(1, n ? n : 1);
}

#define kzalloc(n, f) kernel_alloc(n)
#define kvmalloc(n, f) kernel_alloc(n)
#define kvzalloc(n, f) kernel_alloc(n)
#define kvcalloc(n, s, f) kernel_alloc((size_t)(n) * (s))
#define kfree(p) free(p)
#define kfree_sensitive(p) free(p)
#define kvfree(p) free(p)
#define kvfree_sensitive(p, n) free(p)
#define memzero_explicit(p, n) mh_wipe(p, n)

static inline void *kmemdup(const void *p, size_t n, gfp_t f)
{
	void *q = kernel_alloc(n);

	(void)f;
	return q ? memcpy(q, p, n) : NULL;
}

/* ---- lists ---- */

struct list_head { struct list_head *next, *prev; };

#define LIST_HEAD_INIT(n) { &(n), &(n) }
#undef LIST_HEAD
#define LIST_HEAD(n) struct list_head n = LIST_HEAD_INIT(n)

static inline void INIT_LIST_HEAD(struct list_head *h) { h->next = h; h->prev = h; }
static inline bool list_empty(const struct list_head *h) { return h->next == h; }

static inline void list_add(struct list_head *e, struct list_head *h)
{
	e->next = h->next;
	e->prev = h;
	h->next->prev = e;
	h->next = e;
}

static inline void list_add_tail(struct list_head *e, struct list_head *h) { list_add(e, h->prev); }

static inline void list_del(struct list_head *e)
{
	e->next->prev = e->prev;
	e->prev->next = e->next;
	e->next = NULL;
	e->prev = NULL;
}

static inline void list_del_init(struct list_head *e) { list_del(e); INIT_LIST_HEAD(e); }

static inline void list_move(struct list_head *e, struct list_head *h)
{
	list_del(e);
	list_add(e, h);
}

static inline void list_splice_init(struct list_head *from, struct list_head *to)
{
	while (!list_empty(from)) {
		struct list_head *e = from->prev;

		list_del(e);
		list_add(e, to);
	}
}

#define list_entry(p, t, m) container_of(p, t, m)
#define list_last_entry(h, t, m) list_entry((h)->prev, t, m)
#define list_first_entry_or_null(h, t, m) (list_empty(h) ? NULL : list_entry((h)->next, t, m))
#define list_for_each_entry(p, h, m) \
	for (p = list_entry((h)->next, __typeof__(*p), m); &p->m != (h); \
	     p = list_entry(p->m.next, __typeof__(*p), m))
#define list_for_each_entry_safe(p, n, h, m) \
	for (p = list_entry((h)->next, __typeof__(*p), m), \
	     n = list_entry(p->m.next, __typeof__(*p), m); &p->m != (h); \
	     p = n, n = list_entry(n->m.next, __typeof__(*n), m))

/* ---- counts and locks: taken once, held where that is asked for, free at the end ---- */

struct kref { int n; };

static inline void kref_init(struct kref *k) { k->n = 1; }
static inline void kref_get(struct kref *k) { must(k->n > 0); k->n++; }
static inline bool kref_get_unless_zero(struct kref *k) { return k->n && k->n++; }

static inline void kref_put(struct kref *k, void (*release)(struct kref *k))
{
	must(k->n > 0);
	if (!--k->n)
		release(k);
}

struct mutex { bool held; };
typedef struct mutex spinlock_t;
static int kernel_held, kernel_spins;

static inline void mutex_init(struct mutex *m)
{
	*m = (struct mutex){ 0 };
}

static inline void mutex_lock(struct mutex *m)
{
	must(!m->held && !kernel_spins);
	m->held = true;
	kernel_held++;
}

static inline void mutex_unlock(struct mutex *m)
{
	must(m->held);
	m->held = false;
	kernel_held--;
}

static inline int mutex_lock_interruptible(struct mutex *m) { mutex_lock(m); return 0; }
static inline void spin_lock(spinlock_t *m) { mutex_lock(m); kernel_spins++; }
static inline void spin_unlock(spinlock_t *m) { kernel_spins--; mutex_unlock(m); }
#define DEFINE_SPINLOCK(n) spinlock_t n
#define lockdep_assert_held(m) must((m)->held)
#define test_bit(n, p) (*(p) >> (n) & 1)
#define cond_resched() must(!kernel_spins)

/* ---- time ---- */

static u64 kernel_boot;		/* seconds */
static unsigned long jiffies;

#define ktime_get_real_seconds() ((s64)time(NULL))
#define ktime_get_boottime_seconds() ((s64)kernel_boot)
#define ktime_get_boottime() ((ktime_t)kernel_boot * 1000000000ll)
#define ktime_set(s, n) ((ktime_t)(s) * 1000000000ll + (n))
#define time_before(a, b) ((long)((a) - (b)) < 0)
#define time_after(a, b) time_before(b, a)

static inline ktime_t ktime_add_safe(ktime_t a, ktime_t b)
{
	ktime_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* ---- works and waits ---- */

struct workqueue_struct;
struct work_struct { void (*fn)(struct work_struct *w); bool queued; struct work_struct *next; };
struct delayed_work { struct work_struct work; };

static struct work_struct *kernel_works;

#define INIT_WORK(w, f) (*(w) = (struct work_struct){ .fn = (f) })
#define INIT_DELAYED_WORK(w, f) INIT_WORK(&(w)->work, f)
#define to_delayed_work(w) container_of(w, struct delayed_work, work)
#define init_waitqueue_head(q) ((q)->waits = 0)
#define wake_up_all(q) ((q)->waits = 0)
/* nobody else is there to make it true */
#define wait_event_interruptible(q, c) ((c) ? 0 : -ERESTARTSYS)

static inline bool queue_work(struct workqueue_struct *wq, struct work_struct *w)
{
	(void)wq;
	must(!w->queued);
	w->queued = true;
	w->next = kernel_works;
	kernel_works = w;
	return true;
}

/* Those that wait for a time are queued by the fuzzer, when it comes */
static inline bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *w,
				      unsigned long after)
{
	const bool was = w->work.queued;

	(void)wq;
	(void)after;
	w->work.queued = true;
	return !was;
}

#define mod_delayed_work(q, w, a) (!queue_delayed_work(q, w, a))

static inline bool cancel_delayed_work(struct delayed_work *w)
{
	const bool was = w->work.queued;

	w->work.queued = false;
	return was;
}

static inline void kernel_run_works(void)
{
	must(!kernel_held);
	while (kernel_works) {
		struct work_struct *w = kernel_works;

		kernel_works = w->next;
		w->queued = false;
		w->fn(w);
	}
}

/* ---- descriptors, modules ---- */

struct file { void *private_data; unsigned int f_flags; };
struct inode;
typedef struct poll_table_struct poll_table;

struct file_operations {
	void *owner;
	ssize_t (*read)(struct file *f, char *buf, size_t n, loff_t *pos);
	ssize_t (*write)(struct file *f, const char *buf, size_t n, loff_t *pos);
	__poll_t (*poll)(struct file *f, poll_table *t);
	int (*release)(struct inode *i, struct file *f);
	void *llseek;
};

static int kernel_modules;	/* references to ours */

#define THIS_MODULE NULL
#define noop_llseek NULL
#define __module_get(m) (kernel_modules++)
#define module_put(m) (kernel_modules--)
#define EPOLLIN 1u
#define EPOLLOUT 4u
#define EPOLLHUP 16u
#define EPOLLRDNORM 64u
#define EPOLLWRNORM 256u
#define poll_wait(f, q, t) ((void)(f), (void)(t))

static inline u32 get_random_u32(void) { return 7; }

static inline unsigned long copy_to_user(void *to, const void *from, size_t n)
{
	must(!kernel_spins);
	memcpy(to, from, n);
	return 0;
}

static inline unsigned long copy_from_user(void *to, const void *from, size_t n)
{
	return copy_to_user(to, from, n);
}

int anon_inode_getfd(const char *name, const struct file_operations *ops, void *priv, int flags);

#endif
