"""The express companies that shipping reports may name."""

COMPANIES = {
    "SF": "顺丰速运",
    "ZTO": "中通快递",
    "YTO": "圆通速递",
    "YD": "韵达速递",
    "STO": "申通快递",
    "JTSD": "极兔速递",
    "JD": "京东物流",
    "EMS": "EMS",
    "YZPY": "邮政快递包裹",
    "DBL": "德邦快递",
    "HTKY": "百世快递",
    "UC": "优速快递",
    "ZJS": "宅急送",
    "KYSY": "跨越速运",
}
