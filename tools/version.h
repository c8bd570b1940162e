/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* version - of the programs and of the library: one release, one number. */
#ifndef CAIRN_TOOLS_VERSION_H
#define CAIRN_TOOLS_VERSION_H

#define CAIRN_VERSION "0.1.0"

#endif
