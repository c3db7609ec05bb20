/* The proof of sealing: each kind of file that must not ship is found and named, and nothing else is. */
#include "buf.h"
#include "check.h"
#include "rootfd.h"
#include "seal.h"
#include "tmpdir.h"

static const char pem[] =
	"text\n-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";

static const struct {
	const char *path, *text;
	bool found;
} table[] = {
	{ "/etc/ssh/ssh_host_ed25519_key", "x", true },
	{ "/etc/ssh/ssh_host_rsa_key.pub", "x", true },
	{ "/etc/machine-id", "0123456789abcdef0123456789abcdef\n", true },
	{ "/var/lib/systemd/random-seed", "x", true },
	{ "/boot/efi/loader/random-seed", "x", true },
	{ "/var/lib/systemd/credential.secret", "x", true },
	{ "/var/lib/cloud/instances/i-1/user-data.txt", "x", true },
	{ "/var/log/apt/history.log", "x", true },
	{ "/var/lib/apt/lists/some_InRelease", "x", true },
	{ "/root/.bash_history", "ls\n", true },
	{ "/etc/shadow-", "x", true },
	{ "/tmp/left", "", true },
	{ "/etc/ssl/private/server.key", pem, true },
	{ "/home/ko/.ssh/id_ed25519", pem, true },
	{ "/etc/machine-id", "", false },
	{ "/var/log/wtmp", "", false },
	{ "/etc/ssh/sshd_config", "HostKey /etc/ssh/ssh_host_rsa_key\n", false },
	{ "/usr/share/doc/example.pem", pem, false },
	{ "/etc/allowed.key", pem, false },
	{ "/etc/kbuild/image.key", "# public key: age1x\nAGE-SECRET-KEY-1X\n", true },
	{ "/etc/kbuild/handoff.json", "{}", true },
	{ "/etc/kbuild/agent.yaml", "name: x\n", false },
	{ "/var/lib/kbuild/status.json", "{}", true },
	{ "/etc/public.pem", "-----BEGIN PUBLIC KEY-----\nPRIVATE KEY----- below\n", false },
};

static void each_file_is_judged_by_name_and_content(void)
{
	static const char *const allowed[] = { "/etc/allowed.key", NULL };

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

int main(void)
{
	run(each_file_is_judged_by_name_and_content);
	run(a_link_is_not_followed);
	return done();
}
