/* The units and helpers of units/, and which of them boot starts. */
#include "bake_topic.h"
#include "definition.h"
#include "embedded.h"

static const struct {
	const char *name; /* in units/ */
	const char *path; /* in the image */
	bool enable;
	bool agent; /* the agent does it where there is one: two would contradict each other */
} files[] = {
	{ "console-status", "/usr/lib/kbuild/console-status", false, true },
	{ "kbuild-ssh-keys.service", "/usr/lib/systemd/system/kbuild-ssh-keys.service", true,
		false },
	{ "kbuild-status.service", "/usr/lib/systemd/system/kbuild-status.service", true, true },
	{ "kbuild-status.timer", "/usr/lib/systemd/system/kbuild-status.timer", true, true },
};

static bool applies(const struct bake *b)
{
	return b->def->bootable;
}

static int run(const struct bake *b, struct error *e)
{
	const char *units[ARRAY_SIZE(files) + 1] = { NULL };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const struct embedded *f = embedded_find(files[i].name);
		int r;

		if (b->agent && files[i].agent)
			continue;
		r = bake_puts(b, files[i].path, f->data, f->mode, e);

		if (r < 0)
			return r;
		if (files[i].enable)
			units[n++] = f->name;
	}
	return bake_enable(b, units, e);
}

const struct bake_topic bake_units = { "units", applies, run };
