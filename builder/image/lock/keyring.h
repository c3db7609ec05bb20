/*
 * kbuild.base.keyring: a file with the archive's keys, anywhere. What a lock knows of it is its bytes,
 * and what apt gets is a copy.
 */
#pragma once

#include "base.h"

struct apt_sources;
struct buf;
struct definition;
struct error;

/* The keys in the form that apt and gpgv both read, whether the file is armored or not. */
int keyring_read(const char *path, struct buf *ret, struct error *e);

/* SHA-256 of the file as it is, hex. */
int keyring_digest(const char *path, char ret[65], struct error *e);

/* Fails when a keyring file is not there, naming the package that brings it. */
int apt_sources_check_keyrings(
	const struct apt_sources *s, const struct definition *def, struct error *e);
