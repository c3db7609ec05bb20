/* Who may log in, as cloud-init's own rules choose among the forms of users. */
#include "login.h"

#include "alloc.h"
#include "buf.h"
#include "check.h"
#include "definition.h"
#include "error.h"
#include "fd.h"
#include "mark.h"
#include "tmpdir.h"

#define BASE "kbuild:\n  name: t\n  base: {distribution: debian, release: trixie}\n"

static const struct {
	const char *body, *user; /* NULL: nobody is known */
} rows[] = {
	{ "", "debian" },
	{ "user: ko\n", "ko" },
	{ "user: {name: ko}\n", "ko" },
	{ "users: [default, ko]\n", "debian" },
	{ "users: default\n", "debian" },
	{ "users: {default: true}\n", "debian" },
	{ "users: [{name: ko}]\n", NULL },
	{ "users: []\n", NULL },
	{ "user: ko\nusers: [{name: deploy}]\n", "ko" },
	{ "user: ko\nusers: [default]\n", "ko" },
};

static void each_form_names_its_user(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(definition_freep) struct definition *def = NULL;
		_cleanup_(diags_free) struct diags d = DIAGS_INIT;
		_free_ char *user = NULL;
		struct error e = {};
		_buf_ b = BUF_INIT;

		buf_printf(&b, "#cloud-config\n%s" BASE, rows[i].body);
		check_int(file_replace(tmp_fd(), "t.yaml", b.data, b.len, 0644), 0);
		if (definition_load(&def, tmp_name("t.yaml"), &d, &e) < 0)
			check_fail("row %zu: %s: %s", i, e.msg, d.n ? d.v[0].message : "");
		user = login_user(def);
		if (!user != !rows[i].user || (user && strcmp(user, rows[i].user) != 0))
			check_fail("row %zu: %s, wanted %s", i, user ? user : "nobody",
				rows[i].user ? rows[i].user : "nobody");
	}
}

int main(void)
{
	run(each_form_names_its_user);
	return done();
}
