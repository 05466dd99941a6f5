"""Lists of any length, read page by page."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from cloudstack.errors import InvalidParameter
from cloudstack.replies import entries_of
from cloudstack.transport import Transport


class Pager:
    """Reads every page of a list.

    Larger pages than the server's administrator allows (``default.page.size``) are refused with 431, like
    much else. Asked without ``page`` and ``pagesize`` the same server answers with as much as one page may
    hold (observed, section 22: 500 of 620), so a list is never read with a size that was guessed.

    Args:
        transport: Sends the calls.
        page_size: Entries per page, until the server refuses so many.
    """

    def __init__(self, transport: Transport, page_size: int) -> None:
        self._transport = transport
        self._page_size: int | None = page_size

    async def pages(self, command: str, key: str, params: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
        """Yield up to the first page that is not full: ``count`` is the total of another moment.

        Args:
            command: The list command.
            key: What its reply calls the list.
            params: Its parameters, without a page.

        Raises:
            CloudStackError: As `Transport.call`.
        """
        reply, size = await self._first(command, key, params)
        page = 1
        while True:
            yield reply
            entries = entries_of(reply, key)
            if not isinstance(entries, list) or not entries or len(entries) < size:
                return
            page += 1
            reply = await self._page(command, params, page, size)

    async def _first(self, command: str, key: str, params: Mapping[str, str]) -> tuple[dict[str, Any], int]:
        """Return the first page, and how many entries make a page a full one."""
        if self._page_size is not None:
            size = self._page_size
            try:
                return await self._page(command, params, 1, size), size
            except InvalidParameter:
                # If it is refused without a page as well, then for another reason.
                reply = await self._transport.call(command, params)
                self._page_size = None
        else:
            reply = await self._transport.call(command, params)
        entries = entries_of(reply, key)
        return reply, len(entries) if isinstance(entries, list) else 0

    async def _page(self, command: str, params: Mapping[str, str], page: int, size: int) -> dict[str, Any]:
        return await self._transport.call(command, {**params, "page": str(page), "pagesize": str(size)})
