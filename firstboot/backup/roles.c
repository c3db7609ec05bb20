/*
 * See roles.h. pg_dumpall's text is read by statements: it writes each on a line of its own, but what is quoted in
 * one (a comment on a role) may hold lines that look like others.
 */
#include "roles.h"

#include "alloc.h"
#include "buf.h"

#include <string.h>

struct text {
	const char *at;
	size_t len;
};

/* The statement or comment at p, its line break included. */
static size_t statement(const char *p)
{
	char quote = 0;
	size_t n = 0;

	if (strncmp(p, "--", 2) == 0) {
		n = strcspn(p, "\n");
		return n + (p[n] != '\0');
	}
	for (; p[n] && (quote || p[n] != '\n'); n++) {
		if (quote ? p[n] == quote : p[n] == '\'' || p[n] == '"')
			quote = quote ? 0 : p[n];
	}
	return n + (p[n] != '\0');
}

static bool begins(struct text t, const char *word)
{
	size_t n = strlen(word);

	return t.len >= n && memcmp(t.at, word, n) == 0;
}

/* The name behind the first word that is not part of a name itself. at NULL: there is none. */
static struct text name_behind(struct text t, const char *word)
{
	struct text name = { NULL, 0 };
	bool quoted = false;

	for (size_t i = 0; i < t.len && !name.at; i++) {
		quoted ^= t.at[i] == '"';
		if (!quoted && begins((struct text){ t.at + i, t.len - i }, word))
			name.at = t.at + i + strlen(word);
	}
	while (name.at && name.at + name.len < t.at + t.len) {
		char c = name.at[name.len];

		if (!quoted && strchr(" ;,\n", c))
			break;
		quoted ^= c == '"';
		name.len++;
	}
	return name;
}

static bool same(struct text a, struct text b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

/* Whether all makes it a superuser. What only looks so, in a comment, costs no more than a grantor's name. */
static bool is_superuser(const struct buf *all, struct text role)
{
	_free_ char *line = xasprintf("\nALTER ROLE %.*s WITH SUPERUSER ", (int)role.len, role.at);

	return strstr(buf_str(all), line) != NULL;
}

/* Since version 16 a grantor must hold what he grants, or be the superuser that the server was made with. */
static void add_grant(struct text t, bool with_grantor, struct buf *ret)
{
	static const char word[] = " GRANTED BY ";
	struct text by = name_behind(t, word);

	if (with_grantor || !by.at) {
		buf_add(ret, t.at, t.len);
		return;
	}
	buf_add(ret, t.at, (size_t)(by.at - t.at) - strlen(word));
	buf_adds(ret, ";\n");
}

void roles_whole(const struct buf *all, struct buf *ret)
{
	for (struct text t = { buf_str(all), 0 }; *t.at; t.at += t.len) {
		struct text by;

		t.len = statement(t.at);
		by = begins(t, "GRANT ") ? name_behind(t, " GRANTED BY ") : (struct text){ 0 };
		add_grant(t, !by.at || !is_superuser(all, by), ret);
	}
}

/* What says that a role was there before is a variable of psql's with the role's number. */
static void add_member(
	struct text t, const struct text *roles, size_t n, struct text member, struct buf *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (!same(roles[i], member))
			continue;
		buf_printf(ret, "\\if :there_%zu\n\\else\n", i);
		add_grant(t, false, ret);
		buf_adds(ret, "\\endif\n");
		return;
	}
}

void roles_missing(const struct buf *all, struct buf *ret)
{
	_free_ struct text *roles = NULL;
	size_t n = 0, cap = 0;

	for (struct text t = { buf_str(all), 0 }; *t.at; t.at += t.len) {
		t.len = statement(t.at);
		if (begins(t, "CREATE ROLE ")) {
			roles = grow(roles, n, &cap, sizeof *roles);
			roles[n] = name_behind(t, "CREATE ROLE ");
			buf_printf(ret, "CREATE ROLE %.*s;\n\\set there_%zu :ERROR\n",
				(int)roles[n].len, roles[n].at, n);
			n++;
		} else if (begins(t, "GRANT ")) {
			struct text member = name_behind(t, " TO ");

			if (member.at)
				add_member(t, roles, n, member, ret);
		}
	}
}
