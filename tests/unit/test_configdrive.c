/* The config drive, read back by libarchive as an ISO 9660, and its label by its place. */
#include "check.h"

#include "arena.h"
#include "buf.h"
#include "configdrive.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "node.h"
#include "tmpdir.h"

#include <archive.h>
#include <archive_entry.h>

static const char *const keys[] = { "ssh-ed25519 AAAA me@here", "ssh-rsa BBBB \"you\"", NULL };

static const struct config_drive drive = {
	.uuid = "11111111-2222-4333-8444-555555555555",
	.hostname = "web-1",
	.ssh_keys = keys,
	.user_data = "#cloud-config\nruncmd: [echo grüße]\n",
	.mac = "52:54:00:01:02:03",
	.definition = "demo",
	.image = "abcd",
	.created = 1790000000,
};

static int write_drive(const struct config_drive *d)
{
	int fd = openat(tmp_fd(), "config.iso", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct error e = {};

	if (config_drive_write(d, fd, &e) < 0) {
		close(fd);
		check_fail("%s", e.msg);
	}
	return fd;
}

/* The contents of one file of the image; false when it is not there. */
static bool read_member(const char *path, struct buf *out)
{
	struct archive *r = archive_read_new();
	struct archive_entry *ent;
	bool found = false;
	char block[4096];
	ssize_t n;

	archive_read_support_format_iso9660(r);
	archive_read_open_filename(r, tmp_name("config.iso"), 2048);
	while (!found && archive_read_next_header(r, &ent) == ARCHIVE_OK) {
		if (strcmp(archive_entry_pathname(ent), path) != 0)
			continue;
		found = true;
		while ((n = archive_read_data(r, block, sizeof block)) > 0)
			buf_add(out, block, (size_t)n);
	}
	archive_read_free(r);
	return found;
}

static struct node *read_json(struct arena *a, const char *path)
{
	struct node *doc = NULL;
	struct error e = {};
	_buf_ text = BUF_INIT;

	if (read_member(path, &text) && json_parse(&doc, a, path, buf_str(&text), text.len, &e) < 0)
		printf("# %s: %s\n", path, e.msg);
	return doc;
}

static void the_metadata_names_the_server_and_its_keys(void)
{
	static const char *const versions[] = { "latest", "2015-10-15" };
	_close_ int fd = write_drive(&drive);

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct node *meta =
			read_json(a, arena_printf(a, "openstack/%s/meta_data.json", versions[i]));

		check(meta);
		check_str(node_str(node_get(meta, "uuid")), drive.uuid);
		check_str(node_str(node_get(meta, "hostname")), "web-1");
		check_str(node_str(node_path(meta, "public_keys.kbuild-1")), keys[1]);
		check_int(node_get(meta, "keys")->n, 2);
		check_str(node_str(node_get(node_get(meta, "meta"), "kbuild:definition")), "demo");
	}
}

static void the_network_card_is_known_by_its_address(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_close_ int fd = write_drive(&drive);
	struct node *net = read_json(a, "openstack/latest/network_data.json");

	check(net);
	check_str(node_str(node_get(node_get(net, "links")->items[0], "ethernet_mac_address")),
		drive.mac);
	check_str(node_str(node_get(node_get(net, "networks")->items[0], "type")), "ipv4_dhcp");
}

static void user_data_is_there_byte_for_byte(void)
{
	_close_ int fd = write_drive(&drive);
	_buf_ text = BUF_INIT;

	check(read_member("openstack/latest/user_data", &text));
	check_str(buf_str(&text), drive.user_data);
}

static void without_user_data_and_keys_there_is_none(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct config_drive bare = drive;
	_buf_ text = BUF_INIT;

	bare.user_data = NULL;
	bare.ssh_keys = NULL;
	bare.definition = bare.image = NULL;
	_close_ int fd = write_drive(&bare);
	check(!read_member("openstack/latest/user_data", &text));
	check_int(node_get(read_json(a, "openstack/latest/meta_data.json"), "public_keys")->n, 0);
}

static void the_label_is_what_cloud_init_looks_for(void)
{
	_close_ int fd = write_drive(&drive);
	char id[33] = "";

	/* ECMA-119 8.4.7, and the same in UCS-2 in the Joliet descriptor, two sectors on or more. */
	check_int(pread(fd, id, 32, 16 * 2048 + 40), 32);
	check_str(id, "config-2                        ");
}

int main(void)
{
	run(the_metadata_names_the_server_and_its_keys);
	run(the_network_card_is_known_by_its_address);
	run(user_data_is_there_byte_for_byte);
	run(without_user_data_and_keys_there_is_none);
	run(the_label_is_what_cloud_init_looks_for);
	return done();
}
