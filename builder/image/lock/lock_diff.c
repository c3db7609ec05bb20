/* The difference of two locks: walks over sorted lists, told to people or to machines. */
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

/* Both are there: of what is added or removed, the same package twice. */
struct difference {
	enum change what;
	const struct lock_package *from, *to;
};

typedef void (*change_sink)(const struct difference *d, struct buf *out);

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* CHANGES when nothing that matters differs. */
static enum change compare(const struct lock_package *old, const struct lock_package *new)
{
	int c = version_compare(old->version, new->version);

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
	const struct lock_package *a = old ? old->packages : NULL, *b = new->packages;
	const struct lock_package *a_end = old ? a + old->n : NULL, *b_end = b + new->n;
	size_t n = 0;

	while (a < a_end || b < b_end) {
		struct difference d;
		int c = a == a_end ? 1 : b == b_end ? -1 : strcmp(a->name, b->name);

		if (c < 0)
			d = (struct difference){ REMOVED, a, a };
		else if (c > 0)
			d = (struct difference){ ADDED, b, b };
		else
			d = (struct difference){ compare(a, b), a, b };
		a += c <= 0;
		b += c >= 0;
		if (d.what == CHANGES)
			continue;
		sink(&d, out);
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

static void to_people(const struct difference *d, struct buf *out)
{
	buf_printf(out, "  %-9s  %-28s ", change_words[d->what].verb, d->to->name);
	switch (d->what) {
	case ADDED:
		buf_printf(out, "%s  (", d->to->version);
		reason_text(d->to, out);
		buf_adds(out, ")");
		break;
	case REMOVED:
		buf_adds(out, d->from->version);
		break;
	case UPGRADED:
	case DOWNGRADED:
		buf_printf(out, "%s → %s", d->from->version, d->to->version);
		break;
	case REBUILT:
		buf_printf(out, "%s  sha256 %.12s… → %.12s…", d->to->version, d->from->sha256,
			d->to->sha256);
		break;
	default:
		buf_printf(out, "%s  (%s, ", d->to->version,
			d->to->automatic ? "automatic" : "manual");
		reason_text(d->to, out);
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

/* One container image: the digests that it had and has, NULL where it is not in that lock. */
struct container_change {
	const char *reference, *from, *to;
};
typedef void (*container_sink)(const struct container_change *c, struct buf *out);

static size_t walk_containers(
	const struct lock *old, const struct lock *new, container_sink sink, struct buf *out)
{
	const struct lock_container *a = old ? old->containers : NULL, *b = new->containers;
	const struct lock_container *a_end = old ? a + old->n_containers : NULL;
	const struct lock_container *b_end = b + new->n_containers;
	size_t n = 0;

	while (a < a_end || b < b_end) {
		int c = a == a_end ? 1 : b == b_end ? -1 : strcmp(a->reference, b->reference);
		struct container_change d = { c <= 0 ? a->reference : b->reference,
			c <= 0 ? a->sha256 : NULL, c >= 0 ? b->sha256 : NULL };

		a += c <= 0;
		b += c >= 0;
		if (d.from && d.to && strcmp(d.from, d.to) == 0)
			continue;
		sink(&d, out);
		n++;
	}
	return n;
}

static void container_to_people(const struct container_change *c, struct buf *out)
{
	buf_printf(out, "  %-9s  %-28s ",
		!c->from ? "add"
		: !c->to ? "remove"
			 : "image",
		c->reference);
	if (c->from)
		buf_printf(out, "sha256:%.12s…", c->from);
	if (c->to)
		buf_printf(out, "%ssha256:%.12s…", c->from ? " → " : "", c->to);
	buf_addc(out, '\n');
}

/* The commit is told only where it differs: that it moved is no change of the image by itself. */
static void diff_application(const struct lock *old, const struct lock *new, struct buf *out)
{
	if (old && old->application &&
		new->application &&strcmp(old->application, new->application) != 0)
		buf_printf(out, "  commit     %-28s %.12s → %.12s\n", "of the application",
			old->application, new->application);
}

size_t lock_diff(const struct lock *old, const struct lock *new, struct buf *out)
{
	size_t n = diff_sources(old, new, out);

	n += walk(old, new, to_people, out);
	diff_application(old, new, out);
	return n + walk_containers(old, new, container_to_people, out);
}

static void member(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, ",\"%s\":", key);
	if (value)
		json_write_string(out, value, strlen(value));
	else
		buf_adds(out, "null");
}

static void to_machines(const struct difference *d, struct buf *out)
{
	if (out->data[out->len - 1] != '[')
		buf_addc(out, ',');
	buf_printf(out, "{\"change\":\"%s\"", change_words[d->what].word);
	member(out, "package", d->to->name);
	member(out, "old", d->what == ADDED ? NULL : d->from->version);
	member(out, "new", d->what == REMOVED ? NULL : d->to->version);
	buf_addc(out, '}');
}

static void container_to_machines(const struct container_change *c, struct buf *out)
{
	if (out->data[out->len - 1] != '[')
		buf_addc(out, ',');
	buf_adds(out, "{\"reference\":");
	json_write_string(out, c->reference, strlen(c->reference));
	member(out, "old", c->from);
	member(out, "new", c->to);
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
	buf_adds(out, "],\"containers\":[");
	n += walk_containers(old, new, container_to_machines, out);
	buf_addc(out, ']');
	return n;
}
