/*
 * The findings for other programs: files in $RUNTIME_DIRECTORY (units/: /run/kbuild-metrics), readable by
 * all. Without that directory nothing is written; a failure is only reported.
 */
#pragma once

#include "base.h"

struct buf;
struct findings;

/* Replaces kbuild.prom, as Prometheus reads it (node-exporter's textfile collector). */
void metrics_write(const struct findings *found, size_t faults);
/* Replaces status.json: the state of the run, which holds no secrets. */
void metrics_status(const struct buf *json);
