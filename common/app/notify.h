/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to the service manager; nothing happens without one (or without libsystemd). */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

#endif
