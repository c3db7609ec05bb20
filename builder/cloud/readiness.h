/*
 * What a server tells over its serial console, read from any cloud: lines are cleaned of escape
 * codes, "kbuild-status: {…}" is the server's own word, and some lines mean that it will never say
 * one (a kernel panic, the emergency shell). Bytes of a console are foreign: nothing is trusted.
 *
 * The status line, one JSON object of at most 64 KiB, is written by our units at each boot: while first
 * boot is at work {"v": 1, "state": "working", "step": "images", "n": 6, "of": 12, "note": "…"}, in the
 * end {"v": 1, "state": "ready" | "degraded" | "failed", "cloud_init": "done", "failed_units":
 * ["x.service"], "docker": "active", "reasons": ["…"], …}. Only state must be there; the others tell
 * why. Members that are not known are kept as they are.
 */
#pragma once

#include "base.h"
#include "buf.h"

struct error;
struct node;

enum readiness {
	READINESS_WAITING,
	READINESS_READY,
	READINESS_DEGRADED, /* it answered: something is not as it should be */
	READINESS_FAILED,   /* it answered: it did not work */
	READINESS_DEAD,	    /* it will never answer */
};

#define READINESS_TAIL 12 /* last lines that are kept */

struct readiness_watch {
	enum readiness state;
	char *status;  /* the last status object as it came, one line; NULL: none yet */
	char *reasons; /* what status_reasons() says of it; NULL: nothing */
	char *step;    /* READINESS_WAITING: the word of the step it is at; NULL: it said none */
	char *doing;   /* what status_doing() says of it; NULL: nothing */
	char *cause;   /* READINESS_DEAD: what happened, in plain words */
	char *detail;  /* the last line worth showing */
	char *tail[READINESS_TAIL]; /* a ring of cleaned, not empty lines */
	size_t lines;		    /* how many there were; the next goes to tail[lines % TAIL] */
	struct buf line;	    /* of the line that is not complete */
};

#define READINESS_WATCH_INIT                                                                       \
	{                                                                                          \
	}
void readiness_watch_free(struct readiness_watch *w); /* the form for _cleanup_ */

/* Console bytes, in any portions. A later status replaces an earlier one. */
void readiness_feed(struct readiness_watch *w, const char *data, size_t len);
/* Whether it has answered: with more than that it is at work. */
static inline bool readiness_answered(const struct readiness_watch *w)
{
	return w->state == READINESS_READY || w->state == READINESS_DEGRADED ||
	       w->state == READINESS_FAILED;
}
/* Forgets what was said (the server boots anew), keeps nothing. */
void readiness_reset(struct readiness_watch *w);
/* The last lines, each behind "  | ", for messages. */
void readiness_tail(const struct readiness_watch *w, struct buf *out);

/*
 * Why a status is not "ready", in words, joined by "; ": its reasons, failed units, services that are
 * not active, cloud-init. Nothing appended when it does not say. status may be any node.
 */
void status_reasons(const struct node *status, struct buf *out);

/*
 * What a status of "working" is at: "step 6 of 12, images: pulling 3 images". Nothing appended for any
 * other.
 */
void status_doing(const struct node *status, struct buf *out);

/*
 * The SSH host keys that cloud-init printed, as lines of a known_hosts file for that host name
 * (the last complete block; nothing when there is none). Returns the number of keys.
 */
size_t console_host_keys(const char *text, size_t len, const char *host, struct buf *out);
