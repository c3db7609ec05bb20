/*
 * What a git server says first (protocol 0): the list of its branches. Read as it comes, so that nothing
 * after the line that is looked for needs to be sent. Foreign bytes: bounded, fuzzed.
 */
#pragma once

#include "base.h"
#include "client.h"

struct error;

#define ADVERT_MAX (16 * MIB) /* some 200,000 branches and tags */

struct advert {
	const char *branch;
	bool found, end;
	bool header; /* the last packet was the name of the service */
	char tip[REPO_SHA];
	size_t total;
	/* A packet that is not complete yet. */
	size_t have;
	char packet[65521];
};

void advert_init(struct advert *a, const char *branch); /* borrows branch */

/* Takes some bytes. a->found: tip is known; a->end: all was said. An error the server sends is ERR_FAILED. */
int advert_add(struct advert *a, const void *data, size_t len, struct error *e);
