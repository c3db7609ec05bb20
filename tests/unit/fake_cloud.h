/*
 * An OpenStack in memory behind the HTTP seam: Keystone, Nova, Neutron, Cinder, and a Glance whose images
 * are there already. It keeps what it is told, walks servers and volumes through their states, and
 * goes wrong where the test says: at the n-th request, before it, after it, or with its answer lost.
 */
#pragma once

#include "fake_changes.h"

static inline void fake_limits(const char *url, struct buf *out)
{
	if (strstr(url, "nova"))
		buf_printf(out,
			"{\"limits\":{\"absolute\":{\"maxTotalInstances\":%lld,\"totalInstancesUsed\":%lld,"
			"\"maxTotalCores\":%lld,\"totalCoresUsed\":%lld,\"maxTotalRAMSize\":%lld,"
			"\"totalRAMUsed\":%lld,\"maxTotalKeypairs\":%lld}}}",
			(long long)fake.max_servers, (long long)fake.used_servers,
			(long long)fake.max_cores, (long long)fake.used_cores,
			(long long)fake.max_ram, (long long)fake.used_ram,
			(long long)fake.max_keys);
	else
		buf_printf(out,
			"{\"limits\":{\"absolute\":{\"maxTotalVolumes\":%lld,\"totalVolumesUsed\":1,"
			"\"maxTotalVolumeGigabytes\":%lld,\"totalGigabytesUsed\":1}}}",
			(long long)fake.max_volumes, (long long)fake.max_gib);
}

#define FAKE_FLAVORS                                                                               \
	"{\"flavors\":[{\"id\":\"f1\",\"name\":\"d2-2\",\"vcpus\":1,\"ram\":2048,\"disk\":25},"    \
	"{\"id\":\"f2\",\"name\":\"b3-8\",\"vcpus\":2,\"ram\":8192,\"disk\":50},"                  \
	"{\"id\":\"f0\",\"name\":\"tiny\",\"vcpus\":1,\"ram\":512,\"disk\":1}]}"

#define FAKE_IMAGE                                                                                 \
	"{\"id\":\"img\",\"status\":\"active\",\"owner\":\"p\",\"visibility\":\"private\","        \
	"\"kbuild_image\":\"" FAKE_DIGEST                                                          \
	"\",\"os_hash_algo\":\"sha512\","                                                          \
	"\"os_hash_value\":\"" FAKE_DIGEST "\""

static inline long fake_get(const char *url, struct buf *out)
{
	struct fake_thing *t;
	char id[32];

	if (strcmp(url, "https://nova/v2.1/") == 0)
		buf_adds(out, "{\"version\":{\"version\":\"2.72\",\"min_version\":\"2.1\"}}");
	else if (strstr(url, "/servers/detail"))
		fake_list(out, "servers", fake.servers, url, fake_server_json);
	else if (strstr(url, "/os-instance-actions"))
		buf_adds(out,
			"{\"instanceActions\":[{\"action\":\"create\",\"message\":\"Error\"}]}");
	else if (strstr(url, "/os-availability-zone"))
		buf_printf(out, "{\"availabilityZoneInfo\":[%s]}",
			fake.zones ? fake.zones : "{\"zoneName\":\"nova\"}");
	else if (strstr(url, "/flavors/detail"))
		buf_adds(out, FAKE_FLAVORS);
	else if (strstr(url, "/limits"))
		fake_limits(url, out);
	else if (strstr(url, "/os-keypairs"))
		fake_list(out, "keypairs", fake.keys, "", fake_key_json);
	else if (strstr(url, "/networks"))
		buf_printf(out,
			"{\"networks\":[{\"id\":\"net\",\"name\":\"Ext-Net\",\"router:external\":true,"
			"\"tenant_id\":\"cloud\",\"port_security_enabled\":%s}%s]}",
			fake.no_port_security ? "false" : "true",
			fake.networks ? fake.networks : "");
	else if (strstr(url, "/quotas/")) {
		if (fake.no_quota)
			return 404;
		buf_printf(out,
			"{\"quota\":{\"security_group\":{\"limit\":%lld,\"used\":1},"
			"\"port\":{\"limit\":%lld,\"used\":%lld}}}",
			(long long)fake.max_groups, (long long)fake.max_ports,
			(long long)fake.used_ports);
	} else if (strstr(url, "/security-groups?")) {
		check(strstr(url, "&project_id=p"));
		fake_list(out, "security_groups", fake.groups, url, fake_group_json);
	} else if (strstr(url, "/volumes/detail"))
		fake_list(out, "volumes", fake.volumes, "", fake_volume_json);
	else if (strstr(url, "https://glance/"))
		buf_printf(out, "{\"images\":[%s%s%s]}", fake.no_image ? "" : FAKE_IMAGE,
			fake.no_image || fake.unproven ? ""
						       : ",\"kbuild_sha512\":\"" FAKE_DIGEST "\"",
			fake.no_image ? "" : "}");
	else if (sscanf(url, "https://cinder/v3/p/volumes/%31[^/]", id) == 1 &&
		 (t = fake_by_id(fake.volumes, id))) {
		_buf_ one = BUF_INIT;

		fake_volume_json(t, &one);
		if (!one.len)
			return 404;
		buf_printf(out, "{\"volume\":%s}", buf_str(&one));
	} else if (sscanf(url, "https://nova/v2.1/servers/%31[^/]", id) == 1 &&
		   (t = fake_by_id(fake.servers, id))) {
		_buf_ one = BUF_INIT;

		fake_server_json(t, &one);
		if (!one.len)
			return 404;
		buf_printf(out, "{\"server\":%s}", buf_str(&one));
	} else {
		return 404;
	}
	return 200;
}

static inline void fake_sign_in(struct http_response *ret)
{
	static const struct {
		const char *type, *url;
	} v[] = { { "identity", "https://keystone" }, { "compute", "https://nova/v2.1" },
		{ "network", "https://neutron" }, { "volumev3", "https://cinder/v3/p" },
		{ "image", "https://glance" } };

	http_response_add(ret, "X-Subject-Token", "tok");
	buf_adds(&ret->body,
		"{\"token\":{\"project\":{\"id\":\"p\",\"name\":\"n\"},"
		"\"issued_at\":\"2026-11-29T11:00:00Z\",\"expires_at\":\"2026-11-30T11:00:00Z\",\"catalog\":[");
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		buf_printf(&ret->body,
			"%s{\"type\":\"%s\",\"endpoints\":[{\"interface\":\"public\",\"region_id\":\"ONE\",\"url\":\"%s\"}",
			i ? "," : "", v[i].type, v[i].url);
		if (fake.two)
			buf_printf(&ret->body,
				",{\"interface\":\"public\",\"region_id\":\"TWO\",\"url\":\"https://two.%s\"}",
				v[i].url + strlen("https://"));
		buf_adds(&ret->body, "]}");
	}
	buf_adds(&ret->body, "]}}");
}

static inline long fake_carry_out(const struct http_request *q, struct http_response *ret)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *body = NULL;
	struct error e = {};

	if (strstr(q->url, "/auth/tokens")) {
		fake_sign_in(ret);
		return 201;
	}
	if (q->body) {
		snprintf(fake.last_body, sizeof fake.last_body, "%.*s", (int)q->body_len,
			(const char *)q->body);
		check_int(json_parse(&body, a, "body", q->body, q->body_len, &e), 0);
	}
	return strcmp(q->method, "GET") == 0	? fake_get(q->url, &ret->body)
	       : strcmp(q->method, "POST") == 0 ? fake_post(q->url, body, &ret->body)
						: fake_delete(q->url, &ret->body);
}

#define FAKE_LATE_CALLS 14 /* that the next program has made by then */

/* Where nothing keeps the cloud from making a second one; other requests do not come at all. */
static inline void fake_keep_for_later(const struct http_request *q)
{
	static const char *const urls[] = { "https://nova/v2.1/servers",
		"https://cinder/v3/p/volumes", "https://neutron/v2.0/security-groups" };

	for (size_t i = 0; strcmp(q->method, "POST") == 0 && i < ARRAY_SIZE(urls); i++) {
		if (strcmp(q->url, urls[i]) != 0)
			continue;
		snprintf(fake.late_url, sizeof fake.late_url, "%s", q->url);
		snprintf(fake.late_body, sizeof fake.late_body, "%.*s", (int)q->body_len,
			(const char *)q->body);
	}
}

static inline void fake_carry_out_late(void)
{
	_cleanup_(http_response_free) struct http_response ignored = HTTP_RESPONSE_INIT;
	struct http_request q = { .method = "POST",
		.url = fake.late_url,
		.body = fake.late_body,
		.body_len = strlen(fake.late_body) };

	(void)fake_carry_out(&q, &ignored);
	fake.late_url[0] = '\0';
}

static inline void fake_swap_region(void)
{
	struct fake_region now;

	memcpy(now.servers, fake.servers, sizeof now.servers);
	memcpy(now.volumes, fake.volumes, sizeof now.volumes);
	memcpy(now.groups, fake.groups, sizeof now.groups);
	memcpy(now.keys, fake.keys, sizeof now.keys);
	memcpy(fake.servers, fake.other.servers, sizeof now.servers);
	memcpy(fake.volumes, fake.other.volumes, sizeof now.volumes);
	memcpy(fake.groups, fake.other.groups, sizeof now.groups);
	memcpy(fake.keys, fake.other.keys, sizeof now.keys);
	fake.other = now;
}

/* Of whichever region. */
static inline long fake_answer(const struct http_request *q, struct http_response *ret)
{
	static const char two[] = "https://two.";
	struct http_request there = *q;
	char url[1024];
	long status;

	if (strncmp(q->url, two, strlen(two)) != 0)
		return fake_carry_out(q, ret);
	snprintf(url, sizeof url, "https://%s", q->url + strlen(two));
	there.url = url;
	fake_swap_region();
	status = fake_carry_out(&there, ret);
	fake_swap_region();
	return status;
}

static inline int fake_send(_unused_ void *arg, const struct http_request *q,
	struct http_response *ret, enum http_failure *ret_failure, struct error *e)
{
	bool wrong = ++fake.calls == fake.fault_at;

	if (wrong && (fake.how == FAKE_KILLED_LATE || fake.how == FAKE_PROXY_LATE))
		fake_keep_for_later(q);
	if (wrong && (fake.how == FAKE_KILLED_BEFORE || fake.how == FAKE_KILLED_LATE))
		fake.dead = true;
	if (fake.dead)
		return error_set(e, ERR_INTERRUPTED, "killed");
	if (wrong && fake.how == FAKE_PROXY_LATE) {
		fake.late_at = fake.now_ms + 10000;
		ret->status = 504;
		return 0;
	}
	if (fake.late_url[0] &&
		(fake.late_at ? fake.now_ms >= fake.late_at : ++fake.late_calls > FAKE_LATE_CALLS))
		fake_carry_out_late();
	if (fake.down && strncmp(q->url, fake.down, strlen(fake.down)) == 0) {
		if (ret_failure)
			*ret_failure = HTTP_NOT_SENT;
		return error_set(e, ERR_NETWORK, "connection refused");
	}
	if (fake.refused && strncmp(q->url, fake.refused, strlen(fake.refused)) == 0)
		ret->status = fake.refusal;
	else
		ret->status = fake_answer(q, ret);
	if (!wrong || fake.how == FAKE_WELL)
		return 0;
	if (fake.how == FAKE_KILLED_AFTER) {
		fake.dead = true;
		return error_set(e, ERR_INTERRUPTED, "killed");
	}
	if (ret_failure)
		*ret_failure = HTTP_MAYBE_SENT;
	return error_set(e, ERR_NETWORK, "the answer was lost");
}
static const struct http fake_http_seam = { .send = fake_send };
