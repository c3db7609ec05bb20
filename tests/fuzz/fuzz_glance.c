/* What image services answer, and heads of disk files: the one after the other, told by the first byte. */
#include "arena.h"
#include "disk_file.h"
#include "error.h"
#include "glance.h"
#include "json.h"
#include "node.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_records(const char *text, size_t len)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *reply = NULL;
	const struct node *list;
	struct glance_room room;
	struct error e = {};

	if (json_parse(&reply, a, "reply", text, len, &e) < 0)
		return;
	glance_room_read(reply, &room);
	if (room.mib < -1 || room.images < -1)
		abort();
	list = node_get(reply, "images");
	for (size_t i = 0; i < (list ? list->n : 1); i++) {
		struct glance_image image = {};
		int r = glance_parse(list ? list->items[i] : reply, a, &image, &e);

		if (r == 0 && (!image.id || !image.status || strpbrk(image.id, "/?#%\r\n ")))
			abort(); /* ids become parts of paths */
		if (r < 0 && e.code != ERR_NETWORK)
			abort();
	}
}

static void parse_head(const void *head, size_t len)
{
	struct disk_facts facts = {};
	struct error e = {};

	if (disk_facts_parse(head, len, len + 512, &facts, &e) == 0 &&
		(!facts.format || facts.size == 0 || facts.size > INT64_MAX))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == 'D')
		parse_head(data + 1, size - 1);
	else
		parse_records((const char *)data, size);
	return 0;
}
