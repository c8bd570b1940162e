/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* plant - mistakes built in on purpose, to see that the simulator of many hosts finds them.
 * Each stands where somebody could make it, as `if (PLANT(name))` or in a condition, and is nothing
 * at all in any build but that of tests/sim/plants: there, one is chosen for a run. */
#ifndef CAIRN_BASE_PLANT_H
#define CAIRN_BASE_PLANT_H

enum plant {
	PLANT_none,
#define PLANTED(name, text) PLANT_##name,
#include "iopath/base/plant.def"
#undef PLANTED
	PLANTS
};

#ifdef CAIRN_PLANTED
enum plant plant_chosen(void);		/* the test's */
#define PLANT(name) (plant_chosen() == PLANT_##name)
#else
#define PLANT(name) (0 && PLANT_##name)
#endif

#endif
