/* packages: what the lock asks apt for. */
#include "cloudcheck.h"

#include "definition.h"
#include "mark.h"
#include "node.h"
#include "schema.h"
#include "shape.h"

#include <string.h>

/* What apt's command line also takes, and what to write instead. */
static const char *package_hint(const char *text)
{
	size_t len = strlen(text);

	if (strchr(text, '/'))
		return "pin the release in /etc/apt/preferences.d with write_files";
	if (len > 1 && text[len - 1] == '-')
		return "a package is not removed by 'NAME-'; leave it out, or pin it to -1";
	if (len > 1 && text[len - 1] == '^')
		return "tasks are not understood: name the packages";
	if (strpbrk(text, " ,"))
		return "one package an entry";
	return NULL;
}

static void check_package(const struct schema *s, const struct node *n)
{
	const char *text = node_str(n);

	if (!text || node_is_int(n, NULL))
		cloud_wrong(s, n, shape_package.wanted);
	else if (!shape_fits(&shape_package, text) || text[strlen(text) - 1] == '-')
		diag_add(s->diags, DIAG_ERROR, &n->at, "wrong-value", package_hint(text),
			"'%s' must be %s, not '%.200s'", s->where, shape_package.wanted, text);
}

static void check_entry(const struct schema *s, const struct node *n, bool nested)
{
	const struct node *apt = node_get(n, "apt");

	if (n->kind == NODE_SCALAR) {
		check_package(s, n);
		return;
	}
	if (n->kind == NODE_LIST) {
		if (n->n != 2 || !node_str(n->items[0]) || !node_str(n->items[1]) ||
			strchr(n->items[0]->str, '=') ||
			!shape_fits(&shape_package, n->items[0]->str) ||
			!shape_fits(&shape_version, n->items[1]->str))
			cloud_wrong(s, n, "a package's name or [NAME, VERSION]");
		return;
	}
	for (size_t i = 0; i < n->n; i++) {
		if (strcmp(n->keys[i]->str, "apt") != 0)
			diag_add(s->diags, DIAG_ERROR, &n->keys[i]->at, "refused-key",
				strcmp(n->keys[i]->str, "snap") == 0
					? "snapd works in a booted system only: use 'snap:'"
					: NULL,
				"'%s': only packages of apt can be baked, not of '%s'", s->where,
				n->keys[i]->str);
	}
	if (apt && (nested || apt->kind != NODE_LIST))
		cloud_wrong(s, apt, "a list of packages");
	for (size_t i = 0; apt && !nested && apt->kind == NODE_LIST && i < apt->n; i++)
		check_entry(s, apt->items[i], true);
}

CLOUD_CHECK(check_packages)
{
	(void)def;
	if (value->kind != NODE_LIST) {
		cloud_wrong(s, value, "a list of packages");
		return;
	}
	for (size_t i = 0; i < value->n; i++)
		check_entry(s, value->items[i], false);
}
