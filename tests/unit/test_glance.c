/* Glance's records: what is asked, and replies as they come, mutated, and from other releases. */
#include "os_play.h"

#include "buf.h"
#include "glance.h"
#include "json.h"
#include "provider.h"

/* Of a real Glance 25, with what kbuild had asked for. */
#define RECORD_OF(status_)                                                                         \
	"{\"hw_disk_bus\":\"scsi\",\"hw_scsi_model\":\"virtio-scsi\",\"os_type\":\"linux\","       \
	"\"os_distro\":\"debian\",\"os_version\":\"trixie\",\"architecture\":\"x86_64\","          \
	"\"img_config_drive\":\"mandatory\",\"image_original_user\":\"debian\","                   \
	"\"kbuild_image\":\"" D                                                                    \
	"\",\"kbuild_definition\":\"demo\",\"kbuild_sha512\":\"abc\","                             \
	"\"name\":\"demo-aaaaaaaaaaaa\",\"disk_format\":\"qcow2\",\"container_format\":\"bare\","  \
	"\"visibility\":\"private\",\"size\":340131840,\"virtual_size\":4294967296,"               \
	"\"status\":\"" status_                                                                    \
	"\",\"checksum\":\"d41d8cd98f00b204e9800998ecf8427e\","                                    \
	"\"protected\":false,\"min_ram\":0,\"min_disk\":4,\"owner\":\"p\",\"os_hidden\":false,"    \
	"\"os_hash_algo\":\"sha512\",\"os_hash_value\":\"abc\","                                   \
	"\"id\":\"" ID                                                                             \
	"\",\"created_at\":\"2026-11-29T11:00:00Z\","                                              \
	"\"updated_at\":\"2026-11-29T11:01:00Z\",\"locations\":[],\"direct_url\":null,"            \
	"\"tags\":[\"kbuild\"],\"self\":\"/v2/images/" ID "\",\"file\":\"/v2/images/" ID           \
	"/file\","                                                                                 \
	"\"schema\":\"/v2/schemas/image\",\"stores\":\"file\"}"
#define ID     "96f8e3a1-7a39-4d0c-8b3f-6a8a0a3b7d11"
#define D      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LIST   "GET " GLANCE "/images?limit=200&tag=kbuild&owner=p&kbuild_image=" D
#define IMAGE  GLANCE "/images/" ID
#define RECORD RECORD_OF("active")

static struct node *parse_json(struct arena *a, const char *text)
{
	struct node *node = NULL;
	struct error e = {};

	check_int(json_parse(&node, a, "reply", text, strlen(text), &e), 0);
	return node;
}

static void a_real_record_is_read(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct glance_image i;
	struct error e = {};

	check_int(glance_parse(parse_json(a, RECORD), a, &i, &e), 0);
	check_str(i.id, ID);
	check_str(i.name, "demo-aaaaaaaaaaaa");
	check_str(i.status, "active");
	check_str(i.disk_format, "qcow2");
	check_str(i.hash_algo, "sha512");
	check_str(i.hash_value, "abc");
	check_int(i.size, 340131840);
	check_int(i.min_disk, 4);
	check_int(i.created, 1795950000);
	check_int(i.changed, 1795950060);
	check(!i.is_protected);
	check_str(i.digest, D);
	check_str(i.definition, "demo");
	check_str(i.sha512, "abc");
	check_str(i.user, "debian");
}

static void a_queued_record_has_no_size(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct glance_image i;
	struct error e = {};

	check_int(
		glance_parse(parse_json(a, "{\"id\":\"" ID "\",\"status\":\"queued\",\"size\":null,"
					   "\"checksum\":null,\"os_hash_value\":null}"),
			a, &i, &e),
		0);
	check_int(i.size, -1);
	check(!i.hash_value && !i.name && !i.digest);
}

/* Every member in turn: gone, null, and of every other type. What is wrong is named, or does not matter. */
static void no_mutated_record_gets_through_or_crashes(void)
{
	static const char *const mutants[] = { NULL, "null", "[]", "{}", "[{\"id\":1}]", "true",
		"-1", "9223372036854775808", "1e400", "\"\"", "\"\\u0000\"", "\"\\u001b[31m\"",
		"\"../../servers\"", "HUGE" };
	size_t accepted = 0, refused = 0;

	for (size_t m = 0; m < ARRAY_SIZE(mutants); m++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		size_t n = parse_json(a, RECORD)->n;

		for (size_t k = 0; k < n; k++) {
			struct node *record = parse_json(a, RECORD), *value = NULL;
			const char *key = record->keys[k]->str;
			_buf_ text = BUF_INIT;
			struct glance_image i = { .size = 77 };
			struct error e = {};

			buf_addc(&text, '"');
			for (size_t c = 0; c < 100000; c++)
				buf_addc(&text, 'x');
			buf_addc(&text, '"');
			if (!mutants[m])
				node_remove(record, key);
			else if (json_parse(&value, a, "",
					 strcmp(mutants[m], "HUGE") == 0 ? buf_str(&text)
									 : mutants[m],
					 strcmp(mutants[m], "HUGE") == 0 ? text.len
									 : strlen(mutants[m]),
					 &e) < 0)
				continue; /* it is no JSON: the reply as a whole is refused */
			else
				node_set(a, record, &record->at, key, value);
			if (glance_parse(record, a, &i, &e) == 0) {
				accepted++;
				check(i.id && i.status);
				check(!strchr(i.id, '/'));
				continue;
			}
			refused++;
			check_int(e.code, ERR_NETWORK);
			check_int(i.size, 77); /* untouched */
			if (!strstr(e.msg, key))
				check_fail("'%s' is not named: %s", key, e.msg);
		}
	}
	check(accepted > 100 && refused > 100);
}

static void what_is_no_record_is_refused(void)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "{}", "the reply's 'image.id' is missing" },
		{ "[]", "the reply's 'image' must be a map, not a list" },
		{ "null", "the reply holds no 'image'" },
		{ "\"<html>\"", "the reply's 'image' must be a map, not text" },
		{ "{\"id\":\"a/b\",\"status\":\"active\"}",
			"the reply's 'image.id' is no id: 'a/b'" },
		{ "{\"id\":\"\",\"status\":\"active\"}", "the reply's 'image.id' is no id: ''" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct glance_image image;
		struct error e = {};

		check(glance_parse(parse_json(a, rows[i].text), a, &image, &e) < 0);
		check_str(e.msg, rows[i].message);
	}
}

static void the_list_is_of_this_image_newest_first(void)
{
	static const struct fake_reply script[] = {
		SIGN_IN,
		{ LIST, .header = "X-Auth-Token: tok", .status = 200,
			.body = "{\"images\":[" RECORD
				",{\"id\":\"b\",\"status\":\"queued\",\"kbuild_image\":\"" D "\","
				"\"created_at\":\"2026-11-29T11:30:00Z\"}],"
				"\"next\":\"/v2/images?marker=b\"}" },
		{ "GET " GLANCE "/images?marker=b", .status = 200,
			/* a service that leaves filters out that it does not know */
			.body = "{\"images\":[{\"id\":\"c\",\"status\":\"active\","
				"\"kbuild_image\":\"other\"},{\"id\":\"d\",\"status\":\"active\"}]}" },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	struct glance_image *v;
	size_t n;

	play_begin(&p, script);
	check_int(glance_list(p.os, NULL, D, p.arena, &v, &n, &p.e), 0);
	check_int(n, 2);
	check_str(v[0].id, "b");
	check_str(v[1].id, ID);
	fake_http_done(&p.fake);
}

static void a_wrong_record_in_a_list_names_the_region(void)
{
	static const struct fake_reply script[] = {
		SIGN_IN,
		{ "GET https://glance.two/v2/images?limit=200&tag=kbuild&owner=p", .status = 200,
			.body = "{\"images\":[{\"id\":\"b\",\"status\":5}]}" },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	struct glance_image *v;
	size_t n;

	play_begin(&p, script);
	check_int(glance_list(p.os, "TWO", NULL, p.arena, &v, &n, &p.e), -ERR_NETWORK);
	check_str(p.e.msg,
		"image in TWO: the reply's 'image.status' must be text without control characters, not a number");
	fake_http_done(&p.fake);
}

static void a_record_is_made_with_all_that_servers_need(void)
{
	static const struct fake_reply script[] = {
		SIGN_IN,
		{ "POST " GLANCE "/images",
			.has = "{\"name\":\"de\\\"mo\",\"id\":\"" ID "\",\"disk_format\":\"qcow2\","
			       "\"container_format\":\"bare\",\"visibility\":\"private\","
			       "\"tags\":[\"kbuild\"],\"min_disk\":4,\"kbuild_image\":\"" D "\","
			       "\"kbuild_definition\":\"demo\",\"kbuild_sha512\":\"abc\","
			       "\"os_type\":\"linux\",\"os_distro\":\"debian\",\"os_version\":\"13\","
			       "\"architecture\":\"x86_64\",\"image_original_user\":\"debian\","
			       "\"hw_disk_bus\":\"scsi\",\"hw_scsi_model\":\"virtio-scsi\","
			       "\"img_config_drive\":\"mandatory\"}",
			.status = 201, .body = RECORD },
		{},
	};
	const struct glance_new n = { .id = ID,
		.name = "de\"mo",
		.disk_format = "qcow2",
		.min_disk = 4,
		.digest = D,
		.definition = "demo",
		.sha512 = "abc",
		.user = "debian",
		.distribution = "debian",
		.version = "13",
		.architecture = "amd64" };
	_cleanup_(play_end) struct play p = {};
	struct glance_image i;

	play_begin(&p, script);
	check_int(glance_create(p.os, NULL, &n, p.arena, &i, &p.e), 0);
	check_str(i.id, ID);
	fake_http_done(&p.fake);
}

static void outcomes_of_making_one(void)
{
	static const struct {
		long status;
		const char *body, *id;
		int outcome;
	} rows[] = {
		{ 409, "<html><body>Image ID " ID " already exists!</body></html>", ID,
			OS_CONFLICT },
		{ 403, "<html>no</html>", ID, OS_REFUSED },
		{ 413, "quota", ID, OS_REFUSED },
		{ 404, "", ID, -ERR_FAILED },
		{ 201, "{\"id\":5.5}", ID, -ERR_NETWORK },
		{ 201, "<html>", ID, -ERR_NETWORK },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct fake_reply script[] = {
			SIGN_IN,
			{ "POST " GLANCE "/images", .status = rows[i].status,
				.body = rows[i].body },
			/* what is no JSON may be another one in a moment; this id can be made only once */
			{ "POST " GLANCE "/images", .status = rows[i].status,
				.body = rows[i].body },
			{ "POST " GLANCE "/images", .status = rows[i].status,
				.body = rows[i].body },
			{ "POST " GLANCE "/images", .status = rows[i].status,
				.body = rows[i].body },
			{ "POST " GLANCE "/images", .status = rows[i].status,
				.body = rows[i].body },
			{ "POST " GLANCE "/images", .status = rows[i].status,
				.body = rows[i].body },
			{ "POST " GLANCE "/images", .status = rows[i].status,
				.body = rows[i].body },
			{},
		};
		const struct glance_new n = { .id = rows[i].id, .name = "x", .disk_format = "raw" };
		_cleanup_(play_end) struct play p = {};
		struct glance_image image;

		play_begin(&p, script);
		check_int(glance_create(p.os, NULL, &n, p.arena, &image, &p.e), rows[i].outcome);
	}
}

static void one_is_shown_confirmed_and_deleted(void)
{
	static const struct fake_reply script[] = {
		SIGN_IN,
		{ "GET " IMAGE, .status = 200, .body = RECORD },
		{ "GET " IMAGE, .status = 404, .body = "<html>No image found</html>" },
		{ "PATCH " IMAGE,
			.header = "Content-Type: application/openstack-images-v2.1-json-patch",
			.has = "[{\"op\":\"add\",\"path\":\"/kbuild_sha512\",\"value\":\"abc\"}]",
			.status = 200, .body = RECORD },
		{ "PATCH " IMAGE, .status = 404 },
		{ "DELETE " IMAGE, .status = 204 },
		{ "DELETE " IMAGE, .status = 404 },
		{ "DELETE " IMAGE, .status = 403, .body = "Image is protected" },
		{ "GET " IMAGE, .status = 200, .body = RECORD },
		{ "DELETE " IMAGE, .status = 409, .body = "Image is in use" },
		{ "GET " IMAGE, .status = 200, .body = RECORD },
		/* Of two who delete at the same time. */
		{ "DELETE " IMAGE, .status = 400,
			.body = "status transition from deleted to deleted" },
		{ "GET " IMAGE, .status = 404 },
		{ "DELETE " IMAGE, .status = 409 },
		{ "GET " IMAGE, .status = 200, .body = RECORD_OF("pending_delete") },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	struct glance_image i;

	play_begin(&p, script);
	check_int(glance_show(p.os, NULL, ID, p.arena, &i, &p.e), 0);
	check_int(glance_show(p.os, NULL, ID, p.arena, &i, &p.e), OS_ABSENT);
	check_int(glance_confirm(p.os, NULL, ID, "abc", &p.e), 0);
	check_int(glance_confirm(p.os, NULL, ID, "abc", &p.e), OS_ABSENT);
	check_int(glance_delete(p.os, NULL, ID, &p.e), 0);
	check_int(glance_delete(p.os, NULL, ID, &p.e), OS_ABSENT);
	check(glance_delete(p.os, NULL, ID, &p.e) < 0 && strstr(p.e.msg, "protected"));
	check(glance_delete(p.os, NULL, ID, &p.e) < 0 && strstr(p.e.msg, "in use"));
	check_int(glance_delete(p.os, NULL, ID, &p.e), OS_ABSENT);
	check_int(glance_delete(p.os, NULL, ID, &p.e), OS_ABSENT);
	fake_http_done(&p.fake);
}

static void room_is_what_the_service_says(void)
{
	static const struct {
		long status;
		const char *body;
		int64_t mib, images;
	} rows[] = {
		{ 200,
			"{\"usage\":{\"image_size_total\":{\"limit\":1000,\"usage\":340},"
			"\"image_count_total\":{\"limit\":5,\"usage\":7}}}",
			660, 0 },
		{ 200, "{\"usage\":{\"image_size_total\":{\"limit\":-1,\"usage\":340}}}", -1, -1 },
		{ 200, "{\"usage\":{}}", -1, -1 },
		{ 200, "{\"usage\":[]}", -1, -1 },
		{ 200, "{\"usage\":{\"image_size_total\":\"1\"}}", -1, -1 },
		{ 404, "<html>not here</html>", -1, -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct fake_reply script[] = {
			SIGN_IN,
			{ "GET " GLANCE "/info/usage", .status = rows[i].status,
				.body = rows[i].body },
			{},
		};
		_cleanup_(play_end) struct play p = {};
		struct glance_room room;

		play_begin(&p, script);
		check_int(glance_room(p.os, NULL, &room, &p.e), 0);
		check_int(room.mib, rows[i].mib);
		check_int(room.images, rows[i].images);
	}
}

int main(void)
{
	run(a_real_record_is_read);
	run(a_queued_record_has_no_size);
	run(no_mutated_record_gets_through_or_crashes);
	run(what_is_no_record_is_refused);
	run(the_list_is_of_this_image_newest_first);
	run(a_wrong_record_in_a_list_names_the_region);
	run(a_record_is_made_with_all_that_servers_need);
	run(outcomes_of_making_one);
	run(one_is_shown_confirmed_and_deleted);
	run(room_is_what_the_service_says);
	return done();
}
