/*
 * Between two images a server takes security fixes by itself, and nothing else. The engine is left
 * out: its upgrade restarts it, and with it all containers; a new image brings the new one.
 */
#include "bake_topic.h"
#include "definition.h"
#include "error.h"

#include <string.h>

#define FILE_NAME "/etc/apt/apt.conf.d/52kbuild-upgrades"

/* "#clear" removes what 50unattended-upgrades listed; both names, since Ubuntu uses the other one. */
#define HEAD                                                                                       \
	"// Written by kbuild: security fixes only, never the container engine.\n"                 \
	"#clear Unattended-Upgrade::Origins-Pattern;\n"                                            \
	"#clear Unattended-Upgrade::Allowed-Origins;\n"

#define TAIL                                                                                       \
	"Unattended-Upgrade::Package-Blacklist {\n"                                                \
	"\t\"^docker\";\n"                                                                         \
	"\t\"^containerd\";\n"                                                                     \
	"\t\"^runc$\";\n"                                                                          \
	"};\n"                                                                                     \
	"Unattended-Upgrade::Automatic-Reboot \"false\";\n"                                        \
	"APT::Periodic::Update-Package-Lists \"1\";\n"                                             \
	"APT::Periodic::Unattended-Upgrade \"1\";\n"

static const struct {
	const char *distribution, *text;
} texts[] = {
	{ "debian", HEAD
		"Unattended-Upgrade::Origins-Pattern {\n"
		"\t\"origin=Debian,codename=${distro_codename}-security,label=Debian-Security\";\n"
		"};\n" TAIL },
	{ "ubuntu", HEAD "Unattended-Upgrade::Allowed-Origins {\n"
			 "\t\"${distro_id}:${distro_codename}-security\";\n"
			 "};\n" TAIL },
};

static bool applies(const struct bake *b)
{
	return bake_has(b, "/usr/bin/unattended-upgrade");
}

static int run(const struct bake *b, struct error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (strcmp(texts[i].distribution, b->def->distribution) == 0)
			return bake_puts(b, FILE_NAME, texts[i].text, 0644, e);
	return error_set(e, ERR_INVALID, "no upgrade policy for %s", b->def->distribution);
}

const struct bake_topic bake_upgrades = { "upgrades", applies, run };
