/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lvm_absent - a volume of which devices are missing, to be read.
 *
 * The head tells how large the volume is and of how many devices, each device which part it has: so
 * what is missing is known to the byte. A stand-in takes the place of each gap. It ends every
 * request with ST_DEVICE, as a device does that died later, and whoever meets it says what that
 * costs: a file, a directory, a resource file. Without the head there is no volume. */
#include "vmfs/lvm_priv.h"

static void absent_submit(struct io_dev *dev, struct io_req *req)
{
	(void)dev;
	io_finish_later(req, ST_DEVICE);
}

static void absent_close(struct io_dev *dev) { (void)dev; }

static const struct io_dev_ops absent_ops = { .submit = absent_submit, .close = absent_close };

static void init_absent(struct lvm *lvm)
{
	lvm->absent = (struct io_dev){ .ops = &absent_ops, .block_bytes = SECTOR_BYTES };
	mem_copy_text(lvm->absent.name, sizeof(lvm->absent.name), "(missing)");
}

/* A stand-in for PEs first .. end - 1, before device `index`. There is room: fewer devices are here
 * than the volume has. */
static void insert(struct lvm *lvm, uint32_t index, uint64_t first, uint64_t end)
{
	struct lvm_device *d = &lvm->dev[index];

	memmove(d + 1, d, (lvm->dev_count - index) * sizeof(*d));
	lvm->dev_count++;
	memset(d, 0, sizeof(*d));
	d->dev = &lvm->absent;
	d->form = lvm->dev[0].form;
	d->volume = lvm->dev[0].volume;
	le64_set(&d->volume.first_pe, first);
	le64_set(&d->volume.last_pe, end - 1);
	le32_set(&d->volume.num_pes, (uint32_t)(end - first));
}

void lvm_stand_in(struct lvm *lvm)
{
	const struct lvm_volume_disk *head = &lvm->dev[0].volume;
	uint64_t end = div_round_up(le64_get(head->logical_bytes), LVM_PE_BYTES), next = 0;
	uint32_t missing = le32_get(head->num_devs) - MIN(lvm->dev_count, le32_get(head->num_devs));

	init_absent(lvm);
	if (le64_get(head->first_pe) != 0)
		return;
	for (uint32_t i = 0; i <= lvm->dev_count && missing; i++) {
		uint64_t first = i < lvm->dev_count ? le64_get(lvm->dev[i].volume.first_pe) : end;

		if (first > next) {
			insert(lvm, i, next, first);
			missing--;
		}
		if (i < lvm->dev_count)
			next = le64_get(lvm->dev[i].volume.last_pe) + 1;
	}
}
