# SPDX-License-Identifier: BSD-2-Clause-Patent
vmdk_SRCS := path.c descriptor.c descriptor_write.c ident.c job.c flat.c disk.c place.c open.c info.c link.c rebuild.c encoding.c \
	chain.c chain_map.c chain_read.c parent.c delta.c cowd.c sesparse.c delta_check.c \
	sparse_header.c sparse.c sparse_alloc.c sparse_check.c stream.c stream_check.c \
	target.c sink_flat.c sink_sparse.c sink_stream.c create.c copy.c move.c convert.c journal.c compare.c \
	delete.c rename.c extend.c fill.c check.c
vmdk_DEPS := iopath iopath/base iopath/port
