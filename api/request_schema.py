"""The schema of a start request: what ``rules.request.parse_request`` takes, and nothing else.

JSON Schema says "this field only with that one" by listing the shapes that are possible: each variant below,
with and without mappings of its own, and each finds its VM by context or by name.
"""

from itertools import product
from typing import Any, Final, NamedTuple

from rules.request import FailoverType, NetworkStrategy, VmNaming

Json = dict[str, Any]

_NAME: Final[Json] = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"\S"}
_CONTEXT_ID: Final[Json] = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": r"\S"}
_REASON: Final[Json] = {"type": "string", "maxLength": 1000}

# "30m", not "0m": at most nine digits and one unit.
_DURATION: Final[Json] = {"type": ["string", "null"], "maxLength": 10, "pattern": "^0*[1-9][0-9]*[smhd]$"}
_OBJECTS: Final = ("custom_config", "notification_config")


class _Variant(NamedTuple):
    """What is said of source and disks together.

    Attributes:
        title: What sets it apart.
        properties: Those that differ from ``_PLAIN``.
        required: Beyond what every request needs.
    """

    kind: FailoverType
    title: str
    properties: Json
    required: tuple[str, ...] = ()


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_PLAIN: Final[Json] = {
    "allow_production_network": _ref("Off"),
    "reason": {**_REASON, "type": ["string", "null"]},
    "power_off_source": _ref("Off"),
    "perform_final_sync": _ref("Off"),
    "source_lost": _ref("Off"),
    "accept_recovery_point": _ref("Off"),
    "waive_snapshots": _ref("Off"),
    "boot_disk": {"type": "null"},
    "firmware": {"enum": ["bios", "uefi", None], "description": "Where replication does not know it"},
    "skip_virtio": _ref("Flag"),
    "auto_cleanup": _ref("Off"),
    "test_duration": {"type": "null"},
    "skip_validation": _ref("NotHonouredFlag"),
    **{name: _ref("NotHonouredObject") for name in _OBJECTS},
}
_WITH_DISKS: Final[Json] = {"disks": {"enum": ["replicated", None]}, "boot_disk": _ref("OptionalName")}
_WITHOUT_DISKS: Final[Json] = {"disks": {"const": "none"}}
_REASONED: Final[Json] = {
    "reason": {**_REASON, "pattern": r"\S"},
    "accept_recovery_point": _ref("Flag"),
    "waive_snapshots": _ref("Flag"),
}
_TEST_ON_DISKS: Final[Json] = {**_WITH_DISKS, "auto_cleanup": _ref("On"), "test_duration": _DURATION}
_PRODUCTION: Final[Json] = {
    "allow_production_network": {"const": True},
    "reason": {**_REASON, "pattern": r"\S"},
}
_LIVE, _TEST = FailoverType.LIVE, FailoverType.TEST
_VARIANTS: Final = (
    _Variant(
        _LIVE,
        "",
        {**_WITH_DISKS, "power_off_source": _ref("On"), "perform_final_sync": _ref("On")},
    ),
    _Variant(
        _LIVE,
        ", with a reason for what is left out",
        {**_WITH_DISKS, **_REASONED, "power_off_source": _ref("On"), "perform_final_sync": _ref("Flag")},
        ("reason",),
    ),
    _Variant(
        _LIVE,
        ", the source declared lost",
        {**_WITH_DISKS, **_REASONED, "source_lost": {"const": True}},
        ("reason", "source_lost"),
    ),
    _Variant(_LIVE, ", without disks", _WITHOUT_DISKS, ("disks",)),
    _Variant(_TEST, "", _TEST_ON_DISKS),
    _Variant(_TEST, ", without disks", _WITHOUT_DISKS, ("disks",)),
    _Variant(
        _TEST,
        ", production networks allowed",
        {**_TEST_ON_DISKS, **_PRODUCTION},
        ("allow_production_network", "reason"),
    ),
    _Variant(
        _TEST,
        ", production networks allowed, without disks",
        {**_WITHOUT_DISKS, **_PRODUCTION},
        ("allow_production_network", "reason", "disks"),
    ),
)


def request_schemas() -> dict[str, Json]:
    """Return the components by name; ``FailoverRequest`` is the whole."""
    return {
        "FailoverRequest": {
            "description": "One failover of one VM. Fields of the original that are not honoured yet are"
            " taken with their neutral value only.",
            "anyOf": [
                _shape(variant, by_context=by_context, custom=custom)
                for by_context, variant, custom in product((True, False), _VARIANTS, (False, True))
            ],
        },
        "Name": _NAME,
        "OptionalName": {"anyOf": [_NAME, {"type": "null"}]},
        "Flag": {"type": ["boolean", "null"]},
        "On": {"enum": [True, None]},
        "Off": {"enum": [False, None]},
        "NotHonouredFlag": {"enum": [False, None], "description": "Not honoured yet"},
        "NotHonouredObject": {
            "type": ["object", "null"],
            "maxProperties": 0,
            "description": "Not honoured yet",
        },
    }


def _shape(variant: _Variant, *, by_context: bool, custom: bool) -> Json:
    live = variant.kind is FailoverType.LIVE
    own = (NetworkStrategy.LIVE, NetworkStrategy.PRODUCTION) if live else (NetworkStrategy.TEST,)
    strategies = (NetworkStrategy.CUSTOM,) if custom else own
    naming = VmNaming.EXACT if live else VmNaming.SUFFIXED
    required = ["context_id" if by_context else "vm_name", "failover_type", *variant.required]
    properties: Json = {
        "context_id": _CONTEXT_ID if by_context else {"type": "null"},
        "vm_name": _ref("OptionalName" if by_context else "Name"),
        "failover_type": {"const": variant.kind.value},
        "vmware_vm_id": _ref("OptionalName"),
        "vm_id": _ref("OptionalName"),
        "network_strategy": {"enum": [*(one.value for one in strategies), None]},
        "network_mappings": _mappings(custom=custom),
        "vm_naming": {"enum": [naming.value, None]},
        "user_id": {
            "type": ["string", "null"],
            "maxLength": 255,
            "description": "With a token: its name, or left out",
        },
        **_PLAIN,
        **variant.properties,
    }
    if custom:
        required.append("network_mappings")
    return {
        "title": f"{variant.kind.value} failover of a {'context' if by_context else 'VM by its name'}"
        f"{', networks named in the request' if custom else ''}{variant.title}",
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
