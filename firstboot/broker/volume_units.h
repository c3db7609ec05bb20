/*
 * Where the data volume is mounted, and the units that do it at each boot, before docker and before the
 * agent runs.
 */
#pragma once

#include "base.h"

struct error;

#define DATA	"/var/lib/kbuild-data"
#define VOLUMES "/var/lib/docker/volumes"
#define STORED	DATA "/docker-volumes"
#define SECRETS "/var/lib/kbuild/secrets"
#define KEPT	DATA "/secrets"

#define DATA_UNIT    "var-lib-kbuild\\x2ddata.mount"
#define VOLUMES_UNIT "var-lib-docker-volumes.mount"
#define SECRETS_UNIT "var-lib-kbuild-secrets.mount"

/* Whether path is a link of udev's ("../../vdb") that leads to this device ("vdb"). */
bool volume_link_leads(const char *path, const char *device);

/*
 * Writes them, below root, for this device: by the name that the cloud gave it, where udev has made a link of
 * that, and else by its label. Replaces those that are there.
 */
int volume_units_write(const char *root, const char *device, struct error *e);
