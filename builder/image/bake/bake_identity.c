/*
 * What this image is, for people and for the agent: /usr/lib/kbuild/image.json. Nothing in it depends
 * on when or where it was built.
 */
#include "bake_topic.h"
#include "buf.h"
#include "definition.h"
#include "json.h"
#include "lock.h"

#include <string.h>

static void member(struct buf *out, const char *key, const char *value, const char *end)
{
	buf_printf(out, "  \"%s\": ", key);
	json_write_string(out, value, strlen(value));
	buf_adds(out, end);
}

static bool applies(const struct bake *b)
{
	(void)b;
	return true;
}

static int run(const struct bake *b, struct error *e)
{
	_buf_ text = BUF_INIT;

	buf_adds(&text, "{\n");
	member(&text, "name", b->def->name, ",\n");
	member(&text, "distribution", b->def->distribution, ",\n");
	member(&text, "release", b->def->release, ",\n");
	member(&text, "architecture", b->def->architecture, ",\n");
	member(&text, "lock", b->lock ? b->lock->digest : "", ",\n");
	member(&text, "kbuild", KBUILD_VERSION, "\n}\n");
	return bake_puts(b, "/usr/lib/kbuild/image.json", buf_str(&text), 0644, e);
}

const struct bake_topic bake_identity = { "image.json", applies, run };
