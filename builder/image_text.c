/* Images as JSON and in words; see image_text.h. */
#include "image_text.h"

#include "buf.h"
#include "json.h"
#include "provider.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void add(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, ",\"%s\":", key);
	if (value)
		json_write_string(out, value, strlen(value));
	else
		buf_adds(out, "null");
}

void image_json(const struct cloud_image *i, struct buf *out)
{
	buf_adds(out, "{\"id\":");
	json_write_string(out, i->id, strlen(i->id));
	add(out, "name", i->name);
	add(out, "region", i->region);
	add(out, "status", i->status);
	add(out, "definition", i->definition);
	add(out, "image", i->digest);
	add(out, "sha512", i->sha512);
	add(out, "format", i->format);
	add(out, "user", i->user);
	buf_printf(out,
		",\"created\":%" PRId64 ",\"size\":%" PRIu64 ",\"min_disk\":%" PRIu64
		",\"servers\":",
		i->created, i->size, i->min_disk);
	if (i->use_unknown)
		buf_adds(out, "null");
	else
		buf_printf(out, "%zu", i->in_use);
	add(out, "used_by", i->used_by);
	buf_printf(out, ",\"uploaded\":%s}", i->uploaded ? "true" : "false");
}

void image_json_list(const struct cloud_image *v, size_t n)
{
	_buf_ out = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		buf_addc(&out, i ? ',' : '[');
		image_json(&v[i], &out);
	}
	printf("%s]\n", n ? buf_str(&out) : "[");
}

void image_date(int64_t created, char ret[17])
{
	time_t t = (time_t)created;
	struct tm tm;

	if (created <= 0 || !localtime_r(&t, &tm) || strftime(ret, 17, "%Y-%m-%d %H:%M", &tm) == 0)
		snprintf(ret, 17, "-");
}

void image_title(const struct cloud_image *i, struct buf *out)
{
	buf_adds(out, i->name ? i->name : i->id);
	if (i->region)
		buf_printf(out, " (%s)", i->region);
}
