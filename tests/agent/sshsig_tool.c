/*
 * The verdict of firstboot/git/sshsig.c on signatures given as files: each line of standard input names
 * signers, signature, data and namespace; each line of output is "good PRINCIPALS" or "bad REASON".
 */
#include "alloc.h"
#include "buf.h"
#include "fd.h"
#include "sshsig.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SIZE_MAX_FILE (1 << 20)

static char *read_text(const char *path)
{
	_buf_ b = BUF_INIT;

	if (file_read(AT_FDCWD, path, SIZE_MAX_FILE, &b) < 0)
		exit(2);
	return buf_detach(&b);
}

static void judge(const char *signers, const char *signature, const char *data, const char *name)
{
	_free_ char *lines = read_text(signers), *armoured = read_text(signature);
	const char *list[64] = { NULL };
	char who[SSHSIG_WHO];
	_buf_ text = BUF_INIT;
	size_t n = 0;
	struct sshsig_check c = { list, name, time(NULL), armoured, NULL, 0 };

	for (char *save, *l = strtok_r(lines, "\n", &save); l && n < 63;
		l = strtok_r(NULL, "\n", &save))
		list[n++] = l;
	if (file_read(AT_FDCWD, data, SIZE_MAX_FILE, &text) < 0)
		exit(2);
	c.data = buf_str(&text);
	c.len = text.len;
	printf("%s %s\n", sshsig_verify(&c, who) ? "good" : "bad", who);
	fflush(stdout);
}

int main(void)
{
	char signers[256], signature[256], data[256], name[64];

	while (scanf("%255s %255s %255s %63s", signers, signature, data, name) == 4)
		judge(signers, signature, data, name);
	return 0;
}
