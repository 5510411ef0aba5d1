/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WATCHER_SUBSCRIBE_H
#define WATCHER_SUBSCRIBE_H

#include "watcher/discover.h"

/*
 * Subscribes to the contentInstances of a container that is not watched yet. One of our name from
 * a former run is replaced, since its contact is not ours. The history is not asked for: what comes
 * begins with the newest instance there is.
 */
enum outcome subscribe(struct discover *d, const char *container);

#endif
