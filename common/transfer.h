/*
 * Exchanges with servers, many at once: the one door to libcurl. It knows neither what is asked nor
 * why; http_curl.c makes single requests of it, the store of packages its downloads.
 */
#pragma once

#include "base.h"

struct http_header;
struct transfers;

enum transfer_end {
	TRANSFER_DONE,	     /* an answer came whole, whatever its status */
	TRANSFER_NOT_SENT,   /* the server never saw the request */
	TRANSFER_SILENT,     /* it closed the connection without an answer */
	TRANSFER_CUT,	     /* it closed the connection half-way */
	TRANSFER_BROKEN,     /* the connection broke, in any other way */
	TRANSFER_TIMEOUT,    /* nothing more came in time */
	TRANSFER_RANGE,	     /* it cannot send the range */
	TRANSFER_STOPPED,    /* header() or data() said so */
	TRANSFER_IMPOSSIBLE, /* wrong URL, untrusted certificate, no such file: the same every time */
};

/* Filled by the caller, and left alone from transfer_start() until it has ended. */
struct transfer {
	const char *method; /* NULL: GET */
	const char *url;
	const struct http_header *headers; /* ended by {}; NULL: none */
	bool files;			   /* file:// is allowed too */
	bool certificate;		   /* when the server's ends, is asked for */
	bool redirects;			   /* followed, 5 at most, never from https to http */
	uint64_t from;			   /* > 0: only the bytes from here on */
	const char *connect_to, *ca_file;  /* as in http.h */
	bool fresh, compressed;		   /* as in http.h */
	bool has_body;
	uint64_t body_len;
	size_t chunk; /* what read() is asked for at once; 0: 64 KiB, at most TRANSFER_CHUNK_MAX */
	bool expect;  /* the body waits, a second at most, for the server to agree to it */
	/* The next bytes of the body; -1: they cannot be had, 0: end. */
	ssize_t (*read)(struct transfer *t, void *to, size_t len);
	int64_t connect_ms, timeout_ms; /* 0: libcurl's 5 minutes; no limit */
	int64_t stall_s, stall_bytes;	/* fewer bytes a second for so long: ended; 0: never */
	/* A header line without its end; "HTTP/…" begins an answer, and what came before is void. false: stop. */
	bool (*header)(struct transfer *t, char *line);
	bool (*data)(struct transfer *t, const void *data, size_t len); /* false: stop */
	void *arg;

	/* Known from the first data() on, and when it has ended. */
	long status;	/* 0: no HTTP */
	int64_t length; /* Content-Length, -1: not said */
	const char
		*type; /* Content-Type, or ""; borrowed until transfers_ended() returns another */
	int64_t retry_after_ms;	  /* 0: not asked for */
	int64_t certificate_ends; /* unix seconds; 0: not asked for (below), no TLS, or not known */

	/* Known when it has ended. */
	enum transfer_end end;
	const char *why; /* constant; "" when TRANSFER_DONE */

	void *handle, *lines, *connect; /* private; NULL at first */
};

#define TRANSFER_CHUNK_MAX (2 * MIB)

struct transfers *transfers_new(unsigned connections);
/* Those still running must have been stopped. */
void transfers_free(struct transfers *ts);
DEFINE_CLEANUP(struct transfers *, transfers_free);

void transfer_start(struct transfers *ts, struct transfer *t);
/* Ends one that runs or has ended; NULL handle: nothing to do. */
void transfer_stop(struct transfers *ts, struct transfer *t);

/* Waits until bytes can be moved, wait_ms at most, and moves them. 0, or -ECANCELED when interrupted. */
int transfers_run(struct transfers *ts, int wait_ms);
/* One that has ended, or NULL; to be stopped by the caller when he has read it. */
struct transfer *transfers_ended(struct transfers *ts);
