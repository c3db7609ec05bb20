/*
 * What 'kbuild doctor' is answered by OVH and by an OpenStack: the first byte of the input chooses how it signs in at
 * OVH; then the first byte of each piece chooses a status, the rest up to a NUL is the body. Every check ends, and what
 * it says is fit for a terminal and for JSON.
 */
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "ctx.h"
#include "doctor.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "node.h"
#include "ovh_session.h"
#include "row.h"

#include "script.h"

#include <string.h>

static const long statuses[] = { 200, 200, 200, 200, 201, 204, 400, 401, 403, 404, 409, 429, 503 };

static int give_access(struct row *r, struct os_access *ret, struct error *e)
{
	(void)r;
	(void)e;
	*ret = (struct os_access){ .from = "test",
		.auth_url = "https://keystone",
		.user_name = "u",
		.password = "p",
		.project_id = "p" };
	return 0;
}

static const struct row_hooks hooks = { .title = "Test", .open = give_access };

/* Of each of the three ways in the keys, and of the others none. */
static void choose_keys(uint8_t which)
{
	static const char *const names[][3] = {
		{ "OVH_APPLICATION_KEY", "OVH_APPLICATION_SECRET", "OVH_CONSUMER_KEY" },
		{ "OVH_CLIENT_ID", "OVH_CLIENT_SECRET", NULL },
		{ "OVH_ACCESS_TOKEN", NULL, NULL },
	};

	setenv("HOME", "/nonexistent", 1);
	setenv("OVH_ENDPOINT", "ovh-us", 1);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		for (size_t j = 0; j < 3 && names[i][j]; j++) {
			if (i == which % ARRAY_SIZE(names))
				setenv(names[i][j], "x", 1);
			else
				unsetenv(names[i][j]);
		}
	}
}

static void walk(struct doctor *d, const struct http *http, const struct clock *clock)
{
	const struct provider p = { .name = "openstack" };
	struct cloud cloud = {
		.provider = &p, .clock = clock, .http = http, .state_dir = "/nonexistent"
	};
	struct error e = { 0 };

	if (doctor_walk(d, "ovh", doctor_ovh, &e) < 0 || row_open(&cloud, &hooks, &e) < 0)
		abort();
	d->opened = &cloud;
	d->cloud = "openstack";
	if (doctor_walk(d, "openstack", doctor_openstack, &e) < 0)
		abort();
	row_close(&cloud);
}

static void look_at(const struct doctor *d, struct arena *a)
{
	_buf_ people = BUF_INIT;
	_buf_ machines = BUF_INIT;
	struct node *doc;
	struct error e = { 0 };

	doctor_print(d, &people);
	doctor_json(d, &machines);
	for (const char *p = buf_str(&people); *p; p++)
		if (((unsigned char)*p < ' ' && *p != '\n') || *p == 0x7f)
			abort();
	if (json_parse(&doc, a, "doctor", buf_str(&machines), machines.len, &e) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct script s = { data + (size > 0), size - (size > 0), statuses, ARRAY_SIZE(statuses),
		NULL, 0 };
	const struct http http = script_http(&s);
	const struct clock clock = script_clock(&s);
	struct ctx c = { .clock = &clock };
	struct doctor d = {
		.c = &c, .arena = a, .http = &http, .cloud = "ovh", .zone = "example.com"
	};

	choose_keys(size > 0 ? data[0] : 0);
	walk(&d, &http, &clock);
	look_at(&d, a);
	ovh_session_free(d.ovh);
	free(d.v);
	return 0;
}
