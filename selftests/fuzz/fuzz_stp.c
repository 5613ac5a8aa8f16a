// SPDX-License-Identifier: MIT
/*
 * Both ends of a session, with valid keys, and between them whoever the input
 * is: a script of three-byte steps that make messages, alter them, deliver
 * them in any order, any number of times, and send records.
 *
 * Nobody reaches the state in which Data flows but with what the other sent.
 */
#include "../unit/stp_pair.h"
#include "fuzz.h"

static struct stp_keys keys[2];
static struct stp_pair p;
static u8 ei[32], er[32];

static void dead(const struct mh_stp *s)
{
	u8 any = 0;

	for (size_t i = 0; i < sizeof(s->e); i++)
		any |= s->e[i] | s->noise.k[i] | s->noise.ck[i];
	must(s->state == MH_STP_DEAD && !any && !s->tx.aead && !s->rx.aead);
}

static void alter(u8 *frame, size_t *n, size_t size, u8 at, u8 with)
{
	if (!*n)
		return;
	if (at == 0xff)		/* its length */
		*n = with < size ? with : size;
	else
		frame[at * *n / 0xff] ^= with;
}

static void record(struct mh_stp *from, struct mh_stp *to, u8 at, u8 with)
{
	static u8 frame[MH_FRAME_MAX];
	struct mh_record_hdr rec;
	const bool both = from->state == MH_STP_OPEN && to->state == MH_STP_OPEN;
	const bool step = from->tx.n == to->rx.n;
	int n = stp_record(from, MH_R_CHUNK, 1 + at, with, at, frame), ret;

	if (n < 0) {
		must(!both);
		dead(from);
		return;
	}
	if (with & 0x80)	/* else as it was sent */
		frame[(size_t)at % (size_t)n] ^= with;
	if (with & 0x40)
		return;		/* lost */
	ret = mh_stp_open(to, frame, (size_t)n, &rec);
	must(!ret == (both && step && !(with & 0x80)));
	if (!ret)
		must(rec.type == MH_R_CHUNK && rec.request == 1u + at && rec.body.n == at);
	else
		dead(to);
}

static void deliver(u8 step, const struct stp_keys *k)
{
	enum mh_stp_state before;

	switch (step) {
	case 1:
		if (stp_take_hello(&p))
			dead(&p.r);
		break;
	case 3:
		before = p.i.state;
		if (stp_take_challenge(&p, k)) {
			dead(&p.i);
		} else {
			must(before == MH_STP_HELLO_SENT);
			must(p.r.state == MH_STP_DEAD ||	/* since it sent this */
			     (p.r.state == MH_STP_CHALLENGE_SENT &&
			      !memcmp(&p.i.noise, &p.r.noise, sizeof(p.i.noise))));
		}
		break;
	case 5:
		if (stp_take_auth(&p, k)) {
			dead(&p.r);
		} else {
			must(p.r.state == MH_STP_OPEN);
			must(p.i.state == MH_STP_OPEN || p.i.state == MH_STP_DEAD);
			must(!memcmp(p.i.h_auth, p.r.h_auth, 32));
			must(!memcmp(p.i.idi, p.r.idi, sizeof(p.i.idi)));
			must(!memcmp(p.i.authi, p.r.authi, sizeof(p.i.authi)));
		}
		break;
	}
}

static void take(const u8 step[3], const struct stp_keys *k)
{
	switch (step[0] % 12) {
	case 0:
		stp_hello(&p, k);
		break;
	case 2:
		stp_make_challenge(&p, k);
		break;
	case 4:
		stp_make_auth(&p, k, NULL);
		break;
	case 6:
		alter(p.hello, &p.hello_n, sizeof(p.hello), step[1], step[2]);
		break;
	case 7:
		alter(p.challenge, &p.challenge_n, sizeof(p.challenge), step[1], step[2]);
		break;
	case 8:
		alter(p.auth, &p.auth_n, sizeof(p.auth), step[1], step[2]);
		break;
	case 9:
		record(&p.i, &p.r, step[1], step[2]);
		break;
	case 10:
		record(&p.r, &p.i, step[1], step[2]);
		break;
	case 11:	/* another's message in the place of one's own */
		memcpy(p.auth, p.challenge, sizeof(p.auth));
		p.auth_n = p.challenge_n < sizeof(p.auth) ? p.challenge_n : sizeof(p.auth);
		break;
	default:
		deliver(step[0] % 12, k);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool made;

	if (!made) {
		must(!stp_keys_make(&keys[0], false) && !stp_keys_make(&keys[1], true));
		stp_fill(ei, 32, 0xc1);
		stp_fill(er, 32, 0xd2);
		made = true;
	}
	if (!size || size > 1 + 3 * 64)
		return 0;
	stp_pair_init(&p);
	p.ei = ei;
	p.er = er;
	for (size_t at = 1; at + 3 <= size; at += 3)
		take(data + at, &keys[data[0] & 1]);
	stp_pair_end(&p);
	return 0;
}
