"""Settings: documented, and insecure ones refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from benhan.cli import cli
from benhan.settings import Settings, SignInProvider

SAFE = {
    "mode": "production", "dsn": "postgresql://benhan_app@db/benhan", "public_url": "https://benhan.example",
    "master_key": "file:/etc/benhan/master.key", "audit_key": "/etc/benhan/audit.pem", "audit_keeper": "/mnt/keeper",
}  # fmt: skip
PROVIDER = {"name": "so-y-te", "issuer": "https://sso.example", "client_id": "benhan", "label": "Sở Y tế"}


def test_safe_settings_are_accepted() -> None:
    assert Settings(**SAFE).insecurities() == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"dsn": ""}, "BENHAN_DSN"),
        ({"master_key": ""}, "BENHAN_MASTER_KEY"),
        ({"audit_key": None}, "BENHAN_AUDIT_KEY"),
        ({"audit_keeper": None}, "BENHAN_AUDIT_KEEPER"),
        ({"secure_cookies": False}, "BENHAN_SECURE_COOKIES"),
        ({"public_url": "http://benhan.example"}, "BENHAN_PUBLIC_URL"),
        ({"insurance_portal": "http://portal.example"}, "BENHAN_INSURANCE_PORTAL"),
        ({"sign_in_providers": [PROVIDER | {"issuer": "http://sso.example"}]}, "BENHAN_SIGN_IN_PROVIDERS"),
    ],
)
def test_an_insecure_setting_is_refused_by_name(wrong: dict[str, object], named: str) -> None:
    problems = Settings(**SAFE | wrong).insecurities()  # type: ignore[arg-type]
    assert len(problems) == 1
    assert named in problems[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"claim": "email"}, {"claim": "preferred_username"}, {"scopes": "profile"}, {"secret_file": "/no/such/file"},
        {"secret_env": "BENHAN_NO_SUCH"}, {"issuer": "https://sso.example/?a=b"}, {"name": "../x"}, {"label": ""},
        {"khong_co": 1},
    ],
)  # fmt: skip
def test_a_provider_that_cannot_be_trusted_is_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Settings(**SAFE, sign_in_providers=[PROVIDER | wrong])  # type: ignore[arg-type]


def test_two_providers_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="two providers"):
        Settings(**SAFE, sign_in_providers=[PROVIDER, PROVIDER])  # type: ignore[arg-type]


def test_a_providers_secret_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("of the file\n")
    monkeypatch.setenv("SO_Y_TE", "of the environment")
    file = tmp_path / "benhan.toml"
    file.write_text(
        f"""[[sign_in_providers]]
name = "mot"\nissuer = "https://a.example"\nclient_id = "b"\nlabel = "A"\nsecret_file = "{tmp_path}/secret"
[[sign_in_providers]]
name = "hai"\nissuer = "https://b.example"\nclient_id = "b"\nlabel = "B"\nsecret_env = "SO_Y_TE"
"""
    )
    monkeypatch.setenv("BENHAN_FILE", str(file))
    assert [one.secret() for one in Settings().sign_in_providers] == ["of the file", "of the environment"]


def test_up_does_not_start_on_insecure_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENHAN_PUBLIC_URL", "http://benhan.example")
    answer = CliRunner().invoke(cli, ["up"])
    assert answer.exit_code == 2
    assert "BENHAN_PUBLIC_URL" in answer.output
    assert "BENHAN_DSN" in answer.output


def test_a_file_sets_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "benhan.toml"
    file.write_text('port = 9000\nhost = "0.0.0.0"\n')
    monkeypatch.setenv("BENHAN_FILE", str(file))
    monkeypatch.setenv("BENHAN_PORT", "9001")
    assert (Settings().port, Settings().host) == (9001, "0.0.0.0")


@pytest.mark.parametrize("wrong", ["*", "proxy.example", "10.0.0.1/8", "10.0.0.5;10.0.0.6"])
def test_a_trusted_proxy_is_an_address_or_a_network(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Settings(trusted_proxies=wrong)
    assert Settings(trusted_proxies="10.0.0.5, fd00::/8").proxies() == ["10.0.0.5", "fd00::/8"]


def test_an_unknown_setting_is_an_error() -> None:
    with pytest.raises(ValidationError):
        Settings(khong_co=1)  # type: ignore[call-arg]


def test_every_setting_is_documented() -> None:
    page = (Path(__file__).parents[1] / "docs" / "reference" / "settings.md").read_text("utf-8")
    missing = [name for name in Settings.model_fields if f"`BENHAN_{name.upper()}`" not in page]
    assert missing == []
    assert [name for name in SignInProvider.model_fields if f"| `{name}` |" not in page] == []
