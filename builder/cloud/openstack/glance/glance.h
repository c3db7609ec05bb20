/*
 * Glance, the service of images: its records. Their bytes are upload.h's.
 * https://docs.openstack.org/api-ref/image/v2/
 *
 * Images of ours have the tag "kbuild" and say in properties what they are: kbuild_image (the digest
 * that names the image), kbuild_definition, kbuild_sha512 (of the bytes, once they are known to be right).
 */
#pragma once

#include "base.h"

#include <string.h>

struct arena;
struct cloud_image;
struct error;
struct node;
struct os;

/* What kbuild needs of one; strings live in the arena, NULL: not said. */
struct glance_image {
	const char *id; /* never NULL, and harmless in a path */
	const char *name, *status, *disk_format, *owner;
	const char *hash_algo, *hash_value,
		*checksum;	   /* the service's own, lower-case hex; checksum is MD5 */
	int64_t created, changed;  /* unix seconds; 0: not said */
	int64_t size;		   /* bytes that are stored; -1: none yet */
	int64_t min_disk, min_ram; /* GiB, MiB */
	bool is_protected;
	const char *digest, *definition, *sha512; /* the properties */
	const char *user;
};

/* Whoever uploaded it has compared what the service holds. */
static inline bool glance_is_proven(const struct glance_image *i)
{
	return i->sha512 && i->hash_value && strcmp(i->sha512, i->hash_value) == 0;
}

/* One record of a reply. ERR_NETWORK, naming the member that is missing or wrong. */
int glance_parse(
	const struct node *record, struct arena *a, struct glance_image *ret, struct error *e);

/*
 * All images of ours in the project, newest first; digest: only that image's, or NULL. Others' are not
 * seen, whatever the token may see.
 */
int glance_list(struct os *o, const char *region, const char *digest, struct arena *a,
	struct glance_image **ret, size_t *ret_n, struct error *e);

/* 0 or OS_ABSENT. */
int glance_show(struct os *o, const char *region, const char *id, struct arena *a,
	struct glance_image *ret, struct error *e);

/* A record to be made; NULL: left out. */
struct glance_new {
	const char *id; /* NULL: the service chooses one */
	const char *name, *disk_format;
	int64_t min_disk; /* GiB */
	const char *digest, *definition, *sha512;
	const char *user, *distribution, *version, *architecture;
};

/* Its JSON, in the arena. */
const char *glance_new_json(const struct glance_new *n, struct arena *a);

/*
 * Makes the record, without bytes ("queued"). 0; OS_CONFLICT: an image of this id is or was there, or (in
 * the words of the error) the region takes no images; OS_REFUSED; OS_UNSURE only without id.
 */
int glance_create(struct os *o, const char *region, const struct glance_new *n, struct arena *a,
	struct glance_image *ret, struct error *e);

/* Writes kbuild_sha512 down: these bytes were compared. 0 or OS_ABSENT. */
int glance_confirm(
	struct os *o, const char *region, const char *id, const char *sha512, struct error *e);

/* 0 or OS_ABSENT. In use, or protected: ERR_NETWORK's sibling ERR_FAILED with the service's words. */
int glance_delete(struct os *o, const char *region, const char *id, struct error *e);

/* As the other clouds' images; borrows. */
void glance_to_cloud(const struct glance_image *i, const char *region, struct cloud_image *ret);

/*
 * How many MiB of images the project may still store in that region, and how many images; -1 where the
 * service does not say, as most do not.
 */
struct glance_room {
	int64_t mib, images;
};
void glance_room_read(const struct node *answer, struct glance_room *ret);
int glance_room(struct os *o, const char *region, struct glance_room *ret, struct error *e);
