"""Bodies by a schema, complained about in the words of jsonschema, as Nova and Cinder give them."""
from .errors import Refusal

TYPES = {"string": str, "object": dict, "array": list, "integer": int, "boolean": (bool,), "null": type(None)}


def is_type(value, name):
    if name == "integer" and isinstance(value, bool):
        return False
    return isinstance(value, TYPES[name])


def refuse(path, value, message):
    if path:
        raise Refusal(400, f"Invalid input for field/attribute {path[-1]}. Value: {value}. {message}")
    raise Refusal(400, message)


def check(value, schema, path=()):
    """The first complaint, or nothing."""
    if "any" in schema:
        complaints = []
        for one in schema["any"]:
            try:
                return check(value, one, path)
            except Refusal as r:
                complaints.append(r)
        if "words" in schema:
            refuse(path, value, schema["words"] % (value,))
        raise complaints[0]
    kinds = schema.get("type")
    if kinds is not None:
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if not any(is_type(value, k) for k in kinds):
            refuse(path, value, f"{value!r} is not of type {', '.join(map(repr, kinds))}")
    if "enum" in schema and value not in schema["enum"]:
        refuse(path, value, f"{value!r} is not one of {schema['enum']!r}")
    if is_type(value, "integer") and value < schema.get("least", value):
        refuse(path, value, f"{value} is less than the minimum of {schema['least']}")
    if isinstance(value, str):
        check_text(value, schema, path)
    elif isinstance(value, dict):
        check_object(value, schema, path)
    elif isinstance(value, list):
        check_list(value, schema, path)
    return None


def check_text(value, schema, path):
    if len(value) < schema.get("min", 0):
        refuse(path, value, f"{value!r} is too short")
    if len(value) > schema.get("max", len(value)):
        refuse(path, value, f"{value!r} is too long")
    if "match" in schema and not schema["match"].search(value):
        refuse(path, value, f"{value!r} does not match {schema['match'].pattern!r}")
    if "format" in schema and not schema["format"][1](value):
        refuse(path, value, f"{value!r} is not a {schema['format'][0]!r}")


def check_object(value, schema, path):
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            refuse(path, value, f"{name!r} is a required property")
    extra = [name for name in value if name not in properties]
    if extra and "others" in schema:
        for name in extra:
            pattern, inner = schema["others"]
            if not pattern.search(name):
                refuse(path, value, f"{name!r} does not match any of the regexes: {pattern.pattern!r}")
            check(value[name], inner, (*path, name))
    elif extra and not schema.get("open"):
        was = "was" if len(extra) == 1 else "were"
        refuse(path, value, "Additional properties are not allowed (%s %s unexpected)"
               % (", ".join(map(repr, extra)), was))
    for name, inner in properties.items():
        if name in value:
            check(value[name], inner, (*path, name))


def check_list(value, schema, path):
    if len(value) > schema.get("most", len(value)):
        refuse(path, value, f"{value!r} is too long")
    if schema.get("unique") and any(value.index(v) != i for i, v in enumerate(value)):
        refuse(path, value, f"{value!r} has non-unique elements")
    for place, one in enumerate(value):
        check(one, schema.get("items", {}), (*path, place))
