/*
 * /etc/kbuild/agent.yaml: what the definition's kbuild section says about the server's life, written
 * by `kbuild build`. It was checked there in full; here it is read by tables, strictly, with defaults.
 */
#pragma once

#include "base.h"

struct arena;
struct error;
struct field;
struct node;

/* Seconds: kbuild.app.timeout at most, and what Compose has at least for bringing up the application. */
#define APP_TIMEOUT_MAX 604800
#define APP_UP_MIN	900

struct agent_config {
	struct arena *arena;

	const char *name; /* kbuild.name */
	struct {	  /* what this server was made from; each may be NULL */
		const char *id, *built, *kbuild, *distribution, *release;
	} image;

	bool has_app;
	struct {
		const char *repository;	    /* https://…, ssh://…, user@host:path */
		const char *branch;	    /* default APP_BRANCH */
		const char *compose;	    /* default APP_COMPOSE, relative to the repository */
		const char *project;	    /* of Compose; default: name */
		const char *health;	    /* URL, or NULL */
		uint64_t interval, timeout; /* seconds; 180, 300 */
		uint64_t image_wait; /* seconds; 900: how long after a commit its images may come */
		bool bake_images;    /* images: bake */
		bool repair_drift;   /* drift: repair (default) or report */
		bool follow_forced;  /* forced_updates: refuse (default), or follow */
		const char **signers;	    /* allowed_signers lines; NULL: unsigned is fine */
		const char **known_hosts;   /* lines of a known_hosts file; NULL: none */
		const char **zero_downtime; /* services; NULL: none */
		const char *docker_socket;  /* the service that may have it; NULL: none */
	} app;

	struct {
		const char *env; /* relative to the repository; NULL: no file */
		const struct node
			*values; /* map NAME → {generate}, {operator} or template; or NULL */
	} secrets;

	bool has_dns;
	struct {
		const char *provider; /* "ovh" */
		const char *zone;
		int64_t ttl;	      /* seconds, 3600 */
		const char **records; /* "@", "api" */
	} dns;

	bool has_backup;
	struct backup_config {
		struct {
			const char *container;	/* NULL: no database */
			const char *user;	/* "postgres" */
			const char **databases; /* NULL: all */
			bool plain;		/* format: plain (pg_dumpall), else custom */
		} postgres;
		const char **paths, **volumes; /* NULL: none */
		const char *at, *timezone;     /* "02:00", "UTC" */
		struct backup_keep {
			int64_t daily, weekly, monthly; /* 7, 4, 6 */
		} keep;
		const char **recipients; /* age1…; NULL: not encrypted */
		struct {
			const char *endpoint, *region, *bucket, *prefix; /* endpoint NULL: none */
			struct backup_keep keep;			 /* default: as above */
		} offsite;
		bool test_restore; /* weekly (default) */
	} backup;

	struct health_config {
		uint64_t interval; /* seconds, 300 */
		const struct health_http {
			const char *url;
			int64_t status;	      /* 0: any 2xx or 3xx */
			const char *contains; /* or NULL */
		} * http;
		size_t n_http;
		int64_t tls_days, disk_percent, memory_percent; /* 21, 85, 90 */
		int64_t load_per_cpu; /* 4: processes that run or wait for a disk */
		uint64_t backup_age;  /* seconds, 26 h */
		struct {
			const char **mail; /* addresses; NULL: none */
			struct {
				const char *server, *from, *user; /* server NULL: none */
				int64_t port;			  /* 587 */
			} smtp;
			const char *webhook, *webhook_form; /* URL or NULL; "generic" … */
			const char *ping; /* URL of a dead-man's switch, or NULL */
		} alert;
	} health;

	uint64_t volume; /* server.volume in bytes; 0: there is no data volume */
};

/* Returns new. ERR_INVALID with FILE:LINE:COL of the first thing that is wrong. */
int agent_config_load(struct agent_config **ret, const char *path, struct error *e);
/* The same from text; path is for messages. */
int agent_config_parse(
	struct agent_config **ret, const char *path, const char *text, size_t len, struct error *e);
/* The keys that are read, ended by {}. */
const struct field *agent_config_fields(void);
void agent_config_free(struct agent_config *c);
DEFINE_CLEANUP(struct agent_config *, agent_config_free);
