/* The subset of Jinja. Expectations were printed by jinja2 itself, rendered as cloud-init does. */
#include "buf.h"
#include "check.h"
#include "error.h"
#include "jinja.h"

static const char *const two[] = { "a", "b", NULL }, *const none[] = { NULL };
static const struct jinja_list lists[] = { { "two", two }, { "none", none }, { 0 } };

static const struct {
	const char *text, *want; /* NULL: an error */
} table[] = {
	{ "plain\n", "plain\n" },
	{ "no newline", "no newline" },
	{ "{% if two %}# yes\n{% endif %}\nrest\n", "# yes\nrest\n" },
	{ "{% if none %}# yes\n{% endif %}\nrest\n", "rest\n" },
	{ "{% if none or two %}x{% endif %}\n", "x\n" },
	{ "{% for p in two -%}\npool {{p}} iburst\n{% endfor %}\nend\n",
		"pool a iburst\npool b iburst\nend\n" },
	{ "one\n{% for p in none -%}\npool {{ p }}\n{% endfor %}\n{%- if two %}# t\n{% endif %}\n",
		"one\n# t\n\n" },
	{ "a {# said #}\nb\n", "a b\n" },
	{ "x  {{- 1 }}", NULL },
	{ "{% for p in two %}{% if two %}{{ p }},{% endif %}{% endfor %}\n", "a,b,\n" },
	{ "{{ p }}", NULL },
	{ "{% if unknown %}{% endif %}", NULL },
	{ "{% for p in two %}", NULL },
	{ "{% endif %}", NULL },
	{ "{% set x = 1 %}", NULL },
	{ "{{ two", NULL },
	{ "{% for p in two|list %}{% endfor %}", NULL },
	{ "{%", NULL },
	{ "{%-%}", NULL },
};

static void templates_render_as_jinja_renders_them(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct error e = { 0 };
		_buf_ out = BUF_INIT;
		int r = jinja_render(table[i].text, lists, &out, &e);

		if (table[i].want) {
			check_str(e.msg, "");
			check_str(buf_str(&out), table[i].want);
		} else if (r >= 0) {
			check_fail("rendered: %s", table[i].text);
		}
	}
}

int main(void)
{
	run(templates_render_as_jinja_renders_them);
	return done();
}
