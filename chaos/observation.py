"""What the shop says of itself at rest, through its public and operators' doors: material for the checker.

`opening.json` and `observed.json` are one JSON object:

| key | holds |
|---|---|
| `orders` | by order id: `GET /operator/orders/{order_id}` |
| `payments` | by order id: `GET /operator/payments/{order_id}`; orders without a payment are left out |
| `stock` | by SKU id: `GET /operator/skus/{sku_id}/stock` |
| `stock_movements` | by SKU id: all of `GET /operator/skus/{sku_id}/stock-movements` |
| `members` | by member id: `points` (`GET /me/points`), `points_entries` (all), `level` (`GET /me/level`), `coupons` (all of `GET /me/coupons`) |
| `coupon_templates` | all of `GET /operator/coupon-templates` |
| `refunds` | all of `GET /operator/refunds` |
| `refund_attempts` | all of `GET /operator/refund-attempts` |
| `cash_accounts` | balances in fen by account (`GET /operator/cash-accounts`) |
| `parked_events` | by service: all of `GET /operator/parked-events/{service}` |
| `metrics_daily` | `GET /operator/metrics/daily` over the run's days |
"""
