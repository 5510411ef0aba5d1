/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the mailbox share; private to sgd_mail.c and sgd_item.c. */
#ifndef CAP_SGD_SGD_MAIL_H
#define CAP_SGD_SGD_MAIL_H

#include "cap/sgd/sgd_own.h"

enum sgd_taken {
	SGD_TAKEN, /* also when nothing comes of it */
	SGD_TAKEN_STEP, /* a step is under way: sgd_mail_step_over comes */
	SGD_TAKEN_NOT, /* not now: later again */
};

/* What is changed by the items that are being taken; NULL: no memory. */
struct sgd_change *sgd_mail_change(struct sgd_server *s);
/* Takes one. item lives until the step is over. */
enum sgd_taken sgd_item_take(struct sgd_server *s, struct slice item);
/* After a step: the item is taken, or it is not; goes on with the next. */
void sgd_mail_step_over(struct sgd_server *s, enum sgd_taken t);

#endif
