"""Who holds a key and signs hashes with it: a token (PKCS#11), or a provider of remote signing.

Both take SHA-256 hashes and give signatures by RSASSA-PKCS1-v1_5; a private key never comes here. A token answers at
once, a provider after its user has confirmed on her telephone. PKCS#11 3.0, 2.1.6 (CKM_RSA_PKCS); RFC 8017, 9.2.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from typing import Any, Final, Protocol
from urllib.parse import quote

import msgspec
from asn1crypto import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from benhan.core.kit.outside import NoAnswer, ask
from benhan.core.language import _
from benhan.core.signing.trust import CannotSign, certificates
from benhan.core.vault import MasterError
from benhan.core.vault.pkcs11 import pkcs11_session

#: DigestInfo of SHA-256. Source: RFC 8017, 9.2, note 1.
_DIGEST_INFO: Final = bytes.fromhex("3031300d060960864801650304020105000420")
#: Seconds in which a provider answers one question; how long its user has, it says itself.
SECONDS: Final = 10


class Asked(msgspec.Struct, frozen=True):
    """What became of a request for signatures: they are here, or come later under this ticket."""

    ticket: str = ""
    signatures: tuple[bytes, ...] = ()


class Signer(Protocol):
    """Holds keys; `key` names one of them, as it was registered."""

    async def holder(self, key: str) -> list[x509.Certificate]:
        """The certificate of a key, then those above it that the holder knows.

        Raises:
            CannotSign: there is no such key, or nobody answers.
        """
        ...

    async def ask(self, key: str, hashes: Sequence[bytes], shown: str) -> Asked:
        """Ask for signatures; `shown` is what somebody reads who must confirm. Raises: CannotSign."""
        ...

    async def answer(self, ticket: str) -> tuple[bytes, ...] | None:
        """The signatures of a ticket; None: nobody has confirmed yet. Raises: CannotSign (refused, timed out)."""
        ...


class TokenSigner:
    """A token or HSM that this server reaches; its address is one of RFC 7512 without `object`."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def holder(self, key: str) -> list[x509.Certificate]:
        """As `Signer`."""
        return [await asyncio.to_thread(self._certificate, key)]

    async def ask(self, key: str, hashes: Sequence[bytes], shown: str) -> Asked:
        """As `Signer`: at once."""
        return Asked(signatures=await asyncio.to_thread(self._signed, key, tuple(hashes)))

    async def answer(self, ticket: str) -> tuple[bytes, ...] | None:
        """A token has no tickets."""
        raise CannotSign("lost", _("Không còn lần ký này."))

    def _certificate(self, key: str) -> x509.Certificate:
        def found(session: Any, module: Any) -> x509.Certificate:
            wanted = {module.Attribute.CLASS: module.ObjectClass.CERTIFICATE, module.Attribute.LABEL: key}
            one = next(iter(session.get_objects(wanted)), None)
            if one is None:
                raise CannotSign("no-key", _("Thiết bị ký không có chứng thư tên %(key)s.", key=key))
            return x509.Certificate.load(one[module.Attribute.VALUE])

        one: x509.Certificate = self._with(found)
        return one

    def _signed(self, key: str, hashes: tuple[bytes, ...]) -> tuple[bytes, ...]:
        def signed(session: Any, module: Any) -> tuple[bytes, ...]:
            private = session.get_key(object_class=module.ObjectClass.PRIVATE_KEY, label=key)
            how = {"mechanism": module.Mechanism.RSA_PKCS}
            return tuple(bytes(private.sign(_DIGEST_INFO + one, **how)) for one in hashes)

        made: tuple[bytes, ...] = self._with(signed)
        return made

    def _with(self, do: Any) -> Any:
        try:
            session, module = pkcs11_session(self._address)
        except MasterError as wrong:
            raise CannotSign("no-token", _("Không mở được thiết bị ký (PKCS#11)."), advice=str(wrong)) from wrong
        try:
            return do(session, module)
        except module.PKCS11Error as wrong:
            said = _("Thiết bị ký không ký được: %(why)s", why=type(wrong).__name__)
            raise CannotSign("token", said) from wrong
        finally:
            session.close()


class RemoteSigner:
    """A provider over HTTP, in the shape that those of Vietnam share: hashes out, a confirmation, signatures back.

    `GET /certificates/{user}`, `POST /signatures`, `GET /signatures/{transaction}`, with a bearer token. Providers name
    things differently; each needs a contract, and then an adapter of these three questions.
    """

    def __init__(self, address: str, secret: str) -> None:
        self._address, self._headers = address.rstrip("/"), {"Authorization": f"Bearer {secret}"}

    async def holder(self, key: str) -> list[x509.Certificate]:
        """As `Signer`."""
        said = await self._ask("GET", f"/certificates/{quote(key, safe='')}")
        try:
            found = certificates(str(said["pem"]).encode())
            return [found[0], *found[1:]]
        except (KeyError, ValueError, IndexError):
            raise CannotSign("unreadable", _("Nơi ký số từ xa trả lời không đọc được.")) from None

    async def ask(self, key: str, hashes: Sequence[bytes], shown: str) -> Asked:
        """As `Signer`: she confirms on her telephone."""
        body = {"user": key, "text": shown, "algorithm": "RS256", "hashes": [b64encode(one).decode() for one in hashes]}
        said = await self._ask("POST", "/signatures", json=body)
        if not isinstance(ticket := said.get("transaction"), str) or not ticket:
            raise CannotSign("unreadable", _("Nơi ký số từ xa trả lời không đọc được."))
        return Asked(ticket)

    async def answer(self, ticket: str) -> tuple[bytes, ...] | None:
        """As `Signer`."""
        said = await self._ask("GET", f"/signatures/{quote(ticket, safe='')}")
        match said.get("state"):
            case "waiting":
                return None
            case "signed":
                try:
                    return tuple(b64decode(one, validate=True) for one in said["signatures"])
                except (KeyError, TypeError, NotBase64):
                    raise CannotSign("unreadable", _("Nơi ký số từ xa trả lời không đọc được.")) from None
            case "refused":
                raise CannotSign("refused", _("Đã từ chối trên điện thoại: chưa ký."))
            case "expired":
                raise CannotSign("timed-out", _("Quá thời gian xác nhận trên điện thoại: chưa ký."))
        raise CannotSign("unreadable", _("Nơi ký số từ xa trả lời không đọc được."))

    async def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        try:
            return await ask(method, self._address + path, SECONDS, headers=self._headers, **more)
        except NoAnswer as wrong:
            if wrong.status == 404:
                raise CannotSign("no-key", _("Nơi ký số từ xa không có người dùng hay lần ký này.")) from None
            raise CannotSign(
                "no-provider", _("Nơi ký số từ xa không trả lời."), advice=_("Thử lại sau ít phút.")
            ) from None


def signed_by(certificate: x509.Certificate, digest: bytes, signature: bytes) -> bool:
    """Whether this is the signature of a SHA-256 hash by the key of a certificate."""
    public = load_der_public_key(certificate.public_key.dump())
    if not isinstance(public, rsa.RSAPublicKey):
        return False
    try:
        public.verify(signature, digest, padding.PKCS1v15(), Prehashed(SHA256()))
    except InvalidSignature:
        return False
    return True
