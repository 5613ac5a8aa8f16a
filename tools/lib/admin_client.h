/* SPDX-License-Identifier: MIT */
/* The officers' end of the admin socket; blocking, one request at a time. */
#ifndef MH_LIB_ADMIN_CLIENT_H
#define MH_LIB_ADMIN_CLIENT_H

#include "admin.h"
#include "util.h"

/* A connected descriptor, or -errno. */
int mh_admin_connect(const char *path);
/*
 * 0 and *status, *reply (the caller frees; a NUL follows its bytes); -errno when there was no
 * reply.
 */
int mh_admin_call(int fd, u8 op, struct mh_buf body, u8 *status, struct mh_bytes *reply);

#endif
