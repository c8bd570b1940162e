/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* progress - one line about long work, from the work itself and from a timer: the timer is there
 * for the moment in which nothing moves, and for SIGUSR1. */
#include "tools/progress.h"

#include <stdlib.h>
#include <string.h>

#include "iopath/base/fmt.h"
#include "tools/out.h"

#define TICK_NS		500000000ull	/* how fast SIGUSR1 is answered */
#define REDRAW_NS	200000000ull	/* cr */
#define LINE_NS		1000000000ull	/* lines, json: not more often, unless a percent passed */
#define SILENCE_NS	5000000000ull	/* and not more rarely */
#define NAP_NS		20000000ull
#define SECOND_NS	1000000000ull

enum progress_mode progress_mode(const char *word, enum progress_mode otherwise)
{
	static const char *const words[] = { "none", "cr", "lines", "json" };

	for (size_t i = 0; word && i < ARRAY_COUNT(words); i++)
		if (strcmp(words[i], word) == 0)
			return (enum progress_mode)i;
	return otherwise;
}

static int percent_of(const struct progress *p)
{
	if (p->total == 0)
		return 0;
	if (p->done >= p->total)
		return 100;
	return (int)((double)p->done / (double)p->total * 100);
}

static uint64_t rate_of(const struct progress *p, uint64_t now)
{
	double seconds = (double)(now - p->start_ns) / SECOND_NS;

	return seconds > 0 ? (uint64_t)((double)p->done / seconds) : 0;
}

/* Seconds to go; -1: cannot tell yet. */
static int64_t left_of(const struct progress *p, uint64_t rate)
{
	if (rate == 0 || p->total == 0)
		return -1;
	return (int64_t)((p->total - MIN(p->done, p->total)) / rate);
}

/* ---- the three forms ------------------------------------------------------------------------- */

static void text_line(const struct progress *p, uint64_t now, char *buf, size_t size)
{
	char done[24], total[24], rate[24], left[32] = "", wait[48] = "", object[120];
	uint64_t r = rate_of(p, now);
	int64_t s = left_of(p, r);

	fmt_size(done, sizeof(done), p->done);
	fmt_size(total, sizeof(total), p->total);
	fmt_size(rate, sizeof(rate), r);
	out_name(object, sizeof(object), p->object);
	if (s >= 0)
		snprintf(left, sizeof(left), ", %lld:%02lld left", (long long)(s / 60),
			 (long long)(s % 60));
	if (now - p->moved_ns >= SILENCE_NS)
		snprintf(wait, sizeof(wait), ", waiting for I/O since %llu s",
			 (unsigned long long)((now - p->moved_ns) / SECOND_NS));
	snprintf(buf, size, "%s %s: %d%%, %s of %s, %s/s%s%s", p->phase, object, percent_of(p),
		 done, total, rate, left, wait);
}

static void esx_line(struct progress *p, const char *end)
{
	fprintf(p->to, "%s: %d%% done.%s", p->esx_word, percent_of(p), end);
}

static void json_line(const struct progress *p, uint64_t now)
{
	char when[24];
	uint64_t rate = rate_of(p, now);
	int64_t left = left_of(p, rate);
	json_t *line = json_pack(
		"{s:s, s:s, s:s, s:o, s:o, s:o, s:i, s:o, s:o}", "schema", "progress/1", "time",
		out_time_utc(when, sizeof(when), (int64_t)(port_wall_us() / 1000000)), "phase",
		p->phase, "object", out_json_name(p->object), "done_bytes", out_json_bytes(p->done),
		"total_bytes", p->total ? out_json_bytes(p->total) : json_null(), "percent",
		percent_of(p), "rate_bytes_per_second", out_json_bytes(rate), "left_seconds",
		left < 0 ? json_null() : json_integer(left));
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;

	if (text)
		fprintf(p->to, "%s\n", text);
	free(text);
	json_decref(line);
}

static void print(struct progress *p, uint64_t now)
{
	char text[400];

	p->print_ns = now;
	p->percent = percent_of(p);
	if (p->esx_word && p->mode != PROGRESS_JSON) {
		esx_line(p, p->mode == PROGRESS_LINES ? "\n" : "\r");
		p->line_open = p->mode == PROGRESS_CR;
	} else if (p->mode == PROGRESS_JSON) {
		json_line(p, now);
	} else {
		text_line(p, now, text, sizeof(text));
		if (p->mode == PROGRESS_CR)
			fprintf(p->to, "\r%-79.100s", text);
		else
			fprintf(p->to, "%s\n", text);
		p->line_open = p->mode == PROGRESS_CR;
	}
	fflush(p->to);
}

/* One line because the operator asked with a signal: always to standard error. */
static void answer(struct progress *p, uint64_t now)
{
	char text[400];

	text_line(p, now, text, sizeof(text));
	fprintf(stderr, "%s%s\n", p->line_open ? "\n" : "", text);
	p->line_open = 0;
}

/* ---- when ------------------------------------------------------------------------------------ */

static int due(const struct progress *p, uint64_t now)
{
	uint64_t since = now - p->print_ns;
	int news = percent_of(p) != p->percent;

	switch (p->mode) {
	case PROGRESS_NONE:
		return 0;
	case PROGRESS_CR:
		if (p->esx_word)
			return news && (since >= SECOND_NS / 10 || p->percent < 0);
		return p->percent < 0 || since >= REDRAW_NS;
	default:
		if (p->esx_word && p->mode == PROGRESS_LINES)
			return news;
		return p->percent < 0 || since >= SILENCE_NS || (news && since >= LINE_NS);
	}
}

static void look(struct progress *p)
{
	uint64_t now = port_now_ns();
	uint32_t asked = port_progress_asked();

	if (asked != p->asked) {
		p->asked = asked;
		answer(p, now);
	}
	if (due(p, now))
		print(p, now);
}

static void tick(struct port_timer *timer)
{
	struct progress *p = container_of(timer, struct progress, timer);

	look(p);
	port_timer_start(timer, port_now_ns() + TICK_NS);
}

void progress_start(struct progress *p, enum progress_mode mode, FILE *to, const char *esx_word)
{
	*p = (struct progress){ .mode = mode, .to = to, .esx_word = esx_word, .percent = -1 };
	p->asked = port_progress_asked();
	p->start_ns = p->moved_ns = p->print_ns = port_now_ns();
	port_timer_init(&p->timer, tick);
	port_timer_start(&p->timer, p->start_ns + TICK_NS);
	p->running = 1;
}

void progress_phase(struct progress *p, const char *phase, const char *object, uint64_t total)
{
	if (p->line_open)
		fputc('\n', p->to);
	p->line_open = 0;
	mem_copy_text(p->phase, sizeof(p->phase), phase);
	mem_copy_text(p->object, sizeof(p->object), object);
	p->done = 0;
	p->total = total;
	p->percent = -1;
	p->start_ns = p->moved_ns = p->print_ns = port_now_ns();
}

void progress_phase_object(struct progress *p, const char *object)
{
	mem_copy_text(p->object, sizeof(p->object), object);
}

int progress_update(struct progress *p, uint64_t done, uint64_t total)
{
	if (done > p->done) {
		p->done = done;
		p->moved_ns = port_now_ns();
	}
	p->total = total;
	look(p);
	return port_interrupted();
}

void progress_hold_back(uint64_t start_ns, uint64_t done_bytes, uint64_t rate)
{
	while (rate && !port_interrupted() &&
	       (double)done_bytes / (double)rate > (double)(port_now_ns() - start_ns) / SECOND_NS)
		port_world_sleep_ns(NAP_NS);
}

void progress_end(struct progress *p, int complete)
{
	if (!p->running)
		return;
	p->running = 0;
	port_timer_stop(&p->timer);
	if (complete && p->mode != PROGRESS_NONE) {
		p->done = p->total = MAX(p->total, 1);
		if (p->percent != 100 || !p->esx_word)
			print(p, port_now_ns());
	}
	if (p->line_open) {
		fputc('\n', p->to);
		p->line_open = 0;
	}
	fflush(p->to);
}
