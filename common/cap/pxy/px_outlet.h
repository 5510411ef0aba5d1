/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where opened messages go: to the tree of an SCL (px_apply.h), or to files and programs
 * (cli/sink_out.h). An outlet empties the queues of the book of the sink (px_inbook.h): it reads
 * what waits there, does with it what it is for, and then ends it in the book. What it has done
 * without having ended it may come again after a crash: the number of a message never changes.
 */
#ifndef CAP_PXY_PX_OUTLET_H
#define CAP_PXY_PX_OUTLET_H

#include <stddef.h>

struct px_outlet {
	/*
	 * There is more in the queue of the source with that place in the configuration. On the book's
	 * thread; must not block. Not before the outlet has started; it looks by itself then.
	 */
	void (*queued)(void *arg, size_t source);
	void *arg;
};

#endif
