/* What the files of the row share: servers found by name, waiting, where their files are. */
#pragma once

#include "row.h"

struct cinder_volume;
struct neutron_group;
struct nova_server;

#define WAIT_SERVER_MS (INT64_C(10) * 60 * 1000) /* until ACTIVE; OVH takes 20 s to 3 minutes */
#define WAIT_VOLUME_MS (INT64_C(5) * 60 * 1000)
#define WAIT_GONE_MS   (INT64_C(5) * 60 * 1000)
#define POLL_MS	       2000 /* OVH asks for 2 to 5 seconds */

/* Sleeps one pause. ERR_INTERRUPTED; ERR_NETWORK at the deadline: "… within N s", about what. */
int row_pause(
	const struct row *r, int64_t deadline, int64_t limit_ms, const char *what, struct error *e);
int64_t row_deadline(const struct row *r, int64_t limit_ms);

/*
 * All servers of a region, or those of that name. several: there are other regions, too, whose servers are worth having
 * without this one's. 0; ROW_SILENT, only then: it did not answer, the error is why.
 */
#define ROW_SILENT 1
int row_servers(struct row *r, const char *region, bool several, const char *name, struct arena *a,
	struct nova_server **ret, size_t *ret_n, struct error *e);

/*
 * The server of ours of that name in the regions that the user means; once found, in that one. CLOUD_ABSENT; ERR_USAGE
 * when there are several, in several regions. Where it was found although a region did not answer, row.lacks says so;
 * where it was not, nobody knows, and that region's error is returned.
 */
int row_lookup(struct row *r, const char *name, struct arena *a, struct nova_server *ret,
	const char **ret_region, struct error *e);
/* For the next row_console(); name NULL: forgets. */
void row_remember(struct row *r, const char *name, const char *id, const char *region);
/* Of those with that name in one region, ours that counts: the oldest. NULL: none. */
const struct nova_server *row_ours(const struct nova_server *v, size_t n, const char *name);

/* Whoever waited for its answer was interrupted, or gave up: no server boots for that long. */
bool row_has_long_run(const struct nova_server *s);

/* As struct server. volume: its data volume, or NULL. */
void row_describe(struct row *r, const struct nova_server *s, const char *region,
	const struct cinder_volume *volume, struct arena *a, struct server *ret);
/* Where the files about a server of this project are on this machine (key, known hosts); in the arena. */
const char *row_directory(struct row *r, const char *region, const char *name, struct arena *a);
/*
 * All volumes of a region, for who can do without them: none where the catalogue has no such service or it does
 * not answer, which *ret_lacks says (else NULL). Negative only when interrupted, or without a session.
 */
int row_volumes(struct row *r, const char *region, struct arena *a, struct cinder_volume **ret,
	size_t *ret_n, const char **ret_lacks, struct error *e);
/* Until a server that was deleted is gone. OS_ABSENT: it is; negative: it is not, after WAIT_GONE_MS. */
int row_await_gone(
	struct row *r, const char *region, const char *id, struct arena *a, struct error *e);
/* The port of a server that is gone may hold it for a moment. 0 also when there is none any more. */
int row_remove_group(
	struct row *r, const char *region, const struct neutron_group *g, struct error *e);
/*
 * Whose directory it is: the server's id, and the private key that it was launched with (NULL: the one in the directory).
 * Best effort: without it the directory is taken for the server's of that name.
 */
void row_claim(const char *directory, const char *id, const char *identity);
/* The directory of that server, which may be another one than the server of this name that this machine launched. */
const char *row_directory_of(
	struct row *r, const char *region, const char *name, const char *id, struct arena *a);
/* The private key that opens it, as far as this machine has it; NULL. */
const char *row_identity(const char *directory, struct arena *a);
/*
 * A request that makes something leaves a mark in the server's directory while it is under way: its client can be
 * killed, or told by a proxy that it took too long, and it is carried out all the same, seconds later. Whoever comes
 * next asks for how long that may still happen, in ms; what NULL: to anything. 0: it cannot, as far as this machine
 * knows.
 */
void row_pending_begin(const struct row *r, const char *directory, const char *what);
/* There was an answer, or none, that leaves it open. */
void row_pending_unsure(const struct row *r, const char *directory, const char *what);
void row_pending_end(const char *directory);
int64_t row_pending_ms(const struct row *r, const char *directory, const char *what);
/* Whether it is a data volume of that server; there are two after a request that outlived its client. */
bool row_volume_is_of(const struct cinder_volume *v, const char *name);
/* It also has the name that we gave it: a copy of a volume (of a snapshot, of a backup) has its mark, but another name. */
bool row_volume_is_named(const struct cinder_volume *v);
/* Of those the one that counts: the attached one, else the oldest that is named so, else the oldest. NULL: none. */
const struct cinder_volume *row_volume_of(
	const struct cinder_volume *v, size_t n, const char *name);
/* What was read of it counts for nothing: the next row_console() and row_describe() begin anew. */
void row_console_forget(struct row *r);
/* Where in the new window of a console that begins which the old one did not have. */
size_t row_window_new(const char *old, size_t old_len, const char *text, size_t len);
/* Where the first whole line of a window begins: one that has been cut begins anywhere. */
size_t row_window_begin(const char *text, size_t len);
/*
 * The name of the key pair that is made for a server, in the arena. It has the project in it: key pairs belong to the
 * user, who may have a server of that name in another project.
 */
const char *row_key_name(struct row *r, const char *name, struct arena *a);
/* "kbuild-NAME": of its security group and volume. */
const char *row_tag(struct arena *a, const char *name);
