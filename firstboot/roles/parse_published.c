/* Where the port of the health URL is published: one address of the host has to be asked there. */
#include "parse.h"

#include "node.h"

#include <stdlib.h>
#include <string.h>

static long url_port(const char *url)
{
	const char *host = strstr(url, "://");
	const char *end, *colon;

	if (!host)
		return 0;
	host += 3;
	end = host + strcspn(host, "/?#");
	colon = memrchr(host, ':', (size_t)(end - host));
	if (colon && !memchr(colon, ']', (size_t)(end - colon)))
		return strtol(colon + 1, NULL, 10);
	return strncmp(url, "https:", 6) == 0 ? 443 : 80;
}

const char *parse_published_at(const struct node *services, const char *url)
{
	long port = url_port(url);

	for (size_t i = 0; i < services->n; i++) {
		const struct node *ports = node_get(services->items[i], "ports");

		for (size_t k = 0; ports && ports->kind == NODE_LIST && k < ports->n; k++) {
			const char *published = node_str(node_get(ports->items[k], "published"));
			const char *ip = node_str(node_get(ports->items[k], "host_ip"));

			if (published && strtol(published, NULL, 10) == port && ip &&
				strcmp(ip, "0.0.0.0") != 0 && strcmp(ip, "::") != 0)
				return ip;
		}
	}
	return NULL;
}
