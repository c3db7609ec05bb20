/* Console bytes to an answer. One pass, line by line; a line is cut at LINE_CAP. */
#include "readiness.h"

#include "alloc.h"
#include "arena.h"
#include "console_text.h"
#include "error.h"
#include "json.h"
#include "node.h"
#include "utf8.h"

#include <inttypes.h>
#include <string.h>

#define LINE_CAP    (64 * KIB)
#define DETAIL_CAP  100 /* characters of a progress line */
#define REASONS_CAP 1500

static const char marker[] = "kbuild-status: ";

/* Lines after which no status can come. Boot loader, kernel, initramfs, systemd in that order. */
static const struct {
	const char *text, *cause;
} deadly[] = {
	{ "grub rescue>", "the boot loader found no system (GRUB rescue shell)" },
	/* It patches its own code while another processor runs it, which that emulation gets wrong. No other breaks so. */
	{ "Oops: int3",
		"QEMU's emulation broke the kernel, as its versions before 8 do now and then: switch the server off (kbuild stop --force), and start it again" },
	{ "Kernel panic - not syncing", "the kernel panicked" },
	{ "Dropping to a shell!", "the initramfs did not find the root file system" },
	{ "You are in emergency mode", "the system stopped in emergency mode" },
	{ "Cannot open access to console, the root account is locked",
		"the system stopped in emergency mode" },
	{ "Out of memory and no killable processes", "the server has too little memory" },
};

static const struct {
	const char *word;
	enum readiness state;
} words[] = {
	{ "ready", READINESS_READY },
	{ "running", READINESS_READY },
	{ "done", READINESS_READY },
	{ "degraded", READINESS_DEGRADED },
	{ "failed", READINESS_FAILED },
	{ "working", READINESS_WAITING },
	{ "error", READINESS_FAILED },
};

void readiness_reset(struct readiness_watch *w)
{
	for (size_t i = 0; i < READINESS_TAIL; i++)
		free(w->tail[i]);
	free(w->status);
	free(w->reasons);
	free(w->step);
	free(w->doing);
	free(w->cause);
	free(w->detail);
	buf_free(&w->line);
	*w = (struct readiness_watch)READINESS_WATCH_INIT;
}

void readiness_watch_free(struct readiness_watch *w)
{
	readiness_reset(w);
}

static void replace(char **p, char *value)
{
	free(*p);
	*p = value;
}

/* One reason more, while there is room. What servers say goes to terminals: cleaned. */
static void add_reason(struct buf *out, size_t start, const char *what, const char *state)
{
	if (!what || out->len - start + strlen(what) + strlen(state) > REASONS_CAP)
		return;
	if (out->len > start)
		buf_adds(out, "; ");
	console_clean(what, strlen(what), out);
	buf_addc(out, ' ');
	console_clean(state, strlen(state), out);
	if (out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
}

static void add_list(struct buf *out, size_t start, const struct node *list, const char *state)
{
	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++)
		add_reason(out, start, node_str(list->items[i]), state);
}

void status_reasons(const struct node *status, struct buf *out)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	static const char *const services[] = { "docker", "ufw", "fail2ban" };
	const char *cloud_init = node_str(node_get(status, "cloud_init"));
	size_t start = out->len;

	add_list(out, start, node_get(status, "reasons"), "");
	if (cloud_init && strcmp(cloud_init, "done") != 0 && strcmp(cloud_init, "disabled") != 0 &&
		strcmp(cloud_init, "absent") != 0)
		add_reason(out, start, "cloud-init:", cloud_init);
	add_list(out, start, node_get(status, "failed_units"), "failed");
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		const char *state = node_str(node_get(status, services[i]));

		/* A failed one is among the failed units; an inactive one may be meant so. */
		if (state && strcmp(state, "active") != 0 && strcmp(state, "absent") != 0 &&
			strcmp(state, "inactive") != 0 && strcmp(state, "failed") != 0)
			add_reason(out, start, services[i], arena_printf(a, "is %s", state));
	}
}

static const char *member(const struct node *status, const char *key)
{
	const char *text = node_str(node_get(status, key));

	return text ? text : "";
}

void status_doing(const struct node *status, struct buf *out)
{
	const char *step = member(status, "step"), *note = member(status, "note");
	int64_t n, of;

	if (strcmp(member(status, "state"), "working") != 0 || !*step)
		return;
	buf_adds(out, "step ");
	if (node_is_int(node_get(status, "n"), &n) && node_is_int(node_get(status, "of"), &of))
		buf_printf(out, "%" PRId64 " of %" PRId64 ", ", n, of);
	console_clean(step, MIN(strlen(step), DETAIL_CAP), out);
	if (!*note)
		return;
	buf_adds(out, ": ");
	console_clean(note, MIN(strlen(note), REASONS_CAP), out);
}

static void keep(struct readiness_watch *w, const struct node *doc, enum readiness state)
{
	_buf_ compact = BUF_INIT;
	_buf_ reasons = BUF_INIT;
	_buf_ doing = BUF_INIT;
	_buf_ step = BUF_INIT;

	status_reasons(doc, &reasons);
	status_doing(doc, &doing);
	if (doing.len)
		console_clean(
			member(doc, "step"), MIN(strlen(member(doc, "step")), DETAIL_CAP), &step);
	node_write_json(doc, 0, &compact);
	while (compact.len && compact.data[compact.len - 1] == '\n')
		compact.data[--compact.len] = '\0';
	w->state = state;
	replace(&w->status, buf_detach(&compact));
	replace(&w->reasons, reasons.len ? buf_detach(&reasons) : NULL);
	replace(&w->step, doing.len ? buf_detach(&step) : NULL);
	replace(&w->doing, doing.len ? buf_detach(&doing) : NULL);
}

/* The text behind the marker. What is no such object is as if it had not been said. */
static void read_status(struct readiness_watch *w, const char *text)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct error ignored = {};
	struct node *doc;
	const char *state;

	if (json_parse(&doc, a, "the status of the server", text, strlen(text), &ignored) < 0 ||
		doc->kind != NODE_MAP)
		return;
	state = node_str(node_get(doc, "state"));
	for (size_t i = 0; state && i < ARRAY_SIZE(words); i++) {
		if (strcmp(state, words[i].word) == 0) {
			keep(w, doc, words[i].state);
			return;
		}
	}
}

/* Cuts at DETAIL_CAP bytes, never inside of a character. */
static char *short_line(const char *line)
{
	return xstrndup(line, utf8_whole(line, MIN(strlen(line), DETAIL_CAP)));
}

/* "[   12.345678] " says nothing to a person. */
static const char *without_time(const char *line)
{
	size_t n;

	if (*line != '[')
		return line;
	n = 1 + strspn(line + 1, " .0123456789");
	if (line[n] != ']')
		return line;
	return line + n + 1 + strspn(line + n + 1, " ");
}

static void take_line(struct readiness_watch *w)
{
	_buf_ clean = BUF_INIT;
	const char *line, *status;

	console_clean(buf_str(&w->line), w->line.len, &clean);
	buf_reset(&w->line);
	line = buf_str(&clean);
	if (!*line)
		return;
	replace(&w->tail[w->lines++ % READINESS_TAIL], short_line(line));
	status = strstr(line, marker);
	if (status) {
		read_status(w, status + sizeof marker - 1);
		return;
	}
	if (*without_time(line))
		replace(&w->detail, short_line(without_time(line)));
	for (size_t i = 0; i < ARRAY_SIZE(deadly); i++) {
		if (w->state == READINESS_WAITING && strstr(line, deadly[i].text)) {
			w->state = READINESS_DEAD;
			replace(&w->cause, xstrdup(deadly[i].cause));
		}
	}
}

/* A prompt has no newline: "grub rescue>". In a status it is text, and the rest of that is still to come. */
static bool shows_prompt(const struct readiness_watch *w)
{
	_buf_ clean = BUF_INIT;

	if (!strstr(buf_str(&w->line), deadly[0].text))
		return false;
	console_clean(buf_str(&w->line), w->line.len, &clean);
	return !strstr(buf_str(&clean), marker);
}

void readiness_feed(struct readiness_watch *w, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n' || data[i] == '\r')
			take_line(w);
		else if (data[i] != '\0' && w->line.len < LINE_CAP)
			buf_addc(&w->line, data[i]);
	}
	if (w->line.len && shows_prompt(w))
		take_line(w);
}

void readiness_tail(const struct readiness_watch *w, struct buf *out)
{
	size_t n = MIN(w->lines, READINESS_TAIL);

	for (size_t i = w->lines - n; i < w->lines; i++)
		buf_printf(out, "%s  | %s", out->len ? "\n" : "", w->tail[i % READINESS_TAIL]);
}

/* One printed key, "ssh-ed25519 AAAA… comment", as a line of known_hosts. */
static bool add_host_key(const char *line, const char *host, struct buf *out)
{
	static const char base64[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	size_t type = strcspn(line, " ");
	const char *key = line + type + strspn(line + type, " ");
	size_t n = strspn(key, base64);

	if ((strncmp(line, "ssh-", 4) != 0 && strncmp(line, "ecdsa-", 6) != 0) || n < 32 ||
		(key[n] != ' ' && key[n] != '\0'))
		return false;
	buf_printf(out, "%s %.*s %.*s\n", host, (int)type, line, (int)n, key);
	return true;
}

size_t console_host_keys(const char *text, size_t len, const char *host, struct buf *out)
{
	bool inside = false;
	size_t keys = 0, start = out->len;
	size_t block_keys = 0;
	_buf_ block = BUF_INIT;
	_buf_ line = BUF_INIT;

	for (const char *p = text, *end = text + len; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		if (!nl)
			break;
		buf_reset(&line);
		console_clean(p, (size_t)(nl - p), &line);
		p = nl + 1;
		if (strstr(buf_str(&line), "BEGIN SSH HOST KEY KEYS")) {
			inside = true;
			block_keys = 0;
			buf_reset(&block);
		} else if (inside && strstr(buf_str(&line), "END SSH HOST KEY KEYS")) {
			inside = false;
			if (block_keys == 0)
				continue;
			keys = block_keys;
			out->len = start;
			buf_add(out, buf_str(&block), block.len);
		} else if (inside && add_host_key(buf_str(&line), host, &block)) {
			block_keys++;
		}
	}
	return keys;
}
