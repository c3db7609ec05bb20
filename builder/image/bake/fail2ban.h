/* The text of fail2ban's jail, apart from where it goes, so that it can be tested as text. */
#pragma once

#include "base.h"

struct buf;

struct fail2ban_settings {
	uint64_t maxretry;	    /* failures within findtime that lead to a ban */
	uint64_t findtime, bantime; /* seconds; repeated offenders are banned longer each time */
	const char *const *
		ignore; /* addresses and networks never banned besides loopback; NULL-terminated or NULL */
};

void fail2ban_jail(const struct fail2ban_settings *s, struct buf *out);
