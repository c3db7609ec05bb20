/*
 * What a definition may say of the server's life is written into the agent's configuration as it stands, and the agent
 * refuses what it does not know: whatever key the one table has, the other must have.
 */
#include "check.h"

#include "config.h"
#include "definition_parts.h"
#include "schema.h"
#include "shape.h"

static const struct field *find(const struct field *table, const char *key)
{
	for (; table && table->key; table++)
		if (strcmp(table->key, key) == 0)
			return table;
	return NULL;
}

/* A list of maps is read by a function of the agent's own, and its keys are in that. */
static int count_missing(
	const struct field *definition, const struct field *agent, const char *where)
{
	int n = 0;

	for (; definition->key; definition++) {
		const struct field *known = find(agent, definition->key);
		char name[128];

		snprintf(name, sizeof name, "%s.%s", where, definition->key);
		if (!known) {
			printf("# the agent does not know %s\n", name);
			n++;
		} else if (definition->parse == field_submap) {
			check(known->parse == field_map);
			n += count_missing(definition->arg, known->arg, name);
		}
	}
	return n;
}

static void the_agent_knows_what_a_definition_may_say(void)
{
	static const char *const parts[] = { "app", "secrets", "dns", "backup", "health",
		"server" };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const struct field *part = find(agent_config_fields(), parts[i]);

		check(part && part->arg);
		check_int(count_missing(kbuild_server_fields(parts[i]), part->arg, parts[i]), 0);
	}
	check(!kbuild_server_fields("disk"));
}

int main(void)
{
	run(the_agent_knows_what_a_definition_may_say);
	return done();
}
