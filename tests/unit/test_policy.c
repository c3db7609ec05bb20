/* What a compose file may ask of the machine: each case is one document and the verdict. */
#include "arena.h"
#include "error.h"
#include "json.h"
#include "node.h"
#include "policy.h"

#include "check.h"

static const char *const ports[] = { "80/tcp", "443", NULL };

static const struct policy strict = { .release = "/release" };
static const struct policy listed = {
	.release = "/release",
	.socket_service = "proxy",
	.ports = ports,
};

/* The verdict's place, key and reason as one text; "" when it may run. Borrowed until the next call. */
static const char *verdict(const struct policy *p, const char *text)
{
	static char said[600];
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct verdict v = { "" };
	struct error e = { 0 };
	struct node *doc;

	if (json_parse(&doc, arena, "test", text, strlen(text), &e) < 0)
		check_fail("%s: %s", text, e.msg);
	if (!policy_check(p, doc, &v))
		return "";
	snprintf(said, sizeof said, "%s.%s: %s", v.where, v.key, v.why);
	return said;
}

/* One service "web" with these members beside its image. */
static const char *service(const struct policy *p, const char *members)
{
	char text[4096];

	snprintf(text, sizeof text, "{\"services\":{\"web\":{\"image\":\"i\"%s%s}}}",
		*members ? "," : "", members);
	return verdict(p, text);
}

static void check_refused(const char *members, const char *key)
{
	const char *said = service(&strict, members);
	char want[100];

	snprintf(want, sizeof want, "services.web.%s", key);
	if (strncmp(said, want, strlen(want)) != 0)
		check_fail("%s: '%s', wanted %s refused", members, said, want);
}

static void what_applications_need_is_allowed(void)
{
	static const char *const good[] = {
		"",
		"\"privileged\":false,\"devices\":[],\"network_mode\":\"\",\"pid\":null",
		"\"cap_drop\":[\"ALL\"],\"cap_add\":[\"NET_BIND_SERVICE\",\"CAP_CHOWN\"]",
		"\"security_opt\":[\"no-new-privileges:true\"],\"read_only\":true",
		"\"network_mode\":\"none\"",
		"\"network_mode\":\"service:db\",\"ipc\":\"shareable\"",
		"\"volumes\":[{\"type\":\"bind\",\"source\":\"/release/conf\",\"target\":\"/etc/c\"}]",
		"\"volumes\":[{\"type\":\"bind\",\"source\":\"/release\",\"target\":\"/c\"}]",
		"\"volumes\":[{\"type\":\"volume\",\"source\":\"data\",\"target\":\"/d\"},"
		"{\"type\":\"tmpfs\",\"target\":\"/tmp\"}]",
		"\"ports\":[{\"target\":80,\"published\":\"80\",\"protocol\":\"tcp\"},"
		"{\"target\":81,\"published\":\"8081\",\"host_ip\":\"127.0.0.1\"}]",
		"\"sysctls\":{\"net.core.somaxconn\":1024}",
		"\"logging\":{\"driver\":\"local\"},\"ulimits\":{\"nofile\":1000}",
		"\"deploy\":{\"replicas\":2,\"resources\":{\"limits\":{\"memory\":\"1\"}}}",
		"\"labels\":{\"traefik.enable\":\"true\"},\"x-note\":{\"privileged\":true}",
		"\"networks\":{\"default\":null,\"back\":{\"aliases\":[\"a\"]}}",
		"\"userns_mode\":\"\",\"healthcheck\":{\"test\":[\"CMD\",\"x\"]}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (*service(&strict, good[i]))
			check_fail("%s: %s", good[i], service(&strict, good[i]));
	}
}

static void what_reaches_the_machine_is_refused(void)
{
	static const struct {
		const char *members, *key;
	} bad[] = {
		{ "\"privileged\":true", "privileged" },
		{ "\"privileged\":\"true\"", "privileged" },
		{ "\"pid\":\"host\"", "pid" },
		{ "\"ipc\":\"host\"", "ipc" },
		{ "\"cgroup\":\"host\"", "cgroup" },
		{ "\"uts\":\"host\"", "uts" },
		{ "\"userns_mode\":\"host\"", "userns_mode" },
		{ "\"network_mode\":\"host\"", "network_mode" },
		{ "\"network_mode\":\"container:other\"", "network_mode" },
		{ "\"network_mode\":\"somebodys\"", "network_mode" },
		{ "\"pid\":\"container:other\"", "pid" },
		{ "\"cap_add\":[\"SYS_ADMIN\"]", "cap_add" },
		{ "\"cap_add\":[\"ALL\"]", "cap_add" },
		{ "\"cap_add\":[\"CAP_NET_ADMIN\"]", "cap_add" },
		{ "\"cap_add\":\"CHOWN\"", "cap_add" },
		{ "\"devices\":[{\"source\":\"/dev/sda\"}]", "devices" },
		{ "\"device_cgroup_rules\":[\"a *:* rwm\"]", "device_cgroup_rules" },
		{ "\"gpus\":\"all\"", "gpus" },
		{ "\"runtime\":\"other\"", "runtime" },
		{ "\"cgroup_parent\":\"/\"", "cgroup_parent" },
		{ "\"security_opt\":[\"apparmor:unconfined\"]", "security_opt" },
		{ "\"security_opt\":[\"no-new-privileges:true\",\"seccomp=unconfined\"]",
			"security_opt" },
		{ "\"sysctls\":{\"kernel.core_pattern\":\"|/x\"}", "kernel.core_pattern" },
		{ "\"build\":{\"context\":\"/release\"}", "build" },
		{ "\"annotations\":{\"a\":\"b\"}", "annotations" },
		{ "\"provider\":{\"type\":\"x\"}", "provider" },
		{ "\"a_key_of_the_future\":1", "a_key_of_the_future" },
		{ "\"labels\":{\"com.docker.compose.project\":\"other\"}", "labels" },
		{ "\"logging\":{\"driver\":\"syslog\"}", "logging.driver" },
		{ "\"post_start\":[{\"command\":\"x\",\"privileged\":true}]", "post_start" },
		{ "\"volumes_from\":[\"container:x\"]", "volumes_from" },
		{ "\"deploy\":{\"resources\":{\"reservations\":{\"devices\":[{\"count\":1}]}}}",
			"deploy" },
		{ "\"networks\":{\"default\":{\"driver_opts\":{\"a\":\"b\"}}}", "driver_opts" },
		{ "\"image\":null", "image" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		/* Where the image itself is the case, a second one would be a repeated key. */
		if (strcmp(bad[i].key, "image") == 0)
			check(strncmp(verdict(&strict, "{\"services\":{\"web\":{}}}"),
				      "services.web.image", 18) == 0);
		else
			check_refused(bad[i].members, bad[i].key);
	}
}

static void a_mount_leads_only_into_the_repository(void)
{
	static const char *const bad[] = {
		"/",
		"/etc",
		"/release/../etc",
		"/release/..",
		"/releases/x",
		"/releasex",
		"/var/run/docker.sock",
		"/run/docker.sock",
		"/release/a/../../etc",
		"/run/containerd/containerd.sock",
		"/proc",
		"relative",
		"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char members[300];

		snprintf(members, sizeof members,
			"\"volumes\":[{\"type\":\"bind\",\"source\":\"%s\",\"target\":\"/x\","
			"\"read_only\":true}]",
			bad[i]);
		check_refused(members, "volumes");
	}
	check_refused("\"volumes\":[{\"type\":\"npipe\",\"source\":\"x\"}]", "volumes");
	check_refused("\"volumes\":[{\"type\":\"volume\",\"source\":\"/etc\"}]", "volumes");
	check_refused(
		"\"volumes\":[{\"type\":\"bind\",\"source\":\"/release/a\",\"target\":\"/a\","
		"\"bind\":{\"propagation\":\"rshared\"}}]",
		"volumes");
	check_refused("\"volumes\":\"/:/host\"", "volumes");
	check_refused("\"volumes\":[\"/:/host\"]", "volumes");
}

#define SOCKET(read_only)                                                                          \
	"\"volumes\":[{\"type\":\"bind\",\"source\":\"/var/run/docker.sock\",\"target\":\"/s\","   \
	"\"read_only\":" read_only "}]"

static void the_socket_is_for_the_service_that_the_definition_names(void)
{
	check_str(
		verdict(&listed, "{\"services\":{\"proxy\":{\"image\":\"i\"," SOCKET("true") "}}}"),
		"");
	check(strstr(verdict(&listed,
			     "{\"services\":{\"proxy\":{\"image\":\"i\"," SOCKET("false") "}}}"),
		"read-only"));
	check(strstr(service(&listed, SOCKET("true")), "for the service 'proxy' only"));
	check(strstr(service(&strict, SOCKET("true")), "kbuild.app.docker_socket"));
	check(strstr(
		service(&listed, "\"volumes_from\":[\"proxy:ro\"]"), "has the engine's socket"));
	check(strstr(service(&listed, "\"pid\":\"service:proxy\""), "has the engine's socket"));
	check_str(service(&listed, "\"volumes_from\":[\"other\"],\"pid\":\"service:other\""), "");
}

#define PORT(published, ip)                                                                        \
	"\"ports\":[{\"target\":80,\"published\":\"" published "\",\"host_ip\":\"" ip              \
	"\",\"protocol\":\"tcp\"}]"

static void one_service_publishes_to_the_world(void)
{
	check_str(verdict(&strict,
			  "{\"services\":{\"a\":{\"image\":\"i\"," PORT("80",
				  "") "},"
				      "\"b\":{\"image\":\"i\"," PORT("81", "127.0.0.1") "}}}"),
		"");
	check(strstr(
		verdict(&strict, "{\"services\":{\"a\":{\"image\":\"i\"," PORT("80",
					 "") "},"
					     "\"b\":{\"image\":\"i\"," PORT("81", "0.0.0.0") "}}}"),
		"services.b.ports: the service 'a' publishes"));
	check_refused(PORT("", ""), "ports");
	check_refused(PORT("80-90", ""), "ports");
}

static void a_known_list_decides_about_ports(void)
{
	check_str(verdict(&listed, "{\"services\":{\"a\":{\"image\":\"i\"," PORT("80",
					   "") "},"
					       "\"b\":{\"image\":\"i\"," PORT("443", "") "}}}"),
		"");
	check(strstr(service(&listed, PORT("8080", "")), "port 8080 is not in"));
	check(strstr(service(&listed, PORT("8", "")), "port 8 is not in"));
	check_str(service(&listed, PORT("8080", "::1")), "");
	check(strstr(
		service(&listed,
			"\"ports\":[{\"target\":1,\"published\":\"80\",\"protocol\":\"udp\"}]"),
		"port 80 is not in"));
}

#define SUBNET(net) "\"networks\":{\"n\":{\"ipam\":{\"config\":[{\"subnet\":\"" net "\"}]}}}"
#define WITH(part)  "{\"services\":{\"a\":{\"image\":\"i\"}}," part "}"

static void networks_volumes_and_files_stay_inside(void)
{
	static const char *const good[] = {
		WITH("\"networks\":{\"default\":{\"name\":\"p_default\",\"ipam\":{}}}"),
		WITH("\"networks\":{\"host\":{\"name\":\"p_host\"}}"),
		WITH("\"networks\":{\"b\":{\"driver\":\"bridge\",\"internal\":true,"
		     "\"driver_opts\":{\"com.docker.network.bridge.name\":\"br-x\"}}}"),
		WITH(SUBNET("172.28.0.0/16")),
		WITH(SUBNET("fd12:3456::/64")),
		WITH("\"volumes\":{\"data\":null,\"d\":{\"name\":\"p_d\",\"external\":true}}"),
		WITH("\"configs\":{\"c\":{\"file\":\"/release/c\"},\"d\":{\"content\":\"x\"}}"),
		WITH("\"x-anything\":{\"driver_opts\":1},\"name\":\"p\""),
	};
	static const struct {
		const char *text, *said;
	} bad[] = {
		{ WITH("\"volumes\":{\"v\":{\"name\":\"/\"}}"), "volumes.v.name: '/' is no name" },
		{ WITH("\"volumes\":{\"v\":{\"name\":\"/etc\",\"external\":true}}"),
			"volumes.v.name" },
		{ WITH("\"volumes\":{\"v\":{\"name\":\"a/../b\"}}"), "volumes.v.name" },
		{ WITH("\"volumes\":{\"v\":{\"name\":\"..\"}}"), "volumes.v.name" },
		{ WITH("\"volumes\":{\"v\":{\"name\":[\"a\"]}}"), "volumes.v.name" },
		{ WITH("\"networks\":{\"n\":{\"name\":\"container:x\"}}"), "networks.n.name" },
		{ WITH("\"networks\":{\"n\":{\"external\":true,\"name\":\"x\"}}"),
			"networks.n.external" },
		{ WITH("\"networks\":{\"n\":{\"external\":true,\"name\":\"host\"}}"),
			"networks.n." },
		{ WITH("\"networks\":{\"n\":{\"name\":\"host\"}}"),
			"networks.n.name: 'host' is a network of the engine" },
		{ WITH("\"networks\":{\"n\":{\"name\":\"none\"}}"), "networks.n.name" },
		{ WITH("\"networks\":{\"n\":{\"name\":\"bridge\"}}"), "networks.n.name" },
		{ WITH("\"networks\":{\"n\":{\"name\":\"default\"}}"), "networks.n.name" },
		{ WITH("\"networks\":{\"n\":{\"driver\":\"macvlan\"}}"), "networks.n.driver" },
		{ WITH("\"networks\":{\"n\":{\"driver_opts\":{\"parent\":\"eth0\"}}}"),
			"networks.n.parent" },
		{ WITH("\"networks\":{\"n\":{\"driver_opts\":{"
		       "\"com.docker.network.bridge.name\":\"eth1\"}}}"),
			"networks.n.com.docker.network.bridge.name" },
		{ WITH("\"networks\":{\"n\":{\"ipam\":{\"driver\":\"x\"}}}"), "networks.n.driver" },
		{ WITH(SUBNET("8.8.8.0/24")), "networks.n.config: '8.8.8.0/24'" },
		{ WITH(SUBNET("172.32.0.0/16")), "networks.n.config" },
		{ WITH(SUBNET("10.0.0.0/7")), "networks.n.config" },
		{ WITH(SUBNET("2001:db8::/64")), "networks.n.config" },
		{ WITH(SUBNET("0.0.0.0/0")), "networks.n.config" },
		{ WITH(SUBNET("x")), "networks.n.config" },
		{ WITH("\"volumes\":{\"v\":{\"driver_opts\":{\"o\":\"bind\",\"device\":\"/\"}}}"),
			"volumes.v.driver_opts" },
		{ WITH("\"volumes\":{\"v\":{\"driver\":\"nfs\"}}"), "volumes.v.driver" },
		{ WITH("\"configs\":{\"c\":{\"file\":\"/etc/shadow\"}}"), "configs.c.file" },
		{ WITH("\"secrets\":{\"c\":{\"file\":\"/release/../etc/shadow\"}}"),
			"secrets.c.file" },
		{ WITH("\"secrets\":{\"c\":{\"environment\":\"X\"}}"), "secrets.c.environment" },
		{ WITH("\"secrets\":{\"c\":{\"driver\":\"x\"}}"), "secrets.c.driver" },
		{ WITH("\"models\":{\"m\":{\"model\":\"x\"}}"), "the document.models" },
		{ WITH("\"include\":[\"x\"]"), "the document.include" },
		{ WITH("\"networks\":[\"n\"]"), "networks." },
		{ "{\"services\":[]}", "" },
		{ "{\"services\":{\"a\":[1]}}", "services.a" },
		{ "{}", "the document.services" },
		{ "[]", "the document.services" },
		{ "null", "the document.services" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		check_str(verdict(&strict, good[i]), "");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *said = verdict(&strict, bad[i].text);

		if (!*said || strncmp(said, bad[i].said, strlen(bad[i].said)) != 0)
			check_fail("%s: '%s', wanted '%s'", bad[i].text, said, bad[i].said);
	}
}

/* As Compose renders what images/koprogo.yaml is for: Traefik, an API, a site, PostgreSQL. */
static void a_stack_behind_traefik_may_run(void)
{
	static const char *const ports_of_it[] = { "22/tcp", "80/tcp", "443/tcp", NULL };
	const struct policy koprogo = {
		.release = "/release", .socket_service = "traefik", .ports = ports_of_it
	};
	static const char text[] =
		"{\"name\":\"koprogo\",\"networks\":{\"net\":{\"name\":\"koprogo_net\",\"driver\":\"bridge\"}},"
		"\"volumes\":{\"certificates\":{\"name\":\"koprogo_certificates\",\"driver\":\"local\"},"
		"\"rows\":{\"name\":\"koprogo_rows\",\"driver\":\"local\"},\"uploads\":{\"name\":\"koprogo_uploads\"}},"
		"\"services\":{\"traefik\":{\"image\":\"traefik:v3.5.3\",\"container_name\":\"koprogo-traefik\","
		"\"command\":[\"--providers.docker=true\"],\"restart\":\"unless-stopped\","
		"\"ports\":[{\"mode\":\"ingress\",\"target\":80,\"published\":\"80\",\"protocol\":\"tcp\"},"
		"{\"mode\":\"ingress\",\"target\":443,\"published\":\"443\",\"protocol\":\"tcp\"}],"
		"\"volumes\":[{\"type\":\"bind\",\"source\":\"/var/run/docker.sock\","
		"\"target\":\"/var/run/docker.sock\",\"read_only\":true,\"bind\":{\"create_host_path\":true}},"
		"{\"type\":\"volume\",\"source\":\"certificates\",\"target\":\"/letsencrypt\",\"volume\":{}}],"
		"\"deploy\":{\"resources\":{\"limits\":{\"cpus\":0.25,\"memory\":\"134217728\"}}},"
		"\"labels\":{\"traefik.enable\":\"true\"},\"networks\":{\"net\":null}},"
		"\"postgres\":{\"image\":\"postgres:15-alpine\",\"expose\":[\"5432\"],\"environment\":{\"POSTGRES_USER\":\"koprogo\"},"
		"\"volumes\":[{\"type\":\"volume\",\"source\":\"rows\",\"target\":\"/var/lib/postgresql/data\"}],"
		"\"healthcheck\":{\"test\":[\"CMD-SHELL\",\"pg_isready\"],\"interval\":\"10s\"},\"networks\":{\"net\":null}},"
		"\"backend\":{\"image\":\"ghcr.io/gilmry/koprogo/backend:latest\","
		"\"depends_on\":{\"postgres\":{\"condition\":\"service_healthy\",\"required\":true}},"
		"\"volumes\":[{\"type\":\"volume\",\"source\":\"uploads\",\"target\":\"/app/uploads\"}],"
		"\"deploy\":{\"resources\":{\"limits\":{\"memory\":\"402653184\"},\"reservations\":{\"memory\":\"268435456\"}}},"
		"\"networks\":{\"net\":null}}}}";

	check_str(verdict(&koprogo, text), "");
	check(strstr(verdict(&strict, text), "kbuild.app.docker_socket") != NULL);
}

int main(void)
{
	run(what_applications_need_is_allowed);
	run(what_reaches_the_machine_is_refused);
	run(a_mount_leads_only_into_the_repository);
	run(the_socket_is_for_the_service_that_the_definition_names);
	run(a_stack_behind_traefik_may_run);
	run(one_service_publishes_to_the_world);
	run(a_known_list_decides_about_ports);
	run(networks_volumes_and_files_stay_inside);
	return done();
}
