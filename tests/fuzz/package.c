/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fuzz/package.h"

#include <string.h>

#include "tools/package.h"

static volatile size_t sink;

static void use_text(const char *text) { sink += text ? strlen(text) : 0; }

static void use_machine(const struct ovf_machine *m)
{
	use_text(m->name);
	use_text(m->guest_os);
	use_text(m->firmware);
	use_text(m->hardware);
	for (size_t i = 0; i < m->disk_count; i++) {
		use_text(m->disk[i].file);
		use_text(m->disk[i].format);
		use_text(m->disk[i].controller);
	}
	for (size_t i = 0; i < m->nic_count; i++) {
		use_text(m->nic[i].device);
		use_text(m->nic[i].network);
	}
}

static int on_moved(void *arg, uint64_t bytes)
{
	(void)arg;
	sink += bytes;
	return 0;
}

void use_package(struct store *s, const char *path)
{
	struct why why = { 0 };
	struct package p;

	if (package_open(&p, s, path, &why) == ST_OK &&
	    package_verify(&p, on_moved, NULL, &why) == ST_OK) {
		for (size_t i = 0; i < p.ovf->machine_count; i++)
			use_machine(&p.ovf->machine[i]);
		for (size_t i = 0; i < p.part_count; i++) {
			use_text(p.part[i].name);
			use_text(p.part[i].compression);
		}
		for (size_t i = 0; i < p.finding_count; i++)
			use_text(p.finding[i].text);
	}
	use_text(why.text);
	package_close(&p);
}
