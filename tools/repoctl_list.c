// SPDX-License-Identifier: MIT
/* Lists of statements, for people and for machines. */
#include "repoctl.h"

int rc_list(struct rc *rc, u8 type, json_t *(*make)(const struct mh_stmt *s, u8 flags),
	    json_t **out)
{
	char after[MH_SUBJECT_MAX + 1] = "";
	struct mh_bytes reply;
	u8 body[32 + 1 + 2 + 2 + MH_SUBJECT_MAX];
	int ret;
	u16 n;

	*out = json_array();
	do {
		struct mh_writer w;
		struct mh_reader r;

		mh_writer_init(&w, body, sizeof(body));
		mh_write_bytes(&w, rc->region, 32);
		mh_write_u8(&w, type);
		mh_write_v(&w, NULL, 0);
		mh_write_v(&w, after, strlen(after));
		ret = rc_call(rc, MH_ADMIN_LIST, MH_BUF(body, w.len), &reply);
		if (ret)
			return ret;
		mh_reader_init(&r, reply.p, reply.n);
		n = mh_read_u16(&r);
		for (u16 i = 0; i < n; i++) {
			struct mh_buf b = mh_read_big(&r, MH_STMT_MAX);
			u8 flags = mh_read_u8(&r);
			struct mh_stmt s;

			if (r.err || mh_stmt_parse(&s, b.p, b.n)) {
				mh_bytes_free(&reply);
				return mh_fail(MH_EXIT_BAD_INPUT,
					       "repositoryd's list is malformed");
			}
			snprintf(after, sizeof(after), "%.*s", (int)s.subject.n, s.subject.p);
			json_array_append_new(*out, make(&s, flags));
		}
		mh_bytes_free(&reply);
	} while (n == 256);
	return 0;
}

void rc_print_rows(struct rc *rc, json_t *list, const char *const *columns, unsigned int n)
{
	size_t i;
	json_t *row;

	if (rc->json) {
		rc_print(list);
		return;
	}
	json_array_foreach(list, i, row) {
		for (unsigned int c = 0; c < n; c++) {
			json_t *v = json_object_get(row, columns[c]);

			if (json_is_integer(v))
				printf("%-8lld", (long long)json_integer_value(v));
			else
				printf(c + 1 < n ? "%-32s " : "%s", json_string_value(v));
		}
		putchar('\n');
	}
	json_decref(list);
}
