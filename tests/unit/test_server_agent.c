/* What "status" says of a server's agent, of whole and of half-empty documents. */
#include "check.h"

#include "buf.h"
#include "servers.h"

static void what_is_known_is_said_and_nothing_else(void)
{
	static const struct {
		const char *agent, *text;
	} rows[] = {
		{ "{\"state\":\"ready\",\"app\":{\"state\":\"idle\",\"good\":{\"sha\":\"0123456789abcdef\"}},"
		  "\"backup\":{\"count\":2,\"last_good\":\"20260101-000000\",\"at\":400},"
		  "\"dns\":{\"zone\":\"example.org\",\"published\":true,\"records\":["
		  "{\"name\":\"@\",\"type\":\"A\",\"target\":\"192.0.2.7\"},"
		  "{\"name\":\"api\",\"type\":\"AAAA\",\"target\":\"2001:db8::7\"}]},"
		  "\"drift\":{\"count\":0}}",
			"  agent     ready\n"
			"  revision  0123456789ab, idle\n"
			"  backup    20260101-000000, 10 min ago\n"
			"  dns       example.org A 192.0.2.7, api.example.org AAAA 2001:db8::7\n"
			"  drift     none\n" },
		{ "{\"state\":\"unfinished\",\"app\":{\"state\":\"idle\",\"good\":null},\"backup\":{\"count\":0,"
		  "\"last_good\":null,\"at\":0},\"dns\":{\"zone\":\"example.org\",\"published\":false,\"records\":["
		  "{\"name\":\"\\u001b[31mapi\",\"type\":\"A\",\"target\":\"192.0.2.7\"}]},\"drift\":{\"count\":1}}",
			"  agent     unfinished\n"
			"  revision  none yet, idle\n"
			"  backup    none yet that is good\n"
			"  dns       api.example.org A 192.0.2.7 (not published yet)\n"
			"  drift     1 package is not that of the image\n" },
		/* Before its first record, the step of first boot. */
		{ "{\"state\":\"degraded\",\"first_boot\":{\"steps\":[{\"step\":\"dns\",\"state\":\"failed\","
		  "\"note\":\"no right\"}]},\"dns\":null,\"backup\":null}",
			"  agent     degraded\n"
			"  dns       failed: no right\n" },
		{ "{\"state\":\"ready\",\"first_boot\":{\"steps\":[{\"step\":\"dns\",\"state\":\"done\"}]}}",
			"  agent     ready\n"
			"  dns       done\n" },
		/* Wrong types are as if absent. */
		{ "{\"state\":[],\"app\":7,\"backup\":[],\"dns\":{\"zone\":{},\"records\":3},\"drift\":{}}",
			"" },
		{ "{}", "" },
		{ "no JSON", "" },
		{ NULL, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_buf_ out = BUF_INIT;

		server_agent_text(rows[i].agent, 1000, &out);
		check_str(buf_str(&out), rows[i].text);
	}
}

int main(void)
{
	run(what_is_known_is_said_and_nothing_else);
	return done();
}
