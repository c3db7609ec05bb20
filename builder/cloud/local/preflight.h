/*
 * What must be there before a local server is made, asked before anything is: programs, ports,
 * memory, space. Each complaint says what to do.
 */
#pragma once

#include "base.h"

struct error;
struct port_forward;

/* package is what to install when the program is missing. */
int need_program(const char *program, const char *package, struct error *e);

/* Can be listened on now. 0, -EADDRINUSE, -EACCES, -EADDRNOTAVAIL … */
int port_probe(const char *address, unsigned port, bool udp);
/* As port_probe() for all of them, and no two the same. what: where the user said so, "--forward". */
int need_ports(const struct port_forward *f, size_t n, struct error *e);
/* The first free TCP port on 127.0.0.1 from 2222 on that is not among taken (ended by 0) nor forwarded. */
int free_port(const unsigned *taken, const struct port_forward *f, size_t n, unsigned *ret,
	struct error *e);

/* bytes of memory are available on this machine. */
int need_memory(uint64_t bytes, struct error *e);
/* dir (or its nearest parent that exists) is on this device. */
bool on_device(const char *dir, dev_t device);
/* bytes can be written below dir (or its nearest parent that exists). */
int need_space(const char *dir, uint64_t bytes, struct error *e);

/* MemAvailable and SwapFree of a /proc/meminfo, in bytes; 0 when it does not say. */
uint64_t meminfo_available(const char *text);
