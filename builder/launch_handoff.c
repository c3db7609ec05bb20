/* The operator's secrets on their way into a server; see launch_handoff.h. */
#include "launch_handoff.h"

#include "arena.h"
#include "buf.h"
#include "crypt.h"
#include "ctx.h"
#include "definition.h"
#include "digest.h"
#include "error.h"
#include "handoff.h"
#include "node.h"
#include "operator_secrets.h"
#include "provider.h"
#include "secrets_file.h"
#include "yaml_tree.h"

#include <string.h>
#include <time.h>

static bool asked(const struct node *value)
{
	return node_get(value, "operator") != NULL;
}

/* Names that the definition asks an operator for; NULL-terminated. */
static const char **names_asked(const struct node *values, struct arena *a)
{
	size_t n = values && values->kind == NODE_MAP ? values->n : 0, used = 0;
	const char **names = arena_alloc(a, (n + 1) * sizeof *names);

	for (size_t i = 0; i < n; i++) {
		if (asked(values->items[i]))
			names[used++] = values->keys[i]->str;
	}
	return names;
}

/* A secret that nobody asked for is a misspelt one, or one of another server. */
static void check_unasked(
	const struct node *given, const char *const *names, struct arena *a, struct diags *d)
{
	for (size_t i = 0; given && given->kind == NODE_MAP && i < given->n; i++) {
		const struct node *key = given->keys[i];
		const char *near = nearest_word(key->str, names);
		bool found = false;

		for (size_t k = 0; names[k] && !found; k++)
			found = strcmp(names[k], key->str) == 0;
		if (!found)
			diag_add(d, DIAG_ERROR, &key->at, "unknown-secret",
				near ? arena_printf(a, "did you mean '%s'?", near) : NULL,
				"the definition asks for no secret '%s'", key->str);
	}
}

static int check_missing(const struct definition *def, const struct node *values,
	const struct node *given, struct error *e)
{
	_buf_ list = BUF_INIT;
	size_t n = 0;

	for (size_t i = 0; values && values->kind == NODE_MAP && i < values->n; i++) {
		const char *name = values->keys[i]->str;

		if (!asked(values->items[i]) || node_get(given, name))
			continue;
		buf_printf(&list, "\n  %s: %s", name,
			node_str(node_get(values->items[i], "operator")));
		n++;
	}
	if (n == 0)
		return 0;
	return error_set(e, ERR_INVALID,
		"%s asks for %zu secret%s that %s not given:%s\n"
		"write them below 'secrets:' into a file that only you may read, and give it with --secrets FILE",
		def->path, n, n == 1 ? "" : "s", n == 1 ? "was" : "were", buf_str(&list));
}

/* What the server signs in with elsewhere: without it its first boot ends with an error, or its backups stay where they are. */
static int check_credentials(const struct definition *def, const struct node *doc, struct error *e)
{
	const struct {
		const struct node *needs;
		const char *key, *part, *member;
	} rows[] = {
		{ def->dns, "dns", "dns", NULL },
		{ node_get(def->backup, "offsite"), "backup.offsite", "s3", NULL },
		{ node_path(def->health, "alert.smtp.user"), "health.alert.smtp.user", "alert",
			"smtp_password" },
	};
	_buf_ list = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct node *part = node_get(doc, rows[i].part);
		const char *member = rows[i].member;

		if (rows[i].needs && !(member ? node_get(part, member) : part))
			buf_printf(&list, "\n  %s%s%s: for kbuild.%s", rows[i].part,
				member ? "." : "", member ? member : "", rows[i].key);
	}
	if (list.len == 0)
		return 0;
	return error_set(e, ERR_INVALID,
		"%s needs credentials that were not given:%s\n"
		"write them into a file that only you may read, and give it with --secrets FILE",
		def->path, buf_str(&list));
}

int launch_secrets(struct ctx *c, const struct definition *def, const char *path, struct arena *a,
	const struct node **ret, struct error *e)
{
	const struct node *values = node_get(def->secrets, "values"), *given;
	const struct node *doc = NULL;
	const char *name = NULL;
	int r = path ? secrets_file_parse(c, path, a, &doc, &name, e) : 0;

	if (r < 0)
		return r;
	given = node_get(doc, "secrets");
	check_unasked(given, names_asked(values, a), a, &c->diags);
	r = path ? diags_result(&c->diags, name, e) : 0;
	if (r == 0)
		r = check_missing(def, values, given, e);
	if (r == 0)
		r = check_credentials(def, doc, e);
	if (r < 0)
		return r;
	c->diags.hide_lines = false;
	*ret = doc;
	return 0;
}

/* The entry of write_files that puts the document where the agent takes it from. */
static struct node *file_entry(struct arena *a, const struct buf *document)
{
	static const struct mark at = { .file = "handoff" };
	const struct {
		const char *key, *value;
	} members[] = {
		{ "path", HANDOFF_PATH },
		{ "permissions", "0600" },
		{ "content", buf_str(document) },
	};
	struct node *entry = node_map(a, &at);

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		node_set(a, entry, &at, members[i].key,
			node_scalar(a, &at, arena_strdup(a, members[i].value),
				strlen(members[i].value)));
	return entry;
}

static int add_file(struct arena *a, const char *user_data, const struct buf *document,
	struct buf *out, struct error *e)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	struct node *root, *files;
	int r = yaml_parse(&root, a, "user-data", user_data, strlen(user_data), &d, e);

	if (r < 0)
		return error_prefix(e, "the user-data of the image");
	files = node_get(root, "write_files");
	if (!files) {
		files = node_list(a, &root->at);
		node_set(a, root, &root->at, "write_files", files);
	}
	node_append(a, files, file_entry(a, document));
	buf_adds(out, "#cloud-config\n");
	node_write_yaml(root, out);
	return 0;
}

/*
 * Sealing gives other bytes each time, so two equal requests are compared by this: the digest of the
 * secrets in their stead.
 */
static const char *intent_of(struct arena *a, const char *user_data, const struct node *secrets)
{
	char hex[SHA256_HEX];
	_buf_ text = BUF_INIT;

	if (secrets)
		node_write_json(secrets, 0, &text);
	sha256_bytes(buf_str(&text), text.len, hex);
	if (text.data)
		crypt_wipe(text.data, text.len);
	return arena_printf(a, "%s%s", user_data, hex);
}

int launch_handoff(struct launch_request *q, const char *recipient, const struct node *secrets,
	struct arena *a, struct error *e)
{
	const struct handoff_intent intent = { .server = q->name,
		.launched = time(NULL),
		.recipient = recipient,
		.secrets = secrets };
	_buf_ document = BUF_INIT, text = BUF_INIT;
	int r;

	if (!recipient && !operator_secrets_any(secrets))
		return 0;
	r = handoff_write(&intent, &document, e);
	if (r == 0)
		r = add_file(a, q->user_data, &document, &text, e);
	if (r < 0)
		return r;
	if (text.len > HANDED_MAX)
		return error_set(e, ERR_INVALID,
			"the user-data takes %zu bytes with the handoff (%zu), and clouds take %d: shorten the keys that are left for first boot ('kbuild explain' lists them), or the secrets",
			text.len, document.len, HANDED_MAX);
	q->user_data_intent = intent_of(a, q->user_data, secrets);
	q->user_data = arena_strdup(a, buf_str(&text));
	return 0;
}
