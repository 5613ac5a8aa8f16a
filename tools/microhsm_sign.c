// SPDX-License-Identifier: MIT
/* microhsm sign, public: signatures by P-256 keys, and what verifies them. */
#include "microhsm.h"
#include "core/crypto.h"
#include "core/manifest.h"

#include <fcntl.h>
#include <keyutils.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

static const struct mht_option sign_options[] = {
	{ "--key", "SERIAL", "a delivered P-256 key; else the identity's application key" },
	{ "--identity", "REGION", "the identity, when there are several" },
	{ "--output", "FILE", "default - : standard output" },
	{ 0 },
};

static int write_der(const u8 sig[64], const char *out)
{
	ECDSA_SIG *s = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(sig, 32, NULL), *v = BN_bin2bn(sig + 32, 32, NULL);
	unsigned char *der = NULL;
	int n, ret = -ENOMEM;

	if (s && r && v && ECDSA_SIG_set0(s, r, v)) {
		r = NULL;
		v = NULL;
		n = i2d_ECDSA_SIG(s, &der);
		if (n > 0)
			ret = mh_file_write(out, der, (size_t)n, 0644);
	}
	BN_free(r);
	BN_free(v);
	ECDSA_SIG_free(s);
	OPENSSL_free(der);
	return ret ? mh_fail_file(out, ret) : 0;
}

/* A delivered key's door is keyctl's; it gives DER. */
static int sign_delivered(__s32 key, const u8 digest[32], const char *out)
{
	u8 der[72];
	long n = keyctl_pkey_sign(key, "enc=x962 hash=sha256", digest, 32, der, sizeof(der));
	int ret;

	if (n < 0 && errno == EOPNOTSUPP)
		return mh_fail(MH_EXIT_BAD_INPUT, "key %d is no P-256 key: it signs nothing", key);
	if (n < 0)
		return mht_tell(errno, "signing");
	ret = mh_file_write(out, der, (size_t)n, 0644);
	return ret ? mh_fail_file(out, ret) : 0;
}

/* --key, or the identity's */
static int chosen(struct mht *t, __s32 *serial)
{
	const char *key = mht_value(t, "--key");

	return key ? mht_serial("--key", key, serial) :
		     mht_identity(t, mht_value(t, "--identity"), serial);
}

static int run_sign(struct mht *t)
{
	struct mh_sign_io io = { .size = sizeof(io) };
	struct mh_info i = { .size = sizeof(i) };
	const char *out = mht_value(t, "--output") ? mht_value(t, "--output") : "-";
	struct mh_sha256 h;
	u8 buf[65536];
	ssize_t n;
	int fd = STDIN_FILENO, ret;

	ret = chosen(t, &io.serial);
	i.serial = io.serial;
	if (!ret)
		ret = mht_ioctl(t, MH_IOC_INFO, &i, "the key");
	if (ret)
		return ret;
	if (t->operands && strcmp(t->operand[0], "-"))
		fd = open(t->operand[0], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return mh_fail_file(t->operand[0], -errno);
	mh_sha256_init(&h);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		mh_sha256_update(&h, buf, (size_t)n);
	mh_sha256_final(&h, io.digest);
	if (fd != STDIN_FILENO)
		close(fd);
	if (n < 0)
		return mh_fail(MH_EXIT_FAILED, "reading: %s", strerror(errno));
	if (i.kind == 3)
		return sign_delivered(io.serial, io.digest, out);
	ret = mht_ioctl(t, MH_IOC_SIGN, &io, "signing");
	return ret ? ret : write_der(io.sig, out);
}

/* ---- public ---- */

/* x || y as SubjectPublicKeyInfo in PEM; the caller frees */
static BIO *pem(const u8 xy[MH_P256_PUB_LEN])
{
	char group[] = "prime256v1";
	u8 point[1 + MH_P256_PUB_LEN] = { POINT_CONVERSION_UNCOMPRESSED };
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	BIO *out = BIO_new(BIO_s_mem());
	EVP_PKEY *key = NULL;
	bool ok;

	memcpy(point + 1, xy, MH_P256_PUB_LEN);
	ok = ctx && out && EVP_PKEY_fromdata_init(ctx) > 0 &&
	     EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) > 0 &&
	     PEM_write_bio_PUBKEY(out, key);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
	if (ok)
		return out;
	BIO_free(out);
	return NULL;
}

static int run_public(struct mht *t)
{
	struct mh_info i = { .size = sizeof(i) };
	const char *to = mht_value(t, "--output");
	char *text;
	BIO *out;
	long n;
	int ret = chosen(t, &i.serial);

	if (!ret)
		ret = mht_ioctl(t, MH_IOC_INFO, &i, "the public key");
	if (ret)
		return ret;
	if (i.kind == 3 && i.alg != MH_ALG_P256)
		return mh_fail(MH_EXIT_BAD_INPUT, "key %d is no P-256 key: it has no public half",
			       i.serial);
	out = pem(i.public_key);
	if (!out)
		return mh_fail(MH_EXIT_FAILED, "the public key could not be written as PEM");
	n = BIO_get_mem_data(out, &text);
	ret = mh_file_write(to ? to : "-", text, (size_t)n, 0644);
	if (ret)
		ret = mh_fail_file(to ? to : "-", ret);
	BIO_free(out);
	return ret;
}

const struct mht_verb mht_sign_verbs[] = {
	{ "sign", "[FILE]", 0, 1, "sign a file (ECDSA P-256, SHA-256) as openssl verifies it",
	  sign_options, run_sign, true },
	{ "public", "", 0, 0, "the public key that verifies it, in PEM", sign_options, run_public,
	  true },
	{ 0 },
};
