"""The schema of a start request: what ``rules.request.parse_request`` takes, and nothing else.

JSON Schema says "this field only with that one" by listing the shapes that are possible. There is one
shape for live and two for test (with and without a production network), each with and without mappings of its
own, and each finds its VM by context or by name.
"""

from itertools import product
from typing import Any, Final

from rules.request import FailoverType, NetworkStrategy, VmNaming

Json = dict[str, Any]

_NAME: Final[Json] = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"\S"}
_CONTEXT_ID: Final[Json] = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": r"\S"}
_REASON: Final[Json] = {"type": "string", "maxLength": 1000}

_FLAGS: Final = ("power_off_source", "perform_final_sync", "skip_validation", "skip_virtio", "auto_cleanup")
_OBJECTS: Final = ("custom_config", "notification_config")


def request_schemas() -> dict[str, Json]:
    """Return the components by name; ``FailoverRequest`` is the whole."""
    return {
        "FailoverRequest": {
            "description": "One failover of one VM. Fields of the original that are not honoured yet are"
            " taken with their neutral value only.",
            "anyOf": [
                _shape(kind, by_context=by_context, custom=custom, production=production)
                for by_context, (kind, production), custom in product(
                    (True, False),
                    ((FailoverType.LIVE, False), (FailoverType.TEST, False), (FailoverType.TEST, True)),
                    (False, True),
                )
            ],
        },
        "Name": _NAME,
        "OptionalName": {"anyOf": [_NAME, {"type": "null"}]},
        "NotHonouredFlag": {"enum": [False, None], "description": "Not honoured yet"},
        "NotHonouredObject": {
            "type": ["object", "null"],
            "maxProperties": 0,
            "description": "Not honoured yet",
        },
    }


def _shape(kind: FailoverType, *, by_context: bool, custom: bool, production: bool) -> Json:
    live = kind is FailoverType.LIVE
    own = (NetworkStrategy.LIVE, NetworkStrategy.PRODUCTION) if live else (NetworkStrategy.TEST,)
    strategies = (NetworkStrategy.CUSTOM,) if custom else own
    naming = VmNaming.EXACT if live else VmNaming.SUFFIXED
    required = ["context_id" if by_context else "vm_name", "failover_type"]
    properties: Json = {
        "context_id": _CONTEXT_ID if by_context else {"type": "null"},
        "vm_name": _ref("OptionalName" if by_context else "Name"),
        "failover_type": {"const": kind.value},
        "vmware_vm_id": _ref("OptionalName"),
        "vm_id": _ref("OptionalName"),
        "network_strategy": {"enum": [*(one.value for one in strategies), None]},
        "network_mappings": _mappings(custom=custom),
        "vm_naming": {"enum": [naming.value, None]},
        "allow_production_network": {"const": True} if production else {"enum": [False, None]},
        "reason": {**_REASON, "pattern": r"\S"} if production else {**_REASON, "type": ["string", "null"]},
        "user_id": {
            "type": ["string", "null"],
            "maxLength": 255,
            "description": "With a token: its name, or left out",
        },
        **{name: _ref("NotHonouredFlag") for name in _FLAGS},
        "test_duration": {"type": "null", "description": "Not honoured yet"},
        **{name: _ref("NotHonouredObject") for name in _OBJECTS},
    }
    if custom:
        required.append("network_mappings")
    if production:
        required += ["allow_production_network", "reason"]
    return {
        "title": _title(kind, by_context=by_context, custom=custom, production=production),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _mappings(*, custom: bool) -> Json:
    if not custom:
        return {"type": ["object", "null"], "maxProperties": 0}
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": _NAME,
        "additionalProperties": _ref("Name"),
        "description": "Source network name to CloudStack network id",
    }


def _title(kind: FailoverType, *, by_context: bool, custom: bool, production: bool) -> str:
    return (
        f"{kind.value} failover of a {'context' if by_context else 'VM by its name'}"
        f"{', networks named in the request' if custom else ''}"
        f"{', production networks allowed' if production else ''}"
    )


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
