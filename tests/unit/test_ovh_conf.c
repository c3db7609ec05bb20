/* ovh.conf: what other clients' files say, in which order, and what is wrong with the rest. */
#include "ovh_conf.h"

#include "arena.h"
#include "buf.h"
#include "check.h"
#include "error.h"
#include "ini.h"
#include "tmpdir.h"

static const char *const variables[] = { "OVH_ENDPOINT", "OVH_APPLICATION_KEY",
	"OVH_APPLICATION_SECRET", "OVH_CONSUMER_KEY", "OVH_CLIENT_ID", "OVH_CLIENT_SECRET",
	"OVH_ACCESS_TOKEN", "OVH_TOKEN_URL", "OVH_OPENSTACK_AUTH_URL", "OVH_CLOUD_PROJECT_SERVICE",
	"OVH_SUBSIDIARY" };

/* One run's world: three files, first wins. */
struct world {
	struct arena *a;
	const char *files[3];
	struct ovh_conf conf;
	struct error e;
};

static void world_end(struct world *w)
{
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		unsetenv(variables[i]);
	for (size_t i = 0; i < 3 && w->files[i]; i++)
		unlink(w->files[i]);
	arena_free(w->a);
}

static void world_begin(struct world *w, const char *local, const char *home, const char *system)
{
	const char *const texts[] = { local, home, system };
	static const char *const names[] = { "ovh.conf", ".ovh.conf", "etc-ovh.conf" };

	w->a = arena_new();
	for (size_t i = 0; i < 3; i++) {
		w->files[i] = arena_strdup(w->a, tmp_name(names[i]));
		unlink(w->files[i]);
		if (texts[i])
			check_int(file_replace(
					  AT_FDCWD, w->files[i], texts[i], strlen(texts[i]), 0600),
				0);
	}
}

static int world_read(struct world *w, const char *endpoint, const char *project)
{
	const struct ovh_conf_ask ask = { endpoint, project, w->files };

	w->e = (struct error){};
	return ovh_conf_read(&w->conf, &ask, w->a, &w->e);
}

static void every_form_of_line_is_read(void)
{
	static const char text[] =
		"\xef\xbb\xbf"
		"early=1\r\n"
		"; a comment\n# another\n\n"
		"[default]\n"
		"endpoint = ovh-eu ; the one\n"
		"[ https://h:1/1.0 ]\n"
		"Application_Key: \"a;b#c\" # quoted\n"
		"application_secret='x y'\n"
		"consumer_key=http://a/#b;c\n"
		"  client_id  =  spaced  \n"
		"client_secret=\n"
		"access_token= # nothing\n"
		"client_id=later";
	static const struct {
		const char *section, *key, *value;
		unsigned line;
	} wanted[] = {
		{ "", "early", "1", 1 },
		{ "default", "endpoint", "ovh-eu", 6 },
		{ "https://h:1/1.0", "application_key", "a;b#c", 8 },
		{ "https://h:1/1.0", "application_secret", "x y", 9 },
		{ "https://h:1/1.0", "consumer_key", "http://a/#b;c", 10 },
		{ "https://h:1/1.0", "client_id", "later", 14 },
		{ "https://h:1/1.0", "client_secret", "", 12 },
		{ "https://h:1/1.0", "access_token", "", 13 },
	};
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(ini_free) struct ini i = INI_INIT;
	struct error e = {};

	check_int(ini_add(&i, a, "f", text, sizeof text - 1, &e), 0);
	for (size_t k = 0; k < ARRAY_SIZE(wanted); k++) {
		const struct ini_value *v = ini_get(&i, wanted[k].section, wanted[k].key);

		check(v != NULL);
		check_str(v->value, wanted[k].value);
		check_int(v->line, wanted[k].line);
	}
	check(!ini_get(&i, "default", "client_id"));
}

static void wrong_lines_are_named_and_nothing_of_the_file_counts(void)
{
	static const struct {
		const char *text;
		size_t len;
		const char *message;
	} cases[] = {
		{ "[default]\nendpoint\n", 19,
			"f:2: neither a section '[ovh-eu]' nor 'key = value'" },
		{ "a=1\n[open\n", 10, "f:2: neither a section '[ovh-eu]' nor 'key = value'" },
		{ "=1\n", 3, "f:1: neither a section '[ovh-eu]' nor 'key = value'" },
		{ "a=1\nb=\0\n", 8, "f:2: this is no text file" },
	};
	_cleanup_(arena_freep) struct arena *a = arena_new();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(ini_free) struct ini ini = INI_INIT;
		struct error e = {};

		check_int(ini_add(&ini, a, "f", cases[i].text, cases[i].len, &e), -ERR_INVALID);
		check_str(e.msg, cases[i].message);
		check_int(ini.n, 0);
	}
}

static void setting_a_value_leaves_all_else_as_it_was(void)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{ "", "[s]\nkey=NEW\n" },
		{ "[t]\na=1", "[t]\na=1\n\n[s]\nkey=NEW\n" },
		{ "[s]\n; why\nkey = old ; then\n\n[t]\nkey=2\n",
			"[s]\n; why\nkey = NEW ; then\n\n[t]\nkey=2\n" },
		{ "[s]\r\nKEY=\"old\"\r\nx=1\r\n", "[s]\r\nKEY=\"NEW\"\r\nx=1\r\n" },
		{ "[s]\na=1\n\n; of t\n[t]\nb=2\n", "[s]\na=1\nkey=NEW\n\n; of t\n[t]\nb=2\n" },
		{ "[s]\nkey=1\nkey=2\n", "[s]\nkey=1\nkey=NEW\n" },
		{ "[s]\nkey= # none\n", "[s]\nkey= NEW # none\n" },
		{ "[s]\nkey=# none\n", "[s]\nkey=NEW # none\n" },
		{ "[s]\na=1\n[t]\n[s]\nb=2\n", "[s]\na=1\n[t]\n[s]\nb=2\nkey=NEW\n" },
		{ "[s]", "[s]\nkey=NEW\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		_cleanup_(ini_free) struct ini ini = INI_INIT;
		_buf_ out = BUF_INIT;
		struct error e = {};

		ini_set(cases[i].before, strlen(cases[i].before), "s", "key", "NEW", &out);
		check_str(buf_str(&out), cases[i].after);
		check_int(ini_add(&ini, a, "f", out.data, out.len, &e), 0);
		check_str(ini_get(&ini, "s", "key")->value, "NEW");
	}
}

static void the_nearer_place_wins_value_by_value(void)
{
	_cleanup_(world_end) struct world w = {};

	world_begin(&w, "[ovh-ca]\nconsumer_key=local\n",
		"[default]\nendpoint=ovh-ca\n[ovh-ca]\nconsumer_key=home\napplication_secret=home\n",
		"[default]\nendpoint=ovh-us\n[ovh-ca]\napplication_key=system\n"
		"application_secret=system\nproject=p1\n");
	check_int(world_read(&w, NULL, NULL), 0);
	check_str(w.conf.section, "ovh-ca");
	check_str(w.conf.keys.endpoint, "ovh-ca");
	check_str(w.conf.keys.consumer_key, "local");
	check_str(w.conf.keys.application_secret, "home");
	check_str(w.conf.keys.application_key, "system");
	check_str(w.conf.project, "p1");
	check_int(ovh_conf_check(&w.conf, &w.e), 0);

	setenv("OVH_CONSUMER_KEY", "environment", 1);
	setenv("OVH_APPLICATION_KEY", "", 1); /* empty: as if it were not there */
	setenv("OVH_CLOUD_PROJECT_SERVICE", "p2", 1);
	check_int(world_read(&w, NULL, NULL), 0);
	check_str(w.conf.keys.consumer_key, "environment");
	check_str(w.conf.keys.application_key, "system");
	check_str(w.conf.project, "p2");

	setenv("OVH_ENDPOINT", "ovh-eu", 1);
	check_int(world_read(&w, NULL, "p3"), 0);
	check_str(w.conf.section, "ovh-eu");
	check_str(w.conf.project, "p3");
	check(!w.conf.keys.application_key);
	check_int(world_read(&w, "ovh-ca", NULL), 0);
	check_str(w.conf.keys.application_key, "system");
}

static void an_endpoint_may_be_a_url_and_the_default_is_europe(void)
{
	_cleanup_(world_end) struct world w = {};

	world_begin(&w,
		"[default]\nendpoint=https://h:2/1.0\n[https://h:2/1.0]\nclient_id=i\n"
		"client_secret=s\ntoken_url=https://h:2/token\nopenstack_auth_url=http://h:3/v3\n",
		NULL, NULL);
	check_int(world_read(&w, NULL, NULL), 0);
	check_str(w.conf.keys.client_id, "i");
	check_str(w.conf.keys.token_url, "https://h:2/token");
	check_str(w.conf.openstack_auth_url, "http://h:3/v3");
	check_int(ovh_conf_check(&w.conf, &w.e), 0);
	unlink(w.files[0]);
	check_int(world_read(&w, NULL, NULL), 0);
	check_str(w.conf.section, "ovh-eu");
	check(!w.conf.read[0]);
}

static void the_project_of_ovhs_own_command_counts_too(void)
{
	_cleanup_(world_end) struct world w = {};

	world_begin(&w, "[ovh-cli]\ndefault_cloud_project=theirs\n", NULL, NULL);
	check_int(world_read(&w, NULL, NULL), 0);
	check_str(w.conf.project, "theirs");
}

static void what_does_not_go_together_is_said_with_its_places(void)
{
	static const struct {
		const char *file;
		const char *env, *value;
		const char *says[3];
	} cases[] = {
		{ "[ovh-eu]\napplication_key=k\napplication_secret=s\n", NULL, NULL,
			{ "'consumer_key' is missing", "application_key (", ".conf:2)" } },
		{ "[ovh-eu]\nclient_id=i\n", NULL, NULL,
			{ "'client_secret' is missing", "client_id (", ".conf:2)" } },
		{ "[ovh-eu]\nclient_id=i\nclient_secret=s\n", "OVH_APPLICATION_KEY", "k",
			{ "two ways to sign in", "application_key (OVH_APPLICATION_KEY)",
				"client_secret (" } },
		{ "[ovh-eu]\naccess_token=t\nclient_id=i\n", NULL, NULL,
			{ "two ways to sign in", "access_token (", ".conf:2)" } },
		{ "[ovh-ca]\naccess_token=t\n", NULL, NULL,
			{ "no keys for OVH", "at [ovh-eu]", "kbuild login ovh" } },
		{ "[default]\nendpoint=ovh-fr\n[ovh-fr]\naccess_token=t\n", NULL, NULL,
			{ "unknown endpoint 'ovh-fr'", "", "" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(world_end) struct world w = {};

		world_begin(&w, cases[i].file, NULL, NULL);
		if (cases[i].env)
			setenv(cases[i].env, cases[i].value, 1);
		check_int(world_read(&w, NULL, NULL), 0);
		check_int(ovh_conf_check(&w.conf, &w.e), -ERR_INVALID);
		for (size_t k = 0; k < 3; k++) {
			if (!strstr(w.e.msg, cases[i].says[k]))
				check_fail("'%s' is not in: %s", cases[i].says[k], w.e.msg);
		}
		check(!strstr(w.e.msg, "=t") && !strstr(w.e.msg, "=s"));
	}
}

static void a_file_that_others_may_read_is_noticed_where_it_holds_secrets(void)
{
	_cleanup_(world_end) struct world w = {};

	world_begin(&w, "[default]\nendpoint=ovh-eu\n", "[ovh-eu]\nconsumer_key=c\n",
		"[ovh-eu]\napplication_secret=s\n");
	chmod(w.files[0], 0644); /* no secret in it */
	chmod(w.files[1], 0640);
	check_int(world_read(&w, NULL, NULL), 0);
	check_str(w.conf.open_files[0], w.files[1]);
	check(!w.conf.open_files[1]);
	check_str(w.conf.read[0], w.files[2]);
}

static void wrong_files_are_named_with_their_line(void)
{
	_cleanup_(world_end) struct world w = {};

	world_begin(&w, NULL, "[ovh-eu]\nwhat is this\n", NULL);
	check_int(world_read(&w, NULL, NULL), -ERR_INVALID);
	check(strstr(w.e.msg, ".ovh.conf:2: neither") != NULL);
	unlink(w.files[1]);
	check_int(mkdir(w.files[1], 0700), 0);
	check_int(world_read(&w, NULL, NULL), -ERR_FAILED);
	check(strstr(w.e.msg, "is not a file") != NULL);
	check_int(rmdir(w.files[1]), 0);
}

static void read_back(const char *file, const char *wanted)
{
	_buf_ text = BUF_INIT;
	struct stat st;

	check_int(file_read(AT_FDCWD, file, 4096, &text), 0);
	check_str(buf_str(&text), wanted);
	check_int(stat(file, &st), 0);
	check_int(st.st_mode & 07777, 0600);
}

static void a_new_key_goes_where_the_old_ones_are(void)
{
	_cleanup_(world_end) struct world w = {};
	const char *file;

	world_begin(&w, NULL, "[ovh-eu] ; mine\napplication_key=k\napplication_secret=s\n\n[x]\n",
		NULL);
	chmod(w.files[1], 0644);
	check_int(world_read(&w, NULL, NULL), 0);
	check_int(ovh_conf_store(&w.conf, "consumer_key", "new", w.a, &file, &w.e), 0);
	check_str(file, w.files[1]);
	read_back(file,
		"[ovh-eu] ; mine\napplication_key=k\napplication_secret=s\nconsumer_key=new\n\n[x]\n");
	check_int(world_read(&w, NULL, NULL), 0);
	check_int(ovh_conf_check(&w.conf, &w.e), 0);
}

static void a_key_that_stands_nearer_is_the_one_replaced(void)
{
	_cleanup_(world_end) struct world w = {};
	const char *file;

	world_begin(&w, "[ovh-eu]\nconsumer_key=old\n",
		"[ovh-eu]\napplication_key=k\napplication_secret=s\n", NULL);
	check_int(world_read(&w, NULL, NULL), 0);
	check_int(ovh_conf_store(&w.conf, "consumer_key", "new", w.a, &file, &w.e), 0);
	check_str(file, w.files[0]);
	read_back(file, "[ovh-eu]\nconsumer_key=new\n");
}

static void a_link_stays_a_link(void)
{
	_cleanup_(world_end) struct world w = {};
	const char *target = tmp_name("dotfiles"), *file;
	struct stat st;

	world_begin(&w, NULL, NULL, NULL);
	check_int(file_replace(AT_FDCWD, target, "[ovh-eu]\napplication_key=k\n", 27, 0600), 0);
	check_int(symlink(target, w.files[1]), 0);
	check_int(world_read(&w, NULL, NULL), 0);
	check_int(ovh_conf_store(&w.conf, "consumer_key", "new", w.a, &file, &w.e), 0);
	check_int(lstat(w.files[1], &st), 0);
	check(S_ISLNK(st.st_mode));
	read_back(target, "[ovh-eu]\napplication_key=k\nconsumer_key=new\n");
}

static void without_a_file_one_is_made_at_home(void)
{
	_cleanup_(world_end) struct world w = {};
	const char *file;

	world_begin(&w, NULL, NULL, NULL);
	setenv("HOME", tmp_path, 1);
	setenv("OVH_APPLICATION_KEY", "k", 1);
	setenv("OVH_ENDPOINT", "ovh-ca", 1);
	check_int(world_read(&w, NULL, NULL), 0);
	check_int(ovh_conf_store(&w.conf, "consumer_key", "new", w.a, &file, &w.e), 0);
	check_str(file, w.files[1]);
	read_back(file, "[default]\nendpoint=ovh-ca\n\n[ovh-ca]\nconsumer_key=new\n");
}

int main(void)
{
	run(every_form_of_line_is_read);
	run(wrong_lines_are_named_and_nothing_of_the_file_counts);
	run(setting_a_value_leaves_all_else_as_it_was);
	run(the_nearer_place_wins_value_by_value);
	run(an_endpoint_may_be_a_url_and_the_default_is_europe);
	run(the_project_of_ovhs_own_command_counts_too);
	run(what_does_not_go_together_is_said_with_its_places);
	run(a_file_that_others_may_read_is_noticed_where_it_holds_secrets);
	run(wrong_files_are_named_with_their_line);
	run(a_new_key_goes_where_the_old_ones_are);
	run(a_key_that_stands_nearer_is_the_one_replaced);
	run(a_link_stays_a_link);
	run(without_a_file_one_is_made_at_home);
	return done();
}
