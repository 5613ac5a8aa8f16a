// SPDX-License-Identifier: MIT
/* repoctl entity enrol: a host's request becomes an ENTITY, and a bundle for the host. */
#include "repoctl.h"
#include "core/stp.h"
#include "lib/code.h"

#include <stdlib.h>

#define ENTITY_LIFE	(730ull * 86400)

const struct rc_option rc_enrol_options[] = {
	{ "--fingerprint", "F", "the request's, as microhsm request showed it; else it is asked" },
	{ "--output", "FILE", "the join bundle (default NAME.bundle; - for standard output)" },
	{ "--address", "ADDR",
	  "where the host finds the server: host:port or a socket's path; again for more" },
	{ "--life", "TIME", "validity of the enrolment (default 730d)" },
	{ "--binary", NULL, "a binary bundle, not text" },
	RC_VAULT_OPTION(""),
	{ "--code", "FILE",
	  "seal a host's secrets to a one-time code, written to FILE (- for standard output), not "
	  "to the host's key" },
	{ "--replace", NULL, "make a host's secrets anew, that was enrolled by this request" },
	{ 0 },
};

/* One host's enrolment; wiped by who made it. */
struct enrolment {
	const struct rc_args *args;
	struct mh_bytes request;
	struct mh_join_request q;
	char name[MH_NAME_MAX + 1];
	u8 hash[MH_HASH_LEN], ecx[MH_HASH_LEN];
	bool kei, kec;		/* secrets, which are made here (R09) */
	u8 kei_secret[MH_KEY_LEN], kec_secret[MH_KEY_LEN];
	u64 life;
	enum { NEW, SAME, RENEWED } how;	/* SAME: by the ENTITY that is there */
	u8 leaf[MH_HASH_LEN];			/* of the ENTITY */
	struct mh_bytes former;			/* RENEWED: the ENTITY that has ended */
	struct mh_bundle bundle;		/* but for its ENTITY; views into what follows */
	struct rc_bundle room;
	u8 sealed[MH_JOIN_SEALED_MAX];
};

static int no_memory(int ret)
{
	return ret ? mh_fail(MH_EXIT_FAILED, "out of memory") : 0;
}

/* ---- the ENTITY ---- */

/* In the vault before the server hears of it: a Kec-secret that nobody has is of no use. */
static int make_secrets(struct rc *rc, struct enrolment *e)
{
	u8 kid[MH_HASH_LEN];
	int ret = 0;

	if (e->kei && mh_random(e->kei_secret, MH_KEY_LEN))
		return mh_fail(MH_EXIT_FAILED, "no random bytes");
	if (!e->kec)
		return 0;
	if (mh_random(e->kec_secret, MH_KEY_LEN) ||
	    mh_kid(MH_BUF(e->kec_secret, 32), MH_BUF(e->ecx, 32), kid))
		return mh_fail(MH_EXIT_FAILED, "no random bytes");
	ret = rc_vault(rc, e->args, true);
	if (!ret) {
		ret = mh_vault_add(rc->vault[0], kid, e->kec_secret);
		ret = ret ? mh_fail_file(rc_value(e->args, "--vault"), ret) : 0;
	}
	return ret;
}

static int write_entity(const struct enrolment *e, struct mh_writer *w, const u8 kpf[MH_KEY_LEN])
{
	const struct mh_buf ecx = MH_BUF(e->ecx, 32),
			    kec = e->kec ? MH_BUF(e->kec_secret, 32) : e->q.kec;
	u8 kei_kid[MH_HASH_LEN], kec_kid[MH_HASH_LEN], kpf_kid[MH_HASH_LEN];
	int ret = mh_kid(kec, ecx, kec_kid);

	if (!ret)
		ret = mh_kid(MH_BUF(kpf, 32), ecx, kpf_kid);
	if (!ret)
		ret = mh_kid(MH_BUF(e->kei_secret, 32), ecx, kei_kid);
	mh_write_attr_u8(w, MH_A_KEI_KIND, e->q.kei_kind);
	mh_write_attr(w, MH_A_KEI, e->kei ? kei_kid : e->q.kei.p, e->kei ? 32 : e->q.kei.n);
	mh_write_attr(w, MH_A_KES, e->q.kes, MH_P256_PUB_LEN);
	mh_write_attr_u8(w, MH_A_KEC_KIND, e->q.kec_kind);
	mh_write_attr(w, MH_A_KEC_KID, kec_kid, 32);
	if (e->q.evidence.n)
		mh_write_attr(w, MH_A_EVIDENCE, e->q.evidence.p, e->q.evidence.n);
	if (e->kec)
		mh_write_attr(w, MH_A_KPF_KID, kpf_kid, 32);
	return ret;
}

/* What the server must know to tell the host from others, and no more: never a Kec-secret. */
static int add_keys(struct rc *rc, const struct enrolment *e, const u8 leaf[MH_HASH_LEN],
		    const u8 kpf[MH_KEY_LEN])
{
	int ret = e->kec ? rc_item_sealed(rc, MH_ITEM_KPF, MH_L("admin kpf"), leaf, kpf) :
			   rc_item_sealed(rc, MH_ITEM_KEC, MH_L("admin kec"), leaf, e->q.kec.p);

	if (!ret && e->kei)
		ret = rc_item_sealed(rc, MH_ITEM_KEI, MH_L("admin kei"), leaf, e->kei_secret);
	return ret;
}

/* Its secrets are where they were: the new ENTITY names them as the one that has ended did. */
static int add_renewed(struct rc *rc, struct enrolment *e)
{
	struct rc_maker *m = malloc(sizeof(*m));
	struct mh_stmt s;
	int ret = m ? rc_begin(rc, m, MH_ENTITY, e->name, e->life) : no_memory(-ENOMEM);

	if (!ret && mh_stmt_parse(&s, e->former.p, e->former.n))
		ret = mh_fail(MH_EXIT_BAD_INPUT, "the ENTITY that ended is malformed");
	for (u16 type = MH_A_KEI_KIND; type <= MH_A_KPF_KID && !ret; type++)
		if (mh_stmt_has(&s, type))
			mh_write_attr(&m->w, type, mh_stmt_attr(&s, type).p,
				      mh_stmt_attr(&s, type).n);
	if (!ret)
		ret = rc_end(rc, m, NULL);
	free(m);
	return ret;
}

static int add_entity(struct rc *rc, struct enrolment *e)
{
	struct rc_maker *m = malloc(sizeof(*m));
	u8 kpf[MH_KEY_LEN];
	int ret = m ? make_secrets(rc, e) : no_memory(-ENOMEM);

	if (!ret)
		ret = no_memory(mh_stp_kpf(MH_BUF(e->kec_secret, 32), e->ecx, kpf));
	if (!ret)
		ret = rc_begin(rc, m, MH_ENTITY, e->name, e->life);
	if (!ret)
		ret = no_memory(write_entity(e, &m->w, kpf));
	if (!ret)
		ret = rc_end(rc, m, e->leaf);
	if (!ret)
		ret = add_keys(rc, e, e->leaf, kpf);
	mh_wipe(kpf, sizeof(kpf));
	free(m);
	return ret;
}

/* ---- the bundle ---- */

/* The secrets to the request's one-time key; or to a code, which a person brings by another way. */
static int seal_secrets(struct rc *rc, struct enrolment *e)
{
	const char *file = rc_value(e->args, "--code");
	u8 plain[MH_JOIN_SECRETS_MAX], code[MH_JOIN_CODE_LEN];
	struct mh_buf key = e->kec ? e->q.kec : e->q.kei;
	char text[MH_CODE_TEXT + 1];
	size_t n = 0;
	int ret = 0;

	if (e->kei)
		memcpy(plain, e->kei_secret, MH_KEY_LEN);
	n += e->kei ? MH_KEY_LEN : 0;
	if (e->kec)
		memcpy(plain + n, e->kec_secret, MH_KEY_LEN);
	n += e->kec ? MH_KEY_LEN : 0;
	if (file) {
		ret = mh_random(code, sizeof(code));
		key = MH_BUF(code, sizeof(code));
		mh_code_text(code, text);
		strcat(text, "\n");
		if (!ret)
			ret = mh_file_write(file, text, strlen(text), 0600);
		if (ret)
			ret = mh_fail_file(file, ret);
	}
	if (!ret && n) {
		ret = mh_join_secrets_seal(&e->bundle, file ? MH_ROUTE_CODE : MH_ROUTE_HOST, key,
					   rc->region, MH_BUF(plain, n), NULL, e->sealed);
		if (ret)
			ret = ret == -ENOMEM ? no_memory(ret) :
				mh_fail(MH_EXIT_BAD_INPUT, "the request's one-time key is no key");
	}
	mh_wipe(plain, sizeof(plain));
	mh_wipe(code, sizeof(code));
	mh_wipe(text, sizeof(text));
	return ret;
}

/* All of it that can fail, before the host is enrolled; a proposal has it with it, for submit */
static int begin_bundle(struct rc *rc, struct enrolment *e)
{
	const char *const *addr;
	unsigned int n = rc_values(e->args, "--address", &addr);
	int ret = rc->propose ? 0 : rc_bundle_trust(rc, &e->bundle, &e->room);

	e->bundle.request_hash = e->hash;
	for (unsigned int i = 0; i < n; i++)
		e->bundle.address[e->bundle.addresses++] = mh_text(addr[i]);
	if (!ret)
		ret = seal_secrets(rc, e);
	if (ret || !rc->propose)
		return ret;
	return rc_bundle_keep(rc, &e->bundle, e->leaf, rc_value(e->args, "--binary"));
}

static void tell(struct rc *rc, const struct enrolment *e, u64 serial, const char *out)
{
	const bool replaced = rc_value(e->args, "--replace"),
		   code = e->bundle.route == MH_ROUTE_CODE;

	if (rc->json)
		rc_print(json_pack("{s:s,s:I,s:s?}", "entity", e->name, "serial",
				   (json_int_t)serial, "bundle", out));
	else if (!out)
		mh_note("%s is enrolled anew, with the secrets that it has: it needs no bundle",
			e->name);
	else if (strcmp(out, "-"))
		mh_note("%s enrolled; take %s to the host within a day: microhsm join %s%s%s",
			e->name, out, out, code ? ", and the code by another way" : "",
			replaced ? "\nDestroy the former bundle: a host that joins by it is a "
				   "stranger." : "");
}

static int finish(struct rc *rc, struct enrolment *e)
{
	const char *out = rc_value(e->args, "--output");
	char fallback[MH_NAME_MAX + 16];
	struct mh_bytes entity = { 0 };
	struct mh_stmt s;
	int ret = rc_get(rc, MH_ENTITY, e->name, &entity, &s);

	snprintf(fallback, sizeof(fallback), "%s.bundle", e->name);
	out = e->how == RENEWED ? NULL : out ? out : fallback;
	e->bundle.entity = mh_bytes_buf(&entity);
	if (!ret && out && rc_bundle_write(&e->bundle, out, rc_value(e->args, "--binary")))
		ret = mh_fail(MH_EXIT_FAILED,
			      "%s could not be written; the host is enrolled: run the command "
			      "again%s",
			      out, e->bundle.route ? ", with --replace" : "");
	if (!ret)
		tell(rc, e, s.serial, out);
	mh_bytes_free(&entity);
	return ret;
}

/* ---- both ---- */

/* What becomes of one whose ENTITY, of these keys, holds, has ended or is void; 0, or told */
static int again(struct rc *rc, struct enrolment *e, const struct mh_stmt *s,
		 enum rc_standing standing)
{
	const bool secrets = e->kei || e->kec, replace = rc_value(e->args, "--replace");

	if (!secrets)
		e->how = standing == RC_HOLDS ? SAME : NEW;
	else if (standing == RC_ENDED && !replace)
		e->how = RENEWED;
	if (e->how == RENEWED)
		return rc_signed(rc, s, "ENTITY");
	if (!secrets || replace)
		return 0;
	if (standing == RC_VOID)
		return mh_fail(MH_EXIT_CONFLICT,
			       "the enrolment of %s is void, as all that was signed before the "
			       "ANCHOR that says so; --replace makes other secrets",
			       e->name);
	return mh_fail(MH_EXIT_CONFLICT,
		       "%s is enrolled by this request, and its secrets are in that bundle alone, "
		       "which is good for a day; if the host has not joined by it, --replace makes "
		       "others",
		       e->name);
}

/*
 * Enrolled already with these keys, which hold: the bundle is made again, and the server gets
 * Kec-public again, whose keeper may have lost it; but secrets, which nobody can tell again, stay
 * what they are.  At their end they are enrolled anew.  Once revoked they never are: their host
 * knows that they are.
 */
static int already(struct rc *rc, struct enrolment *e)
{
	enum rc_standing standing = RC_HOLDS;
	struct mh_stmt s;
	int ret = rc_get(rc, MH_ENTITY, e->name, &e->former, &s);

	if (ret)
		return ret == MH_EXIT_NOTFOUND ? 0 : ret;
	if (!mh_buf_equal(mh_stmt_attr(&s, MH_A_KES), MH_BUF(e->q.kes, MH_P256_PUB_LEN)) ||
	    mh_stmt_num(&s, MH_A_KEI_KIND) != e->q.kei_kind ||
	    mh_stmt_num(&s, MH_A_KEC_KIND) != e->q.kec_kind ||
	    (!e->kei && !mh_buf_equal(mh_stmt_attr(&s, MH_A_KEI), e->q.kei)))
		return 0;
	memcpy(e->leaf, s.leaf, MH_HASH_LEN);
	ret = rc_standing(rc, &s, &standing);
	if (!ret && standing == RC_REVOKED)
		ret = mh_fail(MH_EXIT_REVOKED,
			      "%s is revoked, and this request has its keys: make new ones on the "
			      "host (microhsm forget, init, request), and enrol that request",
			      e->name);
	return ret ? ret : again(rc, e, &s, standing);
}

/* Where a code goes, nothing else does. */
static int check_code(const struct rc *rc, const struct enrolment *e)
{
	const char *code = rc_value(e->args, "--code"), *out = rc_value(e->args, "--output");

	if (!code)
		return 0;
	if (!e->kei && !e->kec)
		return mh_fail(MH_EXIT_USAGE, "%s asks for no secret: its bundle needs no code",
			       e->name);
	if (out && !strcmp(code, out))
		return mh_fail(MH_EXIT_USAGE,
			       "a code goes another way than the bundle: give --code and --output "
			       "two files");
	if (rc->json && !strcmp(code, "-"))
		return mh_fail(MH_EXIT_USAGE,
			       "standard output is for the code or for --json: give --code FILE");
	return 0;
}

static int read_request(struct rc *rc, struct enrolment *e)
{
	const char *path = e->args->operand[0];
	int ret = mh_armour_read(path, "JOIN REQUEST", MH_JOIN_REQUEST_MAX, &e->request);

	if (ret == -EBADMSG)
		return mh_fail(MH_EXIT_BAD_INPUT, "%s: not a join request", path);
	if (ret)
		return mh_fail_file(path, ret);
	if (mh_join_request_decode(&e->q, mh_bytes_buf(&e->request)) ||
	    mh_join_request_verify(&e->q))
		return mh_fail(MH_EXIT_BAD_INPUT,
			       "%s: not a join request whose proofs of possession hold; make it "
			       "anew with microhsm request",
			       path);
	e->kei = e->q.kei_kind == MH_KIND_SECRET;
	e->kec = e->q.kec_kind == MH_KIND_SECRET;
	snprintf(e->name, sizeof(e->name), "%.*s", (int)e->q.name.n, e->q.name.p);
	mh_join_request_hash(mh_bytes_buf(&e->request), e->hash);
	return check_code(rc, e);
}

static int run(struct rc *rc, struct enrolment *e)
{
	char what[MH_NAME_MAX + 32], fingerprint[MH_FINGERPRINT_LEN];
	int ret = read_request(rc, e);

	if (ret)
		return ret;
	mh_fingerprint(e->hash, fingerprint);
	snprintf(what, sizeof(what), "the request of %s", e->name);
	ret = rc_open_quorum(rc);
	if (!ret) {
		mh_ctx_entity(rc->region, e->q.name, e->ecx);
		ret = already(rc, e);
	}
	if (!ret && rc->propose && e->how == SAME)
		ret = mh_fail(MH_EXIT_CONFLICT,
			      "%s is enrolled by this request: there is nothing to sign; without "
			      "--propose its bundle is made again",
			      e->name);
	if (!ret)
		ret = rc_confirm_fingerprint(rc, what, fingerprint,
					     rc_value(e->args, "--fingerprint"));
	if (!ret)
		ret = e->how == SAME ? add_keys(rc, e, e->leaf, NULL) :
		      e->how == RENEWED ? add_renewed(rc, e) : add_entity(rc, e);
	if (!ret && e->how != RENEWED)
		ret = begin_bundle(rc, e);
	if (!ret)
		ret = rc_submit(rc);
	if (!ret && e->how != SAME)
		ret = rc_holds(rc, MH_ENTITY, e->name);
	return ret ? ret : finish(rc, e);
}

int rc_entity_enrol(struct rc *rc, const struct rc_args *a)
{
	struct enrolment e = { .args = a };
	const char *const *addr;
	int ret;

	if (rc_values(a, "--address", &addr) > MH_BUNDLE_ADDRESSES)
		return mh_fail(MH_EXIT_USAGE, "--address: a bundle has room for %d",
			       MH_BUNDLE_ADDRESSES);
	if (rc->propose && rc_value(a, "--output"))
		return mh_fail(MH_EXIT_USAGE, "with --propose it is repoctl submit that writes the "
					      "bundle: leave out --output");
	if (rc->json && rc_value(a, "--output") && !strcmp(rc_value(a, "--output"), "-"))
		return mh_fail(MH_EXIT_USAGE,
			       "standard output is for the bundle or for --json: give --output FILE");
	ret = rc_duration(a, "--life", ENTITY_LIFE, RC_LIFE_MAX, &e.life);
	if (!ret)
		ret = run(rc, &e);
	mh_bytes_free(&e.request);
	mh_bytes_free(&e.former);
	rc_bundle_free(&e.room);
	mh_wipe(&e, sizeof(e));
	return ret;
}
