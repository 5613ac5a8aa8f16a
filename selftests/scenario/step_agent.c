// SPDX-License-Identifier: MIT
/*
 * An agent that holds at one step of a fetch until it may go on.
 *
 *   step_agent STEP SOCKET GO
 *
 * STEP: pull (rung, not pulled), session (pulled, no session), upN (the kernel's Nth
 * frame is read, not sent), downN (the server's Nth frame is read, not given to the
 * kernel), none.  It prints "at STEP" when it gets there, and goes on once the file GO
 * is there.  When a pump ends it prints how many frames went each way.
 */
#include "lib/attach.h"
#include "lib/client.h"
#include "lib/sock.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *step, *upstream, *go;

static void hold(const char *here)
{
	if (strcmp(step, here) != 0)
		return;
	printf("at %s\n", here);
	while (access(go, F_OK))
		usleep(5000);
	step = "none";
}

static void hold_frame(const char *way, unsigned int n)
{
	char here[32];

	snprintf(here, sizeof(here), "%s%u", way, n);
	hold(here);
}

static bool write_all(int fd, const unsigned char *p, size_t n)
{
	while (n) {
		ssize_t put = write(fd, p, n);

		if (put < 0)
			return false;
		p += put;
		n -= (size_t)put;
	}
	return true;
}

/* frame = u8 kind, u24 length, body */
static bool from_server(int sock, int session, unsigned int n)
{
	static unsigned char frame[MH_FRAME_MAX];
	u8 kind;
	u32 len;

	if (mh_sock_recv(sock, frame, MH_FRAME_HEADER) || mh_frame_parse(frame, &kind, &len) ||
	    mh_sock_recv(sock, frame + MH_FRAME_HEADER, len))
		return false;
	hold_frame("down", n);
	return write_all(session, frame, MH_FRAME_HEADER + len);
}

/* One read of the kernel's is one frame. */
static bool from_kernel(int session, int sock, unsigned int n)
{
	static unsigned char frame[64 * 1024];
	ssize_t got = read(session, frame, sizeof(frame));

	if (got < 0 && errno == EAGAIN)
		return true;
	if (got <= 0)
		return false;
	hold_frame("up", n);
	return write_all(sock, frame, (size_t)got);
}

/* What there is to seal is pulled and never written: 1, or 0 if nothing is there, or -errno */
static int ignore_seal(int kernel)
{
	struct mh_pull pull;
	int ret = mh_attach_pull(kernel, &pull);

	if (ret > 0 && pull.kind == MH_PULL_SEAL)
		printf("seal\n");
	return ret;
}

static void pump(int kernel, const struct mh_pull *pull)
{
	struct pollfd p[3] = { { .events = POLLIN }, { .events = POLLIN },
			       { .fd = kernel, .events = POLLIN } };
	unsigned int up = 0, down = 0;
	bool both = true;

	hold("session");
	p[1].fd = mh_client_dial(upstream, 0);
	if (p[1].fd < 0) {
		fprintf(stderr, "step_agent: %s: %s\n", upstream, strerror(-p[1].fd));
		exit(1);
	}
	p[0].fd = mh_attach_session(kernel, pull->id);
	if (p[0].fd < 0) {
		printf("session %s\n", strerror(-p[0].fd));
		close(p[1].fd);
		return;
	}
	while (both && poll(p, 3, -1) >= 0) {
		if (p[0].revents)
			both = from_kernel(p[0].fd, p[1].fd, ++up);
		if (both && p[1].revents)
			both = from_server(p[1].fd, p[0].fd, ++down);
		if (both && p[2].revents)
			both = ignore_seal(kernel) >= 0;
		printf("frames up%u down%u\n", up, down);
	}
	close(p[0].fd);
	close(p[1].fd);
	printf("over\n");
}

int main(int argc, char **argv)
{
	struct pollfd p = { .events = POLLIN };
	struct mh_pull pull;
	int ret;

	if (argc != 4)
		return 2;
	step = argv[1];
	upstream = argv[2];
	go = argv[3];
	setvbuf(stdout, NULL, _IOLBF, 0);
	p.fd = mh_attach();
	if (p.fd < 0) {
		printf("attach %s\n", strerror(-p.fd));
		return 1;
	}
	while (ignore_seal(p.fd) > 0)	/* else what there is to seal would pass for a fetch */
		;
	printf("attached\n");
	while (poll(&p, 1, -1) > 0) {
		hold("pull");
		ret = mh_attach_pull(p.fd, &pull);
		if (ret < 0) {
			printf("pull %s\n", strerror(-ret));
			return 1;
		}
		if (ret && pull.kind == MH_PULL_SEAL)
			printf("seal\n");
		if (ret && pull.kind == MH_PULL_CONNECT)
			pump(p.fd, &pull);
	}
	return 1;
}
