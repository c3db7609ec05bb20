"""OVH's own calls on a Public Cloud project."""
