/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* replay DIR|FILE...: run a fuzz target over inputs that were found before, without libFuzzer.
 * The files of a directory are taken in the order of their names. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_MAX (4u << 20)
#define SECONDS_MAX 20	/* of one input, or it hangs */

static void setup(const uint8_t *data, size_t bytes)
{
	(void)data, (void)bytes;
	fuzz_setup();
}

static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *all = f ? malloc(INPUT_MAX) : NULL, *data;
	size_t bytes;

	if (!all) {
		perror(path);
		exit(2);
	}
	bytes = fread(all, 1, INPUT_MAX, f);
	fclose(f);
	data = malloc(bytes + 1);	/* its own block, so that ASan sees a read past its end */
	if (!data)
		exit(2);
	memcpy(data, all, bytes);
	free(all);
	printf("%s\n", path);
	fflush(stdout);
	alarm(SECONDS_MAX);
	fuzz_in_world(fuzz_input, data, bytes);
	alarm(0);
	free(data);
	return 1;
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int run_path(const char *path)
{
	struct dirent **names;
	char file[4096];
	int count = scandir(path, &names, not_hidden, alphasort), done = 0;

	if (count < 0)
		return run_file(path);
	for (int i = 0; i < count; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		done += run_file(file);
		free(names[i]);
	}
	free(names);
	return done;
}

/* The inputs that belong to this program: replay_NAME has them in tests/fuzz/corpus/NAME. */
static int run_own(const char *program)
{
	const char *name = strstr(program, "replay_");
	char dir[1024];

	if (!name)
		return 0;
	snprintf(dir, sizeof(dir), "tests/fuzz/corpus/%s", name + strlen("replay_"));
	return run_path(dir);
}

int main(int argc, char **argv)
{
	int done = 0;

	fuzz_in_world(setup, NULL, 0);
	if (argc == 1)
		done = run_own(argv[0]);
	for (int i = 1; i < argc; i++)
		done += run_path(argv[i]);
	if (done == 0) {
		fprintf(stderr, "replay: no inputs\n");
		return 2;
	}
	printf("#RESULT %d 0 0\n", done);
	return 0;
}
