"""WeChat Pay API v3: orders, refunds, certificates, bills and notices (wechat.md 5)."""
