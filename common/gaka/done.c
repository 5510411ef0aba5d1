/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "gaka/gaka.h"

void
gaka_done_wipe(struct gaka_done *done)
{
	if (done != NULL)
		secret_wipe(done, sizeof(*done));
}
