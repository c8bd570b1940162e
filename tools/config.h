/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* config - what this host was told beforehand: command line, environment, configuration file.
 * The file is ${CAIRN_ROOT:-/etc/cairn}/cairn.conf in the key = "value" syntax of .vmx files:
 *	device0 = "/dev/sdb"		any key that starts with "device", in the order of the file
 *	engine = "io_uring"
 *	join = "true"			for a later release: no effect yet */
#ifndef CAIRN_TOOLS_CONFIG_H
#define CAIRN_TOOLS_CONFIG_H

#include "iopath/base/why.h"

#include <stddef.h>
#include <stdint.h>

struct io_dev;

enum config_origin { CONFIG_OPTION, CONFIG_ENVIRONMENT, CONFIG_FILE };

struct config_device {
	char			*uri;
	enum config_origin	origin;
};

struct config {
	struct config_device	*device;
	size_t			device_count;
	char			*engine;	/* NULL: the port chooses */
	uint8_t			join;
	uint8_t			live;	/* files that a live host has open are read all the same */
	uint8_t			join_foreign;	/* of the command line only */

	/* What a library does otherwise than a tool; zero: as a tool. */
	uint8_t			cached;		/* image files are read through the page cache */
	/* Opens a device in place of io_dev_open(). */
	enum status		(*open_dev)(void *arg, const char *uri, unsigned flags,
					    struct io_dev **dev, struct why *why);
	/* Takes the lines that a tool prints on standard error. */
	void			(*remark)(void *arg, const char *line);
	void			*arg;
};

/* Read environment and file on top of nothing. A missing file is an empty one.
 *   ST_INVAL  a line that is not key = "value": file and line are in why */
MUST_USE enum status config_load(struct config *config, struct why *why);
/* A device of the command line: it comes before the others. */
MUST_USE enum status config_add_option(struct config *config, const char *uri);
void config_free(struct config *config);
/* Parse one text of that syntax (the file's content); name is for messages. */
MUST_USE enum status config_parse(struct config *config, const char *name, const char *text,
				  struct why *why);

#endif
