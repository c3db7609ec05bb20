/* The files by which a definition pins versions, which the lock has to read. */
#pragma once

#include "base.h"

#include <string.h>

/* /etc/apt/preferences, or a file of preferences.d. */
static inline bool apt_is_preferences(const char *path)
{
	static const char parts[] = "/etc/apt/preferences.d/";

	if (strcmp(path, "/etc/apt/preferences") == 0)
		return true;
	return strncmp(path, parts, strlen(parts)) == 0 && !strchr(path + strlen(parts), '/');
}
