/* The findings as Prometheus reads them from a file (node-exporter's textfile collector). */
#pragma once

#include "base.h"

struct agent;
struct findings;

/*
 * Replaces $RUNTIME_DIRECTORY/kbuild.prom (units/: /run/kbuild-metrics), readable by all. Without that
 * directory nothing is written; a failure is only reported.
 */
void metrics_write(const struct agent *a, const struct findings *found, size_t faults);
