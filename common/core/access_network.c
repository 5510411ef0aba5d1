/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/access_network.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(sizeof(((struct access_network *)0)->interface) == IFNAMSIZ, "an interface's name");

static bool
always_usable(const struct access_network *self)
{
	(void)self;
	return true;
}

/* The interface is there, switched on, and its link is up. */
static bool
interface_usable(const struct access_network *self)
{
	struct ifreq ask = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up;

	if (fd < 0)
		return false;
	memcpy(ask.ifr_name, self->interface, sizeof(ask.ifr_name));
	up = ioctl(fd, SIOCGIFFLAGS, &ask) == 0 && (ask.ifr_flags & IFF_UP) != 0 &&
	     (ask.ifr_flags & IFF_RUNNING) != 0;
	close(fd);
	return up;
}

bool
access_network_parse(const char *text, struct access_network *out)
{
	struct slice rest = slice_of(text), name;

	*out = (struct access_network){ .usable = always_usable };
	if (!slice_split(&rest, '=', &name) || name.n == 0)
		return false;
	out->name = name;
	if (rest.p == NULL)
		return true;
	if (rest.n == 0 || rest.n >= sizeof(out->interface))
		return false;
	memcpy(out->interface, rest.p, rest.n);
	out->usable = interface_usable;
	return true;
}

void
access_network_default(struct access_network *out)
{
	*out = (struct access_network){ .name = SLICE_LIT("default"), .usable = always_usable };
}
