// SPDX-License-Identifier: MIT
/* ioc_pending N REGION NAME: N asynchronous fetches at once; the first that is refused, and why. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/microhsm.h>

int main(int argc, char **argv)
{
	for (int i = 0; argc == 4 && i < atoi(argv[1]); i++) {
		struct mh_fetch_io a = { .size = sizeof(a), .flags = MH_FETCH_ASYNC,
					 .keyring = -3, .timeout_ms = 20000 };
		int fd = open(MH_DEVICE, O_RDWR | O_CLOEXEC), ret;

		snprintf(a.region, sizeof(a.region), "%s", argv[2]);
		snprintf(a.name, sizeof(a.name), "%s", argv[3]);
		ret = fd < 0 ? fd : ioctl(fd, MH_IOC_FETCH, &a);
		if (!ret || errno != EINPROGRESS)
			return printf("%s after %d\n", strerrorname_np(errno), i) < 0;
	}
	return printf("none refused\n") < 0;
}
