/* Questions to the host. A port is free when it can be bound; there is no better answer. */
#include "preflight.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "process.h"
#include "provider.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define SSH_PORT_FIRST 2222
#define SSH_PORT_LAST  2999

int need_program(const char *program, const char *package, struct error *e)
{
	if (program_exists(program))
		return 0;
	return error_set(e, ERR_FAILED,
		"the program '%s' is not installed: install the package %s ('apt-get install %s')",
		program, package, package);
}

int port_probe(const char *address, unsigned port, bool udp)
{
	_close_ int fd = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int one = 1;

	if (fd < 0)
		return -errno;
	if (inet_pton(AF_INET, address, &sa.sin_addr) != 1)
		return -EINVAL;
	/* As QEMU does: connections that linger from an earlier server do not count. */
	if (!udp)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0 || (!udp && listen(fd, 1) < 0))
		return -errno;
	return 0;
}

static bool same_port(const struct port_forward *a, const struct port_forward *b)
{
	bool any = strcmp(a->address, "0.0.0.0") == 0 || strcmp(b->address, "0.0.0.0") == 0;

	return a->host == b->host && a->udp == b->udp &&
	       (any || strcmp(a->address, b->address) == 0);
}

int need_ports(const struct port_forward *f, size_t n, struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		const char *protocol = f[i].udp ? "UDP" : "TCP";
		int r;

		for (size_t k = 0; k < i; k++) {
			if (same_port(&f[i], &f[k]))
				return error_set(e, ERR_USAGE,
					"the %s port %u of this machine is forwarded twice",
					protocol, f[i].host);
		}
		r = port_probe(f[i].address, f[i].host, f[i].udp);
		if (r == -EADDRINUSE)
			return error_set(e, ERR_FAILED,
				"the %s port %u on %s is in use by another program: stop that, or "
				"choose another port ('--forward OTHER:%u')",
				protocol, f[i].host, f[i].address, f[i].guest);
		if (r == -EACCES)
			return error_set(e, ERR_FAILED,
				"only root may listen on the port %u: choose one from 1024 on, "
				"'--forward 8080:%u'",
				f[i].host, f[i].guest);
		if (r == -EADDRNOTAVAIL)
			return error_set(e, ERR_FAILED,
				"this machine has no address %s to forward from", f[i].address);
		if (r < 0)
			return error_errno(e, r, "listening on %s:%u", f[i].address, f[i].host);
	}
	return 0;
}

static bool is_taken(unsigned port, const unsigned *taken, const struct port_forward *f, size_t n)
{
	for (; *taken; taken++) {
		if (*taken == port)
			return true;
	}
	for (size_t i = 0; i < n; i++) {
		if (f[i].host == port && !f[i].udp)
			return true;
	}
	return false;
}

int free_port(const unsigned *taken, const struct port_forward *f, size_t n, unsigned *ret,
	struct error *e)
{
	for (unsigned port = SSH_PORT_FIRST; port <= SSH_PORT_LAST; port++) {
		if (!is_taken(port, taken, f, n) && port_probe("127.0.0.1", port, false) == 0) {
			*ret = port;
			return 0;
		}
	}
	return error_set(e, ERR_FAILED, "no free port for ssh between %d and %d", SSH_PORT_FIRST,
		SSH_PORT_LAST);
}

/* "Name:   123 kB" in bytes; 0 when it is not there. */
static uint64_t meminfo_value(const char *text, const char *name)
{
	const char *p = strstr(text, name);
	uint64_t kib = 0;

	if (!p || sscanf(p + strlen(name), " %" SCNu64 " kB", &kib) != 1)
		return 0;
	return kib * KIB;
}

uint64_t meminfo_available(const char *text)
{
	return meminfo_value(text, "MemAvailable:") + meminfo_value(text, "SwapFree:");
}

int need_memory(uint64_t bytes, struct error *e)
{
	_buf_ text = BUF_INIT;
	uint64_t have;

	if (file_read(AT_FDCWD, "/proc/meminfo", MIB, &text) < 0)
		return 0; /* not known: QEMU will say */
	have = meminfo_available(buf_str(&text));
	if (have == 0 || have >= bytes)
		return 0;
	return error_set(e, ERR_FAILED,
		"the server wants %" PRIu64 " MiB of memory, and this machine has %" PRIu64
		" MiB available: give it less ('--memory'), or stop something",
		bytes / MIB, have / MIB);
}

/* The nearest parent that exists; returns new. */
static char *nearest_dir(const char *dir)
{
	char *path = xstrdup(dir);

	while (access(path, F_OK) < 0 && strrchr(path, '/') > path)
		*strrchr(path, '/') = '\0';
	return path;
}

bool on_device(const char *dir, dev_t device)
{
	_free_ char *path = nearest_dir(dir);
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == device;
}

int need_space(const char *dir, uint64_t bytes, struct error *e)
{
	_free_ char *path = nearest_dir(dir);
	struct statvfs vfs;
	uint64_t have;

	if (statvfs(path, &vfs) < 0)
		return error_errno(e, errno, "asking for the free space of '%s'", path);
	have = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	if (have >= bytes)
		return 0;
	return error_set(e, ERR_FAILED,
		"no space for the server: it wants %" PRIu64 " MiB below '%s', where %" PRIu64
		" MiB are free",
		(bytes + MIB - 1) / MIB, path, have / MIB);
}
