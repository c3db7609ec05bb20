/* Objects of a repository and signatures: the first byte chooses the parser, the rest is its. */
#include "arena.h"
#include "buf.h"
#include "object.h"
#include "pattern.h"
#include "sshsig.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void commit(const char *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_buf_ payload = BUF_INIT;
	_buf_ signature = BUF_INIT;
	struct commit c;

	(void)commit_parse(data, size, a, &c);
	if (commit_signature(data, size, &payload, &signature) == COMMIT_UNSIGNED &&
		(payload.len != size || memcmp(buf_str(&payload), data, size) != 0))
		abort();
}

static void tree(const char *data, size_t size)
{
	struct tree_entry t;
	size_t pos = 0;

	while (tree_next(data, size, &pos, &t) > 0) {
		if (tree_name_good(t.name) && (strchr(t.name, '/') || strcmp(t.name, "..") == 0))
			abort();
		if (tree_target_good(t.name, 0) && strstr(t.name, "../"))
			if (t.name[0] == '/' || strncmp(t.name, "../", 3) == 0)
				abort();
	}
}

static void signature(const char *text)
{
	static const char *const signers[] = {
		"a@example.com ssh-ed25519 "
		"AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		NULL,
	};
	struct sshsig_check c = { signers, "git", 1700000000, text, "data", 4 };
	char who[SSHSIG_WHO];

	(void)sshsig_verify(&c, who);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 1)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	switch (data[0]) {
	case 'c':
		commit((const char *)data + 1, size - 1);
		break;
	case 't':
		tree((const char *)data + 1, size - 1);
		break;
	case 's':
		signature(text);
		break;
	case 'p':
		(void)pattern_list_match(text, "host.example.com");
		break;
	}
	free(text);
	return 0;
}
