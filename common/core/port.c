/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/port.h"

#include <stdio.h>
#include <stdlib.h>

struct slice
exchange_answer_header(const struct exchange *ex, const char *name)
{
	for (unsigned i = 0; i < ex->n_answer_headers; i++)
		if (slice_is(ex->answer_headers[i].name, name))
			return ex->answer_headers[i].value;
	return SLICE_NONE;
}

bool
exchange_add_header(struct exchange *ex, struct slice name, struct slice value)
{
	if (ex->nheaders == EXCHANGE_HEADERS)
		return false;
	ex->headers[ex->nheaders++] = (struct exchange_header){ name, value };
	return true;
}

void
exchange_begin(struct exchange *ex, size_t headers_max)
{
	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	buf_init(&ex->answer, ex->answer_max);
	ex->answer.secret = ex->secret_answer;
	buf_init(&ex->answer_text, headers_max);
	ex->rc = RC_OK;
	ex->http_status = 0;
	ex->unsent = false;
	ex->tls_failed = ex->tls_refused = false;
	ex->has_exported = false;
	ex->n_answer_headers = 0;
	ex->failure[0] = '\0';
}

void
exchange_fail(struct exchange *ex, enum rc rc, const char *text)
{
	buf_clear(&ex->answer);
	buf_clear(&ex->answer_text);
	ex->rc = rc;
	snprintf(ex->failure, sizeof(ex->failure), "%.127s", text);
	/* Words of libraries and names of files go into a line of the log. */
	for (char *c = ex->failure; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
}

void
exchanges_owed_init(struct exchanges_owed *owed)
{
	owed->first = NULL;
	owed->last = &owed->first;
}

void
exchanges_owe(struct exchanges_owed *owed, struct exchange *ex)
{
	ex->port_data = NULL;
	*owed->last = ex;
	owed->last = &ex->port_data;
}

bool
exchanges_deliver(struct exchanges_owed *owed)
{
	struct exchange *ex = owed->first, *next;
	bool any = ex != NULL;

	exchanges_owed_init(owed);
	for (; ex != NULL; ex = next) {
		next = ex->port_data;
		ex->port_data = NULL;
		ex->done(ex);
	}
	return any;
}

static char *
copy_text(const char *s)
{
	return s == NULL || s[0] == '\0' ? NULL : strdup(s);
}

void
port_conf_copy(struct port_conf *to, const struct port_conf *conf)
{
	*to = *conf;
	to->ca_file = copy_text(conf->ca_file);
	to->cert_file = copy_text(conf->cert_file);
	to->key_file = copy_text(conf->key_file);
	to->user_agent = copy_text(conf->user_agent);
}

void
port_conf_free(struct port_conf *conf)
{
	free((void *)(uintptr_t)conf->ca_file);
	free((void *)(uintptr_t)conf->cert_file);
	free((void *)(uintptr_t)conf->key_file);
	free((void *)(uintptr_t)conf->user_agent);
}
