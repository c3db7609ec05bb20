/* Calls without a token: versions, and signing in, at the pace that Keystone takes. */
#include "os_parts.h"

#include "clock.h"
#include "error.h"
#include "http.h"

/* Waits until Keystone takes one more call. */
static int identity_pace(struct os *o, const struct api_call *c, struct error *e)
{
	int64_t *oldest = &o->identity_ms[o->identity_n % OS_IDENTITY_MAX];
	int64_t wait_ms = *oldest + OS_IDENTITY_SPAN_MS - clock_now_ms(o->clock);
	int r = 0;

	if (o->identity_n >= OS_IDENTITY_MAX && wait_ms > 0)
		r = clock_sleep_ms(o->clock, wait_ms);
	if (r < 0)
		return error_errno(e, r, "%s", c->who);
	*oldest = clock_now_ms(o->clock);
	o->identity_n++;
	return 0;
}

static int prepare_plain(void *arg, const struct api_call *c, struct error *e)
{
	const struct os_own *own = c->own;

	return own->service == OS_IDENTITY && !own->foreign ? identity_pace(arg, c, e) : 0;
}

static void sign_plain(void *arg, const struct api_call *c, struct api_headers *h)
{
	const struct os_own *own = c->own;

	(void)arg;
	if (own->authorization)
		api_header(h, "Authorization", own->authorization);
}

static enum api_verdict judge_plain(
	void *arg, const struct api_call *c, const struct http_response *res)
{
	(void)arg;
	(void)c;
	return os_judge(res, false);
}

const struct api_style os_plain_style = {
	.prepare = prepare_plain, .sign = sign_plain, .judge = judge_plain, .complain = os_complain
};
