/* The options of "launch" and "plan" as a request. */
#include "launch_args.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "launch.h"
#include "provider.h"
#include "schema.h"
#include "verb.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_DEFAULT (2 * GIB)
#define MEMORY_MIN     (64 * MIB)
#define CPUS_DEFAULT   2
#define CPUS_MAX       256
#define SSH_KEYS_MAX   (64 * KIB)
#define USER_DATA_MAX  (16 * MIB)
#define GZIP	       "\x1f\x8b" /* so it begins */

/* An option that is a size; *ret keeps its default when it was not given. */
static int read_size(const struct verb_args *a, const char *name, uint64_t *ret, struct error *e)
{
	const char *text = verb_opt(a, name);

	if (!text || (parse_size(text, ret) && *ret > 0))
		return 0;
	return error_set(e, ERR_USAGE, "--%s '%s' must be a size, as in 512M or 8G", name, text);
}

static int read_number(
	const struct verb_args *a, const char *name, unsigned max, unsigned *ret, struct error *e)
{
	const char *text = verb_opt(a, name);
	char *end;
	unsigned long n;

	if (!text)
		return 0;
	n = strtoul(text, &end, 10);
	if (*end || n < 1 || n > max || *text == '-')
		return error_set(
			e, ERR_USAGE, "--%s '%s' must be a number from 1 to %u", name, text, max);
	*ret = (unsigned)n;
	return 0;
}

static int read_machine(const struct verb_args *a, struct launch_request *q, struct error *e)
{
	const char *accel = verb_opt(a, "accel");
	int r;

	r = read_size(a, "memory", &q->memory, e);
	if (r == 0)
		r = read_size(a, "disk", &q->disk_size, e);
	if (r == 0)
		r = read_size(a, "volume", &q->volume_size, e);
	if (r < 0)
		return r;
	if (q->memory < MEMORY_MIN)
		return error_set(e, ERR_USAGE, "--memory must be 64M or more");
	if (q->disk_size % 512 || q->volume_size % 512)
		return error_set(
			e, ERR_USAGE, "--disk and --volume must be multiples of 512 bytes");
	r = read_number(a, "cpus", CPUS_MAX, &q->cpus, e);
	if (r < 0)
		return r;
	if (accel && strcmp(accel, "auto") != 0) {
		if (strcmp(accel, "kvm") != 0 && strcmp(accel, "tcg") != 0)
			return error_set(
				e, ERR_USAGE, "--accel is auto, kvm or tcg, not '%s'", accel);
		q->accel = accel;
	}
	return 0;
}

static int read_forwards(
	const struct verb_args *a, struct arena *arena, struct launch_request *q, struct error *e)
{
	struct port_forward *v;
	size_t n = 0;

	while (verb_opt_nth(a, "forward", n))
		n++;
	v = arena_alloc(arena, (n + 1) * sizeof *v);
	for (size_t i = 0; i < n; i++) {
		int r = port_forward_parse(verb_opt_nth(a, "forward", i), arena, &v[i], e);

		if (r < 0)
			return r;
	}
	q->forwards = v;
	q->n_forwards = n;
	return 0;
}

/* Of the network's addresses QEMU takes the first ones for itself: a smaller one has no room. */
static bool is_address(const char *text, struct arena *a)
{
	const char *slash = strchr(text, '/');
	struct in_addr ignored;
	uint64_t bits = 0;

	return slash &&
	       inet_pton(AF_INET, arena_strndup(a, text, (size_t)(slash - text)), &ignored) == 1 &&
	       strlen(slash + 1) <= 2 && parse_size(slash + 1, &bits) && bits >= 8 && bits <= 28;
}

static bool is_mac(const char *text)
{
	size_t n = 0;

	for (; text[n]; n++) {
		if (n % 3 == 2 ? text[n] != ':' : !strchr("0123456789abcdef", text[n]))
			return false;
	}
	return n == strlen("00:00:00:00:00:00");
}

static int read_network(
	const struct verb_args *a, struct arena *arena, struct launch_request *q, struct error *e)
{
	q->address = verb_opt(a, "address");
	q->mac = verb_opt(a, "mac");
	if (q->address && !is_address(q->address, arena))
		return error_set(e, ERR_USAGE,
			"--address '%s' must be an IPv4 address with 8 to 28 bits of network, as in 192.0.2.7/24",
			q->address);
	if (q->mac && !is_mac(q->mac))
		return error_set(
			e, ERR_USAGE, "--mac '%s' must be as in 52:54:00:12:34:56", q->mac);
	return read_forwards(a, arena, q, e);
}

static const char *absolute(const char *path, struct arena *a)
{
	char full[PATH_MAX];

	return arena_strdup(a, realpath(path, full) ? full : path);
}

/*
 * FILE is a public key or a private one with its .pub beside it. The private key, where there is
 * one, is what "kbuild ssh" then uses.
 */
static int read_key_file(const char *file, struct arena *arena, struct buf *text,
	const char **ret_identity, struct error *e)
{
	size_t len = strlen(file);
	const char *private = len > 4 && strcmp(file + len - 4, ".pub") == 0
				      ? arena_strndup(arena, file, len - 4)
				      : file;
	int r = file_read(AT_FDCWD, file, SSH_KEYS_MAX, text);

	if (r == 0 && strncmp(buf_str(text), "-----BEGIN", 10) == 0) {
		buf_reset(text);
		file = arena_printf(arena, "%s.pub", private);
		r = file_read(AT_FDCWD, file, SSH_KEYS_MAX, text);
	} else if (private == file) {
		private = NULL;
	}
	if (r < 0)
		return error_errno(e, r, "reading the ssh key '%s'", file);
	if (private && access(private, R_OK) == 0 && !*ret_identity)
		*ret_identity = absolute(private, arena);
	return 0;
}

static bool looks_like_key(const char *line)
{
	static const char *const starts[] = { "ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-" };

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		if (strncmp(line, starts[i], strlen(starts[i])) == 0 && strchr(line, ' '))
			return true;
	}
	return false;
}

static int read_keys(
	const struct verb_args *a, struct arena *arena, struct launch_request *q, struct error *e)
{
	const char **keys = arena_alloc(arena, 257 * sizeof *keys), *file;
	size_t n = 0;

	for (size_t i = 0; (file = verb_opt_nth(a, "ssh-key", i)); i++) {
		_buf_ text = BUF_INIT;
		char *save = NULL;
		size_t before = n;
		int r = read_key_file(file, arena, &text, &q->identity, e);

		if (r < 0)
			return r;
		for (char *line = text.len ? strtok_r(text.data, "\r\n", &save) : NULL;
			line && n < 256; line = strtok_r(NULL, "\r\n", &save)) {
			if (looks_like_key(line))
				keys[n++] = arena_strdup(arena, line);
		}
		if (n == before)
			return error_set(
				e, ERR_USAGE, "the file '%s' holds no ssh public key", file);
	}
	q->ssh_keys = keys;
	return 0;
}

/* A ready-made disk instead of a definition. */
static int read_image(
	const struct verb_args *a, struct arena *arena, struct launch_request *q, struct error *e)
{
	const char *file = verb_opt(a, "user-data");
	_buf_ text = BUF_INIT;
	int r;

	q->disk = verb_opt(a, "image");
	q->config_drive = verb_opt(a, "config-drive");
	if (verb_arg(a, 0) && q->disk)
		return error_set(e, ERR_USAGE, "give a definition or --image, not both");
	if (!verb_arg(a, 0) && !q->disk)
		return error_set(e, ERR_USAGE,
			"'kbuild launch' wants a definition (or --image DISK); see 'kbuild launch --help'");
	if (q->disk && !q->name)
		return error_set(e, ERR_USAGE, "--image needs a name for the server: --name NAME");
	if (file && !q->disk)
		return error_set(
			e, ERR_USAGE, "--user-data goes with --image; a definition has its own");
	if (q->config_drive && (!q->disk || file || verb_opt(a, "ssh-key")))
		return error_set(e, ERR_USAGE,
			"--config-drive goes with --image, and has the user-data and ssh keys in it");
	if (q->disk && verb_opt(a, "secrets"))
		return error_set(e, ERR_USAGE,
			"--secrets goes with a definition, which says what it asks for");
	if (!file)
		return 0;
	r = file_read(AT_FDCWD, file, USER_DATA_MAX, &text);
	if (r < 0)
		return error_errno(e, r, "reading '%s'", file);
	if (strlen(buf_str(&text)) != text.len || strncmp(buf_str(&text), GZIP, strlen(GZIP)) == 0)
		return error_set(e, ERR_USAGE,
			"--user-data '%s' is no text, but compressed or something else: give it as text",
			file);
	q->user_data = arena_strdup(arena, buf_str(&text));
	return 0;
}

static int read_request(
	const struct verb_args *a, struct arena *arena, struct launch_request *q, struct error *e)
{
	int r;

	*q = (struct launch_request){ .memory = MEMORY_DEFAULT, .cpus = CPUS_DEFAULT };
	q->name = verb_opt(a, "name");
	q->user = verb_opt(a, "user");
	q->region = verb_opt(a, "region");
	q->zone = verb_opt(a, "zone");
	q->flavor = verb_opt(a, "flavor");
	q->network = verb_opt(a, "network");
	if (q->name && !server_name_valid(q->name))
		return error_set(e, ERR_USAGE,
			"the name '%s' must be a-z, 0-9 and '-' inside, at most %d of them",
			q->name, SERVER_NAME_MAX);
	r = read_image(a, arena, q, e);
	if (r == 0)
		r = read_machine(a, q, e);
	if (r == 0)
		r = read_network(a, arena, q, e);
	return r < 0 ? r : read_keys(a, arena, q, e);
}

int launch_args_fit(const struct verb_args *a, const struct cloud *cloud, struct error *e)
{
	static const char *const local[] = { "forward", "memory", "cpus", "accel", "address", "mac",
		"config-drive", NULL };
	static const char *const others[] = { "zone", "flavor", "network", NULL };
	bool is_cloud = cloud->provider->upload;
	const char *const *unfit = is_cloud ? local : others;

	for (size_t i = 0; unfit[i]; i++) {
		if (verb_opt(a, unfit[i]))
			return error_set(e, ERR_USAGE, "--%s is for %s, and this is the cloud '%s'",
				unfit[i], is_cloud ? "local servers" : "servers in a cloud",
				cloud->provider->name);
	}
	return 0;
}

int launch_args_read(const struct verb_args *a, struct arena *arena, struct launch_request *q,
	struct launch_options *o, struct error *e)
{
	const char *text = verb_opt(a, "timeout");
	uint64_t timeout = WAIT_DEFAULT_S;
	int r = 0;

	*o = (struct launch_options){
		.secrets = verb_opt(a, "secrets"),
		.request = q,
		.wait = !verb_opt(a, "no-wait"),
		.keep = verb_opt(a, "keep"),
	};
	if (text && !parse_duration(text, &timeout))
		r = error_set(
			e, ERR_USAGE, "--timeout '%s' must be a duration, as in 90s or 10m", text);
	o->timeout_ms = (int64_t)timeout * 1000;
	if (r == 0)
		r = read_number(a, "count", LAUNCH_MAX, &o->count, e);
	return r < 0 ? r : read_request(a, arena, q, e);
}
