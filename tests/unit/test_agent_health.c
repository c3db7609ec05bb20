/* When findings are a fault: rows of runs, each a letter in and an event out. */
#include "verdict.h"

#include "check.h"

/*
 * In: g good, b bad, ? not known; a minute apart. Out, for each run: . nothing, F a fault begins, R it is
 * over, r a reminder.
 */
static void debounce_in_both_directions(void)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "gggg", "...." },
		{ "b", "." },
		{ "bb", ".F" },
		{ "gbgbg", "...F." }, /* two of three */
		{ "gbggb", "....." },
		{ "bbgg", ".F.R" },
		{ "bbgbg", ".F..." }, /* up and down is not over */
		{ "bbgbbgb", ".F....." },
		{ "bbgbgg", ".F...R" },
		{ "b?b", "..F" },
		{ "bb????gg", ".F.....R" },
		{ "????", "...." },
		{ "bbggbb", ".F.R.F" },
	};
	static const char letters[] = ".FRr";

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct watch w = { .bad = false };
		char got[32] = "";

		for (size_t k = 0; cases[i].in[k]; k++) {
			char c = cases[i].in[k];
			enum verdict v = c == 'g'   ? VERDICT_GOOD
					 : c == 'b' ? VERDICT_BAD
						    : VERDICT_UNKNOWN;

			got[k] = letters[verdict_step(&w, v, 1000000 + (int64_t)k * 60)];
		}
		if (strcmp(got, cases[i].out) != 0)
			check_fail("%s: got %s, wanted %s", cases[i].in, got, cases[i].out);
	}
}

static void a_fault_that_lasts_is_told_once_a_day(void)
{
	struct watch w = { .bad = false };
	int64_t now = 1000000;
	int told = 0;

	verdict_step(&w, VERDICT_BAD, now);
	check_int(verdict_step(&w, VERDICT_BAD, now), EVENT_FELL);
	for (int minute = 5; minute <= 3 * 24 * 60; minute += 5)
		told += verdict_step(&w, minute % 2 ? VERDICT_BAD : VERDICT_UNKNOWN,
				now + minute * 60) == EVENT_REMINDER;
	check_int(told, 3);
}

static void a_clock_that_was_set_back_does_not_silence(void)
{
	struct watch w = { .bad = false };

	verdict_step(&w, VERDICT_BAD, 2000000000);
	check_int(verdict_step(&w, VERDICT_BAD, 2000000000), EVENT_FELL);
	check_int(verdict_step(&w, VERDICT_BAD, 1000000000), EVENT_REMINDER);
	check_int(verdict_step(&w, VERDICT_BAD, 1000000300), EVENT_NONE);
	check_int(w.since, 1000000000);
}

int main(void)
{
	run(debounce_in_both_directions);
	run(a_fault_that_lasts_is_told_once_a_day);
	run(a_clock_that_was_set_back_does_not_silence);
	return done();
}
