/*
 * What is left for first boot is judged by the very cloud-init that will read it: of these keys our own
 * table knows only the kind of the value, and a wrong one would show on the server, long after.
 */
#include "bake_topic.h"
#include "buf.h"
#include "chroot.h"
#include "cloudconfig.h"
#include "error.h"

#include <string.h>

#define CLOUD_INIT "/usr/bin/cloud-init"
#define NOTHING	   "#cloud-config\n{}\n"
/* /tmp is the run's own. What is said goes to one place, wherever this release says it. */
#define JUDGE "cat >/tmp/user-data && exec cloud-init schema --config-file /tmp/user-data 2>&1"

static bool applies(const struct bake *b)
{
	_buf_ text = BUF_INIT;

	cloudconfig_residual(b->def, &text);
	return bake_has(b, CLOUD_INIT) && strcmp(buf_str(&text), NOTHING) != 0;
}

/* The line of complaints, whichever way this release leads up to it; else the first. */
static const char *complaints(const char *said)
{
	static const char before[] = "schema errors: ";
	const char *p = strstr(said, before);

	return p ? p + strlen(before) : said;
}

static int run(const struct bake *b, struct error *e)
{
	static const char *const argv[] = { "sh", "-c", JUDGE, NULL };
	static const char *const env[] = { "PYTHONDONTWRITEBYTECODE=1", NULL };
	_buf_ text = BUF_INIT;
	_buf_ said = BUF_INIT;
	struct chroot_run run = {
		.root = b->root,
		.argv = argv,
		.env = env,
		.out = &said,
		.log_fd = b->log_fd,
	};
	const char *why;
	int r;

	cloudconfig_residual(b->def, &text);
	run.input = text.data;
	run.input_len = text.len;
	r = chroot_run(&run, e);
	if (r <= 0)
		return r;
	why = complaints(buf_str(&said));
	return error_set(e, ERR_INVALID,
		"the image's own cloud-init refuses what is left for first boot: %.*s (kbuild "
		"explain --user-data)",
		(int)strcspn(why, "\n"), why);
}

const struct bake_topic bake_residual = { "user-data", applies, run };
