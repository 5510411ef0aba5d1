/* SPDX-License-Identifier: Apache-2.0 */
/* What the options of triggers must not contradict. */
#include "config.h"

#include "app/opt_check.h"
#include "base/uri.h"
#include "cap/trigger/trigger_address.h"

static void
check_contact(const struct opt_check *c)
{
	struct slice contact = slice_of(c->o->trigger.contact);

	if (contact.n > 0 && !uri_is_secure(contact))
		opt_found(c, "trigger.contact", "trigger.contact must be an https or coaps URI");
}

static void
check_listen(const struct opt_check *c)
{
	const char *listen = c->o->trigger.listen, *colon = strrchr(listen, ':');
	struct sockaddr_storage at;
	struct slice host;
	socklen_t n;

	if (listen[0] == '\0')
		return;
	host = colon == NULL ? SLICE_NONE : slice_make(listen, (size_t)(colon - listen));
	if (colon == NULL || strcmp(colon, ":0") == 0 ||
	    !trigger_address(host, slice_of(colon + 1), &at, &n))
		opt_found(c, "trigger.listen", "trigger.listen must be address:port, both numeric");
}

void
opt_check_trigger(const struct opt_check *c)
{
	check_contact(c);
	check_listen(c);
	opt_check_networks(c, "trigger.networks", &c->o->trigger.networks);
}
