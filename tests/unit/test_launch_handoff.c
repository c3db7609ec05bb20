/* What launch adds to the user-data: a file for cloud-init, and nothing else changes. */
#include "launch_handoff.h"

#include "age.h"
#include "arena.h"
#include "buf.h"
#include "check.h"
#include "ctx.h"
#include "definition.h"
#include "error.h"
#include "handoff.h"
#include "mark.h"
#include "node.h"
#include "provider.h"
#include "tmpdir.h"
#include "yaml_tree.h"

static struct arena *arena;
static struct age_identity id;
static char recipient[AGE_RECIPIENT_SIZE];

static struct node *yaml(const char *text)
{
	struct diags d = DIAGS_INIT;
	struct error e = {};
	struct node *n = NULL;

	check_int(yaml_parse(&n, arena, "text", text, strlen(text), &d, &e), 0);
	return n;
}

/* The content of the last file that the user-data writes. */
static const char *written(const char *user_data)
{
	const struct node *files = node_get(yaml(user_data), "write_files"), *last;

	check(files && files->n > 0);
	last = files->items[files->n - 1];
	check_str(node_str(node_get(last, "path")), HANDOFF_PATH);
	check_str(node_str(node_get(last, "permissions")), "0600");
	return node_str(node_get(last, "content"));
}

static void a_file_is_added_and_the_rest_stays(void)
{
	static const char *const residues[] = {
		"#cloud-config\n{}\n", "#cloud-config\nhostname: web\nruncmd:\n  - [touch, /x]\n",
		"#cloud-config\nwrite_files:\n  - path: /a\n    source: {uri: https://example.com/a}\n"
	};

	for (size_t i = 0; i < ARRAY_SIZE(residues); i++) {
		struct launch_request q = { .name = "web", .user_data = residues[i] };
		struct node *before = yaml(residues[i]), *after, *files, *got = NULL;
		const char *document;
		struct error e = {};
		struct handoff h;

		check_int(
			launch_handoff(&q, recipient, yaml("secrets: {A: hunter2}"), arena, &e), 0);
		check(strncmp(q.user_data, "#cloud-config\n", 14) == 0);
		check(!strstr(q.user_data, "hunter2") && !strstr(q.user_data_intent, "hunter2"));
		document = written(q.user_data);
		check_int(handoff_read(&h, arena, document, strlen(document), &e), 0);
		check_str(h.server, "web");
		check_int(handoff_open(&h, &id, arena, &got, &e), 0);
		check_str(node_str(node_path(got, "secrets.A")), "hunter2");
		after = yaml(q.user_data);
		files = node_get(after, "write_files");
		files->n--;
		if (files->n == 0)
			node_remove(after, "write_files");
		check(node_equal(before, after));
	}
}

static void equal_requests_are_recognised(void)
{
	struct launch_request a = { .name = "web", .user_data = "#cloud-config\n{}\n" }, b = a,
			      c = a;
	struct error e = {};

	check_int(launch_handoff(&a, recipient, yaml("secrets: {A: x}"), arena, &e), 0);
	check_int(launch_handoff(&b, recipient, yaml("secrets: {A: x}"), arena, &e), 0);
	check_int(launch_handoff(&c, recipient, yaml("secrets: {A: y}"), arena, &e), 0);
	check(strcmp(a.user_data, b.user_data) != 0);
	check_str(a.user_data_intent, b.user_data_intent);
	check(strcmp(a.user_data_intent, c.user_data_intent) != 0);
}

static void an_image_without_agent_is_left_alone(void)
{
	struct launch_request q = { .name = "web", .user_data = "#cloud-config\n{}\n" };
	struct error e = {};

	check_int(launch_handoff(&q, NULL, NULL, arena, &e), 0);
	check_str(q.user_data, "#cloud-config\n{}\n");
	check(launch_handoff(&q, NULL, yaml("secrets: {A: x}"), arena, &e) < 0);
}

static void user_data_that_no_cloud_takes_is_refused(void)
{
	_buf_ text = BUF_INIT;
	struct launch_request q = { .name = "web" };
	struct error e = {};

	buf_printf(&text, "#cloud-config\nfinal_message: %049000d\n", 0);
	q.user_data = buf_str(&text);
	check(launch_handoff(&q, recipient, yaml("secrets: {A: x}"), arena, &e) < 0);
	check(strstr(e.msg, "clouds take 49149"));
	check_str(q.user_data, buf_str(&text));
}

/* A server that cannot sign in where its definition sends it would be made, and paid, for nothing. */
static void credentials_that_are_needed_are_asked_for(void)
{
	static const struct {
		const char *given, *says; /* NULL: nothing is missing */
	} rows[] = {
		{ NULL, "web.yaml needs credentials that were not given:\n  dns: for kbuild.dns\n"
			"  s3: for kbuild.backup.offsite\n"
			"  alert.smtp_password: for kbuild.health.alert.smtp.user\n" },
		{ "dns: {endpoint: ovh-eu, client_id: i, client_secret: s}\n"
		  "alert: {ping_url: https://ping.example.com/x}\n",
			"not given:\n  s3: for kbuild.backup.offsite\n  alert.smtp_password:" },
		{ "dns: {endpoint: ovh-eu, client_id: i, client_secret: s}\n"
		  "s3: {access_key: a, secret_key: s}\nalert: {smtp_password: x}\n",
			NULL },
	};
	struct definition def = { .path = "web.yaml",
		.dns = yaml("{zone: example.com, records: ['@']}"),
		.backup = yaml("{paths: [/srv], offsite: {endpoint: https://s3, bucket: b}}"),
		.health = yaml("{alert: {smtp: {server: mx, from: a@b, user: u}}}") };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ctx c = {};
		const struct node *ignored;
		struct error e = {};
		int r;

		if (rows[i].given)
			check_int(file_replace(tmp_fd(), "given.yaml", rows[i].given,
					  strlen(rows[i].given), 0600),
				0);
		r = launch_secrets(&c, &def, rows[i].given ? tmp_name("given.yaml") : NULL, arena,
			&ignored, &e);
		check_int(r, rows[i].says ? -ERR_INVALID : 0);
		if (rows[i].says && !strstr(e.msg, rows[i].says))
			check_fail("row %zu: %s", i, e.msg);
		diags_free(&c.diags);
	}
	/* What signs in nowhere needs nothing. */
	struct ctx c = {};
	struct error e = {};
	const struct node *ignored;
	const struct definition plain = { .path = "web.yaml",
		.backup = yaml("{paths: [/srv]}"),
		.health = yaml("{alert: {smtp: {server: mx, from: a@b}}}") };

	check_int(launch_secrets(&c, &plain, NULL, arena, &ignored, &e), 0);
}

int main(void)
{
	struct age_recipient to;

	arena = arena_new();
	age_identity_generate(&id);
	age_identity_recipient(&id, &to);
	age_recipient_format(&to, recipient);
	run(a_file_is_added_and_the_rest_stays);
	run(equal_requests_are_recognised);
	run(an_image_without_agent_is_left_alone);
	run(user_data_that_no_cloud_takes_is_refused);
	run(credentials_that_are_needed_are_asked_for);
	arena_free(arena);
	return done();
}
