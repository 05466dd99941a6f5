"""What all list commands share: whose things they show, tag filters, pages."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from simulators.cloudstack.commands.invocation import Invocation, Json
from simulators.cloudstack.entities import Account
from simulators.cloudstack.errors import Detail, internal, refused

EVERY_PROJECT = "-1"
_LAST_BASIC_PLANE_CHARACTER = 0xFFFF

Item = TypeVar("Item")


class _Named(Protocol):
    @property
    def name(self) -> str: ...


NamedItem = TypeVar("NamedItem", bound=_Named)


def paged(inv: Invocation, key: str, items: Sequence[Item], shape: Callable[[Item], Json]) -> Json:
    """Return the body of a list reply: the total count and one page of items, ``{}`` where there are none.

    Raises:
        ApiError: 431, page without pagesize or the other way round, or a page of more than the server allows
            (section 11: 500, unless its administrator says otherwise).
    """
    page, size = inv.params.number("page"), inv.params.number("pagesize")
    if (page is None) != (size is None):
        raise refused('"page" and "pagesize" parameters have to be specified together')
    largest = inv.server.page_size
    if size is not None and size > largest:
        raise refused(f"Page size can't exceed max allowed page size value: {largest}")
    size = largest if size is None else size
    start = (max(page or 1, 1) - 1) * size
    shown = [shape(item) for item in items[start : start + size]]
    if not items:
        return {}
    return {"count": len(items), key: shown} if shown else {"count": len(items)}


def shown_owner(inv: Invocation, *, by_id: bool, admin_sees_all: bool = False) -> Callable[[Account], bool]:
    """Return whose things the list shows.

    Args:
        inv: The call.
        by_id: An id was given: a root admin finds it whoever owns it.
        admin_sees_all: A root admin needs no ``listall``, as with networks (section 15).

    Raises:
        ApiError: 431 or 531 for an owner that is unknown or foreign.
    """
    if inv.params.get("projectid") == EVERY_PROJECT:
        return _in_any_project(inv)
    named = inv.named_owner()
    if named is not None:
        inv.require_access(named)
        return lambda account: account is named
    sees_all = admin_sees_all or by_id or inv.params.flag("listall", default=False)
    if inv.caller.is_root_admin and sees_all:
        return lambda account: not account.project or by_id
    return lambda account: account is inv.caller


def _in_any_project(inv: Invocation) -> Callable[[Account], bool]:
    """Return whose things ``projectid=-1`` shows: of projects, and with ``listall`` of accounts too.

    Somebody who is no root admin sees own projects only, and what the account has where there is none
    (CloudStack's source, ``buildACLSearchParameters``; not observed).
    """
    caller, listall = inv.caller, inv.params.flag("listall", default=False)
    if caller.is_root_admin:
        return lambda account: listall or bool(account.project)
    projects = [one for one in inv.world.projects.values() if caller.name in one.members]
    sees_own = listall or not projects
    return lambda account: account in projects or (sees_own and account is caller)


def keyword_of(inv: Invocation) -> str:
    """Return the keyword in lower case.

    Raises:
        ApiError: 530, it has a character that the database's collation cannot compare (section 7).
    """
    keyword = inv.params.get("keyword")
    if any(ord(character) > _LAST_BASIC_PLANE_CHARACTER for character in keyword):
        raise internal("DB Exception: illegal mix of collations", Detail.RUNTIME)
    return keyword.lower()


def tagged(inv: Invocation, resource_type: str) -> Callable[[str], bool]:
    """Return whether a resource has one of the tags asked for; several pairs are joined by OR (section 15).

    Raises:
        ApiError: 431, a key without a value.
    """
    wanted: set[tuple[str, str]] = set()
    for entry in inv.params.array("tags"):
        key, value = entry.get("key", ""), entry.get("value", "")
        if not value:
            raise refused(f"No value is passed in for key {key}")
        wanted.add((key.lower(), value.lower()))
    if not wanted:
        return lambda _resource_id: True
    found = {
        tag.resource_id
        for tag in inv.world.tags
        if tag.resource_type == resource_type and (tag.key.lower(), tag.value.lower()) in wanted
    }
    return lambda resource_id: resource_id in found


def same_name(wanted: str, name: str) -> bool:
    """Compare names as the database does: whole, without regard to case; no wish matches all (section 11)."""
    return not wanted or wanted.lower() == name.lower()


def one_of(wanted: str, values: Iterable[str]) -> bool:
    """Tell whether an optional filter value is among the values, in any letter case."""
    return not wanted or wanted.lower() in {value.lower() for value in values}


def chosen(inv: Invocation, known: Mapping[str, NamedItem]) -> list[NamedItem]:
    """Return what ``id``, ``name`` (exact) and ``keyword`` leave.

    Raises:
        ApiError: 431, the id names nothing.
    """
    items = [inv.find("id", known)] if inv.params.get("id") else list(known.values())
    keyword = keyword_of(inv)
    return [
        item
        for item in items
        if same_name(inv.params.get("name"), item.name) and keyword in item.name.lower()
    ]
