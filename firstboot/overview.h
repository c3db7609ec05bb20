/*
 * `kbuild-agent status`: all that an operator wants to know at a glance, put together from what the
 * parts wrote down. What is not there, or cannot be asked, is null: a server is looked at most when
 * something is broken. No secret is in any of it.
 */
#pragma once

#include "base.h"

struct agent;
struct buf;
struct node;

/*
 * Appends one JSON object:
 *   {"v":1, "state":"ready", "first_boot":{…first-boot.json}, "app":{…gitops status}, "backup":{…},
 *    "health":{…health.json}, "timers":[…], "versions":{…}, "drift":{"count":2,"packages":[…]}}
 */
void overview_json(struct agent *a, struct buf *out);

/* The same document for people. now: UNIX seconds. */
void overview_text(const struct node *doc, int64_t now, struct buf *out);
