// SPDX-License-Identifier: GPL-2.0-only
/* A session's descriptor: frames to send are read, received bytes are written. */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "session_priv.h"

static ssize_t mh_session_give(struct mh_session *s, char __user *buf, size_t count)
{
	size_t n;
	int ret = 0;

	if (s->torn || READ_ONCE(s->end))
		return 0;
	if (!s->out_len)
		ret = mh_session_next(s);
	if (ret)
		return ret;
	if (!s->out_len)
		return -EAGAIN;
	n = min(count, s->out_len - s->out_at);
	if (copy_to_user(buf, s->out + s->out_at, n))
		return -EFAULT;
	s->out_at += n;
	if (s->out_at == s->out_len)
		WRITE_ONCE(s->out_len, 0);
	return n;
}

static ssize_t mh_session_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct mh_session *s = file->private_data;
	ssize_t ret;

	if (!count)
		return 0;
	do {
		if (!(file->f_flags & O_NONBLOCK)) {
			ret = wait_event_interruptible(s->wq, mh_session_readable(s));
			if (ret)
				return ret;
		}
		if (mutex_lock_interruptible(&s->lock))
			return -ERESTARTSYS;
		ret = mh_session_give(s, buf, count);
		mutex_unlock(&s->lock);
	} while (ret == -EAGAIN && !(file->f_flags & O_NONBLOCK));
	if (ret < 0 && ret != -EAGAIN && ret != -EFAULT) {
		mh_session_end(s, ret == -EDQUOT ? -ECONNRESET : ret);	/* 2^24 records */
		ret = 0;
	}
	return ret;
}

/* A whole header has come: room for its frame, of a kind that is expected. */
static int mh_session_begin_frame(struct mh_session *s)
{
	u32 len;
	u8 kind;
	int ret = mh_frame_parse(s->header, &kind, &len);

	if (ret || !mh_session_expects(s, kind))
		return -EBADMSG;
	s->in_want = MH_FRAME_HEADER + len;
	if (s->in_want > s->in_room) {
		kvfree_sensitive(s->in, s->in_room);
		s->in_room = max_t(size_t, s->in_want, 1024);
		s->in = kvmalloc(s->in_room, GFP_KERNEL_ACCOUNT);
		if (!s->in) {
			s->in_room = 0;
			return -ENOMEM;
		}
	}
	memcpy(s->in, s->header, MH_FRAME_HEADER);
	s->in_have = MH_FRAME_HEADER;
	return 0;
}

static int mh_session_end_frame(struct mh_session *s)
{
	int ret = mh_session_frame(s);

	s->header_have = 0;
	s->in_want = 0;
	if (list_empty(&s->flights)) {	/* idle */
		kvfree_sensitive(s->in, s->in_room);
		s->in = NULL;
		s->in_room = 0;
	}
	return ret;
}

/* Some of what is written: the rest of a header, or of a body. */
static ssize_t mh_session_take(struct mh_session *s, const char __user *buf, size_t count)
{
	size_t n;
	int ret = 0;

	if (!s->in_want) {
		n = min(count, MH_FRAME_HEADER - s->header_have);
		if (copy_from_user(s->header + s->header_have, buf, n))
			return -EFAULT;
		s->header_have += n;
		if (s->header_have == MH_FRAME_HEADER)
			ret = mh_session_begin_frame(s);
		return ret ?: n;
	}
	n = min(count, s->in_want - s->in_have);
	if (copy_from_user(s->in + s->in_have, buf, n))
		return -EFAULT;
	s->in_have += n;
	if (s->in_have == s->in_want)
		ret = mh_session_end_frame(s);
	return ret ?: n;
}

static ssize_t mh_session_write(struct file *file, const char __user *buf, size_t count,
				loff_t *pos)
{
	struct mh_session *s = file->private_data;
	size_t done = 0;
	ssize_t ret = 0;

	if (mutex_lock_interruptible(&s->lock))
		return -ERESTARTSYS;
	while (done < count && ret >= 0) {
		if (s->torn || READ_ONCE(s->end)) {
			ret = -EPIPE;
			break;
		}
		ret = mh_session_take(s, buf + done, count - done);
		if (ret > 0)
			done += ret;
		cond_resched();
	}
	mutex_unlock(&s->lock);
	if (ret >= 0)
		return done;
	if (ret == -EFAULT)
		return ret;
	if (ret == -EKEYREVOKED || ret == -EKEYREJECTED)	/* the peer's keys, not ours */
		ret = -EBADMSG;
	mh_session_end(s, ret);		/* the first reason stays */
	return ret == -EPIPE || ret == -ENOMEM ? ret : -EBADMSG;
}

static __poll_t mh_session_poll(struct file *file, poll_table *pt)
{
	struct mh_session *s = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &s->wq, pt);
	if (mh_session_readable(s))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(s->end))
		mask |= EPOLLHUP;
	else
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}

static int mh_session_close(struct inode *inode, struct file *file)
{
	struct mh_session *s = file->private_data;

	mh_session_end(s, -ECONNRESET);
	mutex_lock(&s->lock);
	mh_session_teardown(s);
	mutex_unlock(&s->lock);
	mh_session_put(s);
	return 0;
}

const struct file_operations mh_session_fops = {
	.owner = THIS_MODULE,
	.read = mh_session_read,
	.write = mh_session_write,
	.poll = mh_session_poll,
	.release = mh_session_close,
	.llseek = noop_llseek,
};
