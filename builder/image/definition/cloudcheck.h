/* The shapes of cloud-config values; one function a key, used by the table in cloudconfig_table.c. */
#pragma once

#include "base.h"

struct definition;
struct node;
struct schema;

#define CLOUD_CHECK(name)                                                                          \
	void name(const struct schema *s, const struct definition *def, const struct node *value)

/* check_simple.c */
CLOUD_CHECK(check_bool);
CLOUD_CHECK(check_text);
CLOUD_CHECK(check_list);
CLOUD_CHECK(check_map);
CLOUD_CHECK(check_system_info);
CLOUD_CHECK(check_list_or_map);
CLOUD_CHECK(check_commands);
CLOUD_CHECK(check_hostname);
CLOUD_CHECK(check_ssh_pwauth);
CLOUD_CHECK(check_timezone);
CLOUD_CHECK(check_locale);
CLOUD_CHECK(check_path);
CLOUD_CHECK(check_keys);
CLOUD_CHECK(check_ntp);
CLOUD_CHECK(check_ca_certs);

/* check_packages.c */
CLOUD_CHECK(check_packages);

/* check_apt.c */
CLOUD_CHECK(check_apt);

/* check_users.c */
CLOUD_CHECK(check_groups);
CLOUD_CHECK(check_user);
CLOUD_CHECK(check_users);

/* check_files.c */
CLOUD_CHECK(check_write_files);

/* "'KEY' must be WANTED, not WHAT-IT-IS", at the value; s->where is the key. */
void cloud_wrong(const struct schema *s, const struct node *value, const char *wanted);
