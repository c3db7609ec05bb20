/* kbuild doctor: what would stop kbuild here, said before it does, with the command that mends it. */
#include "arena.h"
#include "buf.h"
#include "ctx.h"
#include "definition.h"
#include "doctor.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "login.h"
#include "node.h"
#include "ovh_row.h"
#include "ovh_session.h"
#include "progress.h"
#include "provider.h"
#include "row.h"
#include "servers.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

static const char *said(const struct definition *def, const char *key)
{
	return def ? node_str(node_get(def->server, key)) : NULL;
}

/* "openstack:gra" is of the cloud "openstack". */
static const char *cloud_of(
	const struct verb_args *args, const struct definition *def, struct arena *a)
{
	const char *name = servers_cloud_name(args, def);

	return arena_strndup(a, name, strcspn(name, ":"));
}

/* What of the definition decides what is looked at. */
static void take_definition(struct doctor *d, const struct verb_args *args)
{
	const char *region = verb_opt(args, "region");
	const char *declared = said(d->def, "cloud");

	if (!region && declared && strcmp(declared, d->cloud) == 0)
		region = said(d->def, "region");
	d->region = region;
	d->zone = d->def ? node_str(node_get(d->def->dns, "zone")) : NULL;
	if (d->def)
		d->volume_gib = (int64_t)((login_volume(d->def) + GIB - 1) / GIB);
}

/* The cloud cannot even be opened: that is a finding like others, unless it is the command line that is wrong. */
static int open_cloud(
	struct doctor *d, const struct verb_args *args, struct cloud *cloud, struct error *e)
{
	struct error own = {};
	int r = servers_cloud(d->c, args, d->def, cloud, &own);

	if (r == 0 && strcmp(d->cloud, "local") != 0)
		d->opened = cloud;
	if (r < 0 && own.code == ERR_USAGE) {
		*e = own;
		return r;
	}
	if (r < 0)
		d->open_error = arena_strdup(d->arena, own.msg);
	d->area = "openstack";
	if (r < 0 && strcmp(d->cloud, "openstack") == 0)
		doctor_say(d, DOCTOR_FAIL, "configuration",
			"clouds.yaml, or OS_* in the environment (see 'kbuild doctor --help')",
			"%s", own.msg);
	return 0; /* of OVH it is told where its configuration is looked at */
}

static int walk(struct doctor *d, struct error *e)
{
	int r = doctor_walk(d, "machine", doctor_machine, e);

	if (r == 0 && strcmp(d->cloud, "ovh") == 0)
		r = doctor_walk(d, "ovh", doctor_ovh, e);
	if (r == 0 && d->opened)
		r = doctor_walk(d, "openstack", doctor_openstack, e);
	if (r == 0)
		r = doctor_walk(d, "dns", doctor_dns, e);
	return r;
}

static int show(const struct doctor *d)
{
	_buf_ out = BUF_INIT;

	if (d->c->json)
		doctor_json(d, &out);
	else
		doctor_print(d, &out);
	fputs(buf_str(&out), stdout);
	return d->count[DOCTOR_FAIL] ? ERR_FAILED : 0;
}

static void show_activating(const struct doctor *d, const char *project, const char *region)
{
	_buf_ out = BUF_INIT;

	if (d->c->json) {
		buf_printf(&out, "{\"activating\":\"%s\",\"project\":", region);
		json_write_string(&out, project, strlen(project));
		buf_adds(&out, "}\n");
	} else {
		buf_printf(&out,
			"OVH activates the region %s in the project %s; 'kbuild doctor --cloud ovh --region %s' tells when it is there\n",
			region, project, region);
	}
	fputs(buf_str(&out), stdout);
}

/* The project that servers would be made in, as launch finds it, unless --project says another one. */
static int choose_project(
	struct doctor *d, const struct verb_args *args, const struct native **ret, struct error *e)
{
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	const char *id = NULL, *words;
	int r = d->project ? 0 : servers_cloud(d->c, args, d->def, &cloud, e);

	if (r == 0 && !d->project) {
		row_of(&cloud)->looks = true;
		r = ovh_row_project(row_of(&cloud), &id, e);
		if (r < 0)
			error_append(e, "; or say which project: --project ID");
	}
	if (r < 0)
		return r;
	words = id ? ovh_session_agree(d->ovh, id) : NULL;
	if (words)
		progress_note(d->c->progress, "%s", words);
	return ovh_session_project(d->ovh, ret, e);
}

/* The one thing that this verb changes, and only when it is told to. */
static int activate(
	struct doctor *d, const struct verb_args *args, const char *region, struct error *e)
{
	const struct ovh_conf_ask ask = { .project = d->project };
	const struct native *n = NULL;
	int r = ovh_session_new(&d->ovh, &ask, true, d->http, d->c->clock, e);

	if (r == 0)
		r = choose_project(d, args, &n, e);
	if (r == 0)
		r = project_activate(n, region, e);
	if (r == 0)
		show_activating(d, n->project, region);
	return r < 0 ? error_prefix(e, "activating the region %s", region) : 0;
}

static bool is_region_name(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	size_t n = strspn(text, letters);

	return n > 0 && n < 40 && text[n] == '\0';
}

static int examine(struct doctor *d, const struct verb_args *args, struct error *e)
{
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	const char *region = verb_opt(args, "activate");
	int r;

	if (region && strcmp(d->cloud, "ovh") != 0)
		return error_set(e, ERR_USAGE, "--activate is for '--cloud ovh'");
	if (region && !is_region_name(region))
		return error_set(e, ERR_USAGE, "'%s' is no region's name: as in GRA11", region);
	if (region)
		return activate(d, args, region, e);
	r = open_cloud(d, args, &cloud, e);
	if (r == 0)
		r = walk(d, e);
	return r < 0 ? r : show(d);
}

static int run_doctor(struct ctx *c, const struct verb_args *args, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(http_curl_freep) struct http_curl *curl = http_curl_new();
	_cleanup_(definition_freep) struct definition *def = NULL;
	const struct http http = http_curl_seam(curl);
	struct doctor d = { .c = c, .arena = a, .http = &http, .file = verb_arg(args, 0) };
	int r = d.file ? servers_definition(c, d.file, &def, e) : 0;

	if (r < 0)
		return r;
	d.def = def;
	d.cloud = cloud_of(args, def, a);
	d.project = verb_opt(args, "project");
	take_definition(&d, args);
	r = examine(&d, args, e);
	ovh_session_free(d.ovh);
	free(d.v);
	return r;
}

static const struct verb_option options[] = {
	OPTION_CLOUD,
	{ "project", "ID", "of OVH (default: that of ovh.conf, else the only one)", 0 },
	{ "activate", "REGION", "ask OVH to activate that region, and do nothing else", 0 },
	{},
};

const struct verb verb_doctor = {
	.name = "doctor",
	.args = "[FILE]",
	.summary = "say what would stop kbuild here, and how to mend it",
	.max = 1,
	.options = options,
	.examples =
		"  kbuild doctor\n"
		"  kbuild doctor --cloud ovh --region GRA11\n"
		"  kbuild doctor images/koprogo.yaml --json\n",
	.run = run_doctor,
};
