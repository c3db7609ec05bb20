/*
 * Private to fetch.c (connections) and fetch_job.c (what their answers are worth). A job is one file on
 * its way: its URLs in turn, each a few times where trying again can help.
 */
#pragma once

#include "base.h"
#include "buf.h"
#include "retry.h"
#include "store_parts.h"
#include "transfer.h"

#define WRONG_MAX     2		  /* a wrong answer may be a passing one; twice it is not */
#define PROGRESS_MIN  (256 * KIB) /* a connection that brought this much was worth repeating */
#define FETCH_BATCH   32
#define BUSY_PAUSE_MS 200
#define ERROR_BODY    (64 * KIB) /* of an error page, so that its connection can be kept */

enum job_state { JOB_WAITING, JOB_LOADING, JOB_DONE };

/* Why an attempt ended without a file. */
enum verdict {
	AGAIN,	 /* may pass: 5xx, resets, stalls */
	WRONG,	 /* an answer, but not our file: HTML, another length, another digest */
	USELESS, /* will not pass: 404 */
	ZERO,	 /* what was loaded before does not fit: from zero, at once */
	LOCAL,	 /* our own disk */
};

/* What a server said before its first byte. */
struct answer {
	long status;	/* 0: no HTTP (file://) */
	int64_t length; /* Content-Length, -1: not said */
	bool html;
	const char *range; /* Content-Range's value, or "" */
};

struct fetch {
	struct store *store;
	struct progress *progress;
	struct transfers *transfers;
	struct job *jobs;
	size_t n, active, done;
	uint64_t bytes; /* loaded, of all */
	int64_t stall_s;
	struct retry retry;
	/*
	 * Whole and checked, but without their names: fsync costs some 10 ms a file, and hardly more for
	 * many of them.
	 */
	struct partial ready[FETCH_BATCH];
	size_t n_ready;
};

/* Moves what is ready into the store. */
int fetch_flush(struct fetch *f, struct error *e);

struct job {
	const struct store_item *item;
	struct fetch *f;
	struct partial part;
	struct transfer transfer;
	enum job_state state;
	size_t url;	      /* index in item->urls */
	unsigned tries;	      /* failed ones, of this URL */
	unsigned wrong;	      /* of these, wrong answers */
	int64_t not_before;   /* ms */
	uint64_t begun_at;    /* part.size when the attempt began */
	bool checked;	      /* its answer was, by the first byte */
	bool mismatch;	      /* some URL gave a whole file of another digest */
	bool gone;	      /* some URL says that there is no such file */
	enum verdict verdict; /* with why */
	char why[256];	      /* the attempt failed; "" while all is well */
	char range[64];	      /* Content-Range of the answer */
	uint64_t error_bytes; /* of an error page, thrown away */
	struct buf report;    /* a line for each URL given up */
};

const char *job_url(const struct job *j);

/* The attempt failed; only the first reason is kept, the others follow from it. */
void job_because(struct job *j, enum verdict verdict, const char *fmt, ...) _printf_(3, 4);

#define JOB_READY 1 /* to be loaded now */
/* Opens the partial file. 0: nothing to load (yet): look at state and not_before. */
int job_open(struct job *j, int64_t now, struct error *e);

void job_answer(struct job *j, const struct answer *a);
/* Bytes of the answer's body. False: this connection brings nothing more of use. */
bool job_data(struct job *j, const void *data, size_t len);
/* All bytes came, as far as the connection knows. Decides what the attempt was worth. */
int job_end(struct job *j, int64_t now, int64_t retry_after_ms, struct error *e);
