"""After-sale policies under operators who save at once."""

import asyncio

from shared.ids import new_id
from tests.support.shop import Shop


async def test_of_many_defaults_saved_at_once_one_stays(shop: Shop) -> None:
    operator = shop.as_operator("operations")
    keys = [f"p{new_id().hex[-12:]}" for _ in range(8)]
    answers = await asyncio.gather(
        *(
            operator.post(
                "catalog",
                "/operator/after-sale-policies",
                {"key": key, "title": "七天无理由", "text": "可退", "days": 7, "is_default": True},
            )
            for key in keys
        )
    )
    assert [answer.status_code for answer in answers] == [201] * 8
    policies = (await operator.get("catalog", "/operator/after-sale-policies")).json()["items"]
    assert len([policy for policy in policies if policy["is_default"]]) == 1
    saved = next(policy for policy in policies if policy["is_default"])
    assert saved["key"] in keys
    last = {"key": saved["key"], "title": "不退", "text": "不退", "days": 0, "is_default": False}
    assert (await operator.post("catalog", "/operator/after-sale-policies", last)).status_code == 201
