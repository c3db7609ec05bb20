/*
 * ssh_pwauth and disable_root, in one drop-in that is read before cloud-init's (50-cloud-init.conf),
 * because sshd keeps the first value it meets. Hardening beyond that belongs to a drop-in of its own.
 */
#include "bake_topic.h"
#include "buf.h"
#include "error.h"
#include "node.h"

#define DROP_IN "/etc/ssh/sshd_config.d/10-kbuild.conf"

static bool applies(const struct bake *b)
{
	return bake_has(b, "/usr/sbin/sshd");
}

static int run(const struct bake *b, struct error *e)
{
	const struct node *pwauth = bake_key(b, "ssh_pwauth");
	bool password = false, no_root = true;
	_buf_ text = BUF_INIT;

	/* "unchanged" and an absent key mean no: the keys come from the cloud. */
	if (pwauth && pwauth->kind == NODE_SCALAR) {
		struct node plain = *pwauth;

		plain.quoted = false; /* "yes" in quotes is an old spelling that cloud-init takes */
		node_is_bool(&plain, &password);
	}
	node_is_bool(bake_key(b, "disable_root"), &no_root);
	buf_printf(&text,
		"# Written by kbuild from ssh_pwauth and disable_root.\n"
		"PasswordAuthentication %s\n"
		"KbdInteractiveAuthentication no\n"
		"PermitRootLogin %s\n",
		password ? "yes" : "no", no_root ? "no" : "prohibit-password");
	return bake_puts(b, DROP_IN, buf_str(&text), 0644, e);
}

const struct bake_topic bake_ssh = { "ssh_pwauth", applies, run };
