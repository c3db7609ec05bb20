/*
 * How a verb gets at what the operator keeps secret: as systemd credentials, one JSON document each
 * (LoadCredential=dns:/etc/kbuild/credentials/dns.json), with the map that operator_secrets.h shows.
 * Never from the environment or the command line, where other processes could read them.
 */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct error;
struct node;

#define CREDENTIAL_ABSENT 1 /* the operator gave none: no such file, or {} */

/*
 * The credential of this name ("app", "dns", "git", "registry", "s3", "alert"): a map with at least
 * one key, in the arena. First what this very run took from the handoff (agent.handed), because
 * systemd loads credentials before a unit starts; else $CREDENTIALS_DIRECTORY/NAME.
 */
int credential_read(const struct agent *a, const char *name, struct arena *arena,
	const struct node **ret, struct error *e);

/* Keeps a map as the credential of this name, for all later starts of units; through the broker. */
int credential_store(
	const struct agent *a, const char *name, const struct node *map, struct error *e);
