/*
 * The demo application's API: answers over HTTP as its environment says, so that one image can be made
 * into a good one and into every kind of bad one.
 *
 *   VERSION  what GET /version answers          BREAK=crash      ends a second after its start
 *   BREAK=unhealthy  GET /health answers 503    BREAK=slow       listens after 20 s
 *   DRAIN=FILE       GET /health answers 503 once FILE is there
 *
 * "api check" is its healthcheck: 0 when GET /health answers 200.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 8080

static const char *get(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	return value && *value ? value : fallback;
}

static struct sockaddr_in address(uint32_t host)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr = { htonl(host) },
	};
}

static int check(void)
{
	static const char request[] = "GET /health HTTP/1.0\r\n\r\n";
	struct sockaddr_in to = address(INADDR_LOOPBACK);
	char answer[16] = "";
	int s = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(s, (struct sockaddr *)&to, sizeof to) < 0 ||
		write(s, request, sizeof request - 1) < 0 ||
		read(s, answer, sizeof answer - 1) < 12)
		return 1;
	return strncmp(answer + 9, "200", 3) != 0;
}

static void serve(int s)
{
	const char *broken = get("BREAK", ""), *drain = get("DRAIN", ""), *body;
	char request[2048], answer[4096];
	ssize_t n = read(s, request, sizeof request - 1);
	int sick = strcmp(broken, "unhealthy") == 0 || (*drain && access(drain, F_OK) == 0);
	int health;

	if (n <= 0)
		return;
	request[n] = '\0';
	health = strncmp(request, "GET /health", 11) == 0;
	body = health ? (sick ? "sick\n" : "well\n") : get("VERSION", "none");
	n = snprintf(answer, sizeof answer,
		"HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
		health && sick ? "503 Service Unavailable" : "200 OK", strlen(body), body);
	if (write(s, answer, (size_t)n) < 0)
		return;
	shutdown(s, SHUT_WR);
	while (read(s, request, sizeof request) > 0)
		;
}

static void stop(int sig)
{
	(void)sig;
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *broken = get("BREAK", "");
	struct sockaddr_in at = address(INADDR_ANY);
	int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (argc > 1 && strcmp(argv[1], "check") == 0)
		return check();
	signal(SIGTERM, stop);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (strcmp(broken, "crash") == 0) {
		sleep(1);
		fprintf(stderr, "panic: this version always crashes\n");
		return 101;
	}
	if (strcmp(broken, "slow") == 0)
		sleep(20);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(s, (struct sockaddr *)&at, sizeof at) < 0 || listen(s, 128) < 0) {
		perror("listen");
		return 1;
	}
	printf("listening, version %s\n", get("VERSION", "none"));
	fflush(stdout);
	for (;;) {
		int c = accept(s, NULL, NULL);

		if (c < 0)
			continue;
		if (fork() == 0) {
			alarm(10);
			serve(c);
			_exit(0);
		}
		close(c);
	}
}
