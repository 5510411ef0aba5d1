/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/notify.h"

#include "base/clock.h"

#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>

void
notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void
notify_reloading(void)
{
	/* The time lets the manager tell this reload from an earlier one (Type=notify-reload). */
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_monotonic());
}

void
notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

#else

void
notify_ready(void)
{
}

void
notify_reloading(void)
{
}

void
notify_stopping(void)
{
}

#endif
