/*
 * SHA-512 of a file in a thread of its own, while its bytes are being sent: the upload need not be read
 * twice, nor wait for a processor. The caller may use fd meanwhile, by pread() only.
 */
#pragma once

#include "base.h"

struct upload_hash;

/* Starts; fd is borrowed until it is freed. Returns new. */
struct upload_hash *upload_hash_start(int fd, uint64_t size);
/* Ends the thread when it still runs. */
void upload_hash_free(struct upload_hash *h);
DEFINE_CLEANUP(struct upload_hash *, upload_hash_free);

bool upload_hash_ready(struct upload_hash *h);
/* Once it is ready: 128 hexadecimal digits, borrowed; NULL: the file could not be read to its size. */
const char *upload_hash_hex(const struct upload_hash *h);
