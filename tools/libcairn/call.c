/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* call - from a caller's thread into a world of the handle's thread, and back. Calls that use the
 * host run one after the other: it parks in the middle of its work. */
#include "tools/libcairn/lib_priv.h"

static void end(struct lib_call *call, enum status st)
{
	call->status = st;
	sem_post(&call->over);		/* the call is the caller's again: not touched after this */
}

static void call_world(void *arg)
{
	struct lib_call *call = arg;
	struct cairn *c = call->c;
	enum status st;

	if (call->shared) {
		end(call, call->fn(call));
		return;
	}
	io_mutex_lock(&c->mutex);
	st = call->fn(call);
	io_mutex_unlock(&c->mutex);
	end(call, st);
}

static void call_came(struct port_msg *msg)
{
	struct lib_call *call = container_of(msg, struct lib_call, msg);

	if (port_world_start("call", call_world, call) == NULL)
		end(call, why_set(&call->why, ST_NOMEM, "no memory for a world"));
}

enum status lib_call(struct cairn *c, struct lib_call *call)
{
	enum status st;

	call->c = c;
	call->msg.fn = call_came;
	call->why = (struct why){ 0 };
	sem_init(&call->over, 0, 0);
	port_machine_post(c->machine, &call->msg);
	while (sem_wait(&call->over) != 0)
		;			/* a signal handler of the caller's ran */
	st = call->status;
	sem_destroy(&call->over);
	return st;
}

/* "vm/vm.vmdk" is on the only volume; without any device it is a file of this machine. */
static enum status relative(struct cairn *c, const char *path, char *full, size_t size,
			    struct why *why)
{
	struct host_volume *v = host_volume_at(c->host, 0);
	char base[64] = "/vmfs/volumes/";

	if (host_volume_count(c->host) > 1)
		return why_set(why, ST_INVAL, "%s: there are %zu volumes: name it as "
			       "/vmfs/volumes/LABEL/%s", path, host_volume_count(c->host), path);
	if (!v)
		return mem_copy_text(full, size, path) < size ? ST_OK : ST_LIMIT;
	mem_copy_text(base + strlen(base), sizeof(base) - strlen(base), host_volume_uuid(v));
	if (path_join(base, path, full, size) != 0)
		return why_set(why, ST_LIMIT, "%.100s...: the name is too long", path);
	return ST_OK;
}

enum status lib_resolve(struct cairn *c, const char *path, struct host_path *out, struct why *why)
{
	char full[HOST_PATH_MAX];
	enum status st;

	if (path[0] == '/')
		return host_resolve(c->host, path, HOST_READ, out, why);
	if (path[0] == 0)
		return why_set(why, ST_NAME, "an empty name names nothing");
	st = relative(c, path, full, sizeof(full), why);
	return st == ST_OK ? host_resolve(c->host, full, HOST_READ, out, why) : st;
}
