"""How Slack names the people of the configuration."""

from collections.abc import Iterator, Mapping

from bot.engine.catalogue import Catalogue


class Accounts(Mapping[str, str]):
    """person -> the account by which Slack names them, as the configuration says."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._found = {name: catalogue.account_of(name) for name in catalogue.people}

    def __getitem__(self, person: str) -> str:
        return self._found[person]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)
