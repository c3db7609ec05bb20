"""The services of OpenStack, each with its own forms, errors and habits."""
