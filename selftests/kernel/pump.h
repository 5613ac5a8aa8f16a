/* SPDX-License-Identifier: MIT */
/*
 * Both ends of a delivery in one thread: who fetches, and the agent that carries frames between the
 * module and repositoryd's unix socket.  CALL(WHAT, CALL) is each call of the module, for who
 * has it defined before this is included.
 */
#ifndef KERNEL_PUMP_H
#define KERNEL_PUMP_H

#include <errno.h>
#include <fcntl.h>
#include <keyutils.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/microhsm.h>
#include "lib/client.h"
#include "lib/sock.h"
#include "lib/util.h"

#ifndef CALL
#define CALL(what, call) (call)
#endif

static int failure(void)
{
	return errno ? -errno : -EIO;
}

static int device(void)
{
	return (int)CALL("open", open(MH_DEVICE, O_RDWR | O_CLOEXEC));
}

struct pump {
	int dev, agent, session, sock;	/* -1: none */
	__s32 keyring;			/* where keys go */
};

static int pump_open(struct pump *p)
{
	*p = (struct pump){ .agent = -1, .session = -1, .sock = -1,
			    .keyring = KEY_SPEC_SESSION_KEYRING };
	p->dev = device();
	if (p->dev < 0)
		return failure();
	p->agent = device();
	return p->agent < 0 || CALL("ATTACH", ioctl(p->agent, MH_IOC_ATTACH, 0)) ? failure() : 0;
}

static void pump_close(struct pump *p)
{
	close(p->agent);
	close(p->session);
	close(p->sock);
	close(p->dev);
}

static void put_name(struct mh_fetch_io *a, const char *label, const char *dataset)
{
	memset(a, 0, sizeof(*a));
	a->size = sizeof(*a);
	a->keyring = KEY_SPEC_SESSION_KEYRING;
	a->timeout_ms = 60000;
	snprintf(a->region, sizeof(a->region), "%s", label);
	snprintf(a->name, sizeof(a->name), "%s", dataset);
}

/* What the doorbell rang for, as an agent does it; what is to be sealed is passed over */
static int answer_ring(struct pump *p, const char *path)
{
	struct mh_pull a = { .size = sizeof(a) };
	struct mh_session_io s = { .size = sizeof(s) };

	while (a.kind != MH_PULL_CONNECT)
		if (CALL("PULL", ioctl(p->agent, MH_IOC_PULL, &a)))
			return failure();
	s.id = a.id;
	p->sock = mh_client_dial(path, 0);
	if (p->sock < 0)
		return p->sock;
	if (CALL("SESSION", ioctl(p->agent, MH_IOC_SESSION, &s)))
		return failure();
	p->session = s.fd;
	return fcntl(s.fd, F_SETFL, O_NONBLOCK) ? failure() : 0;
}

static int down(struct pump *p)
{
	static u8 frame[MH_FRAME_MAX];
	u8 kind;
	u32 len;
	int ret = mh_sock_recv(p->sock, frame, MH_FRAME_HEADER);

	if (!ret)
		ret = mh_frame_parse(frame, &kind, &len);
	if (!ret)
		ret = mh_sock_recv(p->sock, frame + MH_FRAME_HEADER, len);
	if (ret)
		return -ECONNRESET;
	if (CALL("write", write(p->session, frame, MH_FRAME_HEADER + len)) < 0)
		return failure();
	return 0;
}

static int up(struct pump *p)
{
	static u8 frame[65536];
	ssize_t n = CALL("read", read(p->session, frame, sizeof(frame)));

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return n ? failure() : -ECONNRESET;
	return mh_sock_send(p->sock, frame, (size_t)n) ? -ECONNRESET : 0;
}

/* Until the fetch is done, or the session at its end */
static int pump(struct pump *p)
{
	int ret = 0;

	while (!ret) {
		struct pollfd w[3] = { { p->dev, POLLIN, 0 }, { p->session, POLLIN, 0 },
				       { p->sock, POLLIN, 0 } };

		if (poll(w, 3, 40000) <= 0)
			return -ETIME;
		if (w[0].revents)
			return 0;
		if (w[1].revents)
			ret = up(p);
		if (!ret && w[2].revents)
			ret = down(p);
	}
	return ret;
}

/* v: the Region's label, the socket's path */
static int fetched(struct pump *p, char **v, const char *dataset, __s32 *serial)
{
	struct mh_fetch_io a;
	int ret = 0;

	put_name(&a, v[0], dataset);
	a.keyring = p->keyring;
	a.flags = MH_FETCH_ASYNC;
	errno = 0;
	if (!CALL("FETCH", ioctl(p->dev, MH_IOC_FETCH, &a)) || errno != EINPROGRESS)
		return failure();
	if (p->session < 0)
		ret = answer_ring(p, v[1]);
	if (!ret)
		ret = pump(p);
	if (ret) {	/* without an agent and a session whoever waits is told */
		struct pollfd w = { p->dev, POLLIN, 0 };

		close(p->session);
		close(p->agent);
		p->agent = -1;
		p->session = -1;
		if (poll(&w, 1, 20000) <= 0)
			return -ETIME;
	}
	if (CALL("COLLECT", ioctl(p->dev, MH_IOC_COLLECT, &a)))
		return failure();
	*serial = a.serial;
	return ret;
}

#endif
