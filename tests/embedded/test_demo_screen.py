"""What the demo prints, and what it does not accept."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from client import EndReport, Order, PreflightReport, Step, StepState
from embedded.demo import check
from embedded.errors import UnexpectedRun
from embedded.sample_runs import SAMPLE_RUNS, SampleRun
from embedded.screen import Screen
from rules.disks import RecoveryPoint, SnapshotFact, VolumeFacts
from rules.nics import NicSource
from rules.outcomes import (
    FailoverOutcome,
    FailoverResult,
    FailoverVm,
    Objectives,
    ProofLevel,
    SourceEnd,
)
from rules.preflight import Check, CheckStatus
from rules.resolution import NetworkDecision, NetworkRule

RUN = SampleRun(
    title="a sample",
    context_id="ctx-sample",
    failover_type="test",
    expected=(("LAN", "net-1", NetworkRule.MAPPED),),
    then=Order.CLEAN_UP,
    disks=1,
)
DECISION = NetworkDecision(
    nic_index=0,
    source_network_name="LAN",
    destination_network_id="net-1",
    destination_network_name="test-lan",
    rule=NetworkRule.MAPPED,
)
RESULT = FailoverResult(
    workflow_id=RUN.workflow_id,
    context_id=RUN.context_id,
    vm_name="vm",
    failover_type="test",
    outcome=FailoverOutcome.COMPLETED,
    vm=FailoverVm(id="vm-1", name="vm-test-1", state="Running"),
    decisions=(DECISION,),
    nic_source=NicSource.VMA,
    disks="1 clone attached",
    proven=ProofLevel.DISKS,
    attached=(VolumeFacts(volume_id="volume-1", vm_id="vm-1", device_id=0),),
)


class Printed:
    """A screen whose output can be read."""

    def __init__(self, *, width: int = 80, terminal: bool = False) -> None:
        self._file = io.StringIO()
        self.screen = Screen(
            Console(file=self._file, width=width, force_terminal=terminal, highlight=False, _environ={})
        )

    @property
    def text(self) -> str:
        return self._file.getvalue()


def result(**changes: object) -> FailoverResult:
    return RESULT.model_copy(update=changes)


def decision(**changes: object) -> NetworkDecision:
    return DECISION.model_copy(update=changes)


def test_every_nic_is_shown_with_source_destination_and_rule() -> None:
    printed = Printed()

    printed.screen.result(
        result(
            decisions=(
                DECISION,
                decision(
                    nic_index=1,
                    source_network_name="DMZ",
                    destination_network_name="",
                    rule=NetworkRule.CUSTOM,
                ),
                decision(
                    nic_index=2, source_network_name="Backup", connected=False, rule=NetworkRule.DEFAULT
                ),
            )
        )
    )

    lines = [line.split() for line in printed.text.splitlines()]
    assert ["0", "LAN", "test-lan", "mapped", "none"] in lines
    assert ["1", "DMZ", "net-1", "custom", "none"] in lines
    assert ["2", "Backup", "not", "connected", "default", "none"] in lines
    assert "disks: 1 clone attached" in printed.text
    assert "completed: VM vm-test-1 is Running in CloudStack, id vm-1" in printed.text


def test_what_a_live_failover_reached_is_shown() -> None:
    printed = Printed()

    printed.screen.result(
        result(
            failover_type="live",
            recovery_point=RecoveryPoint(job_id="job-7"),
            objectives=Objectives(rpo_seconds=0, rto_seconds=4.25, outage_seconds=3.5),
            source_end=SourceEnd(powered_off=True, shutdown_method="graceful"),
            snapshots=(SnapshotFact(snapshot_id="s-1", volume_id="volume-1"),),
        )
    )
    printed.screen.result(result(objectives=Objectives(rto_seconds=1)))

    for line in (
        "  proven: disks",
        "  recovery point: sync job-7",
        "  reached: RPO 0 s, RTO 4.2 s, outage 3.5 s",
        "  source: powered off (graceful)",
        "  rollback snapshots: 1",
        "  reached: RPO unknown, RTO 1.0 s",
    ):
        assert line in printed.text.splitlines()


def test_the_preflight_shows_every_check_with_what_to_do_about_it() -> None:
    printed = Printed(width=80)
    long = "the guest has no tools, so that a gentle power-off pulls its plug at once [sic]"

    printed.screen.preflight(
        PreflightReport(
            context_id="c",
            failover_type="live",
            ready=False,
            checks=(
                Check(name="quota", status=CheckStatus.PASS, message="enough"),
                Check(name="tools", status=CheckStatus.WARNING, message=long, fix="install them"),
                Check(name="disks", status=CheckStatus.FAILURE, message="one is missing"),
            ),
        )
    )

    lines = printed.text.splitlines()
    assert lines[0] == "  preflight: 1 of 3 checks pass"
    assert max(map(len, lines)) <= 80
    text = " ".join(printed.text.split())
    assert "quota pass enough" in text
    assert f"{long} Fix: install them" in text
    assert "disks FAILURE one is missing" in text


def test_the_end_of_a_vm_names_all_that_was_done_and_all_that_is_left() -> None:
    printed = Printed()

    printed.screen.end(
        "clean_up_now",
        EndReport(
            end="cleanup_required",
            workflow_id="w",
            context_id="c",
            removed=("clone",),
            restored=("source",),
            left_behind=("vm",),
        ),
    )

    assert printed.text.splitlines() == [
        "  ordered: clean_up_now; cleanup_required",
        "  restored: source",
        "  removed: clone",
        "  left behind: vm",
    ]


def test_warnings_are_marked_in_the_table_and_told_below_it() -> None:
    printed = Printed()

    printed.screen.result(
        result(
            decisions=(decision(warnings=("fell back",)),),
            warnings=("NIC 0 ('LAN'): fell back", "NICs inferred"),
        )
    )

    assert ["0", "LAN", "test-lan", "mapped", "below"] in [line.split() for line in printed.text.splitlines()]
    assert "  warning: NIC 0 ('LAN'): fell back\n" in printed.text
    assert "  warning: NICs inferred\n" in printed.text


def test_a_network_id_is_not_broken_at_eighty_columns() -> None:
    printed = Printed(width=80)
    network_id = "89d35ea6-8c08-4ab3-b648-818ba4a6656b"

    printed.screen.result(
        result(
            decisions=(
                decision(
                    source_network_name="Backup Network",
                    destination_network_id=network_id,
                    rule=NetworkRule.DEFAULT_TEST,
                    warnings=("x",),
                ),
            )
        )
    )

    assert network_id in printed.text
    assert max(len(line) for line in printed.text.splitlines()) <= 80


def test_names_with_brackets_are_printed_as_they_are() -> None:
    printed = Printed()

    printed.screen.result(
        result(
            decisions=(decision(source_network_name="[red]LAN[/]", destination_network_name="[bold]x"),),
            warnings=("[blink]w",),
        )
    )
    printed.screen.line("[link]")

    for text in ("[red]LAN[/]", "[bold]x", "[blink]w", "[link]"):
        assert text in printed.text


def test_an_address_is_never_broken() -> None:
    printed = Printed(width=40)
    address = "http://127.0.0.1:1/" + "x" * 200

    printed.screen.request({"context_id": "c", "failover_type": "live"}, address)

    assert address in printed.text
    assert '{"context_id":"c","failover_type":"live"}' in printed.text


@pytest.mark.parametrize("terminal", (True, False), ids=("terminal", "piped"))
def test_steps_are_printed_as_they_end_with_their_time(*, terminal: bool) -> None:
    printed = Printed(terminal=terminal)
    began = datetime(2026, 11, 24, tzinfo=UTC)
    step = Step(number=5, activity="A", summary="Resolve [2] NICs", state=StepState.STARTED, at=began)

    with printed.screen.progress() as progress:
        progress.step(step)
        progress.step(
            step.model_copy(update={"state": StepState.DONE, "at": began + timedelta(seconds=1.25)})
        )
        progress.step(step.model_copy(update={"number": 6}))
        progress.step(step.model_copy(update={"number": 6, "state": StepState.FAILED}))

    assert "Resolve [2] NICs" in printed.text
    assert ("\x1b[" in printed.text) is terminal
    if not terminal:
        assert printed.text.splitlines() == [
            "  ok       1.25 s  Resolve [2] NICs",
            "  failed   0.00 s  Resolve [2] NICs",
        ]


def test_a_run_as_expected_is_accepted() -> None:
    check(RUN, RESULT)
    check(RUN, result(decisions=(DECISION, decision(nic_index=1, connected=False))))


@pytest.mark.parametrize(
    ("wrong", "said"),
    (
        (result(outcome=FailoverOutcome.FAILED), "it is failed"),
        (result(vm=RESULT.vm.model_copy(update={"state": "Stopped"})), "the VM is Stopped"),
        (result(vm=RESULT.vm.model_copy(update={"state": ""})), "no known state"),
        (result(attached=()), "must run from 1 disks"),
        (result(proven=ProofLevel.NETWORKS), "proven to be attached"),
        (result(decisions=(decision(destination_network_id="net-2"),)), "net-2"),
        (result(decisions=(decision(rule=NetworkRule.DEFAULT),)), "default"),
        (result(decisions=(decision(source_network_name="WAN"),)), "WAN"),
        (result(decisions=(decision(connected=False),)), "expected was"),
        (result(decisions=(DECISION, decision(nic_index=1, destination_network_id="net-2"))), "net-2"),
    ),
)
def test_a_run_that_ended_otherwise_is_told(wrong: FailoverResult, said: str) -> None:
    with pytest.raises(UnexpectedRun, match="failover-test-ctx-sample") as caught:
        check(RUN, wrong)

    assert said in str(caught.value)
    assert caught.value.exit_code == 1


def test_the_samples_cover_live_and_test_and_every_rule_that_needs_no_request() -> None:
    shown = {(run.failover_type, rule) for run in SAMPLE_RUNS for _, _, rule in run.expected}

    assert shown == {
        ("live", NetworkRule.MAPPED),
        ("live", NetworkRule.DEFAULT),
        ("test", NetworkRule.MAPPED),
        ("test", NetworkRule.DEFAULT_TEST),
    }
    assert SAMPLE_RUNS[0].request == {"context_id": "ctx-pgtest1-20250922-210037", "failover_type": "live"}
    assert SAMPLE_RUNS[0].workflow_id == "failover-live-ctx-pgtest1-20250922-210037"
    assert len({run.workflow_id for run in SAMPLE_RUNS}) == 4
