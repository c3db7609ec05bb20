/* Keys of servers; see ssh_key.h. */
#include "ssh_key.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "process.h"

#include <fcntl.h>

int ssh_key_make(const char *dir, const char *comment, struct arena *a, const char **ret_public,
	struct error *e)
{
	const char *path = arena_printf(a, "%s/id_ed25519", dir);
	const char *public_path = arena_printf(a, "%s.pub", path);
	struct process p = {
		.argv = (const char *[]){ "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C",
			comment, "-f", "id_ed25519", NULL },
		.cwd = dir,
		.timeout_ms = 60000,
	};
	_buf_ text = BUF_INIT;
	int r = 0;

	/* The public half is written last: without it, ssh-keygen was cut off, and would ask. */
	if (access(public_path, R_OK) < 0 || access(path, R_OK) < 0) {
		(void)unlink(path);
		(void)unlink(public_path);
		r = process_check(&p, e);
	}
	if (r < 0)
		return r;
	r = file_read(AT_FDCWD, public_path, 64 * KIB, &text);
	if (r < 0)
		return error_errno(e, r, "reading '%s'", public_path);
	while (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	*ret_public = arena_strdup(a, buf_str(&text));
	return 0;
}
