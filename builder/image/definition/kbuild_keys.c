/* The parts of kbuild: in one sentence each. */
#include "kbuild_keys.h"

#include <string.h>

/* clang-format off */
static const struct kbuild_key table[] = {
	{ "include", "build", "other files are read first; this one is laid over them" },
	{ "merge", "build", "it says which lists are joined with those of included files" },
	{ "name", "build", "it names the image, and servers launched from it" },
	{ "base", "build", "it chooses the distribution whose archive the packages come from" },
	{ "disk", "build", "the disk image gets this size; a larger disk is filled at first boot" },
	{ "firewall", "baked", "UFW is installed and on; Docker's published ports obey it too" },
	{ "fail2ban", "baked", "fail2ban is installed and watches sshd" },
	{ "docker", "baked", "Docker and Compose V2 are installed and configured" },
	{ "app", "agent", "the application is checked out and started on the server, then followed" },
	{ "secrets", "agent", "secrets are made on the server, never in the image" },
	{ "dns", "agent", "the records are set when the server knows its addresses" },
	{ "backup", "agent", "backups are taken on the server by a timer" },
	{ "health", "agent", "checks run on the server by a timer" },
	{ "server", "launch", "it says where and how large a server is when it is launched" },
};
/* clang-format on */

const struct kbuild_key *kbuild_key_find(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (strcmp(table[i].key, key) == 0)
			return &table[i];
	}
	return NULL;
}

const struct kbuild_key *kbuild_key_table(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(table);
	return table;
}
