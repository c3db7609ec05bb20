/*
 * What a server's electricity is worth in CO2e. Only figures that somebody has published are in here, each
 * with its source; for all else the answer is that it is not known.
 */
#pragma once

#include "base.h"

/* Grams a month (730 hours); negative: not known. */
int64_t carbon_month(const char *region, int64_t vcpus);
/* What that number assumes, or why there is none; one line, constant. */
const char *carbon_basis(const char *region, int64_t vcpus);
