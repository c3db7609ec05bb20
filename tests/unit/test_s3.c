/* S3 without a server: signatures by AWS's published examples, its XML, what an answer means. */
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "s3.h"
#include "s3_upload.h"
#include "xml.h"

#include "check.h"
#include "fake_http.h"
#include "tmpdir.h"

/*
 * The examples of docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html: the key, the
 * requests and the signatures are theirs.
 */
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HELLO "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
#define HOST                                                                                       \
	{                                                                                          \
		"host", "examplebucket.s3.amazonaws.com"                                           \
	}
#define DATE                                                                                       \
	{                                                                                          \
		"x-amz-date", "20130524T000000Z"                                                   \
	}

static void signatures_are_those_of_the_examples(void)
{
	static const struct http_header get[] = { HOST, { "range", "bytes=0-9" },
		{ "x-amz-content-sha256", EMPTY }, DATE, {} };
	static const struct http_header put[] = { { "date", "Fri, 24 May 2013 00:00:00 GMT" }, HOST,
		{ "x-amz-content-sha256", HELLO }, DATE,
		{ "x-amz-storage-class", "REDUCED_REDUNDANCY" }, {} };
	static const struct http_header plain[] = { HOST, { "x-amz-content-sha256", EMPTY }, DATE,
		{} };
	static const struct {
		struct sigv4_request q;
		const char *signature;
	} rows[] = {
		{ { "GET", "/test.txt", "", get, EMPTY },
			"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
		{ { "PUT", "/test%24file.text", "", put, HELLO },
			"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
		{ { "GET", "/", "lifecycle=", plain, EMPTY },
			"fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
		{ { "GET", "/", "max-keys=2&prefix=J", plain, EMPTY },
			"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
	};
	static const struct sigv4_key key = { "AKIAIOSFODNN7EXAMPLE",
		"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1", "s3" };
	char date[SIGV4_DATE];

	sigv4_date(1369353600, date);
	check_str(date, "20130524T000000Z");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_buf_ got = BUF_INIT;

		sigv4_sign(&key, &rows[i].q, date, &got);
		check_str(strstr(buf_str(&got), "Signature=") + 10, rows[i].signature);
	}
}

static void names_are_encoded_as_s3_wants_it(void)
{
	_buf_ key = BUF_INIT;
	_buf_ value = BUF_INIT;

	sigv4_encode("a b/c+d~e_f-g.h\xc3\xa9", true, &key);
	check_str(buf_str(&key), "a%20b/c%2Bd~e_f-g.h%C3%A9");
	sigv4_encode("a/b=c&d", false, &value);
	check_str(buf_str(&value), "a%2Fb%3Dc%26d");
}

static int note(void *arg, const char *path, const char *text, _unused_ struct error *e)
{
	buf_printf(arg, "%s=%s\n", path, text);
	return 0;
}

static void xml_is_read_element_by_element(void)
{
	static const char text[] =
		"<?xml version=\"1.0\"?>\n<!-- x > y -->\n"
		"<A xmlns=\"http://x/\"><B>one &amp; &lt;two&gt; &#65;&#x42;"
		"&quot;</B ><C/><D a='1'>t<E>u</E>v</D>\n</A>\n";
	_buf_ got = BUF_INIT;
	struct error e = { 0 };

	check_int(xml_read(text, strlen(text), note, &got, &e), 0);
	check_str(buf_str(&got), "A/B=one & <two> AB\"\nA/C=\nA/D/E=u\nA/D=tv\nA=\n\n");
}

static void what_is_no_xml_of_s3_is_refused(void)
{
	static const char *const texts[] = { "", "text", "<", "<a", "<a>", "<a></b>", "</a>",
		"<a></a></a>", "<a><b></a></b>", "<!DOCTYPE a><a/>", "<a>&unknown;</a>",
		"<a>&#0;</a>", "<a>&#xd800;</a>", "<a>&amp</a>", "<a><![CDATA[x]]></a>", "< a></a>",
		"<a/>x", "<1><1><1><1><1><1><1><1><1><1><1><1><1><1><1><1><1>", "<a>&#;</a>",
		"<a><></></a>" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_buf_ got = BUF_INIT;
		struct error e = { 0 };

		if (xml_read(texts[i], strlen(texts[i]), note, &got, &e) != -ERR_FAILED)
			check_fail("read: %s", texts[i]);
	}
}

static int64_t still(_unused_ void *arg)
{
	return 0;
}

static int no_sleep(_unused_ void *arg, _unused_ int64_t ms)
{
	return 0;
}

static const struct clock no_clock = { still, no_sleep, NULL };

#define S3(http_)                                                                                  \
	{                                                                                          \
		.http = http_, .clock = &no_clock, .endpoint = "http://s3.test:9000",              \
		.bucket = "b",                                                                     \
		.key = { "A",                                                                      \
			"S",                                                                       \
			"gra",                                                                     \
			"s3" }                                                                     \
	}
#define URL "http://s3.test:9000/b"

static void what_passes_is_tried_again_and_what_does_not_is_not(void)
{
	static const struct {
		struct fake_reply script[8];
		int result, code;
		const char *says;
	} rows[] = {
		{ { { "GET " URL "/k", .status = 503 },
			  { "GET " URL "/k", .failure = HTTP_NOT_SENT },
			  { "GET " URL "/k", .status = 429 }, { "GET " URL "/k", .status = 200 } },
			0, 0, NULL },
		{ { { "GET " URL "/k", .status = 404 } }, S3_ABSENT, 0, NULL },
		{ { { "GET " URL "/k", .status = 404,
			  .body = "<Error><Code>NoSuchBucket</Code></Error>" } },
			-ERR_FAILED, ERR_FAILED, "NoSuchBucket" },
		{ { { "GET " URL "/k", .status = 403,
			  .body = "<Error><Code>AccessDenied</Code><Message>no\n</Message></Error>" } },
			S3_DENIED, 0, NULL },
		{ { { "GET " URL "/k", .status = 400, .body = "garbage" } }, -ERR_FAILED,
			ERR_FAILED, "no reason" },
		{ { { "GET " URL "/k", .status = 400,
			    .body = "<Error><Code>RequestTimeout</Code></Error>" },
			  { "GET " URL "/k", .status = 204 } },
			0, 0, NULL },
		{ { { "GET " URL "/k", .status = 501 } }, S3_NOT_SUPPORTED, 0, NULL },
		{ { { "GET " URL "/k", .status = 416 } }, S3_NO_RANGE, 0, NULL },
		{ { { "GET " URL "/k", .status = 500 }, { "GET " URL "/k", .status = 500 },
			  { "GET " URL "/k", .status = 500 }, { "GET " URL "/k", .status = 500 },
			  { "GET " URL "/k", .status = 500 }, { "GET " URL "/k", .status = 500 } },
			-ERR_NETWORK, ERR_NETWORK, "500" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
		struct fake_http fake = { rows[i].script };
		struct http http = fake_http(&fake);
		struct s3 s3 = S3(&http);
		struct error e = { 0 };

		check_int(
			s3_call(&s3, &(struct s3_call){ .method = "GET", .key = "k" }, &answer, &e),
			rows[i].result);
		if (rows[i].says && !strstr(e.msg, rows[i].says))
			check_fail("row %zu says '%s'", i, e.msg);
		fake_http_done(&fake);
	}
}

static void the_clock_of_the_server_counts(void)
{
	static const struct http_header date[] = { { "date", "Fri, 24 May 2013 00:00:00 GMT" },
		{} };
	static const struct fake_reply script[] = {
		{ "GET " URL "/k", .status = 403, .headers = date,
			.body = "<Error><Code>RequestTimeTooSkewed</Code></Error>" },
		{ "GET " URL "/k", .status = 200 },
		{},
	};
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	struct fake_http fake = { script };
	struct http http = fake_http(&fake);
	struct s3 s3 = S3(&http);
	struct error e = { 0 };

	check_int(s3_call(&s3, &(struct s3_call){ .method = "GET", .key = "k" }, &answer, &e), 0);
	check(s3.skew < -86400 * 365);
	fake_http_done(&fake);
}

static void a_list_goes_over_several_answers(void)
{
	static const struct fake_reply script[] = {
		{ "GET " URL "?list-type=2&prefix=p%2F", .status = 200,
			.body = "<ListBucketResult><Contents><Key>p/b</Key><Size>2</Size></Contents>"
				"<NextContinuationToken>a+/=</NextContinuationToken></ListBucketResult>" },
		{ "GET " URL "?continuation-token=a%2B%2F%3D&list-type=2&prefix=p%2F",
			.status = 200,
			.body = "<ListBucketResult><Contents><Key>p/a</Key><Size>1</Size></Contents>"
				"</ListBucketResult>" },
		{},
	};
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct fake_http fake = { script };
	struct http http = fake_http(&fake);
	struct s3 s3 = S3(&http);
	struct s3_object *v;
	struct error e = { 0 };
	size_t n;

	check_int(s3_list(&s3, "p/", arena, &v, &n, &e), 0);
	check_int(n, 2);
	check_str(v[0].key, "p/a");
	check_int(v[1].size, 2);
	fake_http_done(&fake);
}

/* What is missing in a list would be taken for pieces of what is not there, and removed. */
static void a_list_that_is_not_whole_is_none(void)
{
	static const char *const bodies[] = {
		"<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>p/b</Key>"
		"<Size>2</Size></Contents></ListBucketResult>",
		"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>p/b</Key>"
		"<Size>2</Size></Contents></ListBucketResult>",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		const struct fake_reply script[] = {
			{ "GET " URL "?list-type=2&prefix=p%2F", .status = 200, .body = bodies[i] },
			{},
		};
		_cleanup_(arena_freep) struct arena *arena = arena_new();
		struct fake_http fake = { script };
		struct http http = fake_http(&fake);
		struct s3 s3 = S3(&http);
		struct s3_object *v;
		struct error e = { 0 };
		size_t n;

		check_int(s3_list(&s3, "p/", arena, &v, &n, &e), i == 0 ? -ERR_FAILED : 0);
		check(i == 1 || strstr(e.msg, "cut off"));
		fake_http_done(&fake);
	}
}

static void a_list_of_more_than_ours_is_none(void)
{
	_buf_ body = BUF_INIT;
	struct fake_reply script[] = {
		{ "GET " URL "?list-type=2&prefix=p%2F", .status = 200 },
		{},
	};
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct fake_http fake = { script };
	struct http http = fake_http(&fake);
	struct s3 s3 = S3(&http);
	struct s3_object *v;
	struct error e = { 0 };
	size_t n;

	buf_adds(&body, "<ListBucketResult>");
	for (int i = 0; i <= 100000; i++)
		buf_adds(&body, "<Contents><Key>p/b</Key><Size>2</Size></Contents>");
	buf_adds(&body, "</ListBucketResult>");
	script[0].body = buf_str(&body);
	check_int(s3_list(&s3, "p/", arena, &v, &n, &e), -ERR_FAILED);
	check(strstr(e.msg, "more than 100000 objects"));
	fake_http_done(&fake);
}

static int keep(void *arg, const struct s3_upload *u, _unused_ struct error *e)
{
	buf_printf(arg, "%zu ", u ? u->n : 99);
	return 0;
}

#define PART(n)                                                                                    \
	{                                                                                          \
		"PUT " URL "/k?partNumber=" #n "&uploadId=u%2F1", .status = 200, .headers = etag   \
	}

static void an_upload_goes_on_where_both_sides_agree(void)
{
	static const struct http_header etag[] = { { "etag", "\"e\"" }, {} };
	static const struct http_header sha[] = { { "content-length", "41943040" },
		{ "x-amz-meta-sha256", EMPTY }, {} };
	/* The server has lost the second of our two parts. */
	static const struct fake_reply script[] = {
		{ "GET " URL "/k?uploadId=u%2F1", .status = 200,
			.body = "<ListPartsResult><Part><PartNumber>1</PartNumber><ETag>&quot;x&quot;"
				"</ETag></Part><Part><PartNumber>3</PartNumber><ETag>\"y\"</ETag></Part>"
				"</ListPartsResult>" },
		PART(2),
		PART(3),
		{ "POST " URL "/k?uploadId=u%2F1", .status = 200,
			.has = "<Part><PartNumber>3</PartNumber><ETag>\"e\"</ETag></Part>",
			.body = "<CompleteMultipartUploadResult/>" },
		{ "HEAD " URL "/k", .status = 200, .headers = sha },
		{},
	};
	_buf_ kept = BUF_INIT;
	_close_ int fd = openat(tmp_fd(), "big", O_RDWR | O_CREAT, 0600);
	struct fake_http fake = { script };
	struct http http = fake_http(&fake);
	struct s3 s3 = S3(&http);
	char **etags = malloc(2 * sizeof *etags);
	struct s3_upload u = { strdup("k"), strdup("u/1"), strdup(EMPTY), S3_PART_SIZE, etags, 2,
		2 };
	struct s3_upload_job job = { &s3, "k", fd, 40 * MIB, EMPTY, keep, &kept };
	struct error e = { 0 };

	etags[0] = strdup("\"x\"");
	etags[1] = strdup("\"y\"");
	check_int(ftruncate(fd, 40 * MIB), 0);
	check_int(s3_upload(&job, &u, &e), 0);
	check_str(buf_str(&kept), "2 3 99 ");
	check(!u.id);
	fake_http_done(&fake);
}

static void an_etag_is_a_digest_only_where_it_is_one(void)
{
#define OTHER "\"d41d8cd98f00b204e9800998ecf8427e\""
	static const struct {
		const char *etag, *name, *value;
		bool same;
	} rows[] = {
		{ "\"900150983cd24fb0d6963f7d28e17f72\"", NULL, NULL, true },
		{ OTHER, NULL, NULL, false },
		{ OTHER, "x-amz-server-side-encryption", "AES256", false },
		{ OTHER, "x-amz-server-side-encryption", "aws:kms", true },
		{ OTHER, "x-amz-server-side-encryption", "aws:kms:dsse", true },
		{ OTHER, "x-amz-server-side-encryption-customer-algorithm", "AES256", true },
		{ "\"d41d8cd98f00b204e9800998ecf8427e-3\"", NULL, NULL, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct http_header headers[] = { { "etag", rows[i].etag },
			{ rows[i].name, rows[i].value }, {} };
		const struct fake_reply script[] = {
			{ "PUT " URL "/k", .status = 200, .headers = headers }, {}
		};
		struct fake_http fake = { script };
		struct http http = fake_http(&fake);
		struct s3 s3 = S3(&http);
		struct error e = { 0 };

		check_int(s3_put(&s3, "k", "abc", 3, &e), rows[i].same ? 0 : -ERR_NETWORK);
		fake_http_done(&fake);
	}
}

int main(void)
{
	run(signatures_are_those_of_the_examples);
	run(names_are_encoded_as_s3_wants_it);
	run(xml_is_read_element_by_element);
	run(what_is_no_xml_of_s3_is_refused);
	run(what_passes_is_tried_again_and_what_does_not_is_not);
	run(the_clock_of_the_server_counts);
	run(a_list_goes_over_several_answers);
	run(a_list_that_is_not_whole_is_none);
	run(a_list_of_more_than_ours_is_none);
	run(an_etag_is_a_digest_only_where_it_is_one);
	run(an_upload_goes_on_where_both_sides_agree);
	return done();
}
