/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The words that JSON and tables use. Scripts compare them: they never change. */
#include "snapshots/snapshots.h"

static const char *const state_words[] = {
	[INV_LINK_OK] = "ok", [INV_LINK_MISSING] = "missing_descriptor",
	[INV_LINK_UNREADABLE] = "unreadable_descriptor",
	[INV_LINK_PARENT_MISSING] = "parent_missing",
	[INV_LINK_PARENT_ELSEWHERE] = "parent_elsewhere",
	[INV_LINK_PARENT_CHANGED] = "parent_changed", [INV_LINK_PARENT_SIZE] = "parent_size",
	[INV_LINK_LOOP] = "chain_loop", [INV_LINK_EXTENT_MISSING] = "missing_extent",
	[INV_LINK_EXTENT_SHORT] = "short_extent",
};

const char *inv_link_state_word(enum inv_link_state state)
{
	return (size_t)state < ARRAY_COUNT(state_words) ? state_words[state] : "unknown";
}

static const char *const kind_words[INV_KIND_COUNT] = {
	[INV_VM_WITHOUT_VMX] = "vm_without_vmx", [INV_UNREADABLE_VMX] = "unreadable_vmx",
	[INV_MISSING_DISK] = "missing_disk", [INV_MISSING_DESCRIPTOR] = "missing_descriptor",
	[INV_UNREADABLE_DESCRIPTOR] = "unreadable_descriptor",
	[INV_MISSING_EXTENT] = "missing_extent", [INV_SHORT_EXTENT] = "short_extent",
	[INV_PARENT_MISSING] = "parent_missing", [INV_PARENT_CHANGED] = "parent_changed",
	[INV_PARENT_SIZE] = "parent_size", [INV_CHAIN_LOOP] = "chain_loop",
	[INV_ORPHAN_DELTA] = "orphan_delta", [INV_ORPHAN_EXTENT] = "orphan_extent",
	[INV_UNREGISTERED_DISK] = "unregistered_disk", [INV_SNAPSHOT_TREE] = "snapshot_tree",
	[INV_SNAPSHOT_FILE] = "snapshot_file",
	[INV_NEEDS_CONSOLIDATION] = "needs_consolidation",
	[INV_UNREADABLE_FOLDER] = "unreadable_folder",
	[INV_ELSEWHERE] = "elsewhere", [INV_SHARED_DISK] = "shared_disk",
	[INV_SWAP_FILE] = "swap_file", [INV_LOCK_FILE] = "lock_file",
	[INV_TEMPORARY_FILE] = "temporary_file",
};

const char *inv_kind_word(enum inv_kind kind)
{
	return kind < INV_KIND_COUNT ? kind_words[kind] : "unknown";
}
