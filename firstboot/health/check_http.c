/*
 * URLs answer as they should, and their certificates last. The application's own health URL is one of them;
 * the deployment's gate asks the same, but only while something is deployed.
 */
#include "checks.h"

#include "agent.h"
#include "arena.h"
#include "clock.h"
#include "config.h"
#include "error.h"
#include "http.h"
#include "retry.h"

#include <inttypes.h>
#include <string.h>

#define ANSWER_MS  15000
#define ANSWER_MAX MIB
/* All of them: what was found has to be told before the unit's four minutes are over. */
#define ALL_MS 60000
#define DAY    86400

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

static bool listed_besides(const struct health_config *c, const struct health_http *want)
{
	for (size_t i = 0; i < c->n_http; i++)
		if (&c->http[i] != want && strcmp(c->http[i].url, want->url) == 0)
			return true;
	return false;
}

/*
 * The URL. Where several ask for one URL each has what it wants in its name, too: a name is a record of what
 * was found, and the series of a metric.
 */
static const char *name_of(const struct examination *x, const struct health_http *want)
{
	const char *name = arena_printf(x->arena, "http:%s", want->url);

	if (!listed_besides(&x->agent->config->health, want))
		return name;
	if (want->status)
		name = arena_printf(x->arena, "%s status %" PRId64, name, want->status);
	if (want->contains)
		name = arena_printf(x->arena, "%s contains '%s'", name, want->contains);
	return name;
}

static void ask(struct examination *x, const struct health_http *want, int64_t deadline)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	const char *name = name_of(x, want);
	const struct http http = agent_http(x->agent);
	const struct http_request q = {
		.method = "GET",
		.url = want->url,
		.timeout_ms = ANSWER_MS,
		.max = ANSWER_MAX,
	};
	struct error e = { 0 };
	char word[32];

	/* The very same twice is one check. */
	if (finding_find(&x->found, name))
		return;
	if (clock_now_ms(x->agent->clock) > deadline) {
		finding_add(x, VERDICT_UNKNOWN, name,
			"%s was not asked: those before took too long", want->url);
		return;
	}
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
	const struct health_http app = { .url = c->app.health };
	int64_t deadline = clock_now_ms(x->agent->clock) + ALL_MS;

	/* Who lists it says what is wanted of it. */
	if (c->has_app && app.url && !listed_besides(&c->health, &app))
		ask(x, &app, deadline);
	for (size_t i = 0; i < c->health.n_http; i++)
		ask(x, &c->health.http[i], deadline);
}
