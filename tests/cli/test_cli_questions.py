"""``explain`` and ``mappings list``."""

from embedded.seed import PGTEST1_CONTEXT, PGTEST2_CONTEXT, PGTEST3_CONTEXT
from rules.explanation import Explanation, MappingList
from simulators.cloudstack import sample as cloud
from tests.cli.command import FailoverCommand
from tests.support.site import Site


async def test_explain_puts_live_and_test_side_by_side(site: Site, failover: FailoverCommand) -> None:
    printed = await failover("explain", PGTEST3_CONTEXT)
    assert printed.code == 0
    assert printed.errors == ""
    lines = printed.output.splitlines()
    assert lines[0] == f"pgtest3 ({PGTEST3_CONTEXT})"
    assert lines[1] == "source NICs from: vma"
    assert lines[3].split() == ["0", "VM", "Network", "prod-lan", "mapped", "test-lan", "mapped", "none"]
    default = cloud.DEFAULT_NET_ID
    second = [
        "1",
        "Backup",
        "Network",
        default,
        "default",
        default,
        "default",
        "live",
        "and",
        "test,",
        "below",
    ]
    assert lines[4].split() == second
    assert "warning: live, NIC 1 ('Backup Network'): no live mapping" in printed.output
    assert "warning: test, NIC 1 ('Backup Network'): no test mapping" in printed.output
    assert site.vms() == []


async def test_explain_with_json_is_an_explanation(failover: FailoverCommand) -> None:
    found = Explanation.model_validate((await failover("explain", PGTEST1_CONTEXT, "--json")).json())
    assert [one.mapping_id for one in found.live.decisions] == [1, 3]
    assert [one.mapping_id for one in found.test.decisions] == [2, 4]


async def test_explain_shows_which_of_the_two_would_be_refused(site: Site, failover: FailoverCommand) -> None:
    await site.sql("UPDATE network_mappings SET is_production_network = 1 WHERE is_test_network = 1")
    printed = await failover("explain", PGTEST1_CONTEXT)
    assert printed.code == 0
    assert "test would be refused: ProductionNetworkRefused: " in printed.output
    assert "live would be refused" not in printed.output
    assert "refused" in printed.output.splitlines()[3].split()


async def test_explain_says_when_the_nics_are_not_from_the_source(
    site: Site, failover: FailoverCommand
) -> None:
    await site.vma.stop()
    printed = await failover("explain", PGTEST1_CONTEXT)
    assert printed.code == 0
    assert "source NICs from: database" in printed.output
    assert "warning: " in printed.output
    await site.vma.start()


async def test_the_mappings_of_a_vm(failover: FailoverCommand) -> None:
    printed = await failover("mappings", "list", PGTEST1_CONTEXT)
    assert printed.code == 0
    _, *rows = printed.output.splitlines()
    assert [row.split()[:2] for row in rows] == [["1", "live"], ["2", "test"], ["3", "live"], ["4", "test"]]
    assert rows[0].split()[4:] == ["prod-lan", cloud.PROD_LAN_ID, "yes", "pending"]
    as_json = MappingList.model_validate(
        (await failover("mappings", "list", PGTEST1_CONTEXT, "--json")).json()
    )
    assert [row.is_production for row in as_json.rows] == [True, False, True, False]
    nothing = await failover("mappings", "list", PGTEST2_CONTEXT)
    assert (nothing.code, nothing.output) == (0, "")


async def test_a_question_about_nobody_is_not_found(failover: FailoverCommand) -> None:
    for command in (("explain",), ("mappings", "list")):
        printed = await failover(*command, "ctx-none", "--json")
        assert printed.code == 4
        assert printed.json()["error"]["type"] == "UnknownContext"


async def test_a_question_without_an_answer_in_time(site: Site, failover: FailoverCommand) -> None:
    site.vma.hang(60)
    printed = await failover("explain", PGTEST1_CONTEXT, "--answer-timeout", "1")
    assert printed.code == 6
    assert "TimedOut" in printed.errors
