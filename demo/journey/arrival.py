"""The first chapters: logging in, agreeing, browsing, claiming coupons."""

from datetime import UTC, datetime
from typing import Any

from demo.client import Refused
from demo.journey.stage import Stage
from shared.ids import new_id

PHONE = "13800138000"


async def log_in(stage: Stage) -> None:
    """Log in with a WeChat code (LG-01); the day's first login earns a point (MB-03)."""
    story, buyer = stage.story, stage.buyer
    story.chapter("1. A shopper opens the mini-program and logs in", "LG-01, MB-03")
    phone = f"137{int(stage.suffix, 16) % 10**8:08d}"
    stage.openid = (await stage.wechat_does("/users", {"nickname": f"旅人{stage.suffix}", "phone": phone}))[
        "openid"
    ]
    code = (await stage.wechat_does("/login-codes", {"openid": stage.openid}))["code"]
    session = await buyer.post("/auth/wechat/login", {"code": code, "scene": "1001"})
    story.check("the member is new", session["is_new"], True)
    stage.member_id, buyer.token = session["member_id"], session["token"]
    story.ours(stage.member_id)
    story.tell(f"member {stage.member_id}, logged in until {session['expires_at'][:10]}")
    await story.events("MemberRegistered", "PointsEarned")
    await story.eventually(
        "points after logging in", lambda: points(stage), stage.point_rules["login_points"]
    )
    await refused(stage, "the same code again", "/auth/wechat/login", {"code": code}, 401)


async def agree_and_bind(stage: Stage) -> None:
    """Privacy agreement, the phone after its own consent, addresses (LG-02, LG-03)."""
    story, buyer = stage.story, stage.buyer
    story.chapter("2. Agreement, phone, address", "LG-02, LG-03")
    agreement = await buyer.get("/privacy-agreement")
    await buyer.post("/me/consents", {"purpose": "privacy", "version": agreement["version"]})
    story.tell(f"accepted {agreement['title']} {agreement['version']}")
    phone_code = (await stage.wechat_does("/phone-codes", {"openid": stage.openid}))["code"]
    await refused(stage, "the phone without its own consent", "/me/phone", {"code": phone_code}, 403)
    await buyer.post("/me/consents", {"purpose": "phone", "version": agreement["version"]})
    bound = await buyer.post("/me/phone", {"code": phone_code})
    story.check("the phone is shown masked", "****" in bound["phone"], True)
    story.tell(f"phone {bound['phone']} bound")
    await story.events("PhoneBound")
    first = await buyer.post("/me/addresses", _address("云南省", "昆明市", "五华区", "翠湖南路 1 号"))
    second = await buyer.post("/me/addresses", _address("上海市", "上海市", "静安区", "南京西路 2 号"))
    await buyer.post(f"/me/addresses/{second['address_id']}/default")
    book = (await buyer.get("/me/addresses"))["items"]
    story.check("the second address is the default", book[0]["address_id"], second["address_id"])
    story.check("the first is not", [each["is_default"] for each in book], [True, False])
    story.check(
        "both are kept", {each["address_id"] for each in book}, {first["address_id"], second["address_id"]}
    )
    story.tell(f"2 addresses, the default in {book[0]['city']}{book[0]['district']}")


async def browse(stage: Stage) -> None:
    """Home in one call, category tree, list, detail, search, suggestions (NF-01, PD-02, PD-01, SE-01, SE-02)."""
    story, buyer = stage.story, stage.buyer
    story.chapter("3. Looking around", "NF-01, PD-01, PD-02, PD-03, PD-12, SE-01, SE-02")
    home = await buyer.get("/home")
    story.check("every part of the home page answered", home["unavailable"], [])
    story.check("the home page knows me", home["me"]["member_id"], stage.member_id)
    story.tell(
        f"home: {len(home['coupon_templates'])} coupons to claim, {len(home['promotions'])} promotions, in one call"
    )
    tree = (await buyer.get("/categories"))["items"]
    story.check("the journey's category is in the tree", stage.category_id in _ids(tree), True)
    page = await buyer.get("/products", category_id=stage.category_id)
    story.check(
        "the category lists both products",
        {item["product_id"] for item in page["items"]},
        set(stage.product_ids.values()),
    )
    beans = await buyer.get(f"/products/{stage.product_ids['beans']}")
    story.check("the beans come in two sizes", len(beans["skus"]), 2)
    story.check("with a picture", beans["media"][0]["kind"], "image")
    story.tell(
        f"{beans['name']}: "
        + ", ".join(f"{sku['options']['规格']} ×{sku['available']}" for sku in beans["skus"])
    )
    found = await buyer.get("/search", q=f"小粒咖啡 {stage.suffix}")
    story.check(
        "search finds the beans",
        stage.product_ids["beans"] in {item["product_id"] for item in found["items"]},
        True,
    )
    suggested = await buyer.get("/search/suggestions", q="咖啡")
    story.check("typing 咖啡 suggests something", bool(suggested["items"]), True)
    story.tell(
        f"search 小粒咖啡 → {len(found['items'])} found; 咖啡 suggests {suggested['items'][0]['term']} …"
    )
    await report_behaviour(
        stage,
        ("page_view", "pages/home/index", {}),
        ("page_view", "pages/product/detail", {}),
        (
            "product_view",
            "pages/product/detail",
            {"product_id": stage.product_ids["beans"], "source": "list"},
        ),
        ("add_to_cart", "pages/product/detail", {"sku_id": stage.sku_ids["bean-250"], "qty": 2}),
        ("page_view", "pages/checkout/index", {}),
        ("checkout_start", "pages/checkout/index", {"item_count": 3}),
    )


async def claim_coupons(stage: Stage) -> None:
    """Claim an amount, a percent and a freight coupon (MK-01, MK-02)."""
    story, buyer = stage.story, stage.buyer
    story.chapter("4. Coupons", "MK-01, MK-02")
    for name, template_id in stage.template_ids.items():
        coupon = await buyer.post(f"/coupon-templates/{template_id}/claim")
        stage.coupon_ids[name] = coupon["coupon_id"]
        story.check(f"the {name} coupon is available", coupon["state"], "available")
        story.tell(f"claimed {coupon['name']}")
    story.ours(*stage.coupon_ids.values())
    await story.events("CouponClaimed", "CouponClaimed", "CouponClaimed")
    path = f"/coupon-templates/{stage.template_ids['amount']}/claim"
    await refused(stage, "a second one of the same", path, None, 409)


async def points(stage: Stage) -> int:
    """The points the shopper can spend."""
    return int((await stage.buyer.get("/me/points"))["spendable_points"])


async def refused(stage: Stage, what: str, path: str, body: Any, status: int) -> None:
    """What must be refused, and how."""
    try:
        await stage.buyer.post(path, body)
    except Refused as refusal:
        stage.story.check(f"{what} is refused", refusal.status, status)
        stage.story.tell(f"{what}: refused, {refusal.status} {refusal.slug}")
    else:
        stage.story.check(f"{what} is refused", None, status)


async def report_behaviour(stage: Stage, *events: tuple[str, str, dict[str, Any]]) -> None:
    """What the client reports of the visit, as one batch."""
    now = datetime.now(UTC).isoformat()
    answer = await stage.buyer.post(
        "/behaviour-events",
        {
            "events": [
                {
                    "event_id": str(new_id()),
                    "event": event,
                    "schema_version": 1,
                    "occurred_at": now,
                    "sent_at": now,
                    "anon_id": stage.anon_id,
                    "session_id": stage.session_id,
                    "seq": seq,
                    "app": "mini",
                    "app_version": "1.0.0",
                    "page": page,
                    "scene": "1001",
                    "props": props,
                }
                for seq, (event, page, props) in enumerate(events, 1)
            ]
        },
    )
    stage.story.check(
        "every behaviour event was accepted", {result["result"] for result in answer["results"]}, {"accepted"}
    )


def _address(province: str, city: str, district: str, street: str) -> dict[str, str]:
    return {
        "recipient": "旅人",
        "phone": PHONE,
        "province": province,
        "city": city,
        "district": district,
        "street": street,
    }


def _ids(tree: list[dict[str, Any]]) -> set[str]:
    found: set[str] = set()
    for node in tree:
        found |= {node["category_id"]} | _ids(node.get("children", []))
    return found
