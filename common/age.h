/*
 * The age file format, version 1 (age-encryption.org/v1), with X25519 recipients: what this writes
 * the age program opens, and the other way round. For backups of any size and for the secrets that
 * launch hands to a server.
 *
 * Both directions are pushed: the caller adds bytes in whatever pieces it has, and the other side's
 * bytes come out through a callback. Memory is two chunks of 64 KiB, whatever the length.
 * Decrypted bytes are given out chunk by chunk, each only after its authenticity was checked; that the
 * file was whole is known only when age_decrypt_end() returns 0, so keep the output aside until then.
 */
#pragma once

#include "base.h"

struct buf;
struct error;

#define AGE_RECIPIENT_SIZE 63 /* of the text "age1…" with its NUL */
#define AGE_IDENTITY_SIZE  75 /* of the text "AGE-SECRET-KEY-1…" with its NUL */
#define AGE_RECIPIENTS_MAX 20 /* of one file, to write */

/* A public key: whom a file is for. */
struct age_recipient {
	unsigned char key[32];
};

/* A private key. Wipe it with age_identity_wipe(), also the form for _cleanup_. */
struct age_identity {
	unsigned char key[32];
};

void age_identity_generate(struct age_identity *ret); /* from the system's random source */
void age_identity_wipe(struct age_identity *id);
void age_identity_recipient(const struct age_identity *id, struct age_recipient *ret);

/* False when the text is not one (wrong prefix, length, checksum); ret is untouched then. */
bool age_recipient_parse(const char *text, struct age_recipient *ret);
bool age_identity_parse(const char *text, struct age_identity *ret);
void age_recipient_format(const struct age_recipient *r, char ret[AGE_RECIPIENT_SIZE]);
void age_identity_format(const struct age_identity *id, char ret[AGE_IDENTITY_SIZE]);

/*
 * The text of a key file as age-keygen writes it: lines that are empty or begin with '#', and one
 * identity a line. At most max are read (more: an error). name is for messages, which never repeat
 * what the file holds. ERR_INVALID when a line is no identity, or there is none.
 */
int age_identities_parse(const char *name, const char *text, struct age_identity *v, size_t max,
	size_t *ret_n, struct error *e);

/* Takes what comes out, in pieces of at most 64 KiB. 0, or negative with the error filled: passed on. */
typedef int (*age_out)(void *arg, const void *data, size_t len, struct error *e);

/* age_out for a file descriptor: arg is a const int *, borrowed. */
int age_out_fd(void *arg, const void *data, size_t len, struct error *e);
/* age_out for a struct buf *. */
int age_out_buf(void *arg, const void *data, size_t len, struct error *e);

/*
 * Encrypting. New writes the header at once; arg is borrowed until the end. After a failure of any
 * call only age_encrypt_free() is allowed. The last bytes are written by age_encrypt_end(): what was
 * never ended is not a valid file.
 */
struct age_encrypt;
int age_encrypt_new(struct age_encrypt **ret, const struct age_recipient *v, size_t n, age_out out,
	void *arg, struct error *e);
int age_encrypt_add(struct age_encrypt *a, const void *data, size_t len, struct error *e);
int age_encrypt_end(struct age_encrypt *a, struct error *e);
void age_encrypt_free(struct age_encrypt *a);
DEFINE_CLEANUP(struct age_encrypt *, age_encrypt_free);

/*
 * Decrypting, with any of n identities (copied). ERR_INVALID, in words that fit behind "FILE: ":
 * "not an age file", "none of the keys opens it", "damaged", "cut off".
 */
struct age_decrypt;
int age_decrypt_new(struct age_decrypt **ret, const struct age_identity *v, size_t n, age_out out,
	void *arg, struct error *e);
int age_decrypt_add(struct age_decrypt *a, const void *data, size_t len, struct error *e);
int age_decrypt_end(struct age_decrypt *a, struct error *e);
void age_decrypt_free(struct age_decrypt *a);
DEFINE_CLEANUP(struct age_decrypt *, age_decrypt_free);

/* Both in one call for what fits in memory; appended to ret, which is untouched on failure. */
int age_seal(const struct age_recipient *v, size_t n, const void *data, size_t len, struct buf *ret,
	struct error *e);
int age_open(const struct age_identity *v, size_t n, const void *data, size_t len, struct buf *ret,
	struct error *e);
