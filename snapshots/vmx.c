/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The configuration of a machine. One pass over the pairs: each key that matters here sets its
 * field, so the last of several wins, as with the programs that run machines. A device is what its
 * keys say in the end, whichever came first; only then is it a disk or not. */
#include "snapshots/snapshots_priv.h"

#include "iopath/base/fmt.h"

#define UNIT_MAX 255u
#define CONTROLLERS_MAX 8u	/* of one bus; ESXi stops at 4 */

static const char *const buses[] = { "ide", "sata", "scsi", "nvme" };

struct device {
	uint32_t	bus, controller, unit;
	const char	*file, *type, *mode;
	uint8_t		absent;		/* present = "FALSE" */
	uint8_t		shared;
};

struct vmx {
	struct arena	*arena;
	struct inv_vm	*vm;
	struct ptrs	devices;
	struct device	*last;		/* keys of one device stand together */
	uint8_t		absent[ARRAY_COUNT(buses)][CONTROLLERS_MAX];	/* controllers */
	const char	*model[ARRAY_COUNT(buses)][CONTROLLERS_MAX];
	uint32_t	known;		/* keys that this parser knows */
	uint8_t		too_many;	/* devices */
};

/* ---- whole machine --------------------------------------------------------------------------- */

static uint32_t small_number(const struct dict *d)
{
	int64_t n;

	return dict_number(d, &n) && n > 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

static enum status set_text(struct vmx *x, const char **field, const struct dict *d)
{
	x->known++;
	*field = arena_value(x->arena, d);
	return *field ? ST_OK : ST_NOMEM;
}

static enum status machine_key(struct vmx *x, const struct dict *d)
{
	struct inv_vm *vm = x->vm;
	const struct { const char *name; const char **field; } texts[] = {
		{ "displayName", &vm->name }, { "guestOS", &vm->guest_os },
		{ "uuid.bios", &vm->uuid }, { "firmware", &vm->firmware },
	};
	const struct { const char *name; uint32_t *field; } numbers[] = {
		{ "memSize", &vm->memory_mib }, { "numvcpus", &vm->cpus },
		{ "virtualHW.version", &vm->hardware_version },
	};

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
		if (dict_is(d, texts[i].name))
			return set_text(x, texts[i].field, d);
	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
		if (dict_is(d, numbers[i].name)) {
			*numbers[i].field = small_number(d);
			x->known++;
		}
	x->known += dict_is(d, "config.version");
	if (dict_is(d, "checkpoint.vmState"))
		vm->suspended = d->value_bytes != 0;
	if (dict_is(d, "encryption.keySafe") || dict_is(d, "encryption.data")) {
		vm->encrypted = 1;
		x->known++;
	}
	return ST_OK;
}

/* ---- devices --------------------------------------------------------------------------------- */

/* Digits at s, at most UNIT_MAX; s behind them. NULL: there are none, or too many. */
static const char *take_number(const char *s, const char *end, uint32_t *number)
{
	uint32_t n = 0;
	const char *start = s;

	for (; s < end && *s >= '0' && *s <= '9' && n <= UNIT_MAX; s++)
		n = n * 10 + (uint32_t)(*s - '0');
	*number = n;
	return s > start && n <= UNIT_MAX ? s : NULL;
}

static struct device *device_at(struct vmx *x, const struct device *key)
{
	for (uint32_t i = 0; i < x->devices.count; i++) {
		struct device *dev = x->devices.at[i];

		if (dev->bus == key->bus && dev->controller == key->controller &&
		    dev->unit == key->unit)
			return dev;
	}
	return NULL;
}

/* The device of that address, made when it is new. NULL: no memory, or too many (*st). */
static struct device *get_device(struct vmx *x, const struct device *key, enum status *st)
{
	struct device *dev = x->last;

	if (!dev || dev->bus != key->bus || dev->controller != key->controller ||
	    dev->unit != key->unit)
		dev = device_at(x, key);
	if (!dev && x->devices.count >= DEVICES_MAX) {
		x->too_many = 1;
		return NULL;
	}
	if (!dev) {
		dev = arena_alloc(x->arena, sizeof(*dev));
		if (dev)
			*dev = *key;
		if (!dev || ptrs_add(x->arena, &x->devices, dev) != ST_OK) {
			*st = ST_NOMEM;
			return NULL;
		}
	}
	x->last = dev;
	return dev;
}

static int key_is(const char *key, const struct dict *d, const char *name)
{
	struct dict rest = *d;

	rest.name = key;
	rest.name_bytes = (size_t)(d->name + d->name_bytes - key);
	return dict_is(&rest, name);
}

static enum status device_key(struct vmx *x, const struct device *where, const char *key,
			      const struct dict *d)
{
	enum status st = ST_OK;
	struct device *dev = get_device(x, where, &st);
	const struct { const char *name; const char **field; } texts[] = {
		{ "fileName", dev ? &dev->file : NULL }, { "deviceType", dev ? &dev->type : NULL },
		{ "mode", dev ? &dev->mode : NULL },
	};

	if (!dev)
		return st;
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
		if (key_is(key, d, texts[i].name))
			return set_text(x, texts[i].field, d);
	if (key_is(key, d, "present"))
		dev->absent = !dict_bool(d, 1);
	if (key_is(key, d, "sharing") || key_is(key, d, "shared"))
		dev->shared = d->value_bytes == 12 &&
			      strncmp(d->value, "multi-writer", 12) == 0;
	return ST_OK;
}

static enum status controller_key(struct vmx *x, uint32_t bus, uint32_t n, const char *key,
				  const struct dict *d)
{
	if (n < CONTROLLERS_MAX && key_is(key, d, "present"))
		x->absent[bus][n] = !dict_bool(d, 1);
	if (n < CONTROLLERS_MAX && key_is(key, d, "virtualDev"))
		return set_text(x, &x->model[bus][n], d);
	return ST_OK;
}

/* "scsi0.present" or "scsi0:1.fileName". Anything else that starts so is not for us. */
static enum status bus_key(struct vmx *x, uint32_t bus, const char *s, const struct dict *d)
{
	const char *end = d->name + d->name_bytes;
	struct device where = { .bus = bus };

	s = take_number(s, end, &where.controller);
	if (!s || s == end)
		return ST_OK;
	if (*s == '.')
		return controller_key(x, bus, where.controller, s + 1, d);
	if (*s != ':')
		return ST_OK;
	s = take_number(s + 1, end, &where.unit);
	return s && s < end && *s == '.' ? device_key(x, &where, s + 1, d) : ST_OK;
}

static enum status take_pair(struct vmx *x, const struct dict *d)
{
	for (uint32_t b = 0; b < ARRAY_COUNT(buses); b++) {
		const char *s = dict_behind(d, buses[b]);

		if (s)
			return bus_key(x, b, s, d);
	}
	return machine_key(x, d);
}

/* ---- disks ----------------------------------------------------------------------------------- */

static int contains_nocase(const char *text, const char *word)
{
	size_t n = strlen(word);
	char part[16];

	for (; strlen(text) >= n; text++) {
		mem_copy_text(part, n + 1, text);
		if (mem_compare_nocase(part, word) == 0)
			return 1;
	}
	return 0;
}

/* By its type when it has one: CDs are "cdrom-image", "atapi-cdrom"; disks "scsi-hardDisk", "disk",
 * "ata-hardDisk", "rawDisk", "plainDisk". Without, by the name of its file. */
static int is_disk(const struct vmx *x, const struct device *dev)
{
	size_t n = dev->file ? strlen(dev->file) : 0;

	if (dev->absent || n == 0)
		return 0;
	if (dev->controller < CONTROLLERS_MAX && x->absent[dev->bus][dev->controller])
		return 0;
	if (dev->type && dev->type[0])
		return contains_nocase(dev->type, "disk");
	return n > 5 && mem_compare_nocase(dev->file + n - 5, ".vmdk") == 0;
}

static int by_address(const void *a, const void *b)
{
	const struct device *x = a, *y = b;
	uint32_t kx = x->bus << 16 | x->controller << 8 | x->unit;
	uint32_t ky = y->bus << 16 | y->controller << 8 | y->unit;

	return kx < ky ? -1 : kx > ky;
}

static enum status make_disks(struct vmx *x)
{
	struct inv_vm *vm = x->vm;

	ptrs_sort(&x->devices, by_address);
	vm->disks = arena_alloc(x->arena, x->devices.count * sizeof(*vm->disks));
	if (!vm->disks)
		return ST_NOMEM;
	for (uint32_t i = 0; i < x->devices.count; i++) {
		const struct device *dev = x->devices.at[i];
		struct inv_disk *disk = &vm->disks[vm->disk_count];

		if (!is_disk(x, dev))
			continue;
		*disk = (struct inv_disk){ .file = dev->file, .mode = dev->mode,
					   .shared = dev->shared, .state = INV_DISK_MISSING };
		if (dev->controller < CONTROLLERS_MAX)
			disk->controller = x->model[dev->bus][dev->controller];
		disk->node = arena_fmt(x->arena, "%s%u:%u", buses[dev->bus], dev->controller,
				       dev->unit);
		if (!disk->node)
			return ST_NOMEM;
		vm->disk_count++;
	}
	return ST_OK;
}

enum status vmx_parse(struct arena *a, const char *text, size_t bytes, struct inv_vm *vm,
		      const char **fault)
{
	struct vmx x = { .arena = a, .vm = vm };
	enum status st = ST_OK;
	struct dict d;

	dict_init(&d, text, bytes);
	while (st == ST_OK && dict_next_pair(&d))
		st = take_pair(&x, &d);
	if (st == ST_OK)
		st = make_disks(&x);
	vm->readable = x.known > 0;
	*fault = !x.known   ? "not one key of a machine's configuration is in it" :
		 x.too_many ? "it names more than 512 devices; the rest is left out" :
			      NULL;
	return st;
}
