/* An upload into a slot: its name and length lie in the slot's trailer, and what is programmed tells how far it came.
   */
#ifndef LIVETRAP_UPLOAD_H
#define LIVETRAP_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

/* To be called after a reset; takes up the upload that the slot's trailer tells of. */
void upload_initialise(uint32_t slot);

/* Begins an upload: erases the slot. sha: SHA-256 of the file, or NULL: then a reset ends the upload. Returns false
   when flash fails. */
bool upload_begin(uint32_t length, const uint8_t *sha);

/* Returns whether the upload in progress, or finished, is this one: then it goes on at upload_next(). */
bool upload_resume(uint32_t length, const uint8_t *sha);

/* The offset of the next byte, and the length of the file; both 0 when there is no upload. */
uint32_t upload_next(void);
uint32_t upload_length(void);

/* Programs the next bytes, which must not go beyond the length. Returns false when flash fails. */
bool upload_append(const uint8_t *bytes, uint32_t size);

#endif
