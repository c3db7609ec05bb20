/* SHA-256 and SHA-1 against the vectors of FIPS 180-4, HMAC against those of RFC 4231. */
#include "digest.h"

#include "check.h"
#include "tmpdir.h"

static const struct {
	const char *text, *hex;
} vectors[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static void bytes_give_the_published_digests(void)
{
	char hex[SHA256_HEX];

	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		sha256_bytes(vectors[i].text, strlen(vectors[i].text), hex);
		check_str(hex, vectors[i].hex);
	}
}

static void pieces_give_the_digest_of_the_whole(void)
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();
	char hex[SHA256_HEX];

	sha256_add(h, "a", 1);
	sha256_add(h, "", 0);
	sha256_add(h, "bc", 2);
	sha256_end(h, hex);
	check_str(hex, vectors[1].hex);
}

static void strings_are_told_apart_by_their_ends(void)
{
	_cleanup_(sha256_freep) struct sha256 *a = sha256_new();
	_cleanup_(sha256_freep) struct sha256 *b = sha256_new();
	char x[SHA256_HEX], y[SHA256_HEX];

	sha256_adds(a, "ab");
	sha256_adds(a, "c");
	sha256_adds(b, "a");
	sha256_adds(b, "bc");
	sha256_end(a, x);
	sha256_end(b, y);
	check(strcmp(x, y) != 0);
}

static void a_file_is_read_from_where_it_stands(void)
{
	char hex[SHA256_HEX];
	uint64_t size = 0;
	_close_ int fd = -1;

	check_int(file_replace(tmp_fd(), "d", "xxabc", 5, 0600), 0);
	fd = openat(tmp_fd(), "d", O_RDONLY | O_CLOEXEC);
	check_int(lseek(fd, 2, SEEK_SET), 2);
	check_int(sha256_fd(fd, hex, &size), 0);
	check_str(hex, vectors[1].hex);
	check_int(size, 3);
	check_int(sha256_fd(tmp_fd(), hex, &size), -21 /* EISDIR */);
}

static void only_64_lower_case_hex_digits_are_valid(void)
{
	char hex[SHA256_HEX + 1];

	check(sha256_valid(vectors[0].hex));
	strcpy(hex, vectors[0].hex);
	hex[0] = 'E';
	check(!sha256_valid(hex));
	strcpy(hex, vectors[0].hex);
	hex[63] = '\0';
	check(!sha256_valid(hex));
	strcpy(hex, vectors[0].hex);
	strcat(hex, "0");
	check(!sha256_valid(hex));
	check(!sha256_valid(""));
}

static void sha1_gives_the_published_digests(void)
{
	char hex[SHA1_HEX];

	sha1_bytes("", 0, hex);
	check_str(hex, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	sha1_bytes("abc", 3, hex);
	check_str(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static void hmac_gives_the_published_codes(void)
{
	static const struct {
		const char *key, *data, *hex;
	} codes[] = {
		{ "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b",
			"Hi There",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ "Jefe", "what do ya want for nothing?",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ "", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
	};
	unsigned char code[SHA256_SIZE];
	char hex[SHA256_HEX];

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		hmac_sha256(codes[i].key, strlen(codes[i].key), codes[i].data,
			strlen(codes[i].data), code);
		hex_encode(code, sizeof code, hex);
		check_str(hex, codes[i].hex);
	}
}

static void sha512_gives_the_published_digest(void)
{
	_cleanup_(sha512_freep) struct sha512 *h = sha512_new();
	char hex[SHA512_HEX];

	sha512_add(h, "a", 1);
	sha512_add(h, "bc", 2);
	sha512_end(h, hex);
	check_str(hex,
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

int main(void)
{
	run(bytes_give_the_published_digests);
	run(pieces_give_the_digest_of_the_whole);
	run(strings_are_told_apart_by_their_ends);
	run(a_file_is_read_from_where_it_stands);
	run(sha1_gives_the_published_digests);
	run(sha512_gives_the_published_digest);
	run(hmac_gives_the_published_codes);
	run(only_64_lower_case_hex_digits_are_valid);
	return done();
}
