/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* handle - create, name the devices, start, destroy. Until the start nothing but memory changes, so
 * a process may do that much before it forks. */
#include <stdlib.h>
#include <string.h>

#include "tools/libcairn/lib_priv.h"
#include "tools/version.h"

const char *cairn_version(void) { return CAIRN_VERSION; }

/* ---- create ---------------------------------------------------------------------------------- */

/* A caller that was compiled against a later header has fields that we do not know: fine, as long
 * as it does not use them. */
static int take_struct(void *to, size_t known, const void *from, size_t size)
{
	const char *p = from;

	if (size < sizeof(size_t))
		return -1;
	for (size_t i = known; i < size; i++)
		if (p[i] != 0)
			return -1;
	memcpy(to, from, MIN(known, size));
	return 0;
}

struct cairn *cairn_create(const struct cairn_options *options, struct cairn_error *error)
{
	struct cairn *c = calloc(1, sizeof(*c));

	if (!c) {
		lib_fail(error, ST_NOMEM, NULL);
		return NULL;
	}
	if (options && take_struct(&c->opts, sizeof(c->opts), options, options->size) != 0) {
		lib_error(error, ST_INVAL, "cairn_options: size is not set, or it has fields that "
			  "this library does not know");
		goto free_handle;
	}
	if (c->opts.engine) {
		c->engine = strdup(c->opts.engine);
		if (!c->engine) {
			lib_fail(error, ST_NOMEM, NULL);
			goto free_handle;
		}
	}
	c->config.cached = !c->opts.direct;
	c->config.open_dev = lib_open_dev;
	c->config.arg = c;
	io_mutex_init(&c->mutex);
	lib_ok(error);
	return c;
free_handle:
	free(c);
	return NULL;
}

/* ---- devices --------------------------------------------------------------------------------- */

/* Append `name` to the list of what the host looks at. */
static enum status add_uri(struct cairn *c, const char *name)
{
	struct config_device *grown = realloc(c->config.device,
					      (c->config.device_count + 1) * sizeof(*grown));
	char *copy = strdup(name);

	if (grown)
		c->config.device = grown;
	if (!grown || !copy) {
		free(copy);
		return ST_NOMEM;
	}
	grown[c->config.device_count++] = (struct config_device){ copy, CONFIG_OPTION };
	return ST_OK;
}

static int is_known(const struct cairn *c, const char *name)
{
	for (size_t i = 0; i < c->config.device_count; i++)
		if (strcmp(c->config.device[i].uri, name) == 0)
			return 1;
	return 0;
}

static enum cairn_status check_name(const struct cairn *c, const char *name,
				    struct cairn_error *error)
{
	if (c->machine)
		return lib_error(error, ST_INVAL, "%s: the handle is started already", name);
	if (!name || !*name)
		return lib_error(error, ST_INVAL, "a device without a name");
	if (is_known(c, name))
		return lib_error(error, ST_INVAL, "%s: is named twice", name);
	return CAIRN_OK;
}

enum cairn_status cairn_add_device(struct cairn *c, const char *uri, struct cairn_error *error)
{
	enum cairn_status bad = check_name(c, uri, error);

	return bad != CAIRN_OK ? bad : lib_fail(error, add_uri(c, uri), NULL);
}

static const char *source_fault(const struct cairn_source *s)
{
	if (!s->name || !*s->name || strchr(s->name, '/') || strlen(s->name) > 200)
		return "a source's name has 1 to 200 bytes and no '/'";
	if (!s->read)
		return "a source needs a function that reads";
	if (s->block_bytes & (s->block_bytes - 1) || s->block_bytes > 65536)
		return "block_bytes is not a power of two up to 65536";
	return NULL;
}

static enum status keep_source(struct cairn *c, struct lib_source *src)
{
	struct lib_source **grown = realloc(c->source, (c->source_count + 1) * sizeof(*grown));
	enum status st;

	if (!grown)
		return ST_NOMEM;
	c->source = grown;
	src->name = strdup(src->s.name);
	if (!src->name)
		return ST_NOMEM;
	src->s.name = src->name;
	st = add_uri(c, src->name);
	if (st != ST_OK)
		free(src->name);
	else
		c->source[c->source_count++] = src;
	return st;
}

enum cairn_status cairn_add_source(struct cairn *c, const struct cairn_source *source,
				   struct cairn_error *error)
{
	struct lib_source *src = calloc(1, sizeof(*src));
	enum cairn_status bad = CAIRN_OK;
	const char *fault = NULL;
	enum status st;

	if (!src)
		return lib_fail(error, ST_NOMEM, NULL);
	if (take_struct(&src->s, sizeof(src->s), source, source->size) != 0)
		fault = "size is not set, or it has fields that this library does not know";
	if (!fault)
		fault = source_fault(&src->s);
	if (fault)
		bad = lib_error(error, ST_INVAL, "cairn_source: %s", fault);
	if (bad == CAIRN_OK)
		bad = check_name(c, src->s.name, error);
	if (bad != CAIRN_OK) {
		free(src);
		return bad;
	}
	st = keep_source(c, src);
	if (st != ST_OK)
		free(src);
	return lib_fail(error, st, NULL);
}

/* ---- start ----------------------------------------------------------------------------------- */

/* On the handle's thread: a device that a command would leave out with a line on standard error. */
static void note_trouble(void *arg, const char *line)
{
	struct cairn *c = arg;

	if (!c->trouble.text[0])
		mem_copy_text(c->trouble.text, sizeof(c->trouble.text), line);
}

static enum status start_fn(struct lib_call *call)
{
	struct cairn *c = call->c;
	enum status st;

	c->config.remark = note_trouble;
	st = host_create(&c->config, &c->host, &call->why);
	if (st == ST_OK)
		st = host_scan(c->host, &call->why);
	if (st == ST_OK && c->trouble.text[0])
		st = why_set(&call->why, ST_NOENT, "%s", c->trouble.text);
	return st;
}

static enum status stop_fn(struct lib_call *call)
{
	enum status st = call->c->host ? host_destroy(call->c->host, &call->why) : ST_OK;

	call->c->host = NULL;
	return st;
}

static void forward_line(void *arg, enum log_level level, const char *line)
{
	const struct cairn *c = arg;

	if (c->opts.log)
		c->opts.log(c->opts.log_arg, (enum cairn_log_level)level, line);
}

_Static_assert((int)CAIRN_LOG_ERROR == (int)LOG_ERROR && (int)CAIRN_LOG_DEBUG == (int)LOG_DEBUG,
	       "the levels are the same numbers");

static void stop(struct cairn *c)
{
	struct lib_call call = { .fn = stop_fn };

	lib_call(c, &call);	/* nothing was written: an unmount that fails has lost nothing */
	port_machine_stop(c->machine);
	c->machine = NULL;
}

enum cairn_status cairn_start(struct cairn *c, struct cairn_error *error)
{
	struct port_config config = { .engine = c->engine,
				      .log_level = (enum log_level)c->opts.log_level };
	struct lib_call call = { .fn = start_fn };
	struct why why = { 0 };
	enum status st;

	if (c->machine)
		return lib_error(error, ST_INVAL, "the handle is started already");
	c->trouble = (struct why){ 0 };
	st = port_machine_start(&config, forward_line, c, &c->machine, &why);
	if (st != ST_OK)
		return lib_fail(error, st, &why);
	st = lib_call(c, &call);
	if (st != ST_OK)
		stop(c);
	return lib_fail(error, st, &call.why);
}

void cairn_destroy(struct cairn *c)
{
	if (!c)
		return;
	VERIFY(__atomic_load_n(&c->images, __ATOMIC_ACQUIRE) == 0);	/* they point to us */
	if (c->machine)
		stop(c);
	for (size_t i = 0; i < c->source_count; i++) {
		if (c->source[i]->s.close)
			c->source[i]->s.close(c->source[i]->s.arg);
		free(c->source[i]->name);
		free(c->source[i]);
	}
	free(c->source);
	for (size_t i = 0; i < c->config.device_count; i++)
		free(c->config.device[i].uri);
	free(c->config.device);
	free(c->engine);
	free(c);
}
