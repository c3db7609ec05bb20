"""What there is in the double's cloud, whichever API speaks of it."""
