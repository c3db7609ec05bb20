/*
 * The application's container images, where kbuild.app.images is bake: what the steps of lock and build do
 * about them. With "pull" all of it does nothing.
 */
#pragma once

#include "base.h"

struct ctx;
struct definition;
struct error;
struct lock;
struct node;

struct app_images {
	struct ctx *c;
	const struct definition *def;
	struct lock *lock;
	const struct node
		*secrets; /* the operator's file, whose "registries" are used; NULL: none */
};

/* Adds the images to a lock that was just resolved. */
int app_images_lock(const struct app_images *a, struct error *e);
/* All that they consist of is in the store then. */
int app_images_fetch(const struct app_images *a, struct error *e);
/* Into the tree that is being baked. */
int app_images_bake(const struct app_images *a, int root_fd, struct error *e);
