/* See restore_name.h. */
#include "restore_name.h"

#include "arena.h"
#include "digest.h"
#include "manifest.h"

#include <string.h>

/* NAMEDATALEN - 1: what PostgreSQL would cut off silently. */
#define NAME_LEN   63
#define DIGEST_LEN 8

bool restore_has(const char *const *names, const char *name)
{
	for (; names && *names; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

const char *restore_name(struct arena *a, const char *name, const char *word, const char *id)
{
	size_t room = NAME_LEN - strlen(word) - strlen(id) - 2;
	char hex[SHA256_HEX];

	if (strlen(name) <= room)
		return arena_printf(a, "%s_%s_%s", name, word, id);
	sha256_bytes(name, strlen(name), hex);
	return arena_printf(
		a, "%.*s_%.*s_%s_%s", (int)room - DIGEST_LEN - 1, name, DIGEST_LEN, hex, word, id);
}

const char *restore_old_name(
	struct arena *a, const char *const *there, const char *name, const char *id)
{
	const char *old = restore_name(a, name, RESTORE_OLD, id);

	for (int i = 2; restore_has(there, old); i++)
		old = restore_name(a, name, RESTORE_OLD, arena_printf(a, "%s_%d", id, i));
	return old;
}

/* "_2" and so on: what restore_old_name() counts. */
static bool is_count(const char *text)
{
	size_t n = strlen(text);

	if (n < 2 || text[0] != '_' || text[1] < '1' || strspn(text + 1, "0123456789") != n - 1)
		return false;
	return strcmp(text, "_1") != 0;
}

/* Whether text is an id, and nothing behind it but, where that may be, a count. */
static bool is_id(const char *text, bool counted)
{
	char id[BACKUP_ID_LEN + 1] = "";
	int64_t at;

	if (strlen(text) < BACKUP_ID_LEN)
		return false;
	memcpy(id, text, BACKUP_ID_LEN);
	text += BACKUP_ID_LEN;
	return backup_id_time(id, &at) && (!*text || (counted && is_count(text)));
}

bool restore_made(const char *name)
{
	static const struct {
		const char *word;
		bool counted;
	} forms[] = {
		{ "_" RESTORE_FRESH "_", false },
		{ "_" RESTORE_OLD "_", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t n = strlen(forms[i].word);

		/* From the second character on: something stands before it. */
		for (const char *at = name; *at && (at = strstr(at + 1, forms[i].word));) {
			if (is_id(at + n, forms[i].counted))
				return strlen(name) <= NAME_LEN;
		}
	}
	return false;
}
