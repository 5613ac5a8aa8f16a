// SPDX-License-Identifier: MIT
/* Tokens by libp11; a key is made by the module itself, since libp11 makes RSA keys only. */
#include "officer_token.h"
#include "core/crypto.h"

#include <dlfcn.h>
#include <errno.h>
#include <libp11.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <p11-kit/pkcs11.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE	"p11-kit-proxy.so"

struct mh_token {
	struct mh_token_uri uri;
	const char *module;
	PKCS11_CTX *ctx;
	bool loaded;
	PKCS11_SLOT *slots, *slot;
	unsigned int n;
	UI_METHOD *ui;
	char *pin;		/* for a key that wants it again at each signature */
	EVP_PKEY *key;
};

static char said[400];

const char *mh_token_why(void)
{
	return said;
}

static int because(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int because(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
	ERR_clear_error();
	return err;
}

/* What the module answered last, or 0 */
static unsigned long answered(void)
{
	unsigned long e = ERR_peek_last_error();

	return e && ERR_GET_LIB(e) == ERR_get_CKR_code() ? (unsigned long)ERR_GET_REASON(e) : 0;
}

/* ---- the token ---- */

static int give_pin(UI *ui, UI_STRING *s)
{
	enum UI_string_types t = UI_get_string_type(s);

	return (t != UIT_PROMPT && t != UIT_VERIFY) ||
	       !UI_set_result(ui, s, UI_get0_user_data(ui));
}

static int load(struct mh_token *t)
{
	const char *given = getenv("MICROHSM_PKCS11_MODULE");

	t->module = *t->uri.module ? t->uri.module : given && *given ? given : MODULE;
	t->ctx = PKCS11_CTX_new();
	t->ui = UI_create_method("officer");
	if (!t->ctx || !t->ui || UI_method_set_reader(t->ui, give_pin))
		return because(-ENOMEM, "out of memory");
	if (PKCS11_CTX_load(t->ctx, t->module))
		return because(-ELIBACC,
			       "the PKCS#11 module %s cannot be loaded: MICROHSM_PKCS11_MODULE, or "
			       "?module-path= in the URI, names the token's", t->module);
	t->loaded = true;
	if (PKCS11_set_ui_method(t->ctx, t->ui, t->pin))
		return because(-ENOMEM, "out of memory");
	return 0;
}

static bool fits(const char *asked, const char *is)
{
	return !*asked || (is && !strcmp(asked, is));
}

/* One that asks for no PIN keeps no officer's key. */
static bool is_meant(const struct mh_token_uri *u, const PKCS11_TOKEN *k)
{
	return k && k->initialized && k->loginRequired && fits(u->token, k->label) &&
	       fits(u->manufacturer, k->manufacturer) && fits(u->model, k->model) &&
	       fits(u->serial, k->serialnr);
}

static int find_token(struct mh_token *t)
{
	unsigned int found = 0;

	if (PKCS11_enumerate_slots(t->ctx, &t->slots, &t->n))
		return because(-EIO, "the PKCS#11 module %s does not say what tokens there are",
			       t->module);
	for (unsigned int i = 0; i < t->n; i++)
		if (is_meant(&t->uri, t->slots[i].token)) {
			t->slot = &t->slots[i];
			found++;
		}
	if (found > 1)
		return because(-ENOTUNIQ,
			       "%u tokens are meant: token=, serial=, manufacturer= and model= say "
			       "which", found);
	return found ? 0 : because(-ENODEV, "no such token is there (module %s)", t->module);
}

static int log_in(struct mh_token *t)
{
	const PKCS11_TOKEN *k = t->slot->token;
	unsigned long e;

	if (k->userPinLocked)
		return because(-EPERM, "the PIN of token %s is locked: its security officer "
			       "unlocks it", k->label);
	if (!k->userPinSet)
		return because(-EPERM, "token %s has no PIN yet", k->label);
	if (!PKCS11_open_session(t->slot, 0) && !PKCS11_login(t->slot, 0, t->pin))
		return 0;
	e = answered();
	switch (e) {
	case CKR_PIN_INCORRECT:
	case CKR_PIN_INVALID:
	case CKR_PIN_LEN_RANGE:
		return because(-EKEYREJECTED, "wrong PIN of token %s%s", k->label,
			       k->userPinFinalTry ? "; it was the last try" :
			       k->userPinCountLow ? "; few tries are left until it is locked" : "");
	case CKR_PIN_LOCKED:
		return because(-EPERM, "the PIN of token %s is locked: its security officer "
			       "unlocks it", k->label);
	case CKR_PIN_EXPIRED:
		return because(-EPERM, "the PIN of token %s has expired: set another", k->label);
	default:
		return because(-EIO, "token %s lets nobody in (CKR 0x%lx)", k->label, e);
	}
}

/* ---- the key ---- */

static int count_keys(struct mh_token *t, bool either, PKCS11_KEY **out, unsigned int *found)
{
	const struct mh_token_uri *u = &t->uri;
	PKCS11_KEY *keys = NULL;
	unsigned int n = 0;

	*found = 0;
	if (PKCS11_enumerate_keys(t->slot->token, &keys, &n))
		return because(-EIO, "token %s does not say which keys it has",
			       t->slot->token->label);
	for (unsigned int i = 0; i < n; i++) {
		bool object = *u->object && fits(u->object, keys[i].label),
		     id = u->id_len && u->id_len == keys[i].id_len &&
			  !memcmp(u->id, keys[i].id, u->id_len);

		if (either ? object || id : (object || !*u->object) && (id || !u->id_len)) {
			*out = &keys[i];
			++*found;
		}
	}
	return 0;
}

static int find_key(struct mh_token *t)
{
	const char *label = t->slot->token->label;
	unsigned int found;
	PKCS11_KEY *k;
	int ret = count_keys(t, false, &k, &found);

	if (ret)
		return ret;
	if (found > 1)
		return because(-ENOTUNIQ, "%u keys of token %s are meant: object=, id= say which",
			       found, label);
	if (!found)
		return because(-ENOKEY, "token %s has no such private key", label);
	if (PKCS11_get_key_type(k) != EVP_PKEY_EC)
		return because(-EBADMSG, "the key on token %s is not an officer's (P-256)", label);
	t->key = PKCS11_get_private_key(k);
	return t->key && i2d_PUBKEY(t->key, NULL) > 0 ? 0 :
		because(-EBADMSG, "the key on token %s cannot be used: its public key is not there "
			"beside it", label);
}

static int begin(struct mh_token **out, const char *uri, const char *pin)
{
	struct mh_token *t = calloc(1, sizeof(*t));
	const char *why;
	int ret;

	said[0] = 0;
	if (!t)
		return -ENOMEM;
	*out = t;
	ret = mh_token_uri_parse(&t->uri, uri, &why);
	if (ret)
		return because(ret, "%s", why);
	t->pin = strdup(pin);
	ret = t->pin ? load(t) : because(-ENOMEM, "out of memory");
	if (!ret)
		ret = find_token(t);
	return ret ? ret : log_in(t);
}

static int end(struct mh_token **out, struct mh_token *t, int ret, EVP_PKEY **key)
{
	if (ret) {
		mh_token_close(t);
		return ret;
	}
	*out = t;
	*key = t->key;
	return 0;
}

int mh_token_open(struct mh_token **out, const char *uri, const char *pin, EVP_PKEY **key)
{
	struct mh_token *t = NULL;
	int ret = begin(&t, uri, pin);

	if (!ret)
		ret = find_key(t);
	return end(out, t, ret, key);
}

/* ---- making one ---- */

static CK_RV generate(struct mh_token *t, CK_FUNCTION_LIST *f, const u8 *id, size_t id_len)
{
	static const u8 p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
	CK_MECHANISM how = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE pub[] = {
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_VERIFY, &yes, sizeof(yes) },
		{ CKA_EC_PARAMS, (void *)p256, sizeof(p256) },
		{ CKA_LABEL, t->uri.object, strlen(t->uri.object) },
		{ CKA_ID, (void *)id, id_len },
	}, key[] = {
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_PRIVATE, &yes, sizeof(yes) },
		{ CKA_SENSITIVE, &yes, sizeof(yes) },
		{ CKA_EXTRACTABLE, &no, sizeof(no) },
		{ CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_LABEL, t->uri.object, strlen(t->uri.object) },
		{ CKA_ID, (void *)id, id_len },
	};
	CK_OBJECT_HANDLE hp, hk;
	CK_SESSION_HANDLE s;
	CK_RV rv = f->C_OpenSession(PKCS11_get_slotid_from_slot(t->slot),
				    CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s);

	if (rv != CKR_OK)
		return rv;
	/* the module's own, or a proxy's: then this is another of its callers */
	rv = f->C_Login(s, CKU_USER, (u8 *)t->pin, strlen(t->pin));
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		rv = f->C_GenerateKeyPair(s, &how, pub, ARRAY_SIZE(pub), key, ARRAY_SIZE(key), &hp,
					  &hk);
	f->C_CloseSession(s);
	return rv;
}

static int make_key(struct mh_token *t)
{
	const char *label = t->slot->token->label;
	u8 id[16];
	const bool own = !t->uri.id_len;
	void *lib = dlopen(t->module, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList list = lib ? dlsym(lib, "C_GetFunctionList") : NULL;
	CK_FUNCTION_LIST *f = NULL;
	CK_RV rv = CKR_GENERAL_ERROR;

	if (own && mh_random(id, sizeof(id)))
		return because(-EIO, "no randomness");
	if (list && list(&f) == CKR_OK) {
		rv = f->C_Initialize(NULL);
		if (rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED)
			rv = generate(t, f, own ? id : t->uri.id,
				      own ? sizeof(id) : t->uri.id_len);
	}
	/* libp11 holds it, too */
	if (lib)
		dlclose(lib);
	if (rv == CKR_OK)
		return 0;
	return because(rv == CKR_MECHANISM_INVALID ? -EBADMSG : -EIO,
		       rv == CKR_MECHANISM_INVALID ?
			       "token %s makes no P-256 keys (CKR 0x%lx)" :
			       "token %s did not make a key (CKR 0x%lx)", label, rv);
}

int mh_token_create(struct mh_token **out, const char *uri, const char *pin, EVP_PKEY **key)
{
	struct mh_token *t = NULL;
	unsigned int found = 0;
	PKCS11_KEY *k;
	int ret = begin(&t, uri, pin);

	if (!ret && !*t->uri.object)
		ret = because(-EINVAL, "a key that is made needs a name: object=");
	if (!ret)
		ret = count_keys(t, true, &k, &found);
	if (!ret && found)
		ret = because(-EEXIST, "token %s has a key of that object or id; a key is never "
			      "overwritten", t->slot->token->label);
	if (!ret)
		ret = make_key(t);
	if (!ret)
		ret = find_key(t);
	return end(out, t, ret, key);
}

void mh_token_close(struct mh_token *t)
{
	if (!t)
		return;
	EVP_PKEY_free(t->key);
	if (t->slots)
		PKCS11_release_all_slots(t->ctx, t->slots, t->n);
	if (t->loaded)
		PKCS11_CTX_unload(t->ctx);
	if (t->ctx)
		PKCS11_CTX_free(t->ctx);
	if (t->ui)
		UI_destroy_method(t->ui);
	if (t->pin) {
		mh_wipe(t->pin, strlen(t->pin));
		free(t->pin);
	}
	free(t);
	ERR_clear_error();
}
