/* The project, its regions, flavors, quotas and images. Replies are read by tables; see reply.h. */
#include "project.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "json.h"
#include "mark.h"
#include "native_reply.h"
#include "node.h"
#include "ovh.h"
#include "reply.h"

#include <string.h>

static void add_names(const char *const *names, struct error *e)
{
	for (size_t i = 0; names[i]; i++)
		error_append(e, "%s%s", i ? ", " : "", names[i]);
}

int project_choose(
	struct ovh *api, const char *wanted, struct arena *a, const char **ret, struct error *e)
{
	static const char path[] = "/cloud/project";
	const char **names;
	struct node *answer;
	int r;

	if (wanted) {
		*ret = wanted;
		return 0;
	}
	r = ovh_must(api, &(struct ovh_query){ .method = "GET", .path = path }, a, &answer, e);
	if (r < 0)
		return error_append(e,
			"; name the project, then it need not be looked for: "
			"OVH_CLOUD_PROJECT_SERVICE=ID, or 'project=ID' in ovh.conf");
	r = reply_names(answer, path, a, &names, e);
	if (r < 0)
		return r;
	if (!names[0])
		return error_set(e, ERR_FAILED,
			"this OVH account has no Public Cloud project: make one in the web console "
			"(Public Cloud, 'Create a project')");
	if (!names[1]) {
		*ret = names[0];
		return 0;
	}
	error_set(e, ERR_FAILED,
		"this OVH account has several projects: say which, by "
		"OVH_CLOUD_PROJECT_SERVICE=ID, or 'project=ID' in ovh.conf: ");
	add_names(names, e);
	return -e->code;
}

static const struct field project_fields[] = {
	{ "project_id", reply_word, offsetof(struct ovh_project, id), FIELD_REQUIRED },
	{ "status", reply_word, offsetof(struct ovh_project, status), FIELD_REQUIRED },
	{ "projectName", reply_text, offsetof(struct ovh_project, name) },
	{ "access", reply_text, offsetof(struct ovh_project, access) },
	{ "planCode", reply_text, offsetof(struct ovh_project, plan) },
	{},
};

int project_read(const struct native *n, struct arena *a, struct ovh_project *ret, struct error *e)
{
	struct ovh_project p = {};
	struct node *answer;
	int r = native_get(n, NULL, a, &answer, e);

	if (r == OVH_ABSENT)
		return error_append(e,
			"; there is no project '%s' for this key: 'kbuild doctor --cloud ovh'",
			n->project);
	if (r != 0)
		return -e->code;
	r = reply_read(answer, "project", project_fields, &p, a, e);
	if (r < 0)
		return r;
	if (strcmp(p.status, "ok") != 0)
		return error_set(e, ERR_FAILED,
			"the OVH project %s is '%s', so nothing can be made in it: see the web "
			"console (Public Cloud, billing)",
			p.id, p.status);
	*ret = p;
	return 0;
}

int project_regions(const struct native *n, struct arena *a, const char ***ret, struct error *e)
{
	struct node *answer;
	int r = native_list(n, "/region", a, &answer, e);

	return r < 0 ? r : reply_names(answer, "the list of regions", a, ret, e);
}

struct available {
	const char *name;
};

static const struct field available_fields[] = {
	{ "name", reply_word, offsetof(struct available, name), FIELD_REQUIRED },
	{},
};

int project_regions_available(
	const struct native *n, struct arena *a, const char ***ret, struct error *e)
{
	struct node *answer, *names = node_list(a, &(struct mark){});
	int r = native_list(n, "/regionAvailable", a, &answer, e);

	for (size_t i = 0; r == 0 && i < answer->n; i++) {
		struct available one = {};

		r = reply_read(answer->items[i], "region", available_fields, &one, a, e);
		if (r == 0)
			node_append(a, names, node_get(answer->items[i], "name"));
	}
	return r < 0 ? r : reply_names(names, "the list of available regions", a, ret, e);
}

static const struct field region_fields[] = {
	{ "name", reply_word, offsetof(struct ovh_region, name), FIELD_REQUIRED },
	{ "status", reply_word, offsetof(struct ovh_region, status), FIELD_REQUIRED },
	{ "type", reply_text, offsetof(struct ovh_region, type) },
	{ "datacenterLocation", reply_text, offsetof(struct ovh_region, place) },
	{},
};

/* The service is there: "instance", "network", "image". No list: not said, so nothing speaks against it. */
static bool has_service(const struct node *region, const char *name)
{
	const struct node *services = node_get(region, "services");

	if (!services || services->kind != NODE_LIST || services->n == 0)
		return true;
	for (size_t i = 0; i < services->n; i++) {
		const char *one = node_str(node_get(services->items[i], "name"));

		if (one && strcmp(one, name) == 0)
			return true;
	}
	return false;
}

/* "GRA9" is not among the project's regions. The error is filled. */
static int not_active(const struct native *n, const char *name, struct arena *a, struct error *e)
{
	struct error ignored = {};
	const char **names;

	error_set(e, ERR_FAILED, "the region '%s' is not activated in the OVH project %s", name,
		n->project);
	if (project_regions(n, a, &names, &ignored) < 0)
		return -e->code;
	if (nearest_word(name, names))
		error_append(e, "; did you mean '%s'?", nearest_word(name, names));
	error_append(e,
		"; 'kbuild doctor --cloud ovh --project %s --activate %s' activates it; active are: ",
		n->project, name);
	add_names(names, e);
	return -e->code;
}

static int judge_region(
	const struct ovh_region *r, const struct node *answer, unsigned use, struct error *e)
{
	if (strcmp(r->status, "UP") != 0)
		return error_set(e, ERR_FAILED,
			"the region '%s' is in state %s at OVH: choose another, or wait", r->name,
			r->status);
	if ((use & REGION_SERVERS) && !has_service(answer, "instance"))
		return error_set(e, ERR_FAILED,
			"the region '%s' holds storage only, no servers: take one with a number, as "
			"%s11",
			r->name, r->name);
	if ((use & REGION_IMAGES) && r->type && strcmp(r->type, "localzone") == 0)
		return error_set(e, ERR_FAILED,
			"the region '%s' is a local zone, where OVH takes no images of one's own: "
			"choose another region",
			r->name);
	return 0;
}

int project_region(const struct native *n, const char *name, unsigned use, struct arena *a,
	struct ovh_region *ret, struct error *e)
{
	struct ovh_region region = {};
	struct node *answer;
	int r = native_get(n, native_part("/region/", name, a), a, &answer, e);

	if (r == OVH_ABSENT)
		return not_active(n, name, a, e);
	if (r != 0)
		return -e->code;
	r = reply_read(answer, "region", region_fields, &region, a, e);
	if (r == 0)
		r = judge_region(&region, answer, use, e);
	if (r == 0)
		*ret = region;
	return r;
}

int project_activate(const struct native *n, const char *region, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_buf_ body = BUF_INIT;
	int r;

	buf_adds(&body, "{\"region\":");
	json_write_string(&body, region, strlen(region));
	buf_addc(&body, '}');
	r = ovh_call(n->api,
		&(struct ovh_query){ .method = "POST",
			.path = native_path(n, "/region", a),
			.body = buf_str(&body),
			.harmless = true },
		a, NULL, e);
	return r == OVH_CONFLICT ? 0 : r > 0 ? -e->code : r; /* 409: it is being activated */
}

struct image_row {
	struct ovh_image image;
	const struct node *size;
};

static const struct field image_fields[] = {
	{ "id", reply_word, offsetof(struct image_row, image.id), FIELD_REQUIRED },
	{ "name", reply_text, offsetof(struct image_row, image.name), FIELD_REQUIRED },
	{ "status", reply_word, offsetof(struct image_row, image.status), FIELD_REQUIRED },
	{ "size", field_node, offsetof(struct image_row, size) },
	{},
};

/* "2.5" GiB in MiB, without floating point; what is behind the third digit is less than one. */
static int64_t gib_text_to_mib(const char *text)
{
	int64_t whole = 0, thousandths = 0, digit = 100;

	if (!text)
		return 0;
	for (; *text >= '0' && *text <= '9' && whole < INT32_MAX; text++)
		whole = whole * 10 + (*text - '0');
	if (*text == '.') {
		for (text++; *text >= '0' && *text <= '9' && digit > 0; text++, digit /= 10)
			thousandths += (*text - '0') * digit;
	}
	return whole * 1024 + thousandths * 1024 / 1000;
}

int project_images(const struct native *n, const char *region, struct arena *a,
	struct ovh_image **ret, size_t *ret_n, struct error *e)
{
	struct ovh_image *v;
	struct node *answer;
	int r = native_list(n, native_part("/snapshot?region=", region, a), a, &answer, e);

	if (r < 0)
		return r;
	v = arena_alloc(a, (answer->n + 1) * sizeof *v);
	for (size_t i = 0; i < answer->n; i++) {
		struct image_row row = {};

		r = reply_read(answer->items[i], "image", image_fields, &row, a, e);
		if (r < 0)
			return r;
		v[i] = row.image;
		v[i].mib = gib_text_to_mib(node_str(row.size));
	}
	*ret = v;
	*ret_n = answer->n;
	return 0;
}
