/* The options of "launch", and of "plan", which takes the same. */
#pragma once

#include "servers.h"

struct arena;
struct cloud;
struct error;
struct launch_options;
struct launch_request;
struct verb_args;

/* Fills both but for the cloud and the definition. q borrows from the arguments and the arena. ERR_USAGE. */
int launch_args_read(const struct verb_args *a, struct arena *arena, struct launch_request *q,
	struct launch_options *o, struct error *e);

/* ERR_USAGE: an option that this cloud has no use for. */
int launch_args_fit(const struct verb_args *a, const struct cloud *cloud, struct error *e);

#define LAUNCH_OPTIONS                                                                                \
	OPTION_CLOUD, { "name", "NAME", "of the server (default: the definition's)", 0 },             \
		{ "flavor", "FLAVOR",                                                                 \
			"how large, as the cloud calls it (default: the definition's)", 0 },          \
		{ "zone", "ZONE", "availability zone (default: beside its data volume)", 0 },         \
		{ "network", "NETWORK", "of the cloud (default: the public one, or the only one)",    \
			0 },                                                                          \
		{ "count", "N", "so many servers, NAME-1 to NAME-N", 0 },                             \
		{ "forward", "H:G",                                                                   \
			"local: port H of this machine to port G of it; [ADDRESS:]H:G[/udp]; repeat", \
			0 },                                                                          \
		{ "memory", "SIZE", "local: 2G", 0 }, { "cpus", "N", "local: 2", 0 },                 \
		{ "address", "A/BITS", "local: its own, and its network (10.0.2.15/24)", 0 },         \
		{ "mac", "MAC", "local: of its network card (default: one is drawn)", 0 },            \
		{ "disk", "SIZE", "of the root disk (default: as the image, or the flavor)", 0 },     \
		{ "volume", "SIZE", "also a data volume", 0 },                                        \
		{ "secrets", "FILE",                                                                  \
			"what only its operator knows, sealed to the image; '-': standard input",     \
			0 },                                                                          \
		{ "ssh-key", "FILE",                                                                  \
			"who may log in (default: a key made for this server); repeat", 0 },          \
		{ "user", "NAME", "whom 'kbuild ssh' logs in as", 0 },                                \
		{ "accel", "HOW", "local: auto, kvm or tcg", 0 },                                     \
		{ "image", "DISK", "a disk file instead of a definition", 0 },                        \
		{ "config-drive", "FILE", "with --image: one that is made already", 0 },              \
	{                                                                                             \
		"user-data", "FILE", "with --image: its user-data", 0                                 \
	}
