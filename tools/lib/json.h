/* SPDX-License-Identifier: MIT */
/* JSON on standard output: one value, or an array whose items come one after the other. */
#ifndef MH_LIB_JSON_H
#define MH_LIB_JSON_H

#include <jansson.h>

/*
 * From now on a tool that has no memory for JSON ends, MH_EXIT_FAILED and told, instead of leaving
 * out what it could not make.
 */
void mh_json_begin(void);
/* What --json would show is text: 0, or MH_EXIT_USAGE, told, when an argument is not UTF-8 */
int mh_json_args(int argc, char **argv);
/* One more item, a line; takes it over. *n items were printed before. */
void mh_json_item(json_t *j, unsigned long long *n);
/* After the last of n */
void mh_json_end(unsigned long long n);

#endif
