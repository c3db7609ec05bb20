/* The image of a launch that fails: who has uploaded it is told that it stays. */
#include "cloud_play.h"

#include "upload.h"

#define STAYS                                                                                      \
	"\nThe image 'web-aaaaaaaaaaaa' was uploaded to ONE, and stays for the next launch; 'kbuild prune' removes it"

static bool was_there;	    /* another has uploaded it meanwhile */
static const char *refused; /* what the cloud refuses from then on */

int __wrap_upload_run(struct os *o, const struct cloud *c, const struct upload_request *q,
	struct arena *a, struct cloud_image **ret, size_t *ret_n, struct error *e);
int __wrap_upload_run(_unused_ struct os *o, _unused_ const struct cloud *c,
	const struct upload_request *q, struct arena *a, struct cloud_image **ret, size_t *ret_n,
	_unused_ struct error *e)
{
	*ret = arena_alloc(a, sizeof **ret);
	**ret = (struct cloud_image){ .id = "img",
		.name = "web-aaaaaaaaaaaa",
		.region = q->regions[0],
		.uploaded = !was_there };
	*ret_n = 1;
	fake.refused = refused;
	fake.refusal = 403;
	return 0;
}

static void a_launch_that_fails_names_the_image_that_it_has_uploaded(void)
{
	static const struct {
		bool no_image, was_there;
		const char *refused;
		bool things, image;
	} rows[] = {
		{ true, false, NULL, true, true },
		{ true, false, "https://nova/v2.1/os-keypairs", false, true },
		{ true, true, NULL, true, false },
		{ false, false, NULL, true, false },
	};
	struct launch_request q = play_request();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		play_fresh();
		RUN r = run_begin();

		fake.no_image = rows[i].no_image;
		fake.fault = "No valid host was found";
		was_there = rows[i].was_there;
		refused = rows[i].refused;
		check(play_launch(&r, &q) < 0);
		if ((strstr(r.e.msg, "There is now") != NULL) != rows[i].things ||
			(strstr(r.e.msg, STAYS) != NULL) != rows[i].image)
			check_fail("row %zu: '%s'", i, r.e.msg);
	}
}

int main(void)
{
	run(a_launch_that_fails_names_the_image_that_it_has_uploaded);
	return done();
}
