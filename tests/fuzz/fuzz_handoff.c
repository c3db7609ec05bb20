/* The handoff: no crash; and the operator's secrets, read as YAML, are sealed and opened as they were. */
#include "handoff.h"

#include "age.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "mark.h"
#include "node.h"
#include "operator_secrets.h"
#include "yaml_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_any(struct arena *a, const uint8_t *data, size_t size)
{
	struct age_identity id = { .key = { 1, 2, 3 } };
	struct error e = {};
	struct handoff h;
	struct node *secrets;

	if (handoff_read(&h, a, (const char *)data, size, &e) == 0)
		(void)handoff_open(&h, &id, a, &secrets, &e);
}

/* What the table takes on the operator's side, the server must take as well. */
static void round_trip(struct arena *a, const uint8_t *data, size_t size)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	struct age_identity id = { .key = { 1, 2, 3 } };
	struct age_recipient to;
	char recipient[AGE_RECIPIENT_SIZE];
	struct handoff_intent q = { .server = "fuzz", .recipient = recipient };
	struct node *doc, *got;
	struct error e = {};
	struct handoff h;
	_buf_ text = BUF_INIT;

	if (yaml_parse(&doc, a, "fuzz", (const char *)data, size, &d, &e) < 0)
		return;
	operator_secrets_check(a, doc, &d);
	if (d.errors > 0)
		return;
	age_identity_recipient(&id, &to);
	age_recipient_format(&to, recipient);
	q.secrets = doc;
	if (handoff_write(&q, &text, &e) < 0)
		return;
	if (handoff_read(&h, a, text.data, text.len, &e) < 0 ||
		handoff_open(&h, &id, a, &got, &e) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	read_any(a, data, size);
	round_trip(a, data, size);
	return 0;
}
