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
	uint64_t devices[ARRAY_SIZE(places) + 2]; /* and Docker's */
	size_t n;
};

/* Whether it was looked at before; from now on it was. */
static bool see(struct seen *seen, uint64_t device)
{
	for (size_t i = 0; i < seen->n; i++)
		if (seen->devices[i] == device)
			return true;
	seen->devices[seen->n++] = device;
	return false;
}

static bool judge_docker(struct examination *x, const struct node *n, struct seen *seen)
{
	const char *path = node_str(node_get(n, "path"));
	struct room room;
	uint64_t device;

	if (!path || !read_room(n, &room, &device))
		return false;
	if (!see(seen, device))
		judge_disk(x, path, &room);
	return true;
}

/*
 * Where Docker keeps all it has is Docker's own word (data-root), its volumes may have a disk of their own, and the
 * unit hides both from this process, so the broker measures them.
 */
static void check_docker_disks(struct examination *x, struct seen *seen)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	struct error e = { 0 };

	if (broker_simple(x->agent, "disk", BROKER_MS, &m, &e) < 0) {
		/* A server without an application need not have Docker. */
		if (x->agent->config->has_app)
			finding_add(x, VERDICT_UNKNOWN, "disk:docker", "Docker's disk: %s", e.msg);
		return;
	}
	if (!judge_docker(x, m.doc, seen) || !judge_docker(x, node_get(m.doc, "volumes"), seen))
		finding_add(x, VERDICT_UNKNOWN, "disk:docker",
			"Docker's disk: the broker's answer makes no sense");
}

void check_disks(struct examination *x)
{
	struct seen seen = { .n = 0 };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct statvfs s;
		struct stat st;

		if (statvfs(places[i], &s) < 0 || stat(places[i], &st) < 0 || see(&seen, st.st_dev))
			continue;
		judge_disk(x, places[i],
			&(struct room){ (s.f_blocks - s.f_bfree) * s.f_frsize,
				s.f_bavail * s.f_frsize, s.f_files, s.f_ffree });
	}
	check_docker_disks(x, &seen);
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
