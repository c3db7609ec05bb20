/*
 * Answers of OVH's native API about kbuild's OpenStack user: the first byte of each piece chooses a status, the rest up
 * to a NUL is the body. Who is signed in has a name and a password, and both are kept as they are.
 */
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "http.h"
#include "ovh.h"
#include "ovh_conf.h"
#include "project.h"
#include "signin.h"
#include "signin_user.h"
#include "tmpdir.h"

#include "script.h"

#include <string.h>

static const long statuses[] = { 200, 200, 200, 200, 201, 204, 400, 401, 403, 404, 409, 429, 503 };

static void sign_in(const struct signin *s, struct arena *a)
{
	struct signin_user u = { 0 }, kept = { 0 };
	struct error e = { 0 };
	const char *refused = NULL;

	for (int i = 0; i < 2; i++) {
		int r = signin_user_get(s, a, refused, &u, &e);

		if (r < 0 && (e.code != -r || !*e.msg))
			abort();
		for (const char *p = e.msg; *p; p++)
			if ((unsigned char)*p < ' ' || *p == 0x7f)
				abort();
		if (r < 0)
			return;
		if (!u.name || !*u.name || !u.password || !*u.password)
			abort();
		if (!signin_user_kept(s, &kept, a) || kept.id != u.id ||
			strcmp(kept.name, u.name) != 0 || strcmp(kept.password, u.password) != 0)
			abort();
		refused = u.password;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ovh_keys keys = { .access_token = "token" };
	static const struct ovh_conf conf = { .section = "ovh-eu" };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(ovh_freep) struct ovh *api = NULL;
	struct script s = { data, size, statuses, ARRAY_SIZE(statuses), NULL, 0 };
	const struct http http = script_http(&s);
	const struct clock clock = script_clock(&s);
	struct signin_memory memory = { 0 };
	struct error e = { 0 };

	if (ovh_new(&api, &keys, &http, &clock, &e) < 0)
		abort();
	if (remove_all(tmp_fd(), "ovh") < 0)
		abort();
	sign_in(&(struct signin){ &(struct native){ api, "p1" }, &conf, tmp_path, &clock, NULL,
			"kbuild", false, &memory },
		a);
	return 0;
}
