/*
 * See lookup.h. The answer is copied into one piece of memory per address in either case, so that there
 * is one freeaddrinfo(). Numeric addresses are not worth a message, but they cost one all the same:
 * that is simpler than a second way.
 */
#include "lookup.h"

#include "alloc.h"
#include "arena.h"
#include "base64.h"
#include "buf.h"
#include "confine.h"
#include "error.h"
#include "ipc.h"
#include "node.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define LOOKUP_MS                                                                                  \
	30000 /* glibc's resolver gives up after 5 s a server, twice, three servers at most */
#define ADDRESSES 32

typedef int (*getaddrinfo_fn)(
	const char *, const char *, const struct addrinfo *, struct addrinfo **);
typedef void (*freeaddrinfo_fn)(struct addrinfo *);

/*
 * The one piece of state that is not passed: getaddrinfo() has no room for it, and libcurl calls it from
 * threads of its own.
 */
static struct {
	int sock;
	pthread_mutex_t mutex;
	int64_t asked; /* questions so far */
} helper = { -1, PTHREAD_MUTEX_INITIALIZER, 0 };

struct entry {
	struct addrinfo ai;
	struct sockaddr_storage address;
};

/* Returns new, to be chained. */
static struct addrinfo *make(int family, int type, int protocol, const void *addr, size_t len)
{
	struct entry *n = xcalloc(1, sizeof *n);

	memcpy(&n->address, addr, MIN(len, sizeof n->address));
	n->ai = (struct addrinfo){
		.ai_family = family,
		.ai_socktype = type,
		.ai_protocol = protocol,
		.ai_addrlen = (socklen_t)len,
		.ai_addr = (struct sockaddr *)&n->address,
	};
	return &n->ai;
}

void freeaddrinfo(struct addrinfo *ai)
{
	while (ai) {
		struct addrinfo *next = ai->ai_next;

		free(ai->ai_canonname);
		free(ai);
		ai = next;
	}
}

static int by_libc(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	getaddrinfo_fn ask;
	freeaddrinfo_fn release;
	struct addrinfo *found = NULL, **tail = ret;
	int r;

	*(void **)&ask = dlsym(RTLD_NEXT, "getaddrinfo");
	*(void **)&release = dlsym(RTLD_NEXT, "freeaddrinfo");
	if (!ask || !release)
		return EAI_FAIL;
	r = ask(host, service, hints, &found);
	if (r != 0)
		return r;
	*ret = NULL;
	for (struct addrinfo *p = found; p; p = p->ai_next) {
		if (p->ai_addrlen > sizeof(struct sockaddr_storage))
			continue;
		*tail = make(
			p->ai_family, p->ai_socktype, p->ai_protocol, p->ai_addr, p->ai_addrlen);
		if (p->ai_canonname)
			(*tail)->ai_canonname = xstrdup(p->ai_canonname);
		tail = &(*tail)->ai_next;
	}
	release(found);
	return *ret ? 0 : EAI_NONAME;
}

static int64_t number(const struct node *map, const char *key, int64_t fallback)
{
	int64_t n = fallback;

	return node_is_int(node_get(map, key), &n) ? n : fallback;
}

/* One address of the answer; NULL when it is not one. Returns new. */
static struct addrinfo *read_address(const struct node *n)
{
	const struct node *bytes = node_get(n, "address");
	_buf_ raw = BUF_INIT;

	if (!node_str(bytes) || !base64_decode(bytes->str, bytes->len, &raw) || raw.len < 2 ||
		raw.len > sizeof(struct sockaddr_storage))
		return NULL;
	return make((int)number(n, "family", 0), (int)number(n, "type", 0),
		(int)number(n, "protocol", 0), raw.data, raw.len);
}

static int read_answer(const struct node *doc, struct addrinfo **ret)
{
	const struct node *list = node_get(doc, "addresses");
	int64_t failed = number(doc, "failed", 0);
	struct addrinfo **tail = ret;

	*ret = NULL;
	if (failed != 0)
		return (int)failed;
	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		*tail = read_address(list->items[i]);
		if (*tail)
			tail = &(*tail)->ai_next;
	}
	return *ret ? 0 : EAI_FAIL;
}

/*
 * The helper's answer to question n. That of one that was given up on, because it took too long, may come first: it
 * is about another host.
 */
static int ask(const struct buf *q, int64_t n, struct ipc_message *ret)
{
	struct error e = { 0 };
	int r = ipc_send(helper.sock, q, NULL, 0, &e);

	while (r >= 0) {
		r = ipc_answer(helper.sock, LOOKUP_MS, ret, &e);
		if (r >= 0 && number(ret->doc, "n", 0) == n)
			break;
		ipc_message_free(ret);
	}
	return r;
}

int getaddrinfo(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	static const struct addrinfo none;
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	const struct addrinfo *h = hints ? hints : &none;
	_buf_ q = BUF_INIT;
	int64_t n;
	int r;

	if (helper.sock < 0)
		return by_libc(host, service, hints, ret);
	pthread_mutex_lock(&helper.mutex);
	n = ++helper.asked;
	ipc_begin(&q);
	ipc_add_int(&q, "n", n);
	ipc_add_str(&q, "host", host);
	ipc_add_str(&q, "service", service);
	ipc_add_int(&q, "flags", h->ai_flags);
	ipc_add_int(&q, "family", h->ai_family);
	ipc_add_int(&q, "type", h->ai_socktype);
	ipc_add_int(&q, "protocol", h->ai_protocol);
	ipc_end(&q);
	r = ask(&q, n, &m);
	pthread_mutex_unlock(&helper.mutex);
	return r < 0 ? EAI_AGAIN : read_answer(m.doc, ret);
}

static void write_answer(int64_t n_asked, int failed, const struct addrinfo *found, struct buf *out)
{
	_buf_ list = BUF_INIT;
	size_t n = 0;

	for (; found && n < ADDRESSES; found = found->ai_next, n++) {
		_buf_ raw = BUF_INIT;

		base64_encode(found->ai_addr, found->ai_addrlen, &raw);
		buf_printf(&list,
			"%s{\"family\":%d,\"type\":%d,\"protocol\":%d,\"address\":\"%s\"}",
			n > 0 ? "," : "", found->ai_family, found->ai_socktype, found->ai_protocol,
			buf_str(&raw));
	}
	ipc_begin(out);
	ipc_add_int(out, "n", n_asked);
	ipc_add_int(out, "failed", failed);
	buf_printf(out, ",\"addresses\":[%s]", buf_str(&list));
	ipc_end(out);
}

static int serve(int sock, struct error *e)
{
	for (;;) {
		_cleanup_(ipc_message_free) struct ipc_message q = IPC_MESSAGE_INIT;
		struct addrinfo hints = { 0 }, *found = NULL;
		_buf_ answer = BUF_INIT;
		int r = ipc_receive(sock, -1, &q, e);

		if (r != 0)
			return r;
		hints.ai_flags = (int)number(q.doc, "flags", 0);
		hints.ai_family = (int)number(q.doc, "family", 0);
		hints.ai_socktype = (int)number(q.doc, "type", 0);
		hints.ai_protocol = (int)number(q.doc, "protocol", 0);
		r = by_libc(node_str(node_get(q.doc, "host")), node_str(node_get(q.doc, "service")),
			&hints, &found);
		write_answer(number(q.doc, "n", 0), r, found, &answer);
		freeaddrinfo(found);
		r = ipc_send(sock, &answer, NULL, 0, e);
		if (r < 0)
			return r;
	}
}

/* NSS modules are loaded now: afterwards no file can become code. */
static void warm_up(void)
{
	struct addrinfo *found = NULL;

	if (by_libc("localhost", "1", NULL, &found) == 0)
		freeaddrinfo(found);
	if (by_libc("warm-up.invalid", NULL, NULL, &found) == 0)
		freeaddrinfo(found);
}

int lookup_confine(struct error *e)
{
	static const char *const read[] = { "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf",
		"/etc/resolv.conf", "/etc/gai.conf", "/run/systemd/resolve", "/run/nscd", NULL };

	return confine_enter(CONFINE_RESOLVE, &(struct confine_files){ .read = read }, e);
}

static _noreturn_ void be_helper(int sock)
{
	struct error e = { 0 };

	dup2(sock, 3);
	closefrom(4);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "resolve");
	warm_up();
	if (lookup_confine(&e) < 0)
		_exit(1);
	_exit(serve(3, &e) != IPC_CLOSED);
}

int lookup_start(struct error *e)
{
	int pair[2], r = ipc_pair(pair);
	pid_t pid;

	if (r < 0)
		return error_errno(e, r, "cannot start the lookup process");
	pid = fork();
	if (pid < 0)
		return error_errno(e, errno, "cannot start the lookup process");
	if (pid == 0) {
		close(pair[0]);
		be_helper(pair[1]);
	}
	close(pair[1]);
	helper.sock = pair[0];
	return 0;
}
