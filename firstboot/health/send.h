/*
 * Telling people: what waits in STATE/alerts goes out by each channel of health.alert, each once; what
 * cannot be sent now waits for the next run.
 */
#pragma once

#include "base.h"

struct agent;
struct alert_waiting;
struct arena;
struct buf;
struct error;
struct node;

/* Tells the dead man's switch that this server looks after itself, then sends what waits. */
void send_waiting(struct agent *a, size_t faults);

struct message {
	struct agent *agent;
	struct arena *arena;
	const struct alert_waiting *waiting;
	const char *server;	    /* its own name */
	const struct node *secrets; /* the credential "alert", or NULL */
};

struct channel {
	const char *name; /* "mail": kept with an alert that went out by it */
	bool (*wanted)(const struct message *m);
	/* ERR_NETWORK, or denied: nothing goes this way now, another notice neither. */
	int (*send)(const struct message *m, struct error *e);
};

extern const struct channel channel_mail, channel_webhook;

/* "web: / is 91 % full", for subjects and titles. In the arena. */
const char *message_subject(const struct message *m);
/* The whole of it for people: lines. */
void message_text(const struct message *m, struct buf *out);
/* A value of the credential, or NULL. */
const char *message_secret(const struct message *m, const char *key);
