// SPDX-License-Identifier: MIT
/*
 * setperm_race REGION/DATASET ROUNDS: asks for the key by request_key(2) while two
 * threads try to change permission and timeout of whatever turns up on the keyring.
 * Prints how many keys came, how many came with other permissions, and how many of
 * those could be used.
 */
#include <errno.h>
#include <fcntl.h>
#include <keyutils.h>
#include <linux/microhsm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DELIVERED	0x1f010000	/* possessor all but SETATTR, user VIEW */

static atomic_bool over;
static atomic_ulong tries;

static void *meddle(void *unused)
{
	key_serial_t keys[64];

	while (!over) {
		long n = keyctl_read(KEY_SPEC_SESSION_KEYRING, (char *)keys, sizeof(keys));

		for (long i = 0; i < n / (long)sizeof(keys[0]) && i < 64; i++) {
			keyctl_setperm(keys[i], KEY_POS_ALL | KEY_USR_ALL);
			keyctl_set_timeout(keys[i], 0);
			tries++;
		}
	}
	return unused;
}

static int aead(int dev, key_serial_t key)
{
	u_int8_t in[16] = { 0 }, out[32];
	struct mh_aead_io io = {
		.size = sizeof(io), .serial = key, .op = MH_AEAD_SEAL, .in = (uintptr_t)in,
		.out = (uintptr_t)out, .in_len = sizeof(in), .out_len = sizeof(out),
	};

	return ioctl(dev, MH_IOC_AEAD, &io) ? -errno : 0;
}

static unsigned long permissions(key_serial_t key)
{
	char text[512];
	unsigned long perm = 0;

	/* type;uid;gid;perm;description */
	if (keyctl_describe(key, text, sizeof(text)) < 0)
		return 0;
	char *p = strchr(text, ';');

	for (int i = 0; p && i < 2; i++)
		p = strchr(p + 1, ';');
	if (p)
		perm = strtoul(p + 1, NULL, 16);
	return perm;
}

int main(int argc, char **argv)
{
	unsigned int came = 0, other = 0, usable = 0, refused = 0, failed = 0;
	int dev = open(MH_DEVICE, O_RDWR | O_CLOEXEC);
	pthread_t t[2];

	if (argc != 3 || dev < 0)
		return 2;
	for (int i = 0; i < 2; i++)
		if (pthread_create(&t[i], NULL, meddle, NULL))
			return 2;
	for (long i = strtol(argv[2], NULL, 10); i > 0; i--) {
		key_serial_t key = request_key("microhsm", argv[1], "", KEY_SPEC_SESSION_KEYRING);
		bool right;
		int ret;

		if (key < 0) {
			failed++;
			continue;
		}
		came++;
		right = permissions(key) == DELIVERED;
		ret = aead(dev, key);
		/* who was let in before the key was ready may come late: it is refused then, too */
		if (right && ret == -EKEYREJECTED)
			right = permissions(key) == DELIVERED;
		other += !right;
		if (!right && ret != -EKEYREJECTED)
			usable++;
		if (right && ret)
			refused++;
		keyctl_invalidate(key);
		keyctl_clear(KEY_SPEC_SESSION_KEYRING);
	}
	over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	printf("came=%u failed=%u other=%u usable=%u refused=%u meddled=%d\n", came, failed, other,
	       usable, refused, tries > 0);
	return 0;
}
