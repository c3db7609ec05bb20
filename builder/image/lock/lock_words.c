/* See lock_words.h. */
#include "lock_words.h"

#include <stdlib.h>
#include <string.h>

bool all_of(const char *s, const char *set)
{
	return *s && s[strspn(s, set)] == '\0';
}

bool is_name(const char *s)
{
	return all_of(s, LOWER "+-.") && !strchr("+-.", s[0]);
}

/* Below the source's URI and nowhere else. */
bool is_file(const char *s)
{
	if (!all_of(s, LOWER UPPER "+-._~:/%=@,") || s[0] == '/')
		return false;
	for (const char *p = s; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
			return false;
	}
	return true;
}

bool is_date(const char *s)
{
	static const char form[] = "0000-00-00T00:00:00Z";

	if (strlen(s) != strlen(form))
		return false;
	for (size_t i = 0; form[i]; i++) {
		if (form[i] == '0' ? s[i] < '0' || s[i] > '9' : s[i] != form[i])
			return false;
	}
	return true;
}

bool parse_size_exact(const char *text, uint64_t *ret)
{
	char *end;

	if (!all_of(text, "0123456789") || text[0] == '0' || strlen(text) > 15)
		return false;
	*ret = strtoull(text, &end, 10);
	return *end == '\0';
}
