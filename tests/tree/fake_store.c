/* The part of store.h that trees need, over CACHE/store and CACHE/plain, until the real one is here. */
#include "alloc.h"
#include "deb.h"
#include "error.h"
#include "fd.h"
#include "store.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct store {
	char *cache;
	char **sha;
	size_t n, next;
	bool *ready;
	bool stop;
	pthread_mutex_t m;
	pthread_cond_t c;
	pthread_t t[2];
	int running;
};

int store_open(struct store **ret, const char *cache_dir, struct error *e _unused_)
{
	*ret = xcalloc(1, sizeof **ret);
	(*ret)->cache = xstrdup(cache_dir);
	pthread_mutex_init(&(*ret)->m, NULL);
	pthread_cond_init(&(*ret)->c, NULL);
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->sha[i]);
	free(s->sha);
	free(s->ready);
	free(s->cache);
	free(s);
}

char *store_path(const struct store *s, const char *sha256)
{
	return xasprintf("%s/store/%.2s/%s.deb", s->cache, sha256, sha256);
}

static int make(struct store *s, const char *sha256, char **ret, struct error *e)
{
	_free_ char *from = store_path(s, sha256);
	_free_ char *dir = xasprintf("%s/plain/%.2s", s->cache, sha256);
	char *to = xasprintf("%s/%s.deb", dir, sha256);
	_close_ int in = -1;
	_cleanup_(atomic_abort) struct atomic f = ATOMIC_INIT;
	struct deb d;
	int r;

	*ret = to;
	if (access(to, F_OK) == 0)
		return 0;
	mkdir_all(AT_FDCWD, dir, 0755);
	in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return error_set(e, ERR_FAILED, "no %s", from);
	r = deb_open(&d, in, from, e);
	if (r == 0)
		r = atomic_open(&f, AT_FDCWD, to, 0644);
	if (r == 0)
		r = deb_write_plain(&d, f.fd, e);
	if (r == 0) {
		r = renameat(AT_FDCWD, f.tmp, AT_FDCWD, to);
		free(TAKE(f.tmp));
	}
	return r;
}

static void *worker(void *arg)
{
	struct store *s = arg;
	struct error e;

	for (;;) {
		_free_ char *path = NULL;
		size_t i;

		pthread_mutex_lock(&s->m);
		i = s->next++;
		pthread_mutex_unlock(&s->m);
		if (i >= s->n || s->stop)
			return NULL;
		make(s, s->sha[i], &path, &e);
		pthread_mutex_lock(&s->m);
		s->ready[i] = true;
		pthread_cond_broadcast(&s->c);
		pthread_mutex_unlock(&s->m);
	}
}

int store_plain(struct store *s, const char *sha256, char **ret_path, struct error *e)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->sha[i], sha256) != 0)
			continue;
		pthread_mutex_lock(&s->m);
		while (!s->ready[i])
			pthread_cond_wait(&s->c, &s->m);
		pthread_mutex_unlock(&s->m);
	}
	return make(s, sha256, ret_path, e);
}

int store_plain_start(
	struct store *s, const char *const *sha256, size_t n, struct error *e _unused_)
{
	s->sha = xcalloc(n + 1, sizeof *s->sha);
	s->ready = xcalloc(n + 1, sizeof *s->ready);
	for (size_t i = 0; i < n; i++)
		s->sha[i] = xstrdup(sha256[i]);
	s->n = n;
	for (s->running = 0; s->running < 2; s->running++)
		pthread_create(&s->t[s->running], NULL, worker, s);
	return 0;
}

int store_plain_join(struct store *s, struct error *e _unused_)
{
	s->stop = true;
	while (s->running > 0)
		pthread_join(s->t[--s->running], NULL);
	return 0;
}
