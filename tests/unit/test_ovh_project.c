/* A project at OVH: which one, where, what it offers. */
#include "fake_native.h"

#include "buf.h"

static void the_only_project_is_taken_and_others_are_named(void)
{
	static const struct {
		const char *answer;
		const char *project; /* NULL: an error */
		const char *says;
	} cases[] = {
		{ "[\"p1\"]", "p1", "" },
		{ "[]", NULL, "has no Public Cloud project: make one" },
		{ "[\"p2\",\"p1\"]", NULL,
			"OVH_CLOUD_PROJECT_SERVICE=ID, or 'project=ID' in "
			"ovh.conf: p1, p2" },
		{ "{}", NULL, "the reply of /cloud/project must be a list, not a map" },
		{ "[\"p1\",null]", NULL, "entry 2 must be a name, not nothing" },
		{ "[[]]", NULL, "entry 1 must be a name, not a list" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fake_reply script[] = {
			{ "GET " EU "/cloud/project", .status = 200, .body = cases[i].answer }, {}
		};
		_cleanup_(play_end) struct play p = {};
		const char *got;
		int r;

		play_begin(&p, script);
		r = project_choose(p.ovh, NULL, p.arena, &got, &p.e);
		check_int(r < 0, !cases[i].project);
		if (cases[i].project)
			check_str(got, cases[i].project);
		check_says(&p, cases[i].says);
		fake_http_done(&p.fake);
	}
}

static void a_project_that_is_named_is_not_looked_for(void)
{
	static const struct fake_reply script[] = { {} };
	_cleanup_(play_end) struct play p = {};
	const char *got;

	play_begin(&p, script);
	check_int(project_choose(p.ovh, "mine", p.arena, &got, &p.e), 0);
	check_str(got, "mine");
}

static void who_may_not_list_projects_is_told_to_name_one(void)
{
	static const struct fake_reply script[] = {
		{ "GET " EU "/cloud/project", .status = 403, .body = "{\"message\":\"no\"}" }, {}
	};
	_cleanup_(play_end) struct play p = {};
	const char *got;

	play_begin(&p, script);
	check_int(project_choose(p.ovh, NULL, p.arena, &got, &p.e), -ERR_FAILED);
	check_says(&p, "name the project");
}

static void a_project_must_be_in_use(void)
{
	static const struct fake_reply script[] = {
		{ "GET " P, .status = 200,
			.body = "{\"project_id\":\"p1\",\"status\":\"ok\",\"projectName\":null,"
				"\"unleash\":false}" },
		{ "GET " P, .status = 200,
			.body = "{\"project_id\":\"p1\",\"status\":\"suspended\"}" },
		{ "GET " P, .status = 404,
			.body = "{\"message\":\"This service does not exist\"}" },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	struct ovh_project project;

	play_begin(&p, script);
	check_int(project_read(&p.native, p.arena, &project, &p.e), 0);
	check_str(project.id, "p1");
	check(!project.name);
	check_int(project_read(&p.native, p.arena, &project, &p.e), -ERR_FAILED);
	check_says(&p, "is 'suspended'");
	check_int(project_read(&p.native, p.arena, &project, &p.e), -ERR_FAILED);
	check_says(&p, "there is no project 'p1' for this key");
	fake_http_done(&p.fake);
}

#define REGION(name, type, status, services)                                                       \
	"{\"name\":\"" name "\",\"type\":\"" type "\",\"status\":\"" status                        \
	"\",\"datacenterLocation\":\"X\",\"services\":[" services "]}"
#define ALL "{\"name\":\"instance\",\"status\":\"UP\"},{\"name\":\"network\"},{\"name\":\"volume\"}"

static void regions_are_fit_for_their_use_or_say_why_not(void)
{
	static const struct {
		const char *name, *answer;
		unsigned use;
		const char *says; /* NULL: fit */
	} cases[] = {
		{ "GRA11", REGION("GRA11", "region", "UP", ALL), REGION_SERVERS | REGION_IMAGES,
			NULL },
		{ "EU-WEST-PAR", REGION("EU-WEST-PAR", "region-3-az", "UP", ALL),
			REGION_SERVERS | REGION_IMAGES, NULL },
		{ "GRA11", REGION("GRA11", "region", "MAINTENANCE", ALL), REGION_SERVERS,
			"in state MAINTENANCE" },
		{ "GRA", REGION("GRA", "region", "UP", "{\"name\":\"storage\"}"), REGION_SERVERS,
			"storage only, no servers" },
		{ "LZ", REGION("LZ", "localzone", "UP", ALL), REGION_SERVERS | REGION_IMAGES,
			"local zone, where OVH takes no images" },
		{ "LZ", REGION("LZ", "localzone", "UP", ALL), REGION_SERVERS, NULL },
		{ "GRA11", "{\"name\":\"GRA11\",\"status\":\"UP\"}", REGION_SERVERS, NULL },
		{ "GRA11", "{\"name\":\"GRA11\"}", REGION_SERVERS,
			"the reply's 'region.status' is missing" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(play_end) struct play p = {};
		struct ovh_region region = {};
		_buf_ request = BUF_INIT;
		int r;

		buf_printf(&request, "GET " P "/region/%s", cases[i].name);
		play_begin(&p, (const struct fake_reply[]){ { buf_str(&request), .status = 200,
								    .body = cases[i].answer },
				       {} });
		r = project_region(&p.native, cases[i].name, cases[i].use, p.arena, &region, &p.e);
		if (!cases[i].says && r < 0)
			check_fail("%s: %s", cases[i].name, p.e.msg);
		check_int(r < 0, cases[i].says != NULL);
		if (cases[i].says)
			check_says(&p, cases[i].says);
		else
			check_str(region.name, cases[i].name);
	}
}

static void a_region_that_is_not_active_names_those_that_are(void)
{
	static const struct fake_reply script[] = {
		{ "GET " P "/region/GRA9", .status = 404 },
		{ "GET " P "/region", .status = 200, .body = "[\"SBG5\",\"GRA11\"]" },
		{ "GET " P "/region/BHS5", .status = 404 },
		{ "GET " P "/region", .status = 403 },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	struct ovh_region region;

	play_begin(&p, script);
	check_int(project_region(&p.native, "GRA9", 0, p.arena, &region, &p.e), -ERR_FAILED);
	check_says(&p, "'GRA9' is not activated in the OVH project p1");
	check_says(&p, "kbuild doctor --cloud ovh --project p1 --activate GRA9");
	check_says(&p, "active are: GRA11, SBG5");
	check_int(project_region(&p.native, "BHS5", 0, p.arena, &region, &p.e), -ERR_FAILED);
	check_says(&p, "'BHS5' is not activated");
	fake_http_done(&p.fake);
}

static void activating_twice_is_as_good_as_once(void)
{
	static const struct fake_reply script[] = {
		{ "POST " P "/region", .has = "{\"region\":\"GRA9\"}", .status = 200,
			.body = "{}" },
		{ "POST " P "/region", .status = 409, .body = "{\"message\":\"already\"}" },
		{ "POST " P "/region", .status = 403, .body = "{\"message\":\"no\"}" },
		{},
	};
	_cleanup_(play_end) struct play p = {};

	play_begin(&p, script);
	check_int(project_activate(&p.native, "GRA9", &p.e), 0);
	check_int(project_activate(&p.native, "GRA9", &p.e), 0);
	check_int(project_activate(&p.native, "GRA9", &p.e), -ERR_FAILED);
	fake_http_done(&p.fake);
}

#define FLAVOR(id, name, os, available, quota)                                                     \
	"{\"id\":\"" id "\",\"name\":\"" name "\",\"region\":\"GRA11\",\"osType\":\"" os           \
	"\",\"ram\":4000,\"disk\":50,\"vcpus\":2,\"available\":" available ",\"quota\":" quota     \
	",\"planCodes\":{\"hourly\":\"" name                                                       \
	".consumption\",\"monthly\":null},"                                                        \
	"\"capabilities\":[],\"type\":\"x\"}"

static const char flavors[] = "[" FLAVOR("i1", "d2-4", "linux", "true", "3") "," FLAVOR(
	"i2", "win-d2-4", "windows", "true", "3") "," FLAVOR("i3", "d2-8", "linux", "false",
	"3") "," FLAVOR("i4", "b2-7", "linux", "true", "0") "]";

static void flavors_are_found_by_name_or_id_and_can_be_had(void)
{
	static const struct {
		const char *name, *says; /* NULL: it can be had */
	} cases[] = {
		{ "d2-4", NULL },
		{ "i1", NULL },
		{ "d2-5", "did you mean 'd2-4'?" },
		{ "zzzzzz", "available are: d2-4" },
		{ "win-d2-4", "there is no flavor 'win-d2-4' in the region GRA11" },
		{ "d2-8", "sold out in the region GRA11" },
		{ "b2-7", "quota leaves no server of flavor 'b2-7'" },
	};
	static const struct fake_reply script[] = {
		{ "GET " P "/flavor?region=GRA11", .status = 200, .body = flavors }, {}
	};
	_cleanup_(play_end) struct play p = {};
	const struct ovh_flavor *f;
	struct ovh_flavors all;

	play_begin(&p, script);
	check_int(project_flavors(&p.native, "GRA11", p.arena, &all, &p.e), 0);
	check_int(all.n, 3);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = flavor_pick(&all, cases[i].name, &f, &p.e);

		check_int(r < 0, cases[i].says != NULL);
		if (cases[i].says)
			check_says(&p, cases[i].says);
		else
			check_str(f->name, "d2-4");
	}
	check_str(f->name, "d2-4");
	check_int(f->ram, 4000);
	check_int(f->disk, 50);
	check_int(f->vcpus, 2);
	check_str(f->hourly, "d2-4.consumption");
	check(!f->monthly);
	fake_http_done(&p.fake);
}

static void quotas_may_lack_parts(void)
{
	static const struct fake_reply script[] = {
		{ "GET " P "/region/GRA11/quota", .status = 200,
			.body = "{\"region\":\"GRA11\",\"instance\":{\"maxInstances\":20,"
				"\"usedInstances\":18,\"maxCores\":-1,\"usedCores\":5},"
				"\"volume\":null,\"keypair\":{\"maxCount\":100}}" },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	struct ovh_quota q;

	play_begin(&p, script);
	check_int(project_quota(&p.native, "GRA11", p.arena, &q, &p.e), 0);
	check_int(limit_left(&q.instances), 2);
	check_int(limit_left(&q.cores), INT64_MAX);
	check_int(q.volumes.max, -1);
	check_int(limit_left(&q.key_pairs), 100);
	check_int(limit_left(&(struct ovh_limit){ 3, 9 }), 0);
	check_int(limit_left(&(struct ovh_limit){ INT64_MAX, INT64_MIN }), INT64_MAX);
}

static void images_have_their_size_without_floating_point(void)
{
	static const struct fake_reply script[] = {
		{ "GET " P "/snapshot?region=GRA11", .status = 200,
			.body = "[{\"id\":\"1\",\"name\":\"a\",\"status\":\"active\",\"size\":2.5},"
				"{\"id\":\"2\",\"name\":\"b\",\"status\":\"active\",\"size\":0.12},"
				"{\"id\":\"3\",\"name\":\"c\",\"status\":\"queued\",\"size\":null},"
				"{\"id\":\"4\",\"name\":\"d\",\"status\":\"active\",\"size\":1e300}]" },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	struct ovh_image *v;
	size_t n;

	play_begin(&p, script);
	check_int(project_images(&p.native, "GRA11", p.arena, &v, &n, &p.e), 0);
	check_int(n, 4);
	check_int(v[0].mib, 2560);
	check_int(v[1].mib, 122);
	check_int(v[2].mib, 0);
}

int main(void)
{
	run(the_only_project_is_taken_and_others_are_named);
	run(a_project_that_is_named_is_not_looked_for);
	run(who_may_not_list_projects_is_told_to_name_one);
	run(a_project_must_be_in_use);
	run(regions_are_fit_for_their_use_or_say_why_not);
	run(a_region_that_is_not_active_names_those_that_are);
	run(activating_twice_is_as_good_as_once);
	run(flavors_are_found_by_name_or_id_and_can_be_had);
	run(quotas_may_lack_parts);
	run(images_have_their_size_without_floating_point);
	return done();
}
