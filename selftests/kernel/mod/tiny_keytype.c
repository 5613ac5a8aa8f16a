// SPDX-License-Identifier: GPL-2.0-only
/* A key type and nothing else: registering it waits for every request_key() under way. */
#include <linux/key-type.h>
#include <linux/module.h>

static int tiny_preparse(struct key_preparsed_payload *prep)
{
	return -EPERM;
}

static struct key_type tiny = {
	.name = "tiny",
	.preparse = tiny_preparse,
};

static int __init tiny_init(void)
{
	return register_key_type(&tiny);
}

static void __exit tiny_exit(void)
{
	unregister_key_type(&tiny);
}

module_init(tiny_init);
module_exit(tiny_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("a key type for tests");
