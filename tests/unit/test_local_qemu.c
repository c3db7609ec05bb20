/* The command line of QEMU, as a table of what must stand in it; versions; memory of the host. */
#include "check.h"

#include "arena.h"
#include "error.h"
#include "local_qemu.h"
#include "local_state.h"
#include "preflight.h"
#include "provider.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

static struct port_forward forwards[] = {
	{ .host = 8080, .guest = 80, .address = "127.0.0.1" },
	{ .host = 5353, .guest = 53, .udp = true, .address = "0.0.0.0" },
};

static struct local_record record(void)
{
	return (struct local_record){
		.uuid = "11111111-2222-4333-8444-555555555555",
		.mac = "52:54:00:01:02:03",
		.accel = "tcg",
		.cpu = "max",
		.memory = 2 * GIB,
		.cpus = 2,
		.ssh_port = 2222,
		.forwards = forwards,
		.n_forwards = 2,
	};
}

/* The value behind the i-th option of that name, or NULL. */
static const char *value(const char **argv, const char *option, int i)
{
	for (; *argv; argv++) {
		if (strcmp(*argv, option) == 0 && i-- == 0)
			return argv[1];
	}
	return NULL;
}

static void the_command_line_says_what_the_record_says(void)
{
	static const struct {
		const char *option;
		int nth;
		const char *want;
	} rows[] = {
		{ "-name", 0, "kbuild-web" },
		{ "-uuid", 0, "11111111-2222-4333-8444-555555555555" },
		{ "-machine", 0, "q35" },
		{ "-accel", 0, "tcg,thread=multi" },
		{ "-cpu", 0, "max" },
		{ "-smp", 0, "2" },
		{ "-m", 0, "2048M" },
		{ "-display", 0, "none" },
		{ "-netdev", 0,
			"user,id=net0,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=tcp:127.0.0.1:8080-:80,"
			"hostfwd=udp:0.0.0.0:5353-:53" },
		{ "-chardev", 1, "socket,id=qmp,fd=7,server=on,wait=off" },
		{ "-pidfile", 0, "/a dir, with comma/qemu.pid" },
		{ "-blockdev", 0,
			"driver=qcow2,node-name=root,file.driver=file,file.filename=root.qcow2,"
			"read-only=off,discard=unmap,file.discard=unmap" },
		{ "-device", 1, "virtio-blk-pci,drive=root,serial=kbuild-root,bootindex=1" },
		{ "-device", 2, "virtio-blk-pci,drive=config-2,serial=kbuild-config-2" },
		{ "-device", 3, "virtio-scsi-pci,id=plug" },
		{ "-device", 5, NULL },
	};
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct local_record r = record();
	const char **argv = qemu_argv("web", &r, "/a dir, with comma/qemu.pid", 7, a);

	check_str(argv[0], "qemu-system-x86_64");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_str(value(argv, rows[i].option, rows[i].nth), rows[i].want);
	check(value(argv, "-pidfile", 0) && value(argv, "-daemonize", 0) == NULL);
}

static void a_volume_comes_between_root_and_config_drive(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct local_record r = record();
	const char **argv;

	r.volume_size = GIB;
	r.accel = "kvm";
	argv = qemu_argv("web", &r, "/p", 7, a);
	check_str(value(argv, "-device", 2), "virtio-blk-pci,drive=volume,serial=kbuild-volume");
	check_str(value(argv, "-accel", 0), "kvm");
}

static void a_server_can_have_an_address_of_its_own(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct local_record r = record();

	r.address = "192.0.2.7/24";
	r.n_forwards = 0;
	check_str(value(qemu_argv("web", &r, "/p", 7, a), "-netdev", 0),
		"user,id=net0,hostfwd=tcp:127.0.0.1:2222-:22,net=192.0.2.7/24,dhcpstart=192.0.2.7");
}

static void the_cpu_depends_on_accelerator_and_version(void)
{
	check_str(qemu_cpu("kvm", 7), "host");
	check_str(qemu_cpu("tcg", 6), "qemu64,-cx16,+rdrand");
	check_str(qemu_cpu("tcg", 7), "qemu64,-cx16,+rdrand");
	check_str(qemu_cpu("tcg", 8), "max");
	check_str(qemu_cpu("tcg", 10), "max");
}

static void versions_are_read(void)
{
	check_int(qemu_version_parse("QEMU emulator version 7.2.22 (Debian 1:7.2)\nCopy"), 7);
	check_int(qemu_version_parse("QEMU emulator version 10.0.2\n"), 10);
	check_int(qemu_version_parse("something else 7.2"), 0);
	check_int(qemu_version_parse(""), 0);
}

static void available_memory_is_read(void)
{
	check_int(meminfo_available("MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable:   50 kB\n"
				    "SwapFree:  8 kB\n"),
		58 * 1024);
	check_int(meminfo_available("MemTotal: 100 kB\n"), 0);
}

static void memory_that_no_machine_has_is_refused(void)
{
	struct error e = {};

	check_int(need_memory(KIB, &e), 0);
	check(need_memory(UINT64_C(1) << 60, &e) < 0);
	check(strstr(e.msg, "--memory"));
}

static void space_that_no_disk_has_is_refused(void)
{
	struct error e = {};

	check_int(need_space("/tmp/not/there/yet", 1, &e), 0);
	check(need_space("/tmp/not/there/yet", UINT64_C(1) << 62, &e) < 0);
	check(strstr(e.msg, "no space"));
}

static void a_missing_program_names_its_package(void)
{
	struct error e = {};

	check_int(need_program("sh", "dash", &e), 0);
	check(need_program("no-such-program", "no-such-package", &e) < 0);
	check(strstr(e.msg, "install the package no-such-package"));
}

static void a_port_that_is_listened_on_is_in_use(void)
{
	_close_ int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof sa;
	struct port_forward f = { .guest = 80, .address = "127.0.0.1" };
	struct error e = {};

	check(bind(fd, (struct sockaddr *)&sa, sizeof sa) == 0 && listen(fd, 1) == 0);
	check(getsockname(fd, (struct sockaddr *)&sa, &len) == 0);
	f.host = ntohs(sa.sin_port);
	check_int(port_probe("127.0.0.1", f.host, false), -EADDRINUSE);
	check_int(port_probe("127.0.0.1", f.host, true), 0);
	check(need_ports(&f, 1, &e) < 0);
	check(strstr(e.msg, "in use by another program"));
}

static void a_port_is_forwarded_once(void)
{
	struct port_forward two[] = { { .host = 47123, .guest = 80, .address = "127.0.0.1" },
		{ .host = 47123, .guest = 81, .address = "0.0.0.0" } };
	struct error e = {};

	check(need_ports(two, 2, &e) < 0);
	check_int(e.code, ERR_USAGE);
	two[1].udp = true;
	check_int(need_ports(two, 2, &e), 0);
}

int main(void)
{
	run(the_command_line_says_what_the_record_says);
	run(a_volume_comes_between_root_and_config_drive);
	run(a_server_can_have_an_address_of_its_own);
	run(the_cpu_depends_on_accelerator_and_version);
	run(versions_are_read);
	run(available_memory_is_read);
	run(memory_that_no_machine_has_is_refused);
	run(space_that_no_disk_has_is_refused);
	run(a_missing_program_names_its_package);
	run(a_port_that_is_listened_on_is_in_use);
	run(a_port_is_forwarded_once);
	return done();
}
