/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* config - three origins, one list of devices. Runs before the I/O core starts, so it uses libc. */
#include "tools/config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iopath/base/dict.h"
#include "iopath/base/mem.h"
#include "tools/opt.h"

#define CONFIG_FILE_MAX (256 * KIB)

/* ---- devices --------------------------------------------------------------------------------- */

/* at: where in the list; later ones move up. A URI that is there already stays where it is. */
static enum status add_device(struct config *config, const char *uri, size_t n,
			      enum config_origin origin, size_t at)
{
	struct config_device *d;
	char *copy;

	for (size_t i = 0; i < config->device_count; i++)
		if (strlen(config->device[i].uri) == n &&
		    strncmp(config->device[i].uri, uri, n) == 0)
			return ST_OK;
	copy = strndup(uri, n);
	if (!copy)
		return ST_NOMEM;
	d = realloc(config->device, (config->device_count + 1) * sizeof(*d));
	if (!d) {
		free(copy);
		return ST_NOMEM;
	}
	config->device = d;
	memmove(&d[at + 1], &d[at], (config->device_count - at) * sizeof(*d));
	d[at] = (struct config_device){ .uri = copy, .origin = origin };
	config->device_count++;
	return ST_OK;
}

enum status config_add_option(struct config *config, const char *uri)
{
	size_t at = 0;

	while (at < config->device_count && config->device[at].origin == CONFIG_OPTION)
		at++;
	for (size_t i = at; i < config->device_count; i++)
		if (strcmp(config->device[i].uri, uri) == 0) {	/* the command line outranks it */
			struct config_device d = config->device[i];

			memmove(&config->device[at + 1], &config->device[at], (i - at) * sizeof(d));
			d.origin = CONFIG_OPTION;
			config->device[at] = d;
			return ST_OK;
		}
	return add_device(config, uri, strlen(uri), CONFIG_OPTION, at);
}

static enum status add_environment(struct config *config)
{
	const char *p = getenv("CAIRN_DEVICES");

	while (p && *p) {
		size_t n = strcspn(p, " \t\n");
		enum status st = n ? add_device(config, p, n, CONFIG_ENVIRONMENT,
						config->device_count) : ST_OK;

		if (st != ST_OK)
			return st;
		p += n + (p[n] != 0);
	}
	return ST_OK;
}

/* ---- the file -------------------------------------------------------------------------------- */

static const char *const known_keys[] = { "device", "engine", "join" };

static void warn_unknown(const char *name, unsigned line, const char *key)
{
	const char *near = NULL;
	size_t best = 4;

	for (size_t i = 0; i < ARRAY_COUNT(known_keys); i++)
		if (opt_distance(key, known_keys[i]) < best) {
			best = opt_distance(key, known_keys[i]);
			near = known_keys[i];
		}
	fprintf(stderr, "cairn: %s:%u: unknown key '%s' is ignored%s%s%s\n", name, line, key,
		near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static enum status set_key(struct config *config, const char *name, const struct dict *d,
			   const char *value)
{
	char key[64];

	if (dict_behind(d, "device"))
		return add_device(config, value, strlen(value), CONFIG_FILE, config->device_count);
	if (dict_is(d, "join")) {
		config->join = (uint8_t)dict_bool(d, 0);
	} else if (dict_is(d, "engine")) {
		char *copy = strdup(value);

		if (!copy)
			return ST_NOMEM;
		free(config->engine);
		config->engine = copy;
	} else {
		snprintf(key, sizeof(key), "%.*s", (int)d->name_bytes, d->name);
		warn_unknown(name, d->line, key);
	}
	return ST_OK;
}

static enum status take_pair(struct config *config, const char *name, const struct dict *d)
{
	size_t size = dict_text_max(d) + 1;
	char *value = malloc(size);
	enum status st = ST_NOMEM;

	if (value) {
		dict_text(d, value, size);
		st = set_key(config, name, d, value);
	}
	free(value);
	return st;
}

enum status config_parse(struct config *config, const char *name, const char *text, struct why *why)
{
	enum status st = ST_OK;
	enum dict_line kind;
	struct dict d;

	dict_init(&d, text, strlen(text));
	while (st == ST_OK && (kind = dict_next(&d)) != DICT_END) {
		if (kind == DICT_BAD)
			st = why_set(why, ST_INVAL, "%s:%u: not of the form key = \"value\"; "
				     "correct or comment out the line", name, d.line);
		else if (kind == DICT_PAIR)
			st = take_pair(config, name, &d);
	}
	return st;
}

static enum status read_file(struct config *config, const char *path, struct why *why)
{
	FILE *f = fopen(path, "re");
	enum status st;
	char *text;
	size_t n;

	if (!f && errno == ENOENT)
		return ST_OK;
	if (!f)
		return why_set(why, ST_INVAL, "%s: %s", path, strerror(errno));
	text = calloc(1, CONFIG_FILE_MAX);
	n = text ? fread(text, 1, CONFIG_FILE_MAX, f) : 0;
	if (!text)
		st = why_set(why, ST_NOMEM, "%s: no memory", path);
	else if (ferror(f) || n == CONFIG_FILE_MAX || memchr(text, 0, n))
		st = why_set(why, ST_INVAL, "%s: not a configuration file", path);
	else
		st = config_parse(config, path, text, why);
	free(text);
	fclose(f);
	return st;
}

static int is_conf(const struct dirent *d) { return mem_ends_with(d->d_name, ".conf"); }

/* cairn.conf.d/ *.conf, in the order of their names. */
static enum status read_pieces(struct config *config, const char *dir, struct why *why)
{
	struct dirent **found = NULL;
	int n = scandir(dir, &found, is_conf, alphasort);
	enum status st = ST_OK;

	for (int i = 0; i < n; i++) {
		char *path = NULL;

		if (st == ST_OK && asprintf(&path, "%s/%s", dir, found[i]->d_name) < 0)
			st = ST_NOMEM;
		if (st == ST_OK)
			st = read_file(config, path, why);
		free(path);
		free(found[i]);
	}
	free(found);
	return st;
}

enum status config_load(struct config *config, struct why *why)
{
	const char *root = getenv("CAIRN_ROOT");
	char path[4096];
	enum status st;

	*config = (struct config){ 0 };
	if (!root || !*root)
		root = CAIRN_SYSCONFDIR "/cairn";
	st = add_environment(config);
	snprintf(path, sizeof(path), "%s/cairn.conf", root);
	if (st == ST_OK)
		st = read_file(config, path, why);
	snprintf(path, sizeof(path), "%s/cairn.conf.d", root);
	if (st == ST_OK)
		st = read_pieces(config, path, why);
	if (st != ST_OK)
		config_free(config);
	return st;
}

void config_free(struct config *config)
{
	for (size_t i = 0; i < config->device_count; i++)
		free(config->device[i].uri);
	free(config->device);
	free(config->engine);
	*config = (struct config){ 0 };
}
