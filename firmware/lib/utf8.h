/* UTF-8 (RFC 3629). */
#ifndef LIVETRAP_UTF8_H
#define LIVETRAP_UTF8_H

#include <stdbool.h>
#include <stdint.h>

/* Returns whether the bytes are well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF. */
bool utf8_is_valid(const uint8_t *bytes, uint32_t size);

#endif
