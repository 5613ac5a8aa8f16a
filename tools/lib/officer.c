// SPDX-License-Identifier: MIT
/* Officers' keys on libcrypto; see officer.h. */
#include "officer.h"
#include "officer_token.h"
#include "crypto_openssl.h"
#include "core/statement.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct mh_officer {
	EVP_PKEY *key;			/* the token's, if there is one */
	struct mh_token *token;
	u8 pub[MH_P256_PUB_LEN];
};

static int public_of(EVP_PKEY *key, u8 pub[MH_P256_PUB_LEN])
{
	u8 point[1 + MH_P256_PUB_LEN];
	char group[32];
	size_t n;

	if (!EVP_PKEY_is_a(key, "EC") ||
	    !EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
					    &n) ||
	    (strcmp(group, "prime256v1") && strcmp(group, "P-256")) ||
	    !EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
					     &n) ||
	    n != sizeof(point) || point[0] != 4)
		return -EBADMSG;
	memcpy(pub, point + 1, MH_P256_PUB_LEN);
	return 0;
}

/* libp11's keys are of libcrypto's old kind, which does not answer for its parameters. */
static int public_of_token(EVP_PKEY *key, u8 pub[MH_P256_PUB_LEN])
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der), ret = -EBADMSG;
	const unsigned char *p = der;
	EVP_PKEY *plain = n > 0 ? d2i_PUBKEY(NULL, &p, n) : NULL;

	if (plain)
		ret = public_of(plain, pub);
	EVP_PKEY_free(plain);
	OPENSSL_free(der);
	return ret;
}

static int create_file(const char *path, const char *passphrase, u8 pub[MH_P256_PUB_LEN])
{
	EVP_PKEY *key;
	FILE *f = NULL;
	int fd, ret = -EIO;

	if (!*passphrase)
		return -EINVAL;
	key = EVP_EC_gen("P-256");
	if (!key)
		return -ENOMEM;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		ret = -errno;
		goto out;
	}
	f = fdopen(fd, "w");
	if (!f) {
		close(fd);
		goto remove;
	}
	errno = 0;
	if (PEM_write_PKCS8PrivateKey(f, key, EVP_aes_256_cbc(), passphrase,
				      (int)strlen(passphrase), NULL, NULL) != 1 ||
	    fflush(f) || fsync(fd)) {
		ret = errno ? -errno : -EIO;
		goto remove;
	}
	ret = public_of(key, pub);
remove:
	if (f && fclose(f) && !ret)
		ret = -EIO;
	if (ret)
		unlink(path);
out:
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ret;
}

int mh_officer_create(const char *path, const char *passphrase, u8 pub[MH_P256_PUB_LEN])
{
	static const u8 digest[MH_HASH_LEN] = { 1 };
	struct mh_officer o = { 0 };
	u8 sig[MH_SIG_LEN];
	int ret;

	if (!mh_token_is_uri(path))
		return create_file(path, passphrase, pub);
	ret = mh_token_create(&o.token, path, passphrase, &o.key);
	if (ret)
		return ret;
	/* what it signs holds, before anything rests on it */
	ret = public_of_token(o.key, pub);
	if (!ret)
		ret = mh_officer_sign(&o, digest, sig);
	if (!ret)
		ret = mh_p256_verify(pub, digest, sig);
	mh_token_close(o.token);
	return ret;
}

/* libcrypto would ask on the terminal by itself without a callback */
static int give_passphrase(char *buf, int size, int rwflag, void *u)
{
	int n = (int)strlen(u);

	(void)rwflag;
	if (n > size)
		return -1;
	memcpy(buf, u, (size_t)n);
	return n;
}

/* A key is there, whether or not it opened */
static bool holds_key(FILE *f)
{
	char line[128];

	rewind(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "-----BEGIN ", 11) && strstr(line, "PRIVATE KEY-----"))
			return true;
	return false;
}

static int open_token(struct mh_officer **o, const char *uri, const char *pin)
{
	struct mh_officer *n = calloc(1, sizeof(*n));
	int ret = n ? mh_token_open(&n->token, uri, pin, &n->key) : -ENOMEM;

	if (!ret)
		ret = public_of_token(n->key, n->pub);
	if (ret) {
		mh_officer_close(n);
		return ret;
	}
	*o = n;
	return 0;
}

static int open_file(struct mh_officer **o, const char *path, const char *passphrase)
{
	struct mh_officer *n;
	char *secret = strdup(passphrase);
	FILE *f = fopen(path, "re");
	int ret = f ? 0 : -errno;

	n = calloc(1, sizeof(*n));
	if (!ret && (!n || !secret))
		ret = -ENOMEM;
	if (!ret) {
		n->key = PEM_read_PrivateKey(f, NULL, give_passphrase, secret);
		if (n->key)
			ret = public_of(n->key, n->pub);
		else
			ret = holds_key(f) ? -EKEYREJECTED : -EBADMSG;
		if (ret)
			ret = mh_ssl_error(ret);
	}
	ERR_clear_error();
	if (f)
		fclose(f);
	if (secret) {
		mh_wipe(secret, strlen(secret));
		free(secret);
	}
	if (ret) {
		mh_officer_close(n);
		return ret;
	}
	*o = n;
	return 0;
}

int mh_officer_open(struct mh_officer **o, const char *path, const char *passphrase)
{
	return (mh_token_is_uri(path) ? open_token : open_file)(o, path, passphrase);
}

void mh_officer_close(struct mh_officer *o)
{
	if (!o)
		return;
	if (o->token)
		mh_token_close(o->token);
	else
		EVP_PKEY_free(o->key);
	free(o);
}

const u8 *mh_officer_public(const struct mh_officer *o)
{
	return o->pub;
}

int mh_officer_sign(struct mh_officer *o, const u8 digest[MH_HASH_LEN], u8 sig[MH_SIG_LEN])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(o->key, NULL);
	u8 der[80];
	const u8 *p = der;
	size_t n = sizeof(der);
	ECDSA_SIG *s = NULL;
	int ret = -EIO;

	if (ctx && EVP_PKEY_sign_init(ctx) == 1 &&
	    EVP_PKEY_sign(ctx, der, &n, digest, MH_HASH_LEN) == 1) {
		s = d2i_ECDSA_SIG(NULL, &p, (long)n);
		if (s && BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, 32) == 32 &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + 32, 32) == 32)
			ret = 0;
	}
	ECDSA_SIG_free(s);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return ret;
}

void mh_officer_fingerprint(const u8 pub[MH_P256_PUB_LEN], char *out)
{
	const struct mh_buf v[] = { MH_L("officer fingerprint"), MH_BUF(pub, MH_P256_PUB_LEN) };
	u8 hash[MH_HASH_LEN];

	mh_sha256v(hash, v, 2);
	mh_fingerprint(hash, out);
}
