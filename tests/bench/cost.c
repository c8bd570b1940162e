/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cost - run one command and say what it cost, as one line on descriptor 3 (or standard output):
 *	wall_s cpu_s rss_kb
 * cpu_s is user and system time of the command and of all children that it waited for; -p PID adds
 * a server's in the same time. The command's exit code is passed on. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/load.h"

static double seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

int main(int argc, char **argv)
{
	int opt, status = 0, server = 0;
	double wall_s, server_s;
	struct rusage used;
	pid_t child;

	while ((opt = getopt(argc, argv, "+p:")) != -1) {
		if (opt != 'p')
			return 2;
		server = atoi(optarg);
	}
	if (optind >= argc) {
		fprintf(stderr, "usage: cost [-p PID] COMMAND [ARGUMENT...]\n");
		return 2;
	}
	server_s = server ? load_server_cpu_s(server) : 0;
	wall_s = load_wall_s();
	child = fork();
	if (child == 0) {
		close(3);
		execvp(argv[optind], argv + optind);
		perror(argv[optind]);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &used) != child) {
		perror("cost");
		return 2;
	}
	wall_s = load_wall_s() - wall_s;
	if (server)
		server_s = load_server_cpu_s(server) - server_s;
	if (dprintf(3, "%.6f %.6f %ld\n", wall_s,
		    seconds(used.ru_utime) + seconds(used.ru_stime) + server_s, used.ru_maxrss) < 0)
		printf("%.6f %.6f %ld\n", wall_s,
		       seconds(used.ru_utime) + seconds(used.ru_stime) + server_s, used.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
