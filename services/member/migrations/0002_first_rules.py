"""What a new shop starts with: four levels, point rules, the first privacy agreement, the daily expiry of points."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    connection = op.get_bind()
    for position, (code, name, threshold, discount_bp, perks) in enumerate(LEVELS, start=1):
        connection.execute(
            sa.text(
                "INSERT INTO member_levels (position, code, name, threshold_growth, discount_bp, perks)"
                " VALUES (:position, :code, :name, :threshold, :discount_bp, CAST(:perks AS jsonb))"
            ),
            {
                "position": position,
                "code": code,
                "name": name,
                "threshold": threshold,
                "discount_bp": discount_bp,
                "perks": json.dumps([{"kind": kind, "text": text} for kind, text in perks]),
            },
        )
    op.execute(
        "INSERT INTO point_rules (earn_points_per_yuan, growth_per_yuan, login_points, points_per_yuan,"
        " points_max_ratio_bp, expire_after_days) VALUES (1, 1, 1, 100, 5000, 365)"
    )
    connection.execute(
        sa.text(
            "INSERT INTO privacy_agreements (version, title, body, effective_at)"
            " VALUES ('2026-01', '隐私政策', :body, '2026-01-01T00:00:00+08:00')"
        ),
        {"body": AGREEMENT},
    )
    op.execute(
        "INSERT INTO timers (id, kind, key, due_at) VALUES (gen_random_uuid(), 'expire-points', 'daily', now())"
    )


LEVELS = [
    ("normal", "普通会员", 0, 10000, []),
    ("silver", "白银会员", 1000, 9800, [("birthday_gift", "生日礼遇")]),
    ("gold", "黄金会员", 5000, 9500, [("birthday_gift", "生日礼遇"), ("freight_coupon", "每月运费券")]),
    (
        "diamond",
        "钻石会员",
        20000,
        9000,
        [
            ("birthday_gift", "生日礼遇"),
            ("freight_coupon", "每月运费券"),
            ("early_access", "新品优先购"),
            ("priority_service", "专属客服"),
        ],
    ),
]

AGREEMENT = """一、我们收集哪些信息
1. 登录：您的微信用户标识（openid、unionid），用于识别您的账户。我们不会读取您的微信昵称、头像和好友关系。
2. 手机号：仅在您单独同意后，通过微信授权获取，用于订单联系和会员识别。您可以不提供，不影响浏览和下单。
3. 收货信息：您填写或从微信导入的收件人、电话和地址，用于配送。
4. 交易信息：订单、支付、退款和物流记录，用于履行合同和售后。
5. 资料：您自愿填写的昵称和生日，用于会员礼遇。
6. 使用记录：您在本店的浏览、搜索和加购，用于统计和改进服务。

二、我们如何使用和保护信息
手机号和收货信息加密存储，默认以部分隐藏的形式展示；除配送、支付等履行订单所必需的情形外，未经您同意不向第三方提供。我们不会根据您的个人特征对同一商品给出不合理的差别价格。

三、保存多久
账户信息保存至您注销账户；交易记录依法自交易完成之日起保存不少于三年。

四、您的权利
您可以查阅、更正、导出、删除您的信息，可以随时撤回同意，撤回与给出同意同样方便。撤回手机号的同意后，我们会删除已绑定的手机号。撤回同意不影响撤回前已进行的处理。

五、联系我们
请通过小程序内的客服与我们联系，我们会在十五个工作日内答复。本政策更新后，我们会再次征求您的同意。
"""
