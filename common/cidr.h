/* Addresses and networks as text, each written in one way. */
#pragma once

#include "base.h"

#define CIDR_SIZE 64

/*
 * "10.1.2.3/8" as "10.0.0.0/8": host bits cleared, IPv6 short and in small letters, no length where it is a whole
 * address. What is neither an address nor a network is given back as it is.
 */
void cidr_text(const char *from, char ret[CIDR_SIZE]);
