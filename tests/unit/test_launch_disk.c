/* A launch of a disk that nobody has built here: what it needs is known before anything is made. */
#include "cloud_play.h"

#include "build.h"
#include "build_identity.h"
#include "ctx.h"
#include "launch.h"
#include "launch_handoff.h"
#include "plan.h"
#include "servers.h"

/* What there is only for definitions. */
int build_run(_unused_ struct ctx *c, _unused_ const struct build_options *o,
	_unused_ struct build_result *ret, _unused_ struct error *e)
{
	check_fail("a build");
}

void build_result_free(_unused_ struct build_result *r)
{
}

int build_foresee(_unused_ const struct ctx *c, _unused_ const struct definition *def,
	_unused_ bool look, _unused_ char *ret, _unused_ struct error *e)
{
	check_fail("a build");
}

int launch_secrets(_unused_ struct ctx *c, _unused_ const struct definition *def,
	_unused_ const char *path, _unused_ struct arena *a, _unused_ const struct node **ret,
	_unused_ struct error *e)
{
	check_fail("secrets");
}

int launch_handoff(_unused_ struct launch_request *q, _unused_ const char *recipient,
	_unused_ const struct node *secrets, _unused_ struct arena *a, _unused_ struct error *e)
{
	check_fail("secrets");
}

void server_learn_keys(_unused_ const struct cloud *cloud, _unused_ const struct server *s)
{
}

/* As qemu-img makes it: a head, and not much behind it. */
static void write_qcow2(uint64_t size)
{
	unsigned char head[4096] = { 'Q', 'F', 'I', 0xfb, 0, 0, 0, 3 };

	for (int i = 0; i < 8; i++)
		head[24 + i] = (unsigned char)(size >> (56 - 8 * i));
	check_int(file_replace(tmp_fd(), "disk", head, sizeof head, 0600), 0);
}

static void write_raw(uint64_t size)
{
	_close_ int fd = openat(tmp_fd(), "disk", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	check_int(ftruncate(fd, (off_t)size), 0);
}

static int play(struct run *r, const char *flavor, bool plan)
{
	struct ctx c = { .clock = &fake_clock };
	struct launch_request q = {
		.name = "web", .disk = tmp_name("disk"), .flavor = flavor, .ssh_keys = play_keys
	};
	struct launch_options o = { .cloud = &r->cloud, .request = &q, .count = 1 };

	fake_reset();
	r->e = (struct error){};
	r->plan = (struct plan){ .carbon = -1 };
	return plan ? launch_plan(&c, &o, r->arena, &r->plan, &r->e)
		    : launch_run(&c, &o, r->arena, &r->server, &r->e);
}

static void refused(struct run *r)
{
	check_int(play(r, "tiny", false), -ERR_FAILED);
	if (!strstr(r->e.msg, "its disk has 1 GiB and the image needs 8; those that fit: d2-2"))
		check_fail("'%s'", r->e.msg);
	check_int(fake.posts, 0);
	check_int(play(r, "tiny", true), 0);
	check_int(plan_count(&r->plan, PLAN_WRONG), 1);
	check_int(play(r, "d2-2", true), 0);
	check_int(plan_count(&r->plan, PLAN_WRONG), 0);
}

static void a_flavor_that_is_too_small_for_it_is_refused_at_once(void)
{
	RUN r = run_begin();

	write_qcow2(8 * GIB);
	refused(&r);
	write_raw(8 * GIB);
	refused(&r);
	/* A gibibyte that has begun is a whole one. */
	write_raw(7 * GIB + 512);
	refused(&r);
}

static void what_no_cloud_can_boot_is_refused_at_once(void)
{
	RUN r = run_begin();

	check_int(file_replace(tmp_fd(), "disk", "vhdxfile", 8, 0600), 0);
	check_int(play(&r, "d2-2", false), -ERR_FAILED);
	check(strstr(r.e.msg, "it is VHDX") != NULL);
	check_int(unlinkat(tmp_fd(), "disk", 0), 0);
	check(play(&r, "d2-2", false) < 0);
	check(strstr(r.e.msg, "No such file") != NULL);
	check_int(fake.posts, 0);
}

int main(void)
{
	run(a_flavor_that_is_too_small_for_it_is_refused_at_once);
	run(what_no_cloud_can_boot_is_refused_at_once);
	return done();
}
