/*
 * Reading the command line by the verb table, and help from the same rows. Options may stand
 * before or after the verb and its arguments; "--" ends them.
 */
#include "verb.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "mark.h"

#include <string.h>

struct given {
	const char *name, *value;
};

struct verb_args {
	struct given *options;
	size_t n_options, cap_options;
	const char **args;
	size_t n_args, cap_args;
};

const char *verb_opt_nth(const struct verb_args *a, const char *name, size_t i)
{
	for (size_t k = 0; k < a->n_options; k++) {
		if (strcmp(a->options[k].name, name) == 0 && i-- == 0)
			return a->options[k].value;
	}
	return NULL;
}

const char *verb_opt(const struct verb_args *a, const char *name)
{
	const char *value = NULL, *next;

	for (size_t i = 0; (next = verb_opt_nth(a, name, i)); i++)
		value = next;
	return value;
}

const char *verb_arg(const struct verb_args *a, size_t i)
{
	return i < a->n_args ? a->args[i] : NULL;
}

size_t verb_arg_count(const struct verb_args *a)
{
	return a->n_args;
}

void verb_args_free(struct verb_args *a)
{
	if (!a)
		return;
	free(a->options);
	free(a->args);
	free(a);
}

const struct verb *verb_find(const char *name)
{
	for (const struct verb *const *v = program.verbs; *v; v++) {
		if (strcmp((*v)->name, name) == 0)
			return *v;
	}
	return NULL;
}

int verb_unknown(const char *name, struct error *e)
{
	const char *names[64] = { NULL };
	const char *near;
	size_t n = 0;

	for (const struct verb *const *v = program.verbs; *v && n < ARRAY_SIZE(names) - 1; v++)
		names[n++] = (*v)->name;
	near = nearest_word(name, names);
	if (near)
		return error_set(e, ERR_USAGE, "unknown verb '%s'; did you mean '%s'?", name, near);
	return error_set(
		e, ERR_USAGE, "unknown verb '%s'; '%s --help' lists all", name, program.name);
}

static const struct verb_option *find_in(
	const struct verb_option *o, const char *name, size_t len, char letter)
{
	for (; o && o->name; o++) {
		if (letter ? o->letter == letter
			   : strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	}
	return NULL;
}

static int unknown_option(const struct verb *v, const char *text, struct error *e)
{
	const char *names[64] = { NULL };
	_free_ char *bare = xstrndup(text + 2, strcspn(text + 2, "="));
	const char *near;
	size_t n = 0;

	for (const struct verb_option *o = v ? v->options : NULL; o && o->name && n < 40; o++)
		names[n++] = o->name;
	for (const struct verb_option *o = program.options; o->name && n < 63; o++)
		names[n++] = o->name;
	near = nearest_word(bare, names);
	error_set(e, ERR_USAGE, "unknown option '%s'", text);
	if (near)
		return error_append(e, "; did you mean '--%s'?", near);
	return error_append(
		e, "; see '%s %s%s--help'", program.name, v ? v->name : "", v ? " " : "");
}

/* The option that argv[*i] names, moving *i past a value that stands apart. */
static int take_option(
	struct verb_args *a, const struct verb *v, char **argv, int *i, struct error *e)
{
	const char *text = argv[*i], *eq = NULL, *value = "";
	const struct verb_option *o;

	if (text[1] == '-') {
		eq = strchr(text, '=');
		size_t len = eq ? (size_t)(eq - text) - 2 : strlen(text + 2);

		o = v ? find_in(v->options, text + 2, len, 0) : NULL;
		if (!o)
			o = find_in(program.options, text + 2, len, 0);
	} else {
		o = v ? find_in(v->options, NULL, 0, text[1]) : NULL;
		if (!o)
			o = find_in(program.options, NULL, 0, text[1]);
		if (o && text[2] && !o->arg)
			return error_set(e, ERR_USAGE, "write short options apart: '-%c -%s'",
				text[1], text + 2);
	}
	if (!o && text[1] != '-')
		return error_set(e, ERR_USAGE, "unknown option '%s'", text);
	if (!o)
		return unknown_option(v, text, e);
	if (!o->arg && eq)
		return error_set(e, ERR_USAGE, "the option --%s takes no value", o->name);
	if (o->arg) {
		if (eq)
			value = eq + 1;
		else if (text[1] != '-' && text[2])
			value = text + 2;
		else if (!(value = argv[*i + 1]))
			return error_set(e, ERR_USAGE, "the option --%s wants a value: --%s %s",
				o->name, o->name, o->arg);
		else
			(*i)++;
	}
	a->options = grow(a->options, a->n_options, &a->cap_options, sizeof *a->options);
	a->options[a->n_options++] = (struct given){ o->name, value };
	return 0;
}

static void take_arg(struct verb_args *a, const char *arg)
{
	a->args = grow(a->args, a->n_args, &a->cap_args, sizeof *a->args);
	a->args[a->n_args++] = arg;
}

static int check_count(const struct verb *v, const struct verb_args *a, struct error *e)
{
	if (a->n_args < (size_t)v->min)
		error_set(e, ERR_USAGE, "'%s %s' wants %s", program.name, v->name, v->args);
	else if (v->max >= 0 && a->n_args > (size_t)v->max)
		error_set(e, ERR_USAGE, "'%s %s' does not know what to do with '%s'", program.name,
			v->name, a->args[v->max]);
	else
		return 0;
	return error_append(e, "; see '%s %s --help'", program.name, v->name);
}

/* The verb is the first word that is no option nor the value of a common one. */
static const char *verb_word(char **argv)
{
	for (int i = 1; argv[i]; i++) {
		const struct verb_option *o = NULL;

		if (argv[i][0] != '-' || !argv[i][1])
			return argv[i];
		if (strcmp(argv[i], "--") == 0)
			return NULL;
		if (argv[i][1] == '-')
			o = find_in(program.options, argv[i] + 2, strlen(argv[i] + 2), 0);
		else if (!argv[i][2])
			o = find_in(program.options, NULL, 0, argv[i][1]);
		if (o && o->arg && argv[i + 1])
			i++;
	}
	return NULL;
}

int verb_parse(struct verb_args **ret, const struct verb **ret_verb, int argc, char **argv,
	struct error *e)
{
	_cleanup_(verb_args_freep) struct verb_args *a = xcalloc(1, sizeof *a);
	const char *word = verb_word(argv);
	const struct verb *v = word ? verb_find(word) : NULL;
	bool ended = false;
	int r;

	if (word && !v)
		return verb_unknown(word, e);
	for (int i = 1; i < argc; i++) {
		if (!ended && strcmp(argv[i], "--") == 0) {
			ended = true;
		} else if (!ended && argv[i][0] == '-' && argv[i][1]) {
			r = take_option(a, v, argv, &i, e);
			if (r < 0)
				return r;
		} else if (argv[i] != word) {
			take_arg(a, argv[i]);
		}
	}
	if (!verb_opt(a, "help") && !verb_opt(a, "version")) {
		if (!v)
			return error_set(e, ERR_USAGE,
				"what shall be done? '%s --help' lists all verbs", program.name);
		r = check_count(v, a, e);
		if (r < 0)
			return r;
	}
	*ret_verb = v;
	*ret = TAKE(a);
	return 0;
}

static void help_options(const struct verb_option *o, struct buf *out)
{
	for (; o->name; o++) {
		_free_ char *left = xasprintf("%s%c%s--%s%s%s", o->letter ? "-" : " ",
			o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name,
			o->arg ? " " : "", o->arg ? o->arg : "");

		buf_printf(out, "  %-24s %s\n", left, o->help);
	}
}

void verb_help(const struct verb *v, struct buf *out)
{
	if (v) {
		buf_printf(out, "%s %s%s%s\n    %s.\n", program.name, v->name, *v->args ? " " : "",
			v->args, v->summary);
		if (v->options) {
			buf_adds(out, "\nOptions:\n");
			help_options(v->options, out);
		}
		if (v->examples)
			buf_printf(out, "\nExamples:\n%s", v->examples);
		buf_printf(out, "\nOptions of every verb: %s --help\n", program.name);
		return;
	}
	buf_printf(out, "%s: %s\n\nusage: %s VERB [OPTION…] [ARGUMENT…]\n\nVerbs:\n", program.name,
		program.about, program.name);
	for (const struct verb *const *t = program.verbs; *t; t++) {
		_free_ char *left = xasprintf("%s %s", (*t)->name, (*t)->args);

		buf_printf(out, "  %-24s %s\n", left, (*t)->summary);
	}
	buf_adds(out, "\nOptions of every verb:\n");
	help_options(program.options, out);
	buf_printf(out, "\n%s", program.footer);
}
