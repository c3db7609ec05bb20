/* The whole content of the suite's container image: "serve PORT" answers, "get HOST PORT" asks. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int serve(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
	static const char answer[] = "HTTP/1.0 200 OK\r\n\r\nanswer\n";
	int one = 1, fd, s = socket(AF_INET, SOCK_STREAM, 0);
	char request[512];

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(s, (struct sockaddr *)&at, sizeof at) < 0 || listen(s, 16) < 0)
		return 1;
	while ((fd = accept(s, NULL, NULL)) >= 0) {
		if (read(fd, request, sizeof request) >= 0 && write(fd, answer, strlen(answer)) < 0)
			perror("write");
		close(fd);
	}
	return 1;
}

static int get(const char *host, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
	char reply[512];
	ssize_t n;
	int s = socket(AF_INET, SOCK_STREAM, 0);

	alarm(30);
	if (inet_pton(AF_INET, host, &to.sin_addr) != 1 ||
		connect(s, (struct sockaddr *)&to, sizeof to) < 0 || write(s, "x\n", 2) < 0)
		return 1;
	n = read(s, reply, sizeof reply);
	return n > 0 && memmem(reply, (size_t)n, "answer", 6) ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve(atoi(argv[2]));
	return argc == 4 ? get(argv[2], atoi(argv[3])) : 2;
}
