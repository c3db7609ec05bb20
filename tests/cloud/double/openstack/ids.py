"""Ids that stay the same from run to run."""
import uuid


def id_of(*words):
    return uuid.uuid5(uuid.NAMESPACE_DNS, "/".join(words)).hex
