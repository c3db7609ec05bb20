/* The cloud "ovh": openstack's row with OVH's ways in, prices, and rules of its regions. */
#pragma once

#include "provider.h"

extern const struct provider provider_ovh;
