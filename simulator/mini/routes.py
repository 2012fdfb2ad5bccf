"""Every path of the mini-program API that the simulator serves."""

from starlette.routing import Route

from simulator.mini import login, messages, shipping, tokens
from simulator.mini.door import Call, Content, endpoint, with_token
from simulator.mini.errors import MiniError


def _post_only(call: Call) -> Content:
    raise MiniError(43002, "require POST method")


def _uniform_message(call: Call) -> Content:
    raise MiniError(45109, "this api is unsupported")


routes = [
    Route("/sns/jscode2session", endpoint("login", login.code_to_session), methods=["GET"]),
    Route("/wxa/checksession", endpoint("login", with_token(login.check_session_key)), methods=["GET"]),
    Route("/cgi-bin/token", endpoint("token", tokens.plain_token), methods=["GET"]),
    Route("/cgi-bin/stable_token", endpoint("token", tokens.stable_token), methods=["POST"]),
    Route("/cgi-bin/stable_token", endpoint("token", _post_only), methods=["GET"]),
    Route(
        "/wxa/business/getuserphonenumber",
        endpoint("phone", with_token(login.phone_number)),
        methods=["POST"],
    ),
    Route(
        "/cgi-bin/message/subscribe/send", endpoint("message", with_token(messages.send)), methods=["POST"]
    ),
    Route(
        "/cgi-bin/message/wxopen/template/uniform_send",
        endpoint("message", with_token(_uniform_message)),
        methods=["POST"],
    ),
    Route(
        "/wxa/sec/order/upload_shipping_info",
        endpoint("shipping", with_token(shipping.upload)),
        methods=["POST"],
    ),
    Route(
        "/wxa/sec/order/get_order",
        endpoint("shipping_query", with_token(shipping.get_order)),
        methods=["POST"],
    ),
    Route(
        "/wxa/sec/order/is_trade_managed",
        endpoint("trade_managed", with_token(shipping.is_trade_managed)),
        methods=["POST"],
    ),
    Route(
        "/cgi-bin/express/delivery/open_msg/get_delivery_list",
        endpoint("delivery_list", with_token(shipping.delivery_list)),
        methods=["POST"],
    ),
]
