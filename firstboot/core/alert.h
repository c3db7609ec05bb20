/*
 * What people must hear of: a file a fault in STATE/alerts, which stays there while the fault lasts. So
 * the same fault is told once, whoever finds it again and however often this process is killed; that
 * it is over is told too. Whoever finds a fault raises it; the health run sends what is waiting and
 * says what was sent. Nothing is lost with the network down: it waits, and the queue is bounded. Nor with the
 * disk full: entries are then written into room that was kept for them.
 *
 *   STATE/alerts/ID.json   {"key","kind","subject","text","at","sent",
 *                           "over":{"subject","text","at"} or null}
 */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct error;

/* More open faults than this at once, and the oldest one is forgotten. */
#define ALERTS_MAX 100

struct alert {
	const char *key;     /* what fault it is: "gitops:SHA", "health:disk"; any text */
	const char *kind;    /* who found it: "gitops", "backup", "health" … */
	const char *subject; /* one line */
	const char *text;    /* more lines, or NULL; never with secrets */
};

#define ALERT_KNOWN 1

/*
 * A fault is there. 0: it will be told; ALERT_KNOWN: it was raised before and is not over (told or
 * waiting). One that was over but whose end nobody was told yet is open again, silently.
 */
int alert_raise(const struct agent *a, const struct alert *what, struct error *e);

/* It lasts: it is told once more, in these words. */
int alert_remind(const struct agent *a, const struct alert *what, struct error *e);
/* It was raised and is not over. */
bool alert_is_open(const struct agent *a, const char *key);

/*
 * The fault is over: that will be told, after the fault itself, when that was raised; else nothing
 * happens. subject and text as above.
 */
int alert_resolve(const struct agent *a, const char *key, const char *subject, const char *text,
	struct error *e);
/* The same for every fault of a kind: for who knows that all is well, and not what was raised before. */
int alert_resolve_kind(const struct agent *a, const char *kind, const char *subject,
	const char *text, struct error *e);
/* Forgets a fault without a word: it was no fault of ours any more (a bad commit that was replaced). */
int alert_forget(const struct agent *a, const char *key, struct error *e);

/* Makes what telling needs (the directory, its lock, spare.h) while there is room for it. */
void alert_make_room(const struct agent *a);

/* For the sender: what is to be told, oldest first. */
struct alert_waiting {
	struct alert alert;
	bool over; /* this is the notice that it is over */
	int64_t at;
};

/* ret: an array of *ret_n in the arena. */
int alert_waiting(const struct agent *a, struct arena *arena, struct alert_waiting **ret,
	size_t *ret_n, struct error *e);
/* It was sent. A fault then stays (known) until it is over; the notice of its end ends it. */
int alert_sent(const struct agent *a, const struct alert_waiting *w, struct error *e);
