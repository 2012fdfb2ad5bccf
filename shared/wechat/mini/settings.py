"""What an operator knows about its mini-program."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniProgramSettings:
    """A mini-program's credentials (wechat.md 0); the secret stays out of `repr`."""

    appid: str
    app_secret: str = field(repr=False)
    base_url: str = "https://api.weixin.qq.com"
