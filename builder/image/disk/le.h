/* Little-endian numbers at any place in a buffer: on-disk structures are written by offset. */
#pragma once

#include "base.h"

#include <endian.h>
#include <string.h>

static inline void put16(void *at, uint16_t v)
{
	v = htole16(v);
	memcpy(at, &v, sizeof v);
}

static inline void put32(void *at, uint32_t v)
{
	v = htole32(v);
	memcpy(at, &v, sizeof v);
}

static inline void put64(void *at, uint64_t v)
{
	v = htole64(v);
	memcpy(at, &v, sizeof v);
}

static inline uint16_t get16(const void *at)
{
	uint16_t v;

	memcpy(&v, at, sizeof v);
	return le16toh(v);
}

static inline uint32_t get32(const void *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof v);
	return le32toh(v);
}
