/*
 * The rules of kbuild.firewall.allow as the texts that UFW loads. Pure functions; bake_firewall.c
 * puts them in place.
 *
 * What is said once holds for both ways a packet can take: to a program of the server (INPUT, UFW's
 * own rules) and to a container's published port (FORWARD, where UFW's rules for INPUT are not asked:
 * the chain DOCKER-USER).
 */
#pragma once

#include "base.h"

struct buf;
struct port_rule;

/* The lines around our part of after.rules, so that it is replaced, not repeated. */
#define FIREWALL_BEGIN "# BEGIN kbuild: published ports of containers"
#define FIREWALL_END   "# END kbuild: published ports of containers"

/* user.rules (v6: user6.rules) exactly as "ufw allow …" itself leaves it, tuples included. */
void firewall_user_rules(const struct port_rule *allow, size_t n, bool v6, struct buf *out);

/* The chain DOCKER-USER for after.rules (after6.rules), between the two lines above. */
void firewall_docker_rules(const struct port_rule *allow, size_t n, bool v6, struct buf *out);
