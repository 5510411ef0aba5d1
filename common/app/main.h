/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process around a service capability layer. A daemon is the list of what it has: its main
 * hands a constant profile to scl_main, and the linker takes only what is listed there.
 */
#ifndef APP_MAIN_H
#define APP_MAIN_H

#include "app/options.h"

struct capability;
struct port_ops;
struct sec_ops;
struct store_ops;

enum role { ROLE_NSCL, ROLE_GSCL, ROLE_DSCL };

struct profile {
	const char *name; /* of the daemon: its log, its SCL-ID by default */
	enum role role;
	const struct store_ops *const *stores; /* each list ends with NULL; at most 8 stores */
	const struct port_ops *const *ports;
	const struct capability *const *caps;
	const struct sec_ops *sec; /* cap/sec/sec.h; NULL: requests are taken as they come */
	const struct options_default *defaults; /* ends with path NULL; NULL = none differ */
	const char *const *absent_options; /* as absent of options_profile */
};

/*
 * Runs the daemon, or what the arguments ask for instead. Returns the exit status of the process:
 * 0, 1 when it failed (the reason is on stderr), 2 for wrong arguments.
 */
int scl_main(const struct profile *profile, int argc, char **argv);

#endif
