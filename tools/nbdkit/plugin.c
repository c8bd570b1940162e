/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* plugin - nbdkit-cairn-plugin: virtual disks on VMFS datastores as NBD exports.
 *
 *	nbdkit cairn device=/dev/sdb:1 disk=vm/vm.vmdk --run 'qemu-img convert "$uri" vm.qcow2'
 *
 * It knows libcairn's public interface only. nbdkit forks between get_ready and after_fork, and
 * threads do not follow: so the disks are opened twice, first to say what is wrong while somebody
 * can read it, then for good. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cairn.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
#define EXTENTS 256		/* asked for at once */

struct disk {
	char			*path;		/* as it was spelt: the name of the export */
	char			*at;		/* as libcairn gets it */
	char			*snapshot;	/* NULL: as it is now */
};

/* What a connection reads: the disk as it is when it comes. When a host changes the disk, its reads
 * fail, and the next connection gets the new state. */
struct connection {
	struct connection	*next;
	struct cairn_image	*image;
	struct cairn_info	info;
};

/* nbdkit has one instance of a plugin in a process, and gives it no place for this. */
static struct {
	struct disk	*disk;
	size_t		disk_count;
	char		**device;
	size_t		device_count;
	char		*snapshot;	/* named before its disk */
	int		direct, live;
	struct cairn	*cairn;
	struct connection *connections;
	pthread_mutex_t	lock;		/* of connections */
} plugin = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- parameters ------------------------------------------------------------------------------ */

static char *copy_text(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		nbdkit_error("no memory");
	return copy;
}

static int add_device(char *uri)
{
	char **grown = realloc(plugin.device, (plugin.device_count + 1) * sizeof(*grown));

	if (!grown)
		nbdkit_error("no memory");
	if (!grown || !uri) {
		free(uri);
		return -1;
	}
	plugin.device = grown;
	plugin.device[plugin.device_count++] = uri;
	return 0;
}

/* A path has to hold in another directory too; "nbd://..." is none. */
static char *absolute_uri(const char *uri)
{
	return strstr(uri, "://") ? copy_text(uri) : nbdkit_absolute_path(uri);
}

static int add_disk(const char *path)
{
	struct disk *grown = realloc(plugin.disk, (plugin.disk_count + 1) * sizeof(*grown));
	struct disk *d;

	if (!grown) {
		nbdkit_error("no memory");
		return -1;
	}
	plugin.disk = grown;
	d = &plugin.disk[plugin.disk_count];
	*d = (struct disk){ .path = copy_text(path), .snapshot = plugin.snapshot };
	plugin.snapshot = NULL;
	plugin.disk_count++;
	return d->path ? 0 : -1;
}

/* Of the disk that was named last, or of the next one. */
static int set_snapshot(const char *name)
{
	char **at = plugin.disk_count ? &plugin.disk[plugin.disk_count - 1].snapshot
				      : &plugin.snapshot;

	if (*at) {
		nbdkit_error("snapshot=%s: a disk has one snapshot= only", name);
		return -1;
	}
	*at = copy_text(name);
	return *at ? 0 : -1;
}

static int set_flag(int *flag, const char *value)
{
	*flag = nbdkit_parse_bool(value);
	return *flag < 0 ? -1 : 0;
}

static int config(const char *key, const char *value)
{
	if (strcmp(key, "device") == 0)
		return add_device(absolute_uri(value));
	if (strcmp(key, "disk") == 0)
		return add_disk(value);
	if (strcmp(key, "snapshot") == 0)
		return set_snapshot(value);
	if (strcmp(key, "direct") == 0)
		return set_flag(&plugin.direct, value);
	if (strcmp(key, "live") == 0)
		return set_flag(&plugin.live, value);
	nbdkit_error("unknown parameter '%s'; there are device, disk, snapshot, live and direct",
		     key);
	return -1;
}

/* The devices that the cairn commands use too, separated by blanks. */
static int add_environment(void)
{
	const char *p = getenv("CAIRN_DEVICES");

	while (p && *p) {
		size_t n = strcspn(p, " \t\n");
		char *uri = n ? strndup(p, n) : NULL;

		if (n && (!uri || add_device(absolute_uri(uri)) != 0)) {
			free(uri);
			return -1;
		}
		free(uri);
		p += n + (p[n] != 0);
	}
	return 0;
}

/* nbdkit goes to another directory before it serves: relative names of this machine's files must
 * not depend on it. With devices, a relative name is one on their volume. */
static int settle_path(struct disk *d)
{
	d->at = plugin.device_count ? copy_text(d->path) : nbdkit_absolute_path(d->path);
	return d->at ? 0 : -1;
}

static int config_complete(void)
{
	if (plugin.device_count == 0 && add_environment() != 0)
		return -1;
	if (plugin.disk_count == 0) {
		nbdkit_error("name a disk: disk=/vmfs/volumes/DATASTORE/VM/VM.vmdk; "
			     "'cairn file ls' shows what there is");
		return -1;
	}
	for (size_t i = 0; i < plugin.disk_count; i++)
		if (settle_path(&plugin.disk[i]) != 0)
			return -1;
	return 0;
}

/* ---- open and close -------------------------------------------------------------------------- */

static void log_line(void *arg, enum cairn_log_level level, const char *line)
{
	(void)arg;
	(void)level;
	nbdkit_debug("%s", line);
}

static void stop(void)
{
	cairn_destroy(plugin.cairn);
	plugin.cairn = NULL;
}

static int start(void)
{
	struct cairn_options options = { .size = sizeof(options), .log = log_line,
					 .log_level = CAIRN_LOG_INFO, .direct = plugin.direct,
					 .live = plugin.live };
	struct cairn_error error;
	enum cairn_status st = CAIRN_OK;

	plugin.cairn = cairn_create(&options, &error);
	if (!plugin.cairn)
		st = error.status;
	for (size_t i = 0; st == CAIRN_OK && i < plugin.device_count; i++)
		st = cairn_add_device(plugin.cairn, plugin.device[i], &error);
	if (st == CAIRN_OK)
		st = cairn_start(plugin.cairn, &error);
	if (st == CAIRN_OK)
		return 0;
	nbdkit_error("%s", error.text);
	stop();
	return -1;
}

/* 0, or -1 with the reason told. */
static int open_disk(const struct disk *d, struct connection *c)
{
	struct cairn_error error;

	if (cairn_open_disk(plugin.cairn, d->at, d->snapshot, &c->image, &error) == CAIRN_OK) {
		if (cairn_info(c->image, &c->info, &error) == CAIRN_OK)
			return 0;
		cairn_close(c->image);
	}
	nbdkit_error("%s", error.text);
	return -1;
}

static int get_ready(void)
{
	struct connection c;
	int bad = start();

	for (size_t i = 0; bad == 0 && i < plugin.disk_count; i++) {
		bad = open_disk(&plugin.disk[i], &c);
		if (bad == 0)
			cairn_close(c.image);
	}
	stop();
	return bad;
}

static int after_fork(void) { return start(); }

/* When the command of --run ends, nbdkit may leave while clients are still there: their connections
 * get no .close then. No other callback runs beside this one. */
static void unload(void)
{
	while (plugin.connections) {
		struct connection *c = plugin.connections;

		plugin.connections = c->next;
		cairn_close(c->image);
		free(c);
	}
	stop();
	for (size_t i = 0; i < plugin.disk_count; i++) {
		free(plugin.disk[i].path);
		free(plugin.disk[i].at);
		free(plugin.disk[i].snapshot);
	}
	for (size_t i = 0; i < plugin.device_count; i++)
		free(plugin.device[i]);
	free(plugin.disk);
	free(plugin.device);
	free(plugin.snapshot);
}

/* ---- exports --------------------------------------------------------------------------------- */

static int list_exports(int readonly, int is_tls, struct nbdkit_exports *exports)
{
	(void)readonly;
	(void)is_tls;
	for (size_t i = 0; i < plugin.disk_count; i++)
		if (nbdkit_add_export(exports, plugin.disk[i].path, plugin.disk[i].snapshot) != 0)
			return -1;
	return 0;
}

static const char *default_export(int readonly, int is_tls)
{
	(void)readonly;
	(void)is_tls;
	return plugin.disk[0].path;
}

/* A client that names nothing gets the first disk; a name must be one of ours. */
static const struct disk *find_disk(const char *name)
{
	for (size_t i = 0; i < plugin.disk_count; i++)
		if (!*name || strcmp(name, plugin.disk[i].path) == 0)
			return &plugin.disk[i];
	nbdkit_error("export '%s': no such disk is served; 'nbdinfo --list' shows them", name);
	nbdkit_set_error(ENOENT);
	return NULL;
}

static void add_connection(struct connection *c)
{
	pthread_mutex_lock(&plugin.lock);
	c->next = plugin.connections;
	plugin.connections = c;
	pthread_mutex_unlock(&plugin.lock);
}

static void remove_connection(struct connection *c)
{
	struct connection **at;

	pthread_mutex_lock(&plugin.lock);
	for (at = &plugin.connections; *at && *at != c; at = &(*at)->next)
		;
	if (*at)
		*at = c->next;
	pthread_mutex_unlock(&plugin.lock);
}

static void *open_connection(int readonly)
{
	const char *name = nbdkit_export_name();
	const struct disk *d = name ? find_disk(name) : NULL;
	struct connection *c = d ? calloc(1, sizeof(*c)) : NULL;

	(void)readonly;
	if (d && !c)
		nbdkit_error("no memory");
	if (c && open_disk(d, c) != 0) {
		free(c);
		return NULL;
	}
	if (c)
		add_connection(c);
	return c;
}

/* Too late for the client, which has what it has read; whoever reads the log is told. */
static void close_connection(void *handle)
{
	struct connection *c = handle;
	struct cairn_error error;

	remove_connection(c);
	if (cairn_check(c->image, &error) != CAIRN_OK)
		nbdkit_error("what was read is not of one moment: %s", error.text);
	cairn_close(c->image);
	free(c);
}

static int64_t get_size(void *handle)
{
	return (int64_t)cairn_size(((struct connection *)handle)->image);
}

/* Nothing is written, so all connections see the same. */
static int can_multi_conn(void *handle)
{
	(void)handle;
	return 1;
}

static int can_write(void *handle)
{
	(void)handle;
	return 0;
}

static int can_extents(void *handle)
{
	(void)handle;
	return 1;
}

static int block_size(void *handle, uint32_t *minimum, uint32_t *preferred, uint32_t *maximum)
{
	*minimum = 1;
	*preferred = ((struct connection *)handle)->info.block_bytes;
	*maximum = 0xffffffff;
	return 0;
}

/* ---- data ------------------------------------------------------------------------------------ */

static int errno_of(enum cairn_status st)
{
	switch (st) {
	case CAIRN_NO_MEMORY:
		return ENOMEM;
	case CAIRN_RANGE:
	case CAIRN_INVALID:
		return EINVAL;
	default:
		return EIO;
	}
}

static int fail(const struct cairn_error *error)
{
	nbdkit_error("%s", error->text);
	nbdkit_set_error(errno_of(error->status));
	return -1;
}

static int pread_disk(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
	struct connection *c = handle;
	struct cairn_error error;

	(void)flags;
	return cairn_read(c->image, buf, count, offset, &error) == CAIRN_OK ? 0 : fail(&error);
}

static uint32_t extent_type(enum cairn_extent_kind kind)
{
	switch (kind) {
	case CAIRN_HOLE:
		return NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO;
	case CAIRN_ZERO:
		return NBDKIT_EXTENT_ZERO;
	default:
		return 0;
	}
}

static int extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags,
		   struct nbdkit_extents *to)
{
	struct connection *c = handle;
	struct cairn_extent found[EXTENTS];
	struct cairn_error error;
	size_t max = flags & NBDKIT_FLAG_REQ_ONE ? 1 : EXTENTS, n;

	if (cairn_extents(c->image, offset, count, found, max, &n, &error) != CAIRN_OK)
		return fail(&error);
	for (size_t i = 0; i < n; i++)
		if (nbdkit_add_extent(to, found[i].offset, found[i].bytes,
				      extent_type(found[i].kind)) != 0)
			return -1;
	return 0;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const char help[] =
	"device=URI       a device or image with VMFS on it (repeatable); \"PATH:N\" is its\n"
	"                 partition N. Without one: those in CAIRN_DEVICES\n"
	"[disk=]PATH      a virtual disk: /vmfs/volumes/DATASTORE/VM/VM.vmdk, or VM/VM.vmdk\n"
	"                 on the only datastore (repeatable: an export each)\n"
	"snapshot=NAME    that disk at an earlier state: a link of its chain by its descriptor's\n"
	"                 file name or as a number of links towards the base, or a snapshot\n"
	"live=true        also a disk that a living host has open: what is read may mix moments\n"
	"direct=true      read image files past the page cache";

static void dump_plugin(void) { printf("cairn_library_version=%s\n", cairn_version()); }

static struct nbdkit_plugin table = {
	.name = "cairn",
	.longname = "Cairn: virtual disks on VMFS datastores",
	.version = "1",
	.unload = unload,
	.dump_plugin = dump_plugin,
	.config = config,
	.config_complete = config_complete,
	.config_help = help,
	.magic_config_key = "disk",
	.get_ready = get_ready,
	.after_fork = after_fork,
	.close = close_connection,
	.list_exports = list_exports,
	.default_export = default_export,
	.open = open_connection,
	.get_size = get_size,
	.can_write = can_write,
	.can_multi_conn = can_multi_conn,
	.can_extents = can_extents,
	.block_size = block_size,
	.pread = pread_disk,
	.extents = extents,
	.errno_is_preserved = 0,
};

NBDKIT_REGISTER_PLUGIN(table)
