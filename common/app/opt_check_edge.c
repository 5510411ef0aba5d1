/* SPDX-License-Identifier: Apache-2.0 */
/* What the options of the gateway for applications outside must not contradict. */
#include "config.h"

#include "app/opt_check.h"
#include "base/network.h"
#include "core/req.h"

void
opt_check_edge_listener(const struct opt_check *c, const struct options_listener *l,
                        const char *path)
{
	if ((l->serve & SERVE_EDGE) == 0)
		return;
	if (l->serve != SERVE_EDGE)
		opt_found(c, path, "edge needs a listener of its own");
	if (l->protocol != OPTIONS_HTTP || l->security != OPTIONS_CERTIFICATE ||
	    !l->require_client_cert)
		opt_found(c, path,
		          "edge needs protocol \"http\" and security \"certificate\" with "
		          "require_client_cert");
	if (!c->o->edge.enabled)
		opt_found(c, path, "serve has edge, but edge.enabled is false");
}

void
opt_check_networks(const struct opt_check *c, const char *path, const struct options_strings *list)
{
	struct network n;

	for (size_t i = 0; i < list->n; i++)
		if (!network_parse(slice_of(list->v[i]), &n))
			opt_found(c, path, "%s: %.64s is no address/bits", path, list->v[i]);
}

void
opt_check_edge(const struct opt_check *c)
{
	opt_check_networks(c, "edge.contact_networks", &c->o->edge.contact_networks);
}
