/* SPDX-License-Identifier: MIT */
#ifndef REPOSITORYD_AHEAD_H
#define REPOSITORYD_AHEAD_H

#include "repositoryd.h"

/* Of a Region's serve and fresh: sets its ahead and turn.  0 or -errno */
int mh_ahead_load(struct mh_daemon *d, struct mh_region *r);
/* What was signed is past half of its life, from its signing to its end; or there is nothing. */
bool mh_ahead_half(const struct mh_ahead *a, u64 now);

#endif
