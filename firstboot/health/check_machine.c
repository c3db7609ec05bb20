/* The machine itself: disks, memory, load, clock. */
#include "checks.h"

#include "agent.h"
#include "arena.h"
#include "broker.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "fd.h"
#include "ipc.h"
#include "node.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BROKER_MS 20000
#define PROC_MAX  (64 * KIB)

/* The same file system is looked at once, under its first name. Docker's is not to be seen from here. */
static const char *const places[] = { "/", "/var", "/var/lib/kbuild", "/var/lib/kbuild-data" };

/* As df counts: what root keeps for itself is not there for others, so used and free are not all. */
struct room {
	uint64_t used, free; /* bytes */
	uint64_t inodes, inodes_free;
};

static unsigned percent(uint64_t used, uint64_t all)
{
	return all ? (unsigned)(used * 100 / all) : 0;
}

static void judge_disk(struct examination *x, const char *place, const struct room *room)
{
	int64_t limit = x->agent->config->health.disk_percent;
	unsigned bytes = percent(room->used, room->used + room->free);
	unsigned inodes = percent(room->inodes - room->inodes_free, room->inodes);

	finding_value(finding_add(x, bytes > limit ? VERDICT_BAD : VERDICT_GOOD,
			      arena_printf(x->arena, "disk:%s", place),
			      "%s is %u %% full (limit %d %%)", place, bytes, (int)limit),
		bytes);
	/* Some file systems count no inodes. */
	if (room->inodes > 0)
		finding_value(finding_add(x, inodes > limit ? VERDICT_BAD : VERDICT_GOOD,
				      arena_printf(x->arena, "inodes:%s", place),
				      "%s has used %u %% of its inodes (limit %d %%)", place,
				      inodes, (int)limit),
			inodes);
}

static bool number(const struct node *map, const char *key, uint64_t *ret)
{
	int64_t n;

	if (!node_is_int(node_get(map, key), &n) || n < 0)
		return false;
	*ret = (uint64_t)n;
	return true;
}

static bool read_room(const struct node *n, struct room *ret, uint64_t *device)
{
	return number(n, "used", &ret->used) && number(n, "free", &ret->free) &&
	       number(n, "inodes", &ret->inodes) && number(n, "inodes_free", &ret->inodes_free) &&
	       ret->inodes_free <= ret->inodes && number(n, "device", device);
}

struct seen {
	uint64_t devices[ARRAY_SIZE(places)];
	size_t n;
};

static bool is_seen(const struct seen *seen, uint64_t device)
{
	for (size_t i = 0; i < seen->n; i++)
		if (seen->devices[i] == device)
			return true;
	return false;
}

/*
 * Where Docker keeps all it has is Docker's own word (data-root), and the unit hides that place from this
 * process, so the broker measures it.
 */
static void check_docker_disk(struct examination *x, const struct seen *seen)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	struct error e = { 0 };
	struct room room;
	const char *path;
	uint64_t device;

	if (broker_simple(x->agent, "disk", BROKER_MS, &m, &e) < 0) {
		/* A server without an application need not have Docker. */
		if (x->agent->config->has_app)
			finding_add(x, VERDICT_UNKNOWN, "disk:docker", "Docker's disk: %s", e.msg);
		return;
	}
	path = node_str(node_get(m.doc, "path"));
	if (!path || !read_room(m.doc, &room, &device))
		finding_add(x, VERDICT_UNKNOWN, "disk:docker",
			"Docker's disk: the broker's answer makes no sense");
	else if (!is_seen(seen, device))
		judge_disk(x, path, &room);
}

void check_disks(struct examination *x)
{
	struct seen seen = { .n = 0 };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct statvfs s;
		struct stat st;

		if (statvfs(places[i], &s) < 0 || stat(places[i], &st) < 0 ||
			is_seen(&seen, st.st_dev))
			continue;
		seen.devices[seen.n++] = st.st_dev;
		judge_disk(x, places[i],
			&(struct room){ (s.f_blocks - s.f_bfree) * s.f_frsize,
				s.f_bavail * s.f_frsize, s.f_files, s.f_ffree });
	}
	check_docker_disk(x, &seen);
}

/* The number behind "NAME:" in /proc/meminfo, in KiB; 0 when it is not there. */
static uint64_t meminfo(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

void check_memory(struct examination *x)
{
	int64_t limit = x->agent->config->health.memory_percent;
	uint64_t all, left;
	_buf_ text = BUF_INIT;
	unsigned used;

	if (file_read(AT_FDCWD, "/proc/meminfo", PROC_MAX, &text) < 0)
		return;
	all = meminfo(buf_str(&text), "MemTotal:");
	left = meminfo(buf_str(&text), "MemAvailable:");
	if (all == 0 || left > all)
		return;
	used = percent(all - left, all);
	finding_value(finding_add(x, used > limit ? VERDICT_BAD : VERDICT_GOOD, "memory",
			      "%u %% of the memory is used (limit %d %%)", used, (int)limit),
		used);
}

void check_load(struct examination *x)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int64_t limit = x->agent->config->health.load_per_cpu * cpus;
	double load[3];

	if (getloadavg(load, 3) != 3 || cpus < 1)
		return;
	finding_value(finding_add(x, load[2] > (double)limit ? VERDICT_BAD : VERDICT_GOOD, "load",
			      "the load is %.2f over 15 minutes (limit %d)", load[2], (int)limit),
		load[2]);
}

void check_clock(struct examination *x)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	struct error e = { 0 };
	bool good;

	if (broker_simple(x->agent, "clock", BROKER_MS, &m, &e) < 0) {
		finding_add(x, VERDICT_UNKNOWN, "clock", "%s", e.msg);
		return;
	}
	if (!node_is_bool(node_get(m.doc, "synchronized"), &good))
		return;
	finding_add(x, good ? VERDICT_GOOD : VERDICT_BAD, "clock",
		good ? "the clock is in sync" : "the clock is not in sync with any time server");
}
