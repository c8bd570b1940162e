/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* search - binary search, once.
 *
 * An expression: how many of the elements 0 .. count - 1 come before a border. `before`, an
 * expression of the index `i`, is true for all elements up to the border and false for all behind
 * it; it is evaluated some log2(count) times. In what is sorted by `start`,
 *
 *	search_border(i, count, e[i].start <= x) - 1
 *
 * is the last element that starts at or before x, provided that one does, and without the - 1 the
 * first that starts behind x. `count` may be of any unsigned type. */
#ifndef CAIRN_BASE_SEARCH_H
#define CAIRN_BASE_SEARCH_H

#define search_border(i, count, before)                                                            \
	({                                                                                         \
		__typeof__((count) + 0) search_low = 0, search_high = (count);                     \
                                                                                                   \
		while (search_low < search_high) {                                                 \
			__typeof__((count) + 0) i = search_low + (search_high - search_low) / 2;   \
                                                                                                   \
			if (before)                                                                \
				search_low = i + 1;                                                \
			else                                                                       \
				search_high = i;                                                   \
		}                                                                                  \
		search_low;                                                                        \
	})

#endif
