/*
 * Any bytes as a definition file: no crash; what is accepted is shown and explained, and what is
 * left of it is YAML again.
 */
#include "arena.h"
#include "buf.h"
#include "cloudconfig.h"
#include "definition.h"
#include "effective.h"
#include "error.h"
#include "fd.h"
#include "mark.h"
#include "node.h"
#include "yaml_tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct definition *def)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	_buf_ left = BUF_INIT;
	_buf_ shown = BUF_INIT;
	struct error e = { 0 };
	struct node *n;

	node_write_yaml(definition_effective(def), &shown);
	cloudconfig_residual(def, &left);
	if (yaml_parse(&n, def->arena, "left", buf_str(&left), left.len, &d, &e) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	struct definition *def = NULL;
	_buf_ text = BUF_INIT;
	struct error e = { 0 };
	_close_ int fd = memfd_create("fuzz", 0);
	char path[32];

	if (fd < 0 || fd_write(fd, data, size) < 0)
		abort();
	snprintf(path, sizeof path, "/dev/fd/%d", fd);
	/* What is wrong must have been said; what is right must be usable. */
	if (definition_load(&def, path, &d, &e) == 0)
		use(def);
	else if (d.errors == 0)
		abort();
	diags_render(&d, true, &text);
	definition_free(def);
	return 0;
}
