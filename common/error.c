/* The error object. See error.h for the rule that all of the tree obeys. */
#define ERROR_IMPLEMENTATION
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	e->code = code;
	e->transient = code == ERR_NETWORK;
	e->denied = false;
	return -code;
}

int error_errno(struct error *e, int err, const char *fmt, ...)
{
	char text[sizeof e->msg - 256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (err < 0)
		err = -err;
	error_set(e, err == ECANCELED ? ERR_INTERRUPTED : ERR_FAILED, "%s: %s", text,
		err == ECANCELED ? "interrupted" : strerror(err));
	/* A disk that is full now may not be in a moment. */
	e->transient = err == ENOSPC || err == EDQUOT;
	return -e->code;
}

int error_prefix(struct error *e, const char *fmt, ...)
{
	char old[sizeof e->msg];
	char head[512];
	va_list ap;

	memcpy(old, e->msg, sizeof old);
	va_start(ap, fmt);
	vsnprintf(head, sizeof head, fmt, ap);
	va_end(ap);
	/* Truncation is the documented behaviour; the check only tells the compiler so. */
	if (snprintf(e->msg, sizeof e->msg, "%s: %s", head, old) < 0)
		e->msg[0] = '\0';
	return -e->code;
}

int error_append(struct error *e, const char *fmt, ...)
{
	size_t len = strlen(e->msg);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->msg + len, sizeof e->msg - len, fmt, ap);
	va_end(ap);
	return -e->code;
}

int error_transient(struct error *e)
{
	e->transient = true;
	return -e->code;
}
