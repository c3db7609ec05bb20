/* Which disks are looked at: those of the machine and, by the broker's word, Docker's. The broker is in here. */
#include "checks.h"

#include "agent.h"
#include "arena.h"
#include "broker.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "ipc.h"
#include "json.h"

#include "check.h"

#include <sys/stat.h>

#define ROOM(path, used, device)                                                                   \
	"\"path\":\"" path "\",\"used\":" used                                                     \
	",\"free\":100,\"inodes\":100,\"inodes_free\":50,\"device\":" device
#define DOCKER "/srv/docker"

/* Devices that no file system of this machine has. */
#define ONE   "1125899906842625"
#define OTHER "1125899906842626"

static const char *answer; /* NULL: it cannot say */

int __wrap_broker_simple(const struct agent *a, const char *op, int64_t timeout_ms,
	struct ipc_message *ret, struct error *e);
int __wrap_broker_simple(_unused_ const struct agent *a, _unused_ const char *op,
	_unused_ int64_t timeout_ms, struct ipc_message *ret, struct error *e)
{
	struct node *doc;

	if (!answer)
		return error_set(e, ERR_FAILED, "no docker");
	ret->arena = arena_new();
	check_int(json_parse(&doc, ret->arena, "a", answer, strlen(answer), e), 0);
	ret->doc = doc;
	return 0;
}

/* The findings of Docker's disks: "NAME=g " for each, g, b or ?. */
static void check_found(const char *says, const char *want)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct agent_config config = { .has_app = true, .health.disk_percent = 85 };
	struct agent agent = { .config = &config };
	struct examination x = { .agent = &agent, .arena = arena, .found.arena = arena };
	_buf_ got = BUF_INIT;

	answer = says;
	check_disks(&x);
	for (size_t i = 0; i < x.found.n; i++) {
		const struct finding *f = &x.found.v[i];

		if (strstr(f->name, "docker"))
			buf_printf(&got, "%s=%c ", f->name, "?gb"[f->verdict]);
	}
	check_str(buf_str(&got), want);
	free(x.found.v);
}

static void a_disk_of_the_volumes_own_is_seen_full(void)
{
	check_found("{" ROOM(DOCKER, "100", ONE) ",\"volumes\":{" ROOM(
			    DOCKER "/volumes", "900", OTHER) "}}",
		"disk:/srv/docker=g inodes:/srv/docker=g disk:/srv/docker/volumes=b "
		"inodes:/srv/docker/volumes=g ");
}

static void a_disk_of_both_is_looked_at_once(void)
{
	char text[512];
	struct stat st;

	check_found("{" ROOM(DOCKER, "900", ONE) ",\"volumes\":{" ROOM(
			    DOCKER "/volumes", "900", ONE) "}}",
		"disk:/srv/docker=b inodes:/srv/docker=g ");
	/* As is one of the machine's. */
	check_int(stat("/", &st), 0);
	snprintf(text, sizeof text,
		"{" ROOM(DOCKER, "900", "%1$llu") ",\"volumes\":{" ROOM(
			DOCKER "/volumes", "900", "%1$llu") "}}",
		(unsigned long long)st.st_dev);
	check_found(text, "");
}

static void what_makes_no_sense_is_not_known(void)
{
	check_found(NULL, "disk:docker=? ");
	check_found("{}", "disk:docker=? ");
	check_found("{" ROOM(DOCKER, "100", ONE) "}",
		"disk:/srv/docker=g inodes:/srv/docker=g disk:docker=? ");
	check_found("{" ROOM(DOCKER, "null", ONE) ",\"volumes\":{" ROOM(
			    DOCKER "/volumes", "100", OTHER) "}}",
		"disk:docker=? ");
}

int main(void)
{
	run(a_disk_of_the_volumes_own_is_seen_full);
	run(a_disk_of_both_is_looked_at_once);
	run(what_makes_no_sense_is_not_known);
	return done();
}
