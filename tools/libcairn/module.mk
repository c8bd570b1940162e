# SPDX-License-Identifier: BSD-2-Clause-Patent
tools/libcairn_SRCS := error.c call.c handle.c source.c look.c image.c link.c places.c moment.c read.c extents.c
tools/libcairn_DEPS := tools snapshots vmdk vmfs iopath iopath/base iopath/port iopath/port/linux
# Of the tools' folder the library has the host, and nothing that parses, prints or exits.
LIBCAIRN_TOOLS := host.c host_claim.c host_said.c host_names.c host_path.c
