/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* copy IMAGE DISK OUT [THREADS] - a virtual disk into a raw file, zeros left out.
 * An example of libcairn: the device is read by functions of this program (here with pread; it
 * could be a backup or a network), and several threads read the disk at once. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cairn.h>

#define PIECE	(1u << 20)
#define EXTENTS	16
#define THREADS_MAX 64

/* ---- the device ------------------------------------------------------------------------------ */

static int read_device(void *arg, void *buf, size_t bytes, uint64_t offset)
{
	int fd = *(int *)arg;
	char *to = buf;

	while (bytes > 0) {
		ssize_t n = pread(fd, to, bytes, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		to += n;
		offset += (uint64_t)n;
		bytes -= (size_t)n;
	}
	return 0;
}

static void close_device(void *arg) { close(*(int *)arg); }

static enum cairn_status add_device(struct cairn *c, const char *path, int *fd,
				    struct cairn_error *error)
{
	struct cairn_source source = { .size = sizeof(source), .name = "image",
				       .read = read_device, .close = close_device, .arg = fd };
	struct stat st;
	enum cairn_status status;

	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0 || fstat(*fd, &st) != 0) {
		perror(path);
		exit(1);
	}
	source.size_bytes = (uint64_t)st.st_size;
	status = cairn_add_source(c, &source, error);
	if (status != CAIRN_OK)
		close(*fd);
	return status;
}

/* ---- the copy -------------------------------------------------------------------------------- */

struct copy {
	struct cairn_image	*image;
	int			out;
	uint64_t		next;		/* atomic: the first byte that nobody took */
	struct cairn_error	error;		/* of the first failure */
	pthread_mutex_t		lock;		/* of error */
};

static void stop(struct copy *copy, const struct cairn_error *error)
{
	pthread_mutex_lock(&copy->lock);
	if (copy->error.status == CAIRN_OK)
		copy->error = *error;
	pthread_mutex_unlock(&copy->lock);
	__atomic_store_n(&copy->next, cairn_size(copy->image), __ATOMIC_RELAXED);
}

static enum cairn_status copy_extent(struct copy *copy, const struct cairn_extent *e, char *buf,
				     struct cairn_error *error)
{
	enum cairn_status st;

	if (e->kind != CAIRN_DATA)
		return CAIRN_OK;	/* the file is a hole there */
	st = cairn_read(copy->image, buf, e->bytes, e->offset, error);
	if (st == CAIRN_OK && pwrite(copy->out, buf, e->bytes, (off_t)e->offset) !=
					 (ssize_t)e->bytes) {
		error->status = CAIRN_IO;
		snprintf(error->text, sizeof(error->text), "write: %s", strerror(errno));
		return CAIRN_IO;
	}
	return st;
}

static enum cairn_status copy_piece(struct copy *copy, uint64_t offset, uint64_t bytes, char *buf,
				    struct cairn_error *error)
{
	struct cairn_extent extent[EXTENTS];
	enum cairn_status st = CAIRN_OK;
	uint64_t end = offset + bytes;
	size_t count;

	while (st == CAIRN_OK && offset < end) {
		st = cairn_extents(copy->image, offset, end - offset, extent, EXTENTS, &count,
				   error);
		for (size_t i = 0; st == CAIRN_OK && i < count; i++) {
			st = copy_extent(copy, &extent[i], buf, error);
			offset = extent[i].offset + extent[i].bytes;
		}
	}
	return st;
}

static void *copy_thread(void *arg)
{
	struct copy *copy = arg;
	uint64_t size = cairn_size(copy->image);
	char *buf = malloc(PIECE);
	struct cairn_error error = { CAIRN_NO_MEMORY, "no memory" };

	while (buf) {
		uint64_t at = __atomic_fetch_add(&copy->next, PIECE, __ATOMIC_RELAXED);

		if (at >= size)
			break;
		if (copy_piece(copy, at, size - at < PIECE ? size - at : PIECE, buf, &error) !=
		    CAIRN_OK) {
			stop(copy, &error);
			break;
		}
	}
	if (!buf)
		stop(copy, &error);
	free(buf);
	return NULL;
}

static void run_threads(struct copy *copy, int threads)
{
	pthread_t thread[THREADS_MAX];
	int started = 0;

	while (started < threads - 1 &&
	       pthread_create(&thread[started], NULL, copy_thread, copy) == 0)
		started++;
	copy_thread(copy);
	while (started > 0)
		pthread_join(thread[--started], NULL);
}

static enum cairn_status copy_disk(struct cairn *c, const char *disk, const char *out, int threads,
				   struct cairn_error *error)
{
	struct copy copy = { .lock = PTHREAD_MUTEX_INITIALIZER };
	enum cairn_status st = cairn_open_disk(c, disk, NULL, &copy.image, error);

	if (st != CAIRN_OK)
		return st;
	copy.out = open(out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (copy.out < 0 || ftruncate(copy.out, (off_t)cairn_size(copy.image)) != 0) {
		perror(out);
		exit(1);
	}
	run_threads(&copy, threads);
	close(copy.out);
	*error = copy.error;
	if (error->status == CAIRN_OK)
		(void)cairn_check(copy.image, error);	/* of one moment? */
	cairn_close(copy.image);
	return error->status;
}

int main(int argc, char **argv)
{
	int fd, threads = argc > 4 ? atoi(argv[4]) : 4;
	struct cairn_error error;
	struct cairn *c = cairn_create(NULL, &error);
	enum cairn_status st = c ? CAIRN_OK : error.status;

	if (argc < 4 || threads < 1 || threads > THREADS_MAX) {
		fprintf(stderr, "usage: copy IMAGE DISK OUT [THREADS]\n");
		return 2;
	}
	if (st == CAIRN_OK)
		st = add_device(c, argv[1], &fd, &error);
	if (st == CAIRN_OK)
		st = cairn_start(c, &error);
	if (st == CAIRN_OK)
		st = copy_disk(c, argv[2], argv[3], threads, &error);
	if (st != CAIRN_OK)
		fprintf(stderr, "copy: %s\n", error.text);
	cairn_destroy(c);
	return st != CAIRN_OK;
}
