/* dpkg's database: what is installed, and what changed. */
#include "buf.h"
#include "dpkgdb.h"

#include "check.h"

static void what_is_installed_is_listed(void)
{
	static const char status[] =
		"Package: a\nStatus: install ok installed\nVersion: 1.0-1\nDescription: x\n more\n\n"
		"Package: gone\nStatus: deinstall ok config-files\nVersion: 2\n\n"
		"Status: install ok half-installed\nPackage: half\nVersion: 3\n\n\n"
		"Package: b+c\nVersion: 2:1~rc1\nStatus: hold ok installed";
	_buf_ list = BUF_INIT;

	dpkgdb_list(status, sizeof status - 1, &list);
	check_str(buf_str(&list), "a 1.0-1\nb+c 2:1~rc1\n");
	buf_reset(&list);
	dpkgdb_list("", 0, &list);
	check_str(buf_str(&list), "");
}

static void note(void *arg, const char *name, const char *before, const char *now)
{
	buf_printf(arg, "%s:%s>%s ", name, before ? before : "-", now ? now : "-");
}

static void what_changed_is_told_by_name(void)
{
	char before[] = "zsh 1\nbash 1\ncurl 7\nlast 1\n", now[] = "bash 2\ncurl 7\nnew 1\nzsh 1\n";
	char same1[] = "a 1\n", same2[] = "a 1\n";
	_buf_ out = BUF_INIT;

	check_int(dpkgdb_compare(before, now, note, &out), 3);
	check_str(buf_str(&out), "bash:1>2 last:1>- new:->1 ");
	check_int(dpkgdb_compare(same1, same2, note, &out), 0);
}

int main(void)
{
	run(what_is_installed_is_listed);
	run(what_changed_is_told_by_name);
	return done();
}
