/*
 * Tokens between runs: CACHE/tokens/DIGEST.json, for this user's eyes only. The digest is that of who signs in
 * where, and of no secret. A token is a cache: whatever is wrong with its file, a new one is got.
 */
#include "os_parts.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "json.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define FILE_MAX (4 * MIB) /* a catalogue of forty regions has some 60 KiB */
#define VERSION	 1

/* Returns new; NULL where nothing is kept: a token from elsewhere is at hand in every run. */
static char *cache_path(const struct os *o)
{
	const struct os_access *k = o->k;
	const char *const members[] = { k->user_id, k->user_name, k->user_domain_id,
		k->user_domain_name, k->credential_id, k->credential_name, k->oidc_provider,
		k->oidc_client, k->project_id, k->project_name, k->project_domain_id,
		k->project_domain_name };
	struct sha256 *h;
	char hex[SHA256_HEX];

	if (os_access_way(k) == OS_BY_TOKEN || !o->cache_dir)
		return NULL;
	h = sha256_new();
	sha256_adds(h, o->base);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		sha256_adds(h, members[i] ? members[i] : "");
	sha256_end(h, hex);
	sha256_free(h);
	return xasprintf("%s/tokens/%.32s.json", o->cache_dir, hex);
}

/* A file that others can read or could have written is none. */
static bool read_private(const char *path, struct buf *ret)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	       (st.st_mode & 077) == 0 && fd_read(fd, FILE_MAX, ret) == 0;
}

static void wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_free(b);
}

bool os_cache_load(struct os *o)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *n = NULL, *body, *versions;
	int64_t version, life_s, ends, left_s;
	_cleanup_(wipe) struct buf text = BUF_INIT;
	_free_ char *path = cache_path(o);
	struct error ignored = { 0 };
	const char *token;

	if (!path || !read_private(path, &text) ||
		json_parse(&n, a, "", buf_str(&text), text.len, &ignored) < 0)
		return false;
	body = node_get(n, "body");
	versions = node_get(n, "versions");
	if (api_number(n, "v", "", &version, &ignored) < 0 || version != VERSION ||
		api_text(n, "token", "", &token, &ignored) < 0 ||
		api_number(n, "life", "", &life_s, &ignored) < 0 ||
		api_number(n, "ends", "", &ends, &ignored) < 0 || !body || body->kind != NODE_MAP ||
		!versions || versions->kind != NODE_MAP)
		return false;
	if (ends < 0 || life_s < 0)
		return false;
	/* Our clock may have been set since: never longer than it could have lived. */
	left_s = ends - (int64_t)time(NULL);
	if (left_s <= 0 || left_s > life_s)
		return false;
	os_session_take(o, xstrdup(token), TAKE(a), body, life_s, left_s);
	o->versions = versions;
	o->cached = true;
	return true;
}

static void set(struct arena *a, struct node *map, const char *key, int64_t value)
{
	const struct mark nowhere = { 0 };
	const char *text = arena_printf(a, "%lld", (long long)value);
	struct node *n = node_scalar(a, &nowhere, text, strlen(text));

	n->quoted = false;
	node_set(a, map, &nowhere, key, n);
}

void os_cache_store(const struct os *o)
{
	const int64_t left_s = (o->end_ms - clock_now_ms(o->clock)) / 1000;
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(wipe) struct buf text = BUF_INIT;
	_free_ char *path = cache_path(o);
	const struct mark nowhere = { 0 };
	struct node *n = node_map(a, &nowhere);
	_free_ char *dir = NULL;

	if (!path)
		return;
	dir = xasprintf("%s/tokens", o->cache_dir);
	set(a, n, "v", VERSION);
	set(a, n, "life", o->life_s);
	set(a, n, "ends", (int64_t)time(NULL) + left_s);
	node_set(a, n, &nowhere, "token", node_scalar(a, &nowhere, o->token, strlen(o->token)));
	node_set(a, n, &nowhere, "body", o->body);
	node_set(a, n, &nowhere, "versions", o->versions);
	node_write_json(n, 0, &text);
	if (mkdir_all(AT_FDCWD, dir, 0700) == 0)
		(void)file_replace(AT_FDCWD, path, text.data, text.len, 0600);
}

void os_cache_forget(const struct os *o)
{
	_free_ char *path = cache_path(o);

	if (path)
		(void)unlink(path);
}
