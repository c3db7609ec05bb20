/*
 * Hostile packages: opened, their control files read, unpacked below a root, rewritten plain. What
 * must hold: nothing appears beside the root, and a package that could be rewritten is one.
 */
#include "alloc.h"
#include "deb.h"
#include "error.h"
#include "extract.h"
#include "fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define UNPACK_MAX (4 * MIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(
	_unused_ void *arg, const char *file, _unused_ mode_t mode, const void *data, size_t len)
{
	if (strchr(file, '/') || (len && !data))
		abort();
}

/* The directory holds exactly this one name. */
static void check_alone(const char *path, const char *only)
{
	DIR *d = opendir(path);
	struct dirent *ent;

	if (!d)
		abort();
	while ((ent = readdir(d)))
		if (strcmp(ent->d_name, ".") != 0 && strcmp(ent->d_name, "..") != 0 &&
			strcmp(ent->d_name, only) != 0)
			abort();
	closedir(d);
}

static void unpack(const struct deb *d)
{
	char scratch[] = "/tmp/kbuild-fuzz-XXXXXX";
	_free_ char *outer = NULL, *inner = NULL;
	_close_ int root = -1;
	struct error e = {};

	if (!mkdtemp(scratch))
		abort();
	outer = xasprintf("%s/outer", scratch);
	inner = xasprintf("%s/root", outer);
	if (mkdir(outer, 0700) < 0 || mkdir(inner, 0700) < 0)
		abort();
	root = open(inner, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		abort();
	extract_deb(&(struct extract){ .root = root, .no_owner = true, .max = UNPACK_MAX }, d, &e);
	check_alone(scratch, "outer");
	check_alone(outer, "root");
	remove_all(AT_FDCWD, scratch);
}

static void rewrite(const struct deb *d)
{
	_close_ int to = memfd_create("plain", MFD_CLOEXEC);
	struct error e = {};
	struct deb again;

	if (to < 0)
		abort();
	if (deb_write_plain(d, to, &e) < 0)
		return;
	if (deb_open(&again, to, "again", &e) < 0 || !deb_is_plain(&again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_close_ int fd = memfd_create("deb", MFD_CLOEXEC);
	struct error e = {};
	struct deb d;

	if (fd < 0 || fd_write(fd, data, size) < 0)
		abort();
	if (deb_open(&d, fd, "fuzz", &e) < 0)
		return 0;
	if (d.control.offset + d.control.size > size || d.data.offset + d.data.size > size)
		abort();
	deb_control_each(&d, ignore, NULL, &e);
	unpack(&d);
	rewrite(&d);
	return 0;
}
