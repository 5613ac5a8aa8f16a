// SPDX-License-Identifier: GPL-2.0-only
/* /dev/microhsm: a table of calls; check, copy, call. */
#include <linux/capability.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "audit.h"
#include "chardev.h"
#include "doorbell.h"
#include "keytype.h"
#include "session.h"
#include "trust.h"
#include "use.h"

#define MH_DRAIN_STEP_MS	10
#define MH_DRAIN_STEPS		300

/**
 * struct mh_file - an open descriptor
 * @lock: of all below; held over the caller's memory: waits for it are killable
 * @look: of fetch too, for poll, which does not wait
 * @fetch: asynchronous, of this descriptor; a reference
 * @stream: place in a stream
 */
struct mh_file {
	struct mutex lock;	/* as above */
	spinlock_t look;	/* as above */
	struct mh_fetch *fetch;
	struct mh_stream_place stream;
};

enum mh_who { MH_ANY, MH_ADMIN, MH_ADMIN_OR_AGENT, MH_AGENT };

struct mh_ioctl {
	unsigned int cmd;
	u32 size;
	enum mh_who who;
	const char *name;
	int (*call)(struct file *file, void *arg);
};

/* mf->lock is held */
static void mh_file_set(struct mh_file *mf, struct mh_fetch *f)
{
	spin_lock(&mf->look);
	mf->fetch = f;
	spin_unlock(&mf->look);
}

/* ---- calls ---- */

static int mh_ioc_status(struct file *file, void *arg)
{
	struct mh_status *a = arg;

	memset(a, 0, sizeof(*a));
	a->size = sizeof(*a);
	a->version = MH_UAPI_VERSION;
	a->payloads = mh_keytype_payloads() + mh_lease_exports();
	a->requests = mh_request_count();
	a->sessions = mh_session_count();
	a->identities = mh_keytype_identities();
	a->agent = mh_doorbell_attached();
	a->draining = mh_draining();
	a->vmfork = IS_ENABLED(CONFIG_VMGENID);
	a->completions_double = mh_request_doubles();
	a->now = mh_trust_now();
	a->floor = mh_trust_floor();
	return 0;
}

static int mh_ioc_init(struct file *file, void *arg)
{
	return mh_draining() ? -ESHUTDOWN : mh_entity_ioc_init(file, arg);
}

static int mh_ioc_unlock(struct file *file, void *arg)
{
	return mh_draining() ? -ESHUTDOWN : mh_entity_ioc_unlock(file, arg);
}

static int mh_ioc_blob(struct file *file, void *arg)
{
	return mh_entity_ioc_blob(file, arg);
}

static int mh_ioc_blob_ack(struct file *file, void *arg)
{
	return mh_entity_ioc_blob_ack(file, arg);
}

static int mh_ioc_request(struct file *file, void *arg)
{
	return mh_entity_ioc_request(file, arg);
}

static int mh_ioc_fetch(struct file *file, void *arg)
{
	struct mh_file *mf = file->private_data;
	struct mh_fetch_io *a = arg;
	struct mh_fetch *f = NULL;
	int ret = -EBUSY;

	a->serial = 0;
	a->refusal = 0;
	a->retry_after_ms = 0;
	if (!(a->flags & MH_FETCH_ASYNC))
		return mh_request_fetch(a);
	if (mutex_lock_killable(&mf->lock))
		return -EINTR;
	if (!mf->fetch) {
		ret = mh_request_begin(a, &f);
		mh_file_set(mf, f);
	}
	mutex_unlock(&mf->lock);
	return ret;
}

static int mh_ioc_collect(struct file *file, void *arg)
{
	struct mh_file *mf = file->private_data;
	int ret = -ENOENT;
	struct mh_fetch *f;
	bool over = false;

	if (mutex_lock_killable(&mf->lock))
		return -EINTR;
	f = mf->fetch;
	if (f)
		ret = mh_request_collect(f, arg, &over);
	if (over) {
		mh_file_set(mf, NULL);
		mh_request_abandon(f);
	}
	mutex_unlock(&mf->lock);
	return ret;
}

static int mh_ioc_info(struct file *file, void *arg)
{
	return mh_use_info(arg);
}

static int mh_ioc_aead(struct file *file, void *arg)
{
	return mh_use_aead(arg);
}

static int mh_ioc_stream_begin(struct file *file, void *arg)
{
	struct mh_file *mf = file->private_data;
	int ret;

	if (mutex_lock_killable(&mf->lock))
		return -EINTR;
	ret = mh_use_stream_begin(&mf->stream, arg);
	mutex_unlock(&mf->lock);
	return ret;
}

static int mh_ioc_stream(struct file *file, void *arg)
{
	struct mh_file *mf = file->private_data;
	int ret;

	if (mutex_lock_killable(&mf->lock))
		return -EINTR;
	ret = mh_use_stream(&mf->stream, arg);
	mutex_unlock(&mf->lock);
	return ret;
}

static int mh_ioc_sign(struct file *file, void *arg)
{
	return mh_use_sign(arg);
}

static int mh_ioc_attach(struct file *file, void *arg)
{
	return mh_doorbell_attach(file);
}

static int mh_ioc_pull(struct file *file, void *arg)
{
	return mh_doorbell_pull(file, arg);
}

static int mh_ioc_session(struct file *file, void *arg)
{
	struct mh_session_io *a = arg;
	int fd = mh_session_open(a->id);

	if (fd < 0)
		return fd;
	a->fd = fd;
	return 0;
}

static int mh_ioc_done(struct file *file, void *arg)
{
	return mh_doorbell_done(file, arg);
}

static int mh_ioc_drain(struct file *file, void *arg)
{
	struct mh_drain *a = arg;
	int i;

	mh_drain_begin();
	mh_request_drain(-ESHUTDOWN);
	mh_session_end_all(NULL, -ESHUTDOWN);
	for (i = 0; i < MH_DRAIN_STEPS; i++) {
		mh_lease_end_all();	/* again: what was being made is on the list by now */
		mh_lease_flush();
		a->left = mh_keytype_payloads() + mh_lease_exports() + mh_request_count();
		if (!a->left)
			return 0;
		/* the collector drops links, then keys */
		if (msleep_interruptible(MH_DRAIN_STEP_MS))
			return -EINTR;
	}
	return -EBUSY;
}

#define MH_CALL(ioc, type, who, fn) \
	[_IOC_NR(MH_IOC_##ioc)] = { MH_IOC_##ioc, sizeof(struct type), who, #fn, mh_ioc_##fn }

static const struct mh_ioctl mh_ioctls[] = {
	MH_CALL(STATUS, mh_status, MH_ANY, status),
	MH_CALL(INIT, mh_init, MH_ADMIN, init),
	MH_CALL(UNLOCK, mh_unlock, MH_ADMIN, unlock),
	MH_CALL(BLOB, mh_blob_io, MH_ADMIN_OR_AGENT, blob),
	MH_CALL(BLOB_ACK, mh_blob_io, MH_ADMIN_OR_AGENT, blob_ack),
	MH_CALL(REQUEST, mh_request_io, MH_ADMIN, request),
	MH_CALL(FETCH, mh_fetch_io, MH_ANY, fetch),
	MH_CALL(COLLECT, mh_fetch_io, MH_ANY, collect),
	MH_CALL(INFO, mh_info, MH_ANY, info),
	MH_CALL(AEAD, mh_aead_io, MH_ANY, aead),
	MH_CALL(STREAM_BEGIN, mh_stream_io, MH_ANY, stream_begin),
	MH_CALL(STREAM, mh_stream_io, MH_ANY, stream),
	MH_CALL(SIGN, mh_sign_io, MH_ANY, sign),
	[_IOC_NR(MH_IOC_ATTACH)] = { MH_IOC_ATTACH, 0, MH_ANY, "attach", mh_ioc_attach },
	MH_CALL(PULL, mh_pull, MH_AGENT, pull),
	MH_CALL(SESSION, mh_session_io, MH_AGENT, session),
	MH_CALL(DONE, mh_done_io, MH_AGENT, done),
	MH_CALL(DRAIN, mh_drain, MH_ADMIN, drain),
};

/* ---- the device ---- */

/* A descriptor that root opened and passed on is no right, nor is one that root was handed. */
static bool mh_is_admin(struct file *file)
{
	return file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN) && capable(CAP_SYS_ADMIN);
}

static int mh_permit(const struct mh_ioctl *c, struct file *file)
{
	bool ok = true;

	switch (c->who) {
	case MH_ANY:
		return 0;
	case MH_AGENT:
		return mh_doorbell_is_agent(file) ? 0 : -EPERM;
	case MH_ADMIN_OR_AGENT:
		ok = mh_doorbell_is_agent(file) || mh_is_admin(file);
		break;
	case MH_ADMIN:
		ok = mh_is_admin(file);
		break;
	}
	if (!ok)
		mh_audit("refuse", c->name, false);
	return ok ? 0 : -EPERM;
}

static long mh_dev_call(const struct mh_ioctl *c, struct file *file, void __user *user)
{
	void *arg;
	long ret;

	arg = memdup_user(user, c->size);
	if (IS_ERR(arg))
		return PTR_ERR(arg);
	ret = -EINVAL;
	if (*(u32 *)arg == c->size)
		ret = c->call(file, arg);
	/* on errors too: some say more there (len, wait_ms, refusal, left) */
	if (*(u32 *)arg == c->size && copy_to_user(user, arg, c->size))
		ret = -EFAULT;
	kfree_sensitive(arg);
	return ret;
}

static long mh_dev_ioctl(struct file *file, unsigned int cmd, unsigned long param)
{
	const struct mh_ioctl *c = NULL;
	int ret;

	if (_IOC_TYPE(cmd) != 'M')
		return -ENOTTY;
	if (_IOC_NR(cmd) < ARRAY_SIZE(mh_ioctls))
		c = &mh_ioctls[_IOC_NR(cmd)];
	if (!c || !c->call)
		return -ENOTTY;
	if (c->cmd != cmd)		/* a size or direction that we do not know */
		return -EINVAL;
	ret = mh_permit(c, file);
	if (ret)
		return ret;
	if (!c->size)
		return param ? -EINVAL : c->call(file, NULL);
	return mh_dev_call(c, file, (void __user *)param);
}

static int mh_dev_open(struct inode *inode, struct file *file)
{
	struct mh_file *mf = kzalloc(sizeof(*mf), GFP_KERNEL_ACCOUNT);

	if (!mf)
		return -ENOMEM;
	mutex_init(&mf->lock);
	spin_lock_init(&mf->look);
	file->private_data = mf;
	return stream_open(inode, file);
}

static __poll_t mh_dev_poll(struct file *file, poll_table *pt)
{
	struct mh_file *mf = file->private_data;
	__poll_t mask = mh_doorbell_poll(file, pt);

	spin_lock(&mf->look);
	if (mf->fetch && mh_request_ready(mf->fetch))
		mask |= EPOLLIN | EPOLLRDNORM;
	spin_unlock(&mf->look);
	return mask;
}

static int mh_dev_release(struct inode *inode, struct file *file)
{
	struct mh_file *mf = file->private_data;

	mh_doorbell_release(file);
	if (mf->fetch)
		mh_request_abandon(mf->fetch);
	kfree_sensitive(mf);
	return 0;
}

static const struct file_operations mh_dev_fops = {
	.owner = THIS_MODULE,
	.open = mh_dev_open,
	.release = mh_dev_release,
	.poll = mh_dev_poll,
	.unlocked_ioctl = mh_dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice mh_dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "microhsm",
	.fops = &mh_dev_fops,
	.mode = 0666,
};

int mh_chardev_init(void)
{
	return misc_register(&mh_dev);
}

void mh_chardev_exit(void)
{
	misc_deregister(&mh_dev);
}
