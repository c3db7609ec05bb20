/*
 * The disk's functions from the command line, for test_disk.py:
 *   disk_tool prepare ROOT DISTRIBUTION
 *   disk_tool write ROOT DISTRIBUTION RELEASE MIB SEED EPOCH OUT
 *   disk_tool qcow2 RAW OUT
 */
#include "base.h"
#include "disk.h"
#include "error.h"
#include "interrupt.h"
#include "progress.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static int prepare(char **argv, struct error *e)
{
	_close_ int root = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return boot_prepare(argv[0], root, argv[1], e);
}

static int write_raw(char **argv, struct error *e)
{
	_cleanup_(progress_freep) struct progress *p =
		progress_new(PROGRESS_PLAIN, STDERR_FILENO, false);
	struct disk d = {
		.root = argv[0],
		.distribution = argv[1],
		.release = argv[2],
		.size = strtoull(argv[3], NULL, 10) * MIB,
		.seed = argv[4],
		.epoch = strtoll(argv[5], NULL, 10),
		.progress = p,
	};

	return disk_write(&d, argv[6], e);
}

static int qcow2(char **argv, struct error *e)
{
	return disk_qcow2(argv[0], argv[1], true, NULL, e);
}

static const struct {
	const char *name;
	int args;
	int (*run)(char **argv, struct error *e);
} commands[] = {
	{ "prepare", 2, prepare },
	{ "qcow2", 2, qcow2 },
	{ "write", 7, write_raw },
};

int main(int argc, char **argv)
{
	struct error e = {};

	interrupt_install();
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (argc != commands[i].args + 2 || strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (commands[i].run(argv + 2, &e) == 0)
			return 0;
		fprintf(stderr, "%s\n", e.msg);
		return e.code;
	}
	return ERR_USAGE;
}
