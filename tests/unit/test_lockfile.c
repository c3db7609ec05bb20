/* The lock's text: what is accepted is written back byte by byte, the rest names its line. */
#include "lock.h"

#include "alloc.h"
#include "buf.h"
#include "check.h"
#include "error.h"
#include "lock_text.h"
#include "tmpdir.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define KEY   "0123456789ABCDEF0123456789ABCDEF01234567"

#define HEAD   LOCK_HEAD "distribution debian\nrelease trixie\narchitecture amd64\nrecommends no\n"
#define ASKED  "asked apt\nasked tree=2.1-1\n"
#define INPUT  "input keyring keys/own key.gpg\n"
#define SOURCE "source debian/trixie 2026-11-21T00:53:03Z " KEY " " SHA_A " - trixie main contrib\n"
#define FLAT   "source extra.x/./ 2026-11-21T00:53:03Z " KEY " " SHA_B " https://example.org/x ./\n"
#define APT                                                                                        \
	"package apt 3.0~x+1 amd64 manual - asked debian/trixie 1453228 " SHA_A                    \
	" pool/main/a/apt/apt_3.0~x+1_amd64.deb\n"
#define LIBC                                                                                       \
	"package libc6 2:2.41-12 amd64 auto essential dependency:apt debian/trixie 5 " SHA_B       \
	" pool/libc6_2.41-12_amd64.deb\n"
#define TREE                                                                                       \
	"package tree 2.1-1 all auto - recommended:apt extra.x/./ 77 " SHA_B                       \
	" ./tree_2.1-1_all.deb\n"
#define WHOLE HEAD ASKED INPUT SOURCE FLAT APT LIBC TREE

static int parse(struct lock **ret, const char *text, struct error *e)
{
	return lock_parse(ret, "x.lock", text, strlen(text), e);
}

static void a_lock_is_read(void)
{
	_cleanup_(lock_freep) struct lock *l = NULL;
	struct error e = {};

	check_int(parse(&l, WHOLE, &e), 0);
	check_str(l->distribution, "debian");
	check_str(l->release, "trixie");
	check_str(l->architecture, "amd64");
	check(!l->recommends);
	check_str(l->asked[1], "tree=2.1-1");
	check_str(l->asked[2], NULL);
	check_str(l->inputs[0], "keyring keys/own key.gpg");
	check_int(l->n_sources, 2);
	check_str(l->sources[0].uri, NULL);
	check_str(l->sources[0].components, "main contrib");
	check_str(l->sources[1].uri, "https://example.org/x");
	check_str(l->sources[1].components, "");
	check_int(l->n, 3);
	check_int(l->packages[0].size, 1453228);
	check_int(l->packages[0].reason, LOCK_ASKED);
	check_str(l->packages[0].because, NULL);
	check(l->packages[1].automatic && l->packages[1].essential);
	check_int(l->packages[1].reason, LOCK_DEPENDENCY);
	check_str(l->packages[1].because, "apt");
	check_int(l->packages[2].reason, LOCK_RECOMMENDED);
	check_int(strlen(l->digest), 64);
}

#define COMMIT	  "application 0123456789abcdef0123456789abcdef01234567\n"
#define CONTAINER "container ghcr.io/a/b:1.2 1234 " SHA_A "\ncontainer postgres:16 42 " SHA_B "\n"

static void images_of_the_application_are_read(void)
{
	_cleanup_(lock_freep) struct lock *l = NULL;
	_cleanup_(lock_freep) struct lock *other = NULL;
	struct error e = {};
	_buf_ b = BUF_INIT;

	check_int(parse(&l, WHOLE COMMIT CONTAINER, &e), 0);
	check_int(l->n_containers, 2);
	check_str(l->containers[0].reference, "ghcr.io/a/b:1.2");
	check_int(l->containers[0].size, 1234);
	check_str(l->containers[1].sha256, SHA_B);
	lock_format(l, &b);
	check_str(buf_str(&b), WHOLE COMMIT CONTAINER);
	check_int(parse(&other, WHOLE, &e), 0);
	check(strcmp(l->digest, other->digest) != 0);
	lock_set_containers(other, l->application, l->containers, l->n_containers);
	check_str(other->digest, l->digest);
}

static void changed_images_are_told(void)
{
	_cleanup_(lock_freep) struct lock *old = NULL;
	_cleanup_(lock_freep) struct lock *new = NULL;
	struct error e = {};
	_buf_ b = BUF_INIT;

	check_int(parse(&old, WHOLE COMMIT "container a:1 5 " SHA_A "\ncontainer b:1 5 " SHA_A "\n",
			  &e),
		0);
	check_int(parse(&new, WHOLE COMMIT "container b:1 5 " SHA_B "\ncontainer c:1 5 " SHA_A "\n",
			  &e),
		0);
	check_int(lock_diff(old, new, &b), 3);
	check_str(buf_str(&b),
		"  remove     a:1                          sha256:aaaaaaaaaaaa…\n"
		"  image      b:1                          sha256:aaaaaaaaaaaa… → sha256:bbbbbbbbbbbb…\n"
		"  add        c:1                          sha256:aaaaaaaaaaaa…\n");
	buf_reset(&b);
	check_int(lock_diff_json(old, new, &b), 3);
	check(strstr(buf_str(&b),
		"\"containers\":[{\"reference\":\"a:1\",\"old\":\"" SHA_A "\",\"new\":null},"));
	check_int(lock_diff(NULL, new, &b), 2 + 3 + 2);
}

static void what_is_read_is_written_back(void)
{
	_cleanup_(lock_freep) struct lock *l = NULL;
	_cleanup_(lock_freep) struct lock *again = NULL;
	struct error e = {};
	_buf_ b = BUF_INIT;

	check_int(parse(&l, WHOLE, &e), 0);
	lock_format(l, &b);
	check_str(buf_str(&b), WHOLE);
	check_int(lock_write(l, tmp_name("t.lock"), &e), 0);
	check_int(lock_read(&again, tmp_name("t.lock"), &e), 0);
	check_str(again->digest, l->digest);
	check_int(lock_read(&again, tmp_name("absent.lock"), &e), LOCK_ABSENT);
}

static const struct {
	const char *text, *message;
} wrong[] = {
	{ "", "x.lock:1: this is no lock that this kbuild can read" },
	{ "kbuild-lock 2\n", "x.lock:1: this is no lock" },
	{ LOCK_HEAD "release trixie\n", "x.lock:3: expected 'distribution', not 'release'" },
	{ LOCK_HEAD "distribution debian\n", "x.lock:3: expected 'release', not 'the end'" },
	{ HEAD "asked apt", "x.lock:7: the file is cut off here" },
	{ HEAD "container a:1 5 " SHA_A "\n", "x.lock:7: a container image stands before" },
	{ HEAD "application 12\n", "x.lock:7: 'application' needs a commit" },
	{ HEAD COMMIT COMMIT, "x.lock:8: 'application' is there twice" },
	{ HEAD COMMIT "container a\"b 5 " SHA_A "\n",
		"x.lock:8: 'a\"b' is no name of a container" },
	{ HEAD COMMIT "container a:1 05 " SHA_A "\n", "x.lock:8: 'a:1': its size or SHA-256" },
	{ HEAD COMMIT "container a:1 5 " SHA_A " x\n", "x.lock:8: 'a:1': its size or SHA-256" },
	{ HEAD COMMIT CONTAINER CONTAINER,
		"x.lock:10: the container image 'ghcr.io/a/b:1.2' is out of order" },
	{ HEAD "asked b\nasked a\n", "x.lock:8: 'a' is out of order, or twice" },
	{ HEAD "asked a\nasked a\n", "x.lock:8: 'a' is out of order, or twice" },
	{ HEAD "asked a b\n", "'a b' is no name of a package" },
	{ HEAD "asked a \n", "there is a blank at the end" },
	{ HEAD "asked a\r\n", "there is a control character" },
	{ HEAD "<<<<<<< HEAD\n", "'<<<<<<<' is not expected here" },
	{ HEAD SOURCE ASKED, "x.lock:8: 'asked' is not expected here" },
	{ HEAD SOURCE SOURCE, "'debian/trixie' is there twice" },
	{ HEAD "source debian/trixie 2026-11-21 " KEY " " SHA_A " - trixie main\n",
		"a source must be" },
	{ HEAD "source debian/trixie 2026-11-21T00:53:03Z " KEY " " SHA_A " - trixie\n",
		"has no components" },
	{ HEAD APT, "is from a source that is not in the lock" },
	{ HEAD SOURCE LIBC APT, "the package 'apt' is out of order, or twice" },
	{ HEAD SOURCE "package apt\n", "must begin with its name, version and architecture" },
	{ HEAD SOURCE "package  apt 1 amd64\n", "must begin with its name" },
	{ HEAD SOURCE "package apt 1 amd64 yes - asked debian/trixie 1 " SHA_A " f\n",
		"expected auto or manual" },
	{ HEAD SOURCE "package apt 1 amd64 auto - because debian/trixie 1 " SHA_A " f\n",
		"why it is there cannot be read" },
	{ HEAD SOURCE "package apt 1 amd64 auto - dependency: debian/trixie 1 " SHA_A " f\n",
		"why it is there cannot be read" },
	{ HEAD SOURCE "package apt 1 amd64 auto - asked debian/trixie 01 " SHA_A " f\n",
		"its size or SHA-256 cannot be read" },
	{ HEAD SOURCE "package apt 1 amd64 auto - asked debian/trixie 1 abc f\n",
		"its size or SHA-256 cannot be read" },
	{ HEAD SOURCE "package apt 1 amd64 auto - asked debian/trixie 1 " SHA_A " ../f\n",
		"'../f' is no file of an archive" },
	{ HEAD SOURCE "package apt 1 amd64 auto - asked debian/trixie 1 " SHA_A " a/../f\n",
		"is no file of an archive" },
	{ HEAD SOURCE "package apt 1 amd64 auto - asked debian/trixie 1 " SHA_A " /f\n",
		"is no file of an archive" },
	{ HEAD SOURCE "package apt 1 amd64 auto - asked debian/trixie 1 " SHA_A "\n",
		"is no file of an archive" },
};

static void what_is_wrong_is_named_with_its_line(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct lock *l = NULL;
		struct error e = {};
		int r = parse(&l, wrong[i].text, &e);

		if (r >= 0 || e.code != ERR_LOCK || !strstr(e.msg, wrong[i].message))
			check_fail("%d, code %d, '%s'; wanted '%s'", r, e.code, e.msg,
				wrong[i].message);
		check(!l);
	}
}

static void a_nul_byte_is_refused(void)
{
	static const char text[] = HEAD "asked a\0b\n";
	struct lock *l = NULL;
	struct error e = {};

	check(lock_parse(&l, "x.lock", text, sizeof text - 1, &e) < 0);
	check(strstr(e.msg, "x.lock:7: there is a NUL byte"));
}

static void a_difference_is_told_in_words(void)
{
	_cleanup_(lock_freep) struct lock *old = NULL;
	_cleanup_(lock_freep) struct lock *new = NULL;
	struct error e = {};
	_buf_ b = BUF_INIT;

	check_int(parse(&old, HEAD SOURCE FLAT APT TREE, &e), 0);
	check_int(parse(&new,
			  HEAD "source debian/trixie 2026-11-22T00:00:00Z " KEY " " SHA_B
			       " - trixie main contrib\n" FLAT
			       "package apt 3.0 amd64 manual - asked debian/trixie 1 " SHA_B
			       " pool/apt.deb\n" LIBC
			       "package tree 2.1-1 all manual - asked extra.x/./ 77 " SHA_B
			       " ./tree_2.1-1_all.deb\n",
			  &e),
		0);
	check_int(lock_diff(old, new, &b), 4);
	check_str(buf_str(&b),
		"  source     debian/trixie                2026-11-21T00:53:03Z → 2026-11-22T00:00:00Z\n"
		"  upgrade    apt                          3.0~x+1 → 3.0\n"
		"  add        libc6                        2:2.41-12  (needed by apt)\n"
		"  marked     tree                         2.1-1  (manual, asked for)\n");
	buf_reset(&b);
	check_int(lock_diff(new, old, &b), 4);
	check(strstr(buf_str(&b), "  downgrade  apt                          3.0 → 3.0~x+1\n"));
	check(strstr(buf_str(&b), "  remove     libc6                        2:2.41-12\n"));
	buf_reset(&b);
	check_int(lock_diff(old, old, &b), 0);
	check_str(buf_str(&b), "");
}

static void a_difference_is_told_in_json(void)
{
	_cleanup_(lock_freep) struct lock *old = NULL;
	_cleanup_(lock_freep) struct lock *new = NULL;
	struct error e = {};
	_buf_ b = BUF_INIT;

	check_int(parse(&old, HEAD SOURCE APT, &e), 0);
	check_int(parse(&new, HEAD SOURCE APT LIBC, &e), 0);
	check_int(lock_diff_json(old, new, &b), 1);
	check_str(buf_str(&b),
		"\"sources\":[{\"id\":\"debian/trixie\",\"old\":\"2026-11-21T00:53:03Z\","
		"\"new\":\"2026-11-21T00:53:03Z\",\"fingerprint\":\"" KEY
		"\"}],"
		"\"changes\":[{\"change\":\"added\",\"package\":\"libc6\",\"old\":null,"
		"\"new\":\"2:2.41-12\"}],\"containers\":[]");
}

/* Two first builds at the same time: one lock, and both images are of it. */
static void of_two_first_locks_the_first_counts(void)
{
	_cleanup_(lock_freep) struct lock *mine = NULL, *other = NULL;
	_free_ char *path = xstrdup(tmp_name("first/t.lock"));
	struct error e = {};

	check_int(mkdirat(tmp_fd(), "first", 0755), 0);
	check_int(parse(&mine, WHOLE, &e), 0);
	check_int(parse(&other, HEAD ASKED SOURCE FLAT APT TREE, &e), 0);
	check_int(lock_write_first(&other, path, &e), 0);
	check_int(other->n, 2);
	check_int(lock_write_first(&mine, path, &e), LOCK_THERE);
	check_int(mine->n, 2);
	/* Nothing is left beside it. */
	check_int(unlinkat(tmp_fd(), "first/t.lock", 0), 0);
	check_int(unlinkat(tmp_fd(), "first", AT_REMOVEDIR), 0);
}

int main(void)
{
	run(a_lock_is_read);
	run(images_of_the_application_are_read);
	run(changed_images_are_told);
	run(what_is_read_is_written_back);
	run(what_is_wrong_is_named_with_its_line);
	run(a_nul_byte_is_refused);
	run(a_difference_is_told_in_words);
	run(a_difference_is_told_in_json);
	run(of_two_first_locks_the_first_counts);
	return done();
}
