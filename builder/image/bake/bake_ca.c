/* ca_certs: certificates of the user's own, and optionally none of the distribution's. */
#include "alloc.h"
#include "bake_text.h"
#include "bake_topic.h"
#include "buf.h"
#include "error.h"
#include "node.h"

#include <string.h>

/* The names and the comment are cloud-init's, so that a later cloud-init recognises its own. */
#define CERTIFICATE "/usr/local/share/ca-certificates/cloud-init-ca-cert-%zu.crt"
#define LIST	    "/etc/ca-certificates.conf"
#define COMMENT	    "# Modified by cloud-init to deselect certs due to user-data"

void ca_deselect(const char *text, struct buf *out)
{
	bool commented = strstr(text, COMMENT "\n") != NULL;

	while (*text) {
		size_t n = strcspn(text, "\n");

		if (n > 0 && *text != '#' && *text != '!') {
			buf_adds(out, commented ? "!" : COMMENT "\n!");
			commented = true;
		}
		buf_add(out, text, n);
		buf_addc(out, '\n');
		text += n + (text[n] == '\n');
	}
}

static int remove_defaults(const struct bake *b, struct error *e)
{
	static const char *const argv[] = { "debconf-set-selections", "-", NULL };
	_buf_ old = BUF_INIT, new = BUF_INIT;
	int r = bake_read(b, LIST, &old, e);

	if (r < 0)
		return r;
	ca_deselect(buf_str(&old), &new);
	r = bake_puts(b, LIST, buf_str(&new), 0644, e);
	if (r < 0)
		return r;
	return bake_exec_input(
		b, argv, "ca-certificates ca-certificates/trust_new_crts select no\n", e);
}

static int add_one(const struct bake *b, const struct node *cert, size_t number, struct error *e)
{
	_free_ char *path = xasprintf(CERTIFICATE, number);

	return bake_puts(b, path, cert->str, 0644, e);
}

static bool applies(const struct bake *b)
{
	return bake_key_given(b, "ca_certs");
}

static int run(const struct bake *b, struct error *e)
{
	static const char *const update[] = { "update-ca-certificates", NULL };
	const struct node *ca = bake_key(b, "ca_certs"), *trusted = node_get(ca, "trusted");
	bool none = false;
	int r = 0;

	if (!bake_has(b, "/usr/sbin/update-ca-certificates"))
		return error_set(
			e, ERR_INVALID, "the image has no ca-certificates; add it to packages");
	node_is_bool(node_get(ca, "remove_defaults"), &none);
	if (none)
		r = remove_defaults(b, e);
	if (r == 0 && node_str(trusted))
		r = add_one(b, trusted, 1, e);
	for (size_t i = 0; r == 0 && trusted && trusted->kind == NODE_LIST && i < trusted->n; i++)
		r = add_one(b, trusted->items[i], i + 1, e);
	return r < 0 ? r : bake_exec(b, update, e);
}

const struct bake_topic bake_ca = { "ca_certs", applies, run };
