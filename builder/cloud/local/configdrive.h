/*
 * The config drive: the disk labelled config-2 by which OpenStack gives a server its identity and
 * its user-data, made as Nova makes it. https://docs.openstack.org/nova/latest/user/metadata.html
 */
#pragma once

#include "base.h"

struct error;

struct config_drive {
	const char *uuid; /* the instance id: new per server, kept over restarts */
	const char *hostname;
	const char *const *ssh_keys; /* public keys, NULL-terminated; NULL: none */
	const char *user_data;	     /* as it is; NULL: none */
	const char *mac;	     /* of the one network card, which gets its address by DHCP */
	const char *definition,
		*image;	 /* for meta: which definition and image it is from; NULL: left out */
	int64_t created; /* unix seconds */
};

/* Writes the ISO 9660 image to fd, an empty file. */
int config_drive_write(const struct config_drive *d, int fd, struct error *e);
