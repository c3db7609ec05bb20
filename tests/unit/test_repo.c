/* The parts of the repository's side that need no server: addresses, hosts, objects, heads of answers. */
#include "check.h"

#include "advert.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "http1.h"
#include "known_hosts.h"
#include "object.h"
#include "pattern.h"
#include "url.h"

#define SHA "0123456789abcdef0123456789abcdef01234567"

static void addresses_are_split(void)
{
	static const struct {
		const char *text, *user, *host, *port, *path;
	} t[] = {
		{ "https://example.com/a/b.git", NULL, "example.com", "443", "/a/b.git" },
		{ "https://example.com:8443/a//", NULL, "example.com", "8443", "/a" },
		{ "https://[::1]:1/x", NULL, "::1", "1", "/x" },
		{ "ssh://example.com/a.git", "git", "example.com", "22", "/a.git" },
		{ "ssh://me@example.com:2222/~me/a", "me", "example.com", "2222", "~me/a" },
		{ "git@example.com:team/a.git", "git", "example.com", "22", "team/a.git" },
		{ "example.com:a", "git", "example.com", "22", "a" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_(repo_url_free) struct repo_url u = REPO_URL_INIT;
		struct error e = { 0 };

		check_int(repo_url_parse(t[i].text, &u, &e), 0);
		check_int(u.ssh, t[i].user != NULL);
		check_str(u.user, t[i].user);
		check_str(u.host, t[i].host);
		check_str(u.port, t[i].port);
		check_str(u.path, t[i].path);
	}
}

static void other_addresses_are_refused(void)
{
	static const char *const t[] = { "", "https://", "https://host", "http://host/x",
		"git://host/x", "file:///x", "/x", "host", "https://u:p@host/x", "https://host/a b",
		"https://host/a?b", "https://host:0/x", "https://host:65536/x", "https://host:/x",
		"ssh://-o@host/x", "ssh://-host/x", "-x:y", "host:-x", "host:a'b", "host:a$b",
		"https://[x]/y", "https://host/../x", "git@host:a/../b", "ext::sh" };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_(repo_url_free) struct repo_url u = REPO_URL_INIT;
		struct error e = { 0 };

		if (repo_url_parse(t[i], &u, &e) != -ERR_INVALID)
			check_fail("'%s' is taken for an address", t[i]);
	}
}

static void hosts_are_known_by_their_lines(void)
{
	const char *const lines[] = {
		"# comment",
		"plain,other ssh-ed25519 a2V5", /* "key" */
		"[ported]:2222 ssh-rsa a2V5",
		"*.example.com,!bad.example.com ssh-ed25519 a2V5",
		"@revoked plain ssh-ed25519 b2xk", /* "old" */
		"@cert-authority ca ssh-ed25519 a2V5",
		NULL,
	};
	static const struct {
		const char *host, *port, *key;
		enum known_host want;
	} t[] = {
		{ "plain", "22", "key", HOST_TRUSTED },
		{ "PLAIN", "22", "key", HOST_TRUSTED },
		{ "plain", "2222", "key", HOST_UNKNOWN },
		{ "plain", "22", "xyz", HOST_OTHER_KEY },
		{ "plain", "22", "old", HOST_REVOKED },
		{ "ported", "2222", "key", HOST_TRUSTED },
		{ "ported", "22", "key", HOST_UNKNOWN },
		{ "a.example.com", "22", "key", HOST_TRUSTED },
		{ "bad.example.com", "22", "key", HOST_UNKNOWN },
		{ "ca", "22", "key", HOST_UNKNOWN },
	};
	char types[256];

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		check_int(known_hosts_find(lines, t[i].host, t[i].port, t[i].key, 3), t[i].want);
	known_hosts_types(lines, "ported", "2222", types);
	check_str(types, "rsa-sha2-512,rsa-sha2-256,ssh-rsa");
	check_int(known_hosts_find(NULL, "plain", "22", "key", 3), HOST_UNKNOWN);
}

static void patterns_match_as_in_openssh(void)
{
	check(pattern_list_match("a*c", "abbbc"));
	check(pattern_list_match("a?c", "abc"));
	check(!pattern_list_match("a?c", "ac"));
	check(pattern_list_match("x,*", "anything"));
	check(!pattern_list_match("*,!any*", "anything"));
	check(!pattern_list_match("[ab]", "a"));
	check(pattern_list_match("*a*b*c*", "xxaxxbxxcxx"));
	check(!pattern_list_match("", "a"));
}

static void names_that_mean_git_are_not_written(void)
{
	static const char *const bad[] = { "", ".", "..", ".git", ".GIT", ".gIt", ".git.", ".git ",
		".git. .", ".git:x", "git~1", "GIT~2", ".g\u200cit", "\ufeff.git", "a/b", "a\\b",
		"a\nb", "a\x7f", "\xff", ".\u200d." };
	static const char *const good[] = { "a", ".gitignore", ".github", "git", "git~", "..a",
		"...", "a.git", ".env", "ü", "a b" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (tree_name_good(bad[i]))
			check_fail("name %zu is taken", i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (!tree_name_good(good[i]))
			check_fail("'%s' is refused", good[i]);
	}
}

static void links_stay_inside_by_their_text(void)
{
	check(tree_target_good("a", 0));
	check(tree_target_good("./a/b", 0));
	check(tree_target_good("../a", 1));
	check(tree_target_good("../../a", 2));
	check(!tree_target_good("..", 0));
	check(!tree_target_good("../../a", 1));
	check(!tree_target_good("a/..", 5));
	check(!tree_target_good("/a", 5));
	check(!tree_target_good("", 5));
}

static void a_commit_is_split_from_its_signature(void)
{
	static const char raw[] = "tree " SHA
				  "\nauthor A <a> 1 +0000\ncommitter C <c> 7 +0000\n"
				  "gpgsig one\n two\n three\nencoding x\n\nsubject\n gpgsig no\n";
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_buf_ payload = BUF_INIT;
	_buf_ signature = BUF_INIT;
	struct commit c;

	check_int(commit_signature(raw, sizeof raw - 1, &payload, &signature), 0);
	check_str(buf_str(&signature), "one\ntwo\nthree\n");
	check_str(buf_str(&payload), "tree " SHA
				     "\nauthor A <a> 1 +0000\ncommitter C <c> 7 +0000\n"
				     "encoding x\n\nsubject\n gpgsig no\n");
	check(commit_parse(raw, sizeof raw - 1, a, &c));
	check_str(c.tree, SHA);
	check_str(c.author, "A");
	check_str(c.subject, "subject");
	check_int(c.time, 7);
}

static void two_signatures_are_none(void)
{
	static const char raw[] = "tree " SHA "\ngpgsig a\ngpgsig b\n\nx\n";
	_buf_ payload = BUF_INIT;
	_buf_ signature = BUF_INIT;

	check(commit_signature(raw, sizeof raw - 1, &payload, &signature) < 0);
}

static void heads_are_read_strictly(void)
{
	static const struct {
		const char *text;
		bool good;
		int status;
		long long length;
	} t[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, 200, 5 },
		{ "HTTP/1.0 404\n\n", true, 404, -1 },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, 200, -1 },
		{ "HTTP/2 200\r\n\r\n", false, 0, 0 },
		{ "HTTP/1.1 20 OK\r\n\r\n", false, 0, 0 },
		{ "HTTP/1.1 2000\r\n\r\n", false, 0, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", false, 0,
			0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", false, 0, 0 },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false, 0, 0 },
		{ "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", false, 0, 0 },
		{ "HTTP/1.1 200 OK\r\nA: b\r\n", false, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_free_ char *text = strdup(t[i].text);
		struct http1_head h;

		check_int(http1_parse_head(text, &h), t[i].good);
		if (t[i].good) {
			check_int(h.status, t[i].status);
			check_int(h.length, t[i].length);
		}
	}
}

static void only_the_branch_itself_is_the_branch(void)
{
	static const char list[] = "003d" SHA
				   " HEAD\0caps xxxxx\n"
				   "0041" SHA
				   " refs/heads/main-old\n"
				   "003d" SHA " refs/heads/mai";
	struct advert *a = malloc(sizeof *a);
	struct error e = { 0 };

	advert_init(a, "main");
	check_int(advert_add(a, list, 61 + 65, &e), 0);
	check(!a->found && !a->end);
	free(a);
}

int main(void)
{
	run(addresses_are_split);
	run(other_addresses_are_refused);
	run(hosts_are_known_by_their_lines);
	run(patterns_match_as_in_openssh);
	run(names_that_mean_git_are_not_written);
	run(links_stay_inside_by_their_text);
	run(a_commit_is_split_from_its_signature);
	run(two_signatures_are_none);
	run(heads_are_read_strictly);
	run(only_the_branch_itself_is_the_branch);
	return done();
}
