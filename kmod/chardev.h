/* SPDX-License-Identifier: GPL-2.0-only */
/* /dev/microhsm: check, copy, call. */
#ifndef MH_CHARDEV_H
#define MH_CHARDEV_H

#include <linux/microhsm.h>

struct file;

/* entity.c: CAP_SYS_ADMIN was asked (of the agent's descriptor: at attach) */
int mh_entity_ioc_init(struct file *file, struct mh_init *a);
int mh_entity_ioc_unlock(struct file *file, struct mh_unlock *a);
int mh_entity_ioc_blob(struct file *file, struct mh_blob_io *a);
int mh_entity_ioc_blob_ack(struct file *file, struct mh_blob_io *a);
int mh_entity_ioc_request(struct file *file, struct mh_request_io *a);

int mh_chardev_init(void);
void mh_chardev_exit(void);

#endif
