"""Keys never stand for two things."""

from hypothesis import given
from hypothesis import strategies as st

from database.keys import job_key, stored_key

TEXTS = st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace").decode())


@given(TEXTS, TEXTS)
def test_two_texts_share_no_key(one: str, other: str) -> None:
    assert (stored_key(one) == stored_key(other)) == (one == other)
    assert (job_key(one, 64).lower() == job_key(other, 64).lower()) == (one == other)


@given(TEXTS, st.integers(66, 255))
def test_a_key_fits_its_column_and_has_no_trailing_blank(text: str, limit: int) -> None:
    for key in (stored_key(text, limit), job_key(text, limit)):
        assert len(key) <= limit
        assert key == key.rstrip()


@given(TEXTS)
def test_a_key_is_not_mistaken_for_the_text_that_it_was_made_from(text: str) -> None:
    key = stored_key(text)
    assert key == text or stored_key(key) != key


def test_ordinary_ids_stay_readable() -> None:
    assert (
        stored_key("context:ctx-pgtest1-20250922-210037:live") == "context:ctx-pgtest1-20250922-210037:live"
    )
    assert (
        job_key("failover-live-ctx-pgtest1-20250922-210037", 191)
        == "failover-live-ctx-pgtest1-20250922-210037"
    )
    assert job_key("My Run", 191).startswith("My Run~")
