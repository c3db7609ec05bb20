/* The broker that a run of the deployment engine talks to, in gitops_world.h: behind a real socket, it keeps containers there. */
#pragma once

#include "gitops_boxes.h"

#include "node.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static const struct commit *commit_of(const struct node *doc, const char *key)
{
	return &w->commits[index_of(
		node_str(node_get(doc, key)) + strlen(node_str(node_get(doc, key))) - 40)];
}

static inline void write_more(const struct commit *c, int web, struct buf *doc)
{
	if (c->migrate)
		buf_printf(doc, ",\"migrate\":{\"image\":\"job\",\"environment\":{\"F\":\"%d\"}}",
			web);
	if (c->inside)
		buf_adds(doc, ",\"job\":{\"image\":\"job\",\"network_mode\":\"service:web\"}");
	if (c->side)
		buf_adds(doc,
			",\"side\":{\"image\":\"side\",\"restart\":\"always\","
			"\"network_mode\":\"service:web\"}");
}

/* What has the data in this commit, and what has it in others. */
static inline struct box *data_of(const struct commit *c)
{
	return c->renamed ? &w->database : &w->db;
}

static inline struct box *other_data(const struct commit *c)
{
	return c->renamed ? &w->db : &w->database;
}

static inline const char *data_name(const struct commit *c)
{
	return c->renamed ? "database" : "db";
}

static inline int op_render(const struct node *q, struct buf *out, int *fd, struct error *e)
{
	const struct commit *c = commit_of(q, "release");
	int web = w->rotated ? w->rotated : c->web, db = w->rotated_db ? w->rotated_db : c->db;
	_buf_ doc = BUF_INIT;

	w->rendered = true;
	if (c->kind == PRIVILEGED)
		return error_set(e, ERR_INVALID, "services.web: privileged is not allowed");
	buf_printf(&doc,
		"{\"name\":\"x\",\"services\":{\"web\":{\"image\":\"web\",\"environment\":{\"F\":\"%d\"},"
		"\"restart\":\"always\",\"labels\":{\"kbuild.rollback\":\"%s\"}%s},"
		"\"%s\":{\"image\":\"db\",\"environment\":{\"F\":\"%d\"},\"restart\":\"always\","
		"\"volumes\":[{\"type\":\"volume\",\"source\":\"data\"}]}%s%s",
		web, c->kind == UNSAFE ? "unsafe" : "safe",
		c->migrate ? ",\"depends_on\":{\"migrate\":{\"condition\":"
			     "\"service_completed_successfully\"}}"
			   : "",
		data_name(c), db,
		c->old ? ",\"old\":{\"image\":\"old\",\"restart\":\"always\"}" : "",
		c->job ? ",\"job\":{\"image\":\"job\"}" : "");
	write_more(c, web, &doc);
	buf_adds(&doc, "},\"volumes\":{\"data\":{}}}");
	*fd = ipc_memfd(doc.data, doc.len);
	buf_printf(out, "\"plan\":\"%012x%012x%040x\"", web, db, (int)(c - w->commits) + 1);
	return 0;
}

/* The forms that a plan was rendered with. */
static inline int form_of(const struct node *q, int at)
{
	char text[13];

	snprintf(text, sizeof text, "%.12s", node_str(node_get(q, "plan")) + at);
	return (int)strtol(text, NULL, 16);
}

static inline int web_of(const struct node *q)
{
	return form_of(q, 0);
}

/* That a plan was pulled with: the form of web then, and a thousand for each time that it was made anew. */
static inline int web_image_of(const struct node *q)
{
	return form_of(q, 24);
}

static inline int db_of(const struct node *q)
{
	return form_of(q, 12);
}

/* The number of the image that is to be taken for a service; number: the one that its tag means. */
static inline int image_for(const struct node *q, const char *service, int number)
{
	const struct node *services = node_get(q, "services");

	for (size_t i = 0; services && i < services->n; i++)
		if (strcmp(node_str(services->items[i]), service) == 0)
			return atoi(strchr(node_str(node_get(q, "images")->items[i]), ':') + 1);
	return number;
}

#define ALONE 999 /* of a hash: what it depends on was not brought up with it */

static inline int op_pull(const struct node *q, struct buf *out, _unused_ int *fd, struct error *e)
{
	const struct commit *c = commit_of(q, "plan");
	const struct node *services = node_get(q, "services");
	const char *plan = node_str(node_get(q, "plan"));
	int image = image_for(q, data_name(c), (int)(c - w->commits) + 100 * w->moved);
	int web = image_for(q, "web", web_of(q) + 1000 * w->built);
	bool back = services && services->n >= 2 && !w->gone; /* all of them are named, and here */

	w->db_image[c - w->commits] = image;
	if (c->kind == MISSING_IMAGE && !back)
		return error_set(e, ERR_FAILED, "web: no such image");
	if (w->no_registry && !back)
		return error_set(e, ERR_NETWORK, "connection refused");
	if (w->gone && c == &w->commits[w->gone - 1])
		w->gone = 0;
	buf_printf(out,
		"\"plan\":\"%.24s%012x%s\",\"services\":{\"web\":{\"image\":\"web@sha256:%d\","
		"\"hash\":\"web%d.%d.0\",\"alone\":\"web%d.%d.%d\"},"
		"\"%s\":{\"image\":\"db@sha256:%d\"}}",
		plan, web, plan + 36, web, web_of(q), w->compose, web_of(q), w->compose,
		w->depends ? ALONE : 0, data_name(c), image);
	return 0;
}

static inline void up_one(const struct node *q, const struct commit *c, const char *service)
{
	struct box *data = data_of(c);
	int image = w->db_image[c - w->commits];

	if (strcmp(service, "web") == 0) {
		w->extra = 0;
		make(&w->web, web_of(q), web_image_of(q));
		if (web_of(q) == w->ends_job)
			end_badly(&w->job, 137);
	} else if (strcmp(service, "job") == 0) {
		make(&w->job, 1, 0);
	} else if (strcmp(service, "migrate") == 0) {
		make_migrate(web_of(q));
	} else if (strcmp(service, "side") == 0) {
		make_side();
	} else if (strcmp(service, "old") == 0) {
		w->stranger = true;
	} else {
		w->two_on_data = w->two_on_data || other_data(c)->running;
		w->db_made += !data->there || data->form != db_of(q) || data->image != image;
		make(data, db_of(q), image);
	}
}

static inline int op_up(
	const struct node *q, _unused_ struct buf *out, _unused_ int *fd, struct error *e)
{
	const struct commit *c = commit_of(q, "plan");
	const struct node *services = node_get(q, "services");

	w->ups++;
	(void)node_is_int(node_get(q, "seconds"), &w->up_seconds);
	if (w->slow_up && c == &w->commits[w->slow_up - 1])
		return error_set(e, ERR_FAILED, "cannot bring up: docker timed out after 900 s");
	if (w->broken_up)
		return error_set(e, ERR_FAILED, "up is broken");
	if (w->soft_up < 0 || (w->soft_up > 0 && c == &w->commits[w->soft_up]))
		return error_set(e, ERR_NETWORK, "an engine that is busy");
	if (w->gone && c == &w->commits[w->gone - 1])
		return error_set(e, ERR_FAILED, "no such image: web");
	if (c->settled)
		w->ups_bad = true;
	for (size_t i = 0; i < services->n; i++)
		up_one(q, c, node_str(services->items[i]));
	return 0;
}

static inline int op_ps(
	_unused_ const struct node *q, struct buf *out, _unused_ int *fd, _unused_ struct error *e)
{
	if (w->migrate.running && w->ms >= w->ends_at)
		end_badly(&w->migrate, w->migrate.form == w->fails_in);
	buf_adds(out, "\"containers\":[");
	write_box(out, "web", &w->web);
	write_box(out, "web", &w->beside);
	write_box(out, "migrate", &w->migrate);
	write_box(out, "side", &w->side);
	write_box(out, "db", &w->db);
	write_box(out, "database", &w->database);
	write_box(out, "job", &w->job);
	for (int i = 0; i < w->extra; i++)
		write_box(out, "web", &w->web);
	if (w->stranger)
		write_box(out, "old",
			&(struct box){ .there = true, .running = true, .form = 1, .id = 99 });
	buf_addc(out, ']');
	return 0;
}

static inline int op_disk(
	_unused_ const struct node *q, struct buf *out, _unused_ int *fd, _unused_ struct error *e)
{
	/* Images are not on the disk of the volumes. */
	buf_printf(out,
		"\"free\":%d,\"size\":1000000000,\"volumes\":{\"free\":%d,\"size\":1000000000}",
		w->full ? 1000 : 900000000, w->full ? 900000000 : 1000);
	return 0;
}

static inline int op_volume(
	_unused_ const struct node *q, struct buf *out, _unused_ int *fd, _unused_ struct error *e)
{
	buf_adds(out, w->used ? "\"used\":true" : "\"used\":false");
	return 0;
}

static inline int op_logs(
	_unused_ const struct node *q, _unused_ struct buf *out, int *fd, _unused_ struct error *e)
{
	*fd = ipc_memfd("boom\n", 5);
	return 0;
}

static inline int op_nothing(_unused_ const struct node *q, _unused_ struct buf *out,
	_unused_ int *fd, _unused_ struct error *e)
{
	return 0;
}

static inline struct box *box_of(const struct node *q)
{
	struct box *const all[] = { &w->web, &w->beside, &w->db, &w->database, &w->job, &w->migrate,
		&w->side };
	int id = atoi(node_str(node_get(q, "container")));

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i]->there && all[i]->id == id)
			return all[i];
	return NULL;
}

static inline int op_stop(
	const struct node *q, _unused_ struct buf *out, _unused_ int *fd, _unused_ struct error *e)
{
	struct box *b = box_of(q);

	if (b)
		b->running = false;
	return 0;
}

static inline int op_remove(
	const struct node *q, _unused_ struct buf *out, _unused_ int *fd, _unused_ struct error *e)
{
	struct box *b = box_of(q);

	if (b)
		*b = (struct box){ 0 };
	if (b == &w->web) {
		w->web = w->beside;
		w->beside = (struct box){ 0 };
	}
	if (strcmp(node_str(node_get(q, "container")), "99") == 0) {
		w->stranger = false;
		w->stranger_gone = w->ups;
	}
	return 0;
}

/* One more of web. */
static inline int op_scale(
	const struct node *q, _unused_ struct buf *out, _unused_ int *fd, _unused_ struct error *e)
{
	w->scales++;
	w->too_early = w->too_early || w->migrate.running;
	make(&w->beside, web_of(q), web_image_of(q));
	w->beside.with = w->depends ? ALONE : 0;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const struct node *q, struct buf *out, int *fd, struct error *e);
} ops[] = {
	{ "render", op_render },
	{ "pull", op_pull },
	{ "up", op_up },
	{ "scale", op_scale },
	{ "ps", op_ps },
	{ "disk", op_disk },
	{ "volume-probe", op_volume },
	{ "logs", op_logs },
	{ "stop", op_stop },
	{ "remove", op_remove },
	{ "prune", op_nothing },
};

static inline void serve(int sock)
{
	_cleanup_(ipc_message_free) struct ipc_message q = IPC_MESSAGE_INIT;
	struct error e = { 0 };
	_buf_ out = BUF_INIT;
	_close_ int fd = -1;
	const char *op;
	int r = -1;

	if (ipc_receive(sock, -1, &q, &e) != 0)
		return;
	op = node_str(node_get(q.doc, "op"));
	error_set(&e, ERR_USAGE, "no operation %s", op);
	buf_addc(&out, '{');
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (strcmp(ops[i].name, op) == 0)
			r = fails(&e) ? -1 : (ops[i].run)(q.doc, &out, &fd, &e);
	buf_addc(&out, '}');
	if (r < 0)
		ipc_send_error(sock, &e, &(struct error){ 0 });
	else
		ipc_send(sock, &out, &fd, fd >= 0, &(struct error){ 0 });
}

static inline pid_t start_broker(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	pid_t pid;

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	if (bind(listening, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(listening, 8) < 0) {
		perror(path);
		exit(99);
	}
	pid = fork();
	if (pid > 0) {
		close(listening);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int sock = accept(listening, NULL, NULL);

		serve(sock);
		close(sock);
	}
}
