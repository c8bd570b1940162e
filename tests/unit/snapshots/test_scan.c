/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Scans: what is there is found, each fault is told once at its cause, and nothing else is. */
#include "tests/unit/snapshots/lun.h"

static void test_healthy(void)
{
	struct lun t;
	struct inv_vm *vm;

	lun_begin(&t);
	lun_dir(&t, LUN "/web");
	lun_base(&t, LUN "/web/web", 0x11);
	lun_delta(&t, LUN "/web/web-000001", 0x11, 0x11, "web.vmdk");
	lun_vmx(&t, LUN "/web/web.vmx", "Web |22server|22", "web-000001.vmdk");
	lun_text(&t, LUN "/web/web-Snapshot1.vmsn", "x");
	lun_text(&t, LUN "/web/web-Snapshot1.vmem", "memory");
	lun_text(&t, LUN "/web/web.nvram", "n");
	lun_text(&t, LUN "/web/vmware.log", "l");
	lun_text(&t, LUN "/web/web.vmsd", ".encoding = \"UTF-8\"\nsnapshot.lastUID = \"1\"\n"
		 "snapshot.current = \"1\"\nsnapshot.numSnapshots = \"1\"\nsnapshot0.uid = \"1\"\n"
		 "snapshot0.filename = \"web-Snapshot1.vmsn\"\nsnapshot0.displayName = \"before\"\n"
		 "snapshot0.createTimeHigh = \"372463\"\n"
		 "snapshot0.createTimeLow = \"-1304201528\"\nsnapshot0.numDisks = \"1\"\n"
		 "snapshot0.disk0.fileName = \"web.vmdk\"\nsnapshot0.disk0.node = \"scsi0:0\"\n");
	CU_ASSERT_EQUAL_FATAL(lun_scan(&t), ST_OK);
	lun_findings(&t, "");
	CU_ASSERT_EQUAL_FATAL(t.inv->vm_count, 1);
	vm = lun_vm(&t, "Web \"server\"");
	CU_ASSERT_STRING_EQUAL(vm->guest_os, "debian11-64");
	CU_ASSERT_EQUAL(vm->memory_mib, 1024);
	CU_ASSERT_EQUAL_FATAL(vm->disk_count, 1);
	CU_ASSERT_STRING_EQUAL(vm->disks[0].node, "scsi0:0");
	CU_ASSERT_STRING_EQUAL(vm->disks[0].link->parent->path, LUN "/web/web.vmdk");
	CU_ASSERT_EQUAL(vm->disks[0].link->parent->snapshots, 1);
	CU_ASSERT_EQUAL(vm->provisioned_bytes, DISK_BYTES);
	CU_ASSERT(vm->allocated_bytes >= DISK_BYTES);
	CU_ASSERT_EQUAL(vm->unique_bytes, vm->allocated_bytes);
	CU_ASSERT_EQUAL_FATAL(vm->snapshot_count, 1);
	CU_ASSERT_EQUAL(vm->snapshots[0].created_us,
			(int64_t)(372463ull << 32 | (uint32_t)-1304201528));
	CU_ASSERT_EQUAL(vm->snapshots[0].current, 1);
	CU_ASSERT_EQUAL(vm->snapshots[0].memory_bytes, 6);
	CU_ASSERT_PTR_EQUAL(vm->snapshots[0].disks[0].link, vm->disks[0].link->parent);
	lun_end(&t);
}

/* A linked clone: it stands on the other's frozen base, whichever way it names it. */
static void test_linked_clone(void)
{
	struct lun t;
	struct inv_vm *clone, *master;

	lun_begin(&t);
	lun_dir(&t, LUN "/a");
	lun_dir(&t, LUN "/b");
	lun_base(&t, LUN "/a/a", 0x21);
	lun_delta(&t, LUN "/a/a-000001", 0x22, 0x21, "a.vmdk");
	lun_vmx(&t, LUN "/a/a.vmx", "a", "a-000001.vmdk");
	lun_text(&t, LUN "/a/a-Snapshot3.vmsn", "x");
	lun_text(&t, LUN "/a/a.vmsd", "snapshot.current = \"3\"\nsnapshot0.uid = \"3\"\n"
		 "snapshot0.filename = \"a-Snapshot3.vmsn\"\nsnapshot0.displayName = \"gold\"\n"
		 "snapshot0.disk0.fileName = \"a.vmdk\"\n");
	lun_delta(&t, LUN "/b/b", 0x23, 0x21, "../a/a.vmdk");
	lun_vmx(&t, LUN "/b/b.vmx", "b", "b.vmdk");
	CU_ASSERT_EQUAL_FATAL(lun_scan(&t), ST_OK);
	lun_findings(&t, "");
	master = lun_vm(&t, "a");
	clone = lun_vm(&t, "b");
	CU_ASSERT_PTR_EQUAL(clone->clone_of, master);
	CU_ASSERT_PTR_EQUAL(clone->clone_point, &master->snapshots[0]);
	CU_ASSERT_PTR_NULL(master->clone_of);
	CU_ASSERT_EQUAL(clone->disks[0].link->parent->vms, 2);
	CU_ASSERT(clone->unique_bytes < DISK_BYTES);
	CU_ASSERT(clone->allocated_bytes >= DISK_BYTES);
	/* Absolute names: of this volume, and of one that is not known. */
	lun_delta(&t, LUN "/b/b", 0x23, 0x21, "/vmfs/volumes/ds1" LUN "/a/a.vmdk");
	CU_ASSERT_EQUAL_FATAL(lun_scan(&t), ST_OK);
	lun_findings(&t, "");
	lun_delta(&t, LUN "/b/b", 0x23, 0x21, "/vmfs/volumes/other/a/a.vmdk");
	CU_ASSERT_EQUAL_FATAL(lun_scan(&t), ST_OK);
	lun_findings(&t, "");	/* the folder beside this one is called so, and the CID is right */
	lun_delta(&t, LUN "/b/b", 0x23, 0x21, "/vmfs/volumes/other/nowhere/x.vmdk");
	CU_ASSERT_EQUAL_FATAL(lun_scan(&t), ST_OK);
	lun_findings(&t, "elsewhere /b/b.vmdk\n");
	CU_ASSERT_EQUAL(t.inv->problem_count, 0);
	lun_end(&t);
}

static void test_orphans(void)
{
	struct lun t;

	lun_begin(&t);
	lun_dir(&t, LUN "/vm");
	lun_dir(&t, LUN "/library");
	lun_base(&t, LUN "/vm/vm", 0x31);
	lun_vmx(&t, LUN "/vm/vm.vmx", "vm", "vm.vmdk");
	lun_delta(&t, LUN "/vm/vm-000001", 0x32, 0x31, "vm.vmdk");
	lun_delta(&t, LUN "/vm/vm-000002", 0x33, 0x32, "vm-000001.vmdk");
	lun_flat(&t, LUN "/vm/vm_1-flat.vmdk");
	lun_text(&t, LUN "/vm/vm_2-000001-delta.vmdk", "COWD");
	lun_base(&t, LUN "/library/tools", 0x34);
	lun_flat(&t, LUN "/library/tools-s001.vmdk");
	lun_text(&t, LUN "/library/tools-ctk.vmdk", "c");
	lun_text(&t, LUN "/vm/vm-1234.vswp", "s");
	lun_text(&t, LUN "/vm/vm.vmx.lck", "l");
	lun_dir(&t, LUN "/vm/vm.vmdk.lck");	/* of a desktop product: told once */
	lun_text(&t, LUN "/vm/vm.vmdk.lck/M00001.lck", "l");
	lun_text(&t, LUN "/vm/.vm.vmdk.cairn-new", "l");
	lun_text(&t, LUN "/library/debian.iso", "not for us");
	CU_ASSERT_EQUAL_FATAL(lun_scan(&t), ST_OK);
	lun_findings(&t, "temporary_file /library/tools-ctk.vmdk\n"
			 "orphan_extent /library/tools-s001.vmdk\n"
			 "unregistered_disk /library/tools.vmdk\n"
			 "temporary_file /vm/.vm.vmdk.cairn-new\n"
			 "orphan_delta /vm/vm-000002.vmdk\n"
			 "swap_file /vm/vm-1234.vswp\n"
			 "lock_file /vm/vm.vmdk.lck\n"
			 "lock_file /vm/vm.vmx.lck\n"
			 "missing_descriptor /vm/vm_1.vmdk\n"
			 "missing_descriptor /vm/vm_2-000001.vmdk\n");
	lun_end(&t);
}

/* Chains that are broken in each way, of machines that need them. */
static void test_broken_chains(void)
{
	struct lun t;

	lun_begin(&t);
	lun_dir(&t, LUN "/vm");
	lun_text(&t, LUN "/vm/vm.vmx", "displayName = \"vm\"\n"
		 "scsi0:0.fileName = \"gone-000001.vmdk\"\n"
		 "scsi0:1.fileName = \"changed-000001.vmdk\"\n"
		 "scsi0:2.fileName = \"size-000001.vmdk\"\n"
		 "scsi0:3.fileName = \"loop-000001.vmdk\"\n"
		 "scsi0:4.fileName = \"self.vmdk\"\nscsi0:5.fileName = \"short.vmdk\"\n"
		 "scsi0:6.fileName = \"noflat.vmdk\"\nscsi0:7.fileName = \"garbage.vmdk\"\n"
		 "scsi0:8.fileName = \"nothing.vmdk\"\nscsi0:9.fileName = \"nodesc-000001.vmdk\"\n"
		 "scsi0:10.fileName = \"unnamed.vmdk\"\n"
		 "scsi0:11.fileName = \"/vmfs/volumes/other/x.vmdk\"\n");
	lun_delta(&t, LUN "/vm/gone-000001", 1, 2, "gone.vmdk");
	lun_base(&t, LUN "/vm/changed", 0x99);
	lun_delta(&t, LUN "/vm/changed-000001", 3, 4, "changed.vmdk");
	lun_text(&t, LUN "/vm/size.vmdk", "version=1\nCID=5\nparentCID=ffffffff\n"
		 "createType=\"vmfs\"\nRW 2047 VMFS \"size-flat.vmdk\"\n");
	lun_flat(&t, LUN "/vm/size-flat.vmdk");
	lun_delta(&t, LUN "/vm/size-000001", 6, 5, "size.vmdk");
	lun_delta(&t, LUN "/vm/loop-000001", 7, 8, "loop-000002.vmdk");
	lun_delta(&t, LUN "/vm/loop-000002", 8, 7, "loop-000001.vmdk");
	lun_delta(&t, LUN "/vm/self", 9, 9, "self.vmdk");
	lun_text(&t, LUN "/vm/short.vmdk", "version=1\nCID=a\nparentCID=ffffffff\n"
		 "createType=\"vmfs\"\nRW 2049 VMFS \"short-flat.vmdk\"\n");
	lun_flat(&t, LUN "/vm/short-flat.vmdk");
	lun_text(&t, LUN "/vm/noflat.vmdk", "version=1\nCID=b\nparentCID=ffffffff\n"
		 "createType=\"vmfs\"\nRW 2048 VMFS \"noflat-flat.vmdk\"\n");
	lun_text(&t, LUN "/vm/garbage.vmdk", "\x07\x01\x02 encrypted");
	lun_flat(&t, LUN "/vm/garbage-flat.vmdk");
	lun_flat(&t, LUN "/vm/nodesc-flat.vmdk");
	lun_delta(&t, LUN "/vm/nodesc-000001", 0xc, 0xd, "nodesc.vmdk");
	lun_text(&t, LUN "/vm/unnamed.vmdk", "version=1\nCID=e\nparentCID=f\n"
		 "createType=\"vmfsSparse\"\nRW 2048 VMFSSPARSE \"unnamed-delta.vmdk\"\n");
	lun_text(&t, LUN "/vm/unnamed-delta.vmdk", "COWD");
	CU_ASSERT_EQUAL_FATAL(lun_scan(&t), ST_OK);
	lun_findings(&t, "parent_changed /vm/changed-000001.vmdk\n"
			 "unreadable_descriptor /vm/garbage.vmdk\n"
			 "parent_missing /vm/gone-000001.vmdk\n"
			 "chain_loop /vm/loop-000002.vmdk\n"
			 "missing_descriptor /vm/nodesc.vmdk\n"
			 "missing_extent /vm/noflat.vmdk\n"
			 "chain_loop /vm/self.vmdk\n"
			 "short_extent /vm/short.vmdk\n"
			 "parent_size /vm/size-000001.vmdk\n"
			 "parent_missing /vm/unnamed.vmdk\n"
			 "missing_disk /vm/vm.vmx\n"
			 "elsewhere /vm/vm.vmx\n");
	/* However broken, chains can be followed. */
	for (uint32_t i = 0; i < t.inv->link_count; i++) {
		uint32_t steps = 0;

		for (const struct inv_link *l = t.inv->links[i]; l; l = l->parent)
			CU_ASSERT_FATAL(steps++ < t.inv->link_count);
	}
	lun_end(&t);
}

/* Folders without a .vmx: with a trace of a machine, with its name, and a mere collection. */
static void test_without_vmx(void)
{
	static const char noise[] = "\x93\xff\x00\x01 = \"x\"\n\x80";
	struct lun t;
	struct inv_vm *vm;

	lun_begin(&t);
	lun_dir(&t, LUN "/lost");
	lun_base(&t, LUN "/lost/x", 0x41);
	lun_delta(&t, LUN "/lost/x-000001", 0x42, 0x41, "x.vmdk");
	lun_base(&t, LUN "/lost/y", 0x43);
	lun_text(&t, LUN "/lost/x.vmxf", "<?xml?>");
	lun_text(&t, LUN "/lost/x-Snapshot1.vmsn", "x");
	lun_text(&t, LUN "/lost/x.vmsd", "snapshot0.uid = \"1\"\nsnapshot0.filename = "
		 "\"x-Snapshot1.vmsn\"\nsnapshot0.displayName = \"s\"\n"
		 "snapshot0.disk0.fileName = \"x.vmdk\"\n");
	lun_dir(&t, LUN "/named");
	lun_base(&t, LUN "/named/named", 0x44);
	lun_dir(&t, LUN "/disks");
	lun_base(&t, LUN "/disks/one", 0x45);
	lun_dir(&t, LUN "/encrypted");
	lun_base(&t, LUN "/encrypted/e", 0x46);
	lun_put(&t, LUN "/encrypted/e.vmx", noise, sizeof(noise) - 1);
	CU_ASSERT_EQUAL_FATAL(lun_scan(&t), ST_OK);
	lun_findings(&t, "unregistered_disk /disks/one.vmdk\n"
			 "unreadable_vmx /encrypted/e.vmx\n"
			 "vm_without_vmx /lost\n"
			 "vm_without_vmx /named\n");
	CU_ASSERT_EQUAL(t.inv->vm_count, 3);
	vm = lun_vm(&t, "e");	/* by the name of its file */
	CU_ASSERT_EQUAL(vm->readable, 0);
	CU_ASSERT_EQUAL(vm->disk_count, 1);
	vm = lun_vm(&t, "lost");
	CU_ASSERT_EQUAL(vm->has_vmx, 0);
	CU_ASSERT_EQUAL_FATAL(vm->disk_count, 2);
	CU_ASSERT_STRING_EQUAL(vm->disks[0].file, "x-000001.vmdk");
	CU_ASSERT_STRING_EQUAL(vm->disks[1].file, "y.vmdk");
	CU_ASSERT_PTR_NULL(vm->disks[0].node);
	CU_ASSERT_PTR_NULL(vm->guest_os);
	CU_ASSERT_EQUAL_FATAL(vm->snapshot_count, 1);
	CU_ASSERT_STRING_EQUAL(vm->snapshots[0].disks[0].link->path, LUN "/lost/x.vmdk");
	lun_end(&t);
}

/* Names: spaces, quotes, umlauts in UTF-8, and a machine from a host with windows-1252. A disk that
 * is called like an extent is found by its content, a guest that fakes one is not believed. */
static void test_names(void)
{
	static const char fake[] = "# Disk DescriptorFile\nversion=1\nCID=1\n"
				   "createType=\"vmfs\"\nRW 1 VMFS \"other-flat.vmdk\"\n";
	char *disk = calloc(1, DISK_BYTES);
	struct lun t;

	lun_begin(&t);
	lun_dir(&t, LUN "/B\xc3\xbc" "cher 'n\" mehr");
	lun_base(&t, LUN "/B\xc3\xbc" "cher 'n\" mehr/M\xc3\xbcller 1", 0x51);
	lun_vmx(&t, LUN "/B\xc3\xbc" "cher 'n\" mehr/a b.vmx", "M\xc3\xbcller",
		"M\xc3\xbcller 1.vmdk");
	lun_dir(&t, LUN "/old");
	lun_text(&t, LUN "/old/x.vmx", ".encoding = \"windows-1252\"\n"
		 "displayName = \"Stra\xdf" "e\"\n"
		 "ide0:0.fileName = \"\xfc.vmdk\"\n");
	lun_text(&t, LUN "/old/\xc3\xbc.vmdk", "version=1\nencoding=\"windows-1252\"\nCID=52\n"
		 "createType=\"vmfs\"\nRW 2048 VMFS \"\xfc-flat.vmdk\"\n");
	lun_flat(&t, LUN "/old/\xc3\xbc-flat.vmdk");
	lun_dir(&t, LUN "/a-flat");
	lun_base(&t, LUN "/a-flat/a-flat", 0x53);
	lun_vmx(&t, LUN "/a-flat/a-flat.vmx", "a-flat", "a-flat.vmdk");
	lun_dir(&t, LUN "/evil");
	memcpy(disk, fake, sizeof(fake));
	lun_put(&t, LUN "/evil/evil-flat.vmdk", disk, DISK_BYTES);
	CU_ASSERT_EQUAL_FATAL(lun_scan(&t), ST_OK);
	lun_findings(&t, "vm_without_vmx /evil\nmissing_descriptor /evil/evil.vmdk\n");
	CU_ASSERT_STRING_EQUAL(lun_vm(&t, "M\xc3\xbcller")->disks[0].link->path,
			       LUN "/B\xc3\xbc" "cher 'n\" mehr/M\xc3\xbcller 1.vmdk");
	CU_ASSERT_EQUAL(lun_vm(&t, "Stra\xc3\x9f" "e")->disks[0].link->extent_count, 1);
	CU_ASSERT_EQUAL(lun_vm(&t, "evil")->disks[0].link->capacity_bytes, DISK_BYTES);
	free(disk);
	lun_end(&t);
}

/* What machines of other datastores have here is neither nobody's nor any machine's of this one. */
static void test_claims(void)
{
	static const char *const claims[] = { LUN "/d/one.vmdk", LUN "/d/gone.vmdk" };
	static const struct inv_opts opts = { .root = LUN, .claims = claims, .claim_count = 2 };
	struct lun t;

	lun_begin(&t);
	lun_dir(&t, LUN "/d");
	lun_base(&t, LUN "/d/one", 0x58);
	lun_delta(&t, LUN "/d/two", 0x59, 0x58, "one.vmdk");
	CU_ASSERT_EQUAL_FATAL(inv_scan(t.s, &opts, &t.inv, &t.why), ST_OK);
	lun_findings(&t, "orphan_delta /d/two.vmdk\n");
	CU_ASSERT_EQUAL(t.inv->vm_count, 0);
	lun_end(&t);
}

static void test_devices(void)
{
	struct lun t;
	struct inv_vm *vm;

	lun_begin(&t);
	lun_dir(&t, LUN "/vm");
	lun_base(&t, LUN "/vm/vm", 0x61);
	lun_base(&t, LUN "/vm/b", 0x62);
	lun_text(&t, LUN "/vm/vm.vmx", "displayName = \"first\"\nDISPLAYNAME = \"last\"\n"
		 "nvme0:1.fileName = \"vm.vmdk\"\nscsi1:0.FILENAME = \"b.vmdk\"\n"
		 "scsi1:0.mode = \"independent-persistent\"\nscsi1:0.sharing = \"multi-writer\"\n"
		 "ide1:0.fileName = \"vm.iso\"\nide1:0.deviceType = \"cdrom-image\"\n"
		 "sata0:0.fileName = \"emptyBackingString\"\nsata0:0.deviceType = \"atapi-cdrom\"\n"
		 "scsi0:5.fileName = \"vm.vmdk\"\nscsi0:5.present = \"FALSE\"\n"
		 "scsi2.present = \"FALSE\"\nscsi2:0.fileName = \"vm.vmdk\"\n"
		 "scsi999:0.fileName = \"x.vmdk\"\nscsi0:.fileName = \"x.vmdk\"\n"
		 "scsi0:1 = \"x\"\nide0:0.fileName = \"\"\nfloppy0.fileName = \"x.vmdk\"\n");
	CU_ASSERT_EQUAL_FATAL(lun_scan(&t), ST_OK);
	lun_findings(&t, "");
	vm = lun_vm(&t, "last");
	CU_ASSERT_EQUAL_FATAL(vm->disk_count, 2);
	CU_ASSERT_STRING_EQUAL(vm->disks[0].node, "scsi1:0");
	CU_ASSERT_STRING_EQUAL(vm->disks[0].mode, "independent-persistent");
	CU_ASSERT_EQUAL(vm->disks[0].shared, 1);
	CU_ASSERT_STRING_EQUAL(vm->disks[1].node, "nvme0:1");
	lun_end(&t);
}

/* Frozen links without a snapshot, two machines on one disk. */
static void test_consolidation_and_sharing(void)
{
	struct lun t;

	lun_begin(&t);
	lun_dir(&t, LUN "/vm");
	lun_base(&t, LUN "/vm/vm", 0x71);
	lun_delta(&t, LUN "/vm/vm-000001", 0x72, 0x71, "vm.vmdk");
	lun_vmx(&t, LUN "/vm/vm.vmx", "vm", "vm-000001.vmdk");
	lun_vmx(&t, LUN "/vm/copy.vmx", "copy", "vm-000001.vmdk");
	CU_ASSERT_EQUAL_FATAL(lun_scan(&t), ST_OK);
	lun_findings(&t, "needs_consolidation /vm/copy.vmx\nshared_disk /vm/vm-000001.vmdk\n"
			 "needs_consolidation /vm/vm.vmx\n");
	lun_end(&t);
}

/* ---- a damaged store ------------------------------------------------------------------------- */

/* "/self" contains itself, "/bad" cannot be listed, "/deep" has a new folder at every level. */
static void fill_dir(struct store_stat *st, uint64_t id)
{
	*st = (struct store_stat){ .kind = STORE_DIR, .id = id };
}

static enum status damaged_stat(struct store *s, const char *path, struct store_stat *st,
				struct why *why)
{
	(void)s, (void)path, (void)why;
	fill_dir(st, 1);
	return ST_OK;
}

static enum status damaged_list(struct store *s, const char *dir,
				int (*fn)(void *arg, const char *name, const struct store_stat *st),
				void *arg, struct why *why)
{
	struct store_stat st;

	(void)s;
	if (strcmp(dir, "/bad") == 0)
		return why_set(why, ST_CORRUPT, "/bad: a directory entry is damaged");
	if (strcmp(dir, "/") == 0) {
		fill_dir(&st, 2);
		fn(arg, "self", &st);
		fill_dir(&st, 3);
		fn(arg, "bad", &st);
		fill_dir(&st, 100);
		fn(arg, "deep", &st);
	} else if (strncmp(dir, "/self", 5) == 0) {
		fill_dir(&st, 2);
		fn(arg, "self", &st);
	} else {
		fill_dir(&st, 100 + strlen(dir));
		fn(arg, "d", &st);
	}
	return ST_OK;
}

/* What is damaged costs only itself, and the walk ends. */
static void test_damaged_folders(void)
{
	static const struct store_ops ops = { .name = "damaged", .stat = damaged_stat,
					      .list = damaged_list };
	static const struct inv_opts opts = { .root = "/" };
	struct store s = { .ops = &ops };
	struct inventory *inv;
	struct why why;

	CU_ASSERT_EQUAL_FATAL(inv_scan(&s, &opts, &inv, &why), ST_OK);
	CU_ASSERT_EQUAL_FATAL(inv->finding_count, 3);
	for (uint32_t i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(inv->findings[i]->kind, INV_UNREADABLE_FOLDER);
	CU_ASSERT_STRING_EQUAL(inv->findings[0]->path, "/bad");
	CU_ASSERT_STRING_EQUAL(inv->findings[0]->text, "/bad: a directory entry is damaged");
	CU_ASSERT_EQUAL(strncmp(inv->findings[1]->path, "/deep/d/d", 9), 0);
	CU_ASSERT_STRING_EQUAL(inv->findings[2]->path, "/self/self");
	CU_ASSERT(inv->folders < 200);
	inv_free(inv);
}

static void test_root(void)
{
	static const struct inv_opts file = { .root = LUN "/f" }, none = { .root = "/nowhere" };
	struct lun t;

	lun_begin(&t);
	lun_text(&t, LUN "/f", "x");
	CU_ASSERT_EQUAL(inv_scan(t.s, &file, &t.inv, &t.why), ST_NOTDIR);
	CU_ASSERT_EQUAL(inv_scan(t.s, &none, &t.inv, &t.why), ST_NOENT);
	CU_ASSERT_PTR_NULL(t.inv);
	CU_ASSERT_EQUAL(lun_scan(&t), ST_OK);
	CU_ASSERT_EQUAL(t.inv->vm_count, 0);
	lun_end(&t);
}

/* Each allocation fails once: the scan fails as a whole, and nothing leaks. */
static void test_memory(void)
{
	struct lun t;
	uint64_t n, live;

	lun_begin(&t);
	lun_dir(&t, LUN "/vm");
	lun_base(&t, LUN "/vm/vm", 0x81);
	lun_vmx(&t, LUN "/vm/vm.vmx", "vm", "vm.vmdk");
	lun_text(&t, LUN "/vm/vm.vmsd", "snapshot0.uid = \"1\"\n");
	CU_ASSERT_EQUAL(t.s->ops->sync(t.s), ST_OK);
	live = sim_alloc_live();
	for (n = 1; n < 10000; n++) {
		enum status st;

		sim_fail_alloc(n);
		st = lun_scan(&t);
		inv_free(t.inv);
		t.inv = NULL;
		CU_ASSERT_EQUAL(sim_alloc_live(), live);
		if (!sim_alloc_failed()) {
			CU_ASSERT_EQUAL(st, ST_OK);
			break;
		}
		if (st != ST_NOMEM && st != ST_OK)
			printf("\nallocation %llu: %s\n", (unsigned long long)n, t.why.text);
		CU_ASSERT(st == ST_NOMEM || st == ST_OK);
	}
	sim_fail_alloc(0);
	CU_ASSERT(n > 10);
	lun_end(&t);
}

static const struct cu_case cases[] = {
	{ "a healthy machine", test_healthy },
	{ "a linked clone", test_linked_clone },
	{ "orphans", test_orphans },
	{ "broken chains", test_broken_chains },
	{ "without a .vmx", test_without_vmx },
	{ "names", test_names },
	{ "claims of other datastores", test_claims },
	{ "devices", test_devices },
	{ "consolidation, sharing", test_consolidation_and_sharing },
	{ "damaged folders", test_damaged_folders },
	{ "roots", test_root },
	{ "each allocation fails", test_memory },
};
CU_MAIN("snapshots/scan", cases)
