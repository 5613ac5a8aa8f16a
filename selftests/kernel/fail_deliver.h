/* SPDX-License-Identifier: MIT */
/* fail_nth deliver, request: a delivery, and the uses of what was delivered. */

/* An AES key: each use of it */
static int use_aes(int fd, __s32 serial)
{
	static u8 in[3000], out[3000 + 16];
	struct mh_aead_io a = { .size = sizeof(a), .serial = serial, .op = MH_AEAD_SEAL,
				.ad = (uintptr_t)in, .ad_len = 20, .in = (uintptr_t)in,
				.in_len = sizeof(in), .out = (uintptr_t)out,
				.out_len = sizeof(out) };
	struct mh_stream_io b = { .size = sizeof(b), .serial = serial, .op = MH_AEAD_SEAL };
	struct mh_stream_io c = { .size = sizeof(c), .last = 1, .in = (uintptr_t)in,
				  .in_len = sizeof(in), .out = (uintptr_t)out,
				  .out_len = sizeof(out) };
	struct mh_info in_fo = { .size = sizeof(in_fo), .serial = serial };

	if (CALL("INFO of a key", ioctl(fd, MH_IOC_INFO, &in_fo)) ||
	    CALL("AEAD seal", ioctl(fd, MH_IOC_AEAD, &a)))
		return failure();
	a.op = MH_AEAD_OPEN;
	a.in = (uintptr_t)out;
	a.in_len = a.out_len;
	a.out = (uintptr_t)in;
	a.out_len = sizeof(in);
	if (CALL("AEAD open", ioctl(fd, MH_IOC_AEAD, &a)) ||
	    CALL("STREAM_BEGIN", ioctl(fd, MH_IOC_STREAM_BEGIN, &b)) ||
	    CALL("STREAM", ioctl(fd, MH_IOC_STREAM, &c)))
		return failure();
	return 0;
}

/* deliver REGION SOCKET NAME NAME: an AES key on a new session, a P-256 key on the same */
static int deliver(char **v)
{
	struct pump p;
	__s32 aes = 0, ec = 0;
	u8 digest[32] = "digest", sig[72];
	int ret = pump_open(&p);

	if (!ret)
		ret = fetched(&p, v, v[2], &aes);
	if (!ret)
		ret = use_aes(p.dev, aes);
	if (!ret)
		ret = fetched(&p, v, v[3], &ec);
	if (!ret && CALL("pkey_sign", keyctl_pkey_sign(ec, PAIR, digest, 32, sig,
						       sizeof(sig))) < 0)
		ret = failure();
	pump_close(&p);
	keyctl_clear(KEY_SPEC_SESSION_KEYRING);
	return ret;
}

/* request REGION NAME: request_key(2), then as a user key, then once more and nobody to serve it */
static int request(char **v)
{
	struct mh_fetch_io a;
	char what[300];
	int fd = device(), ret = 0;

	if (fd < 0)
		return failure();
	snprintf(what, sizeof(what), "%s/%s", v[0], v[1]);
	if (CALL("request_key", request_key("microhsm", what, "", KEY_SPEC_SESSION_KEYRING)) < 0)
		ret = failure();
	put_name(&a, v[0], v[1]);
	a.form = MH_FORM_USER;
	if (!ret && CALL("FETCH as user", ioctl(fd, MH_IOC_FETCH, &a)))
		ret = failure();
	close(fd);
	keyctl_clear(KEY_SPEC_SESSION_KEYRING);
	return ret;
}
