"""The one who keeps the config, and the keys that are not in it."""

import errno
import logging
from collections.abc import Mapping

from clawft.actors.whole import whole
from clawft.domain.config import ConfigData, ConfigSaved, ProviderConfig, check, keys_in, shown
from clawft.domain.keys import (
    DEFAULT_BASES,
    KeyInfo,
    ProviderKey,
    at_home,
    environment_name,
    origin_for,
    refuse_placeholder,
)
from clawft.domain.values import Success
from clawft.drivers.config_file import ConfigFile
from clawft.drivers.secrets import KeyFile
from clawft.errors import Conflict, NotFound, StorageFull, Unavailable, UsageError
from clawft.messages.config import (
    ConfigChanged,
    ConfigTrouble,
    GetConfig,
    ListKeys,
    PutConfig,
    PutKey,
    RemoveKey,
    SecretOf,
    WatchConfig,
)
from clawft.runtime import Actor, on

log = logging.getLogger(__name__)


class Config(Actor):
    """The config in effect is in memory; a change is in the file before it is in effect.

    Changes are made one after the other, and a question that comes during one is answered after it.
    """

    def __init__(
        self, *, file: ConfigFile, keys: KeyFile, environment: Mapping[str, str], watchers: set[str]
    ) -> None:
        """``watchers``: the paths of the actors to tell. The maker's own set, so it outlives a restart."""
        super().__init__()
        self._file = file
        self._key_file = keys
        self._environment = environment
        self._watchers = watchers
        self._config = ConfigData()
        self._keys: dict[str, ProviderKey] = {}
        self._trouble = self._key_trouble = ""

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        loaded = await self.blocking(self._file.load)
        try:
            self._keys = await self.blocking(self._key_file.load)
        except UsageError as error:
            log.error("%s", error)
            self._key_trouble = "the file of the providers' keys cannot be used; mend it or remove it"
        self._config, self._trouble = loaded.config, loaded.trouble
        if self._trouble:
            log.error("%s", self._trouble)
        self._tell_watchers()

    @on(GetConfig)
    def get(self, _: GetConfig) -> ConfigData:
        return shown(self._config, self._has_key)

    @on(WatchConfig)
    def watch_config(self, message: WatchConfig) -> ConfigData:
        self._watchers.add(message.path)
        return shown(self._config, self._has_key)

    @on(SecretOf)
    def secret_of(self, message: SecretOf) -> str | None:
        return self._key(message.provider, message.api_base)

    @on(ListKeys)
    def list_keys(self, _: ListKeys) -> tuple[KeyInfo, ...]:
        kept = (KeyInfo(name, key.origin, "file") for name, key in sorted(self._keys.items()))
        found = (
            KeyInfo(name, origin_for(name, ""), "environment")
            for name in sorted({*DEFAULT_BASES, *self._config.providers})
            if self._environment.get(environment_name(name), "").strip()
        )
        return (*kept, *found)

    @on(PutKey)
    async def put_key(self, message: PutKey) -> Success:
        name = message.provider
        refuse_placeholder(message.key, path="$.key")
        provider = self._config.providers.get(name, ProviderConfig())
        entered = ProviderKey.entered(name, provider.api_base, message.key)
        if not entered.origin:
            raise NotFound(
                f"nobody knows where the provider {name} is: put it into the config's `providers`, with its "
                "`api_base`, and then set its key"
            )
        await whole(self._keep_keys(self._keys | {name: entered}))
        return Success()

    @on(RemoveKey)
    async def remove_key(self, message: RemoveKey) -> Success:
        if message.provider not in self._keys:
            raise NotFound(f"no key of the provider {message.provider} is kept here")
        left = {name: key for name, key in self._keys.items() if name != message.provider}
        await whole(self._keep_keys(left))
        return Success()

    async def _keep_keys(self, keys: dict[str, ProviderKey]) -> None:
        await self._write(self._config, keys)
        self._keys = keys
        self._tell_watchers()

    @on(ConfigTrouble)
    def trouble(self, _: ConfigTrouble) -> str | None:
        return "; ".join(filter(None, (self._trouble, self._key_trouble))) or None

    @on(PutConfig)
    async def put(self, message: PutConfig) -> ConfigSaved:
        check(message.config)
        return await whole(self._replace(message.config))

    async def _replace(self, new: ConfigData) -> ConfigSaved:
        keys = self._keys | {key.provider: key for key in keys_in(new)}
        new = shown(new, lambda _provider, _base: False)
        await self._write(new, keys)
        self._config, self._keys, self._trouble = new, keys, ""
        self._tell_watchers()
        return ConfigSaved()

    async def _write(self, config: ConfigData, keys: dict[str, ProviderKey]) -> None:
        if keys != self._keys and self._key_trouble:
            raise Conflict(self._key_trouble)
        try:
            await self.blocking(self._write_files, config, keys)
        except OSError as error:
            log.error("the config could not be written: %s", error)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull("there is no room left on the disk, so the config is as it was") from error
            raise Unavailable(
                f"the config could not be written ({error.strerror}) and is as it was"
            ) from error

    def _write_files(self, config: ConfigData, keys: dict[str, ProviderKey]) -> None:
        """The keys first: one more that no config uses yet is harmless, one less is not."""
        if keys != self._keys:
            self._key_file.save(keys)
        try:
            self._file.save(config)
        except OSError:
            if keys != self._keys:
                self._key_file.save(self._keys)
            raise

    def _has_key(self, provider: str, api_base: str) -> bool:
        return self._key(provider, api_base) is not None

    def _key(self, provider: str, api_base: str) -> str | None:
        """The key for this address: the environment's at the provider's own, else the one entered for it."""
        if at_home(provider, api_base) and (
            key := self._environment.get(environment_name(provider), "").strip()
        ):
            return key
        kept = self._keys.get(provider)
        return kept.key if kept and kept.origin == origin_for(provider, api_base) else None

    def _tell_watchers(self) -> None:
        note = ConfigChanged(config=shown(self._config, self._has_key))
        for path in sorted(self._watchers):
            self.tell(path, note)
