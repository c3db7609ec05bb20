/* The bill of materials of an image: CycloneDX 1.6 in JSON, which scanners for known vulnerabilities read. */
#pragma once

#include "base.h"

struct buf;
struct lock;

struct sbom {
	const struct lock *lock;
	const char *name;    /* of the definition */
	const char *id;	     /* names the image: 64 hex digits */
	const char *version; /* of the distribution: "13" */
	const char *agent;   /* SHA-256 of the agent's package, or NULL */
};

/* Appends it. It has no time but the lock's, and no number but the image's: equal images, equal bytes. */
void sbom_format(const struct sbom *s, struct buf *out);
