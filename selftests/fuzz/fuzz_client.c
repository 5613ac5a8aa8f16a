// SPDX-License-Identifier: MIT
/*
 * SP1 as a state machine: tools/lib/client.c, and through it the core's, whose server is the
 * input.  It holds every server key, the session's keys, and no officer's: it can send any message
 * wrong in any field and seal it, in any order, as often as it likes.  Bytes go by calls, without
 * a socket; whoever waits for more lets the server take its next steps.
 *
 *	u8 mode (kind of keys, and what is asked), then steps of four: u8 what, u8, u8, u8
 *
 * SP1 says who it is to nobody but SP2; asks nothing before authI; keeps no statement that no
 * officer signed, or that has ended; gives what was asked for, or nothing, and no part of it;
 * a session that has ended stays so.  To an honest server it gives all.
 */
#include "lib/sock.h"

#define HOSTILE_VERSIONS 0	/* it does not look at them, since there is one */
#include "hostile.h"

static struct mh_client c;

static bool holds(const u8 *d, u8 n, u8 epoch, u8 key)
{
	bool fresh = false, serve = n && d[0] == ST_SERVE && key == 0;

	for (u8 i = 0; i < n; i++) {
		fresh |= d[i] == ST_FRESH;
		if (d[i] != ST_SERVE && d[i] != ST_FRESH && d[i] != ST_ONWARD)
			return false;
	}
	return serve && fresh && epoch == ST_EPOCH;
}

int mh_sock_send(int fd, const void *p, size_t n)
{
	must(fd == -1);
	sp1_sent(p, n);
	return 0;
}

int mh_sock_recv(int fd, void *p, size_t n)
{
	must(fd == -1);
	while (out_n - out_at < n)
		if (!server_step())
			return -ECONNRESET;
	memcpy(p, out + out_at, n);
	out_at += n;
	if (out_at == out_n) {
		out_at = 0;
		out_n = 0;
	}
	return 0;
}

/* ---- what SP1 makes of it ---- */

static void check_believed(void)
{
	for (unsigned int i = 0; i < c.n_kept; i++) {
		bool known = mh_buf_equal(mh_bytes_buf(&c.kept[i]), mh_bytes_buf(&v->w.anchor));

		for (int k = 0; k < ST_FORGED; k++)
			known |= mh_buf_equal(mh_bytes_buf(&c.kept[i]), mh_bytes_buf(&v->st[k]));
		/* the server's DELEGATION lets it sign that for itself */
		must(known);
	}
	must(!c.pushed[MH_REVOKE] && !c.pushed[MH_SUSPEND]);
}

static void fetch(bool file, u64 version)
{
	const bool was_open = c.stp.state == MH_STP_OPEN;
	const char *name = file ? "alice/file" : "alice/key";
	struct mh_client_result r;
	int ret;

	memset(&r, 0, sizeof(r));
	ret = mh_client_fetch(&c, name, version, NULL, NULL, &r);
	must(was_open || ret < 0);
	if (honest)
		must(!ret && r.state == MH_ANSWER_DONE);
	if (!ret && r.state == MH_ANSWER_DONE) {
		const u8 *data = file ? v->file : v->key[r.version - 1];

		must(told == went);
		must(r.version && r.version <= 2 && (!version || r.version == version));
		must(r.data.n == (file ? sizeof(v->file) : 32));
		must(!memcmp(r.data.p, data, r.data.n));
	} else {
		must(!r.data.p && !r.data.n);
	}
	mh_bytes_free(&r.data);
	check_believed();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int ret;

	if (!made[0].st[0].n) {
		server_make(&made[0], false);
		server_make(&made[1], true);
	}
	if (!size)
		return 0;
	v = &made[data[0] & 1];
	script = data + 1;
	left = (size - 1) / 4 < STEPS ? (size - 1) / 4 : STEPS;
	fuzz_fix_random(4);
	begin();
	ret = mh_client_open(&c, &v->host.id, -1);
	must(!ret == authed);
	must(!honest || !ret);
	if (ret) {
		must(c.stp.state == MH_STP_DEAD && !c.n_kept);
	} else {
		check_believed();
		fetch(data[0] & 2, data[0] >> 2 & 1);
		fetch(data[0] & 8, data[0] >> 4 & 1);
		if (data[0] & 0x20)
			mh_client_push(&c);
		check_believed();
	}
	mh_client_close(&c);
	mh_stp_end(&sp2);
	return 0;
}
