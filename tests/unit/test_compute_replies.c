/* Replies of Nova, Neutron and Cinder with one thing wrong: nothing crashes, and what is needed is named. */
#include "check.h"

#include "arena.h"
#include "buf.h"
#include "cinder.h"
#include "error.h"
#include "json.h"
#include "neutron.h"
#include "node.h"
#include "nova.h"
#include "spoil.h"
#include "zones.h"

static int server(const struct node *n, struct arena *a, struct error *e)
{
	struct nova_server s = {};
	int r = nova_server_read(n, a, &s, e);

	if (r == 0)
		check(s.id && s.name && s.status && !strpbrk(s.id, "/?#%"));
	for (size_t i = 0; r == 0 && i < s.n_addresses; i++)
		check(s.addresses[i].text != NULL);
	for (size_t i = 0; r == 0 && s.volumes[i]; i++)
		check(!strpbrk(s.volumes[i], "/?#%"));
	return r;
}

static int flavor(const struct node *n, struct arena *a, struct error *e)
{
	struct nova_flavor f = {};

	return nova_flavor_read(n, a, &f, e);
}

static int limits(const struct node *n, struct arena *a, struct error *e)
{
	struct nova_limits l = {};

	return nova_limits_read(n, a, &l, e);
}

static int key(const struct node *n, struct arena *a, struct error *e)
{
	struct nova_key k = {};

	return nova_key_read(n, a, &k, e);
}

static int network(const struct node *n, struct arena *a, struct error *e)
{
	struct neutron_network w = {};

	return neutron_network_read(n, a, &w, e);
}

static int group(const struct node *n, struct arena *a, struct error *e)
{
	struct neutron_group g = {};

	return neutron_group_read(n, a, &g, e);
}

static int quota(const struct node *n, struct arena *a, struct error *e)
{
	struct neutron_limits l = {};

	return neutron_limits_read(n, a, &l, e);
}

static int volume(const struct node *n, struct arena *a, struct error *e)
{
	struct cinder_volume v = {};
	int r = cinder_volume_read(n, a, &v, e);

	if (r == 0)
		check(v.id && v.status && !strpbrk(v.id, "/?#%"));
	return r;
}

static int zones(const struct node *n, struct arena *a, struct error *e)
{
	const char **v;

	return zones_read(n, a, &v, e);
}

static int volume_limits(const struct node *n, struct arena *a, struct error *e)
{
	struct cinder_limits l = {};

	return cinder_limits_read(n, a, &l, e);
}

static const struct {
	const char *good;
	int (*read)(const struct node *n, struct arena *a, struct error *e);
	const char *needed; /* members whose absence is an error; "" separates */
} replies[] = {
	{ "{\"id\":\"s-1\",\"name\":\"web\",\"status\":\"ACTIVE\",\"created\":\"2026-11-29T11:00:00Z\","
	  "\"OS-EXT-STS:task_state\":null,\"key_name\":\"k\",\"metadata\":{\"kbuild:name\":\"web\"},"
	  "\"image\":\"\",\"flavor\":{\"original_name\":\"d2-2\",\"vcpus\":1,\"ram\":2048,"
	  "\"disk\":25},\"addresses\":{\"Ext-Net\":[{\"addr\":\"203.0.113.7\",\"version\":4,"
	  "\"OS-EXT-IPS:type\":\"fixed\"}]},\"fault\":{\"message\":\"x\"},"
	  "\"os-extended-volumes:volumes_attached\":[{\"id\":\"v-1\"}]}",
		server, " id name status addr version " },
	{ "{\"id\":\"s-1\",\"name\":\"web\",\"status\":\"BUILD\",\"image\":{\"id\":\"img\"}}",
		server, " name status " },
	{ "{\"id\":\"f\",\"name\":\"d2-2\",\"vcpus\":1,\"ram\":2048,\"disk\":25}", flavor,
		" id name vcpus ram disk " },
	{ "{\"limits\":{\"absolute\":{\"maxTotalInstances\":10,\"totalInstancesUsed\":1}}}", limits,
		" limits absolute " },
	{ "{\"keypair\":{\"name\":\"k\",\"public_key\":\"ssh-ed25519 AAAA k\"}}", key,
		" keypair name public_key " },
	{ "{\"id\":\"net\",\"name\":\"Ext-Net\",\"status\":\"ACTIVE\",\"router:external\":true,"
	  "\"port_security_enabled\":true,\"shared\":false}",
		network, " id " },
	{ "{\"id\":\"g\",\"name\":\"kbuild-web\",\"description\":\"d\",\"security_group_rules\":[{"
	  "\"id\":\"r\",\"direction\":\"ingress\",\"ethertype\":\"IPv4\",\"protocol\":\"tcp\","
	  "\"remote_ip_prefix\":null,\"port_range_min\":22,\"port_range_max\":22}]}",
		group, " id name direction " },
	{ "{\"quota\":{\"security_group\":{\"limit\":10,\"used\":1},\"port\":{\"limit\":10,\"used\":1}}}",
		quota, " " },
	{ "{\"id\":\"v\",\"status\":\"available\",\"size\":20,\"name\":\"kbuild-web\","
	  "\"created_at\":\"2026-11-29T11:00:00.000000\",\"metadata\":{\"kbuild:server\":\"web\"},"
	  "\"attachments\":[{\"server_id\":\"s-1\"}]}",
		volume, " id status size " },
	{ "{\"limits\":{\"absolute\":{\"maxTotalVolumes\":10,\"totalVolumesUsed\":1}}}",
		volume_limits, " limits absolute " },
	{ "{\"availabilityZoneInfo\":[{\"zoneName\":\"a\",\"zoneState\":{\"available\":true},\"hosts\":null}]}",
		zones, " availabilityZoneInfo zoneName " },
};

static bool is_needed(const char *list, const char *name)
{
	char word[80];

	snprintf(word, sizeof word, " %s ", name);
	return *name && strstr(list, word);
}

/* True while there is such a member. */
static bool try_one(size_t row, size_t n, enum wrong wrong, unsigned *failed)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *good = replies[row].good, *name = NULL;
	struct node *root = NULL, *again = NULL;
	struct error e = {};
	_buf_ text = BUF_INIT;
	int r;

	check_int(json_parse(&root, a, "", good, strlen(good), &e), 0);
	if (!spoil(root, n, wrong, a, &name))
		return false;
	/* As it comes over the wire. */
	node_write_json(root, 0, &text);
	check_int(json_parse(&again, a, "", buf_str(&text), text.len, &e), 0);
	r = replies[row].read(again, a, &e);
	*failed += r < 0;
	if (r == 0 && (wrong == MISSING || wrong == NOTHING) &&
		is_needed(replies[row].needed, name))
		check_fail("row %zu: '%s' may be missing", row, name);
	if (r == 0)
		return true;
	if (r != -ERR_NETWORK || e.transient || strpbrk(e.msg, "\033\r\n"))
		check_fail("row %zu, %s wrong in way %d: %d '%s'", row, name, (int)wrong, r, e.msg);
	/* The member, or what it is in. */
	if (*name && !strstr(e.msg, name) && wrong != STRANGER && wrong != MAP)
		check_fail("row %zu: '%s' is wrong, and this is said: %s", row, name, e.msg);
	return true;
}

static void one_thing_wrong_is_named(void)
{
	unsigned failed = 0, tried = 0;

	for (size_t row = 0; row < ARRAY_SIZE(replies); row++) {
		for (size_t n = 0;; n++) {
			int wrong = 0;

			while (wrong < WRONGS && try_one(row, n, (enum wrong)wrong, &failed))
				wrong++;
			tried += (unsigned)wrong;
			if (wrong == 0)
				break;
			check_int(wrong, WRONGS);
		}
	}
	printf("# %u answers spoiled, %u refused\n", tried, failed);
	check(failed > tried / 4);
}

/* Ids become parts of paths. */
static void an_id_is_no_path(void)
{
	static const char *const ids[] = { "", "../x", "a/b", "a?b", "a b", "a%2f", ".." };

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct nova_server s = {};
		struct cinder_volume v = {};
		struct neutron_group g = {};
		struct node *n = NULL;
		struct error e = {};
		char text[200];

		snprintf(text, sizeof text,
			"{\"id\":\"%s\",\"name\":\"x\",\"status\":\"x\",\"size\":1}", ids[i]);
		check_int(json_parse(&n, a, "", text, strlen(text), &e), 0);
		check(nova_server_read(n, a, &s, &e) < 0);
		check(strstr(e.msg, "server.id") != NULL);
		check(cinder_volume_read(n, a, &v, &e) < 0);
		check(neutron_group_read(n, a, &g, &e) < 0);
	}
}

/* Metadata is anybody's of the project; a name becomes a path, a login a word of ssh. */
static void odd_metadata_is_not_ours(void)
{
	static const struct {
		const char *name, *user;
		bool ours, login;
	} rows[] = {
		{ "web", "debian", true, true },
		{ "web", "_apt.x-1", true, true },
		{ "web", "-oProxyCommand=id;#", true, false },
		{ "web", "a b", true, false },
		{ "web", "", true, false },
		{ "../../etc", "debian", false, true },
		{ "-web", "1x", false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct nova_server s = {};
		struct cinder_volume v = {};
		struct node *n = NULL;
		struct error e = {};
		char text[400];

		snprintf(text, sizeof text,
			"{\"id\":\"s\",\"name\":\"x\",\"status\":\"x\",\"size\":1,\"metadata\":{\"kbuild:name\":\"%s\","
			"\"kbuild:user\":\"%s\",\"kbuild:server\":\"%s\"}}",
			rows[i].name, rows[i].user, rows[i].name);
		check_int(json_parse(&n, a, "", text, strlen(text), &e), 0);
		check_int(nova_server_read(n, a, &s, &e), 0);
		check(!s.tag_name == !rows[i].ours && !s.tag_user == !rows[i].login);
		check_int(cinder_volume_read(n, a, &v, &e), 0);
		check(!v.server == !rows[i].ours);
	}
}

int main(void)
{
	run(one_thing_wrong_is_named);
	run(an_id_is_no_path);
	run(odd_metadata_is_not_ours);
	return done();
}
