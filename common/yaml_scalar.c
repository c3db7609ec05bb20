/* Scalars and tags of YAML. The tags that PyYAML's safe loader gives a type are kept; no others. */
#include "yaml_scalar.h"

#include "base64.h"
#include "buf.h"
#include "node.h"

#include <string.h>

void yaml_unknown_tag(const char *tag, const struct mark *at, struct diags *d)
{
	bool core = strncmp(tag, YAML_CORE, strlen(YAML_CORE)) == 0;

	diag_add(d, DIAG_ERROR, at, "unknown-tag", "cloud-init reads plain YAML only",
		"the tag '%s%s' is not understood", core ? "!!" : "",
		core ? tag + strlen(YAML_CORE) : tag);
}

static struct node *read_binary(struct arena *a, const struct yaml_scalar *s, struct diags *d)
{
	_buf_ bytes = BUF_INIT;

	if (!base64_decode(s->text, s->len, &bytes))
		diag_add(d, DIAG_ERROR, &s->at, "bad-base64", NULL,
			"the '!!binary' value is not base64");
	return node_scalar(a, &s->at, buf_str(&bytes), bytes.len);
}

/* Tags of values whose type is seen in their text, as if it stood there without quotes. */
static bool is_typed(const char *tag)
{
	static const char *const typed[] = { YAML_CORE "null", YAML_CORE "bool", YAML_CORE "int",
		YAML_CORE "float", YAML_CORE "timestamp" };

	for (size_t i = 0; i < ARRAY_SIZE(typed); i++) {
		if (strcmp(tag, typed[i]) == 0)
			return true;
	}
	return false;
}

struct node *yaml_scalar_node(struct arena *a, const struct yaml_scalar *s, struct diags *d)
{
	struct node *n;

	if (s->tag && strcmp(s->tag, YAML_CORE "binary") == 0)
		return read_binary(a, s, d);
	n = node_scalar(a, &s->at, s->text, s->len);
	n->quoted = s->tag ? !is_typed(s->tag) : !s->plain;
	if (s->tag && n->quoted && strcmp(s->tag, YAML_CORE "str") != 0 && strcmp(s->tag, "!") != 0)
		yaml_unknown_tag(s->tag, &s->at, d);
	return n;
}
