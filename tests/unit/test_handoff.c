/* The handoff: what launch writes the agent reads, and nothing else is taken. */
#include "handoff.h"

#include "age.h"
#include "arena.h"
#include "buf.h"
#include "check.h"
#include "error.h"
#include "mark.h"
#include "node.h"
#include "operator_secrets.h"
#include "yaml_tree.h"

static struct arena *arena;

static struct node *yaml(const char *text)
{
	struct diags d = DIAGS_INIT;
	struct error e = {};
	struct node *n = NULL;

	check_int(yaml_parse(&n, arena, "secrets.yaml", text, strlen(text), &d, &e), 0);
	return n;
}

/* All complaints, a line each: place, message, hint. */
static const char *complaints(const struct node *doc)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	_buf_ out = BUF_INIT;

	d.hide_lines = true;
	operator_secrets_check(arena, doc, &d);
	diags_render(&d, false, &out);
	return arena_strdup(arena, buf_str(&out));
}

static const char whole[] =
	"dns: {endpoint: ovh-eu, application_key: ak, application_secret: as, consumer_key: ck}\n"
	"repository: {token: tok}\n"
	"registries: {'registry.example.com:5000': {user: u, password: 'p\\w \"x\"'}}\n"
	"s3: {access_key: a, secret_key: 0123}\n"
	"alert: {smtp_password: yes, webhook_url: https://example.com/x}\n"
	"secrets:\n"
	"  PEM: |\n    line one\n    line two\n"
	"  PLAIN: \"h\\u00e9\"\n";

static void what_is_written_is_read(void)
{
	struct node *secrets = yaml(whole), *got = NULL;
	struct age_identity id;
	struct age_recipient to;
	char recipient[AGE_RECIPIENT_SIZE];
	struct handoff_intent q = { .server = "web-1", .launched = 1795458000, .secrets = secrets };
	struct handoff h;
	_buf_ text = BUF_INIT;
	struct error e = {};

	check_str(complaints(secrets), "");
	age_identity_generate(&id);
	age_identity_recipient(&id, &to);
	age_recipient_format(&to, recipient);
	q.recipient = recipient;
	check_int(handoff_write(&q, &text, &e), 0);
	/* Nothing of it is readable, and it goes into YAML and jinja templates as it is. */
	check(!strstr(text.data, "tok") && !strpbrk(text.data, " \n%#") &&
		!strstr(text.data, "{{"));
	check_int(handoff_read(&h, arena, text.data, text.len, &e), 0);
	check_str(h.server, "web-1");
	check_int(h.launched, 1795458000);
	check_int(handoff_open(&h, &id, arena, &got, &e), 0);
	check_str(node_str(node_path(got, "repository.token")), "tok");
	check_str(node_str(node_path(got, "s3.secret_key")), "0123");
	check_str(node_str(node_path(got, "alert.smtp_password")), "yes");
	check_str(node_str(node_path(got, "secrets.PEM")), "line one\nline two\n");
	check_str(node_str(node_path(got, "secrets.PLAIN")), "hé");
}

static void without_secrets_nothing_is_sealed(void)
{
	struct handoff_intent q = { .server = "web", .launched = 1 };
	struct age_identity id = {};
	struct node *got = NULL;
	struct handoff h;
	_buf_ text = BUF_INIT;
	struct error e = {};

	check_int(handoff_write(&q, &text, &e), 0);
	check_str(text.data, "{\"v\":1,\"server\":\"web\",\"launched\":1}");
	check_int(handoff_read(&h, arena, text.data, text.len, &e), 0);
	check(!h.sealed);
	check_int(handoff_open(&h, &id, arena, &got, &e), 0);
	check(!operator_secrets_any(got));
}

static void an_image_without_key_gets_no_secrets(void)
{
	struct handoff_intent q = { .server = "web", .secrets = yaml("repository: {token: t}\n") };
	_buf_ text = BUF_INIT;
	struct error e = {};

	check(handoff_write(&q, &text, &e) < 0);
	check_str(
		e.msg, "the image has no key to seal secrets to; build it again with this kbuild");
	q.recipient = "age1wrong";
	check(handoff_write(&q, &text, &e) < 0);
	check_int(text.len, 0);
}

static void too_much_is_refused_with_numbers(void)
{
	_buf_ doc = BUF_INIT, text = BUF_INIT;
	struct age_identity id;
	struct age_recipient to;
	char recipient[AGE_RECIPIENT_SIZE];
	struct handoff_intent q = { .server = "web", .recipient = recipient };
	struct error e = {};

	age_identity_generate(&id);
	age_identity_recipient(&id, &to);
	age_recipient_format(&to, recipient);
	buf_adds(&doc, "secrets:\n");
	for (int i = 0; i < 5; i++)
		buf_printf(&doc, "  S%d: '%08000d'\n", i, 0);
	q.secrets = yaml(buf_str(&doc));
	check_str(complaints(q.secrets), "");
	check(handoff_write(&q, &text, &e) < 0);
	check(strstr(e.msg, "bytes when sealed, and user-data has room for 40960"));
}

static const struct {
	const char *text, *message;
} wrong[] = {
	{ "", "the handoff: not JSON" },
	{ "[]", "the handoff: 'the document' must be a map" },
	{ "{\"v\":2,\"server\":\"x\",\"launched\":1}",
		"the handoff: 'v' must be from 1 to 1, not 2" },
	{ "{\"v\":1,\"server\":\"x\"}", "the handoff: 'launched' is missing" },
	{ "{\"v\":1,\"server\":\"\",\"launched\":1}", "the handoff: 'server' must be text" },
	{ "{\"v\":1,\"server\":\"a b\",\"launched\":1}", "the handoff: 'server' is no name" },
	{ "{\"v\":1,\"server\":\"x\",\"launched\":-1}",
		"the handoff: 'launched' must be at least 0" },
	{ "{\"v\":1,\"server\":\"x\",\"launched\":1,\"y\":1}", "the handoff: unknown key 'y'" },
	{ "{\"v\":1,\"server\":\"x\",\"launched\":1,\"sealed\":\"!\"}",
		"the handoff: 'sealed' is not base64" },
	{ "{\"v\":1,\"v\":1,\"server\":\"x\",\"launched\":1}", "the handoff: not JSON: duplicate" },
};

static void other_documents_are_refused(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct error e = {};
		struct handoff h;

		check(handoff_read(&h, arena, wrong[i].text, strlen(wrong[i].text), &e) < 0);
		if (strncmp(e.msg, wrong[i].message, strlen(wrong[i].message)) != 0)
			check_str(e.msg, wrong[i].message);
	}
}

/* What an attacker seals is checked as any other document, and not quoted. */
static void what_was_sealed_is_checked_too(void)
{
	static const struct {
		const char *plain, *message;
	} rows[] = {
		{ "hunter2", "the sealed secrets: not JSON" },
		{ "{\"secrets\":{\"A\":\"hunter2\\u0007\"}}",
			"the sealed secrets: 'secrets.A' must be text without control characters, not text" },
		{ "{\"shell\":\"hunter2\"}", "the sealed secrets: unknown key 'shell'" },
	};
	struct age_identity id, other;
	struct age_recipient to;

	age_identity_generate(&id);
	age_identity_generate(&other);
	age_identity_recipient(&id, &to);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_buf_ sealed = BUF_INIT;
		struct handoff h = { .server = "x" };
		struct node *got = NULL;
		struct error e = {};

		check_int(age_seal(&to, 1, rows[i].plain, strlen(rows[i].plain), &sealed, &e), 0);
		h.sealed = sealed.data;
		h.sealed_len = sealed.len;
		check(handoff_open(&h, &id, arena, &got, &e) < 0);
		check_str(e.msg, rows[i].message);
		check(handoff_open(&h, &other, arena, &got, &e) < 0);
		check_str(e.msg, "the sealed secrets: none of the keys opens it");
	}
}

static void complaints_point_and_never_repeat_values(void)
{
	const char *got = complaints(yaml(
		"dns: {application_key: hunter2, endpoint: e}\n"
		"repositry: {token: hunter2}\n"
		"repository: {key: hunter2}\n"
		"registries: {a b: {user: hunter2}, r.example: {user: 'hunter2 x', password: p}}\n"
		"s3: hunter2\n"
		"alert: {ping_url: hunter2}\n"
		"secrets: {a-b: hunter2, C: [hunter2], D: ''}\n"));

	check(!strstr(got, "hunter2"));
	check_str(got,
		"secrets.yaml:1:6: error: 'dns' wants application_key, application_secret and consumer_key, or client_id and client_secret\n"
		"secrets.yaml:2:1: error: unknown key 'repositry'\n"
		"      = did you mean 'repository'?\n"
		"secrets.yaml:3:19: error: 'repository.key' must be a private key as ssh-keygen -t ed25519 writes it, not text\n"
		"secrets.yaml:4:14: error: a key of 'registries' must be a host such as registry.example.com:5000\n"
		"secrets.yaml:4:19: error: 'registries.a b.password' is missing\n"
		"secrets.yaml:4:54: error: 'registries.r.example.user' must be one word such as robot$ci, tenancy/user or DOMAIN\\user, not text\n"
		"secrets.yaml:5:5: error: 's3' must be a map, not text\n"
		"secrets.yaml:6:19: error: 'alert.ping_url' must be a URL that begins with https:// or http://, not text\n"
		"secrets.yaml:7:11: error: a secret's name must be a variable's name such as DATABASE_URL\n"
		"secrets.yaml:7:28: error: 'secrets.C' must be text that is not empty, not a list\n"
		"secrets.yaml:7:42: error: 'secrets.D' must be text that is not empty, not text\n");
}

/* A user and a password of a registry; what launch takes, the broker takes too. */
static void registry_logins_are_those_that_the_broker_takes(void)
{
	static const struct {
		const char *user;
		bool ok;
	} rows[] = {
		{ "robot$ci+x", true },
		{ "tenancy/oracleidentitycloudservice/a@b.c", true },
		{ "CORP\\ci", true },
		{ "_json_key", true },
		{ "-p", false },
		{ "/a", false },
		{ "a b", false },
		{ "a:b", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *got = complaints(yaml(arena_printf(arena,
			"registries: {r.example: {user: '%s', password: p}}\n", rows[i].user)));

		check_int(*got == '\0', rows[i].ok);
		check_int(operator_login_valid(rows[i].user), rows[i].ok);
		check(rows[i].ok || strstr(got, "'registries.r.example.user' must be one word"));
	}
}

int main(void)
{
	arena = arena_new();
	run(what_is_written_is_read);
	run(without_secrets_nothing_is_sealed);
	run(an_image_without_key_gets_no_secrets);
	run(too_much_is_refused_with_numbers);
	run(other_documents_are_refused);
	run(what_was_sealed_is_checked_too);
	run(registry_logins_are_those_that_the_broker_takes);
	run(complaints_point_and_never_repeat_values);
	arena_free(arena);
	return done();
}
