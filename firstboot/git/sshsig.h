/*
 * Signatures of OpenSSH over files (PROTOCOL.sshsig), as `git commit -S` makes them with gpg.format=ssh, checked
 * against lines of an allowed_signers file (ssh-keygen(1)). The verdict is that of `ssh-keygen -Y verify`,
 * but that only plain ed25519 keys count here. Foreign bytes: bounded, fuzzed.
 */
#pragma once

#include "base.h"

#define SSHSIG_MAX (16 * KIB) /* of an armoured signature; one by ed25519 has some 300 bytes */
#define SSHSIG_WHO 256

struct sshsig_check {
	const char *const *signers; /* lines, NULL-terminated; NULL: nobody */
	const char *name;	    /* the namespace: "git" */
	int64_t now;		    /* seconds since 1970, for valid-after and valid-before */
	const char *signature;	    /* armoured, NUL-terminated */
	const void *data;
	size_t len;
};

/* True: who is the principal's name. False: who is the reason, for people. */
bool sshsig_verify(const struct sshsig_check *c, char who[SSHSIG_WHO]);
