// SPDX-License-Identifier: MIT
/*
 * A PKCS#11 module that is SoftHSM, but its PIN is locked: what a card says after some wrong ones,
 * and SoftHSM never does.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>

static CK_RV log_in(CK_SESSION_HANDLE s, CK_USER_TYPE who, CK_UTF8CHAR *pin, CK_ULONG n)
{
	(void)s;
	(void)who;
	(void)pin;
	(void)n;
	return CKR_PIN_LOCKED;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	static CK_FUNCTION_LIST own;
	void *lib = dlopen(getenv("SOFTHSM2_MODULE"), RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList real = lib ? (CK_C_GetFunctionList)dlsym(lib, "C_GetFunctionList") : 0;
	CK_RV rv = real ? real(list) : CKR_GENERAL_ERROR;

	if (rv == CKR_OK) {
		own = **list;
		own.C_Login = log_in;
		*list = &own;
	}
	return rv;
}
