/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/secret.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The smallest block of the heap: below it the book-keeping outweighs what is kept. */
#define HEAP_BLOCK 32
/* What fills pages loses nothing in them, and leaves the heap to what is smaller. */
#define WHOLE_PAGES_FROM 4096u

/*
 * What was copied stays in vector registers, and those of a thread that sleeps are in a core image.
 * The compiler clears what its own moves use; where it cannot, and for the registers that only
 * memcpy of the C library uses, a copy of nothing takes their place.
 */
#if defined(__has_attribute)
#if __has_attribute(zero_call_used_regs)
#define CLEARS_REGISTERS __attribute__((zero_call_used_regs("all")))
#endif
#endif
#ifndef CLEARS_REGISTERS
#define CLEARS_REGISTERS
#endif

#define COPIED 256u /* octets: as many registers as it ever takes at a time */

CLEARS_REGISTERS void
secret_wipe(void *p, size_t n)
{
	static void *(*const volatile copy)(void *to, const void *from, size_t n) = memcpy;
	static const unsigned char nothing[COPIED];
	unsigned char to[COPIED];

	if (p != NULL)
		OPENSSL_cleanse(p, n);
	copy(to, nothing, sizeof(to));
}

CLEARS_REGISTERS void
key_wipe(struct key *k)
{
	if (k != NULL)
		secret_wipe(k->v, KEY_BYTES);
}

bool
key_equal(const struct key *a, const struct key *b)
{
	return CRYPTO_memcmp(a->v, b->v, KEY_BYTES) == 0;
}

bool
key_is_zero(const struct key *k)
{
	static const struct key zero;

	return key_equal(k, &zero);
}

enum rc
key_random(struct key *k)
{
	if (RAND_priv_bytes(k->v, KEY_BYTES) == 1)
		return RC_OK;
	key_wipe(k);
	return RC_INTERNAL;
}

enum rc
secret_random(void *p, size_t n)
{
	if (n <= INT_MAX && RAND_bytes(p, (int)n) == 1)
		return RC_OK;
	secret_wipe(p, n);
	return RC_INTERNAL;
}

bool
secret_equal(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

/*
 * Octets of the heap that may be in use when secret_alloc takes some; the rest is libcrypto's, whose
 * keys and numbers have nowhere else to go. Set before there are threads.
 */
static size_t heap_share;

enum rc
secret_heap(size_t bytes)
{
	if (CRYPTO_secure_malloc_initialized())
		return RC_OK;
	if (bytes < 4096 || (bytes & (bytes - 1)) != 0)
		return RC_BAD_REQUEST;
	switch (CRYPTO_secure_malloc_init(bytes, HEAP_BLOCK)) {
	case 1:
		heap_share = bytes / 2;
		return RC_OK;
	case 2:
		/* Memory, but not locked: worse than none, because nobody would notice. */
		CRYPTO_secure_malloc_done();
		return RC_UNAVAILABLE;
	default:
		return RC_UNAVAILABLE;
	}
}

/* n rounded up to whole pages; 0 when that is not possible. */
static size_t
whole_pages(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return n > SIZE_MAX - page ? 0 : (n + page - 1) / page * page;
}

static void *
alloc_pages(size_t n)
{
	size_t all = whole_pages(n);
	void *p;

	if (all == 0)
		return NULL;
	p = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (mlock(p, all) != 0 || madvise(p, all, MADV_DONTDUMP) != 0) {
		munmap(p, all);
		return NULL;
	}
	return p;
}

static void *
alloc_heap(size_t n)
{
	return CRYPTO_secure_malloc_initialized() ? OPENSSL_secure_zalloc(n) : NULL;
}

void *
secret_alloc(size_t n)
{
	/* Without a heap there is nothing to ask for its use. */
	bool room = heap_share > 0 && CRYPTO_secure_used() < heap_share;
	bool small = n < WHOLE_PAGES_FROM && room;
	void *p;

	if (n == 0)
		return NULL;
	p = small ? alloc_heap(n) : alloc_pages(n);
	if (p != NULL)
		return p;
	return small ? alloc_pages(n) : alloc_heap(n);
}

void
secret_free(void *p, size_t n)
{
	if (p == NULL)
		return;
	OPENSSL_cleanse(p, n);
	if (CRYPTO_secure_allocated(p))
		OPENSSL_secure_free(p);
	else
		munmap(p, whole_pages(n));
}

enum rc
process_hide(void)
{
	static const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
		return RC_INTERNAL;
	return RC_OK;
}
