// SPDX-License-Identifier: MIT
/* What repoctl's nouns share: the admin socket, the Region, its officers; repoctl_make.c makes. */
#include "repoctl.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int rc_connect(struct rc *rc)
{
	if (rc->fd >= 0)
		return 0;
	rc->fd = mh_admin_connect(rc->socket);
	if (rc->fd == -EACCES)
		return mh_fail(MH_EXIT_DENIED, "%s: not allowed; run as a user that may open it",
			       rc->socket);
	if (rc->fd < 0)
		return mh_fail(MH_EXIT_UNREACHABLE,
			       "%s: %s; is repositoryd running? (--socket PATH for another)",
			       rc->socket, strerror(-rc->fd));
	return 0;
}

int rc_call(struct rc *rc, u8 op, struct mh_buf body, struct mh_bytes *reply)
{
	static const struct {
		u8 status;
		int code;
	} codes[] = {
		{ MH_ADMIN_MALFORMED, MH_EXIT_BAD_INPUT }, { MH_ADMIN_NOTFOUND, MH_EXIT_NOTFOUND },
		{ MH_ADMIN_DENIED, MH_EXIT_DENIED }, { MH_ADMIN_CONFLICT, MH_EXIT_CONFLICT },
		{ MH_ADMIN_INVALID, MH_EXIT_BAD_INPUT },
	};
	u8 status = 0;
	int code = MH_EXIT_FAILED, ret = rc->offline ? 0 : rc_connect(rc);

	if (ret)
		return ret;
	if (rc->offline)
		ret = rc_offline_call(rc, op, body, &status, reply);
	else
		ret = mh_admin_call(rc->fd, op, body, &status, reply);
	if (ret > 0)
		return ret;
	if (ret)
		return mh_fail(MH_EXIT_UNREACHABLE,
			       "%s: no answer: %s; repositoryd may be ending, or have too many "
			       "callers: try again, and see its log",
			       rc->socket, strerror(-ret));
	if (!status)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].status == status)
			code = codes[i].code;
	if (status != MH_ADMIN_NOTFOUND || op != MH_ADMIN_GET)
		mh_fail(code, "%s: %.*s", rc->offline ? rc->offline : "repositoryd",
			(int)reply->n, reply->p);
	mh_bytes_free(reply);
	return code;
}

/*
 * The next link: the genesis makes the Region's id, each later one is signed by the one before.
 * What the daemon says is the Region's officers is not believed otherwise.
 */
static int take_anchor(struct rc *rc, struct mh_buf bytes)
{
	struct mh_bytes copy = { 0 };
	struct mh_stmt next;
	u8 region[32];
	int ret;

	if (mh_bytes_copy(&copy, bytes.p, bytes.n))
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	if (mh_stmt_parse(&next, copy.p, copy.n)) {
		mh_bytes_free(&copy);
		return mh_fail(MH_EXIT_BAD_INPUT, "repositoryd sent an ANCHOR that is malformed");
	}
	if (rc->anchor_bytes.n) {
		ret = mh_anchor_next(&rc->anchor, rc->region, &next);
	} else {
		ret = mh_anchor_genesis(&next, region);
		if (!ret && memcmp(region, rc->region, 32))
			ret = -EBADMSG;
	}
	if (ret) {
		mh_bytes_free(&copy);
		if (ret == -ENOMEM)
			return mh_fail(MH_EXIT_FAILED, "out of memory");
		return mh_fail(MH_EXIT_DENIED,
			       "the server's ANCHOR %llu is not this Region's: nothing was done; "
			       "do not trust this server",
			       (unsigned long long)next.serial);
	}
	mh_bytes_free(&rc->anchor_bytes);
	rc->anchor_bytes = copy;
	rc->anchor = next;
	ret = mh_proposal_add_anchor(&rc->p, bytes);
	return ret ? mh_fail(MH_EXIT_FAILED, ret == -E2BIG ? "the Region has too many ANCHORs" :
							     "out of memory") : 0;
}

/* The newest ANCHOR of the Region, by walking what the daemon has. */
static int read_anchor(struct rc *rc)
{
	struct mh_bytes reply;
	u8 body[40];
	int ret = 0;
	u16 n;

	mh_bytes_free(&rc->anchor_bytes);
	mh_proposal_free(&rc->p);
	do {
		struct mh_reader r;

		memcpy(body, rc->region, 32);
		mh_put64(body + 32, rc->anchor_bytes.n ? rc->anchor.serial + 1 : 1);
		ret = rc_call(rc, MH_ADMIN_ANCHORS, MH_BUF(body, sizeof(body)), &reply);
		if (ret)
			return ret;
		mh_reader_init(&r, reply.p, reply.n);
		n = mh_read_u16(&r);
		for (u16 i = 0; i < n && !ret; i++)
			ret = take_anchor(rc, mh_read_big(&r, MH_STMT_MAX));
		if (!ret && mh_read_end(&r))
			ret = mh_fail(MH_EXIT_BAD_INPUT, "repositoryd's answer is malformed");
		mh_bytes_free(&reply);
	} while (!ret && n == 64);
	if (!ret && !rc->anchor_bytes.n)
		ret = mh_fail(MH_EXIT_NOTFOUND, "the Region has no ANCHOR");
	if (!ret)
		mh_quorum_of(&rc->quorum, &rc->anchor);
	return ret;
}

/* The server's Regions that --region may mean. */
struct naming {
	char label[2 * 32 + 1];
	const char *pin;	/* fingerprint after the colon, or NULL */
	unsigned int named, found;
	char fingerprints[512];	/* of those named */
};

static void consider(struct rc *rc, struct naming *k, struct mh_buf label, const u8 id[32])
{
	char fingerprint[MH_FINGERPRINT_LEN];
	size_t at = strlen(k->fingerprints);

	if (*k->label && !mh_region_is(k->label, label, id))
		return;
	mh_fingerprint(id, fingerprint);
	snprintf(k->fingerprints + at, sizeof(k->fingerprints) - at, "%s%s", at ? ", " : "",
		 fingerprint);
	k->named++;
	/* the label is the server's word, the fingerprint is the person's */
	if (k->pin && !mh_fingerprint_same(k->pin, fingerprint))
		return;
	k->found++;
	memcpy(rc->region, id, 32);
}

/* One Region it must be, never the first of two. */
static int one_named(const struct naming *k)
{
	char number[16] = "two";

	if (k->found == 1)
		return 0;
	if (!k->named)
		return mh_fail(MH_EXIT_NOTFOUND,
			       "no Region %s; make one with repoctl region create", k->label);
	if (!k->found)
		return mh_fail(MH_EXIT_DENIED,
			       "the server's Region has the fingerprint %s, not the one given: "
			       "nothing was done",
			       k->fingerprints);
	if (k->named > 2)
		snprintf(number, sizeof(number), "%u", k->named);
	if (*k->label)
		return mh_fail(MH_EXIT_USAGE,
			       "Region %s names %s Regions here: %s; give the fingerprint",
			       k->label, number, k->fingerprints);
	return mh_fail(MH_EXIT_USAGE, "there are %s Regions: say which with --region LABEL",
		       number);
}

int rc_open_region(struct rc *rc)
{
	const char *given = rc->region_label ? rc->region_label : "", *colon = strchr(given, ':');
	int len = colon ? (int)(colon - given) : (int)strlen(given);
	struct naming k = { .pin = colon ? colon + 1 : NULL };
	static const u8 all[2];
	struct mh_reader r;
	struct mh_bytes reply;
	int ret;

	if ((size_t)snprintf(k.label, sizeof(k.label), "%.*s", len, given) >= sizeof(k.label))
		return mh_fail(MH_EXIT_USAGE, "the Region's name is too long");
	ret = rc_call(rc, MH_ADMIN_REGIONS, MH_BUF(all, sizeof(all)), &reply);
	if (ret)
		return ret;
	mh_reader_init(&r, reply.p, reply.n);
	for (u16 n = mh_read_u16(&r); n && !r.err; n--) {
		struct mh_buf id = mh_read_bytes(&r, 32), label = mh_read_v(&r, MH_NAME_MAX);

		mh_read_u64(&r);
		if (!r.err)
			consider(rc, &k, label, id.p);
	}
	ret = mh_read_end(&r);
	mh_bytes_free(&reply);
	if (ret)
		return mh_fail(MH_EXIT_BAD_INPUT, "repositoryd's list of Regions is malformed");
	ret = one_named(&k);
	return ret ? ret : read_anchor(rc);
}

int rc_passphrase(struct rc *rc, const char *path, const char *prompt,
		  char pass[RC_PASSPHRASE_MAX + 1])
{
	int fd = rc->passphrase_fd,
	    ret = fd >= 0 ? mh_secret_from_fd(fd, pass, RC_PASSPHRASE_MAX + 1) :
			    mh_prompt_secret(prompt, pass, RC_PASSPHRASE_MAX + 1);

	if (ret == -EMSGSIZE)
		return mh_fail(MH_EXIT_USAGE, "%s: a passphrase has at most %d bytes", path,
			       RC_PASSPHRASE_MAX);
	if (ret && fd >= 0)
		return mh_fail(ret == -EIO ? MH_EXIT_FAILED : MH_EXIT_USAGE,
			       "%s: descriptor %d gives no passphrase: %s", path, fd,
			       strerror(-ret));
	return ret ? mh_fail(MH_EXIT_USAGE,
			     "no passphrase for %s: no terminal; use --passphrase-fd N", path) :
		     0;
}

int rc_new_passphrase(struct rc *rc, const char *path, const char *prompt,
		      char pass[RC_PASSPHRASE_MAX + 1])
{
	char again[RC_PASSPHRASE_MAX + 1] = "";
	int ret = rc_passphrase(rc, path, prompt, pass);

	if (ret || rc->passphrase_fd >= 0)
		return ret;
	ret = rc_passphrase(rc, path, "Again: ", again);
	if (!ret && strcmp(pass, again))
		ret = mh_fail(MH_EXIT_USAGE, "the two passphrases differ; nothing was made");
	mh_wipe(again, sizeof(again));
	if (ret)
		mh_wipe(pass, RC_PASSPHRASE_MAX + 1);
	return ret;
}

static int open_officer(struct rc *rc, unsigned int i)
{
	char pass[RC_PASSPHRASE_MAX + 1] = "", text[256];
	const bool token = mh_token_is_uri(rc->key_path[i]);
	int ret;

	snprintf(text, sizeof(text), "Passphrase of %s: ", rc->key_path[i]);
	ret = token ? rc_token_pin(rc, rc->key_path[i], pass) :
		      rc_passphrase(rc, rc->key_path[i], text, pass);
	if (ret)
		return ret;
	ret = mh_officer_open(&rc->officer[i], rc->key_path[i], pass);
	mh_wipe(pass, sizeof(pass));
	if (ret && token)
		return rc_token_failed(rc->key_path[i], ret);
	if (ret == -EKEYREJECTED)
		return mh_fail(MH_EXIT_DENIED, "%s: wrong passphrase, or the file is damaged",
			       rc->key_path[i]);
	if (ret == -EBADMSG)
		return mh_fail(MH_EXIT_BAD_INPUT, "%s: not an officer's key (P-256 in PKCS#8)",
			       rc->key_path[i]);
	if (ret)
		return mh_fail_file(rc->key_path[i], ret);
	return 0;
}

int rc_open_officers(struct rc *rc)
{
	if (!rc->keys)
		return mh_fail(MH_EXIT_USAGE, "this needs an officer: --key KEY");
	for (unsigned int i = 0; i < rc->keys; i++) {
		int ret = rc->officer[i] ? 0 : open_officer(rc, i);

		if (ret)
			return ret;
	}
	return 0;
}

int rc_too_few(u8 which, unsigned int asked, unsigned int have)
{
	if (which == MH_SET_SIGNER)
		return mh_fail(MH_EXIT_DENIED,
			       "the Region asks for %u officers' signatures, and %u of the keys "
			       "given are its officers'; to let the others sign later, elsewhere: "
			       "--propose FILE",
			       asked, have);
	return mh_fail(MH_EXIT_DENIED,
		       "%u of %s must sign, and %u of the keys given are theirs; to let the others "
		       "sign later, elsewhere: --propose FILE",
		       asked, rc_who(which), have);
}

int rc_open_quorum(struct rc *rc)
{
	int ret = rc_open_region(rc);
	unsigned int have = 0;

	/* who signs a proposal, and when, is another question */
	if (!ret && (rc->keys || !rc->propose))
		ret = rc_open_officers(rc);
	if (ret || rc->propose)
		return ret;
	for (u8 k = 0; k < rc->quorum.n; k++)
		for (unsigned int i = 0; i < rc->keys; i++)
			if (!memcmp(rc->quorum.keys + (size_t)k * MH_P256_PUB_LEN,
				    mh_officer_public(rc->officer[i]), MH_P256_PUB_LEN)) {
				have++;
				break;
			}
	return have < rc->quorum.m ? rc_too_few(MH_SET_SIGNER, rc->quorum.m, have) : 0;
}

int rc_get(struct rc *rc, u8 type, const char *subject, struct mh_bytes *bytes, struct mh_stmt *s)
{
	u8 body[32 + 1 + 2 + MH_SUBJECT_MAX];
	struct mh_writer w;
	struct mh_reader r;
	struct mh_bytes reply;
	struct mh_buf b;
	int ret;

	mh_writer_init(&w, body, sizeof(body));
	mh_write_bytes(&w, rc->region, 32);
	mh_write_u8(&w, type);
	mh_write_v(&w, subject, strlen(subject));
	if (w.err)
		return mh_fail(MH_EXIT_USAGE, "%s: the name is too long", subject);
	ret = rc_call(rc, MH_ADMIN_GET, MH_BUF(body, w.len), &reply);
	if (ret)
		return ret;
	mh_reader_init(&r, reply.p, reply.n);
	b = mh_read_big(&r, MH_STMT_MAX);
	ret = mh_read_end(&r);
	if (!ret)
		ret = mh_bytes_copy(bytes, b.p, b.n);
	mh_bytes_free(&reply);
	if (ret == -ENOMEM)
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	if (!ret)
		ret = mh_stmt_parse(s, bytes->p, bytes->n);
	if (ret)
		ret = mh_fail(MH_EXIT_BAD_INPUT, "repositoryd sent a statement that is malformed");
	else if (s->type != type || !mh_buf_equal(s->subject, mh_text(subject)))
		ret = mh_fail(MH_EXIT_BAD_INPUT,
			      "repositoryd sent another statement than that of %s", subject);
	if (ret)
		mh_bytes_free(bytes);
	return ret;
}

int rc_get_entity(struct rc *rc, struct mh_buf name, struct mh_bytes *bytes, struct mh_stmt *s)
{
	char text[MH_NAME_MAX + 1];

	snprintf(text, sizeof(text), "%.*s", (int)name.n, name.p);
	return rc_get(rc, MH_ENTITY, text, bytes, s);
}

int rc_verify(const struct rc *rc, const struct mh_stmt *s)
{
	const u64 least = mh_stmt_num(&rc->anchor, MH_A_MIN_ANCHOR);

	for (unsigned int i = rc->p.anchors; i--;) {
		struct mh_stmt anchor;

		if (mh_stmt_parse(&anchor, rc->p.anchor[i].p, rc->p.anchor[i].n))
			break;
		if (!memcmp(anchor.leaf, s->signer, MH_HASH_LEN))
			return anchor.serial < least ? -EKEYREVOKED :
						       mh_stmt_verify(s, rc->region, &anchor);
	}
	return -EKEYREJECTED;
}

int rc_signed(struct rc *rc, const struct mh_stmt *s, const char *what)
{
	int ret = rc_verify(rc, s);

	if (!ret)
		return 0;
	if (ret == -ENOMEM)
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	if (ret == -EKEYREVOKED)
		return mh_fail(MH_EXIT_REVOKED,
			       "the %s of %.*s is void, as all that was signed under ANCHORs before "
			       "%llu: make it again",
			       what, (int)s->subject.n, s->subject.p,
			       (unsigned long long)mh_stmt_num(&rc->anchor, MH_A_MIN_ANCHOR));
	return mh_fail(MH_EXIT_DENIED,
		       "the server's %s of %.*s is not signed by this Region's officers", what,
		       (int)s->subject.n, s->subject.p);
}

int rc_revoked_up_to(struct rc *rc, u8 type, const char *subject, u64 *up_to)
{
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s = { 0 };
	int ret = rc_get(rc, MH_REVOKE, subject, &bytes, &s);

	*up_to = 0;
	if (!ret && mh_stmt_num(&s, MH_A_TARGET_TYPE) == type)
		*up_to = mh_stmt_num(&s, MH_A_UP_TO);
	mh_bytes_free(&bytes);
	return ret == MH_EXIT_NOTFOUND ? 0 : ret;
}

int rc_next_serial(struct rc *rc, u8 type, const char *subject, u64 *serial)
{
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s = { 0 };
	u64 up_to = 0;
	int ret = rc_get(rc, type, subject, &bytes, &s);

	if (ret && ret != MH_EXIT_NOTFOUND)
		return ret;
	*serial = ret ? 1 : s.serial + 1;
	mh_bytes_free(&bytes);
	ret = type == MH_REVOKE ? 0 : rc_revoked_up_to(rc, type, subject, &up_to);
	if (ret)
		return ret;
	if (up_to >= INT64_MAX)
		return mh_fail(MH_EXIT_REVOKED,
			       "%s is revoked for good, whatever its serial: take another name",
			       subject);
	if (*serial <= up_to)
		*serial = up_to + 1;
	return 0;
}

void rc_finish(struct rc *rc)
{
	for (unsigned int i = 0; i < rc->keys; i++)
		mh_officer_close(rc->officer[i]);
	for (unsigned int i = 0; i < rc->vaults; i++)
		mh_vault_close(rc->vault[i]);
	mh_bytes_free(&rc->anchor_bytes);
	mh_proposal_free(&rc->p);
	mh_snapshot_free(&rc->snapshot);
	json_decref(rc->hosts);
	if (rc->fd >= 0)
		close(rc->fd);
}

int rc_confirm_fingerprint(struct rc *rc, const char *what, const char *fingerprint,
			   const char *given)
{
	char typed[128];

	(void)rc;
	if (!given) {
		mh_note("%s has the fingerprint\n\n    %s\n", what, fingerprint);
		if (mh_prompt_line("Compare it with what the other side shows. The same? Type it, "
				   "or yes: ",
				   typed, sizeof(typed)))
			return mh_fail(MH_EXIT_USAGE, "no terminal to confirm on: give the "
						      "fingerprint as an option");
		if (!strcmp(typed, "yes"))
			return 0;
		given = typed;
	}
	if (!mh_fingerprint_same(given, fingerprint))
		return mh_fail(MH_EXIT_DENIED,
			       "%s has the fingerprint %s, not the one given: nothing was done",
			       what, fingerprint);
	return 0;
}

void rc_print(json_t *j)
{
	json_dumpf(j, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(j);
}
