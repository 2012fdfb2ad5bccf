import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from shared.wechat.encryption import encrypt_push
from shared.wechat.push import MessagePush, PushRefused
from shared.wechat.signatures import push_signature
from tests.unit.wechat.pay_edge import BOOK, OFFICIAL

VECTORS = {
    vector["id"]: vector for vector in BOOK["vectors"]["message_push"] + OFFICIAL["vectors"]["message_push"]
}
PUSH = MessagePush(
    appid="wx75fcc2efb086dfed",
    token="fvuZVTkku1LahUW6QFZ3wJXK",
    encoding_aes_key="0gYMJrse2XRWGCretWJ9MRLDyQD9V6Xw6BPCbLXdFHe",
)


def of(vector: dict[str, Any]) -> MessagePush:
    return MessagePush(
        appid=vector.get("appid", PUSH.appid),
        token=vector["token"],
        encoding_aes_key=vector.get("encoding_aes_key", PUSH.encoding_aes_key),
    )


def signed(encrypted: str, *, token: str = PUSH.token) -> dict[str, str]:
    signature = push_signature(token, "1767225600", "1514711492", encrypted)
    return {
        "timestamp": "1767225600",
        "nonce": "1514711492",
        "msg_signature": signature,
        "encrypt_type": "aes",
    }


def pushed(message: bytes, *, appid: str = PUSH.appid) -> tuple[dict[str, str], bytes]:
    encrypted = encrypt_push(PUSH.encoding_aes_key, appid, message, random16=b"0123456789abcdef")
    return signed(encrypted), json.dumps({"ToUserName": "gh_1", "Encrypt": encrypted}).encode()


@pytest.mark.parametrize("name", ["url-check-plain", "doc-url-check"])
def test_the_check_of_the_url_is_answered_with_its_echo(name: str) -> None:
    vector = VECTORS[name]

    assert of(vector).echo(vector["query"]) == vector["answer"]

    with pytest.raises(PushRefused):
        of(vector).echo({**vector["query"], "nonce": "1"})
    with pytest.raises(PushRefused):
        of(vector).echo({})


@pytest.mark.parametrize("name", ["settlement-json", "doc-safe-mode"])
def test_a_push_in_safe_mode_is_opened(name: str) -> None:
    vector = VECTORS[name]

    assert of(vector).open(vector["query"], vector["body"].encode()) == json.loads(vector["plaintext"])


@pytest.mark.parametrize("name", ["settlement-json", "doc-safe-mode"])
def test_only_the_signature_over_the_body_counts(name: str) -> None:
    """The plain `signature` of the query is right all the time."""
    vector = VECTORS[name]
    without = {key: value for key, value in vector["query"].items() if key != "msg_signature"}

    for query in (without, {**without, "msg_signature": vector["query"]["signature"]}):
        with pytest.raises(PushRefused, match="signature"):
            of(vector).open(query, vector["body"].encode())


def test_a_reply_is_encrypted_and_signed_as_the_documentation_prints_it() -> None:
    vector = VECTORS["doc-encrypted-reply"]

    encrypted = encrypt_push(
        vector["encoding_aes_key"],
        vector["appid"],
        vector["plaintext"].encode(),
        random16=vector["random16"].encode(),
    )

    assert encrypted == vector["Encrypt"]
    signature = push_signature(vector["token"], vector["timestamp"], vector["nonce"], encrypted)
    assert signature == vector["MsgSignature"]


def test_a_body_in_clear_is_refused_whatever_its_signature() -> None:
    vector = VECTORS["doc-plain-post"]

    with pytest.raises(PushRefused, match="clear"):
        of(vector).open(vector["query"], b'{"MsgType":"event","Event":"trade_manage_order_settlement"}')


def test_of_a_compatible_body_only_the_encrypted_part_is_used() -> None:
    query, body = pushed(b'{"Event":"real"}')

    assert PUSH.open(query, json.dumps({**json.loads(body), "Event": "forged"}).encode()) == {"Event": "real"}


def test_a_push_for_another_app_is_refused() -> None:
    with pytest.raises(PushRefused):
        PUSH.open(*pushed(b"{}", appid="wx0000000000000000"))


def test_xml_is_opened_into_text_lists_and_nested_values() -> None:
    inner = (
        "<xml><Event><![CDATA[subscribe_msg_popup_event]]></Event><CreateTime>1767225600</CreateTime><Empty/>"
        "<SubscribeMsgPopupEvent><List><TemplateId>a</TemplateId></List>"
        "<List><TemplateId>b</TemplateId></List><List><TemplateId>c</TemplateId></List>"
        "</SubscribeMsgPopupEvent></xml>"
    )
    query, body = pushed(inner.encode())
    encrypted = json.loads(body)["Encrypt"]
    outer = f"<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"

    assert PUSH.open(query, outer.encode()) == {
        "Event": "subscribe_msg_popup_event",
        "CreateTime": "1767225600",
        "Empty": "",
        "SubscribeMsgPopupEvent": {"List": [{"TemplateId": "a"}, {"TemplateId": "b"}, {"TemplateId": "c"}]},
    }


BOMB = b'<!DOCTYPE xml [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><xml><Encrypt>&b;</Encrypt></xml>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"<xml>",
        b"<xml/>",
        b"<xml>text</xml>",
        b'{"Encrypt":5}',
        b"\xff<",
        b"<xml>\xff</xml>",
        b"<a>" * 50_000,
        b'{"a":' * 50_000,
        BOMB,
        BOMB.decode().encode("utf-16"),
        b'<!DOCTYPE xml SYSTEM "file:///etc/passwd"><xml/>',
    ],
    ids=range(14),
)
def test_a_body_that_is_no_push_is_refused(body: bytes) -> None:
    with pytest.raises(PushRefused):
        PUSH.open(signed("x"), body)


def test_a_document_type_is_refused_for_what_it_is() -> None:
    with pytest.raises(PushRefused, match="document type"):
        PUSH.open(signed("x"), BOMB)


@given(
    query=st.dictionaries(st.sampled_from(["timestamp", "nonce", "msg_signature"]), st.text()),
    body=st.binary(),
)
def test_no_request_makes_it_fail_in_another_way(query: dict[str, str], body: bytes) -> None:
    with pytest.raises(PushRefused):
        PUSH.open(query, body)


def test_settings_do_not_print_their_secrets() -> None:
    assert PUSH.token not in repr(PUSH)
    assert PUSH.encoding_aes_key not in repr(PUSH)
