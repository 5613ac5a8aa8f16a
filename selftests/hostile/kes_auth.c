// SPDX-License-Identifier: MIT
/*
 * kes_auth ADDRESS REQUEST SERVER REGION COMMAND: on STP as the Entity that made the join REQUEST,
 * by one who has its Kec-public, which is in it, and all that its host's user may ask for, but not
 * Kei. COMMAND is to sign the message in the file "message", whose SHA-256 is in "digest", to the
 * file "signature", in DER. Says whose the signature is, and how the session ends.
 */
#include <openssl/ecdsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/messages.h"
#include "core/stp.h"
#include "lib/client.h"
#include "lib/sock.h"
#include "lib/util.h"

static u8 region[MH_HASH_LEN];

static void die(const char *what)
{
	fprintf(stderr, "kes_auth: %s\n", what);
	exit(3);
}

/* Hello, and the challenge, whose sender is whoever it is */
static void challenged(struct mh_stp *s, int fd)
{
	const struct mh_p1 p1 = { .version = MH_STP_VERSION, .suite = MH_STP_SUITE,
				  .region = region, .anchor_serial = 1 };
	static u8 frame[MH_FRAME_MAX], idr[MH_IDR_MAX];
	u8 sigr[MH_SIG_LEN], kind;
	size_t n;
	u32 len;
	int ret = mh_stp_hello(s, &p1, NULL, frame, sizeof(frame));

	if (ret < 0 || mh_sock_send(fd, frame, (size_t)ret) ||
	    mh_sock_recv(fd, frame, MH_FRAME_HEADER) || mh_frame_parse(frame, &kind, &len) ||
	    mh_sock_recv(fd, frame + MH_FRAME_HEADER, len) ||
	    mh_stp_challenge(s, frame, MH_FRAME_HEADER + len, idr, &n, sigr))
		die("no challenge");
	s->state = MH_STP_PEER_PROVEN;
}

static void signature_of(const char *command, u8 sig[MH_SIG_LEN])
{
	struct mh_bytes der;
	const unsigned char *p;
	ECDSA_SIG *s;

	if (system(command) || mh_file_read("signature", 80, &der))
		die("no signature");
	p = der.p;
	s = d2i_ECDSA_SIG(NULL, &p, (long)der.n);
	if (!s || BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, 32) != 32 ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + 32, 32) != 32)
		die("no DER");
	ECDSA_SIG_free(s);
	mh_bytes_free(&der);
}

static void psk_of(const struct mh_join_request *m, const char *server, u8 psk[MH_KEY_LEN])
{
	u8 x[MH_HASH_LEN], ecx[MH_HASH_LEN];

	mh_ctx_sp2(region, mh_text(server), x);
	mh_ctx_entity(region, m->name, ecx);
	if (mh_stp_psk_of(m->kec, ecx, NULL, x, psk))
		die("no psk");
}

int main(int argc, char **argv)
{
	static const char label[] = "microhsm v1 auth SP1";
	u8 out[MH_FRAME_HEADER + MH_AUTH_LEN], message[sizeof(label) + MH_HASH_LEN + MH_IDI_LEN];
	u8 psk[MH_KEY_LEN], digest[MH_HASH_LEN], sig[MH_SIG_LEN];
	struct mh_join_request m;
	struct mh_bytes request;
	struct mh_idi idi;
	struct mh_stp s;
	int fd;

	if (argc != 6 || mh_file_read(argv[2], MH_JOIN_REQUEST_MAX, &request) ||
	    mh_join_request_decode(&m, mh_bytes_buf(&request)) ||
	    mh_unhex(region, sizeof(region), argv[4]))
		die("usage");
	fd = mh_client_dial(argv[1], 10);
	if (fd < 0)
		die("no connection");
	mh_stp_init(&s, true);
	challenged(&s, fd);
	idi = (struct mh_idi){ .name = m.name, .entity_serial = 1, .sessions = 1 };
	psk_of(&m, argv[3], psk);
	if (mh_stp_auth_begin(&s, &idi, psk, digest, out, sizeof(out)))
		die("no auth");
	memcpy(message, label, sizeof(label));
	memcpy(message + sizeof(label), s.h_auth, MH_HASH_LEN);
	memcpy(message + sizeof(label) + MH_HASH_LEN, s.idi, MH_IDI_LEN);
	if (mh_file_write("message", message, sizeof(message), 0600) ||
	    mh_file_write("digest", digest, sizeof(digest), 0600))
		die("no file");
	signature_of(argv[5], sig);
	printf("%s", mh_p256_verify(m.kes, digest, sig) ? "not Kes, " : "Kes, ");
	printf("%s", mh_p256_verify(m.kei.p, digest, sig) ? "not Kei, " : "Kei, ");
	if (mh_stp_auth_finish(&s, sig, out, sizeof(out)) < 0 ||
	    mh_sock_send(fd, out, sizeof(out)))
		die("no auth");
	printf("%zd\n", recv(fd, out, sizeof(out), 0));
	return 0;
}
