"""A stateful double of OVH's API and of the name servers behind it; see ../ovh_double.py."""
