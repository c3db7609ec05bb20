/* age: keys as text, both directions at every boundary, and what was changed is refused. */
#include "age.h"

#include "alloc.h"
#include "bech32.h"
#include "buf.h"
#include "check.h"
#include "error.h"

#include <string.h>

/* Made by age-keygen: that they belong together is another program's word. */
static const char known_identity[] =
	"AGE-SECRET-KEY-17J57S42TFD90R5SPMYNF50F034DVVEQ5NPW5VF73AW6KQ57D3K2SLDQTHD";
static const char known_recipient[] =
	"age1rtts4tfgl90p9esaxkll6nl6rn05ugmxj7t26z0jtgxukzrtjfhskha5nw";

struct pair {
	struct age_identity id;
	struct age_recipient to;
};

static struct pair pair_new(void)
{
	struct pair p;

	age_identity_generate(&p.id);
	age_identity_recipient(&p.id, &p.to);
	return p;
}

static char *pattern(size_t len)
{
	char *p = xmalloc(len + 1);

	for (size_t i = 0; i < len; i++)
		p[i] = (char)(i * 31 + i / 65536);
	return p;
}

static void seal(const struct pair *p, const char *plain, size_t len, struct buf *ret)
{
	struct error e = {};

	check_int(age_seal(&p->to, 1, plain, len, ret, &e), 0);
}

static void keys_are_written_and_read(void)
{
	struct age_identity id;
	struct age_recipient to, read;
	char text[AGE_IDENTITY_SIZE], public[AGE_RECIPIENT_SIZE];

	check(age_identity_parse(known_identity, &id));
	age_identity_format(&id, text);
	check_str(text, known_identity);
	age_identity_recipient(&id, &to);
	age_recipient_format(&to, public);
	check_str(public, known_recipient);
	check(age_recipient_parse(public, &read));
	check(memcmp(&read, &to, sizeof to) == 0);
}

static void wrong_keys_are_refused(void)
{
	struct age_recipient to;
	struct age_identity id;
	char text[100];

	for (size_t i = 0; known_recipient[i]; i++) {
		strcpy(text, known_recipient);
		text[i] = text[i] == 'q' ? 'p' : 'q';
		check(!age_recipient_parse(text, &to));
	}
	strcpy(text, known_recipient);
	strcat(text, "q");
	check(!age_recipient_parse(text, &to));
	text[10] = '\0';
	check(!age_recipient_parse(text, &to));
	check(!age_recipient_parse("", &to));
	check(!age_recipient_parse(known_identity, &to));
	check(!age_recipient_parse(
		"AGE1RTTS4TFGL90P9ESAXKLL6NL6RN05UGMXJ7T26Z0JTGXUKZRTJFHSKHA5NW", &to));
	check(!age_identity_parse(known_recipient, &id));
	strcpy(text, known_identity);
	text[20] = 'q'; /* mixed case */
	check(!age_identity_parse(text, &id));
}

static void recipients_of_small_order_are_refused(void)
{
	static const unsigned char points[][32] = { { 0 }, { 1 } };
	struct age_recipient to;

	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		_buf_ text = BUF_INIT;

		bech32_encode("age", points[i], 32, &text);
		check(!age_recipient_parse(buf_str(&text), &to));
	}
}

static const size_t lengths[] = { 0, 1, 15, 16, 17, 65535, 65536, 65537, 131071, 131072, 131073,
	1000000 };

static void every_length_comes_back(void)
{
	struct pair p = pair_new();

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		_free_ char *plain = pattern(lengths[i]);
		_buf_ sealed = BUF_INIT, opened = BUF_INIT;
		struct error e = {};

		seal(&p, plain, lengths[i], &sealed);
		check_int(age_open(&p.id, 1, sealed.data, sealed.len, &opened, &e), 0);
		check_int(opened.len, lengths[i]);
		check(memcmp(buf_str(&opened), plain, lengths[i]) == 0);
	}
}

static void pieces_of_any_size_are_the_same_file(void)
{
	static const size_t pieces[] = { 1, 1000, 4096, 65535, 65536, 65537, 65552, 200000 };
	struct pair p = pair_new();
	size_t len = 200000;
	_free_ char *plain = pattern(len);

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		_cleanup_(age_encrypt_freep) struct age_encrypt *enc = NULL;
		_cleanup_(age_decrypt_freep) struct age_decrypt *dec = NULL;
		_buf_ sealed = BUF_INIT, opened = BUF_INIT;
		struct error e = {};

		check_int(age_encrypt_new(&enc, &p.to, 1, age_out_buf, &sealed, &e), 0);
		for (size_t at = 0; at < len; at += pieces[i])
			check_int(
				age_encrypt_add(enc, plain + at, MIN(pieces[i], len - at), &e), 0);
		check_int(age_encrypt_end(enc, &e), 0);
		check_int(age_decrypt_new(&dec, &p.id, 1, age_out_buf, &opened, &e), 0);
		for (size_t at = 0; at < sealed.len; at += pieces[i])
			check_int(age_decrypt_add(dec, sealed.data + at,
					  MIN(pieces[i], sealed.len - at), &e),
				0);
		check_int(age_decrypt_end(dec, &e), 0);
		check_int(opened.len, len);
		check(memcmp(opened.data, plain, len) == 0);
	}
}

static void each_of_several_recipients_opens_it(void)
{
	struct pair pairs[AGE_RECIPIENTS_MAX], other = pair_new();
	struct age_recipient to[AGE_RECIPIENTS_MAX];
	struct age_identity two[2];
	_buf_ sealed = BUF_INIT, opened = BUF_INIT;
	struct error e = {};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		pairs[i] = pair_new();
		to[i] = pairs[i].to;
	}
	check_int(age_seal(to, ARRAY_SIZE(to), "hello", 5, &sealed, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		buf_reset(&opened);
		check_int(age_open(&pairs[i].id, 1, sealed.data, sealed.len, &opened, &e), 0);
		check_str(buf_str(&opened), "hello");
	}
	two[0] = other.id;
	two[1] = pairs[3].id;
	check_int(age_open(two, 2, sealed.data, sealed.len, &opened, &e), 0);
	check(age_open(&other.id, 1, sealed.data, sealed.len, &opened, &e) < 0);
	check_str(e.msg, "none of the keys opens it");
	check(age_seal(to, 0, "hello", 5, &sealed, &e) < 0);
}

static void a_flipped_bit_anywhere_is_noticed(void)
{
	struct pair p = pair_new();
	_buf_ sealed = BUF_INIT, opened = BUF_INIT;
	struct error e = {};

	seal(&p, "hello", 5, &sealed);
	for (size_t i = 0; i < sealed.len * 8; i++) {
		sealed.data[i / 8] ^= (char)(1 << i % 8);
		check(age_open(&p.id, 1, sealed.data, sealed.len, &opened, &e) < 0);
		check_int(opened.len, 0);
		sealed.data[i / 8] ^= (char)(1 << i % 8);
	}
	check_int(age_open(&p.id, 1, sealed.data, sealed.len, &opened, &e), 0);
}

static void a_cut_file_is_noticed_at_every_length(void)
{
	struct pair p = pair_new();
	_free_ char *plain = pattern(131072);
	_buf_ sealed = BUF_INIT, small = BUF_INIT, opened = BUF_INIT;
	struct error e = {};

	seal(&p, "hello", 5, &small);
	for (size_t len = 0; len < small.len; len++)
		check(age_open(&p.id, 1, small.data, len, &opened, &e) < 0);
	seal(&p, plain, 131072, &sealed);
	/* Around the end of the first chunk, where the rest would be a whole file but for its mark. */
	for (size_t cut = 65536 + 14; cut <= 65536 + 18; cut++)
		check(age_open(&p.id, 1, sealed.data, sealed.len - cut, &opened, &e) < 0);
	check(age_open(&p.id, 1, sealed.data, sealed.len - 65552, &opened, &e) < 0);
	check_str(e.msg, "cut off: its end is missing");
	check_int(opened.len, 0);
}

static void bytes_behind_the_end_are_noticed(void)
{
	static const size_t sizes[] = { 5, 65536 };
	struct pair p = pair_new();
	_free_ char *plain = pattern(65536);
	struct error e = {};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_buf_ sealed = BUF_INIT, opened = BUF_INIT;

		seal(&p, plain, sizes[i], &sealed);
		buf_addc(&sealed, 'x');
		check(age_open(&p.id, 1, sealed.data, sealed.len, &opened, &e) < 0);
	}
}

static const struct {
	const char *text, *message;
} headers[] = {
	{ "", "cut off: its header is not whole" },
	{ "age-encryption.org/v2\n", "not an age file of version 1" },
	{ "-----BEGIN AGE ENCRYPTED FILE-----\n", "not an age file of version 1" },
	{ "age-encryption.org/v1\n", "cut off: its header is not whole" },
	{ "age-encryption.org/v1\n--- x\n................", "none of the keys opens it" },
	{ "age-encryption.org/v1\nwords\n--- x\n................",
		"damaged: its header is not well-formed" },
	{ "age-encryption.org/v1\n-> X25519 short\n\n--- x\n................",
		"damaged: a recipient in its header is not well-formed" },
	{ "age-encryption.org/v1\n-> X25519\n\n--- x\n................",
		"damaged: a recipient in its header is not well-formed" },
	{ "age-encryption.org/v1\n-> other  blank\n\n--- x\n................",
		"damaged: its header is not well-formed" },
	{ "age-encryption.org/v1\n-> other arg\nAAAA\n--- x\n................",
		"none of the keys opens it" },
	{ "age-encryption.org/v1\n-> other arg\nA=\n--- x\n................",
		"damaged: its header is not well-formed" },
	{ "age-encryption.org/v1\n-> other arg\n--- x\n................",
		"damaged: its header is not well-formed" },
};

static void broken_headers_are_told_apart(void)
{
	struct pair p = pair_new();

	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		_buf_ opened = BUF_INIT;
		struct error e = {};

		check(age_open(&p.id, 1, headers[i].text, strlen(headers[i].text), &opened, &e) <
			0);
		check_str(e.msg, headers[i].message);
	}
}

static void a_header_without_end_is_given_up(void)
{
	struct pair p = pair_new();
	_buf_ text = BUF_INIT, opened = BUF_INIT;
	struct error e = {};

	buf_adds(&text, "age-encryption.org/v1\n");
	for (unsigned i = 0; i < 100000; i++)
		buf_adds(&text, "-> x\n\n");
	check(age_open(&p.id, 1, text.data, text.len, &opened, &e) < 0);
	check_str(e.msg, "not an age file: its header has no end");
}

static void key_files_are_read_as_age_keygen_writes_them(void)
{
	_free_ char *text = xasprintf("# created: now\n# public key: %s\n\n%s \r\n%s",
		known_recipient, known_identity, known_identity);
	struct age_identity v[2];
	struct error e = {};
	size_t n = 0;

	check_int(age_identities_parse("key.txt", text, v, 2, &n, &e), 0);
	check_int(n, 2);
	check(age_identities_parse("key.txt", text, v, 1, &n, &e) < 0);
	check_str(e.msg, "key.txt holds more than 1 age identities");
	check(age_identities_parse("key.txt", "# none\n", v, 2, &n, &e) < 0);
	check_str(e.msg, "key.txt holds no age identity");
	check(age_identities_parse("key.txt", "#\nAGE-SECRET-KEY-1QQQ\n", v, 2, &n, &e) < 0);
	check_str(e.msg, "key.txt: line 2 is no age identity (AGE-SECRET-KEY-1…)");
}

int main(void)
{
	run(keys_are_written_and_read);
	run(wrong_keys_are_refused);
	run(recipients_of_small_order_are_refused);
	run(every_length_comes_back);
	run(pieces_of_any_size_are_the_same_file);
	run(each_of_several_recipients_opens_it);
	run(a_flipped_bit_anywhere_is_noticed);
	run(a_cut_file_is_noticed_at_every_length);
	run(bytes_behind_the_end_are_noticed);
	run(broken_headers_are_told_apart);
	run(a_header_without_end_is_given_up);
	run(key_files_are_read_as_age_keygen_writes_them);
	return done();
}
