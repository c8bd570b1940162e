/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Snapshot trees: what fits together is shown, what does not is told. */
#include "snapshots/snapshots_priv.h"

#include "tests/unit/cu.h"

struct tree {
	struct arena		arena;
	struct inv_vm		vm;
	struct vmsd_result	r;
	char			faults[4096];
};

static void on_fault(void *arg, const char *text)
{
	struct tree *t = arg;
	size_t n = strlen(t->faults);

	snprintf(t->faults + n, sizeof(t->faults) - n, "%s\n", text);
}

static void parse(struct tree *t, const char *text)
{
	memset(t, 0, sizeof(*t));
	t->r = (struct vmsd_result){ .fault = on_fault, .arg = t };
	CU_ASSERT_EQUAL_FATAL(vmsd_parse(&t->arena, text, strlen(text), &t->vm, &t->r), ST_OK);
}

static void faults_are(const char *text, const char *want)
{
	struct tree t;

	parse(&t, text);
	if (strcmp(t.faults, want) != 0)
		printf("\n%s\ngave\n%s", text, t.faults);
	CU_ASSERT_STRING_EQUAL(t.faults, want);
	for (uint32_t i = 0; i < t.vm.snapshot_count; i++) {
		uint32_t steps = 0;

		for (const struct inv_snapshot *s = &t.vm.snapshots[i]; s; s = s->parent)
			CU_ASSERT_FATAL(steps++ < t.vm.snapshot_count);
	}
	arena_fini(&t.arena);
}

#define S(k, uid, more)                                                                            \
	"snapshot" k ".uid = \"" uid "\"\nsnapshot" k ".filename = \"f" uid ".vmsn\"\n" more

static void test_tree(void)
{
	struct tree t;

	/* The file's order is not the tree's, and keys come in any order. */
	parse(&t, "snapshot.numSnapshots = \"3\"\nsnapshot.current = \"7\"\n"
		  "snapshot2.parent = \"5\"\n" S("2", "7", "")
		  S("0", "5", "snapshot0.displayName = \"say |22hi|22\"\n"
		    "snapshot0.description = \"two|0Alines\"\nsnapshot0.quiesced = \"TRUE\"\n"
		    "snapshot0.disk1.fileName = \"b.vmdk\"\nsnapshot0.disk0.node = \"scsi0:0\"\n"
		    "snapshot0.disk0.fileName = \"a.vmdk\"\nsnapshot0.disk2.node = \"x\"\n")
		  S("1", "6", "snapshot1.parent = \"5\"\n"));
	CU_ASSERT_STRING_EQUAL(t.faults, "");
	CU_ASSERT_EQUAL_FATAL(t.vm.snapshot_count, 3);
	CU_ASSERT_EQUAL(t.vm.snapshots[0].uid, 5);
	CU_ASSERT_PTR_NULL(t.vm.snapshots[0].parent);
	CU_ASSERT_PTR_EQUAL(t.vm.snapshots[1].parent, &t.vm.snapshots[0]);
	CU_ASSERT_PTR_EQUAL(t.vm.snapshots[2].parent, &t.vm.snapshots[0]);
	CU_ASSERT_EQUAL(t.vm.snapshots[2].current, 1);
	CU_ASSERT_STRING_EQUAL(t.vm.snapshots[0].name, "say \"hi\"");
	CU_ASSERT_STRING_EQUAL(t.vm.snapshots[0].description, "two\nlines");
	CU_ASSERT_EQUAL(t.vm.snapshots[0].quiesced, 1);
	CU_ASSERT_EQUAL_FATAL(t.vm.snapshots[0].disk_count, 2);
	CU_ASSERT_STRING_EQUAL(t.vm.snapshots[0].disks[1].node, "scsi0:0");
	CU_ASSERT_EQUAL(t.vm.snapshots[0].created_us, 0);
	arena_fini(&t.arena);
}

static void test_faults(void)
{
	faults_are("", "");
	faults_are("snapshot.needConsolidate = \"FALSE\"\nsnapshot.current = \"0\"\n"
		   "snapshot.numSnapshots = \"0\"\nsnapshot.mru0.uid = \"3\"\n", "");
	faults_are("snapshot0.displayName = \"x\"\n", "snapshot0 has no uid\n");
	faults_are(S("0", "-1", ""), "snapshot0 has no uid\n");
	faults_are("snapshot0.uid = \"1\"\n", "the snapshot of uid 1 names no .vmsn file\n");
	faults_are(S("0", "1", "") S("1", "1", ""), "two snapshots have the uid 1\n");
	faults_are(S("0", "1", "snapshot0.parent = \"9\"\n"),
		   "the snapshot of uid 1 has the parent 9, which is not there\n");
	faults_are(S("0", "1", "snapshot0.parent = \"1\"\n"),
		   "the snapshot of uid 1 is its own ancestor\n");
	faults_are(S("0", "1", "snapshot0.parent = \"2\"\n")
		   S("1", "2", "snapshot1.parent = \"3\"\n")
		   S("2", "3", "snapshot2.parent = \"1\"\n"),
		   "the snapshot of uid 3 is its own ancestor\n");
	faults_are("snapshot.current = \"4\"\n" S("0", "1", ""),
		   "the current snapshot has the uid 4, which is not there\n");
	faults_are("snapshot.numSnapshots = \"2\"\n" S("0", "1", ""),
		   "counts 2 snapshots and describes 1\n");
	faults_are("snapshot99999999999.uid = \"1\"\nsnapshotx.uid = \"2\"\nsnapshot.uid = \"3\"\n"
		   "snapshot\n", "");
}

/* More entries than the limit, and names from the whole range: told, and in time. */
static void test_limit(void)
{
	char *text = malloc(TEXT_FILE_MAX), last[80];
	struct tree t;
	size_t n = 0;

	for (int i = 0; n < TEXT_FILE_MAX - 100; i++)
		n += (size_t)sprintf(text + n, "snapshot%d.uid = \"%d\"\n", i, i + 1);
	parse(&t, text);
	CU_ASSERT_EQUAL(t.vm.snapshot_count, SNAPSHOTS_MAX);
	snprintf(last, sizeof(last), "describes more than %u snapshots\n", SNAPSHOTS_MAX);
	CU_ASSERT_PTR_NOT_NULL(strstr(t.faults, last));
	arena_fini(&t.arena);
	free(text);
}

static const struct cu_case cases[] = {
	{ "a tree", test_tree },
	{ "faults", test_faults },
	{ "limits", test_limit },
};
CU_MAIN("snapshots/vmsd", cases)
