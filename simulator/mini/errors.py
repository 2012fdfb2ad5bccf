"""Refusals of the mini-program API."""

import secrets


class MiniError(Exception):
    """One refusal by `errcode`; the platform adds a `rid` to its text (wechat.md 0)."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(errmsg)
        self.errcode, self.errmsg = errcode, errmsg

    def shown(self, *, separator: str = ", ") -> dict[str, object]:
        """The answer's body."""
        rid = "-".join(secrets.token_hex(4) for _ in range(3))
        return {"errcode": self.errcode, "errmsg": f"{self.errmsg}{separator}rid: {rid}"}
