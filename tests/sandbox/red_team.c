/*
 * The red team: a flavour of each process, which enters as the real one does (the same function, the same
 * lists) and then, instead of its work, tries what it must not be able to do: forty things and more, one after the other
 * in children of the test. An attempt that is answered by an error, or by a deadly signal of the filter, has failed;
 * one that works is a failure of ours. All of it twice: as it ships, and with the filter in kill mode. A second
 * table has what each process must be able to do, so that the filter is no wall.
 *
 * As root, so that what fails is forbidden by the sandbox alone and not by ownership; but for
 * docker.sock, which Landlock does not know of: that a conductor and a lookup cannot connect to it is its
 * owner's doing. The metadata address is closed to net and git by nftables and by their unit.
 */
#include "agent.h"
#include "config.h"
#include "confine.h"
#include "error.h"
#include "fd.h"
#include "lookup.h"
#include "role.h"

#include "acts.h"
#include "check.h"
#include "tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static char own[300];
static struct agent agent;

static int enter_conductor(const struct agent *a, struct error *e)
{
	struct agent own_one = *a;

	return agent_start_roles(&own_one, 0, e);
}
static int enter_role(const struct role_type *type, const struct agent *a, struct error *e)
{
	void *state;

	return type->enter(a, &state, e);
}
static int enter_net(const struct agent *a, struct error *e)
{
	return enter_role(&role_net, a, e);
}
static int enter_tip(const struct agent *a, struct error *e)
{
	return enter_role(&role_tip, a, e);
}
static int enter_git(const struct agent *a, struct error *e)
{
	return enter_role(&role_git, a, e);
}
static int enter_parse(const struct agent *a, struct error *e)
{
	return enter_role(&role_parse, a, e);
}
static int enter_resolve(_unused_ const struct agent *a, struct error *e)
{
	return lookup_confine(e);
}

static const struct flavour {
	const char *name;
	unsigned bit;
	int (*enter)(const struct agent *a, struct error *e);
	const char *own; /* below its state: where it may write; NULL: nowhere */
} flavours[] = {
	{ "conductor", COND, enter_conductor, "" },
	{ "net", NET, enter_net, NULL },
	{ "tip", TIP, enter_tip, NULL },
	{ "git", GIT, enter_git, "releases/" },
	{ "parse", PARSE, enter_parse, NULL },
	{ "resolve", RES, enter_resolve, NULL },
};

enum { FAILED = 0, WORKED = 10, NOT_CONFINED = 11 };

/* The state's owner is who an agent that root started by hand becomes: root here, but for docker.sock. */
static void give_state(uid_t owner)
{
	static const char *const places[] = { ".", "repo.git", "releases" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		(void)fchownat(agent.state_fd, places[i], owner, owner, 0);
}

static int in_child(const struct flavour *f, int (*try)(void))
{
	struct error e = { 0 };
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		/* Who owns a socket decides who may connect to it, and the units have a user. */
		bool as_user = try == try_docker_sock && getuid() == 0;

		give_state(as_user ? 65534 : getuid());
		if (as_user && setresuid(65534, 65534, 65534) < 0)
			_exit(NOT_CONFINED);
		snprintf(own, sizeof own, "%s/%s", agent.state_dir, f->own ? f->own : "");
		snprintf(victim, sizeof victim, "%.200s/victim", own);
		if (f->enter(&agent, &e) < 0) {
			fprintf(stderr, "# %s: %s\n", f->name, e.msg);
			_exit(NOT_CONFINED);
		}
		_exit(try() ? WORKED : FAILED);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? FAILED : WEXITSTATUS(status);
}

static void forty_forbidden_acts_fail_in_every_process(void)
{
	size_t tried = 0, worked = 0;

	for (size_t f = 0; f < ARRAY_SIZE(flavours); f++) {
		for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
			if (!(acts[i].forbidden & flavours[f].bit))
				continue;
			tried++;
			int r = in_child(&flavours[f], acts[i].try);

			if (r != FAILED) {
				printf("# %s: %s %s\n", flavours[f].name, acts[i].name,
					r == WORKED ? "worked" : "was not tried: not confined");
				worked++;
			}
		}
	}
	printf("# %zu attempts of %zu acts in %zu processes\n", tried, ARRAY_SIZE(acts),
		ARRAY_SIZE(flavours));
	check_int(worked, 0);
}

/* The attempts are real: without the sandbox, root can do most of them. */
static void without_the_sandbox_many_of_them_work(void)
{
	static int (*const harmless[])(void) = { try_execve, try_execveat, try_fork, try_raw_socket,
		try_shadow, try_secret_outside, try_docker_sock, try_internet, try_listen,
		try_unshare, try_exec_memory, try_dumpable, try_terminal };
	size_t worked = 0;

	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++) {
		pid_t pid = fork();
		int status = 0;

		if (pid == 0)
			_exit(harmless[i]() ? WORKED : FAILED);
		waitpid(pid, &status, 0);
		worked += WIFEXITED(status) && WEXITSTATUS(status) == WORKED;
	}
	check_int(worked, ARRAY_SIZE(harmless));
}

/* What no list names and nothing forbids: a later libc may try it, and is to fall back. */
static int is_unknown_here(void)
{
	errno = 0;
	return syscall(SYS_get_mempolicy, NULL, NULL, 0, NULL, 0) == -1 && errno == ENOSYS;
}

static void what_is_not_listed_is_not_there(void)
{
	for (size_t f = 0; f < ARRAY_SIZE(flavours); f++)
		if (in_child(&flavours[f], is_unknown_here) != WORKED)
			check_fail("%s: another answer than ENOSYS", flavours[f].name);
}

static void in_kill_mode_it_ends_the_process(void)
{
	for (size_t f = 0; f < ARRAY_SIZE(flavours); f++)
		check_int(in_child(&flavours[f], is_unknown_here), FAILED);
}

static int can_write_its_place(void)
{
	char path[400];

	snprintf(path, sizeof path, "%s/own", own);
	return opened(path, O_WRONLY | O_CREAT) && rename(path, victim) == 0 && unlink(victim) == 0;
}
static int can_use_memory(void)
{
	char *p = malloc(8 << 20);

	if (!p)
		return 0;
	memset(p, 1, 8 << 20);
	free(p);
	return getpid() > 0;
}
static int can_connect(void)
{
	return to_address("127.0.0.1", 9) || errno == ECONNREFUSED;
}

static void what_they_are_for_still_works(void)
{
	static const struct {
		const char *name;
		int (*try)(void);
		unsigned processes;
	} needs[] = {
		{ "memory", can_use_memory, ALL },
		{ "its own place", can_write_its_place, COND | GIT },
		{ "the network", can_connect, NET | TIP | GIT | RES },
	};

	for (size_t f = 0; f < ARRAY_SIZE(flavours); f++) {
		for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
			if (!(needs[i].processes & flavours[f].bit))
				continue;
			if (in_child(&flavours[f], needs[i].try) != WORKED)
				check_fail("%s cannot use %s", flavours[f].name, needs[i].name);
		}
	}
}

/* A state directory, a definition, a socket as Docker's, a file that is nobody's business. */
static void prepare(void)
{
	static const char text[] = "name: web\napp: {repository: https://localhost/a.git}\n";
	static struct agent_config *config;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct error e = { 0 };
	int s;

	tmp_fd();
	check_int(chmod(tmp_path, 0711),
		0); /* what keeps a user from the socket is the socket's own mode */
	check_int(mkdir_all(tmp_fd(), "state/repo.git", 0700), 0);
	check_int(mkdir_all(tmp_fd(), "state/releases", 0700), 0);
	check_int(agent_config_parse(&config, "agent.yaml", text, sizeof text - 1, &e), 0);
	agent.config = config;
	agent.config_path = "/etc/kbuild/agent.yaml";
	agent.state_dir = strdup(tmp_name("state"));
	agent.state_fd = openat(tmp_fd(), "state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	agent.broker_path = "/nowhere";
	snprintf(docker_sock, sizeof docker_sock, "%s/docker.sock", tmp_path);
	snprintf(secret, sizeof secret, "/tmp/kbuild-red-secret-%d", getpid());
	snprintf(victim, sizeof victim, "%s/victim", tmp_path);
	snprintf(un.sun_path, sizeof un.sun_path, "%.100s", docker_sock);
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s, (struct sockaddr *)&un, sizeof un) < 0 || listen(s, 64) < 0)
		exit(99);
	close(open(secret, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	terminal = posix_openpt(O_RDWR | O_NOCTTY);
}

int main(void)
{
	prepare();
	unsetenv("KBUILD_CONFINE_STRICT");
	run(forty_forbidden_acts_fail_in_every_process);
	run(what_they_are_for_still_works);
	run(what_is_not_listed_is_not_there);
	setenv("KBUILD_CONFINE_STRICT", "1", 1);
	run(forty_forbidden_acts_fail_in_every_process);
	run(what_they_are_for_still_works);
	run(in_kill_mode_it_ends_the_process);
	if (getuid() == 0)
		run(without_the_sandbox_many_of_them_work);
	give_state(getuid());
	unlink(secret);
	unlink("/tmp/kbuild-red-team");
	unlink("/etc/kbuild-red-team");
	return done();
}
