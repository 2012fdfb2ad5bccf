"""The mini-program server API: login, tokens, phone numbers, messages, shipping (wechat.md 1, 2, 4)."""
