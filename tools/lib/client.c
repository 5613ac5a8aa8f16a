// SPDX-License-Identifier: MIT
/* SP1 in user space; see client.h. */
#include "client.h"
#include "sock.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define DATA_MAX (64u << 20)

/* ---- bytes ---- */

static int dial_unix(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	return fd < 0 ? -errno : fd;
}

static int dial_tcp(const char *address)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(address, ':');
	struct addrinfo *a = NULL;
	const int on = 1;
	char host[256];
	size_t n = colon ? (size_t)(colon - address) : 0;
	int fd, ret = 0;

	if (!n || n >= sizeof(host))
		return -EINVAL;
	if (*address == '[' && address[n - 1] == ']') {
		address++;
		n -= 2;
	}
	memcpy(host, address, n);
	host[n] = 0;
	if (getaddrinfo(host, colon + 1, &hints, &a))
		return -EHOSTUNREACH;
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* authI and the first REQUEST go out one after the other */
	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    connect(fd, a->ai_addr, a->ai_addrlen))
		ret = -errno;
	freeaddrinfo(a);
	if (ret && fd >= 0)
		close(fd);
	return ret ? ret : fd;
}

int mh_client_dial(const char *address, unsigned int seconds)
{
	const struct timeval t = { .tv_sec = seconds };
	int fd = *address == '/' ? dial_unix(address) : dial_tcp(address);

	if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) ||
			setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)))) {
		close(fd);
		return -EIO;
	}
	return fd;
}

/* A whole frame in c->u: its length or -errno */
static int read_frame(struct mh_client *c, u8 *kind)
{
	u32 len;
	int ret = mh_sock_recv(c->fd, c->u, MH_FRAME_HEADER);

	if (!ret)
		ret = mh_frame_parse(c->u, kind, &len);
	if (!ret)
		ret = mh_sock_recv(c->fd, c->u + MH_FRAME_HEADER, len);
	return ret ? ret : (int)(MH_FRAME_HEADER + len);
}

/* ---- trust ---- */

static const struct mh_stmt *find_leaf(struct mh_client *c, const u8 *leaf)
{
	for (unsigned int i = 0; i < c->n_kept; i++)
		if (!memcmp(c->stmt[i].leaf, leaf, 32))
			return &c->stmt[i];
	return NULL;
}

/* Parsed in a copy of its own */
static int copy_statement(struct mh_bytes *copy, struct mh_stmt *s, struct mh_buf b)
{
	int ret = mh_bytes_copy(copy, b.p, b.n);

	if (!ret)
		ret = mh_stmt_parse(s, copy->p, copy->n);
	if (ret)
		mh_bytes_free(copy);
	return ret;
}

static int keep(struct mh_client *c, struct mh_buf b, const struct mh_stmt **kept)
{
	unsigned int at = c->n_kept;
	int ret;

	if (at == MH_CLIENT_STATEMENTS)
		return -E2BIG;
	ret = copy_statement(&c->kept[at], &c->stmt[at], b);
	if (ret)
		return ret;
	c->n_kept++;
	*kept = &c->stmt[at];
	return 0;
}

/* Verified by its signer, which was verified before; ends with the pinned ANCHOR. */
static int verify_statement(void *ctx, struct mh_buf b, const struct mh_stmt **kept)
{
	struct mh_client *c = ctx;
	const struct mh_stmt *signer;
	struct mh_stmt s;
	int ret = mh_stmt_parse(&s, b.p, b.n);

	if (ret)
		return ret;
	*kept = find_leaf(c, s.leaf);
	if (*kept)
		return 0;
	signer = find_leaf(c, s.signer);
	if (!signer)
		return -ENOKEY;
	ret = mh_stmt_verify(&s, c->id->region, signer);
	if (!ret)
		ret = mh_stmt_valid_at(&s, (u64)time(NULL));
	return ret ? ret : keep(c, b, kept);
}

static bool same_authority(void *ctx, const struct mh_stmt *instance, struct mh_buf owner)
{
	const struct mh_stmt *signer = find_leaf(ctx, instance->signer);

	if (!signer)
		return false;
	return owner.n ? signer->type == MH_GROUP && mh_buf_equal(signer->subject, owner) :
			 signer->type == MH_ANCHOR;
}

static int take_anchors(struct mh_client *c, struct mh_buf body)
{
	struct mh_reader r;
	u8 n, more;

	mh_reader_init(&r, body.p, body.n);
	n = mh_read_u8(&r);
	more = mh_read_u8(&r);
	if (r.err || !n || n > MH_ANCHORS_PER_FRAME || more > 1)
		return -EBADMSG;
	for (u8 i = 0; i < n; i++) {
		struct mh_buf b = mh_read_big(&r, MH_STMT_MAX);
		const struct mh_stmt *kept, *cur = &c->stmt[c->n_kept - 1];
		struct mh_stmt s;
		int ret = r.err ? r.err : mh_stmt_parse(&s, b.p, b.n);

		if (!ret)
			ret = mh_anchor_next(cur, c->id->region, &s);
		if (!ret)
			ret = keep(c, b, &kept);
		if (ret)
			return ret;
	}
	return mh_read_end(&r);
}

/* Ksp2 of a serve DELEGATION that holds; X from its subject. */
static int check_idr(struct mh_client *c, struct mh_buf idr, const u8 **ksp2)
{
	const struct mh_stmt *s;
	struct mh_idr m;
	int ret = mh_idr_decode(&m, idr);

	*ksp2 = NULL;
	for (u8 i = 0; i < (ret ? 0 : m.delegations) && !ret; i++) {
		ret = verify_statement(c, m.delegation[i], &s);
		if (!ret && s->type != MH_DELEGATION)
			ret = -EBADMSG;
		if (!ret && !i && mh_stmt_num(s, MH_A_ROLE) == MH_ROLE_SERVE) {
			*ksp2 = mh_stmt_attr(s, MH_A_KEY).p;
			mh_ctx_sp2(c->id->region, s->subject, c->x);
		}
	}
	if (!ret)
		ret = verify_statement(c, m.epoch, &s);
	if (!ret && (s->type != MH_EPOCH || !*ksp2))
		ret = -EBADMSG;
	return ret;
}

/* ---- handshake ---- */

static int send_hello(struct mh_client *c, u64 anchor_serial)
{
	const struct mh_p1 p1 = { .version = MH_STP_VERSION,
				  .suite = MH_STP_SUITE,
				  .region = c->id->region,
				  .anchor_serial = anchor_serial };
	u8 out[MH_FRAME_HEADER + MH_HELLO_MAX];
	int ret = mh_stp_hello(&c->stp, &p1, NULL, out, sizeof(out));

	return ret < 0 ? ret : mh_sock_send(c->fd, out, (size_t)ret);
}

static int prove_server(struct mh_client *c)
{
	u8 idr[MH_IDR_MAX], sigr[MH_SIG_LEN], kind = 0;
	const u8 *ksp2;
	size_t n = 0;
	int ret;

	for (;;) {
		ret = read_frame(c, &kind);
		if (ret < 0)
			return ret;
		if (kind != MH_F_ANCHORS)
			break;
		ret = take_anchors(c,
				   MH_BUF(c->u + MH_FRAME_HEADER, (size_t)ret - MH_FRAME_HEADER));
		if (ret)
			return ret;
	}
	ret = mh_stp_challenge(&c->stp, c->u, (size_t)ret, idr, &n, sigr);
	if (!ret)
		ret = check_idr(c, MH_BUF(idr, n), &ksp2);
	return ret ? ret : mh_stp_prove_peer(&c->stp, ksp2, sigr);
}

static int prove_self(struct mh_client *c)
{
	const struct mh_client_identity *id = c->id;
	const struct mh_wrap_key *kec = &id->kec;
	struct mh_idi idi = { .name = mh_text(id->name),
			      .entity_serial = id->entity_serial,
			      .sessions = 1 };
	u8 out[MH_FRAME_HEADER + MH_AUTH_LEN], digest[MH_HASH_LEN], authi[MH_SIG_LEN], psk[32];
	int ret = mh_random(idi.incarnation, sizeof(idi.incarnation));

	if (!ret)
		ret = mh_stp_psk_of(MH_BUF(kec->pair ? kec->pub : kec->key, 32), kec->ctx,
				    id->mac ? id->kei : NULL, c->x, psk);
	if (!ret)
		ret = mh_stp_auth_begin(&c->stp, &idi, psk, digest, out, sizeof(out));
	if (ret >= 0)
		ret = mh_stp_authi(&c->stp, id->mac ? MH_KIND_SECRET : MH_KIND_PAIR, id->kei, c->x,
				   digest, authi);
	if (!ret)
		ret = mh_stp_auth_finish(&c->stp, authi, out, sizeof(out));
	mh_wipe(psk, sizeof(psk));
	return ret < 0 ? ret : mh_sock_send(c->fd, out, (size_t)ret);
}

int mh_client_open(struct mh_client *c, const struct mh_client_identity *id, int fd)
{
	const struct mh_stmt *anchor;
	int ret;

	memset(c, 0, sizeof(*c));
	c->id = id;
	c->fd = fd;
	mh_stp_init(&c->stp, true);
	ret = keep(c, mh_bytes_buf(&id->anchor), &anchor);
	if (!ret)
		ret = send_hello(c, anchor->serial);
	if (!ret)
		ret = prove_server(c);
	if (!ret)
		ret = prove_self(c);
	if (ret)
		mh_client_close(c);
	return ret;
}

void mh_client_close(struct mh_client *c)
{
	mh_stp_end(&c->stp);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	while (c->n_kept)
		mh_bytes_free(&c->kept[--c->n_kept]);
}

/* ---- requests ---- */

int mh_client_request(struct mh_client *c, const char *name, u64 version, const u8 *held,
		      const u8 *digest)
{
	static const u8 zero[32];
	const struct mh_request q = { .name = mh_text(name), .version = version,
				      .purpose = MH_PURPOSE_FETCH, .held = held ? held : zero,
				      .statements = digest ? digest : zero };
	u8 frame[1024];
	const size_t head = MH_FRAME_HEADER + MH_RECORD_HEADER;
	int ret = mh_request_encode(&q, frame + head, sizeof(frame) - head - MH_TAG_LEN);

	if (ret >= 0)
		ret = mh_stp_seal(&c->stp, MH_R_REQUEST, ++c->request, frame, (size_t)ret,
				  sizeof(frame));
	if (ret >= 0)
		ret = mh_sock_send(c->fd, frame, (size_t)ret);
	return ret ? ret : (int)c->request;
}

static int take_push(struct mh_client *c, const struct mh_record_hdr *rec)
{
	const struct mh_stmt *s;
	int ret;

	if (rec->type != MH_R_PUSH)
		return rec->type == MH_R_CLOSE || rec->type == MH_R_STALE ||
				       rec->type == MH_R_TICKET ?
			       0 :
			       -EPROTO;
	ret = verify_statement(c, rec->body, &s);
	if (!ret) {
		c->pushed[s->type]++;
		ret = s->type;
	}
	return ret;
}

static int read_record(struct mh_client *c, struct mh_record_hdr *rec)
{
	u8 kind = 0;
	int ret = read_frame(c, &kind);

	if (ret < 0)
		return ret;
	return kind == MH_F_RECORD ? mh_stp_open(&c->stp, c->u, (size_t)ret, rec) : -EPROTO;
}

int mh_client_push(struct mh_client *c)
{
	struct mh_record_hdr rec;
	int ret = read_record(c, &rec);

	return ret ? ret : rec.request ? -EPROTO : take_push(c, &rec);
}

struct fetching {
	struct mh_client *c; /* first: what verify_statement() and same_authority() are given */
	struct mh_client_result *r;
	struct mh_bytes held;	/* the INSTANCE as it came */
	struct mh_stmt instance;
};

static int fetch_hold(void *ctx, struct mh_buf b, const struct mh_stmt **held)
{
	struct fetching *f = ctx;

	*held = &f->instance;
	return copy_statement(&f->held, &f->instance, b);
}

static int fetch_statement(void *ctx, struct mh_buf b, const struct mh_stmt **kept)
{
	return verify_statement(((struct fetching *)ctx)->c, b, kept);
}

static bool fetch_authority(void *ctx, const struct mh_stmt *instance, struct mh_buf owner)
{
	return same_authority(((struct fetching *)ctx)->c, instance, owner);
}

static int fetch_data(void *ctx, const u8 *p, size_t n)
{
	struct mh_bytes *b = &((struct fetching *)ctx)->r->data;
	u8 *grown;

	if (!n)
		return 0;
	if (n > DATA_MAX - b->n)
		return -EFBIG;
	grown = malloc(b->n + n);
	if (!grown)
		return -ENOMEM;
	if (b->n)
		memcpy(grown, b->p, b->n);
	memcpy(grown + b->n, p, n);
	n += b->n;
	mh_bytes_free(b);
	*b = (struct mh_bytes){ .p = grown, .n = n };
	return 0;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, MH_HASH_LEN);
}

/* H(leaves, sorted) of the statements of this answer, as REQUEST names them */
static void digest_of(const u8 (*leaf)[MH_HASH_LEN], unsigned int n, u8 out[MH_HASH_LEN])
{
	u8 sorted[32][MH_HASH_LEN];
	const struct mh_buf all = MH_BUF(sorted, n * sizeof(sorted[0]));

	memcpy(sorted, leaf, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), compare);
	mh_sha256v(out, &all, 1);
}

int mh_client_answer(struct mh_client *c, const char *name, u64 version, struct mh_client_result *r)
{
	static const struct mh_answer_ops ops = { fetch_hold, fetch_statement, fetch_authority,
						   fetch_data };
	struct fetching f = { .c = c, .r = r };
	struct mh_answer *a = malloc(sizeof(*a));
	u8 scratch[MH_STREAM_CHUNK], leaf[32][MH_HASH_LEN];
	const u32 request = ++c->answered;
	unsigned int leaves = 0;
	int ret = 0;

	memset(r, 0, sizeof(*r));
	if (!a)
		return -ENOMEM;
	mh_answer_begin(a, c->id->region, mh_text(name), version, &c->id->kec, &ops,
			&f);
	while (!ret && a->state < MH_ANSWER_DONE) {
		struct mh_record_hdr rec;
		struct mh_stmt s;

		ret = read_record(c, &rec);
		if (ret)
			break;
		if (!rec.request) {
			ret = take_push(c, &rec);
			ret = ret > 0 ? 0 : ret;
			continue;
		}
		if (rec.request != request) {
			mh_stp_end(&c->stp);
			ret = -EPROTO;
			break;
		}
		if (rec.type == MH_R_STATEMENT && leaves < 32 &&
		    !mh_stmt_parse(&s, rec.body.p, rec.body.n))
			memcpy(leaf[leaves++], s.leaf, MH_HASH_LEN);
		ret = mh_answer_record(a, &rec, scratch);
	}
	r->state = a->state;
	r->refused = a->refused;
	if (!ret && a->state == MH_ANSWER_DONE) {
		r->version = a->manifest.version;
		memcpy(r->leaf, a->instance->leaf, 32);
		digest_of((const u8 (*)[MH_HASH_LEN])leaf, leaves, r->digest);
	} else {
		mh_bytes_free(&r->data);
	}
	mh_wipe(scratch, sizeof(scratch));
	mh_answer_end(a);
	free(a);
	mh_bytes_free(&f.held);
	return ret;
}

int mh_client_fetch(struct mh_client *c, const char *name, u64 version, const u8 *held,
		    const u8 *digest, struct mh_client_result *r)
{
	int ret = mh_client_request(c, name, version, held, digest);

	return ret < 0 ? ret : mh_client_answer(c, name, version, r);
}
