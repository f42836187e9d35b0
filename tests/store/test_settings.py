"""Settings: one value a key."""

import msgspec
import pytest

from clawft.domain.voice import VoiceSettings
from clawft.store import Store
from clawft.store.settings import SettingsStore


def test_a_value_comes_back_as_what_it_was(store: Store) -> None:
    settings = SettingsStore(store)
    assert settings.get("voice", VoiceSettings).get(timeout=5) is None
    for value in (VoiceSettings(language="de"), VoiceSettings(enabled=True)):
        settings.put("voice", value).get(timeout=5)
        assert settings.get("voice", VoiceSettings).get(timeout=5) == value


def test_a_value_of_another_type_is_not_passed_off_as_this_one(store: Store) -> None:
    settings = SettingsStore(store)
    settings.put("voice", ["en"]).get(timeout=5)
    assert settings.get("voice", list).get(timeout=5) == ["en"]
    with pytest.raises(msgspec.ValidationError):
        settings.get("voice", VoiceSettings).get(timeout=5)
