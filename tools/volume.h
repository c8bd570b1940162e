/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* volume - what the verbs of `cairn volume` share. Each verb is one function, by its name. */
#ifndef CAIRN_TOOLS_VOLUME_H
#define CAIRN_TOOLS_VOLUME_H

#include "tools/cmd.h"

int volume_create(struct cmd *cmd);	/* volume_make.c */
int volume_grow(struct cmd *cmd);
int volume_span(struct cmd *cmd);
int volume_check(struct cmd *cmd);	/* volume_check.c */
int volume_repair(struct cmd *cmd);

/* The first operand, a label, UUID or device, or the only volume there is. */
MUST_USE enum status volume_find(struct cmd *cmd, struct host_volume **volume, struct why *why);
/* The first operand as the object of a message; NULL without one. */
const char *volume_operand(const struct cmd *cmd);
void volume_close_devices(struct io_dev **devs, uint32_t count);

#endif
