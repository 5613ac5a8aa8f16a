// SPDX-License-Identifier: MIT
/*
 * repositoryd as built, with all its keys, that says what its orders are: the file that MH_ROGUE
 * names, read at each record and each idR sent, one order a line. Of idR:
 *
 *	epoch FILE		that EPOCH instead of the Region's
 *	delegation FILE		that DELEGATION too, behind the others
 *	idr AT			with a byte altered, the ATth that is in no set of signatures
 *	tail AT			or the ATth that one of a DELEGATION has
 *	speaks VERSION		that version, and no other
 *
 * Of answers to REQUESTs:
 *
 *	refuse CODE MS STEP	REFUSED instead of the answer
 *	with DIR		what `stmt answer` made, instead of its own
 *	drop TYPE		records of that type are not sent
 *	twice TYPE		are sent twice
 *	as TYPE TYPE		are sent as another type
 *	flip TYPE AT		with the byte AT (below 0: from the end) altered
 *	cut TYPE N		N bytes shorter (below 0: longer)
 *	other TYPE		as of another REQUEST
 *	push FILE		a PUSH of that file, before the answer
 *	after TYPE		one of that type more, once the answer has ended
 *	end TYPE		the end of the stream, in place of the first of that type
 *
 * TYPE is as in enum mh_record.  DONE's count is put right, so that it is not what is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "lib/util.h"

int __real_mh_stp_challenge_begin(struct mh_stp *s, struct mh_buf idr, const u8 *eph,
				  u8 digest[MH_HASH_LEN], u8 *out, size_t size);
int __wrap_mh_stp_challenge_begin(struct mh_stp *s, struct mh_buf idr, const u8 *eph,
				  u8 digest[MH_HASH_LEN], u8 *out, size_t size);
int __real_mh_conn_record(struct mh_conn *c, u8 type, u32 request, const u8 *body, size_t n);
int __wrap_mh_conn_record(struct mh_conn *c, u8 type, u32 request, const u8 *body, size_t n);

struct order {
	char verb[16], text[200];
	long a, b, c;
};

static struct order orders[16];
static unsigned int norders;

static void read_orders(void)
{
	const char *path = getenv("MH_ROGUE");
	FILE *f = path ? fopen(path, "r") : NULL;
	char line[256];

	norders = 0;
	while (f && norders < ARRAY_SIZE(orders) && fgets(line, sizeof(line), f)) {
		struct order *o = &orders[norders];

		memset(o, 0, sizeof(*o));
		if (sscanf(line, "%15s %199s", o->verb, o->text) < 1)
			continue;
		sscanf(line, "%*s %ld %ld %ld", &o->a, &o->b, &o->c);
		norders++;
	}
	if (f)
		fclose(f);
}

static void die(const char *what)
{
	fprintf(stderr, "rogue_repositoryd: %s\n", what);
	exit(3);
}

static const struct order *order_of(const char *verb, u8 type)
{
	for (unsigned int i = 0; i < norders; i++)
		if (!strcmp(orders[i].verb, verb) && (!type || orders[i].a == type))
			return &orders[i];
	return NULL;
}

/* body, made anew from the file of that name; false: there is none, or it is not for this one */
static bool replaced(const struct order *with, u8 type, const u8 *body, size_t n,
		     struct mh_bytes *out)
{
	static const char *const names[] = {
		[MH_R_MANIFEST] = "manifest", [MH_R_STATEMENT] = "dataset",
		[MH_R_WRAP] = "wrap", [MH_R_CHUNK] = "chunk", [MH_R_DONE] = "manifest",
	};
	char path[300];
	struct mh_stmt s;

	if (type >= ARRAY_SIZE(names) || !names[type])
		return false;
	if (type == MH_R_STATEMENT && (mh_stmt_parse(&s, body, n) || s.type != MH_DATASET))
		return false;
	snprintf(path, sizeof(path), "%s/%s", with->text, names[type]);
	if (mh_file_read(path, MH_STMT_MAX, out))
		die(path);
	if (type == MH_R_DONE) {
		if (mh_stmt_parse(&s, out->p, out->n))
			die(path);
		memmove(out->p + 4, s.leaf, 32);
		memcpy(out->p, body, 4);
		out->n = 36;
	}
	return true;
}

static void alter(u8 type, u8 *body, size_t *n)
{
	const struct order *o = order_of("flip", type);

	if (o)
		body[o->b < 0 ? *n - (size_t)-o->b : (size_t)o->b] ^= 1;
	o = order_of("cut", type);
	if (o)
		*n -= (size_t)o->b;
}

static int send_altered(struct mh_conn *c, u8 type, u32 request, u8 *body, size_t n)
{
	static u32 sent;	/* records of the REQUEST in hand */
	const struct order *o;
	int ret = 0;

	if (type == MH_R_MANIFEST)
		sent = 0;
	if (type == MH_R_DONE)
		mh_put32(body, sent);
	alter(type, body, &n);
	o = order_of("as", type);
	for (int i = order_of("drop", type) ? 0 : order_of("twice", type) ? 2 : 1; i && !ret; i--) {
		ret = __real_mh_conn_record(c, o ? (u8)o->b : type,
					    request + !!order_of("other", type), body, n);
		sent++;
	}
	return ret;
}

static int push(struct mh_conn *c, const struct order *o)
{
	struct mh_bytes b;
	int ret;

	if (mh_file_read(o->text, MH_STMT_MAX, &b))
		die(o->text);
	ret = __real_mh_conn_record(c, MH_R_PUSH, 0, b.p, b.n);
	mh_bytes_free(&b);
	return ret;
}

int __wrap_mh_conn_record(struct mh_conn *c, u8 type, u32 request, const u8 *body, size_t n)
{
	const struct order *o;
	u8 refused[6], copy[MH_RECORD_PLAIN_MAX];
	struct mh_bytes b = { 0 };
	int ret = 0;

	if (!request)
		return __real_mh_conn_record(c, type, request, body, n);
	read_orders();
	o = type == MH_R_MANIFEST ? order_of("push", 0) : NULL;
	if (o)
		ret = push(c, o);
	if (order_of("end", type) && !ret)
		return -EKEYREVOKED;	/* what is in the buffer goes out first */
	o = order_of("refuse", 0);
	if (o && !ret) {	/* once, instead of what would come first */
		refused[0] = (u8)o->a;
		mh_put32(refused + 1, (u32)o->b);
		refused[5] = (u8)o->c;
		return type == MH_R_MANIFEST ? __real_mh_conn_record(c, MH_R_REFUSED, request,
								     refused, 6) : 0;
	}
	o = order_of("with", 0);
	if (o && !ret && replaced(o, type, body, n, &b)) {
		body = b.p;
		n = b.n;
	}
	memset(copy, 0, sizeof(copy));
	if (n)
		memcpy(copy, body, n);
	mh_bytes_free(&b);
	ret = ret ? ret : send_altered(c, type, request, copy, n);
	o = type == MH_R_DONE ? order_of("after", 0) : NULL;
	return ret || !o ? ret : __real_mh_conn_record(c, (u8)o->a, request, copy, n);
}

/* Of a statement: path and sets */
static size_t tail_of(struct mh_buf b)
{
	struct mh_stmt s;

	if (mh_stmt_parse(&s, b.p, b.n))
		die("a statement of idR");
	return b.n - 2 - s.body.n;
}

/* The byte that is counted as the atth: of no statement's tail, or of a DELEGATION's */
static void alter_idr(u8 *idr, size_t n, size_t at, bool tail)
{
	size_t tails[MH_IDR_DELEGATIONS];
	struct mh_idr m;

	if (mh_idr_decode(&m, MH_BUF(idr, n)) || m.delegations == MH_IDR_DELEGATIONS)
		die("idR");
	m.delegation[m.delegations] = m.epoch;
	for (u8 k = 0; k <= m.delegations; k++)
		tails[k] = tail_of(m.delegation[k]);
	for (size_t i = 0; i < n; i++) {
		u8 in = 0;

		while (in <= m.delegations &&
		       (idr + i >= m.delegation[in].p + m.delegation[in].n ||
			idr + i < m.delegation[in].p + m.delegation[in].n - tails[in]))
			in++;
		if ((tail ? in < m.delegations : in > m.delegations) && !at--) {
			idr[i] ^= 0x10;
			return;
		}
	}
	die("idR has no such byte");
}

static void spoil(u8 *idr, size_t n)
{
	const struct order *o = order_of("idr", 0);

	if (o)
		alter_idr(idr, n, (size_t)o->a, false);
	o = order_of("tail", 0);
	if (o)
		alter_idr(idr, n, (size_t)o->a, true);
	o = order_of("speaks", 0);
	if (o)
		idr[1] = (u8)o->a;
}

int __wrap_mh_stp_challenge_begin(struct mh_stp *s, struct mh_buf idr, const u8 *eph,
				  u8 digest[MH_HASH_LEN], u8 *out, size_t size)
{
	struct mh_bytes epoch = { 0 }, delegation = { 0 };
	u8 lie[MH_IDR_MAX];
	const struct order *o;
	struct mh_idr m;
	int ret;

	read_orders();
	if (mh_idr_decode(&m, idr))
		die("idR");
	o = order_of("epoch", 0);
	if (o && mh_file_read(o->text, MH_STMT_MAX, &epoch))
		die(o->text);
	if (o)
		m.epoch = mh_bytes_buf(&epoch);
	o = order_of("delegation", 0);
	if (o && (m.delegations == MH_IDR_DELEGATIONS ||
		  mh_file_read(o->text, MH_STMT_MAX, &delegation)))
		die(o->text);
	if (o)
		m.delegation[m.delegations++] = mh_bytes_buf(&delegation);
	ret = mh_idr_encode(&m, lie, sizeof(lie));
	if (ret < 0)
		die("idR is too long");
	spoil(lie, (size_t)ret);
	ret = __real_mh_stp_challenge_begin(s, MH_BUF(lie, (size_t)ret), eph, digest, out, size);
	mh_bytes_free(&epoch);
	mh_bytes_free(&delegation);
	return ret;
}
