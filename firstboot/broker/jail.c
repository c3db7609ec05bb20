/*
 * See jail.h. The root is a small tmpfs over a directory of the broker's state, which only this process
 * ever sees. The release is an overlay of two read-only layers: the secrets' file above, the repository
 * below; links in it are not followed (Linux 5.10).
 */
#include "jail.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "ops.h"
#include "process.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

/* Of <linux/mount.h>, which older libcs cannot have beside <sys/mount.h>; Linux 5.2. */
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE	  1
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#endif
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 4
#endif

#define COMPOSE	   "/compose"
#define TIMEOUT_MS 60000
#define NOBODY	   65534
#define FILE_MAX   (16 * MIB) /* it writes nothing; should it, not much */

/* All that the child needs, made before it is cloned: then it only makes system calls. */
struct setup {
	const struct jail *j;
	const char *top, *program;
	int release;   /* a mount of the release, of its own, not attached anywhere yet */
	char *env_dir; /* of the secrets' file, below "env/" */
	char *env_file;
	char *layers;
	uid_t uid;
	gid_t gid;
};

static int make_dirs(const char *path)
{
	char copy[1100];

	snprintf(copy, sizeof copy, "%s", path);
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(copy, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int bind_usr(const char **what)
{
	static const struct {
		const char *link, *to;
	} links[] = { { "bin", "usr/bin" }, { "sbin", "usr/sbin" }, { "lib", "usr/lib" },
		{ "lib64", "usr/lib64" } };

	*what = "mounting /usr";
	if (mkdir("usr", 0755) < 0 || mount("/usr", "usr", NULL, MS_BIND, NULL) < 0 ||
		mount(NULL, "usr", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV,
			NULL) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		if (symlink(links[i].to, links[i].link) < 0)
			return -errno;
	}
	return 0;
}

static int bind_program(const struct setup *s, const char **what)
{
	_close_ int fd = open("compose", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	*what = "mounting docker-compose";
	if (fd < 0 || mount(s->program, "compose", NULL, MS_BIND, NULL) < 0)
		return -errno;
	return mount(NULL, "compose", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL) < 0
		       ? -errno
		       : 0;
}

static int write_env(const struct setup *s, const char **what)
{
	const struct buf *values = s->j->values;
	_close_ int fd = -1;
	int r = make_dirs(s->env_dir);

	*what = "writing the secrets' file";
	if (r < 0 || !s->env_file)
		return r;
	fd = open(s->env_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd < 0)
		return -errno;
	r = values->len ? fd_write(fd, values->data, values->len) : 0;
	if (r >= 0 && fchown(fd, s->uid, s->gid) < 0)
		r = -errno;
	return r;
}

/* A second compose file with one "$$": what the first "$" of it becomes says whether Compose escapes. */
static int write_canary(const char **what)
{
	static const char text[] = JAIL_CANARY_KEY ": \"$$\"\n";
	_close_ int fd = open("canary.yaml", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	*what = "writing a file";
	return fd < 0 ? -errno : fd_write(fd, text, strlen(text));
}

static int mount_release(const struct setup *s, const char **what)
{
	const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW;
	int r = write_env(s, what);

	if (r < 0)
		return r;
	*what = "mounting the release";
	/* Two lower layers and no upper one: nothing can be written, nor need it be. */
	if (mkdir("release", 0755) < 0 || mkdir("lower", 0755) < 0 ||
		syscall(SYS_move_mount, s->release, "", AT_FDCWD, "lower",
			MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
		mount("overlay", "release", "overlay", flags, s->layers) < 0)
		return -errno;
	return 0;
}

static int enter_root(const char *top, const char **what)
{
	*what = "entering the root";
	if (chdir(top) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
		umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV,
		       NULL) < 0
		       ? -errno
		       : 0;
}

static int drop_rights(const struct setup *s, const char **what)
{
	const struct rlimit files = { FILE_MAX, FILE_MAX }, none = { 0, 0 };

	*what = "giving up rights";
	if (setgroups(0, NULL) < 0 || setresgid(s->gid, s->gid, s->gid) < 0 ||
		setresuid(s->uid, s->uid, s->uid) < 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_FSIZE, &files) < 0 ||
		setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	/* Changing the user took this away; it is what ends it with us. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return chdir(JAIL_RELEASE) < 0 ? -errno : 0;
}

static int set_up(void *arg, const char **what)
{
	const struct setup *s = arg;
	int r;

	*what = "mounting the root";
	umask(022);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("jail", s->top, "tmpfs", MS_NOSUID | MS_NODEV, "size=32m,mode=755") < 0 ||
		chdir(s->top) < 0)
		return -errno;
	r = bind_usr(what);
	if (r >= 0)
		r = bind_program(s, what);
	if (r >= 0)
		r = write_canary(what);
	if (r >= 0)
		r = mount_release(s, what);
	if (r >= 0)
		r = enter_root(s->top, what);
	return r < 0 ? r : drop_rights(s, what);
}

static void setup_free(struct setup *s)
{
	closep(&s->release);
	free(s->env_dir);
	free(s->env_file);
	free(s->layers);
}

static int prepare(struct setup *s, struct error *e)
{
	const char *slash = s->j->env ? strrchr(s->j->env, '/') : NULL;
	struct stat st;
	int r;

	if (fstat(s->j->release_fd, &st) < 0)
		return error_errno(e, errno, "cannot look at the release");
	r = mkdir_all(AT_FDCWD, s->top, 0700);
	if (r < 0)
		return error_errno(e, r, "cannot make %s", s->top);
	/* The user that wrote the release may read it; root reads nothing of other people's here. */
	s->uid = st.st_uid ? st.st_uid : NOBODY;
	s->gid = st.st_uid ? st.st_gid : NOBODY;
	/* By the descriptor: no rename can exchange it, and no path has to be trusted. */
	s->release = (int)syscall(SYS_open_tree, s->j->release_fd, "",
		AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (s->release < 0)
		return error_errno(e, errno, "cannot mount the release");
	s->env_dir = xasprintf("env%s%.*s", slash ? "/" : "", slash ? (int)(slash - s->j->env) : 0,
		slash ? s->j->env : "");
	if (s->j->env)
		s->env_file = xasprintf("env/%s", s->j->env);
	s->layers = xasprintf("lowerdir=%s/env:%s/lower", s->top, s->top);
	return 0;
}

int jail_run(const struct broker *b, const struct jail *j, const struct args *a, struct buf *out,
	struct buf *err, struct error *e)
{
	_free_ char *commit = xasprintf("KBUILD_COMMIT=%s", j->commit);
	_free_ char *commit_short = xasprintf("KBUILD_COMMIT_SHORT=%.7s", j->commit);
	const char *const env[] = { "PATH=/usr/bin:/bin", "HOME=/", "LC_ALL=C.UTF-8", commit,
		commit_short, NULL };
	_free_ char *top = xasprintf("%s/jail", b->state);
	_free_ char *program = NULL;
	_free_ char *real = NULL;
	_cleanup_(setup_free) struct setup s = { .j = j, .top = top, .release = -1 };
	_free_ const char **argv = xcalloc(a->n + 1, sizeof *argv);
	const struct process p = {
		.argv = argv,
		.env = env,
		.out = out,
		.out_max = 4 * MIB,
		.err = err,
		.timeout_ms = TIMEOUT_MS,
		.clone_flags =
			CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS,
		.setup = set_up,
		.setup_arg = &s,
	};
	int r = program_path(b, a->v[0], &program, e);

	if (r < 0)
		return r;
	real = realpath(program, NULL);
	if (!real)
		return error_errno(e, errno, "cannot find %s", program);
	s.program = real;
	r = prepare(&s, e);
	if (r < 0)
		return r;
	memcpy(argv, a->v, a->n * sizeof *argv);
	argv[0] = COMPOSE;
	return process_run(&p, e);
}
