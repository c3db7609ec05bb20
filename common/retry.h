/*
 * When to try again, and after how long: capped exponential pauses with full jitter (a random part
 * of the whole pause), so that many clients that failed together do not come back together.
 */
#pragma once

#include "base.h"

struct retry {
	int64_t base_ms; /* the first pause is at most this */
	int64_t cap_ms;	 /* no pause is longer */
	unsigned tries;	 /* attempts in all, the first included */
};

/*
 * The pause before attempt number n (the first repetition is 1). asked_ms: what the server asked
 * for (Retry-After), 0: nothing; it is obeyed up to the cap. random: 32 random bits.
 */
int64_t retry_pause_ms(const struct retry *r, unsigned n, int64_t asked_ms, uint32_t random);

/* 32 random bits, from the kernel. */
uint32_t retry_random(void);

/* True for a status that may be another one in a moment: 408, 425, 429, 500, 502, 503, 504 … */
bool http_status_transient(long status);
/* "404 Not Found": the number alone where the word is not known. Borrowed, constant or buf. */
const char *http_status_text(long status, char buf[32]);

/* A whole number in the environment, within [min, max]; otherwise the default. */
int64_t env_number(const char *name, int64_t def, int64_t min, int64_t max);
