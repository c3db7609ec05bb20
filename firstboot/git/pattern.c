/* See pattern.h. Matching goes back to the last "*" only, so it takes no more than pattern times text steps. */
#include "pattern.h"

#include <string.h>

bool pattern_match(const char *pattern, size_t len, const char *text)
{
	const char *end = pattern + len, *star = NULL, *resume = NULL;

	while (*text) {
		if (pattern < end && *pattern == '*') {
			star = ++pattern;
			resume = text;
		} else if (pattern < end && (*pattern == '?' || *pattern == *text)) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (pattern < end && *pattern == '*')
		pattern++;
	return pattern == end;
}

bool pattern_list_match(const char *list, const char *text)
{
	bool found = false;

	for (;;) {
		size_t n = strcspn(list, ",");
		bool not = n > 0 && *list == '!';

		if (pattern_match(list + not, n - not, text)) {
			if (not )
				return false;
			found = true;
		}
		if (!list[n])
			return found;
		list += n + 1;
	}
}
