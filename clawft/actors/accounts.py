"""The one who keeps the accounts at providers of models, one actor each."""

from clawft.actors.account import Account, base_of
from clawft.domain.accounts import AccountState
from clawft.domain.config import ConfigData, ProviderConfig
from clawft.domain.keys import DEFAULT_BASES
from clawft.errors import ModelFailed
from clawft.messages.config import ConfigChanged, SecretOf, WatchConfig
from clawft.messages.models import (
    DescribeAccount,
    EnterAccount,
    EnterProvider,
    Leave,
    ListProviders,
    Reconfigure,
)
from clawft.runtime import Actor, Ref, Reply, on

NO_MODELS = frozenset(("brave",))
"""There are keys of these, and no models."""


class Accounts(Actor):
    """The parent of every ``models/<provider>``. An account is opened by the first call it is needed for."""

    mailbox_limit = 0
    """See ``Account``."""
    concurrency = 16

    def __init__(self) -> None:
        super().__init__()
        self._config = ConfigData()

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        self._config = await self.ask("config", WatchConfig(path=self.path))

    @on(EnterProvider)
    def enter(self, message: EnterProvider) -> Reply[Leave]:
        provider = message.provider
        if provider in NO_MODELS or not base_of(provider, self._part(provider)):
            known = ", ".join(sorted({"offline", *self._config.providers, *DEFAULT_BASES} - NO_MODELS))
            raise ModelFailed(
                f"no provider of models is called {provider[:100]!r}: name it in the config's `providers`, "
                f"with its `api_base`. Known are {known}",
                reason="not_found",
            )
        return self.ask(self._account(provider), EnterAccount())

    @on(ListProviders)
    async def list(self, _: ListProviders) -> tuple[AccountState, ...]:
        names = {*self._config.providers, *self.children}
        for provider in sorted({*DEFAULT_BASES} - NO_MODELS):
            if await self.ask("config", SecretOf(provider, self._part(provider).api_base)) is not None:
                names.add(provider)
        states = [self.ask(self._account(name), DescribeAccount()) for name in sorted(names)]
        return tuple([await state for state in states])

    @on(ConfigChanged)
    def config_changed(self, note: ConfigChanged) -> None:
        self._config = note.config
        for provider, account in self.children.items():
            self.tell(account, Reconfigure(self._part(provider)))

    def _part(self, provider: str) -> ProviderConfig:
        return self._config.providers.get(provider) or ProviderConfig()

    def _account(self, provider: str) -> Ref:
        account = self.children.get(provider)
        if account is None or not account.is_alive():
            account = self.spawn(Account, provider, provider=provider, config=self._part(provider))
        return account
