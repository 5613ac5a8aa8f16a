/* SPDX-License-Identifier: MIT */
/* All of so many bytes, to or from a blocking stream socket; its own timeouts bound the wait. */
#ifndef MH_LIB_SOCK_H
#define MH_LIB_SOCK_H

#include <stddef.h>

/* 0 or -errno; -ECONNRESET: the peer has closed */
int mh_sock_send(int fd, const void *p, size_t n);
/* As above; -ETIMEDOUT: the socket's timeout */
int mh_sock_recv(int fd, void *p, size_t n);

#endif
