/*
 * The store's files and what is missing of them. Loading is fetch.c's, plain forms are plain.c's.
 *
 * What is trusted when: the size of a stored file is compared each time it is asked for, its digest
 * each time its plain form is made (the bytes are read anyway) and by store_verify(); that of a plain
 * form each time it is used. So bit rot is found before dpkg sees it, at no cost where nothing is unpacked.
 */
#include "store.h"

#include "alloc.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "progress.h"
#include "store_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define SPARE (64 * MIB) /* left free on the disk of the store */

static const struct store_form packages = {
	.dir = "store",
	.suffix = ".deb",
	.one = "package is",
	.many = "packages are",
	.fetching = "fetch packages",
	.differs =
		"the mirror serves other bytes than the lock says; try another one with "
		"--mirror URL. Nothing of it was kept",
	.gone = "this version has left the archive: 'kbuild lock --update FILE' takes "
		"the current one",
	.again = "look at the network, the proxy settings and the mirror, then run the same "
		 "command again: what was loaded is kept",
};
static const struct store_form blobs = {
	.dir = "blobs",
	.suffix = "",
	.one = "part of a container image is",
	.many = "parts of container images are",
	.fetching = "fetch container images",
	.differs = "the registry serves other bytes than the lock says. Nothing of it was kept",
	.gone = "the registry has no such image any more: 'kbuild lock --update FILE' takes "
		"the current one",
	.again =
		"look at the network, the proxy settings and what the registry lets you have, then run "
		"the same command again: what was loaded is kept",
};

char *store_name(const struct store *s, const char *sha256)
{
	return xasprintf("%s/%.2s/%s%s", s->form->dir, sha256, sha256, s->form->suffix);
}

char *partial_name(const struct store *s, const char *sha256)
{
	return xasprintf("%s/partial/%s", s->form->dir, sha256);
}

char *plain_name(const char *sha256)
{
	return xasprintf("plain/%.2s/%s.deb", sha256, sha256);
}

bool store_has(struct store *s, const char *sha256, uint64_t size)
{
	_free_ char *name = store_name(s, sha256);
	struct stat st;

	if (fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size == size)
		return true;
	unlinkat(s->fd, name, 0); /* cut by a failing disk: worth nothing */
	return false;
}

static int open_form(
	struct store **ret, const char *cache_dir, const struct store_form *form, struct error *e)
{
	_cleanup_(store_closep) struct store *s = xcalloc(1, sizeof *s);
	_free_ char *partial = xasprintf("%s/partial", form->dir);
	_free_ char *real = NULL;
	int r;

	s->form = form;
	s->fd = -1;
	r = mkdir_all(AT_FDCWD, cache_dir, 0755);
	if (r < 0)
		return error_errno(e, r, "making the cache directory %s", cache_dir);
	real = realpath(cache_dir, NULL);
	s->dir = xstrdup(real ? real : cache_dir);
	s->fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0)
		return error_errno(e, errno, "opening the cache directory %s", s->dir);
	r = mkdir_all(s->fd, partial, 0755);
	if (r == 0 && form == &packages)
		r = mkdir_all(s->fd, "plain/tmp", 0755);
	if (r < 0)
		return error_errno(e, r, "making the store in %s", s->dir);
	*ret = TAKE(s);
	return 0;
}

int store_open(struct store **ret, const char *cache_dir, struct error *e)
{
	return open_form(ret, cache_dir, &packages, e);
}

int store_open_blobs(struct store **ret, const char *cache_dir, struct error *e)
{
	return open_form(ret, cache_dir, &blobs, e);
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_labels; i++)
		free(s->labels[i].name);
	free(s->labels);
	if (s->pool)
		pool_free(s->pool);
	if (s->fd >= 0)
		close(s->fd);
	free(s->dir);
	free(s);
}

char *store_path(const struct store *s, const char *sha256)
{
	_free_ char *name = store_name(s, sha256);

	return xasprintf("%s/%s", s->dir, name);
}

const char *store_label(const struct store *s, const char *sha256)
{
	for (size_t i = 0; i < s->n_labels; i++)
		if (strcmp(s->labels[i].sha256, sha256) == 0)
			return s->labels[i].name;
	return sha256;
}

static void add_label(struct store *s, const struct store_item *item)
{
	struct store_label *l;

	s->labels = grow(s->labels, s->n_labels, &s->cap_labels, sizeof *s->labels);
	l = &s->labels[s->n_labels++];
	memcpy(l->sha256, item->sha256, SHA256_HEX);
	l->name = xstrdup(item->name);
}

static int say_offline(
	const struct store *s, const struct store_item *const *missing, size_t n, struct error *e)
{
	error_set(e, ERR_NETWORK, "%zu %s not in the store, and --offline was given:", n,
		n == 1 ? s->form->one : s->form->many);
	for (size_t i = 0; i < n && i < 5; i++)
		error_append(e, "%s %s", i ? "," : "", missing[i]->name);
	if (n > 5)
		error_append(e, " and %zu more", n - 5);
	return error_append(e, "\nrun once without --offline to load them");
}

/* A download that cannot fit is better told before it begins. */
static int check_space(const struct store *s, uint64_t need, struct error *e)
{
	struct statvfs v;

	if (fstatvfs(s->fd, &v) < 0)
		return 0; /* not worth failing for; writing will tell */
	if ((uint64_t)v.f_bavail * v.f_frsize >= need + SPARE)
		return 0;
	return error_set(e, ERR_FAILED,
		"not enough space in %s: %.1f MiB to load, %.1f MiB free\n"
		"free some, or choose another place with --cache",
		s->dir, (double)need / MIB, (double)v.f_bavail * (double)v.f_frsize / MIB);
}

/* Bytes that earlier runs already loaded of it. */
static uint64_t loaded(const struct store *s, const struct store_item *item)
{
	_free_ char *name = partial_name(s, item->sha256);
	struct stat st;

	if (fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return MIN((uint64_t)st.st_size, item->size);
}

int store_fetch(struct store *s, const struct store_item *items, size_t n, bool offline,
	struct progress *p, struct error *e)
{
	_free_ const struct store_item **missing = xcalloc(n, sizeof(*missing));
	uint64_t bytes = 0, need = 0;
	size_t count = 0;
	int r;

	for (size_t i = 0; i < n; i++) {
		if (!sha256_valid(items[i].sha256))
			return error_set(e, ERR_LOCK, "%s: '%s' is no SHA-256", items[i].name,
				items[i].sha256);
		add_label(s, &items[i]);
		if (store_has(s, items[i].sha256, items[i].size))
			continue;
		missing[count++] = &items[i];
		bytes += items[i].size;
		need += items[i].size - loaded(s, &items[i]);
	}
	if (count == 0)
		return 0;
	if (offline)
		return say_offline(s, missing, count, e);
	r = check_space(s, need, e);
	if (r < 0)
		return r;
	progress_begin(p, s->form->fetching, "B", bytes);
	r = fetch_all(s, missing, count, p, e);
	if (r < 0)
		return r;
	progress_end(p, NULL);
	return 0;
}

int store_damaged(struct store *s, const char *sha256, struct error *e)
{
	_free_ char *file = store_name(s, sha256);
	const char *label = store_label(s, sha256);

	if (unlinkat(s->fd, file, 0) < 0 && errno != ENOENT)
		return error_errno(e, errno, "%s: removing the damaged %s/%s", label, s->dir, file);
	return error_set(e, ERR_LOCK,
		"%s: the stored copy was damaged (its bytes do not match their hash) and has been "
		"removed\nrun the same command again to load it anew; a disk that does this often "
		"is failing",
		label);
}

int store_verify(struct store *s, const char *sha256, struct error *e)
{
	_free_ char *file = store_name(s, sha256);
	const char *label = store_label(s, sha256);
	_close_ int fd = openat(s->fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char hex[SHA256_HEX];
	int r;

	if (fd < 0)
		return error_errno(e, errno, "%s: opening %s/%s", label, s->dir, file);
	r = sha256_fd(fd, hex, NULL);
	if (r < 0)
		return error_errno(e, r, "%s: reading %s/%s", label, s->dir, file);
	return strcmp(hex, sha256) == 0 ? 0 : store_damaged(s, sha256, e);
}

int store_blame(struct store *s, const char *sha256, struct error *e)
{
	struct error found = {};

	if (e->code == ERR_INTERRUPTED || store_verify(s, sha256, &found) == 0)
		return -e->code;
	*e = found;
	return -e->code;
}
