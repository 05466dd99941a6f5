"""Who asked for a failover, and why, is in the record of the run."""

from tests.support.site import TEST, Site


async def test_the_record_of_a_run_has_the_request_with_who_and_why(site: Site) -> None:
    request = {
        **TEST,
        "allow_production_network": True,
        "reason": "Übung im echten Netz",
        "user_id": "operator@site",
        "network_mappings": None,
        "skip_virtio": False,
    }
    handle = await site.start(request)
    await handle.result()
    record = await site.record(handle.id)
    assert record is not None
    assert record.request == {
        **TEST,
        "allow_production_network": True,
        "reason": "Übung im echten Netz",
        "user_id": "operator@site",
        "skip_virtio": False,
    }
