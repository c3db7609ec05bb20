/* The forms of texts; see shape.h. Hints stand where people are known to go wrong. */
#include "shape.h"

#include "age.h"
#include "arena.h"
#include "mark.h"
#include "node.h"
#include "schema.h"

#include <arpa/inet.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 4096 /* of any text that has a form; expressions are never run on more */

/* The agent writes age files itself, for these recipients only. */
static bool age_ok(const char *text)
{
	struct age_recipient ignored;

	return age_recipient_parse(text, &ignored);
}

static bool address_ok(const char *text)
{
	unsigned char raw[16];
	char host[64];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	bool v6 = memchr(text, ':', len) != NULL;
	unsigned long bits;
	char *end;

	if (len >= sizeof host)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(v6 ? AF_INET6 : AF_INET, host, raw) != 1)
		return false;
	if (!slash)
		return true;
	if (slash[1] < '0' || slash[1] > '9')
		return false;
	bits = strtoul(slash + 1, &end, 10);
	return *end == '\0' && bits <= (v6 ? 128 : 32);
}

static bool port_ok(const char *text)
{
	unsigned from, to;
	int n = sscanf(text, "%5u:%5u", &from, &to);

	if (n == 1)
		to = from;
	return from >= 1 && from <= to && to <= 65535;
}

/* Absolute, and without ".." or anything else that is not as it looks. */
static bool path_ok(const char *text)
{
	size_t len = strlen(text);

	return !strstr(text, "//") && !strstr(text, "/../") && !strstr(text, "/./") &&
	       (len < 3 || strcmp(text + len - 3, "/..") != 0) &&
	       (len < 2 || strcmp(text + len - 2, "/.") != 0);
}

static bool relative_ok(const char *text)
{
	return strncmp(text, "../", 3) != 0 && strcmp(text, "..") != 0 && path_ok(text);
}

static bool date_ok(const char *text)
{
	static const unsigned days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned year, month, day;

	return sscanf(text, "%4u-%2u-%2u", &year, &month, &day) == 3 && month >= 1 && month <= 12 &&
	       day >= 1 && day <= days[month - 1];
}

/* Without counts such as {0,61}: those take a thousand times as long to compile. */
#define LABEL "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
#define HOST  LABEL "(\\." LABEL ")*"
#define USER  "[a-z_][a-z0-9_-]*"

const struct shape shape_cidr = { "an address or a network such as 10.0.0.0/8",
	"[0-9A-Fa-f.:]+(/[0-9]{1,3})?", address_ok };
const struct shape shape_clock = { "a time such as \"02:00\"", "([01][0-9]|2[0-3]):[0-5][0-9]" };
const struct shape shape_date = { "a date such as 2030-12-31", "[0-9]{4}-[0-9]{2}-[0-9]{2}",
	date_ok };
const struct shape shape_dns_name = { "a domain name such as example.com", HOST "\\." LABEL,
	.max = 253 };
const struct shape shape_fingerprint = { "a key's fingerprint of 40 hexadecimal digits",
	"([0-9A-Fa-f] *){40}" };
const struct shape shape_git_url = { "a git URL such as https://host/owner/name.git",
	"(https://" HOST
	"(:[0-9]+)?/[^[:space:]]+|ssh://[^[:space:]/]+/[^[:space:]]+|"
	"[A-Za-z0-9._-]+@" HOST ":[^[:space:]]+)",
	.hint = "https:// and ssh are understood; no passwords in the URL" };
const struct shape shape_group = { "a group's name", USER, .max = 32 };
const struct shape shape_host = { "a host name or an address",
	"(" HOST "|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)", .max = 253 };
const struct shape shape_http_url = { "a URL such as https://host/path",
	"https?://(" HOST "|\\[[0-9A-Fa-f:]+\\])(:[0-9]+)?(/[^[:space:]]*)?" };
const struct shape shape_line = { "one line of text", "[^[:cntrl:]]+" };
const struct shape shape_locale = { "a locale such as en_US.UTF-8",
	"(C|POSIX|[a-z]{2,3}(_[A-Z]{2})?)(\\.[A-Za-z0-9-]+)?(@[a-z]+)?" };
const struct shape shape_mail = { "a mail address", "[^[:space:]@<>]+@" HOST };
const struct shape shape_name = { "a name of a-z, 0-9 and '-', at most 48 characters",
	"[a-z0-9]([a-z0-9-]*[a-z0-9])?", .max = 48 };
const struct shape shape_octal = { "an octal mode such as \"0644\"", "0?o?[0-7]{3,4}",
	.hint = "write it in quotes, with a leading 0" };
const struct shape shape_owner = { "USER or USER:GROUP",
	"[A-Za-z0-9_][A-Za-z0-9_.-]*\\$?"
	"(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?" };
const struct shape shape_package = { "a package's name, NAME=VERSION or [NAME, VERSION]",
	"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?(=[0-9][A-Za-z0-9.+~:-]*)?" };
const struct shape shape_path = { "an absolute path without '..'", "/[^[:cntrl:]]*", path_ok };
const struct shape shape_port = { "a port such as 22/tcp or a range such as 8000:8010/udp",
	"[0-9]{1,5}(:[0-9]{1,5})?/(tcp|udp)", port_ok };
const struct shape shape_record = { "a record's name below the zone: @, www, *.apps",
	"(@|\\*|(\\*\\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?(\\." LABEL ")*)" };
const struct shape shape_relative = { "a path inside the repository", "[^/[:cntrl:]][^[:cntrl:]]*",
	relative_ok };
const struct shape shape_s3_bucket = { "a bucket's name", "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]" };
const struct shape shape_url = { "a URL", "[a-z][a-z0-9+.-]*:[^[:space:]]+" };
const struct shape shape_user = { "a user's name (a-z, 0-9, '_', '-')", USER, .max = 32 };
const struct shape shape_variable = { "a variable's name such as DATABASE_URL",
	"[A-Za-z_][A-Za-z0-9_]*", .max = 128 };
const struct shape shape_version = { "a version", "[0-9][A-Za-z0-9.+~:-]*" };
const struct shape shape_word = { "one word", "[A-Za-z0-9][A-Za-z0-9._-]*", .max = 128 };
const struct shape shape_zone = { "a time zone such as Europe/Brussels",
	"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}" };
const struct shape shape_age = { "an age recipient as age-keygen prints it (age1…)", .ok = age_ok,
	.hint = "a mistyped one does not fit its own checksum" };

bool shape_fits(const struct shape *shape, const char *text)
{
	char whole[1024];
	regex_t re;
	bool fits;

	if (*text == '\0' || strlen(text) > (shape->max ? shape->max : TEXT_MAX))
		return false;
	if (shape->pattern) {
		snprintf(whole, sizeof whole, "^(%s)$", shape->pattern);
		if (regcomp(&re, whole, REG_EXTENDED | REG_NOSUB) != 0)
			abort(); /* a pattern of ours is wrong; each is run by the tests */
		fits = regexec(&re, text, 0, NULL, 0) == 0;
		regfree(&re);
		if (!fits)
			return false;
	}
	return !shape->ok || shape->ok(text);
}

bool shape_check(
	const struct schema *s, const char *key, const struct node *node, const struct shape *shape)
{
	const char *text = node_str(node);
	const struct field f = { .key = key };

	if (!text) {
		schema_wrong(s, &f, node, shape->wanted);
		return false;
	}
	if (shape_fits(shape, text))
		return true;
	diag_add(s->diags, DIAG_ERROR, &node->at, "wrong-value", shape->hint,
		"'%s' must be %s, not '%.200s'", schema_name(s, key), shape->wanted, text);
	return false;
}

void field_shape(const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	if (shape_check(s, f->key, node, f->arg))
		*(const char **)out = node->str;
}

void field_shapes(const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	size_t n = node->kind == NODE_LIST ? node->n : 1, k = 0;
	const char **v;

	if (node->kind == NODE_MAP || node_is_null(node)) {
		schema_wrong(s, f, node, "a list");
		return;
	}
	v = arena_alloc(s->arena, (n + 1) * sizeof *v);
	for (size_t i = 0; i < n; i++) {
		const struct node *item = node->kind == NODE_LIST ? node->items[i] : node;

		if (shape_check(s, f->key, item, f->arg))
			v[k++] = item->str;
	}
	*(const char ***)out = v;
}

void field_refused(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	diag_add(s->diags, DIAG_ERROR, &node->at, "refused-key", NULL, "'%s' is refused: %s",
		schema_name(s, f->key), (const char *)f->arg);
}

void schema_check(const struct schema *s, const struct node *map, const struct field *fields)
{
	/* Every parser stores at most 16 bytes at its offset, and a table used so has offsets of 0. */
	max_align_t sink[4];

	schema_read(s, map, fields, sink);
}

void field_submap(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	struct schema inner = *s;

	inner.where = schema_name(s, f->key);
	schema_check(&inner, node, f->arg);
}

void field_maps(const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	if (node->kind != NODE_LIST) {
		schema_wrong(s, f, node, "a list of maps");
		return;
	}
	for (size_t i = 0; i < node->n; i++)
		field_submap(s, f, node->items[i], out);
}
