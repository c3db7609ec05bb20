/*
 * kbuild's own user. Made twice it never is: a POST whose outcome is not known is followed by a look at
 * the list, as is every beginning, so that whoever was killed between the POST and the file finds the user
 * again, and asks for another password.
 */
#include "signin_user.h"

#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"
#include "json.h"
#include "native_reply.h"
#include "node.h"
#include "ovh.h"
#include "progress.h"
#include "project.h"
#include "reply.h"
#include "signin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STATE_MAX (64 * KIB)
#define WAIT_MS	  180000 /* a user becomes usable after seconds, at times a minute or two */
#define POLL_MS	  2000
#define NEW_S	  (WAIT_MS / 1000 + 120) /* what is kept longer is known everywhere */

/* What kbuild does in OpenStack, and no more; "administrator" would be all of it. */
#define ROLES                                                                                      \
	"\"image_operator\",\"compute_operator\",\"network_operator\","                            \
	"\"network_security_operator\",\"volume_operator\""

static const struct field user_fields[] = {
	{ "id", field_int, offsetof(struct signin_user, id), FIELD_REQUIRED },
	{ "username", reply_word, offsetof(struct signin_user, name), FIELD_REQUIRED },
	{ "status", reply_word, offsetof(struct signin_user, status), FIELD_REQUIRED },
	{ "description", reply_text, offsetof(struct signin_user, description) },
	{ "password", reply_text, offsetof(struct signin_user, password) },
	{},
};

static const struct field kept_fields[] = {
	{ "id", field_int, offsetof(struct signin_user, id), FIELD_REQUIRED },
	{ "username", reply_word, offsetof(struct signin_user, name), FIELD_REQUIRED },
	{ "password", reply_word, offsetof(struct signin_user, password), FIELD_REQUIRED },
	{},
};

/* --- the file ------------------------------------------------------------------------------------ */

const char *signin_user_path(const struct signin *s, struct arena *a)
{
	_buf_ name = BUF_INIT;

	/* A project's id is hexadecimal; whatever else somebody writes must not leave the directory. */
	for (const char *p = s->native->project; *p; p++)
		buf_addc(&name, *p == '/' || (p == s->native->project && *p == '.') ? '_' : *p);
	return arena_printf(a, "%s/ovh/%s.json", s->state_dir, buf_str(&name));
}

/* What cannot be read is as good as lost. */
bool signin_user_kept(const struct signin *s, struct signin_user *ret, struct arena *a)
{
	const char *path = signin_user_path(s, a);
	_buf_ text = BUF_INIT;
	struct error ignored = {};
	struct node *doc;
	bool read;

	if (file_read(AT_FDCWD, path, STATE_MAX, &text) < 0)
		return false;
	read = json_parse(&doc, a, path, buf_str(&text), text.len, &ignored) == 0 &&
	       reply_read(doc, "user", kept_fields, ret, a, &ignored) == 0;
	if (text.data)
		explicit_bzero(text.data, text.len);
	return read;
}

static int keep(
	const struct signin *s, const struct signin_user *u, struct arena *a, struct error *e)
{
	const char *path = signin_user_path(s, a);
	_buf_ out = BUF_INIT;
	int r;

	buf_printf(&out, "{\"v\":1,\"id\":%" PRId64 ",\"username\":", u->id);
	json_write_string(&out, u->name, strlen(u->name));
	buf_adds(&out, ",\"password\":");
	json_write_string(&out, u->password, strlen(u->password));
	buf_adds(&out, "}\n");
	r = file_replace(AT_FDCWD, path, out.data, out.len, 0600);
	explicit_bzero(out.data, out.len);
	return r < 0 ? error_errno(e, r, "keeping the OpenStack user in %s", path) : 0;
}

/* By this machine's clock, as the file's time is. */
bool signin_user_is_new(const struct signin *s, struct arena *a)
{
	const int64_t now = (int64_t)time(NULL);
	struct stat st;

	return fstatat(AT_FDCWD, signin_user_path(s, a), &st, 0) == 0 && st.st_mtime <= now &&
	       now - st.st_mtime < NEW_S;
}

/* --- the calls ------------------------------------------------------------------------------------ */

int signin_user_read(
	const struct node *answer, struct arena *a, struct signin_user *ret, struct error *e)
{
	struct signin_user u = {};
	int r = reply_read(answer, "user", user_fields, &u, a, e);

	if (r == 0)
		*ret = u;
	return r;
}

/* The one of our description, the oldest where there are several; 1: none. */
static int find_user(
	const struct signin *s, struct arena *a, struct signin_user *ret, struct error *e)
{
	struct node *answer;
	bool found = false;
	int r = native_list(s->native, "/user", a, &answer, e);

	for (size_t i = 0; r == 0 && i < answer->n; i++) {
		struct signin_user u = {};

		r = signin_user_read(answer->items[i], a, &u, e);
		if (r < 0 || !u.description || strcmp(u.description, s->description) != 0 ||
			strcmp(u.status, "deleting") == 0 || strcmp(u.status, "deleted") == 0)
			continue;
		if (!found || u.id < ret->id)
			*ret = u;
		found = true;
	}
	return r < 0 ? r : !found;
}

/* A password nobody here knows: another. It may be asked for twice; the last one counts. */
static int new_password(
	const struct signin *s, struct arena *a, struct signin_user *u, struct error *e)
{
	const char *path = native_path(
		s->native, arena_printf(a, "/user/%" PRId64 "/regeneratePassword", u->id), a);
	struct node *answer;
	int r = ovh_must(s->native->api,
		&(struct ovh_query){ .method = "POST", .path = path, .harmless = true }, a, &answer,
		e);

	if (r == 0)
		r = signin_user_read(answer, a, u, e);
	if (r == 0 && (!u->password || !*u->password))
		return error_set(e, ERR_FAILED,
			"OVH: the new password of the user %s was not in the answer", u->name);
	return r;
}

/* Makes it. Where nobody knows whether that happened, the list tells. */
static int make_user(
	const struct signin *s, struct arena *a, struct signin_user *ret, struct error *e)
{
	_buf_ body = BUF_INIT;
	struct node *answer;
	int r;

	buf_adds(&body, "{\"description\":");
	json_write_string(&body, s->description, strlen(s->description));
	buf_adds(&body, ",\"roles\":[" ROLES "]}");
	r = ovh_call(s->native->api,
		&(struct ovh_query){ .method = "POST",
			.path = native_path(s->native, "/user", a),
			.body = buf_str(&body) },
		a, &answer, e);
	if (r == OVH_UNSURE) {
		r = find_user(s, a, ret, e);
		if (r == 1)
			return error_set(e, ERR_NETWORK,
				"OVH did not say whether the OpenStack user was made, and there is "
				"none yet: run the same again in a minute");
		return r < 0 ? r : new_password(s, a, ret, e);
	}
	if (r != 0)
		return -e->code;
	r = signin_user_read(answer, a, ret, e);
	return r < 0 || (ret->password && *ret->password) ? r : new_password(s, a, ret, e);
}

/* Until OVH has told Keystone of the user. Its roles may come a little later still. */
static int wait_for_user(
	const struct signin *s, struct arena *a, struct signin_user *u, struct error *e)
{
	const char *path = arena_printf(a, "/user/%" PRId64, u->id);
	const int64_t end = clock_now_ms(s->clock) + WAIT_MS;

	while (strcmp(u->status, "ok") != 0) {
		struct signin_user now = {};
		struct node *answer;
		int r;

		if (strcmp(u->status, "creating") != 0)
			return error_set(e, ERR_FAILED,
				"OVH's OpenStack user %s is '%.40s': remove it in the web console, "
				"then the next run makes another",
				u->name, u->status);
		if (clock_now_ms(s->clock) >= end)
			return error_set(e, ERR_NETWORK,
				"OVH's OpenStack user %s is still being created after %d s: run the "
				"same again",
				u->name, WAIT_MS / 1000);
		r = clock_sleep_ms(s->clock, POLL_MS);
		if (r < 0)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
		r = native_get(s->native, path, a, &answer, e);
		if (r == OVH_ABSENT)
			continue; /* lists and objects become visible one after the other */
		if (r != 0)
			return -e->code;
		r = signin_user_read(answer, a, &now, e);
		if (r < 0)
			return r;
		u->status = now.status; /* all else is what was kept */
	}
	return 0;
}

/* Of two runs at once on this machine one makes the user, and the other finds it kept. */
static int lock(const struct signin *s, struct arena *a, int *ret, struct error *e)
{
	const char *dir = arena_printf(a, "%s/ovh", s->state_dir);
	_close_ int fd = -1;
	int r = mkdir_all(AT_FDCWD, dir, 0700);

	if (r < 0)
		return error_errno(e, r, "making %s", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(e, errno, "opening %s", dir);
	while (flock(fd, LOCK_EX) < 0) {
		if (interrupted())
			return error_set(e, ERR_INTERRUPTED, "interrupted");
		if (errno != EINTR)
			return error_errno(e, errno, "locking %s", dir);
	}
	*ret = TAKE_FD(fd);
	return 0;
}

int signin_user_get(const struct signin *s, struct arena *a, const char *refused,
	struct signin_user *u, struct error *e)
{
	_close_ int held = -1;
	int r;

	if (!refused && signin_user_kept(s, u, a))
		return 0;
	r = lock(s, a, &held, e);
	if (r < 0)
		return r;
	if (signin_user_kept(s, u, a) && (!refused || strcmp(u->password, refused) != 0))
		return 0; /* another run has seen to it meanwhile */
	progress_begin(s->progress, "OpenStack user of the project", NULL, 0);
	r = find_user(s, a, u, e);
	if (r == 0) {
		progress_note(s->progress,
			"the OpenStack user %s (%s) gets a new password, which is kept in %s",
			u->name, s->description, signin_user_path(s, a));
		r = new_password(s, a, u, e);
	} else if (r == 1) {
		r = make_user(s, a, u, e);
	}
	if (r == 0) {
		s->memory->made = u->password;
		r = keep(s, u, a, e); /* at once: what follows may be interrupted */
	}
	if (r == 0)
		r = wait_for_user(s, a, u, e);
	if (r < 0)
		return error_prefix(e, "the OpenStack user of the project %s", s->native->project);
	progress_end(s->progress, u->name);
	return 0;
}
