"""``make demo``, end to end, as a process."""

import re
import signal

from client import Order
from embedded.sample_runs import SAMPLE_RUNS
from simulators.cloudstack import sample as cloud
from tests.support.stack_process import Machine

NAMES = {
    cloud.PROD_LAN_ID: cloud.PROD_LAN_NAME,
    cloud.PROD_DMZ_ID: cloud.PROD_DMZ_NAME,
    cloud.TEST_LAN_ID: cloud.TEST_LAN_NAME,
    cloud.TEST_DMZ_ID: cloud.TEST_DMZ_NAME,
    cloud.DEFAULT_NET_ID: cloud.DEFAULT_NET_NAME,
    cloud.DEFAULT_TEST_NET_ID: cloud.DEFAULT_TEST_NET_NAME,
}

_ENDS = {Order.ROLL_BACK: "rolled_back", Order.CLEAN_UP: "cleaned_up", Order.COMMIT: "committed"}


def parts(output: str) -> list[str]:
    """What was printed for each run."""
    return re.split(r"^\d of 4 +", output, flags=re.MULTILINE)[1:]


async def test_the_demo_shows_where_every_nic_went_and_leaves_nothing_running(appliance: Machine) -> None:
    demo = await appliance.start("demo")

    code = await demo.end()

    assert code == 0, demo.output
    shown = parts(demo.output)
    assert len(shown) == len(SAMPLE_RUNS)
    for run, part in zip(SAMPLE_RUNS, shown, strict=True):
        for index, (source, network_id, rule) in enumerate(run.expected):
            assert re.search(rf"{re.escape(source)} +{NAMES[network_id]} +{rule.value} ", part)
            assert network_id in part
            assert (f"warning: NIC {index} ({source!r})" in part) is rule.is_fallback
        assert "completed: VM pgtest" in part
        kind = "replicated disk" if run.failover_type == "live" else "clone"
        assert f"disks: {run.disks} {kind}{'' if run.disks == 1 else 's'} attached" in part
        assert "proven: disks" in part
        assert f"ordered: {run.then.value}; {_ENDS[run.then]}" in part
        assert ("reached: RPO 0 s" in part) is (run.failover_type == "live")
        assert re.search(
            rf"http://127\.0\.0\.1:\d+/namespaces/default/workflows/{run.workflow_id}/[0-9a-f-]+/history",
            part,
        )
        assert part.count("  ok ") >= 8
    assert re.search(r"preflight: \d+ of \d+ checks pass", shown[0])
    assert re.search(r"^ +boot_disk +pass ", shown[0], flags=re.MULTILINE)
    assert "FAILURE" not in shown[0]
    assert "restored: source VM: powered on" in shown[0]
    assert appliance.calls == [], "a setting of the environment was used"
    assert "a-production" not in demo.output
    assert demo.survivors() == []
    assert list(appliance.temporary.iterdir()) == []
    # Piped, it has no control codes; only addresses, requests and sentences may be longer than a terminal.
    assert not re.search(r"[\x1b\r]", demo.output)
    tables = [line for line in demo.output.splitlines() if "://" not in line and ": " not in line]
    assert max(len(line) for line in tables) <= 80


async def test_a_demo_that_is_interrupted_stops_everything(appliance: Machine) -> None:
    demo = await appliance.start("demo")
    await demo.read_until(r"1 of 4")

    demo.send(signal.SIGINT)

    assert await demo.end() == 130
    assert "Stopped before the end" in demo.output
    assert demo.survivors() == []
    assert list(appliance.temporary.iterdir()) == []
