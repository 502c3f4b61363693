"""Every setting of the program, typed and documented, in one place.

Read from the environment (`BENHAN_PORT=8400`) or from a TOML file named by `BENHAN_FILE` or `--settings`;
the environment wins.
"""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

#: Claims that a provider may give to somebody else tomorrow. Source: OpenID Connect Core 1.0, section 5.7.
_NO_NAMES = frozenset({"email", "phone_number", "preferred_username", "name", "nickname", "given_name", "family_name"})


#: coturn's secret makes every password of the relay.
SHORTEST_TURN_SECRET = 32


class SignInProvider(BaseModel):
    """An OpenID Connect provider that staff may sign in through."""

    model_config = {"extra": "forbid", "frozen": True}

    name: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", description="what it is called in addresses")
    issuer: str = Field(pattern=r"^https?://[^\s?#@]+$", description="its issuer, to the letter as it says itself")
    client_id: str = Field(min_length=1, description="how it knows this installation")
    secret_file: Path | None = Field(default=None, description="file of the client secret")
    secret_env: str = Field(default="", description="or the environment variable that holds it; neither: PKCE alone")
    facility: str = Field(default="", description="code of the only facility it is for; empty: all")
    claim: str = Field(default="sub", description="claim that names an account there and is never given to another")
    scopes: str = Field(default="openid profile", description="what is asked for; `openid` must be among it")
    label: str = Field(min_length=1, description="what the button says, after “Đăng nhập bằng”")
    label_english: str = Field(default="", description="the same in English; empty: as in Vietnamese")
    second_factor: list[str] = Field(
        default=[], description="values of `acr` or `amr` that stand for our second factor; empty: none does"
    )
    prompt: Literal["login", "select_account", ""] = Field(
        default="login", description="login: it asks again each time (shared computers); empty: as it likes"
    )

    @field_validator("claim")
    @classmethod
    def _names_for_ever(cls, claim: str) -> str:
        if claim in _NO_NAMES:
            raise ValueError(f"{claim} may be somebody else's tomorrow: use sub, or another claim that never changes")
        return claim

    @field_validator("scopes")
    @classmethod
    def _asks_who(cls, scopes: str) -> str:
        if "openid" not in scopes.split():
            raise ValueError("openid must be among the scopes")
        return scopes

    @model_validator(mode="after")
    def _has_its_secret(self) -> Self:
        self.secret()
        return self

    def secret(self) -> str:
        """The client secret, empty where there is none.

        Raises:
            ValueError: it is not where the setting says.
        """
        if self.secret_env:
            if not os.environ.get(self.secret_env):
                raise ValueError(f"{self.name}: secret_env: the environment has no {self.secret_env}")
            return os.environ[self.secret_env]
        try:
            return self.secret_file.read_text("utf-8").strip() if self.secret_file else ""
        except OSError as wrong:
            raise ValueError(f"{self.name}: secret_file: {wrong}") from None


class Settings(BaseSettings):
    """What an operator may decide. `docs/reference/settings.md` lists the same, and a test compares both."""

    model_config = SettingsConfigDict(env_prefix="BENHAN_", extra="forbid")

    mode: Literal["demo", "production"] = Field(default="production", description="demo allows what production refuses")
    dsn: SecretStr = Field(
        default=SecretStr(""),
        description="PostgreSQL of the record store, as the role that serves requests (no owner, no superuser)",
    )
    owner_dsn: SecretStr = Field(
        default=SecretStr(""), description="the same database as the role that owns the tables: for migrations only"
    )
    data: Path = Field(default=Path(".benhan"), description="folder for the embedded database and for files")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8400, ge=1, le=65535, description="port to listen on")
    trusted_proxies: str = Field(
        default="",
        description="addresses or networks of the reverse proxies in front, between commas (`10.0.0.5, 10.1.0.0/24`): "
        "the last address in X-Forwarded-For that is none of theirs is believed; empty: nobody's header is",
    )
    workers: int = Field(default=1, ge=1, le=64, description="server processes")
    connections: int = Field(
        default=16_384,
        ge=128,
        le=200_000,
        description="requests and open event streams that one server process takes at a time; every patient who "
        "watches her place in the queue is one",
    )
    pool: int = Field(default=10, ge=2, le=200, description="database connections of one server process")
    public_url: str = Field(
        default="http://127.0.0.1:8400", description="address under which patients and staff reach this server"
    )
    secure_cookies: bool = Field(default=True, description="session cookies travel over HTTPS only")
    session_hours: int = Field(default=12, ge=1, le=72, description="a staff session ends after so many hours")
    session_idle_minutes: int = Field(
        default=240, ge=0, le=4320, description="a staff session ends when nothing was asked for so long; 0: never"
    )
    lock_minutes: int = Field(
        default=10,
        ge=0,
        le=120,
        description="a screen is covered after so many idle minutes, where the facility says nothing else; 0: never",
    )
    require_second_factor: str = Field(
        default="",
        description="roles that must have a second factor, between blanks (`administrator doctor`); `*`: all staff. "
        "Who has none sets one up at her next sign-in",
    )
    sign_in_providers: list[SignInProvider] = Field(
        default=[],
        description="OpenID Connect providers that staff may sign in through: tables in the file, or JSON (see below)",
    )
    idle_account_days: int = Field(
        default=45, ge=0, le=366, description="an account is stopped when nobody signed in for so long; 0: never"
    )
    glass_review_days: int = Field(
        default=2, ge=1, le=30, description="working days within which a reviewer judges each broken glass"
    )
    record_due_hours: int = Field(
        default=12, ge=1, le=720, description="what belongs into a record is due so many hours after it happened"
    )
    record_late_hours: int = Field(default=24, ge=1, le=720, description="and late after so many")
    cv365_mapping: Path | None = Field(
        default=None,
        description="TOML file that maps fields of HoSoBenhAn (CV 365) otherwise than ours; it names only what differs",
    )
    pack_folder: Path | None = Field(
        default=None,
        description="folder, a disk of the wards or a share, that the packs of wards are written to "
        "(<facility>/<department>); empty: none are. An administrator says which departments have one",
    )
    pack_minutes: int = Field(default=4, ge=1, le=60, description="so many minutes after the last one a pack is begun")
    statement_seconds: int = Field(default=10, ge=1, le=600, description="a database statement is cut after so long")
    import_sources: str = Field(
        default="", description="addresses that $import may fetch from, between blanks, each ending in /; empty: none"
    )
    master_key: str = Field(
        default="",
        description="where the master key is that wraps the keys of the facilities: file:/path, env:NAME, or a pkcs11: "
        "address (`benhan keys make` makes one). Without it nothing is encrypted; lost, what is encrypted is lost",
    )
    audit_key: Path | None = Field(
        default=None, description="PEM file of the Ed25519 key that seals the audit (`benhan audit key` makes one)"
    )
    audit_keeper: Path | None = Field(
        default=None,
        description="folder, best on another machine, that seals are handed to every ten minutes and at the end; who "
        "rules the database must not be able to write there",
    )
    app_origins: str = Field(
        default="https://h5.zdn.vn, zbrowser://h5.zdn.vn",
        description="origins, between commas, from which the patient's app may ask at /app/ (where Zalo serves it); "
        "what this server serves itself needs none",
    )

    insurance_portal: str = Field(default="", description="base URL of the BHYT portal; empty: not asked")
    insurance_user: str = Field(default="", description="account of the facility at the BHYT portal")
    insurance_password: SecretStr = Field(default=SecretStr(""), description="its password")
    insurance_staff_name: str = Field(
        default="", description="the employee registered at the portal to ask about cards; empty: the name of who asks"
    )
    insurance_staff_number: str = Field(default="", description="that employee's citizen number (CCCD)")

    zalo_graph: str = Field(default="https://graph.zalo.me", description="base URL where Zalo says who somebody is")
    zalo_app_secret: SecretStr = Field(
        default=SecretStr(""), description="secret key of the Zalo app; empty: nobody signs in through Zalo"
    )
    zalo_app_id: str = Field(
        default="", description="id of the Zalo app that Official Accounts are connected to; empty: none is"
    )
    zalo_oauth: str = Field(
        default="https://oauth.zaloapp.com", description="base URL where an Official Account lets our app in"
    )
    zalo_openapi: str = Field(
        default="https://openapi.zalo.me", description="base URL of the Official Account: messages by its users' ids"
    )
    zalo_messages: str = Field(
        default="https://business.openapi.zalo.me", description="base URL for template messages by telephone"
    )
    zalo_payment: str = Field(
        default="https://payment-mini.zalo.me",
        description="base URL where Zalo says what became of an order of its Checkout; empty: it is not asked",
    )
    zalo_oa_secret: SecretStr = Field(
        default=SecretStr(""),
        description="secret key by which Zalo signs what happens at Official Accounts; empty: no such event is taken",
    )
    zalo_mini_app_key: SecretStr = Field(
        default=SecretStr(""),
        description="API key by which Zalo signs that somebody withdrew the Mini App's permission; empty: none taken",
    )
    zalo_shared_facility: str = Field(
        default="",
        description="code of the facility whose Official Account also serves those that connected none of their own",
    )
    remind_hours: int = Field(
        default=24, ge=2, le=168, description="patients are reminded of an appointment so many hours before it"
    )
    sms_gateway: str = Field(
        default="", description="address that takes short messages (POST, JSON), tried after Zalo; empty: none"
    )
    sms_token: SecretStr = Field(default=SecretStr(""), description="its bearer token")
    sms_sender: str = Field(default="", description="brand name that short messages come from")
    sms_texts: dict[str, str] = Field(
        default={},
        description="texts of short messages by kind (`code`, `glass`, …) where they differ from ours, as JSON; "
        "{facility}, {time}, {code} and so on stand for what they say",
    )

    turn_urls: str = Field(
        default="",
        description="addresses of coturn between commas (`turn:turn.example.vn:3478?transport=udp, "
        "turns:turn.example.vn:5349?transport=tcp`), by which calls go where two browsers do not reach each other; "
        "empty: none, calls go directly or not at all",
    )
    turn_secret: SecretStr = Field(
        default=SecretStr(""), description="coturn's `static-auth-secret`; of it each caller's own password is made"
    )
    turn_minutes: int = Field(
        default=60, ge=5, le=720, description="such a password opens the relay for so long; a call under way goes on"
    )
    turn_only: bool = Field(
        default=False, description="calls go through the relay alone, so that neither side learns the other's address"
    )

    signing_roots: Path | None = Field(
        default=None,
        description="PEM file of the roots whose certificates may sign here, and of what stands between them and "
        "signers; empty: nobody signs with a certificate",
    )
    signing_tsa: str = Field(default="", description="address of the time-stamping authority (RFC 3161) for signatures")
    signing_token: str = Field(
        default="",
        description="token or HSM with signers' keys: a pkcs11: address without `object`, as for the master key",
    )
    signing_provider: str = Field(default="", description="base URL of a provider of remote signing; empty: none")
    signing_provider_secret: SecretStr = Field(default=SecretStr(""), description="its bearer token")

    subscription_networks: str = Field(
        default="",
        description="private networks that subscriptions may be delivered to, between commas (`10.20.0.0/16`); there "
        "http:// will do; empty: https:// at public addresses only, in a demo this machine too",
    )

    unknown_extensions: Literal["ignore", "warn", "error"] = Field(
        default="ignore",
        description="extensions that no known StructureDefinition defines: warn tells of them in $validate, error "
        "refuses the record; unknown modifier extensions are always refused",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _only_networks(cls, text: str) -> str:
        for one in _between_commas(text):
            ip_network(one)
        return text

    @model_validator(mode="after")
    def _relay_is_whole(self) -> Self:
        wrong = [one for one in self.relays() if not one.startswith(("turn:", "turns:"))]
        if wrong:
            raise ValueError(f"turn_urls: {wrong[0]} is no address of a relay (turn: or turns:)")
        if bool(self.relays()) is not bool(self.turn_secret.get_secret_value()):
            raise ValueError("turn_urls and turn_secret: the one needs the other")
        if self.relays() and len(self.turn_secret.get_secret_value()) < SHORTEST_TURN_SECRET:
            raise ValueError(f"turn_secret is shorter than {SHORTEST_TURN_SECRET} characters: anybody could guess it")
        if self.turn_only and not self.relays():
            raise ValueError("turn_only: there is no relay (turn_urls)")
        return self

    @model_validator(mode="after")
    def _signing_is_whole(self) -> Self:
        if bool(self.signing_roots) is not bool(self.signing_tsa):
            raise ValueError("signing_roots and signing_tsa: the one needs the other")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _settings_file())

    def inner_networks(self) -> list[str]:
        """The private networks that subscriptions may be delivered to."""
        own = ["127.0.0.0/8", "::1/128"] if self.mode == "demo" else []
        return [*own, *_between_commas(self.subscription_networks)]

    def origins(self) -> list[str]:
        """From where the patient's app may ask."""
        return _between_commas(self.app_origins)

    def relays(self) -> list[str]:
        """The relays for calls."""
        return _between_commas(self.turn_urls)

    def proxies(self) -> list[str]:
        """The reverse proxies whose word on a caller's address is believed."""
        return _between_commas(self.trusted_proxies)

    @field_validator("sign_in_providers")
    @classmethod
    def _each_its_name(cls, providers: list[SignInProvider]) -> list[SignInProvider]:
        if len({one.name for one in providers}) != len(providers):
            raise ValueError("two providers of one name")
        return providers

    def insecurities(self) -> list[str]:
        """What may not stand in production, each as a sentence that names the setting."""
        if self.mode == "demo":
            return []
        found = []
        if not self.dsn.get_secret_value():
            found.append("BENHAN_DSN is empty: name the PostgreSQL that keeps the records.")
        if not self.master_key:
            found.append("BENHAN_MASTER_KEY is empty: identifiers and labelled records would lie unencrypted.")
        if self.audit_key is None:
            found.append("BENHAN_AUDIT_KEY is empty: nobody would notice that the audit was changed.")
        if self.audit_keeper is None:
            found.append("BENHAN_AUDIT_KEEPER is empty: nobody would notice that the end of the audit was cut off.")
        if not self.secure_cookies:
            found.append("BENHAN_SECURE_COOKIES is off: session cookies would travel unencrypted.")
        if not self.public_url.startswith("https://"):
            found.append("BENHAN_PUBLIC_URL is not https://: patients' links would travel unencrypted.")
        if not 0 < self.idle_account_days <= 45:
            found.append("BENHAN_IDLE_ACCOUNT_DAYS is not 1 to 45: TCVN 14423:2026 disables idle accounts.")
        if self.insurance_portal and not self.insurance_portal.startswith("https://"):
            found.append("BENHAN_INSURANCE_PORTAL is not https://: card numbers would travel unencrypted.")
        secrets = ("zalo_graph", "zalo_oauth", "zalo_openapi", "zalo_messages", "zalo_payment", "sms_gateway")
        for name in (*secrets, "signing_provider"):
            if (address := getattr(self, name)) and not address.startswith("https://"):
                found.append(f"BENHAN_{name.upper()} is not https://: codes and tokens would travel unencrypted.")
        if any(not one.issuer.startswith("https://") for one in self.sign_in_providers):
            found.append("BENHAN_SIGN_IN_PROVIDERS has an issuer that is not https://: anybody could answer for it.")
        return found


def _between_commas(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _settings_file() -> Path | None:
    name = os.environ.get("BENHAN_FILE")
    return Path(name) if name else None
