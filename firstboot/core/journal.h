/*
 * A journal of intents: one line of JSON an entry, appended and fsynced before the call returns. Who
 * comes after a power cut sees what was begun and what was done; a line that was cut off is no entry.
 *
 *   {"at":1700000000,"step":"dns","event":"intent","note":"…"}
 *   {"at":1700000003,"step":"dns","event":"done"}
 */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct error;
struct journal;
struct node;

/* Opens (and makes) STATE/name, reading what is there; a torn last line is cut off. Returns new. */
int journal_open(struct journal **ret, const struct agent *a, const char *name, struct error *e);
void journal_close(struct journal *j);
DEFINE_CLEANUP(struct journal *, journal_close);

/* Appends and fsyncs. event: "intent", "done", "failed", a word; extra: JSON members, or NULL. */
int journal_add(
	struct journal *j, const char *step, const char *event, const char *extra, struct error *e);

/* The last entry of a step, or NULL; lives as long as the journal. */
const struct node *journal_last(const struct journal *j, const char *step);
/* Whether the last entry of a step is of this event. */
bool journal_is(const struct journal *j, const char *step, const char *event);
/* All entries, oldest first. */
size_t journal_count(const struct journal *j);
const struct node *journal_at(const struct journal *j, size_t i);
