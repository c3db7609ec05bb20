/* See program.h. */
#include "program.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "json.h"
#include "node.h"
#include "ops.h"
#include "process.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

static const struct {
	const char *name;
	const char *paths[4]; /* the first that is there */
} programs[] = {
	{ "docker", { "/usr/bin/docker" } },
	/* Debian and Ubuntu, the engine's own packages; all of them run by themselves, too. */
	{ "docker-compose",
		{ "/usr/libexec/docker/cli-plugins/docker-compose",
			"/usr/lib/docker/cli-plugins/docker-compose", "/usr/bin/docker-compose" } },
	{ "systemctl", { "/usr/bin/systemctl", "/bin/systemctl" } },
	{ "timedatectl", { "/usr/bin/timedatectl" } },
	{ "blkid", { "/usr/sbin/blkid", "/sbin/blkid" } },
	{ "mkfs.ext4", { "/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4" } },
	{ "tune2fs", { "/usr/sbin/tune2fs", "/sbin/tune2fs" } },
	{ "resize2fs", { "/usr/sbin/resize2fs", "/sbin/resize2fs" } },
	{ "ssh-keygen", { "/usr/bin/ssh-keygen" } },
	{ "tar", { "/usr/bin/tar", "/bin/tar" } },
};

void args_set(struct args *a, const char *program, ...)
{
	const char *word;
	va_list ap;

	a->n = 0;
	args_add(a, program);
	va_start(ap, program);
	while ((word = va_arg(ap, const char *)))
		args_add(a, word);
	va_end(ap);
}

void args_add(struct args *a, const char *word)
{
	assert(a->n < ARGS_MAX);
	a->v[a->n++] = word;
	a->v[a->n] = NULL;
}

void args_adds(struct args *a, const char *const *words)
{
	for (; words && *words; words++)
		args_add(a, *words);
}

int program_path(const struct broker *b, const char *name, char **ret, struct error *e)
{
	if (b->programs) {
		_free_ char *path = xasprintf("%s/%s", b->programs, name);

		if (access(path, X_OK) == 0) {
			*ret = TAKE(path);
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		if (strcmp(programs[i].name, name) != 0)
			continue;
		for (const char *const *p = programs[i].paths; *p; p++) {
			if (access(*p, X_OK) == 0) {
				*ret = xstrdup(*p);
				return 0;
			}
		}
	}
	return error_set(e, ERR_FAILED, "the program '%s' is not installed", name);
}

int program_run(const struct broker *b, const struct args *a, struct process *p, struct error *e)
{
	_free_ char *home = xasprintf("HOME=%s", b->state);
	_free_ char *config = xasprintf("DOCKER_CONFIG=%s/docker", b->state);
	const char *const env[] = {
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"LC_ALL=C.UTF-8",
		"DOCKER_CLI_HINTS=false",
		home,
		config,
		NULL,
	};
	_free_ char *path = NULL;
	_free_ const char **argv = xcalloc(a->n + 1, sizeof *argv);
	int r = program_path(b, a->v[0], &path, e);

	if (r < 0)
		return r;
	memcpy(argv, a->v, a->n * sizeof *argv);
	argv[0] = path;
	p->argv = argv;
	p->env = env;
	r = process_run(p, e);
	p->argv = p->env = NULL;
	return r;
}

/* What should take seconds and takes minutes: the engine is busy. What may take longer than that hangs. */
#define BUSY_SECONDS 300

enum verdict { AGAIN_NETWORK, AGAIN, FINAL };

/*
 * What docker and registries say, the first that fits. Most of it is text of the engine and of Go's
 * libraries, which has not changed in years; what is not known counts as final. A newline ends the line.
 */
static const struct {
	const char *text;
	enum verdict verdict;
} sayings[] = {
	{ "toomanyrequests", AGAIN_NETWORK }, /* a registry's rate limit */
	{ "no space left on device", AGAIN },
	{ "No space left on device", AGAIN }, /* programs in C */
	{ "disk quota exceeded", AGAIN },
	{ "certificate has expired or is not yet valid", AGAIN_NETWORK }, /* our clock, at boot */
	{ "x509:", FINAL },
	{ "manifest unknown", FINAL },
	{ "manifest for ", FINAL },
	{ "no matching manifest", FINAL },
	{ "access denied", FINAL },
	{ "denied:", FINAL },
	{ "unauthorized", FINAL },
	{ "authentication required", FINAL },
	{ "invalid reference format", FINAL },
	{ "repository does not exist", FINAL },
	{ "Cannot connect to the Docker daemon", AGAIN },
	{ "TLS handshake timeout", AGAIN_NETWORK },
	{ "i/o timeout", AGAIN_NETWORK },
	{ "deadline exceeded", AGAIN_NETWORK },
	{ "Client.Timeout", AGAIN_NETWORK },
	{ "timed out", AGAIN_NETWORK },
	{ "request canceled", AGAIN_NETWORK },
	{ "connection refused", AGAIN_NETWORK },
	{ "connection reset", AGAIN_NETWORK },
	{ "broken pipe", AGAIN_NETWORK },
	{ "no such host", AGAIN_NETWORK },
	{ "name resolution", AGAIN_NETWORK },
	{ "server misbehaving", AGAIN_NETWORK },
	{ "network is unreachable", AGAIN_NETWORK },
	{ "no route to host", AGAIN_NETWORK },
	{ "unexpected HTTP status: 5", AGAIN_NETWORK },
	{ "500 Internal Server Error", AGAIN_NETWORK },
	{ "502 Bad Gateway", AGAIN_NETWORK },
	{ "503 Service Unavailable", AGAIN_NETWORK },
	{ "504 Gateway", AGAIN_NETWORK },
	{ "429 Too Many", AGAIN_NETWORK },
	{ "status code 5", AGAIN_NETWORK },
	{ " EOF\n", AGAIN_NETWORK },
};

/* Its last line that is not empty. */
static void add_last_line(const char *text, struct buf *out)
{
	const char *end = text + strlen(text), *line;

	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	line = end;
	while (line > text && line[-1] != '\n')
		line--;
	buf_add(out, line, MIN((size_t)(end - line), (size_t)1000));
}

/*
 * Its lines that are about what failed, each between a blank and a newline. Compose's progress begins with a blank and names
 * containers, warnings quote the application's file: either may hold any word.
 */
static void add_errors(const char *text, struct buf *out)
{
	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t n = strcspn(p, "\n");

		if (isspace((unsigned char)*p) || memmem(p, n, "level=warning", 13))
			continue;
		while (n > 0 && isspace((unsigned char)p[n - 1]))
			n--;
		buf_addc(out, ' ');
		buf_add(out, p, n);
		buf_addc(out, '\n');
	}
}

int docker_failed(const char *what, const char *text, struct error *e)
{
	_buf_ line = BUF_INIT;
	_buf_ errors = BUF_INIT;
	enum verdict verdict = FINAL;

	add_last_line(text, &line);
	add_errors(text, &errors);
	for (size_t i = 0; i < ARRAY_SIZE(sayings); i++) {
		if (strstr(buf_str(&errors), sayings[i].text)) {
			verdict = sayings[i].verdict;
			break;
		}
	}
	if (line.len == 0)
		buf_adds(&line, "docker failed and gave no reason");
	error_set(e, verdict == AGAIN_NETWORK ? ERR_NETWORK : ERR_FAILED, "%s: %s", what,
		buf_str(&line));
	return verdict == AGAIN ? error_transient(e) : -e->code;
}

int docker_run(const struct broker *b, const struct args *a, const char *what, unsigned timeout,
	struct buf *out, struct error *e)
{
	_buf_ err = BUF_INIT;
	_buf_ ignored = BUF_INIT;
	struct process p = {
		.out = out ? out : &ignored,
		.out_max = 8 * MIB,
		.err = &err,
		.timeout_ms = (int64_t)timeout * 1000,
	};
	int r = program_run(b, a, &p, e);

	if (r < 0) {
		error_prefix(e, "%s", what);
		return timeout <= BUSY_SECONDS && strstr(e->msg, " timed out after ")
			       ? error_transient(e)
			       : r;
	}
	return r > 0 ? docker_failed(what, buf_str(&err), e) : 0;
}

int docker_root(const struct broker *b, char **ret, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_buf_ out = BUF_INIT;
	int r;

	args_set(a, "docker", "info", "--format", "{{.DockerRootDir}}", NULL);
	r = docker_run(b, a, "cannot ask docker", 60, &out, e);
	if (r >= 0)
		*ret = xstrndup(buf_str(&out), strcspn(buf_str(&out), "\n"));
	return r;
}

int docker_json(const struct broker *b, const struct args *a, const char *what, struct arena *arena,
	struct node **ret, struct error *e)
{
	_buf_ out = BUF_INIT;
	int r = docker_run(b, a, what, 60, &out, e);

	if (r < 0)
		return r;
	r = json_parse(ret, arena, "docker's answer", buf_str(&out), out.len, e);
	return r < 0 ? error_prefix(e, "%s", what) : 0;
}

int docker_ours(struct call *c, const char *container, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	const struct node *labels;
	struct node *doc;
	int r;

	args_set(a, "docker", "container", "inspect", container, NULL);
	r = docker_json(c->b, a, "cannot look at the container", c->q->arena, &doc, e);
	if (r < 0)
		return r;
	labels = doc->kind == NODE_LIST && doc->n == 1 ? node_path(doc->items[0], "Config.Labels")
						       : NULL;
	if (node_get(labels, "com.docker.compose.project") || node_get(labels, THROWAWAY_LABEL))
		return 0;
	return error_set(e, ERR_FAILED, "the container %s is none of the application's", container);
}
