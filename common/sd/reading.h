/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reading of a device, and what it signs:
 *
 *   M = "MSD1" | deviceId 16 | u64 seq | u64 unixMillis | LV16 payload
 *
 * The device and its number are in M, so honest messages are never equal. Any thread.
 */
#ifndef SD_READING_H
#define SD_READING_H

#include "sd/sd.h"
#include "sec/node_id.h"

#define SD_READING_FIXED 34u /* octets in a bundle without the payload */
#define SD_MESSAGE_FIXED (4u + SD_READING_FIXED)
#define SD_MESSAGE_MAX (SD_MESSAGE_FIXED + SD_PAYLOAD_MAX)

struct sd_reading {
	struct node_id device;
	uint64_t seq;
	uint64_t millis; /* since the epoch */
	struct slice payload; /* at most SD_PAYLOAD_MAX octets, may be empty; somebody else's */
};

/* Writes M; its octets are in out as long as that is. RC_BAD_REQUEST: the payload is too long. */
enum rc sd_message(const struct sd_reading *r, uint8_t out[SD_MESSAGE_MAX], struct slice *message);
/* M without its first four octets: the form in a bundle. The payload is not too long. */
size_t sd_reading_write(const struct sd_reading *r, uint8_t *out);

/* Order of the messages; 0: they are equal. */
int sd_reading_order(const struct sd_reading *a, const struct sd_reading *b);
/* Order of their devices. */
int sd_device_order(const struct sd_reading *a, const struct sd_reading *b);
/*
 * RC_OK when no two of the n (at most SD_READINGS_MAX) readings are equal in that order; else
 * RC_CONFLICT, and again[i] is true for each that has an equal one before it; again may be NULL.
 * RC_BAD_REQUEST: too many; RC_UNAVAILABLE without memory.
 */
enum rc sd_distinct(const struct sd_reading *readings, size_t n,
                    int (*order)(const struct sd_reading *, const struct sd_reading *),
                    bool *again);

#endif
