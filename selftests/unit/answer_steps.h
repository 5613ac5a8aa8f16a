/* SPDX-License-Identifier: MIT */
/* The steps that the answers' tests are written in. */
#ifndef ANSWER_STEPS_H
#define ANSWER_STEPS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "answer_world.h"

static struct aw w;

static inline void make(u8 mode)
{
	aw_defaults(&w, mode);
	assert_int_equal(aw_make(&w), 0);
}

static inline void end(void)
{
	mh_answer_end(&w.a);
}

static inline void delivered(u64 version)
{
	assert_int_equal(aw_feed(&w, version), 0);
	assert_int_equal(w.a.state, MH_ANSWER_DONE);
	assert_int_equal(w.got_n, w.size);
	assert_int_equal(w.a.manifest.version, w.version);
	end();
}

/* err 0: any */
static inline void refused(int err)
{
	int ret = aw_feed(&w, 3);

	assert_int_not_equal(ret, 0);
	if (err)
		assert_int_equal(ret, err);
	assert_int_equal(w.a.state, MH_ANSWER_FAILED);
	end();
}

static inline unsigned int first(u8 type)
{
	unsigned int i;

	for (i = 0; i < w.n && w.r[i].type != type; i++)
		;
	assert_true(i < w.n);
	return i;
}

static inline void drop(unsigned int at)
{
	memmove(w.r + at, w.r + at + 1, (--w.n - at) * sizeof(w.r[0]));
}

static inline void insert(unsigned int at, struct aw_record r)
{
	memmove(w.r + at + 1, w.r + at, (w.n++ - at) * sizeof(w.r[0]));
	w.r[at] = r;
}

/* The newest record of the list goes to a place before. */
static inline void move_last(unsigned int to)
{
	struct aw_record r = w.r[--w.n];

	insert(to, r);
	aw_recount(&w);
}

#endif
