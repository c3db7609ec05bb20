/* See curl_load.h. */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "curl_load.h"

const struct curl_functions *curl(void)
{
	/* Like the linker's own table: filled once, the same for all. */
	static struct curl_functions found;
	static bool loaded;
	void *library;

	if (loaded)
		return &found;
	library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		fprintf(stderr, "cannot load libcurl: %s\n", dlerror());
		abort();
	}
#define F(name)                                                                                    \
	found.name = (__typeof__(found.name))dlsym(library, "curl_" #name);                        \
	if (!found.name)                                                                           \
		abort();
	CURL_FUNCTIONS(F)
#undef F
	loaded = true;
	return &found;
}
