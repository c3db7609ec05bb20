/* The difference of two locks: one walk over both sorted lists, told to people or to machines. */
#include "lock.h"

#include "buf.h"
#include "depend.h"
#include "json.h"

#include <stdio.h>
#include <string.h>

enum change { ADDED, REMOVED, UPGRADED, DOWNGRADED, REBUILT, OTHER, CHANGES };

static const struct {
	const char *word; /* for machines */
	const char *verb; /* for people */
} change_words[CHANGES] = {
	[ADDED] = { "added", "add" },
	[REMOVED] = { "removed", "remove" },
	[UPGRADED] = { "upgraded", "upgrade" },
	[DOWNGRADED] = { "downgraded", "downgrade" },
	[REBUILT] = { "rebuilt", "rebuilt" }, /* the same version, other bytes */
	[OTHER] = { "marked", "marked" },     /* only why or how it is there */
};

typedef void (*change_sink)(enum change what, const struct lock_package *old,
	const struct lock_package *new, struct buf *out);

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* CHANGES when nothing that matters differs. */
static enum change compare(const struct lock_package *old, const struct lock_package *new)
{
	int c;

	if (!old)
		return ADDED;
	if (!new)
		return REMOVED;
	c = version_compare(old->version, new->version);
	if (c != 0 || strcmp(old->version, new->version) != 0)
		return c > 0 ? DOWNGRADED : UPGRADED;
	if (strcmp(old->sha256, new->sha256) != 0)
		return REBUILT;
	if (old->automatic != new->automatic || old->essential != new->essential ||
		old->reason != new->reason || !same_text(old->because, new->because) ||
		strcmp(old->source, new->source) != 0)
		return OTHER;
	return CHANGES;
}

static size_t walk(
	const struct lock *old, const struct lock *new, change_sink sink, struct buf *out)
{
	size_t i = 0, k = 0, n = 0, n_old = old ? old->n : 0;

	while (i < n_old || k < new->n) {
		int c = i == n_old    ? 1
			: k == new->n ? -1
				      : strcmp(old->packages[i].name, new->packages[k].name);
		const struct lock_package *a = c <= 0 ? &old->packages[i] : NULL;
		const struct lock_package *b = c >= 0 ? &new->packages[k] : NULL;
		enum change what = compare(a, b);

		i += c <= 0;
		k += c >= 0;
		if (what == CHANGES)
			continue;
		sink(what, a, b, out);
		n++;
	}
	return n;
}

static void reason_text(const struct lock_package *p, struct buf *out)
{
	switch (p->reason) {
	case LOCK_ASKED:
		buf_adds(out, "asked for");
		break;
	case LOCK_REQUIRED:
		buf_adds(out, "required");
		break;
	case LOCK_DEPENDENCY:
		buf_printf(out, "needed by %s", p->because ? p->because : "others");
		break;
	case LOCK_RECOMMENDED:
		buf_printf(out, "recommended by %s", p->because ? p->because : "others");
		break;
	}
}

static void to_people(enum change what, const struct lock_package *old,
	const struct lock_package *new, struct buf *out)
{
	buf_printf(out, "  %-9s  %-28s ", change_words[what].verb, new ? new->name : old->name);
	switch (what) {
	case ADDED:
		buf_printf(out, "%s  (", new->version);
		reason_text(new, out);
		buf_adds(out, ")");
		break;
	case REMOVED:
		buf_adds(out, old->version);
		break;
	case UPGRADED:
	case DOWNGRADED:
		buf_printf(out, "%s → %s", old->version, new->version);
		break;
	case REBUILT:
		buf_printf(
			out, "%s  sha256 %.12s… → %.12s…", new->version, old->sha256, new->sha256);
		break;
	default:
		buf_printf(out, "%s  (%s, ", new->version, new->automatic ? "automatic" : "manual");
		reason_text(new, out);
		buf_adds(out, ")");
		break;
	}
	buf_addc(out, '\n');
}

static const struct lock_source *find_source(const struct lock *l, const char *id)
{
	for (size_t i = 0; l && i < l->n_sources; i++) {
		if (strcmp(l->sources[i].id, id) == 0)
			return &l->sources[i];
	}
	return NULL;
}

static size_t diff_sources(const struct lock *old, const struct lock *new, struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < new->n_sources; i++) {
		const struct lock_source *s = &new->sources[i], *was = find_source(old, s->id);

		if (!was) {
			buf_printf(out, "  source     %-28s %s  key %s\n", s->id, s->date,
				s->fingerprint);
		} else if (strcmp(was->sha256, s->sha256) != 0) {
			buf_printf(out, "  source     %-28s %s → %s\n", s->id, was->date, s->date);
			if (strcmp(was->fingerprint, s->fingerprint) != 0)
				buf_printf(out, "  NEW KEY    %-28s %s → %s\n", s->id,
					was->fingerprint, s->fingerprint);
		} else {
			continue;
		}
		n++;
	}
	for (size_t i = 0; old && i < old->n_sources; i++) {
		if (find_source(new, old->sources[i].id))
			continue;
		buf_printf(out, "  no source  %s\n", old->sources[i].id);
		n++;
	}
	return n;
}

size_t lock_diff(const struct lock *old, const struct lock *new, struct buf *out)
{
	size_t n = diff_sources(old, new, out);

	return n + walk(old, new, to_people, out);
}

static void member(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, ",\"%s\":", key);
	if (value)
		json_write_string(out, value, strlen(value));
	else
		buf_adds(out, "null");
}

static void to_machines(enum change what, const struct lock_package *old,
	const struct lock_package *new, struct buf *out)
{
	if (out->data[out->len - 1] != '[')
		buf_addc(out, ',');
	buf_printf(out, "{\"change\":\"%s\"", change_words[what].word);
	member(out, "package", new ? new->name : old->name);
	member(out, "old", old ? old->version : NULL);
	member(out, "new", new ? new->version : NULL);
	buf_addc(out, '}');
}

size_t lock_diff_json(const struct lock *old, const struct lock *new, struct buf *out)
{
	size_t n = 0;

	buf_adds(out, "\"sources\":[");
	for (size_t i = 0; i < new->n_sources; i++) {
		const struct lock_source *s = &new->sources[i], *was = find_source(old, s->id);

		n += !was || strcmp(was->sha256, s->sha256) != 0;
		buf_printf(out, "%s{\"id\":", i ? "," : "");
		json_write_string(out, s->id, strlen(s->id));
		member(out, "old", was ? was->date : NULL);
		member(out, "new", s->date);
		member(out, "fingerprint", s->fingerprint);
		buf_addc(out, '}');
	}
	buf_adds(out, "],\"changes\":[");
	n += walk(old, new, to_machines, out);
	buf_addc(out, ']');
	return n;
}
