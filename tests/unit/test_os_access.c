/* How to sign in to OpenStack: whole or not, out of clouds.yaml and its neighbours, out of OS_*. */
#include "os.h"

#include "alloc.h"
#include "arena.h"
#include "check.h"
#include "error.h"
#include "mark.h"
#include "os_clouds.h"
#include "tmpdir.h"
#include "yaml_tree.h"

#define URL	.auth_url = "https://keystone/v3"
#define PROJECT .project_id = "p"

static void what_is_missing_is_named(void)
{
	static const struct {
		struct os_access k;
		const char *message; /* NULL: it is whole */
	} cases[] = {
		{ { 0 }, "there is nothing to sign in with" },
		{ { URL, .user_name = "u", .password = "p", PROJECT }, NULL },
		{ { URL, .user_id = "u", .password = "p", .project_name = "p" }, NULL },
		{ { .user_name = "u", .password = "p" },
			"to sign in by password, this is missing: auth_url, project_id (or "
			"project_name)" },
		{ { URL, .password = "p", PROJECT }, "this is missing: username (or user_id)" },
		{ { URL, .user_name = "u", .password = "", PROJECT }, "this is missing: password" },
		{ { URL, .credential_id = "i", .credential_secret = "s" }, NULL },
		{ { URL, .credential_id = "i" }, "this is missing: application_credential_secret" },
		{ { URL, .credential_secret = "s" },
			"by application credential, this is missing: application_credential_id" },
		{ { URL, .credential_name = "n", .credential_secret = "s" },
			"this is missing: username (or user_id)" },
		{ { URL, .credential_name = "n", .credential_secret = "s", .user_name = "u" },
			NULL },
		{ { URL, .token = "t" }, "by token, this is missing: project_id" },
		{ { URL, .token = "t", PROJECT }, NULL },
		{ { URL, .oidc_client = "c", .oidc_secret = "s", PROJECT },
			"by client credentials, this is missing: identity_provider, protocol, "
			"discovery_endpoint" },
		{ { URL, .oidc_client = "c", .oidc_secret = "s", .oidc_provider = "p",
			  .oidc_protocol = "openid", .oidc_discovery = "https://d/", PROJECT },
			NULL },
		{ { URL, .oidc_client = "c", .oidc_secret = "s", .oidc_provider = "p",
			  .oidc_protocol = "openid", .oidc_discovery = "http://d/", PROJECT },
			"'discovery_endpoint' is http://d/: secrets would go to another machine" },
		{ { URL, .user_name = "u", .password = "p", .credential_id = "i", PROJECT },
			"two ways to sign in are given" },
		{ { URL, .token = "t", .password = "p", PROJECT }, "two ways" },
		{ { .auth_url = "http://127.0.0.1:5000", .token = "t", PROJECT }, NULL },
		{ { .auth_url = "http://127.0.0.1.evil:5000", .token = "t", PROJECT },
			"in the clear; use https://" },
		{ { .auth_url = "keystone:5000", .token = "t", PROJECT },
			"'auth_url' must be an https:// URL, not 'keystone:5000'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e = {};
		int r = os_access_check(&cases[i].k, &e);

		if (r != (cases[i].message ? -ERR_INVALID : 0))
			check_fail("case %zu: %d %s", i, r, e.msg);
		if (cases[i].message && !strstr(e.msg, cases[i].message))
			check_fail("'%s' is not about '%s'", e.msg, cases[i].message);
	}
}

/* Members of what was read, as one text: those that are given. */
static const char *show(const struct os_access *k, struct arena *a)
{
	const struct {
		const char *name, *value;
	} members[] = { { "url", k->auth_url }, { "region", k->region },
		{ "interface", k->interface }, { "cacert", k->cacert }, { "uid", k->user_id },
		{ "user", k->user_name }, { "udid", k->user_domain_id },
		{ "udom", k->user_domain_name }, { "pass", k->password },
		{ "cid", k->credential_id }, { "cname", k->credential_name },
		{ "csec", k->credential_secret }, { "token", k->token },
		{ "idp", k->oidc_provider }, { "proto", k->oidc_protocol },
		{ "disc", k->oidc_discovery }, { "client", k->oidc_client },
		{ "osec", k->oidc_secret }, { "scope", k->oidc_scope }, { "kind", k->oidc_token },
		{ "pid", k->project_id }, { "pname", k->project_name },
		{ "pdid", k->project_domain_id }, { "pdom", k->project_domain_name } };
	const char *text = "";

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (members[i].value)
			text = arena_printf(a, "%s%s%s=%s", text, *text ? " " : "", members[i].name,
				members[i].value);
	return text;
}

struct reading {
	struct arena *arena;
	struct diags diags;
	struct os_access k;
	struct error e;
};

static void reading_end(struct reading *r)
{
	diags_free(&r->diags);
	arena_free(r->arena);
}

static struct node *document(struct reading *r, const char *name, const char *text)
{
	struct node *root = NULL;

	if (text && yaml_parse(&root, r->arena, name, text, strlen(text), &r->diags, &r->e) < 0)
		check_fail("%s", r->e.msg);
	return root;
}

static int read_entry(struct reading *r, const char *clouds, const char *secure,
	const char *profiles, const char *name)
{
	struct os_clouds from = { .path = "clouds.yaml" };

	r->arena = arena_new();
	from.clouds = document(r, "clouds.yaml", clouds);
	from.secure = document(r, "secure.yaml", secure);
	from.profiles = document(r, "clouds-public.yaml", profiles);
	return os_clouds_entry(&r->k, &from, name, r->arena, &r->diags, &r->e);
}

static void entries_are_read_as_the_official_clients_read_them(void)
{
	static const struct {
		const char *clouds, *secure, *profiles, *name, *want;
	} cases[] = {
		{ "clouds:\n  a:\n    auth:\n      auth_url: https://k/v3\n      username: u\n"
		  "      password: 0123\n      project_name: p\n      user_domain_name: Default\n"
		  "    region_name: GRA11\n    interface: publicURL\n    cacert: /ca.pem\n",
			NULL, NULL, NULL,
			"url=https://k/v3 region=GRA11 interface=public cacert=/ca.pem user=u "
			"udom=Default pass=0123 pname=p" },
		{ "clouds: {a: {auth: {auth_url: u, username: x, tenant_id: t}, regions: [R1, R2]},"
		  " b: {auth: {}}}",
			"clouds: {a: {auth: {password: secret}}, b: {auth: {password: other}}}",
			NULL, "a", "url=u region=R1 user=x pass=secret pid=t" },
		{ "clouds: {a: {profile: mine, auth: {username: x}, regions: [{name: R3}]}}", NULL,
			"public-clouds: {mine: {auth: {auth_url: there}, interface: internal}}",
			NULL, "url=there region=R3 interface=internal user=x" },
		{ "clouds: {a: {profile: ovh, auth: {username: x}, region_name: null}}", NULL, NULL,
			NULL, "url=https://auth.cloud.ovh.net/v3 user=x" },
		/* What others than we have use for. */
		{ "clouds: {a: {auth: {auth_url: u, domain_id: d, passcode: 12}, "
		  "identity_api_version: 3, dns_interface: internal, networks: [], verify: true, "
		  "insecure: no, volume_api_version: '3', image_endpoint_override: x}}",
			NULL, NULL, NULL, "url=u" },
		{ "clouds: {a: {auth: {auth_url: u, username: x, default_domain: dd}}}", NULL, NULL,
			NULL, "url=u user=x udid=dd pdid=dd" },
		/* auth_type says which members count. */
		{ "clouds: {a: {auth_type: v3applicationcredential, auth: {auth_url: u, username: x,"
		  " password: y, application_credential_id: i, application_credential_secret: s}}}",
			NULL, NULL, NULL, "url=u user=x cid=i csec=s" },
		{ "clouds: {a: {auth_type: v3token, auth: {auth_url: u, token: t, password: y}}}",
			NULL, NULL, NULL, "url=u token=t" },
		{ "clouds: {a: {auth_type: password, auth: {auth_url: u, token: t, password: y}}}",
			NULL, NULL, NULL, "url=u pass=y" },
		{ "clouds: {a: {auth_type: v3oidcclientcredentials, auth: {auth_url: u, protocol: "
		  "openid, identity_provider: i, client_id: c, client_secret: s, openid_scope: "
		  "'a b', discovery_endpoint: d, access_token_type: id_token, project_id: p}}}",
			NULL, NULL, NULL,
			"url=u idp=i proto=openid disc=d client=c osec=s scope=a b kind=id_token "
			"pid=p" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(reading_end) struct reading r = { 0 };

		if (read_entry(&r, cases[i].clouds, cases[i].secure, cases[i].profiles,
			    cases[i].name) < 0)
			check_fail("case %zu: %s", i, r.e.msg);
		check_str(show(&r.k, r.arena), cases[i].want);
	}
}

static const struct {
	const char *clouds, *secure, *name, *message;
} wrong_entries[] = {
	{ "a: b", NULL, NULL,
		"clouds.yaml: 'clouds' must be a map of clouds by name, not missing" },
	{ "clouds: []", NULL, NULL,
		"clouds.yaml: 'clouds' must be a map of clouds by name, not a list" },
	{ "clouds: {}", NULL, NULL,
		"clouds.yaml: 'clouds' must be a map of clouds by name, not a map" },
	{ "clouds: {ovh: {}, other: {}}", NULL, NULL,
		"clouds.yaml has several clouds: choose one by OS_CLOUD; there are: ovh, other" },
	{ "clouds: {ovh: {}, other: {}}", NULL, "oth",
		"clouds.yaml: there is no cloud 'oth'; there are: ovh, other" },
	{ "clouds: {ovh: {}, other: {}}", NULL, "othre",
		"clouds.yaml: there is no cloud 'othre'; there are: ovh, other; did you mean "
		"'other'?" },
	{ "clouds:\n  a:\n    region_name: x\n", NULL, NULL,
		"clouds.yaml:3:5: 'clouds.a.auth' is missing" },
	{ "clouds:\n  a: 17\n", NULL, NULL,
		"clouds.yaml:2:6: 'clouds.a' must be a map, not a number" },
	{ "clouds:\n  a:\n    auth: none\n", NULL, NULL,
		"clouds.yaml:3:11: 'clouds.a.auth' must be a map, not text" },
	{ "clouds:\n  a:\n    auth:\n      usernam: x\n", NULL, NULL,
		"clouds.yaml:4:7: unknown key 'usernam' in 'clouds.a.auth' (did you mean "
		"'username'?)" },
	{ "clouds:\n  a:\n    auth: {}\n    regoin_name: x\n", NULL, NULL,
		"clouds.yaml:4:5: unknown key 'regoin_name' in 'clouds.a' (did you mean "
		"'region_name'?)" },
	{ "clouds:\n  a:\n    auth: {}\n    auth_type: v3passwort\n", NULL, NULL,
		"clouds.yaml:4:16: 'clouds.a.auth_type' must be v3password, password, "
		"v3applicationcredential, v3token, token or v3oidcclientcredentials, not "
		"'v3passwort' (did you mean 'v3password'?)" },
	{ "clouds: {a: {auth: {}, auth_type: v3totp}}", NULL, NULL, "not 'v3totp'" },
	{ "clouds:\n  a:\n    auth: {}\n", "clouds:\n  a:\n    auth:\n      password: [x]\n", NULL,
		"secure.yaml:4:17: 'clouds.a.auth.password' must be text, not a list" },
	{ "clouds: {a: {auth: {}, verify: false}}", NULL, NULL,
		"clouds.yaml:1:32: 'clouds.a.verify' is not supported: certificates are always "
		"checked (name the file of the authority's certificate as 'cacert')" },
	{ "clouds: {a: {auth: {}, insecure: yes}}", NULL, NULL, "certificates are always checked" },
	{ "clouds: {a: {auth: {}, cert: x.pem}}", NULL, NULL, "'clouds.a.cert' is not supported" },
	{ "clouds: {a: {auth: {}, profile: nowhere}}", NULL, NULL,
		"clouds.yaml:1:33: there is no profile 'nowhere'" },
	{ "clouds: {a: {auth: {}, interface: private}}", NULL, NULL,
		"clouds.yaml: a: 'interface' must be public, internal or admin, not 'private'" },
	{ "clouds: {a: {auth: {usrname: x, passwrd: y}}}", NULL, NULL, "; and 1 more" },
};

static void wrong_entries_are_named_with_their_place(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong_entries); i++) {
		_cleanup_(reading_end) struct reading r = { 0 };

		check_int(read_entry(&r, wrong_entries[i].clouds, wrong_entries[i].secure, NULL,
				  wrong_entries[i].name),
			-ERR_INVALID);
		if (!strstr(r.e.msg, wrong_entries[i].message))
			check_fail("'%s' is not\n# '%s'", r.e.msg, wrong_entries[i].message);
	}
}

/* All variables that are read, so that none of the caller's is. */
static void clear_environment(void)
{
	static const char *const names[] = { "OS_CLOUD", "OS_CLIENT_CONFIG_FILE",
		"OS_CLIENT_SECURE_FILE", "OS_CLIENT_VENDOR_FILE", "OS_AUTH_URL", "OS_USERNAME",
		"OS_PASSWORD", "OS_PROJECT_ID", "OS_PROJECT_NAME", "OS_TENANT_ID", "OS_TENANT_NAME",
		"OS_USER_DOMAIN_NAME", "OS_PROJECT_DOMAIN_NAME", "OS_REGION_NAME", "OS_AUTH_TYPE",
		"OS_INTERFACE", "OS_CACERT", "OS_APPLICATION_CREDENTIAL_ID",
		"OS_APPLICATION_CREDENTIAL_SECRET", "OS_TOKEN", "XDG_CONFIG_HOME",
		"XDG_CONFIG_DIRS" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unsetenv(names[i]);
	setenv("HOME", tmp_name("home"), 1);
}

static void an_openrc_is_enough(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct os_access k;
	struct error e = {};

	clear_environment();
	setenv("OS_AUTH_URL", "https://auth.cloud.ovh.net/", 1);
	setenv("OS_USERNAME", "user-x", 1);
	setenv("OS_PASSWORD", "secret", 1);
	setenv("OS_TENANT_ID", "abc", 1);
	setenv("OS_TENANT_NAME", "123", 1);
	setenv("OS_USER_DOMAIN_NAME", "Default", 1);
	setenv("OS_REGION_NAME", "GRA11", 1);
	setenv("OS_AUTH_TYPE", "", 1);
	check_int(os_access_read(&k, NULL, NULL, a, &e), 0);
	check_str(show(&k, a),
		"url=https://auth.cloud.ovh.net/ region=GRA11 user=user-x "
		"udom=Default pass=secret pid=abc pname=123");
	check_str(k.from, "OS_*");
	check_int(os_access_read(&k, NULL, "SBG5", a, &e), 0);
	check_str(k.region, "SBG5");
	setenv("OS_AUTH_TYPE", "v3kerberos", 1);
	check_int(os_access_read(&k, NULL, NULL, a, &e), -ERR_INVALID);
	check(strstr(e.msg, "OS_AUTH_TYPE must be v3password") && strstr(e.msg, "'v3kerberos'"));
	setenv("OS_AUTH_TYPE", "v3applicationcredential", 1);
	check_int(os_access_read(&k, NULL, NULL, a, &e), -ERR_INVALID);
	check(strstr(e.msg, "OS_*: ") && !strstr(e.msg, "secret\""));
}

static void put_file(const char *name, const char *text)
{
	check_int(file_replace(tmp_fd(), name, text, strlen(text), 0600), 0);
}

static void files_are_looked_for_in_order(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct os_access k;
	struct error e = {};

	clear_environment();
	check_int(chdir(tmp_name("")), 0);
	check_int(os_access_read(&k, NULL, NULL, a, &e), -ERR_FAILED);
	check(strstr(e.msg, "neither OS_AUTH_URL is set, nor is there a clouds.yaml"));
	check(strstr(e.msg,
		"home/.config/openstack/clouds.yaml, /etc/xdg/openstack/clouds.yaml, /etc/openstack/clouds.yaml"));
	setenv("OS_CLOUD", "gra", 1);
	check_int(os_access_read(&k, NULL, NULL, a, &e), -ERR_FAILED);
	check(strstr(e.msg, "there is no clouds.yaml with the cloud 'gra'"));

	check_int(mkdir_all(tmp_fd(), "home/.config/openstack", 0700), 0);
	put_file("home/.config/openstack/clouds.yaml",
		"clouds: {gra: {auth: {auth_url: 'https://home', username: u, project_id: p}}}");
	check_int(os_access_read(&k, NULL, NULL, a, &e), -ERR_INVALID);
	check(strstr(e.msg,
		"home/.config/openstack/clouds.yaml: gra: to sign in by password, this is "
		"missing: password"));
	put_file("home/.config/openstack/secure.yaml", "clouds: {gra: {auth: {password: w}}}");
	check_int(os_access_read(&k, NULL, NULL, a, &e), 0);
	check_str(show(&k, a), "url=https://home user=u pass=w pid=p");

	put_file("clouds.yml",
		"clouds: {gra: {auth: {auth_url: 'https://here', token: t, "
		"project_id: p}, region_name: R}}");
	check_int(
		os_access_read(&k, NULL, NULL, a, &e), -ERR_INVALID); /* w of the secure file too */
	put_file("secure.yaml", "clouds: {gra: {auth: {token: better}}}");
	check_int(os_access_read(&k, NULL, NULL, a, &e), 0);
	check_str(show(&k, a), "url=https://here region=R token=better pid=p");
	setenv("OS_REGION_NAME", "S", 1);
	check_int(os_access_read(&k, NULL, NULL, a, &e), 0);
	check_str(k.region, "S");

	setenv("OS_CLIENT_CONFIG_FILE", tmp_name("bad.yaml"), 1);
	put_file("bad.yaml", "clouds:\n  a: [\n");
	check_int(os_access_read(&k, NULL, NULL, a, &e), -ERR_INVALID);
	check(strstr(e.msg, "bad.yaml:3:1: "));
	put_file("bad.yaml", "clouds: &x {a: *x}");
	check_int(os_access_read(&k, NULL, NULL, a, &e), -ERR_INVALID);
	/* The argument is stronger than the variable. */
	unsetenv("OS_CLIENT_CONFIG_FILE");
	check_int(os_access_read(&k, "sbg", NULL, a, &e), -ERR_INVALID);
	check(strstr(e.msg, "there is no cloud 'sbg'"));
	clear_environment();
}

int main(void)
{
	run(what_is_missing_is_named);
	run(entries_are_read_as_the_official_clients_read_them);
	run(wrong_entries_are_named_with_their_place);
	run(an_openrc_is_enough);
	run(files_are_looked_for_in_order);
	return done();
}
