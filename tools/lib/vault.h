/* SPDX-License-Identifier: MIT */
/*
 * An officer's vault: the Kec-secrets of Entities, by kid, for those who wrap (R09).  No server has
 * them.  One file: a sealed blob (core/blob.h) whose one seat is a PIN, the passphrase; its content
 *
 *	u8 version (0) || u32 n || n * (kid 32 || Kec-secret 32), kids rising
 */
#ifndef MH_LIB_VAULT_H
#define MH_LIB_VAULT_H

#include "core/crypto.h"
#include "util.h"

struct mh_vault;

#define MH_VAULT_MAX	(16u << 20)	/* bytes of the file */

/*
 * The file that path leads to.  add: things will be added, so that nobody else may have it open;
 * one that is not there begins empty, and is written with the first of them.  Else others may read
 * it too, and where no lock can be made there is none.  -ENOENT (what a dangling link is, too),
 * -EBUSY another has it open, -EKEYREJECTED wrong passphrase or not a vault, -EBADMSG of a version
 * that is not known, or what a file gives.
 */
int mh_vault_open(struct mh_vault **v, const char *path, const char *passphrase, bool add);
void mh_vault_close(struct mh_vault *v);
/* The secret, while the vault is open and nothing is added; NULL it is not there */
const u8 *mh_vault_find(const struct mh_vault *v, const u8 kid[MH_HASH_LEN]);
/* Durable when it returns 0; else it may be there or not.  -EFBIG it is full */
int mh_vault_add(struct mh_vault *v, const u8 kid[MH_HASH_LEN], const u8 secret[MH_KEY_LEN]);

#endif
