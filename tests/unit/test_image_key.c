/* The key of an image: the same for the same builder and inputs, another for anybody else. */
#include "image_key.h"

#include "age.h"
#include "buf.h"
#include "check.h"
#include "error.h"
#include "tmpdir.h"

#include <string.h>

static void key_of(const char *state, const char *inputs, char ret[AGE_RECIPIENT_SIZE])
{
	_cleanup_(age_identity_wipe) struct age_identity id = { 0 };
	struct age_recipient public;
	struct error e = { 0 };

	check_int(image_key(tmp_name(state), inputs, &id, NULL, &e), 0);
	age_identity_recipient(&id, &public);
	age_recipient_format(&public, ret);
}

static void the_same_inputs_have_the_same_key(void)
{
	char a[AGE_RECIPIENT_SIZE], b[AGE_RECIPIENT_SIZE];

	key_of("same", "one", a);
	key_of("same", "one", b);
	check_str(a, b);
	key_of("same", "two", b);
	check(strcmp(a, b) != 0);
}

static void another_builder_has_other_keys(void)
{
	char a[AGE_RECIPIENT_SIZE], b[AGE_RECIPIENT_SIZE];

	key_of("alice", "one", a);
	key_of("bob", "one", b);
	check(strcmp(a, b) != 0);
}

/* CI and a laptop make the same images once they have the same secret. */
static void the_secret_can_be_given_to_another(void)
{
	char a[AGE_RECIPIENT_SIZE], b[AGE_RECIPIENT_SIZE];
	_buf_ secret = BUF_INIT;

	key_of("giver", "one", a);
	check_int(file_read(tmp_fd(), "giver/image-secret", 64, &secret), 0);
	check_int(mkdir_all(tmp_fd(), "taker", 0700), 0);
	check_int(file_replace(tmp_fd(), "taker/image-secret", secret.data, secret.len, 0600), 0);
	key_of("taker", "one", b);
	check_str(a, b);
}

static void only_the_builder_reads_the_secret(void)
{
	char a[AGE_RECIPIENT_SIZE];
	struct stat st;

	key_of("mode", "one", a);
	check_int(fstatat(tmp_fd(), "mode/image-secret", &st, 0), 0);
	check_int(st.st_mode & 07777, 0600);
	check_int(st.st_size, 32);
}

static void who_only_looks_makes_no_secret(void)
{
	char a[AGE_RECIPIENT_SIZE];

	check(!image_key_has_secret(tmp_name("looked")));
	check(faccessat(tmp_fd(), "looked", F_OK, 0) < 0);
	key_of("looked", "one", a);
	check(image_key_has_secret(tmp_name("looked")));
}

static void a_damaged_secret_is_no_key(void)
{
	struct age_identity id = { 0 };
	struct error e = { 0 };

	check_int(mkdir_all(tmp_fd(), "damaged", 0700), 0);
	for (size_t len = 0; len <= 40; len += 8) {
		if (len == 32)
			continue;
		check_int(file_replace(tmp_fd(), "damaged/image-secret",
				  "0123456789012345678901234567890123456789", len, 0600),
			0);
		check_int(image_key(tmp_name("damaged"), "one", &id, NULL, &e), -ERR_FAILED);
		check(strstr(e.msg, "image-secret must hold 32 bytes") != NULL);
		check(strstr(e.msg, "01234567") == NULL);
	}
}

int main(void)
{
	run(the_same_inputs_have_the_same_key);
	run(another_builder_has_other_keys);
	run(the_secret_can_be_given_to_another);
	run(only_the_builder_reads_the_secret);
	run(who_only_looks_makes_no_secret);
	run(a_damaged_secret_is_no_key);
	return done();
}
