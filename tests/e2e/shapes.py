"""Botocore's own service models as the judge of every answer of the JSON and Query protocols.

A parser forgives: it drops members that it does not know, and leaves out what is missing. So the
answers are judged as they came, before they are parsed.
"""

import base64
import binascii
import json
import re
import xml.etree.ElementTree as ElementTree
from datetime import datetime

SERVICES = ("kms", "iam", "sts", "cloudtrail")


class ShapeError(AssertionError):
    """An answer that the model of its operation does not describe."""


def judged(client):
    """The client, whose calls raise `ShapeError` from now on when an answer is not of its shape."""
    if client.meta.service_model.service_name in SERVICES:
        client.meta.events.register("before-parse", judge)
    return client


def judge(operation_model, response_dict, **_):
    """Handler of `before-parse`."""
    if response_dict["status_code"] >= 300:
        return
    query = operation_model.service_model.metadata["protocol"] == "query"
    wrong = (xml_faults if query else json_faults)(operation_model, response_dict["body"])
    if wrong:
        raise ShapeError(f"the answer to {operation_model.name} is not of its shape: " + "; ".join(wrong))


def json_faults(operation, body):
    if operation.output_shape is None:
        return [f"there is a body: {body!r}"] if body.strip() not in (b"", b"{}") else []
    if not body.strip():
        # What botocore makes of it, and all that some operations answer.
        body = b"{}"
    return list(_json(operation.output_shape, json.loads(body), operation.output_shape.name))


def xml_faults(operation, body):
    root = ElementTree.fromstring(body)
    space = "{" + operation.service_model.metadata["xmlNamespace"] + "}"
    foreign = [element.tag for element in root.iter() if not element.tag.startswith(space)]
    if foreign:
        return [f"elements of another namespace: {foreign}"]
    for element in root.iter():
        element.tag = element.tag.removeprefix(space)
    wrong = []
    if root.tag != operation.name + "Response":
        wrong.append(f"the root is {root.tag}")
    if root.find("ResponseMetadata/RequestId") is None:
        wrong.append("no RequestId")
    shape = operation.output_shape
    wrapper = shape.serialization.get("resultWrapper") if shape else None
    others = [child.tag for child in root if child.tag not in ("ResponseMetadata", wrapper)]
    if others:
        wrong.append(f"unknown elements {others}")
    if shape is not None:
        result = root.find(wrapper)
        wrong += ["no " + wrapper] if result is None else _xml(shape, result, shape.name)
    return wrong


def _members(shape, given, at):
    """What a structure has too much and what it lacks."""
    for name in given:
        if name not in shape.members:
            yield f"{at} has no member {name}"
    for name in shape.required_members:
        if name not in given:
            yield f"{at} lacks {name}"


def _json(shape, value, at):
    kinds = {"structure": dict, "map": dict, "list": list, "string": str, "blob": str, "boolean": bool,
             "timestamp": (int, float), "integer": int, "long": int, "float": (int, float), "double": (int, float)}
    kind = kinds[shape.type_name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        yield f"{at} is {type(value).__name__}, not {shape.type_name}"
    elif shape.type_name == "structure":
        yield from _members(shape, value, at)
        for name, inner in value.items():
            if name in shape.members:
                yield from _json(shape.members[name], inner, f"{at}.{name}")
    elif shape.type_name == "map":
        for name, inner in value.items():
            yield from _json(shape.value, inner, f"{at}.{name}")
    elif shape.type_name == "list":
        for inner in value:
            yield from _json(shape.member, inner, at + "[]")
    elif shape.type_name == "blob":
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            yield f"{at} is not base64"
    elif shape.type_name == "string":
        yield from _enumerated(shape, value, at)


def _xml(shape, element, at):
    if shape.type_name == "structure":
        names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        yield from _members(shape, [names.get(child.tag, child.tag) for child in element], at)
        tags = [child.tag for child in element]
        if len(tags) != len(set(tags)):
            yield f"{at} repeats a member: {tags}"
        for child in element:
            if child.tag in names:
                yield from _xml(shape.members[names[child.tag]], child, f"{at}.{child.tag}")
    elif shape.type_name == "list":
        wanted = shape.member.serialization.get("name", "member")
        for child in element:
            if child.tag != wanted:
                yield f"{at} is a list of {wanted}, not of {child.tag}"
            else:
                yield from _xml(shape.member, child, at + "[]")
    elif shape.type_name == "map":
        for entry in element:
            if [entry.tag, *(child.tag for child in entry)] != ["entry", "key", "value"]:
                yield f"{at} is not a map of entries"
            else:
                yield from _xml(shape.value, entry[1], f"{at}.{entry[0].text}")
    elif len(element):
        yield f"{at} has members, and is {shape.type_name}"
    else:
        yield from _scalar(shape, element.text or "", at)


def _scalar(shape, text, at):
    if shape.type_name == "string":
        yield from _enumerated(shape, text, at)
    elif shape.type_name == "boolean":
        if text not in ("true", "false"):
            yield f"{at} is no boolean: {text}"
    elif shape.type_name in ("integer", "long"):
        if not re.fullmatch(r"-?\d+", text):
            yield f"{at} is no number: {text}"
    elif shape.type_name == "timestamp":
        try:
            datetime.fromisoformat(text)
        except ValueError:
            yield f"{at} is no time: {text}"


def _enumerated(shape, value, at):
    # The deprecated name has KeySpec's value always ("DescribeKey"), and a model of its own that
    # ended before the newer specs.
    if shape.name == "CustomerMasterKeySpec":
        return
    # "This data type can only have a value of Policy" (IAM API Reference, AttachedPermissionsBoundary); the
    # model lists another.
    if shape.name == "PermissionsBoundaryAttachmentType" and value == "Policy":
        return
    if getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{at} is {value}, not one of {shape.enum}"
