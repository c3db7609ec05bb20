/* What both programs answer themselves: help, version, and --help and --version of any verb. */
#include "verb.h"

#include "buf.h"

#include <stdio.h>

static int print_version(const struct verb_args *a)
{
	if (verb_opt(a, "json"))
		printf("{\"version\":\"%s\"}\n", KBUILD_VERSION);
	else
		printf("%s %s\n", program.name, KBUILD_VERSION);
	return 0;
}

static void print_help(const struct verb *v)
{
	_buf_ text = BUF_INIT;

	verb_help(v, &text);
	fputs(buf_str(&text), stdout);
}

bool verb_answer_common(const struct verb *v, const struct verb_args *a)
{
	if (verb_opt(a, "help"))
		print_help(v);
	else if (verb_opt(a, "version"))
		print_version(a);
	else
		return false;
	return true;
}

static int run_help(_unused_ struct ctx *c, const struct verb_args *a, struct error *e)
{
	const struct verb *v = verb_arg(a, 0) ? verb_find(verb_arg(a, 0)) : NULL;

	if (verb_arg(a, 0) && !v)
		return verb_unknown(verb_arg(a, 0), e);
	if (verb_opt(a, "man")) {
		_buf_ text = BUF_INIT;

		verb_manual(v, &text);
		fputs(buf_str(&text), stdout);
	} else {
		print_help(v);
	}
	return 0;
}

static const struct verb_option help_options[] = {
	{ "man", NULL, "as a section of the manual page", 0 },
	{},
};

const struct verb verb_help_verb = {
	.name = "help",
	.args = "[VERB]",
	.summary = "explain this program, or one verb",
	.max = 1,
	.options = help_options,
	.run = run_help,
};

static int run_version(_unused_ struct ctx *c, const struct verb_args *a, _unused_ struct error *e)
{
	return print_version(a);
}

const struct verb verb_version = {
	.name = "version",
	.args = "",
	.summary = "print the version",
	.run = run_version,
};
