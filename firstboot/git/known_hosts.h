/*
 * Lines of a known_hosts file (sshd(8)): plain names and patterns, [host]:port, hashed names, @revoked. Lines
 * with @cert-authority say nothing here: certificates of hosts are not used.
 */
#pragma once

#include "base.h"

enum known_host {
	HOST_UNKNOWN,	/* no line names this host */
	HOST_OTHER_KEY, /* lines name it, with other keys */
	HOST_REVOKED,
	HOST_TRUSTED,
};

/* What the lines (NULL-terminated, or NULL) say of a host that showed this key (as sent: type and all). */
enum known_host known_hosts_find(
	const char *const *lines, const char *host, const char *port, const void *key, size_t len);

/*
 * The types of key that lines have for a host, as the list that is asked for: "ssh-ed25519,…". "" when
 * there are none.
 */
void known_hosts_types(const char *const *lines, const char *host, const char *port, char ret[256]);

/* "SHA256:…" of a key, as ssh-keygen -l prints it. */
void known_hosts_fingerprint(const void *key, size_t len, char ret[64]);
