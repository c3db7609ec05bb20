/*
 * What an application may ask of the machine. Whoever can push to the repository chooses the compose
 * file; this decides, before anything is started, that what it describes stays inside containers. Known
 * keys are allowed by name, one by one: what is not known here is refused, so that a new key of Compose
 * opens nothing by itself.
 *
 * Pure: a rendered document in, a verdict out. The rules and their reasons are in docs/ARCHITECTURE.md.
 */
#pragma once

#include "base.h"

struct node;

struct policy {
	const char *release; /* where the rendered document has the release: "/release" */
	/* The one service that may have the engine's socket, which makes it root; NULL: none may. */
	const char *socket_service;
	/* Ports that are open to the world ("80/tcp"); NULL: not known, one service may publish. */
	const char *const *ports;
};

struct verdict {
	char where[128]; /* "services.web", "volumes.data" */
	char key[64];
	char why[256];
};

#define POLICY_REFUSED 1

/* 0, or POLICY_REFUSED with the first thing found. */
int policy_check(const struct policy *p, const struct node *doc, struct verdict *ret);

/* Whether a path is the release or inside it, without "..". */
bool policy_inside(const struct policy *p, const char *path);
