/*
 * What the broker does with PostgreSQL and volumes for backup and restore. The messages:
 *
 *   pg-dump     {container, user, database, kind: "custom"|"plain"|"globals"|"all"}
 *               first {} with a pipe's end to read the dump from; when that has come to its end {}, or
 *               an error with what pg_dump said. custom: pg_dump -Fc -Z0; all: pg_dumpall
 *   pg-restore  {container, user, database, kind: "custom"|"plain"|"globals"|"list"} with a descriptor
 *               to read from, a pipe or a file: {} when all of it is restored. globals: errors of the
 *               form "already exists" are fine. list: pg_restore --list, nothing is changed
 *   pg-query    {container, user, query: WORD, database, to}: {"rows": ["NAME", …]} for "databases" and
 *               "all-databases" (closed ones too); "create-db", "create-like" (as "to" is), "drop-db",
 *               "rename-db", "open-db"; drop-db and rename-db first end the connections to it; drop-db is content
 *               when there is none; "sizes": {"rows": [{"database", "bytes"}, …]}
 *   disk        {}: {"volumes": {"path", "free", "device", …}, …}, of the directory that has the volumes
 *   pg-throwaway {image}: {container, user}, a server without network that ends by itself after an hour
 *   remove      {container}: and its volumes
 *   volume-tar  {volume} or {path}: as pg-dump; {"absent": true}, and no pipe, when it is not there
 *   files-fill  {volume} or {path}, {id} with a descriptor to read a tar from: unpacked beside what is there; a
 *               volume that is lost is made, and the directory a path lies in
 *   files-swap  the same words: what was unpacked takes the place of what is there, which is kept beside as
 *               NAME.before-ID; containers with the volume are stopped meanwhile. Nothing unpacked: nothing done
 *   files-drop  the same words: what was unpacked is removed
 *   files-look  the same words: {"there": is what is to be replaced there, "waits": was all of it unpacked}; an
 *               error when it could not be put back: not in the configuration, not to be written, a mount
 */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct error;
struct ipc_message;

/* Where a server is: of the configuration, or a throw-away one. */
struct pg {
	const struct agent *agent;
	const char *container, *user;
};

/* A stream that comes out of the broker: read fd to its end, then ask how it ended. */
struct pg_stream {
	int sock, fd;
};
#define PG_STREAM_INIT                                                                             \
	{                                                                                          \
		-1, -1                                                                             \
	}
void pg_stream_close(struct pg_stream *s); /* for _cleanup_ */
/* ERR_FAILED and the like when what made the stream failed, however whole it looks. */
int pg_stream_end(struct pg_stream *s, struct error *e);

int pg_dump(const struct pg *p, const char *kind, const char *database, struct pg_stream *ret,
	struct error *e);
#define VOLUME_ABSENT 1 /* there is no such volume or path; for volume_tar() */
int volume_tar(const struct agent *a, const char *volume, const char *path, struct pg_stream *ret,
	struct error *e);

/* As pg_restore_begin(): files-fill, ended by pg_restore_end(). kind: "volume" or "path". */
int files_fill_begin(const struct agent *a, const char *kind, const char *of, const char *id,
	int fd, int *ret_sock, struct error *e);
struct files_state {
	bool there; /* what is to be replaced */
	bool waits; /* what was unpacked has not got its place yet */
};
/* An error says why these could not be put back. */
int files_look(const struct agent *a, const char *kind, const char *of, const char *id,
	struct files_state *ret, struct error *e);
/* op: "files-swap" or "files-drop". */
int files_change(const struct agent *a, const char *op, const char *kind, const char *of,
	const char *id, struct error *e);

/* Reads fd (a file from its offset on) to its end. Waits until it is restored. */
int pg_restore(const struct pg *p, const char *kind, const char *database, int fd, struct error *e);
/*
 * The same while the caller still writes: fd is a pipe's end to read from. *ret_sock is what
 * pg_restore_end() waits at, which closes it.
 */
int pg_restore_begin(const struct pg *p, const char *kind, const char *database, int fd,
	int *ret_sock, struct error *e);
int pg_restore_end(int sock, struct error *e);

/* Names in the arena, NULL-terminated. */
int pg_databases(const struct pg *p, struct arena *arena, const char ***ret, struct error *e);
/* Also those that nobody can connect to. */
int pg_all_databases(const struct pg *p, struct arena *arena, const char ***ret, struct error *e);
struct pg_size {
	const char *database; /* NULL: the end */
	uint64_t bytes;
};
/* What each takes that people can connect to; in the arena. */
int pg_sizes(const struct pg *p, struct arena *arena, const struct pg_size **ret, struct error *e);
int pg_create(const struct pg *p, const char *name, struct error *e);
int pg_create_like(const struct pg *p, const char *name, const char *model, struct error *e);
int pg_drop(const struct pg *p, const char *name, struct error *e);
int pg_rename(const struct pg *p, const char *from, const char *to, struct error *e);

/* Lets people connect again, where a rename was cut off. */
int pg_open(const struct pg *p, const char *name, struct error *e);

/* The disk that Docker's volumes are on. */
struct pg_disk {
	const char *path; /* a directory there, in the arena */
	uint64_t left;	  /* bytes */
	uint64_t device;  /* its st_dev: the directory is not to be seen from here */
};
int pg_disk(const struct agent *a, struct arena *arena, struct pg_disk *ret, struct error *e);

/* Starts one from this image (a digest); container and user in the arena. */
int pg_throwaway(const struct agent *a, const char *image, struct arena *arena, struct pg *ret,
	struct error *e);
int pg_throwaway_remove(const struct pg *p, struct error *e);
/* The digest of the image that a container runs, in the arena; NULL when nobody can tell. */
const char *pg_image(const struct pg *p, struct arena *arena);
