/*
 * What tests/agent/test_handoff.py asks of the handoff's parts, from standard input to standard output:
 *
 *   encrypt RECIPIENT...   decrypt KEY-FILE   keygen   forget ROOT   env NAME=FILE...
 */
#include "age.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "keep.h"
#include "mark.h"
#include "node.h"
#include "values.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define PIECE (100 * 1000) /* no divisor of anything in the format */

typedef int (*add_function)(void *x, const void *data, size_t len, struct error *e);

static int pump(void *x, add_function add, struct error *e)
{
	static char piece[PIECE];

	for (;;) {
		ssize_t n = read(STDIN_FILENO, piece, sizeof piece);
		int r;

		if (n < 0)
			return error_errno(e, errno, "reading");
		if (n == 0)
			return 0;
		r = add(x, piece, (size_t)n, e);
		if (r < 0)
			return r;
	}
}

static int add_encrypt(void *x, const void *data, size_t len, struct error *e)
{
	return age_encrypt_add(x, data, len, e);
}

static int add_decrypt(void *x, const void *data, size_t len, struct error *e)
{
	return age_decrypt_add(x, data, len, e);
}

static int encrypt(char **argv, struct error *e)
{
	_cleanup_(age_encrypt_freep) struct age_encrypt *a = NULL;
	struct age_recipient to[AGE_RECIPIENTS_MAX];
	int out = STDOUT_FILENO, r;
	size_t n = 0;

	for (; argv[n] && n < AGE_RECIPIENTS_MAX; n++) {
		if (!age_recipient_parse(argv[n], &to[n]))
			return error_set(e, ERR_USAGE, "'%s' is no recipient", argv[n]);
	}
	r = age_encrypt_new(&a, to, n, age_out_fd, &out, e);
	if (r == 0)
		r = pump(a, add_encrypt, e);
	return r == 0 ? age_encrypt_end(a, e) : r;
}

static int decrypt(char **argv, struct error *e)
{
	_cleanup_(age_decrypt_freep) struct age_decrypt *a = NULL;
	struct age_identity keys[8];
	_buf_ text = BUF_INIT;
	int out = STDOUT_FILENO;
	size_t n = 0;
	int r = file_read(AT_FDCWD, argv[0], MIB, &text);

	if (r < 0)
		return error_errno(e, r, "reading %s", argv[0]);
	r = age_identities_parse(argv[0], buf_str(&text), keys, ARRAY_SIZE(keys), &n, e);
	if (r == 0)
		r = age_decrypt_new(&a, keys, n, age_out_fd, &out, e);
	if (r == 0)
		r = pump(a, add_decrypt, e);
	return r == 0 ? age_decrypt_end(a, e) : r;
}

static int keygen(_unused_ char **argv, _unused_ struct error *e)
{
	char private[AGE_IDENTITY_SIZE], public[AGE_RECIPIENT_SIZE];
	struct age_identity id;
	struct age_recipient to;

	age_identity_generate(&id);
	age_identity_recipient(&id, &to);
	age_identity_format(&id, private);
	age_recipient_format(&to, public);
	printf("# public key: %s\n%s\n", public, private);
	return 0;
}

static int forget(char **argv, struct error *e)
{
	_close_ int root = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return root < 0 ? error_errno(e, errno, "opening %s", argv[0]) : keep_forget(root, e);
}

/* NAME=FILE: the value is what the file holds. */
static int env(char **argv, struct error *e)
{
	static const struct mark at = { .file = "values" };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *values = node_map(a, &at), *definition = node_map(a, &at);
	_buf_ out = BUF_INIT;

	for (; *argv; argv++) {
		_buf_ text = BUF_INIT;
		char *path = strchr(*argv, '=');

		if (!path || file_read(AT_FDCWD, path + 1, MIB, &text) < 0)
			return error_set(e, ERR_USAGE, "'%s' is not NAME=FILE", *argv);
		*path = '\0';
		node_set(a, values, &at, *argv,
			node_scalar(a, &at, arena_strndup(a, buf_str(&text), text.len), text.len));
		node_set(a, definition, &at, *argv, node_map(a, &at));
	}
	if (values_env(definition, values, &out, e) < 0)
		return -e->code;
	fputs(buf_str(&out), stdout);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(char **argv, struct error *e);
		int min;
	} commands[] = { { "encrypt", encrypt, 1 }, { "decrypt", decrypt, 1 },
		{ "keygen", keygen, 0 }, { "forget", forget, 1 }, { "env", env, 1 } };
	struct error e = {};

	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0 || argc - 2 < commands[i].min)
			continue;
		if (commands[i].run(argv + 2, &e) == 0)
			return 0;
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	return 2;
}
