/*
 * What kbuild asks of an account at OVH, call by call. From this one table come the rules of a consumer key,
 * the prefilled page that makes keys, the policy of a service account, and what `kbuild doctor`
 * compares a key with; so none of them can ask for more than is used.
 */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct node;

enum ovh_right_scope {
	RIGHT_PROJECT, /* about the cloud project */
	RIGHT_ZONE,    /* about the DNS zone */
	RIGHT_ACCOUNT, /* about whose it is: without it only prices may be another country's */
};

struct ovh_right {
	const char *what;   /* "make its OpenStack user", for people */
	const char *method; /* GET, POST, PUT, DELETE */
	const char *path;   /* of the call, with PROJECT and ZONE in it */
	const char *rule;   /* of the consumer key: the same, or a pattern that covers it */
	const char *action; /* IAM's name of the call */
	enum ovh_right_scope scope;
	bool probe; /* asking changes nothing and needs no object: a GET */
	bool own_user; /* for kbuild's OpenStack user: not made by who signs in to OpenStack by itself */
};

/* Ended by {}. */
extern const struct ovh_right ovh_rights[];

/* text with PROJECT and ZONE replaced; NULL: by "*", any of the account's. In the arena. */
const char *ovh_right_path(
	const char *text, const char *project, const char *zone, struct arena *a);

/* The body of POST /auth/credential: each rule once. */
void ovh_rights_rules(const char *project, const char *zone, struct buf *out);
/* The page where a person makes all three keys at once. endpoint_url: "https://eu.api.ovh.com/1.0". */
void ovh_rights_page(
	const char *endpoint_url, const char *project, const char *zone, struct buf *out);
/* Where IAM's names of an endpoint's account begin: "eu", "ca", "us". */
const char *ovh_iam_place(const char *endpoint);
/* The policy of a service account. */
struct ovh_policy {
	const char *where;	    /* "eu", "ca", "us" */
	const char *project, *zone; /* NULL: any of the account's */
	const char *identity;	    /* its URN, or NULL: a word in its place */
	bool federates; /* it signs in to OpenStack by itself; else by a user of the project */
};

/* The body of POST /v2/iam/policy, indented. */
void ovh_rights_policy(const struct ovh_policy *p, struct buf *out);
/* Whether a rule list as GET /auth/currentCredential shows it covers the call. '*' is any text, '/' too. */
bool ovh_rules_allow(const struct node *rules, const char *method, const char *path);
