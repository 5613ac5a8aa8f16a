// SPDX-License-Identifier: MIT
/* Alone in its file, so that tests link all the rest. */
#include "repositoryd.h"

int main(int argc, char **argv)
{
	return mh_daemon_main(argc, argv);
}
