"""Everything that the pages call by name exists, and everything that a newcomer needs by name is there."""

import importlib
import json
import pkgutil
import re
from pathlib import Path

import pytest

import activities
import workflows
from activities.check_guest import guest_environment
from activities.messages.disks import CheckGuestRequest
from api.settings import ApiSettings
from conversion.order import Order, environment
from embedded.ports import StackPorts
from rules.outcomes import FailoverVm
from rules.request import (
    FailoverType,
    InvalidRequest,
    NetworkStrategy,
    UnifiedFailoverConfig,
    parse_request,
)
from rules.resolution import NetworkDecision, NetworkRule
from settings import ENV_FILE_SETTING, WorkerSettings
from settings.conversion import ConversionSettings
from tests.contract.target import NAMES as CONTRACT_SETTINGS
from tests.docs.doc_pages import (
    DOCS,
    OWN_PAGES,
    PAGES,
    README,
    ROOT,
    anchors,
    blocks,
    commands,
    inline_code,
    links,
    prose,
    table,
    text,
)
from workflows.surface import SEARCH_ATTRIBUTES

_COMPOSE = ROOT / "docker-compose.temporal.yml"
_OPERATE = DOCS / "operate.md"
_DEFINITIONS = ("__temporal_workflow_definition", "__temporal_activity_definition")
_OF_OTHERS = {
    "TEMPORAL_ADDRESS",
    "TEMPORAL_NAMESPACE",
    "TEMPORAL_PROFILE",
    "TEMPORAL_API_KEY",
    "TEMPORAL_TLS_",
    "CLOUDSTACK_METHOD",
}
"""Settings that Temporal's own configuration or the ``cs`` command line reads."""
_NOT_HONOURED = "is not honoured yet; leave it out"


def _code(folder: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / folder).rglob("*.py")))


def _registered() -> set[str]:
    """The names of every workflow and activity that is defined, as Temporal knows them."""
    found = set()
    for package in (activities, workflows):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for thing in vars(importlib.import_module(module.name)).values():
                if isinstance(thing, type):
                    found |= {_name_of(one) for one in (thing, *vars(thing).values())}
    return found - {""}


def _name_of(thing: object) -> str:
    definitions = (getattr(thing, name, None) for name in _DEFINITIONS)
    return next((str(one.name) for one in definitions if one is not None), "")


@pytest.mark.parametrize("page", OWN_PAGES, ids=lambda page: page.name)
def test_every_workflow_and_activity_that_a_page_names_is_registered(page: Path) -> None:
    named = set(re.findall(r"\b[A-Z]\w*(?:Workflow|Activity)\b", text(page)))
    assert named <= _registered()


def test_the_readme_starts_the_workflow_and_the_operator_finds_all_three() -> None:
    assert "FailoverWorkflow" in text(README)
    assert {"FailoverWorkflow", "ExplainWorkflow", "ListMappingsWorkflow"} <= set(
        re.findall(r"\w+Workflow\b", text(_OPERATE))
    )


@pytest.mark.parametrize("page", OWN_PAGES, ids=lambda page: page.name)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), re.MULTILINE))
    named = {words[1] for words in commands(page, "make")}
    named |= {code.split()[1] for code in inline_code(page) if code.startswith("make ")}
    assert named <= targets


def test_the_readme_has_the_two_commands() -> None:
    assert {"make demo", "make test"} <= {
        row[0].strip("`") for row in table(README, "Command", "What it does")
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file_and_to_a_heading_of_it(page: Path) -> None:
    broken = []
    for target in links(page):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)
    assert broken == []


def test_the_readme_leads_to_every_page() -> None:
    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} <= {
        link.partition("#")[0] for link in links(README)
    }


@pytest.mark.parametrize("page", OWN_PAGES, ids=lambda page: page.name)
def test_every_search_attribute_that_a_page_names_is_one_of_ours(page: Path) -> None:
    ours = {key.name for key in SEARCH_ATTRIBUTES}
    queries = [
        words[words.index("--query") + 1] for words in commands(page, "temporal") if "--query" in words
    ]
    named = {name for query in queries for name in re.findall(r"\bFailover\w+(?=\s*(?:=|IS))", query)}
    assert named <= ours


def test_the_operator_is_told_of_every_search_attribute_and_how_to_create_it() -> None:
    ours = {key.name for key in SEARCH_ATTRIBUTES}
    assert {row[0].strip("`") for row in table(_OPERATE, "Search attribute", "Value")} == ours
    created = [
        words
        for words in commands(_OPERATE, "temporal")
        if words[1:4] == ["operator", "search-attribute", "create"]
    ]
    assert {words[words.index("--name") + 1] for words in created} == ours
    assert {words[words.index("--type") + 1] for words in created} == {"Keyword"}


@pytest.mark.parametrize("page", OWN_PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    processes = (WorkerSettings, ApiSettings, ConversionSettings)
    fields = [field for one in processes for field in one.model_fields.values()]
    known = {str(field.validation_alias) for field in fields} | _OF_OTHERS
    known |= set(environment(Order("0" * 8 + "-0000" * 3 + "-" + "0" * 12, (), 1, 1, 1), "", (), {}))
    guest = CheckGuestRequest(
        vm=FailoverVm(id="", name=""), context_id="", failover_type="", timeout_seconds=1
    )
    known |= set(guest_environment(guest))
    known |= {ENV_FILE_SETTING, "TEMPORAL_CLI"}
    known |= {setting for _, _, setting in StackPorts(1, 2, 3, 4, 5, 6)._uses()} | set(CONTRACT_SETTINGS)
    known |= set(re.findall(r"\$\{([A-Z_]+)", _COMPOSE.read_text()))
    named = set(re.findall(r"\b(?:FAILOVER|CLOUDSTACK|VMA|MIGRATEKIT|TEMPORAL)_[A-Z_]+(?![a-z])", text(page)))
    unknown = {
        name
        for name in named - known
        if not (name.endswith("_") and any(one.startswith(name) for one in known))
    }
    assert unknown == set()


def test_the_ports_are_the_ones_of_make_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for _, _, setting in StackPorts(1, 2, 3, 4, 5, 6)._uses():
        monkeypatch.delenv(setting, raising=False)
    ports = StackPorts.from_environment()
    said = (
        f"Temporal {ports.temporal}, Web UI {ports.ui}, HTTP API {ports.api}, "
        f"CloudStack simulator {ports.cloudstack}, VMA simulator {ports.vma}, "
        f"replication simulator {ports.replication}"
    )
    assert said in " ".join(text(README).split())


def test_every_event_of_the_log_that_is_named_is_one_that_is_written() -> None:
    written = "\n".join([_code("activities"), _code("cloudstack"), text(ROOT / "worker.py")])
    named = [name for row in table(_OPERATE, "Event", "When") for name in re.findall(r"`([\w.]+)`", row[0])]
    assert len(named) > 10
    assert [name for name in named if f'"{name}"' not in written] == []


def test_the_exit_codes_of_the_worker_are_named() -> None:
    assert [row[0] for row in table(_OPERATE, "Exit code", "Meaning")] == ["0", "2", "any other"]


def test_the_decisions_that_are_shown_are_decisions() -> None:
    (example,) = blocks(README, "json")
    shown = json.loads(example.body)
    assert [NetworkDecision.model_validate(one).model_dump(mode="json") for one in shown] == shown
    assert {one["rule"] for one in shown} == {"mapped", "default"}


def test_the_rules_are_listed_in_the_order_in_which_they_are_tried() -> None:
    assert [row[0].strip("`") for row in table(README, "Rule", "Fits when")] == list(NetworkRule)


@pytest.mark.parametrize("column", (1, 2))
def test_the_table_of_types_and_strategies_says_what_a_request_comes_to(column: int) -> None:
    rows = table(README, "`network_strategy`", "`failover_type` live")
    kind = (FailoverType.LIVE, FailoverType.TEST)[column - 1]
    for row in rows:
        for request in _requests(row[0], kind):
            said = row[column]
            strategy = _strategy_in_force(request)
            assert said.startswith("refused") is (strategy is None), request
            assert not said.startswith("as ") or said == f"as `{strategy}`"


def test_the_table_of_types_and_strategies_has_every_strategy() -> None:
    firsts = [row[0] for row in table(README, "`network_strategy`", "`failover_type` live")]
    assert set(re.findall(r"`(\w+)`", " ".join(firsts))) - {"network_mappings"} == set(NetworkStrategy)


def test_the_fields_that_are_not_honoured_yet_are_the_ones_that_are_named() -> None:
    (sentence,) = re.findall(r"not honoured yet \((`.*?)\) is refused", prose(README), re.DOTALL)
    assert set(re.findall(r"`(\w+)`", sentence)) == {
        name for name in UnifiedFailoverConfig.model_fields if _is_refused(name)
    }


def test_the_values_that_a_field_that_is_not_honoured_yet_may_have_are_accepted() -> None:
    neutral: dict[str, object] = {
        "skip_validation": False,
        "custom_config": {},
        "notification_config": None,
    }
    assert parse_request({"context_id": "c", "failover_type": "live", **neutral}).context_id == "c"


def test_the_table_of_orders_has_every_field_that_is_about_source_and_disks() -> None:
    named = {row[0].strip("`") for row in table(README, "Field", "Live")}
    others = {
        "context_id",
        "failover_type",
        "vm_name",
        "vmware_vm_id",
        "vm_id",
        "network_strategy",
        "network_mappings",
        "vm_naming",
        "allow_production_network",
        "reason",
        "user_id",
    }
    not_honoured = {name for name in UnifiedFailoverConfig.model_fields if _is_refused(name)}
    assert named == set(UnifiedFailoverConfig.model_fields) - others - not_honoured


def _strategy_in_force(request: dict[str, object]) -> NetworkStrategy | None:
    try:
        return parse_request(request).strategy
    except InvalidRequest:
        return None


def _is_refused(name: str) -> bool:
    for value in (True, "2h", {"a": "b"}):
        try:
            parse_request({"context_id": "c", "failover_type": "live", name: value})
        except InvalidRequest as refusal:
            if any(problem.field == name and problem.what == _NOT_HONOURED for problem in refusal.problems):
                return True
    return False


def _requests(first_cell: str, kind: FailoverType) -> list[dict[str, object]]:
    request: dict[str, object] = {"context_id": "c", "failover_type": kind.value}
    mappings = {"network_mappings": {"VM Network": "some-id"}}
    if first_cell == "left out":
        return [request]
    if first_cell == "left out, with `network_mappings`":
        return [request | mappings]
    extra = mappings if first_cell == "`custom`" else {}
    named = [name for name in re.findall(r"`(\w+)`", first_cell) if name != "network_mappings"]
    return [request | {"network_strategy": name} | extra for name in named]
