/*
 * Names of container images as Compose files have them: "postgres:16", "ghcr.io/owner/app@sha256:…". They
 * mean what they mean to docker: no registry is Docker Hub, no tag and no digest is "latest".
 */
#pragma once

#include "base.h"

struct arena;

struct image_ref {
	const char *registry; /* as credentials and messages name it: "docker.io", "ghcr.io:5000" */
	const char *host;     /* as it is asked: "registry-1.docker.io" */
	const char *repository; /* "library/postgres" */
	const char *tag;	/* NULL: a digest says which */
	const char *sha256; /* of what the reference names, 64 digits; NULL: the tag says which */
	bool loopback;	    /* this machine's own, asked by plain HTTP as docker does */
};

/* Strings live in the arena. NULL, or what is wrong with it, constant. */
const char *image_ref_parse(const char *text, struct arena *a, struct image_ref *ret);

/* The URL of one of its parts ("manifests", "blobs"), by tag or "sha256:…". In the arena. */
const char *image_ref_url(
	const struct image_ref *ref, struct arena *a, const char *kind, const char *id);

/* What "manifests" are asked for by: the digest, else the tag. In the arena. */
const char *image_ref_id(const struct image_ref *ref, struct arena *a);
