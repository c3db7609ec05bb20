/*
 * libcurl's functions, loaded by name when the first is called, and not linked: it brings thirty other
 * libraries, which would cost every process of the agent (most have no network) more than all the rest of its
 * start. To be included after <curl/curl.h>, whose types these are: curl()->easy_init().
 *
 * A process that will be confined calls curl() before that: loading reads files.
 */
#pragma once

#define CURL_FUNCTIONS(F)                                                                          \
	F(easy_cleanup)                                                                            \
	F(easy_getinfo)                                                                            \
	F(easy_init)                                                                               \
	F(easy_perform)                                                                            \
	F(easy_setopt)                                                                             \
	F(easy_strerror)                                                                           \
	F(getdate)                                                                                 \
	F(global_init)                                                                             \
	F(multi_add_handle)                                                                        \
	F(multi_cleanup)                                                                           \
	F(multi_info_read)                                                                         \
	F(multi_init)                                                                              \
	F(multi_perform)                                                                           \
	F(multi_poll)                                                                              \
	F(multi_remove_handle)                                                                     \
	F(multi_setopt)                                                                            \
	F(slist_append)                                                                            \
	F(slist_free_all)

struct curl_functions {
#define F(name) __typeof__(curl_##name) *name;
	CURL_FUNCTIONS(F)
#undef F
};

/* Never NULL: without the library, which the package depends on, the program ends. */
const struct curl_functions *curl(void);
