"""What the platform posts to the mini-program's push URL, in safe mode only (wechat.md 2.6).

Plain mode signs no body, so whoever saw one query could send any body: clear bodies are refused.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

import orjson

from shared.wechat.encryption import DecryptionFailed, decrypt_push
from shared.wechat.signatures import push_signature


class PushRefused(Exception):
    """The request is not the platform's, or not for this app: answer 403 (wechat.md 2.6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePush:
    """The push settings of one mini-program; secrets stay out of `repr`."""

    appid: str
    token: str = field(repr=False)
    encoding_aes_key: str = field(repr=False)

    def echo(self, query: Mapping[str, str]) -> str:
        """The exact body that answers the platform's check of the URL; raises `PushRefused`."""
        self._check(query, query.get("signature", ""))
        return query.get("echostr", "")

    def open(self, query: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """The message or event in a pushed body, JSON or XML; raises `PushRefused`.

        It may be doubled: `MsgId` names a message, `FromUserName` with `CreateTime` and `Event` an event.
        In XML all values are text, and an element that occurs once is not a list.
        """
        encrypted = _parse(body).get("Encrypt")
        if not isinstance(encrypted, str):
            raise PushRefused("a body in clear")
        self._check(query, query.get("msg_signature", ""), encrypted)
        try:
            return _parse(decrypt_push(self.encoding_aes_key, self.appid, encrypted))
        except DecryptionFailed as error:
            raise PushRefused(str(error)) from error

    def _check(self, query: Mapping[str, str], signature: str, *encrypted: str) -> None:
        expected = push_signature(self.token, query.get("timestamp", ""), query.get("nonce", ""), *encrypted)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise PushRefused("a wrong signature")


def _parse(body: bytes) -> dict[str, Any]:
    try:
        message = _parse_xml(body.decode()) if body.lstrip().startswith(b"<") else orjson.loads(body)
    except (ValueError, ElementTree.ParseError, expat.ExpatError, RecursionError) as error:
        raise PushRefused("neither JSON nor XML") from error
    if not isinstance(message, dict):
        raise PushRefused("not an object")
    return message


def _parse_xml(text: str) -> Any:
    # Entities can only come from a document type, and a push has none.
    scanner = expat.ParserCreate()
    scanner.StartDoctypeDeclHandler = _refuse_doctype
    scanner.Parse(text, True)
    return _value(ElementTree.fromstring(text))


def _refuse_doctype(*_: object) -> None:
    raise PushRefused("XML with a document type")


def _value(element: ElementTree.Element) -> Any:
    if len(element) == 0:
        return element.text or ""
    value: dict[str, Any] = {}
    for child in element:
        if child.tag not in value:
            value[child.tag] = _value(child)
        elif isinstance(value[child.tag], list):
            value[child.tag].append(_value(child))
        else:
            value[child.tag] = [value[child.tag], _value(child)]
    return value
