/* The files about a server on this machine: key, known hosts, and whose they are. */
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "os.h"
#include "provider.h"
#include "row_parts.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

/* Its id. NULL: who cannot even sign in has made nothing, and removes nothing. */
static const char *project(struct row *r)
{
	struct error ignored = {};

	if (!r->project && r->os)
		(void)os_project(r->os, r->arena, &r->project, &ignored);
	return r->project;
}

/* Two projects have servers of one name. */
const char *row_directory(struct row *r, const char *region, const char *name, struct arena *a)
{
	if (!project(r))
		return arena_printf(a, "%s/clouds/nowhere", r->cloud.state_dir);
	return arena_printf(a, "%s/clouds/%s-%s/%s/%s", r->cloud.state_dir, r->cloud.provider->name,
		r->project, region, name);
}

const char *row_key_name(struct row *r, const char *name, struct arena *a)
{
	return arena_printf(a, "kbuild-%s-%.8s", name, project(r) ? r->project : "nowhere");
}

static void write_line(const char *directory, const char *name, const char *text, struct arena *a)
{
	const char *path = arena_printf(a, "%s/%s", directory, name);

	if (text)
		(void)file_replace(AT_FDCWD, path, text, strlen(text), 0600);
	else
		(void)unlink(path);
}

/* In the arena; NULL: there is none. */
static const char *read_line(const char *directory, const char *name, struct arena *a)
{
	const char *path = arena_printf(a, "%s/%s", directory, name);
	_buf_ text = BUF_INIT;

	if (file_read(AT_FDCWD, path, LINE_MAX_BYTES, &text) < 0 || text.len == 0)
		return NULL;
	return arena_strdup(a, buf_str(&text));
}

void row_claim(const char *directory, const char *id, const char *identity)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	if (mkdir_all(AT_FDCWD, directory, 0700) < 0)
		return;
	write_line(directory, "server", id, a);
	write_line(directory, "identity", identity, a);
}

const char *row_directory_of(
	struct row *r, const char *region, const char *name, const char *id, struct arena *a)
{
	const char *directory = row_directory(r, region, name, a);
	const char *whose = read_line(directory, "server", a);
	/* A launch that was cut off before it knew the server's id has left its key. */
	const bool ours = whose ? strcmp(whose, id) == 0
				: access(arena_printf(a, "%s/id_ed25519", directory), F_OK) == 0;

	return ours ? directory : arena_printf(a, "%s/%s", directory, id);
}

const char *row_identity(const char *directory, struct arena *a)
{
	const char *named = read_line(directory, "identity", a);
	const char *own = arena_printf(a, "%s/id_ed25519", directory);

	if (named && access(named, R_OK) == 0)
		return named;
	return !named && access(own, R_OK) == 0 ? own : NULL;
}
