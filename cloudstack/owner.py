"""Who owns what we deploy and look for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """An account of a domain, or a project; neither means the caller itself.

    Raises:
        ValueError: An account without its domain or the reverse, or a project beside an account.
    """

    account: str | None = None
    domain_id: str | None = None
    project_id: str | None = None

    def __post_init__(self) -> None:
        if bool(self.account) is not bool(self.domain_id):
            raise ValueError("an owner's account and domain id go together: give both or neither")
        if self.project_id and self.account:
            raise ValueError("an owner is an account or a project, not both")

    def params(self) -> dict[str, str]:
        """Return the parameters that name the owner in a call."""
        if self.project_id:
            return {"projectid": self.project_id}
        if self.account and self.domain_id:
            return {"account": self.account, "domainid": self.domain_id}
        return {}
