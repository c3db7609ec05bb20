/*
 * The same four documents in two versions: "latest", and the dated one of Nova's Liberty release,
 * which is the newest that every cloud-init since 0.7.7 knows (cloud-init takes the newest it knows
 * of those that are there).
 *
 * libarchive writes the label in capitals, CONFIG_2, into the primary volume descriptor, as the
 * standard asks. Nova and genisoimage write it as it is, and so does this, so that it is found by
 * who does not look at the second (Joliet) descriptor.
 */
#include "configdrive.h"

#include "buf.h"
#include "error.h"
#include "json.h"
#include "tarball.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LABEL "config-2"
/* ECMA-119 8.4: the primary volume descriptor is sector 16, the volume id its bytes 40 to 71. */
#define VOLUME_ID      (16 * 2048 + 40)
#define VOLUME_ID_SIZE 32

static void add_string(struct buf *out, const char *s)
{
	json_write_string(out, s, strlen(s));
}

static void add_member(struct buf *out, const char *key, const char *value)
{
	if (out->data[out->len - 1] != '{')
		buf_adds(out, ", ");
	add_string(out, key);
	buf_adds(out, ": ");
	add_string(out, value);
}

static void write_keys(const struct config_drive *d, struct buf *out)
{
	char name[32];

	buf_adds(out, ", \"public_keys\": {");
	for (size_t i = 0; d->ssh_keys && d->ssh_keys[i]; i++) {
		snprintf(name, sizeof name, "kbuild-%zu", i);
		add_member(out, name, d->ssh_keys[i]);
	}
	buf_adds(out, "}, \"keys\": [");
	for (size_t i = 0; d->ssh_keys && d->ssh_keys[i]; i++) {
		snprintf(name, sizeof name, "kbuild-%zu", i);
		buf_adds(out, i ? ", {" : "{");
		add_member(out, "name", name);
		add_member(out, "type", "ssh");
		add_member(out, "data", d->ssh_keys[i]);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
}

static void write_meta(const struct config_drive *d, struct buf *out)
{
	buf_addc(out, '{');
	add_member(out, "uuid", d->uuid);
	add_member(out, "name", d->hostname);
	add_member(out, "hostname", d->hostname);
	buf_adds(out, ", \"launch_index\": 0");
	add_member(out, "availability_zone", "local");
	write_keys(d, out);
	buf_adds(out, ", \"meta\": {");
	if (d->definition)
		add_member(out, "kbuild:definition", d->definition);
	if (d->image)
		add_member(out, "kbuild:image", d->image);
	buf_adds(out, "}}\n");
}

static void write_network(const struct config_drive *d, struct buf *out)
{
	buf_adds(out, "{\"links\": [{\"id\": \"net0\", \"type\": \"phy\", \"mtu\": 1500");
	add_member(out, "ethernet_mac_address", d->mac);
	buf_adds(out,
		"}], \"networks\": [{\"id\": \"network0\", \"link\": \"net0\", "
		"\"type\": \"ipv4_dhcp\", \"network_id\": \"local\"}], \"services\": []}\n");
}

static int write_label(int fd, struct error *e)
{
	char id[VOLUME_ID_SIZE];

	memset(id, ' ', sizeof id);
	memcpy(id, LABEL, strlen(LABEL));
	if (pwrite(fd, id, sizeof id, VOLUME_ID) != (ssize_t)sizeof id)
		return error_errno(e, errno, "writing the config drive");
	return 0;
}

int config_drive_write(const struct config_drive *d, int fd, struct error *e)
{
	static const char *const versions[] = { "latest", "2015-10-15" };
	char paths[2][4][64];
	struct iso_file files[8];
	size_t n = 0;
	_buf_ meta = BUF_INIT;
	_buf_ network = BUF_INIT;
	int r;

	write_meta(d, &meta);
	write_network(d, &network);
	for (size_t v = 0; v < ARRAY_SIZE(versions); v++) {
		const struct iso_file docs[] = {
			{ "meta_data.json", meta.data, meta.len },
			{ "network_data.json", network.data, network.len },
			{ "vendor_data.json", "{}\n", 3 },
			{ "user_data", d->user_data, d->user_data ? strlen(d->user_data) : 0 },
		};

		for (size_t i = 0; i < ARRAY_SIZE(docs); i++) {
			if (!docs[i].data)
				continue;
			snprintf(paths[v][i], sizeof paths[v][i], "openstack/%s/%s", versions[v],
				docs[i].path);
			files[n] = docs[i];
			files[n++].path = paths[v][i];
		}
	}
	r = iso_write(fd, LABEL, files, n, d->created, e);
	return r < 0 ? r : write_label(fd, e);
}
