/* SPDX-License-Identifier: MIT */
/* What a secret is that the keeper seals and the store keeps; the numbers are in both. */
#ifndef REPOSITORYD_SECRET_H
#define REPOSITORYD_SECRET_H

enum mh_secret {
	MH_SECRET_KEC = 1,	/* Kec-public, for those with a right to wrap */
	MH_SECRET_KE,		/* of an Instance of mode session */
	MH_SECRET_KEI,		/* Kei-secret, for sessions only */
	MH_SECRET_KPF,		/* of a Kec-secret, which no server has; for sessions only */
};

#endif
