"""The invented people of the demo, and the ways into the shop."""

from dataclasses import dataclass
from random import Random
from typing import Final


@dataclass(frozen=True, slots=True)
class Address:
    """Where an order goes; the cities are real, the streets are not."""

    recipient: str
    phone: str
    province: str
    city: str
    district: str
    detail: str


@dataclass(frozen=True, slots=True)
class Shopper:
    """A person: `eagerness` weighs how often they come, `decisiveness` how readily they buy; `taste` is a root category."""

    key: str
    nickname: str
    address: Address
    taste: str
    first_week: int
    eagerness: float
    decisiveness: float


@dataclass(frozen=True, slots=True)
class Channel:
    """A way in: our name for it and WeChat's scene code (CH-02)."""

    name: str
    scene: int
    weight: int


CHANNELS: Final = (
    Channel("recent", 1089, 30),
    Channel("search", 1005, 14),
    Channel("friend_share", 1007, 16),
    Channel("group_share", 1008, 12),
    Channel("official_account_menu", 1035, 11),
    Channel("official_account_article", 1058, 8),
    Channel("qr_code", 1047, 5),
    Channel("subscribe_message", 1014, 4),
)

_NICKNAMES: Final = (
    *(
        "山茶不加糖",
        "阿柚的厨房",
        "周三去爬山",
        "半糖去冰",
        "小满未满",
        "楼下那只橘猫",
        "胖头鱼游啊游",
        "今天也早睡",
    ),
    *(
        "番茄炒蛋要放糖",
        "南风知我意",
        "理想是退休",
        "木木夕",
        "跑步的土豆",
        "老周的茶桌",
        "七七爱吃辣",
        "豆沙包没有豆沙",
    ),
    *(
        "城西洗碗工",
        "云朵收集员",
        "一颗小石榴",
        "加班到海边",
        "青团子",
        "三丫头妈妈",
        "慢半拍先生",
        "咸鱼翻面",
    ),
    *("旧毛衣", "等等等灯等", "北方有雪", "早餐吃什么", "小鹿慢点跑", "绿豆冰沙", "陈皮二两", "阳台种菜人"),
    *(
        "白日梦修理厂",
        "玉米地守望者",
        "吃瓜要挑甜的",
        "柠檬不酸",
        "麦芽糖",
        "河边钓鱼佬",
        "一只会飞的猪",
        "奶盖加厚",
    ),
    *(
        "雨天不打伞",
        "芝麻开花",
        "大力水手没菠菜",
        "乌龙茶续杯",
        "外婆的针线盒",
        "二楼阳光好",
        "Momo在路上",
        "栗子烤好了",
    ),
    *(
        "不想上班的周一",
        "松饼小姐",
        "拖鞋去哪了",
        "一碗热干面",
        "薄荷绿",
        "海盐味晚风",
        "小区遛狗人",
        "蓝莓酱酱",
    ),
    *("阿宁Ning", "桂花载酒", "修自行车的", "糯米团团"),
)
_SURNAMES: Final = "林陈周吴郑孙何许沈韩杨朱秦尤施张孔曹严华"
_PLACES: Final = (
    *(("上海市", "上海市", "徐汇区"), ("上海市", "上海市", "浦东新区"), ("北京市", "北京市", "朝阳区")),
    *(("浙江省", "杭州市", "西湖区"), ("浙江省", "宁波市", "鄞州区"), ("江苏省", "南京市", "鼓楼区")),
    *(("江苏省", "苏州市", "姑苏区"), ("广东省", "广州市", "天河区"), ("广东省", "深圳市", "南山区")),
    *(("四川省", "成都市", "武侯区"), ("湖北省", "武汉市", "洪山区"), ("陕西省", "西安市", "雁塔区")),
    *(("山东省", "青岛市", "市南区"), ("福建省", "厦门市", "思明区"), ("重庆市", "重庆市", "渝中区")),
    *(("湖南省", "长沙市", "岳麓区"), ("辽宁省", "沈阳市", "和平区"), ("云南省", "昆明市", "五华区")),
)
_STREETS: Final = ("云杉路", "听泉巷", "橘井街", "望禾路", "白鹭洲路", "石榴园路", "槐序街", "半山里")
_ESTATES: Final = ("松果里", "青禾苑", "望江南小筑", "四季花庭", "柳荫雅居", "晴川里", "梧桐新村", "拾光公寓")


def shoppers(random: Random, *, count: int, weeks: int) -> list[Shopper]:
    """`count` people, half of them there from the first week and the others joining later; a few come often."""
    return [
        Shopper(
            key=f"S{n:03}",
            nickname=_NICKNAMES[n % len(_NICKNAMES)]
            + (str(n // len(_NICKNAMES)) if n >= len(_NICKNAMES) else ""),
            address=_address(random, n),
            taste=random.choices(("fresh", "beauty", "home"), weights=(45, 28, 27))[0],
            first_week=0 if n < count // 2 else random.randrange(weeks),
            eagerness=1 / (1 + n % (count // 2 or 1)) ** 0.6,
            decisiveness=random.choice((0.0, 0.6, 1.0, 1.2, 1.7)),
        )
        for n in range(count)
    ]


def _address(random: Random, n: int) -> Address:
    province, city, district = random.choice(_PLACES)
    street, estate = random.choice(_STREETS), random.choice(_ESTATES)
    house, unit, door = (
        random.randint(1, 288),
        random.randint(1, 26),
        random.randint(1, 18) * 100 + random.randint(1, 4),
    )
    return Address(
        recipient=random.choice(_SURNAMES) + random.choice(("女士", "先生")),
        phone=f"154{n:08}",
        province=province,
        city=city,
        district=district,
        detail=f"{street}{house}号{estate}{unit}幢{door}室",
    )
