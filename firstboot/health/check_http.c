/*
 * URLs answer as they should, and their certificates last. The application's own health URL is one of them;
 * the deployment's gate asks the same, but only while something is deployed.
 */
#include "checks.h"

#include "agent.h"
#include "arena.h"
#include "config.h"
#include "error.h"
#include "http.h"
#include "retry.h"

#include <inttypes.h>
#include <string.h>

#define ANSWER_MS  15000
#define ANSWER_MAX MIB
#define DAY	   86400

static bool holds(const struct buf *body, const char *text)
{
	return memmem(buf_str(body), body->len, text, strlen(text)) != NULL;
}

static bool as_wanted(const struct health_http *want, long status)
{
	return want->status ? status == want->status : status >= 200 && status < 400;
}

/* https://host[:port], without the rest: what a certificate is for. */
static const char *origin(struct arena *a, const char *url)
{
	const char *host = strstr(url, "://") + 3;

	return arena_strndup(a, url, (size_t)(host - url) + strcspn(host, "/?#"));
}

static void judge_certificate(struct examination *x, const char *url, int64_t ends)
{
	int64_t days = (ends - x->now) / DAY, limit = x->agent->config->health.tls_days;
	const char *who = origin(x->arena, url);
	const char *name = arena_printf(x->arena, "tls:%s", who);

	if (finding_find(&x->found, name))
		return;
	finding_value(finding_add(x, days < limit ? VERDICT_BAD : VERDICT_GOOD, name,
			      "the certificate of %s ends in %" PRId64 " days (limit %" PRId64 ")",
			      who, days, limit),
		(double)days);
}

static void ask(struct examination *x, const struct health_http *want)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	const char *name = arena_printf(x->arena, "http:%s", want->url);
	const struct http http = agent_http(x->agent);
	const struct http_request q = {
		.method = "GET",
		.url = want->url,
		.timeout_ms = ANSWER_MS,
		.max = ANSWER_MAX,
	};
	struct error e = { 0 };
	char word[32];

	if (http_send(&http, &q, &answer, NULL, &e) < 0) {
		finding_add(x, VERDICT_BAD, name, "%s", e.msg);
		return;
	}
	if (!as_wanted(want, answer.status))
		finding_add(x, VERDICT_BAD, name, "%s answers %s", want->url,
			http_status_text(answer.status, word));
	else if (want->contains && !holds(&answer.body, want->contains))
		finding_add(x, VERDICT_BAD, name, "%s answers without '%s' in it", want->url,
			want->contains);
	else
		finding_add(x, VERDICT_GOOD, name, "%s answers %s", want->url,
			http_status_text(answer.status, word));
	if (answer.certificate_ends > 0)
		judge_certificate(x, want->url, answer.certificate_ends);
}

void check_http(struct examination *x)
{
	const struct agent_config *c = x->agent->config;

	if (c->has_app && c->app.health)
		ask(x, &(struct health_http){ .url = c->app.health });
	for (size_t i = 0; i < c->health.n_http; i++)
		ask(x, &c->health.http[i]);
}
