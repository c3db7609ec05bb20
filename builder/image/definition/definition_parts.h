/* The parts of reading a definition, one file each; used by definition.c only. */
#pragma once

#include "base.h"

struct definition;
struct field;
struct node;
struct schema;

/* kbuild: name, base, disk, firewall, fail2ban, docker and the parts kept for later. */
void kbuild_section_read(const struct schema *s, struct definition *def, const struct node *kbuild);

/* kbuild.app, secrets, dns, backup, health, server: checked whole, stored as nodes. */
void kbuild_server_check(const struct schema *s, const struct node *kbuild);

/* The keys of one of these, as read by schema_read(); NULL: there is none of that name. */
const struct field *kbuild_server_fields(const char *part);

/* packages: as names and "name=version". */
void definition_packages(struct definition *def);
