/* What the files of an upload share; for upload*.c only. */
#pragma once

#include "buf.h"
#include "error.h"
#include "glance.h"
#include "http.h"
#include "transfer.h"

#include <string.h>

struct arena;
struct cloud;
struct clock;
struct os;
struct progress;
struct transfers;
struct upload_hash;
struct upload_request;

/* Where a region is. Each stage but the last three is left by part_step(). */
enum stage {
	STAGE_FIND,    /* asks what is there, and makes a record when there is nothing */
	STAGE_HASH,    /* waits for our own hash, then looks again */
	STAGE_SEND,    /* a record waits for bytes */
	STAGE_CHECK,   /* bytes were sent, by us or another: asks what became of them */
	STAGE_SENDING, /* a transfer runs; ends by put_ended() */
	STAGE_DONE,
	STAGE_FAILED, /* why is in error */
};

struct part { /* of the upload: one region */
	struct upload *u;
	const char *region; /* NULL: the default one */
	enum stage stage;
	int64_t not_before; /* of the next step, ms */
	struct glance_image image;
	unsigned tries;	     /* of sending */
	int turn;	     /* of the last try; see pace.h */
	int64_t asked_ms;    /* the pause that the service asked for; 0: none */
	unsigned refused;    /* tokens */
	unsigned troubles;   /* steps that the service could not be asked for */
	unsigned restarts;   /* the record vanished under us; see part_begin_again() */
	unsigned generation; /* of the id; see id_of() */
	bool hurried;	     /* the step could not wait for answers: others were sending */
	bool sent;	     /* the bytes that are there, or will be, are ours of this run */
	bool stored;	     /* the service has said that it has all of them */
	int64_t give_up; /* when a record that makes no progress is given up, ms; 0: not yet known */

	struct transfer transfer;
	const char *url;
	char *token;
	struct http_header headers[5];
	char length[24];
	uint64_t offset; /* of the next byte to be sent */
	uint64_t seen;	 /* offset when it last was looked at … */
	int64_t seen_ms; /* … and when it last was another one */
	int read_error;	 /* errno of reading the file; 0: none */
	struct buf answer;
	struct error error; /* STAGE_FAILED; else why the last try did not work */
};

struct upload {
	struct os *o;
	const struct cloud *c;
	const struct upload_request *q;
	struct arena *a;
	int fd;
	uint64_t size;
	const char *format;
	int64_t min_disk;	  /* GiB */
	const char *digest;	  /* of the image; where nobody gave one, of the file's identity */
	bool foreign;		  /* nobody gave one: equal bytes are looked for under any digest */
	const char *sha512;	  /* of the bytes; NULL: not known yet */
	struct upload_hash *hash; /* NULL: not begun */
	struct transfers *transfers;
	struct part *parts;
	size_t n;
};

/* How long its bytes take: a slow line is one that carries 1 MiB a second. */
static inline int64_t upload_slowest_s(const struct upload *u)
{
	return (int64_t)(u->size / MIB);
}

/* An error of ours: patience was had, and asking again at once changes nothing. */
static inline int part_gives_up(struct error *e)
{
	e->transient = false;
	return -e->code;
}

static inline bool part_over(const struct part *p)
{
	return p->stage == STAGE_DONE || p->stage == STAGE_FAILED;
}

static inline bool is_status(const struct glance_image *i, const char *status)
{
	return strcmp(i->status, status) == 0;
}

static inline bool is_moving(const struct glance_image *i)
{
	return is_status(i, "saving") || is_status(i, "uploading") || is_status(i, "importing");
}

/* Makes the next step of a part that is due and is not sending. Negative: it failed. */
int part_step(struct part *p, struct error *e);

/* Begins to send from byte 0; negative: it cannot even be begun. */
int put_start(struct part *p, struct error *e);
/* A transfer of a part has ended: what now? Negative: it failed. */
int put_ended(struct part *p, struct error *e);
/* Ends one that makes no progress; it is then as if it had ended. */
bool put_stalled(struct part *p);
/* Before the next try; none before the first. */
int64_t put_pause_ms(struct part *p);
/* Ends whatever runs, wipes the token. */
void put_stop(struct part *p);

/* Makes u->sha512 known: begins to hash, or takes the result. 0, HASH_WAIT: not ready yet. */
#define HASH_WAIT 1
int upload_know_hash(struct upload *u, struct error *e);
/*
 * Whether the image has our bytes, by size and by what the service's own hash is: 0, or an outcome.
 */
#define BYTES_DIFFER  2
#define BYTES_UNKNOWN 3 /* it keeps no hash */
int upload_compare(struct upload *u, const struct glance_image *i, struct error *e);

/* STAGE_FIND. */
int part_find(struct part *p, struct error *e);
/* The record is active: are its bytes ours? Ends the part, or sends it somewhere else. */
int part_verify(struct part *p, struct error *e);
/* The record is not there any more, or of no use, and why: to STAGE_FIND, a few times. */
int part_begin_again(struct part *p, const char *why, struct error *e);
/* Removes a record of this part's region. */
int part_remove(struct part *p, const char *id, struct error *e);
/* Removes this part's record, and begins again with another id. */
int part_discard(struct part *p, const char *why, struct error *e);

/* Which of our images in a region is to be used, and how; in *ret when it is one of them. */
enum choice {
	CHOICE_USE,	/* it is right */
	CHOICE_COMPARE, /* it is there, and nobody has compared its bytes */
	CHOICE_FOLLOW,	/* somebody is sending it */
	CHOICE_SEND,	/* a record without bytes */
	CHOICE_NONE,
};
enum choice upload_choose(const struct upload *u, const struct glance_image *v, size_t n,
	const struct glance_image **ret);
