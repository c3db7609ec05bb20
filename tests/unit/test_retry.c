/* Pauses and verdicts on statuses. */
#include "retry.h"

#include "check.h"

static void pauses_double_up_to_the_cap(void)
{
	static const struct retry r = { .base_ms = 500, .cap_ms = 3000, .tries = 4 };
	static const struct {
		unsigned n;
		int64_t asked;
		uint32_t random;
		int64_t want;
	} cases[] = {
		{ 1, 0, UINT32_MAX, 500 },
		{ 2, 0, UINT32_MAX, 1000 },
		{ 3, 0, UINT32_MAX, 2000 },
		{ 4, 0, UINT32_MAX, 3000 },
		{ 400, 0, UINT32_MAX, 3000 },
		{ 1, 0, 0, 0 },
		{ 2, 0, UINT32_MAX / 2, 499 },
		{ 1, 2000, 0, 2000 },
		{ 1, 9999999, 0, 3000 },
		{ 1, 100, UINT32_MAX, 500 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_int(retry_pause_ms(&r, cases[i].n, cases[i].asked, cases[i].random),
			cases[i].want);
}

static void statuses_that_may_pass(void)
{
	static const struct {
		long status;
		bool transient;
		const char *text;
	} cases[] = {
		{ 404, false, "404 Not Found" },
		{ 410, false, "410 Gone" },
		{ 429, true, "429 Too Many Requests" },
		{ 500, true, "500 Internal Server Error" },
		{ 501, false, "501 Not Implemented" },
		{ 503, true, "503 Service Unavailable" },
		{ 522, true, "522" },
		{ 418, false, "418" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char buf[32];

		check_int(http_status_transient(cases[i].status), cases[i].transient);
		check_str(http_status_text(cases[i].status, buf), cases[i].text);
	}
}

static void numbers_of_the_environment_are_bounded(void)
{
	static const struct {
		const char *text;
		int64_t want;
	} cases[] = {
		{ NULL, 7 },
		{ "", 7 },
		{ "3", 3 },
		{ "0", 7 },
		{ "11", 7 },
		{ "10", 10 },
		{ "5s", 7 },
		{ "-1", 7 },
		{ "99999999999999999999", 7 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (cases[i].text)
			setenv("KBUILD_TEST_NUMBER", cases[i].text, 1);
		else
			unsetenv("KBUILD_TEST_NUMBER");
		check_int(env_number("KBUILD_TEST_NUMBER", 7, 1, 10), cases[i].want);
	}
}

int main(void)
{
	run(pauses_double_up_to_the_cap);
	run(statuses_that_may_pass);
	run(numbers_of_the_environment_are_bounded);
	return done();
}
