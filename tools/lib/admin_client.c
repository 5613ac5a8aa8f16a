// SPDX-License-Identifier: MIT
/* The officers' end of the admin socket; see admin.h. */
#include "admin_client.h"
#include "sock.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/time.h>
#include <unistd.h>

int mh_admin_connect(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = 60 };
	int fd;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience))) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	return fd;
}

int mh_admin_call(int fd, u8 op, struct mh_buf body, u8 *status, struct mh_bytes *reply)
{
	u8 head[5];
	u32 len;
	int ret;

	*reply = (struct mh_bytes){ 0 };
	if (body.n + 1 > MH_ADMIN_MAX)
		return -EMSGSIZE;
	mh_put32(head, (u32)body.n + 1);
	head[4] = op;
	ret = mh_sock_send(fd, head, sizeof(head));
	if (!ret)
		ret = mh_sock_send(fd, body.p, body.n);
	if (!ret)
		ret = mh_sock_recv(fd, head, sizeof(head));
	if (ret)
		return ret;
	len = mh_get32(head);
	if (len < 1 || len > MH_ADMIN_MAX)
		return -EBADMSG;
	*status = head[4];
	reply->n = len - 1;
	reply->p = malloc(reply->n + 1);
	if (!reply->p)
		return -ENOMEM;
	ret = mh_sock_recv(fd, reply->p, reply->n);
	reply->p[reply->n] = 0;		/* messages are printed */
	if (ret)
		mh_bytes_free(reply);
	return ret;
}
