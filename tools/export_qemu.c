/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* export_qemu - formats that qemu-img knows and we do not write. Our nbdkit plugin serves the disk,
 * qemu-img reads it from there and writes under a hidden name; its percentages become our progress.
 * When this process is killed, the next percentage finds nobody to read it and ends qemu-img, and
 * nbdkit ends with that. (Not by nbdkit's --exit-with-parent: with --run its signal reaches the
 * waiting process only, and the serving one then waits for ever.) */
#include "tools/export.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/host_file.h"
#include "tools/host_path.h"
#include "tools/walk.h"

extern char **environ;

#define ARGS_MAX	(HOST_DEVICES_MAX + 24)
#define PLUGIN_FILE	"nbdkit-cairn-plugin.so"
#define LOOK_NS		50000000ull
/* The names come in the environment: no word of a path is ever read by the shell. */
#define RUN                                                                                        \
	"exec env --default-signal=PIPE qemu-img convert -p -f raw -O \"$CAIRN_FORMAT\" "          \
	"\"$uri\" \"$CAIRN_TARGET\""

struct run {
	struct disk_job	*j;
	char		*arg[ARGS_MAX + 1];
	size_t		args;
	uint64_t	bytes;		/* of the disk */
	int		progress;	/* the read end of qemu-img's standard output */
	char		text[64];	/* of it, not understood yet */
	size_t		used;
};

/* ---- what is needed -------------------------------------------------------------------------- */

static int in_path(const char *program)
{
	const char *p = getenv("PATH");
	char file[HOST_PATH_MAX];

	for (size_t n; p && *p; p += n + (p[n] == ':')) {
		n = strcspn(p, ":");
		snprintf(file, sizeof(file), "%.*s/%s", (int)n, p, program);
		if (access(file, X_OK) == 0)
			return 1;
	}
	return 0;
}

/* The plugin of this very program, if it was not installed: ../lib from where it lies. */
static void find_plugin(char *plugin, size_t size)
{
	char self[HOST_PATH_MAX], dir[HOST_PATH_MAX], up[HOST_PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	mem_copy_text(plugin, size, "cairn");
	if (n <= 0)
		return;
	self[n] = 0;
	path_parent(self, dir, sizeof(dir));
	path_parent(dir, up, sizeof(up));
	if ((size_t)snprintf(plugin, size, "%s/lib/%s", up, PLUGIN_FILE) >= size ||
	    access(plugin, R_OK) != 0)
		mem_copy_text(plugin, size, "cairn");
}

static enum status check_programs(const char *format, struct why *why)
{
	if (!in_path("nbdkit"))
		return why_set(why, ST_UNSUPPORTED,
			       "%s: needs nbdkit, which is not installed; the package is nbdkit",
			       format);
	if (!in_path("qemu-img"))
		return why_set(why, ST_UNSUPPORTED,
			       "%s: needs qemu-img, which is not installed; the package is "
			       "qemu-utils",
			       format);
	return ST_OK;
}

/* ---- the command line ------------------------------------------------------------------------ */

static enum status add(struct run *r, const char *format, ...) PRINTF_LIKE(2, 3);
static enum status add(struct run *r, const char *format, ...)
{
	va_list ap;
	int n;

	if (r->args == ARGS_MAX)
		return ST_LIMIT;
	va_start(ap, format);
	n = vasprintf(&r->arg[r->args], format, ap);
	va_end(ap);
	if (n < 0)
		r->arg[r->args] = NULL;
	r->args += n >= 0;
	return n < 0 ? ST_NOMEM : ST_OK;
}

static enum status add_source(struct run *r, const struct host_path *at)
{
	struct host_volume *v = at->volume;
	enum status st = ST_OK;

	if (!v)
		return add(r, "disk=%s", at->path);
	for (uint32_t i = 0; i < host_volume_devices(v) && st == ST_OK; i++)
		st = add(r, "device=%s", host_volume_device(v, i));
	return st == ST_OK ? add(r, "disk=/vmfs/volumes/%s%s", host_volume_uuid(v), at->path) : st;
}

static enum status make_line(struct run *r, const struct host_path *at, uint64_t rate)
{
	static const char *const first[] = { "nbdkit", "-U", "-" };
	char plugin[HOST_PATH_MAX];
	enum status st = ST_OK;

	find_plugin(plugin, sizeof(plugin));
	for (size_t i = 0; i < ARRAY_COUNT(first) && st == ST_OK; i++)
		st = add(r, "%s", first[i]);
	if (st == ST_OK && rate)
		st = add(r, "--filter=rate");
	if (st == ST_OK)
		st = add(r, "%s", plugin);
	if (st == ST_OK && rate)
		st = add(r, "rate=%llu", (unsigned long long)rate * 8);	/* bits */
	if (st == ST_OK && rate)
		st = add(r, "burstiness=0.25");	/* seconds; else two at full speed come first */
	if (st == ST_OK)
		st = add_source(r, at);
	if (st == ST_OK)
		st = add(r, "--run");
	return st == ST_OK ? add(r, RUN) : st;
}

/* ---- the processes --------------------------------------------------------------------------- */

/* A group of their own: the terminal's Ctrl-C is for us, and we end them in order. */
static enum status start(struct run *r, pid_t *pid, struct why *why)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int fd[2], error;

	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) != 0)
		return why_set(why, ST_NOMEM, "no pipe for qemu-img: %s", strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	error = posix_spawnp(pid, "nbdkit", &actions, &attr, r->arg, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	close(fd[1]);
	r->progress = fd[0];
	if (!error)
		return ST_OK;
	close(fd[0]);
	return why_set(why, ST_UNSUPPORTED, "nbdkit: %s", strerror(error));
}

/* "    (12.34/100%)\r", again and again. */
static void take_progress(struct run *r)
{
	ssize_t n;

	while ((n = read(r->progress, r->text + r->used, sizeof(r->text) - 1 - r->used)) > 0) {
		char *last;
		double percent;

		r->used += (size_t)n;
		r->text[r->used] = 0;
		last = strrchr(r->text, '(');
		if (last && sscanf(last, "(%lf/", &percent) == 1)
			r->j->job.bytes_read = (uint64_t)((double)r->bytes * percent / 100);
		if (r->used > sizeof(r->text) / 2) {	/* the tail may be half a number */
			size_t tail = last ? strlen(last) : 0;

			if (tail >= sizeof(r->text) / 2)
				tail = 0;
			memmove(r->text, r->text + r->used - tail, tail);
			r->used = tail;
		}
	}
}

static enum status wait_for(struct run *r, pid_t pid, struct why *why)
{
	struct disk_job *j = r->j;
	int result = 0, stopped = 0;

	while (waitpid(pid, &result, WNOHANG) == 0) {
		take_progress(r);
		if (progress_update(&j->progress, j->job.bytes_read, r->bytes) && !stopped) {
			kill(-pid, SIGTERM);
			stopped = 1;
		}
		port_world_sleep_ns(LOOK_NS);
	}
	take_progress(r);
	close(r->progress);
	if (stopped)
		return why_set(why, ST_CANCELLED, "interrupted; nothing half done is left");
	if (WIFEXITED(result) && WEXITSTATUS(result) == 0)
		return ST_OK;
	return why_set(why, ST_DEVICE,
		       "nbdkit or qemu-img failed, see above; if nbdkit does not know the plugin, "
		       "install nbdkit-plugin-cairn");
}

/* ---- the file -------------------------------------------------------------------------------- */

static enum status settle(const struct host_path *to, const char *tmp, enum status st,
			  struct why *why)
{
	struct store *s = to->store;
	struct store_file *f;
	enum status closed;

	if (st == ST_OK)
		st = s->ops->open(s, tmp, STORE_WRITE, &f, why);
	if (st == ST_OK) {
		st = store_flush(f);
		closed = s->ops->file_close(f);
		st = st == ST_OK ? closed : st;
	}
	if (st == ST_OK)
		st = s->ops->rename(s, tmp, to->path, 0, why);
	if (st == ST_OK)
		return s->ops->sync(s);
	(void)s->ops->remove(s, tmp, NULL);	/* the first failure is the one to tell */
	return st;
}

static enum status convert(const struct disk *src, const char *format, const struct host_path *to,
			   struct disk_job *j, struct why *why)
{
	struct run *r = calloc(1, sizeof(*r));
	char *tmp = NULL, dir[HOST_PATH_MAX];
	pid_t pid;
	enum status st = ST_NOMEM;

	path_parent(to->path, dir, sizeof(dir));
	if (r && asprintf(&tmp, "%s/.%s.part", dir, path_last(to->path)) >= 0) {
		r->j = j;
		r->bytes = vmdk_bytes(src->vmdk);
		st = make_line(r, &src->at, j->job.rate_bytes_per_s);
	}
	if (st == ST_OK)
		st = host_file_remove_left(to->store, tmp, why);
	if (st == ST_OK && (setenv("CAIRN_FORMAT", format, 1) != 0 ||
			    setenv("CAIRN_TARGET", tmp, 1) != 0))
		st = ST_NOMEM;
	if (st == ST_OK)
		st = start(r, &pid, why);
	if (st == ST_OK)
		st = settle(to, tmp, wait_for(r, pid, why), why);
	for (size_t i = 0; r && i < r->args; i++)
		free(r->arg[i]);
	free(r);
	free(tmp);
	return st == ST_NOMEM && !why->text[0] ? why_set(why, st, "%s: no memory", to->name) : st;
}

static enum status check_target(const struct host_path *to, struct why *why)
{
	struct store_stat ss;

	if (to->volume)
		return why_set(why, ST_UNSUPPORTED,
			       "%s: qemu-img cannot write into a datastore; name a file of this "
			       "machine, and copy it with cairn file cp",
			       to->name);
	if (to->store->ops->stat(to->store, to->path, &ss, NULL) == ST_OK)
		return why_set(why, ST_EXIST, "%s: already exists", to->name);
	return ST_OK;
}

enum status export_qemu(struct cmd *cmd, const char *source, const char *format,
			const struct host_path *to, struct disk_job *j, struct why *why)
{
	struct disk src = { 0 };
	char size[24];
	enum status st = check_target(to, why);

	if (st == ST_OK)	/* what is wrong with the disk is better told by us */
		st = disk_open(cmd, source, disk_format_flags(cmd, "format", source), &src, why);
	if (st == ST_OK && src.vmdk && cmd->dry_run) {
		if (!cmd->json)
			printf("would export '%s', %s, to '%s', %s, by qemu-img\n", src.at.name,
			       out_size(size, sizeof(size), vmdk_bytes(src.vmdk), 0), to->name,
			       format);
	} else if (st == ST_OK) {
		st = check_programs(format, why);
		if (st == ST_OK) {
			disk_job_start(cmd, j, NULL, "export", src.at.name);
			progress_phase(&j->progress, "export", src.at.name, vmdk_bytes(src.vmdk));
			st = convert(&src, format, to, j, why);
			disk_job_end(j, st);
		}
	}
	return disk_close(&src, st, why);
}
