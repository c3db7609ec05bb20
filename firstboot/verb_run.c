/*
 * "kbuild-agent run", the broker: the only part that is root and the only one that runs anything. It is
 * started by its socket and ends when nobody asks. See ops.h for what it can be asked.
 */
#include "ops.h"

#include "agent.h"
#include "alloc.h"
#include "error.h"
#include "fd.h"
#include "verb.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#define STATE	  "/var/lib/kbuild-broker"
#define USER	  "kbuild" /* made by the package */
#define PASSED_FD 3	   /* SD_LISTEN_FDS_START, sd_listen_fds(3) */

/* The socket that systemd passed: one, and meant for this process. -1: there is none. */
static int passed_socket(struct error *e)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	int type = 0;
	socklen_t len = sizeof type;

	if (!pid || !n || atoll(pid) != getpid())
		return -1;
	if (strcmp(n, "1") != 0)
		return error_set(e, ERR_USAGE, "wanted one socket from systemd, not %s", n);
	if (getsockopt(PASSED_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET)
		return error_set(
			e, ERR_USAGE, "the socket from systemd is not ListenSequentialPacket=");
	fcntl(PASSED_FD, F_SETFD, FD_CLOEXEC);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return PASSED_FD;
}

static int listen_at(const char *path, struct error *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof sa.sun_path)
		return error_set(e, ERR_USAGE, "the path is too long: %s", path);
	memcpy(sa.sun_path, path, strlen(path) + 1);
	(void)unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(fd, 64) < 0)
		return error_errno(e, errno, "cannot listen at %s", path);
	return TAKE_FD(fd);
}

/* From the file itself: a name service that needs a network has no say in who may ask. */
static int64_t agent_user(const char *root)
{
	_free_ char *path = xasprintf("%s/etc/passwd", root);
	FILE *f = fopen(path, "re");
	int64_t uid = -1;
	struct passwd *pw;

	while (f && uid < 0 && (pw = fgetpwent(f))) {
		if (strcmp(pw->pw_name, USER) == 0)
			uid = pw->pw_uid;
	}
	if (f)
		fclose(f);
	return uid;
}

static int prepare(const struct broker *b, struct error *e)
{
	const struct rlimit none = { 0, 0 };
	static const char *const dirs[] = { "", "/plans", "/docker", "/content" };

	/* What it handles are other people's secrets: no core, and nobody attaches to it. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return error_errno(e, errno, "cannot give up core dumps");
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_free_ char *path = xasprintf("%s%s", b->state, dirs[i]);
		int r = mkdir_all(AT_FDCWD, path, 0700);

		if (r < 0)
			return error_errno(e, r, "cannot make %s", path);
	}
	return 0;
}

static int run(struct ctx *ctx, const struct verb_args *args, struct error *e)
{
	const struct agent *a = agent_of(ctx);
	const char *root = verb_opt(args, "root"), *at = verb_opt(args, "listen");
	const char *uid = verb_opt(args, "allow-uid"), *state = verb_opt(args, "broker-state");
	_free_ char *own = xasprintf("%s" STATE, root ? root : "");
	const struct broker b = {
		.root = root ? root : "",
		.state = state ? state : own,
		.agent = a->state_dir,
		.programs = verb_opt(args, "programs"),
	};
	_close_ int fd = at ? listen_at(at, e) : passed_socket(e);
	int r;

	if (fd < -1 || (fd < 0 && e->code))
		return -e->code;
	if (fd < 0)
		return error_set(e, ERR_USAGE,
			"started without a socket: it is kbuild-broker.socket that starts it");
	r = prepare(&b, e);
	return r < 0 ? r : broker_serve(&b, fd, uid ? atoll(uid) : agent_user(b.root), e);
}

static const struct verb_option run_options[] = {
	{ "listen", "SOCKET", "listen here instead of at the socket that systemd passes", 0 },
	{ "root", "DIR", "for tests: before all paths of the system", 0 },
	{ "broker-state", "DIR", "for tests: instead of " STATE, 0 },
	{ "programs", "DIR", "for tests: where to look for programs first", 0 },
	{ "allow-uid", "UID", "for tests: who may ask, besides root", 0 },
	{},
};

const struct verb verb_run = {
	.name = "run",
	.args = "",
	.summary = "serve requests that need docker or root (started by its socket)",
	.options = run_options,
	.run = run,
};
