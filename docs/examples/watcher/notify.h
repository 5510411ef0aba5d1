/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WATCHER_NOTIFY_H
#define WATCHER_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>

/* What is found in a notification. The strings live only during the call. */
struct notify_sink {
	/*
	 * A notify begins, with its statusCode and subscriptionReference, never NULL. False
	 * when this subscription is not wanted: the notify is skipped.
	 */
	bool (*begin)(void *arg, const char *status, const char *subscription);

	/* One contentInstance: its creationTime (may be "") and the decoded content. */
	void (*value)(void *arg, const char *created, const char *content, size_t len);

	/* The subscription has ended; info is the text of the errorInfo or "". */
	void (*ended)(void *arg, const char *status, const char *info);

	void *arg;
};

/*
 * Reads an m2m:notify, or each of an m2m:notifyCollection, as sent to the contact of a
 * subscription on contentInstances: the representation is base64 of a contentInstances or a
 * contentInstance document, or of an errorInfo in the last notify. Returns false when the
 * body is something else; counts the notifies that begin accepted in *accepted.
 */
bool notify_read(const char *body, size_t len, const struct notify_sink *sink,
    unsigned int *accepted);

#endif
