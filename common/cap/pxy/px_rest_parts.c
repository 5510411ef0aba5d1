/* SPDX-License-Identifier: Apache-2.0 */
/* The parts beside the interface: what is counted, and who watches. */
#include "config.h"

#include "cap/pxy/px_load.h"
#include "cap/pxy/px_rest.h"
#include "cap/pxy/px_watch.h"

/* ---- what is counted ---- */

static void
load_detach(struct px *px)
{
	px_load_free(px->load);
	px_rates_free(px->rates);
	px->load = NULL;
	px->rates = NULL;
}

static enum rc
load_attach(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	(void)why;
	px->load = px_load_new(clock_monotonic, px_load_cpu);
	px->rates = px_rates_new(clock_monotonic);
	if (px->load != NULL && px->rates != NULL)
		return RC_OK;
	load_detach(px);
	return RC_UNAVAILABLE;
}

const struct px_part px_part_load = {
	.name = "load",
	.roles = PX_PROXY | PX_SINK | PX_SOURCE,
	.attach = load_attach,
	.detach = load_detach,
};

/* ---- who watches ---- */

static enum rc
watch_attach(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	const struct px_watch_conf conf = { .scl = px->scl,
		                            .interval = px->conf->store.monitor_interval,
		                            .waiters_max = px->conf->store.watchers_max };

	(void)why;
	return px_watch_new(&conf, &px->watch);
}

static void
watch_stop(struct px *px)
{
	px_watch_stop(px->watch);
}

static void
watch_detach(struct px *px)
{
	px_watch_free(px->watch);
	px->watch = NULL;
}

static void
watch_told(struct px *px, enum px_told what, uint64_t id)
{
	char text[PX_ID_TEXT];

	px_id_text(id, text);
	if (what == PX_TOLD_STORE_GONE)
		LOG_INFO(px->log, "proxy-store-gone", LOG_Z("store", text));
	px_watch_touch(px->watch, id);
}

const struct px_part px_part_watch = {
	.name = "watch",
	.roles = PX_PROXY,
	.attach = watch_attach,
	.stop = watch_stop,
	.detach = watch_detach,
	.told = watch_told,
};
