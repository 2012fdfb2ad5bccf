"""Settings come from prefixed variables and secret files, and a misspelt one stops the start (SEC15)."""

from pathlib import Path

import pytest
from pydantic import Field, SecretStr, ValidationError

from shared.settings import SECRETS_FOLDER, PrefixedSettings, UnknownSetting, service_config


class Settings(PrefixedSettings):
    model_config = service_config("KERNELTEST_")

    url: SecretStr
    limit: int = 5
    parts: dict[str, str] = Field(default_factory=dict)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(SECRETS_FOLDER, str(tmp_path))
    return tmp_path


def test_a_variable_is_read_by_its_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELTEST_URL", "postgresql://x")
    monkeypatch.setenv("KERNELTEST_LIMIT", "7")
    monkeypatch.setenv("KERNELTEST_PARTS", '{"a": "b"}')
    settings = Settings.from_environment()
    assert (settings.url.get_secret_value(), settings.limit, settings.parts) == (
        "postgresql://x",
        7,
        {"a": "b"},
    )


def test_a_secret_may_be_a_file(folder: Path) -> None:
    (folder / "kerneltest_url").write_text("postgresql://from-a-file\n")
    settings = Settings.from_environment()
    assert settings.url.get_secret_value() == "postgresql://from-a-file"
    assert "from-a-file" not in repr(settings)


def test_a_variable_wins_over_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "kerneltest_url").write_text("file")
    monkeypatch.setenv("KERNELTEST_URL", "variable")
    assert Settings.from_environment().url.get_secret_value() == "variable"


def test_a_misspelt_variable_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELTEST_URL", "x")
    monkeypatch.setenv("KERNELTEST_LIMITS", "7")
    with pytest.raises(UnknownSetting, match="KERNELTEST_LIMITS is not a setting"):
        Settings.from_environment()


def test_a_missing_or_wrong_value_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="url"):
        Settings.from_environment()
    monkeypatch.setenv("KERNELTEST_URL", "x")
    monkeypatch.setenv("KERNELTEST_LIMIT", "many")
    with pytest.raises(ValidationError, match="limit"):
        Settings.from_environment()


def test_an_empty_variable_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELTEST_URL", "x")
    monkeypatch.setenv("KERNELTEST_LIMIT", "")
    assert Settings.from_environment().limit == 5


def test_settings_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELTEST_URL", "x")
    with pytest.raises(ValidationError, match="frozen"):
        Settings.from_environment().limit = 6
