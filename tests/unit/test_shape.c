/* The forms of texts: for each, what fits and what does not. */
#include "check.h"
#include "shape.h"

struct row {
	const struct shape *shape;
	const char *good[6], *bad[10];
};

static const struct row rows[] = {
	{ &shape_age, { "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p" },
		{ "age1short", "ssh-ed25519 AAAA me", "",
			"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8q" } },
	{ &shape_cidr,
		{ "10.0.0.1", "10.0.0.0/8", "::1", "fd00::/8", "0.0.0.0/0", "::ffff:1.2.3.4" },
		{ "", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "x",
			"1.2.3.4/8/8", "256.0.0.1", "10.0.0.0/ 8" } },
	{ &shape_clock, { "00:00", "02:00", "23:59" },
		{ "24:00", "2:00", "02:60", "02:00:00", "" } },
	{ &shape_date, { "2030-12-31", "2024-02-29" },
		{ "2030-13-01", "2030-00-01", "2030-01-32", "30-01-01", "2030-02-30", "" } },
	{ &shape_dns_name, { "example.com", "a.b-c.example" },
		{ "com", ".com", "a..b", "-a.com", "" } },
	{ &shape_fingerprint,
		{ "F6ECB3762474EDA9D21B7022871920D1991BC93C",
			"F6EC B376 2474 EDA9 D21B  7022 8719 20D1 991B C93C" },
		{ "991BC93C", "F6ECB3762474EDA9D21B7022871920D1991BC93G", "" } },
	{ &shape_git_url,
		{ "https://github.com/gilmry/koprogo.git", "git@github.com:gilmry/koprogo.git",
			"ssh://git@host:2222/x.git", "https://host:8443/x" },
		{ "github.com/a/b", "http://host/x", "file:///x", "https://user:pw@host/x",
			"https://host", "https://host/a b", "/srv/git", "" } },
	{ &shape_group, { "docker", "_x", "a-b" }, { "Docker", "1a", "a b", "" } },
	{ &shape_host, { "web", "a.example.com", "10.0.0.1", "::1" },
		{ "-a", "a_b", "a b", "a..b", "" } },
	{ &shape_http_url, { "https://a.example/x?y=1", "http://10.0.0.1:8080", "https://[::1]/" },
		{ "a.example", "ftp://a", "https://", "https://a b", "https://a:x/", "" } },
	{ &shape_line, { "any text", "\xc3\xa9" }, { "two\nlines", "tab\t", "" } },
	{ &shape_locale,
		{ "C", "C.UTF-8", "en_US.UTF-8", "de_DE@euro", "POSIX", "nl_BE.ISO-8859-1" },
		{ "english", "en_us.UTF-8", "en_US.UTF-8 x", "" } },
	{ &shape_mail, { "admin@example.com", "a+b@localhost" },
		{ "admin", "a b@c", "a@b@c", "@c", "" } },
	{ &shape_name, { "a", "demo", "web-1", "123456789012345678901234567890123456789012345678" },
		{ "Web", "-a", "a-", "a_b", "1234567890123456789012345678901234567890123456789",
			"" } },
	{ &shape_octal, { "0644", "644", "0o644", "01777" },
		{ "0844", "rw-r--r--", "06444444", "64", "" } },
	{ &shape_owner, { "root", "root:root", "www-data:adm", "1000:1000" },
		{ "a:b:c", ":b", "a:", "a b", "" } },
	{ &shape_package, { "htop", "g++", "libc6:amd64", "ncdu=1.18-0.2", "x11-common=1:7.7+23" },
		{ "a", "Htop", "htop/sid", "a b", "htop=", "task^", "" } },
	{ &shape_path, { "/", "/etc/x", "/a/..b/c" },
		{ "etc", "/etc/../x", "/etc/..", "/a//b", "/./a", "/a/.", "/a\n", "" } },
	{ &shape_port, { "22/tcp", "8000:8010/udp", "65535/tcp", "1/tcp", "5:5/tcp" },
		{ "22", "0/tcp", "65536/tcp", "99999/tcp", "9:8/tcp", "22/sctp", "ssh/tcp",
			"1:2:3/tcp", "22/tcp ", "" } },
	{ &shape_record, { "@", "www", "*", "*.apps", "_acme-challenge", "a.b" },
		{ "a b", "-a", "a.", "**", "a.*", "" } },
	{ &shape_relative, { "docker-compose.yml", "a/b", ".env" },
		{ "/a", "../a", "a/../b", "..", "a//b", "" } },
	{ &shape_s3_bucket, { "backups", "a.b-c" }, { "A", "ab", "-ab", "" } },
	{ &shape_url, { "https://x", "http://proxy:3128/", "file:///x" }, { "none", "x y", "" } },
	{ &shape_user, { "kara", "_apt", "a-b_c" }, { "Root", "1a", "a.b", "123456789", "" } },
	{ &shape_variable, { "DATABASE_URL", "_x", "a1" }, { "1a", "a-b", "a b", "" } },
	{ &shape_version, { "1.18-0.2", "1:7.7+23~deb13u1" }, { "v1", "1 2", "" } },
	{ &shape_word, { "GRA11", "d2-2", "a.b" }, { "-a", "a b", "a/b", "" } },
	{ &shape_zone, { "UTC", "Europe/Brussels", "America/Argentina/Buenos_Aires", "Etc/GMT+1" },
		{ "Europe/../x", "/etc/passwd", "Europe/", "a b", "" } },
};

static void each_form_fits_what_it_should(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t k = 0; k < 6 && rows[i].good[k]; k++) {
			if (!shape_fits(rows[i].shape, rows[i].good[k]))
				check_fail("'%s' is no %s", rows[i].good[k], rows[i].shape->wanted);
		}
		for (size_t k = 0; k < 10 && rows[i].bad[k]; k++) {
			if (shape_fits(rows[i].shape, rows[i].bad[k]))
				check_fail("'%s' is %s", rows[i].bad[k], rows[i].shape->wanted);
		}
	}
}

static void nothing_long_is_matched(void)
{
	char *text = malloc(1 << 20);

	memset(text, 'a', (1 << 20) - 1);
	text[(1 << 20) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check(!shape_fits(rows[i].shape, text));
	free(text);
}

int main(void)
{
	run(each_form_fits_what_it_should);
	run(nothing_long_is_matched);
	return done();
}
