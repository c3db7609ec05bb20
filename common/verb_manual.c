/* The manual page's part that must not disagree with the program: a verb's row as troff. */
#include "buf.h"
#include "verb.h"

/* Text as troff takes it literally: no hyphenation points, no line that looks like a request. */
static void add_text(struct buf *out, const char *s)
{
	bool start = true;

	for (; *s; s++) {
		if (start && (*s == '.' || *s == '\''))
			buf_adds(out, "\\&");
		if (*s == '\\')
			buf_adds(out, "\\e");
		else if (*s == '-')
			buf_adds(out, "\\-");
		else
			buf_addc(out, *s);
		start = *s == '\n';
	}
}

static void add_options(struct buf *out, const struct verb_option *o)
{
	for (; o && o->name; o++) {
		buf_adds(out, ".TP\n");
		if (o->letter)
			buf_printf(out, "\\fB\\-%c\\fR, ", o->letter);
		buf_adds(out, "\\fB\\-\\-");
		add_text(out, o->name);
		buf_adds(out, "\\fR");
		if (o->arg) {
			buf_adds(out, " \\fI");
			add_text(out, o->arg);
			buf_adds(out, "\\fR");
		}
		buf_addc(out, '\n');
		add_text(out, o->help);
		buf_adds(out, ".\n");
	}
}

void verb_manual(const struct verb *v, struct buf *out)
{
	if (!v) {
		add_options(out, program.options);
		return;
	}
	buf_adds(out, ".SS ");
	add_text(out, program.name);
	buf_addc(out, ' ');
	add_text(out, v->name);
	buf_addc(out, ' ');
	add_text(out, v->args);
	buf_addc(out, '\n');
	add_text(out, v->summary);
	buf_adds(out, ".\n");
	add_options(out, v->options);
	if (v->examples) {
		buf_adds(out, ".PP\n.nf\n");
		add_text(out, v->examples);
		buf_adds(out, ".fi\n");
	}
}
