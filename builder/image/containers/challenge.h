/*
 * What a registry answers to who has not signed in: WWW-Authenticate, which names the ways to do it. Foreign
 * bytes: bounded, fuzzed.
 */
#pragma once

#include "base.h"

struct arena;

enum challenge_kind {
	CHALLENGE_NONE, /* no way that is known here */
	CHALLENGE_BASIC,
	CHALLENGE_BEARER, /* realm is where tokens are asked for */
};

struct challenge {
	enum challenge_kind kind;
	const char *realm, *service; /* in the arena; NULL: not said */
};

#define CHALLENGE_MAX (8 * KIB)

/*
 * Reads one header's value, which may hold several challenges. Bearer is preferred; what *ret has already
 * from another header stays when this one has nothing better.
 */
void challenge_parse(const char *value, struct arena *a, struct challenge *ret);
