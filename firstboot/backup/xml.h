/*
 * The little of XML that S3 answers with: elements and text. No document types, no sections, no entities
 * but the five and numbers; attributes are skipped. What is more than that is an error, not a guess.
 */
#pragma once

#include "base.h"

struct error;

#define XML_DEPTH_MAX 16
#define XML_PATH_MAX  512

/*
 * Called at the end of each element: its path ("ListBucketResult/Contents/Key") and the text directly in
 * it, NUL-terminated. Negative: passed on.
 */
typedef int (*xml_element)(void *arg, const char *path, const char *text, struct error *e);

/* ERR_FAILED when it is not well-formed in this sense. */
int xml_read(const char *text, size_t len, xml_element element, void *arg, struct error *e);
