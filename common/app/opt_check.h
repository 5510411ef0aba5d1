/* SPDX-License-Identifier: Apache-2.0 */
/* What options must be to each other; private to the options module. */
#ifndef APP_OPT_CHECK_H
#define APP_OPT_CHECK_H

#include "app/options.h"

struct opt_check {
	const struct options *o;
	const struct options_profile *profile;
	/* Called for each contradiction; path is a libconfig path such as listeners.[0].key. */
	void (*found)(void *arg, const char *path, const char *text);
	void *arg;
};

void opt_check(const struct opt_check *c);

/* ---- for the files of this check ---- */

void opt_found(const struct opt_check *c, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void opt_check_proxy(const struct opt_check *c);
void opt_check_sga(const struct opt_check *c);
void opt_check_mtc(const struct opt_check *c);
void opt_check_edge(const struct opt_check *c);
void opt_check_edge_listener(const struct opt_check *c, const struct options_listener *l,
                             const char *path);
void opt_check_trigger(const struct opt_check *c);
/* What is in the list at path are networks. */
void opt_check_networks(const struct opt_check *c, const char *path,
                        const struct options_strings *list);
/* What is in the list at path are identities as the managers of a capability have them. */
void opt_check_identities(const struct opt_check *c, const char *path,
                          const struct options_strings *list);
void opt_check_proxy_listener(const struct opt_check *c, const struct options_listener *l,
                              const char *path);

#endif
