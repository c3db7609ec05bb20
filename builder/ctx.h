/*
 * What every verb gets: where things are kept, how to report, what was asked on the command line
 * for all verbs. Made by main(), passed explicitly.
 */
#pragma once

#include "base.h"
#include "buf.h"
#include "mark.h"

struct clock;
struct progress;
struct error;

struct ctx {
	const char *cache_dir; /* --cache, $KBUILD_CACHE, $XDG_CACHE_HOME/kbuild, ~/.cache/kbuild */
	const char *
		state_dir; /* --state, $KBUILD_STATE, $XDG_STATE_HOME/kbuild, ~/.local/state/kbuild */
	struct progress *progress;
	const struct clock *clock;
	bool json;    /* --json: machine-readable results on stdout */
	bool color;   /* stderr is a terminal, NO_COLOR is not set, --no-color not given */
	bool offline; /* --offline: nothing from the network */
	bool verbose;
	const char *mirror;	  /* --mirror URL, or NULL */
	struct diags diags;	  /* complaints about definitions; main() prints them */
	struct buf error_members; /* more of what --json says of an error: ,"NAME":VALUE… */
};
