/* Who the world asks about a zone: its name servers, as the resolver of this machine finds them. */
#pragma once

#include "base.h"

struct arena;
struct error;

/*
 * In lower case without the last dot, sorted, NULL-terminated; in the arena. None: the name exists, but is no
 * zone, or nobody has it. ERR_NETWORK: the resolver gave no answer.
 */
int name_servers(const char *zone, struct arena *a, const char ***ret, struct error *e);
/* The same form for a name from elsewhere. In the arena. */
char *name_server_form(const char *name, struct arena *a);
