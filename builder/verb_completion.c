/*
 * kbuild completion: what a shell needs to complete our command line, made from the verb table, so
 * that it knows every verb and option there is and none that is not.
 */
#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

/* What stands for a verb's first argument: a definition, a server, or neither. */
static bool wants(const struct verb *v, const char *what)
{
	return strstr(v->args, what) != NULL;
}

/* Text inside single quotes of any of the three shells. */
static void add_quoted(struct buf *out, const char *s)
{
	for (; *s; s++)
		buf_adds(out, *s == '\'' ? "’" : (const char[]){ *s, '\0' });
}

static void add_option_words(struct buf *out, const struct verb_option *o)
{
	for (; o && o->name; o++)
		buf_printf(out, " --%s", o->name);
}

/* "|" separated patterns of the options that take a value, for a case of bash. */
static void add_value_patterns(struct buf *out, const struct verb_option *o)
{
	for (; o && o->name; o++) {
		if (o->arg)
			buf_printf(out, "|--%s", o->name);
		if (o->arg && o->letter)
			buf_printf(out, "|-%c", o->letter);
	}
}

static void write_bash(struct buf *out)
{
	buf_adds(out,
		"# bash completion for kbuild; made by 'kbuild completion bash'.\n"
		"_kbuild_servers() {\n"
		"\tkbuild list --json 2>/dev/null | grep -o '\"name\":\"[^\"]*\"' | cut -d'\"' -f4\n"
		"}\n"
		"_kbuild() {\n"
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= words= word\n"
		"\tlocal kind=\n"
		"\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
		"\t\tcase $word in\n"
		"\t\t-*) ;;\n"
		"\t\t*) verb=$word; break ;;\n"
		"\t\tesac\n"
		"\tdone\n"
		"\tcase $verb in\n");
	for (const struct verb *const *v = program.verbs; *v; v++) {
		buf_printf(out, "\t%s)\n\t\tkind=%s\n\t\twords='", (*v)->name,
			wants(*v, "FILE")   ? "file"
			: wants(*v, "NAME") ? "server"
			: wants(*v, "VERB") ? "verb"
					    : "");
		add_option_words(out, (*v)->options);
		buf_adds(out, "'\n\t\tcase $prev in NONE");
		add_value_patterns(out, (*v)->options);
		buf_adds(out, ") kind=any ;; esac ;;\n");
	}
	buf_adds(out, "\t*) kind=verb ;;\n\tesac\n\tcase $prev in NONE");
	add_value_patterns(out, program.options);
	buf_adds(out, ") kind=any ;; esac\n\twords=\"$words");
	add_option_words(out, program.options);
	buf_adds(out,
		"\"\n"
		"\tCOMPREPLY=()\n"
		"\tcase $kind:$cur in\n"
		"\tany:*) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
		"\t*:-*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
		"\tfile:*) COMPREPLY=($(compgen -f -X '!*.y*ml' -- \"$cur\") $(compgen -d -- \"$cur\")) ;;\n"
		"\tserver:*) COMPREPLY=($(compgen -W \"$(_kbuild_servers)\" -- \"$cur\")) ;;\n"
		"\tverb:*) COMPREPLY=($(compgen -W '");
	for (const struct verb *const *v = program.verbs; *v; v++)
		buf_printf(out, " %s", (*v)->name);
	buf_adds(out, "' -- \"$cur\")) ;;\n\tesac\n}\ncomplete -o filenames -F _kbuild kbuild\n");
}

static void add_zsh_options(struct buf *out, const struct verb_option *o)
{
	for (; o && o->name; o++) {
		buf_printf(out, " \\\n\t\t\t'--%s%s[", o->name, o->arg ? "=" : "");
		for (const char *p = o->help; *p; p++) { /* brackets and colons end a description */
			const char *safe = *p == ':'   ? ","
					   : *p == '[' ? "("
					   : *p == ']' ? ")"
						       : NULL;

			add_quoted(out, safe ? safe : (const char[]){ *p, '\0' });
		}
		buf_adds(out, "]");
		if (o->arg)
			buf_printf(out, ":%s:_files", o->arg);
		buf_adds(out, "'");
	}
}

static void write_zsh(struct buf *out)
{
	buf_adds(out,
		"#compdef kbuild\n"
		"# zsh completion for kbuild; made by 'kbuild completion zsh'.\n"
		"_kbuild() {\n"
		"\tlocal -a verbs\n"
		"\tverbs=(\n");
	for (const struct verb *const *v = program.verbs; *v; v++) {
		buf_printf(out, "\t\t'%s:", (*v)->name);
		add_quoted(out, (*v)->summary);
		buf_adds(out, "'\n");
	}
	buf_adds(out,
		"\t)\n"
		"\tif ((CURRENT == 2)); then\n"
		"\t\t_describe verb verbs\n"
		"\t\treturn\n"
		"\tfi\n"
		"\tlocal verb=$words[2]\n"
		"\tshift words\n"
		"\t((CURRENT--))\n"
		"\tcase $verb in\n");
	for (const struct verb *const *v = program.verbs; *v; v++) {
		buf_printf(out, "\t%s)\n\t\t_arguments", (*v)->name);
		add_zsh_options(out, (*v)->options);
		add_zsh_options(out, program.options);
		if (wants(*v, "FILE"))
			buf_adds(out, " \\\n\t\t\t'*:definition:_files -g \"*.y*ml\"'");
		buf_adds(out, " ;;\n");
	}
	buf_adds(out, "\tesac\n}\n_kbuild \"$@\"\n");
}

static void add_fish_options(struct buf *out, const char *condition, const struct verb_option *o)
{
	for (; o && o->name; o++) {
		buf_printf(out, "complete -c kbuild%s -l %s", condition, o->name);
		if (o->letter)
			buf_printf(out, " -s %c", o->letter);
		buf_printf(out, "%s -d '", o->arg ? " -r" : "");
		add_quoted(out, o->help);
		buf_adds(out, "'\n");
	}
}

static void write_fish(struct buf *out)
{
	buf_adds(out,
		"# fish completion for kbuild; made by 'kbuild completion fish'.\n"
		"complete -c kbuild -f\n");
	for (const struct verb *const *v = program.verbs; *v; v++) {
		_free_ char *seen = xasprintf(" -n '__fish_seen_subcommand_from %s'", (*v)->name);

		buf_printf(
			out, "complete -c kbuild -n __fish_use_subcommand -a %s -d '", (*v)->name);
		add_quoted(out, (*v)->summary);
		buf_adds(out, "'\n");
		add_fish_options(out, seen, (*v)->options);
		if (wants(*v, "FILE"))
			buf_printf(out,
				"complete -c kbuild%s -a '(__fish_complete_suffix .yaml)'\n", seen);
	}
	add_fish_options(out, "", program.options);
}

static const struct {
	const char *name;
	void (*write)(struct buf *out);
} shells[] = {
	{ "bash", write_bash },
	{ "fish", write_fish },
	{ "zsh", write_zsh },
};

static int run(_unused_ struct ctx *c, const struct verb_args *a, struct error *e)
{
	_buf_ out = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (strcmp(verb_arg(a, 0), shells[i].name) != 0)
			continue;
		shells[i].write(&out);
		fputs(buf_str(&out), stdout);
		return 0;
	}
	return error_set(e, ERR_USAGE, "completion is made for bash, fish or zsh, not for '%s'",
		verb_arg(a, 0));
}

const struct verb verb_completion = {
	.name = "completion",
	.args = "SHELL",
	.summary = "print the completion of the command line for bash, fish or zsh",
	.min = 1,
	.max = 1,
	.examples =
		"  kbuild completion bash > ~/.local/share/bash-completion/completions/kbuild\n"
		"  kbuild completion fish > ~/.config/fish/completions/kbuild.fish\n",
	.run = run,
};
