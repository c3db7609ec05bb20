/*
 * What an operator gives to a server when launching it: one map, all parts optional. The same table
 * checks the file on the operator's machine, with places, and what came out of the handoff.
 *
 *   dns:         {endpoint: ovh-eu, application_key: K, application_secret: S, consumer_key: C}
 *                or {endpoint: ovh-eu, client_id: I, client_secret: S}
 *                beside either: addresses: [IP…] that lead to the server, where it does not know them
 *                itself (a floating IP); nameservers: [HOST[:PORT]…] to ask instead of the zone's own;
 *                token_url, where the endpoint is a URL
 *   repository:  {user: U, token: T}                https; user only where the forge wants one
 *                or {key: OPENSSH-PRIVATE-KEY}      ssh, ed25519
 *   registries:  {HOST: {user: U, password: P}, …}
 *   s3:          {access_key: A, secret_key: S}
 *   alert:       {smtp_password: P, webhook_url: U, webhook_token: T, ping_url: U}
 *   secrets:     {NAME: VALUE, …}                   kbuild.secrets.values of {operator: …}
 *
 * On the server each part becomes a credential of its own, a JSON file with exactly that map, which only
 * the units that need it load: see operator_parts. No message ever repeats a value.
 */
#pragma once

#include "base.h"

struct arena;
struct diags;
struct node;

#define OPERATOR_VALUE_MAX (8 * KIB) /* bytes of one value: a private key has some 400 */

/* A registry as docker names it, HOST or HOST:PORT, and who signs in there: what launch and the broker take. */
bool operator_registry_valid(const char *host);
/* Robots have $ and + in their names, tenants a slash, domains a backslash. One word that begins with no '-'. */
bool operator_login_valid(const char *user);

/* A part of the document and the credential it becomes. Ended by {}. */
struct operator_part {
	const char *key;	/* "repository" */
	const char *credential; /* "git" */
	const char *what;	/* for people: "repository credentials" */
};
extern const struct operator_part operator_parts[];

/* Complains about all that is wrong; the diags' lines should stay hidden (diags.hide_lines). */
void operator_secrets_check(struct arena *a, const struct node *doc, struct diags *d);

/* Whether there is anything in it. */
bool operator_secrets_any(const struct node *doc);
