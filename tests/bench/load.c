/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/bench/load.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

double load_wall_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The scheduler's own account of a process: nanoseconds, where /proc/PID/stat has ticks. */
double load_server_cpu_s(int pid)
{
	char path[300];
	double sum = 0;
	struct dirent *task;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (task = readdir(dir)) != NULL) {
		unsigned long long ran_ns = 0;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, task->d_name);
		f = task->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (!f)
			continue;
		if (fscanf(f, "%llu", &ran_ns) == 1)
			sum += (double)ran_ns / 1e9;
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return sum;
}

double load_cpu_s(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static double all_cpu_s(const struct load *load)
{
	return load_cpu_s() + (load->server ? load_server_cpu_s(load->server) : 0);
}

int load_option(struct load *load, int opt, const char *arg)
{
	switch (opt) {
	case 'b': load->bytes = strtoull(arg, NULL, 0); break;
	case 'q': load->depth = (uint32_t)strtoul(arg, NULL, 0); break;
	case 'm': load->span = strtoull(arg, NULL, 0) << 20; break;
	case 't': load->seconds = strtod(arg, NULL); break;
	case 'p': load->server = atoi(arg); break;
	case 'w': load->write = 1; break;
	case 's': load->sequential = 1; break;
	case '1': load->once = 1; break;
	default: return 0;
	}
	return 1;
}

int load_start(struct load *load, uint64_t target_bytes)
{
	if (load->span == 0 || load->span > target_bytes)
		load->span = target_bytes;
	if (load->bytes < 512 || load->span < load->bytes || load->depth < 1 ||
	    load->depth > LOAD_DEPTH_MAX)
		return -1;
	load->span -= load->span % load->bytes;
	load->left = load->span / load->bytes;
	load->chance = 0x9e3779b97f4a7c15ull;
	load->cursor = 0;
	load->ops = 0;
	load->cpu_s = all_cpu_s(load);
	load->wall_s = load_wall_s();
	return 0;
}

/* xorshift64 (Marsaglia, 2003), scaled to the span with the upper half of a product. */
static uint64_t random_block(struct load *load)
{
	load->chance ^= load->chance << 13;
	load->chance ^= load->chance >> 7;
	load->chance ^= load->chance << 17;
	return (uint64_t)((unsigned __int128)load->chance * (load->span / load->bytes) >> 64);
}

int load_next(struct load *load, uint64_t *offset)
{
	if (load->once && load->left-- == 0) {
		load->left = 0;
		return 0;
	}
	if (!load->sequential) {
		*offset = random_block(load) * load->bytes;
		return 1;
	}
	*offset = load->cursor;
	load->cursor += load->bytes;
	if (load->cursor == load->span)
		load->cursor = 0;
	return 1;
}

double load_elapsed(const struct load *load) { return load_wall_s() - load->wall_s; }

void load_report(struct load *load, const char *name)
{
	double wall_s = load_elapsed(load), cpu_s = all_cpu_s(load) - load->cpu_s;
	double ops = load->ops ? (double)load->ops : 1;

	printf("{\"name\":\"%s\",\"bytes\":%zu,\"depth\":%u,\"write\":%d,\"sequential\":%d,"
	       "\"ops\":%llu,\"wall_s\":%.4f,\"iops\":%.0f,\"mb_s\":%.1f,\"cpu_us_op\":%.4f}\n",
	       name, load->bytes, load->depth, load->write, load->sequential,
	       (unsigned long long)load->ops, wall_s, ops / wall_s,
	       ops * (double)load->bytes / 1e6 / wall_s, cpu_s * 1e6 / ops);
}
