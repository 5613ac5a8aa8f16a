// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many instructions our P-256 takes, for a fixed secret and for random ones.  Under -icount
 * the time stamp counter counts them.  The code that is measured is kmod's own, compiled in here,
 * since nothing of the module is exported.
 *
 * A sample of each class in turn; then a line of each pair: what is secret, the number of samples,
 * and of each class sum and sum of squares of the counts, less the first count.
 */
#include <asm/msr.h>
#include <linux/module.h>

#include "crypto.c"
#include "p256.c"

/* Its allocations may sleep, which nothing waits for here; where that is checked, it may. */
#ifdef CONFIG_DEBUG_ATOMIC_SLEEP
#define SAMPLES 12
#define QUIET_BEGIN(flags) ((flags) = 0)
#define QUIET_END(flags) ((void)(flags))
#else
#define SAMPLES 100
#define QUIET_BEGIN(flags) do { preempt_disable(); local_irq_save(flags); } while (0)
#define QUIET_END(flags) do { local_irq_restore(flags); preempt_enable(); } while (0)
#endif

struct count_class {
	s64 first, sum, squares;
};

struct count_secrets {
	u8 key[32], hedge[32], k[32] __aligned(8);
};

static int count_sign(const struct count_secrets *s)
{
	static const u8 digest[32] = { 1, 2, 3 };
	u8 sig[64];

	return mh_sign(s->key, digest, s->hedge, sig);
}

static int count_nonce(const struct count_secrets *s)
{
	const struct ecc_curve *c = mh_curve();
	u64 x[ND];

	return mh_ladder_x(x, (const u64 *)s->k, c->g.x, c->g.y);
}

static int count_public(const struct count_secrets *s)
{
	u8 pub[64];

	return mh_p256_public(pub, s->key);
}

/* Not blinded: here a difference must be seen. */
static int count_ladder(const struct count_secrets *s)
{
	u64 x[ND], y[ND];

	return mh_times_g(x, y, (const u64 *)s->k);
}

static const struct {
	const char *name;
	int (*run)(const struct count_secrets *s);
	size_t at;	/* of what differs */
} counts[] = {
	{ "key", count_sign, offsetof(struct count_secrets, key) },
	{ "hedge", count_sign, offsetof(struct count_secrets, hedge) },	/* the nonce hangs on it */
	{ "nonce", count_nonce, offsetof(struct count_secrets, k) },
	{ "public", count_public, offsetof(struct count_secrets, key) },
	{ "ladder", count_ladder, offsetof(struct count_secrets, k) },
};

static int count_one(int (*run)(const struct count_secrets *), const struct count_secrets *s,
		     struct count_class *c)
{
	unsigned long flags;
	u64 t;
	s64 n;
	int ret;

	QUIET_BEGIN(flags);
	t = rdtsc_ordered();
	ret = run(s);
	t = rdtsc_ordered() - t;
	QUIET_END(flags);
	if (!c->first)
		c->first = t;
	n = (s64)t - c->first;
	c->sum += n;
	c->squares += n * n;
	cond_resched();
	return ret;
}

static int __init count_init(void)
{
	int ret = mh_p256_init(), i, j;

	for (i = 0; i < ARRAY_SIZE(counts) && !ret; i++) {
		struct count_class fixed = { 0 }, random = { 0 };
		/* as unlike random ones as can be: 3, in each one's order */
		struct count_secrets s = { .key[31] = 3, .k[0] = 3 }, r;

		ret = counts[i].run(&s);	/* once for what the first call sets up */
		for (j = 0; j < SAMPLES && !ret; j++) {
			r = s;
			get_random_bytes((u8 *)&r + counts[i].at, 32);
			ret = count_one(counts[i].run, &s, &fixed);
			random.first = fixed.first;	/* the same zero for both */
			ret = ret ?: count_one(counts[i].run, &r, &random);
		}
		pr_info("count: %s %d %lld %lld %lld %lld %lld\n", counts[i].name, j, fixed.first,
			fixed.sum, fixed.squares, random.sum, random.squares);
	}
	return ret;
}

static void __exit count_exit(void)
{
}

module_init(count_init);
module_exit(count_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("counts instructions of P-256 for tests");
