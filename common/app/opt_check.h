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

#endif
