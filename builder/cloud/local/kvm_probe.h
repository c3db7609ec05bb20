/*
 * Whether KVM really runs guests here. That /dev/kvm opens says little: in many virtual machines it
 * does, and then guests hang or die. So a guest is run until its kernel speaks, once per boot of
 * this machine; the answer is kept in the cache.
 */
#pragma once

#include "base.h"

struct cloud;
struct error;

/*
 * Runs the raw disk (read only) under KVM. True when its kernel spoke. What cannot be found out is
 * "no": software emulation always works. Negative only when interrupted.
 */
int kvm_works(const struct cloud *c, const char *disk, bool *ret, struct error *e);

/* What is known without running a guest. */
enum kvm_known {
	KVM_ABSENT,    /* there is no /dev/kvm */
	KVM_FORBIDDEN, /* there is, but not for this user */
	KVM_UNTRIED,
	KVM_WORKS,  /* tried since this machine was started, and it did */
	KVM_BROKEN, /* tried, and it did not */
};
enum kvm_known kvm_known(const struct cloud *c);
