/* The proof of sealing: each kind of file that must not ship is found and named, and nothing else is. */
#include "bake.h"
#include "buf.h"
#include "check.h"
#include "definition.h"
#include "error.h"
#include "mark.h"
#include "rootfd.h"
#include "seal.h"
#include "sealed.h"
#include "tmpdir.h"

static const char pem[] =
	"text\n-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";

static const struct {
	const char *path, *text;
	bool found;
} table[] = {
	{ "/etc/ssh/ssh_host_ed25519_key", "x", true },
	{ "/etc/ssh/ssh_host_rsa_key.pub", "x", true },
	{ "/etc/dropbear/dropbear_ed25519_host_key", "x", true },
	{ "/etc/dropbear/initramfs/dropbear_rsa_host_key.pub", "x", true },
	{ "/etc/dropbear/initramfs/dropbear.conf", "x", false },
	{ "/etc/machine-id", "0123456789abcdef0123456789abcdef\n", true },
	{ "/var/lib/systemd/random-seed", "x", true },
	{ "/boot/efi/loader/random-seed", "x", true },
	{ "/var/lib/systemd/credential.secret", "x", true },
	{ "/var/lib/cloud/instances/i-1/user-data.txt", "x", true },
	{ "/var/log/apt/history.log", "x", true },
	{ "/var/lib/apt/lists/some_InRelease", "x", true },
	{ "/root/.bash_history", "ls\n", true },
	{ "/var/lib/cloud/scripts/per-boot/theirs.sh", "x", true },
	{ "/var/lib/cloud/scripts/per-boot/ours.sh", "x", false },
	{ "/etc/shadow-", "x", true },
	{ "/tmp/left", "", true },
	{ "/etc/ssl/private/server.key", pem, true },
	{ "/home/ko/.ssh/id_ed25519", pem, true },
	{ "/etc/nvme/hostnqn", "x", true },
	{ "/etc/nvme/hostid", "x", true },
	{ "/etc/bind/rndc.key", "x", true },
	{ "/etc/munge/munge.key", "x", false },
	{ "/etc/machine-id", "", false },
	{ "/var/log/wtmp", "", false },
	{ "/etc/ssh/sshd_config", "HostKey /etc/ssh/ssh_host_rsa_key\n", false },
	{ "/usr/share/doc/example.pem", pem, false },
	{ "/etc/allowed.key", pem, false },
	{ "/etc/kbuild/image.key", "# public key: age1x\nAGE-SECRET-KEY-1X\n", true },
	{ "/etc/kbuild/handoff.json", "{}", true },
	{ "/etc/kbuild/handoff.json.taken", "{}", true },
	{ "/etc/kbuild/agent.yaml", "name: x\n", false },
	{ "/var/lib/kbuild/status.json", "{}", true },
	{ "/etc/public.pem", "-----BEGIN PUBLIC KEY-----\nPRIVATE KEY----- below\n", false },
};

static void each_file_is_judged_by_name_and_content(void)
{
	static const char *const allowed[] = { "/etc/allowed.key", "/etc/munge/munge.key",
		"/var/lib/cloud/scripts/per-boot/ours.sh", NULL };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_close_ int root = -1;
		_buf_ found = BUF_INIT;

		check_int(remove_all(tmp_fd(), "root"), 0);
		check_int(mkdirat(tmp_fd(), "root", 0755), 0);
		root = openat(tmp_fd(), "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		check_int(rootfd_puts(root, table[i].path, table[i].text, 0600), 0);
		check_int(seal_scan(root, allowed, &found), 0);
		if ((found.len > 0) != table[i].found)
			check_fail(
				"%s: %s", table[i].path, found.len ? buf_str(&found) : "not found");
		if (table[i].found)
			check(strncmp(buf_str(&found), table[i].path, strlen(table[i].path)) == 0);
	}
}

static void a_link_is_not_followed(void)
{
	_close_ int root = -1;
	_buf_ found = BUF_INIT;

	check_int(remove_all(tmp_fd(), "root"), 0);
	check_int(mkdirat(tmp_fd(), "root", 0755), 0);
	root = openat(tmp_fd(), "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check_int(rootfd_symlink(root, "/usr/share/doc/key", "/etc/link.key"), 0);
	check_int(rootfd_puts(root, "/usr/share/doc/key", pem, 0644), 0);
	check_int(seal_scan(root, NULL, &found), 0);
	check_str(buf_str(&found), "");
}

static const char definition[] =
	"#cloud-config\n"
	"write_files:\n"
	"- {path: /var/lib/cloud/scripts/per-boot/ours.sh, content: x}\n"
	"kbuild: {name: x, base: {distribution: debian, release: trixie}}\n";

static const struct {
	const char *path, *left; /* NULL: it goes */
	bool refused;		 /* where a definition wants to write it */
} sealed[] = {
	{ "/var/lib/cloud/scripts/per-boot/ours.sh", "text", false },
	{ "/var/lib/cloud/scripts/per-boot/theirs.sh", NULL, false },
	{ "/var/lib/cloud/instance/ours.sh", NULL, true },
	{ "/var/log/some.log", NULL, true },
	{ "/var/log/wtmp", "", true },
	{ "/var/tmp/a/b", NULL, true },
	{ "/etc/machine-id", "", true },
	{ "/etc/nvme/hostnqn", NULL, true },
	{ "/etc/fstab", "text", false },
};

static void sealing_takes_all_but_the_scripts_of_the_definition(void)
{
	_cleanup_(definition_freep) struct definition *def = NULL;
	_cleanup_(diags_free) struct diags diags = DIAGS_INIT;
	_close_ int root = -1;
	struct error e = {};
	struct bake b = {};

	check_int(remove_all(tmp_fd(), "root"), 0);
	check_int(mkdirat(tmp_fd(), "root", 0755), 0);
	root = openat(tmp_fd(), "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(sealed); i++)
		check_int(rootfd_puts(root, sealed[i].path, "text", 0644), 0);
	check_int(file_replace(tmp_fd(), "x.yaml", definition, strlen(definition), 0644), 0);
	check_int(definition_load(&def, tmp_name("x.yaml"), &diags, &e), 0);
	b.root_fd = root;
	b.def = def;
	if (seal_run(&b, &e) < 0)
		check_fail("%s", e.msg);
	for (size_t i = 0; i < ARRAY_SIZE(sealed); i++) {
		_buf_ text = BUF_INIT;

		check_int(sealed_loses(sealed[i].path), sealed[i].refused);
		check_int(rootfd_exists(root, sealed[i].path), sealed[i].left != NULL);
		if (!sealed[i].left)
			continue;
		check_int(rootfd_read(root, sealed[i].path, KIB, &text), 0);
		check_str(buf_str(&text), sealed[i].left);
	}
}

int main(void)
{
	run(each_file_is_judged_by_name_and_content);
	run(a_link_is_not_followed);
	run(sealing_takes_all_but_the_scripts_of_the_definition);
	return done();
}
