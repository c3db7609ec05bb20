#include "ops.h"
const struct op ops_compose[] = { {} };
