/*
 * The definition as it is obeyed, for people: with the defaults that stand behind absent keys, and
 * without what is secret.
 */
#pragma once

#include "base.h"

struct definition;
struct node;

#define EFFECTIVE_HIDDEN  "(hidden)"
#define EFFECTIVE_DEFAULT "default" /* the file of the marks of values that nobody wrote */

/* A copy of the whole tree in the definition's arena; marks still say where each value is from. */
struct node *definition_effective(const struct definition *def);
