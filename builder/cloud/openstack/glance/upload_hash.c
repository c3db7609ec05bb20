/* The thread that hashes what is sent; see upload_hash.h. */
#include "upload_hash.h"

#include "alloc.h"
#include "digest.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define BLOCK (256 * KIB)

struct upload_hash {
	int fd;
	uint64_t size;
	pthread_t thread;
	atomic_bool stop, ready;
	bool read;	      /* written before ready */
	char hex[SHA512_HEX]; /* likewise */
};

static bool hash_file(struct upload_hash *h)
{
	_cleanup_(sha512_freep) struct sha512 *sum = sha512_new();
	_free_ char *block = xmalloc(BLOCK);
	uint64_t at = 0;

	while (at < h->size && !atomic_load(&h->stop)) {
		ssize_t n = pread(h->fd, block, MIN(BLOCK, h->size - at), (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		sha512_add(sum, block, (size_t)n);
		at += (uint64_t)n;
	}
	if (at < h->size)
		return false;
	sha512_end(sum, h->hex);
	return true;
}

static void *run(void *arg)
{
	struct upload_hash *h = arg;

	h->read = hash_file(h);
	atomic_store(&h->ready, true);
	return NULL;
}

struct upload_hash *upload_hash_start(int fd, uint64_t size)
{
	struct upload_hash *h = xcalloc(1, sizeof *h);
	sigset_t all, before;

	h->fd = fd;
	h->size = size;
	/* Signals are the main thread's affair. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&h->thread, NULL, run, h) != 0)
		abort(); /* no memory for a stack */
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return h;
}

void upload_hash_free(struct upload_hash *h)
{
	atomic_store(&h->stop, true);
	pthread_join(h->thread, NULL);
	free(h);
}

bool upload_hash_ready(struct upload_hash *h)
{
	return atomic_load(&h->ready);
}

const char *upload_hash_hex(const struct upload_hash *h)
{
	return h->read ? h->hex : NULL;
}
