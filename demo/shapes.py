"""The small drawings of the demo's pictures: one shape per kind of thing, in a box of 200 by 200 units.

A shape is SVG with four colours left open: `{t}` the product's tint, `{d}` a darker and `{l}` a lighter tone of it,
`{w}` nearly white. All of them are drawn for this project.
"""

from typing import Final

_LEAF: Final = '<path d="M102 52c6-26 28-34 48-32-4 22-22 36-48 32z" fill="#7FA65A"/>'
_STALK: Final = '<path d="M100 60c-2-16 2-26 10-36" stroke="#7A5A3A" stroke-width="6" fill="none"/>'

FOOD: Final = {
    "apple": '<path d="M100 62c-34-22-74 0-70 50 4 46 38 76 58 66 8-4 16-4 24 0 20 10 54-20 58-66 4-50-36-72-70-50z" '
    f'fill="{{t}}"/><ellipse cx="62" cy="104" rx="10" ry="22" fill="{{l}}" opacity=".7"/>{_STALK}{_LEAF}',
    "orange": '<circle cx="88" cy="112" r="66" fill="{t}"/><circle cx="88" cy="112" r="66" fill="none" stroke="{d}" '
    'stroke-width="4" opacity=".25"/><g transform="translate(136 136)"><circle r="46" fill="{t}"/><circle r="38" '
    'fill="{w}"/><g fill="{t}" opacity=".85"><path d="M0-4 12-32a36 36 0 0 0-24 0z"/><path d="M0-4 12-32a36 '
    '36 0 0 0-24 0z" transform="rotate(60)"/><path d="M0-4 12-32a36 36 0 0 0-24 0z" transform="rotate(120)"/><path '
    'd="M0-4 12-32a36 36 0 0 0-24 0z" transform="rotate(180)"/><path d="M0-4 12-32a36 36 0 0 0-24 0z" '
    'transform="rotate(240)"/><path d="M0-4 12-32a36 36 0 0 0-24 0z" transform="rotate(300)"/></g></g>'
    '<path d="M86 50c4-22 22-30 42-30-2 20-18 32-42 30z" fill="#7FA65A"/>',
    "berry": '<g fill="{t}"><circle cx="70" cy="124" r="40"/><circle cx="130" cy="132" r="42"/><circle cx="104" '
    'cy="78" r="38"/></g><g fill="{d}"><path d="M104 66l6 8 10 1-7 8 2 10-11-4-11 4 2-10-7-8 10-1z"/><path d="M130 '
    '120l6 8 10 1-7 8 2 10-11-4-11 4 2-10-7-8 10-1z"/></g><g fill="{l}" opacity=".6"><circle cx="54" cy="110" '
    'r="9"/><circle cx="114" cy="112" r="8"/></g><path d="M128 52c10-24 32-28 50-22-8 20-28 30-50 22z" '
    'fill="#7FA65A"/>',
    "peach": '<path d="M100 56c-40-12-72 20-68 64 4 40 40 62 68 62s64-22 68-62c4-44-28-76-68-64z" fill="{t}"/><path '
    'd="M100 56c-16 34-18 84-2 126" stroke="{d}" stroke-width="5" fill="none" opacity=".4"/><ellipse cx="138" '
    f'cy="112" rx="16" ry="34" fill="{{l}}" opacity=".55"/>{_STALK}{_LEAF}',
    "melon": '<path d="M16 84a84 84 0 0 0 168 0z" fill="{t}"/><path d="M28 84a72 72 0 0 0 144 0z" fill="{w}"/><path '
    'd="M36 84a64 64 0 0 0 128 0z" fill="#E2574C"/><g fill="#3A2A22"><ellipse cx="70" cy="104" rx="4" ry="7"/>'
    '<ellipse cx="100" cy="112" rx="4" ry="7"/><ellipse cx="130" cy="104" rx="4" ry="7"/><ellipse cx="84" cy="128" '
    'rx="4" ry="7"/><ellipse cx="116" cy="128" rx="4" ry="7"/></g>',
    "banana": '<path d="M46 30c-6 70 34 132 112 136 8 0 12-10 6-14-48-16-82-60-96-124-2-8-22-8-22 2z" fill="{t}"/>'
    '<path d="M58 36c4 60 42 108 96 122" stroke="{d}" stroke-width="5" fill="none" opacity=".45"/><path d="M46 30c0-8 '
    '2-14 6-18l14 4c-2 4-2 8 2 12z" fill="#6F5A2C"/><path d="M158 166c8 2 14-4 12-12l-6-2z" fill="#6F5A2C"/>',
    "grape": '<g fill="{t}"><circle cx="64" cy="84" r="24"/><circle cx="104" cy="80" r="24"/><circle cx="144" cy="84" '
    'r="24"/><circle cx="84" cy="118" r="24"/><circle cx="124" cy="118" r="24"/><circle cx="104" cy="154" r="24"/></g>'
    '<g fill="{l}" opacity=".7"><circle cx="57" cy="76" r="6"/><circle cx="97" cy="72" r="6"/><circle cx="137" cy="76" '
    'r="6"/><circle cx="77" cy="110" r="6"/><circle cx="117" cy="110" r="6"/></g><path d="M104 58c0-16 4-28 14-38" '
    'stroke="#7A5A3A" stroke-width="7" fill="none"/><path d="M106 44c-18-22-42-20-56-8 14 18 36 22 56 8z" '
    'fill="#7FA65A"/>',
    "leaf": '<path d="M92 178c-4-40-8-60-8-84h32c0 24-4 44-8 84z" fill="{w}"/><path d="M90 108C40 116 22 76 38 40c34-4 '
    '58 22 52 68z" fill="{t}"/><path d="M110 108c50 8 68-32 52-68-34-4-58 22-52 68z" fill="{t}"/><path d="M100 '
    '112C72 82 74 36 100 16c26 20 28 66 0 96z" fill="{d}"/><g stroke="{l}" stroke-width="4" fill="none" opacity=".7">'
    '<path d="M100 108V34"/><path d="M86 102 50 54"/><path d="M114 102l36-48"/></g>',
    "root": '<path d="M56 72c20-22 50-18 66-2 14 14 10 30-4 44-22 24-58 50-84 62 10-28 4-72 22-104z" fill="{t}" '
    'transform="rotate(-8 100 110)"/><g stroke="{d}" stroke-width="5" stroke-linecap="round" opacity=".45"><path '
    'd="M58 108h20"/><path d="M92 92h22"/><path d="M54 136h16"/></g><g fill="#7FA65A"><path d="M112 70c0-30 14-50 '
    '30-54 6 22-6 46-22 60z"/><path d="M120 78c18-24 42-30 58-22-8 22-32 34-52 32z"/></g>',
    "potato": '<path d="M28 122c-4-40 30-70 66-74 40-4 74 20 78 58 4 40-26 66-68 70-44 4-72-18-76-54z" fill="{t}"/><g '
    'fill="{d}" opacity=".4"><ellipse cx="72" cy="92" rx="7" ry="4"/><ellipse cx="126" cy="86" rx="6" ry="4"/><ellipse '
    'cx="138" cy="132" rx="7" ry="4"/><ellipse cx="86" cy="142" rx="6" ry="4"/><ellipse cx="104" cy="112" rx="5" '
    'ry="3"/></g><path d="M46 104c6-20 22-34 42-38" stroke="{l}" stroke-width="7" stroke-linecap="round" fill="none"/>',
    "mushroom": '<path d="M78 104h44c-4 26 2 46 8 70H70c6-24 12-44 8-70z" fill="{w}"/><path d="M18 106c0-52 38-82 '
    '82-82s82 30 82 82c-50 14-114 14-164 0z" fill="{t}"/><g fill="{l}" opacity=".75"><ellipse cx="66" cy="70" rx="14" '
    'ry="9"/><ellipse cx="112" cy="52" rx="16" ry="9"/><ellipse cx="142" cy="84" rx="12" ry="8"/></g><path d="M78 '
    '110h44" stroke="{d}" stroke-width="4" opacity=".35"/>',
    "pepper": '<path d="M128 52c26 4 34 24 22 48-18 38-62 68-118 78 38-28 52-54 56-82 4-28 18-46 40-44z" fill="{t}"/>'
    '<path d="M134 70c6 24-22 58-60 82" stroke="{l}" stroke-width="7" stroke-linecap="round" fill="none" '
    'opacity=".6"/><path d="M104 58c10-16 38-16 46 0-12 12-34 12-46 0z" fill="#5E8A45"/><path d="M130 48c2-14 10-24 '
    '22-28" stroke="#5E8A45" stroke-width="9" stroke-linecap="round" fill="none"/>',
    "corn": '<path d="M100 16c28 22 36 70 28 134-12 22-44 22-56 0C64 86 72 38 100 16z" fill="{t}"/><g stroke="{d}" '
    'stroke-width="3" opacity=".4" fill="none"><path d="M88 36v124M100 26v140M112 36v124M74 70h52M70 92h60M70 '
    '114h60M72 136h56"/></g><path d="M62 78c-24 40-10 88 36 106 4-40-8-76-36-106z" fill="#7FA65A"/><path d="M138 '
    '78c24 40 10 88-36 106-4-40 8-76 36-106z" fill="#93B86C"/>',
    "steak": '<path d="M34 112c-8-48 34-84 84-76 42 6 62 38 50 66-8 18-30 18-40 34-14 24-30 40-56 34-22-6-34-34-38-58z" '
    'fill="{t}"/><path d="M34 112c-8-48 34-84 84-76 42 6 62 38 50 66-8 18-30 18-40 34-14 24-30 40-56 34-22-6-34-34-38-'
    '58z" fill="none" stroke="{w}" stroke-width="9"/><circle cx="122" cy="78" r="15" fill="{w}"/><g stroke="{l}" '
    'stroke-width="5" stroke-linecap="round" opacity=".8" fill="none"><path d="M60 92c14-16 26-20 38-20M62 118c18-14 '
    '34-14 48-10M76 146c10-10 18-14 28-14"/></g>',
    "egg": '<ellipse cx="76" cy="118" rx="44" ry="56" fill="{t}"/><ellipse cx="132" cy="130" rx="38" ry="48" '
    'fill="{l}"/><ellipse cx="62" cy="96" rx="10" ry="18" fill="{w}" opacity=".7"/><ellipse cx="120" cy="112" rx="8" '
    'ry="14" fill="{w}" opacity=".8"/><path d="M14 160c40 30 132 30 172 0l-12 20c-40 14-108 14-148 0z" '
    'fill="#B89B6C"/>',
    "drumstick": '<path d="M36 92c-8-42 32-74 74-64 44 10 56 52 34 80-16 20-34 22-50 34-14 10-34 6-44-8-8-12-12-26-14-'
    '42z" fill="{t}"/><path d="M62 64c10-14 28-20 46-14" stroke="{l}" stroke-width="9" stroke-linecap="round" '
    'fill="none" opacity=".8"/><path d="M120 128l38 38" stroke="{w}" stroke-width="16" stroke-linecap="round"/>'
    '<circle cx="172" cy="166" r="11" fill="{w}"/><circle cx="160" cy="178" r="11" fill="{w}"/>',
    "sausage": '<g fill="none" stroke-linecap="round"><path d="M48 40c-8 50 8 96 46 124" stroke="{t}" stroke-width="32"/>'
    '<path d="M106 30c-8 46 4 88 44 116" stroke="{d}" stroke-width="32"/><path d="M42 62c0 34 12 64 34 88" '
    'stroke="{l}" stroke-width="5" opacity=".7"/><path d="M100 52c0 32 10 58 32 80" stroke="{l}" stroke-width="5" '
    'opacity=".5"/><path d="M48 24C62 8 92 8 106 14" stroke="#C9A66B" stroke-width="5"/></g>',
    "shrimp": '<path d="M150 52c-52-32-114 0-116 56-2 40 32 66 70 58 12-2 14-20 2-22-26 2-36-16-32-36 6-30 38-36 76-32z" '
    'fill="{t}"/><g stroke="{w}" stroke-width="5" opacity=".75" fill="none"><path d="M112 40c-6 14-8 24-6 36M74 '
    '52c4 12 10 20 18 26M44 84c12 2 22 6 30 12M40 124c12-4 22-6 34-4"/></g><path d="M104 166c16 18 40 20 52 8-10-'
    '12-20-20-34-24 14 0 26-6 34-16-20-8-38 0-50 14z" fill="{d}"/><circle cx="136" cy="58" r="5" fill="#2E2420"/><g '
    'stroke="{d}" stroke-width="4" fill="none"><path d="M150 52c14-10 24-24 26-38M150 56c16-2 26-10 34-20"/></g>',
    "fish": '<path d="M18 104c34-52 94-56 132-8l34-28c-6 24-6 44 0 68l-34-28c-38 50-98 48-132-4z" fill="{t}"/><path '
    'd="M58 72c12 20 12 44 0 66" stroke="{w}" stroke-width="5" fill="none" opacity=".8"/><circle cx="42" cy="98" r="6" '
    'fill="#2B2B2B"/><g stroke="{l}" stroke-width="5" fill="none" opacity=".85"><path d="M80 90c8 6 8 18 0 26M102 '
    '86c8 8 8 26 0 34M124 90c6 8 6 20 0 26"/></g><path d="M84 66c14-16 32-18 46-10-6 10-12 16-20 18z" fill="{d}"/>',
    "shell": '<path d="M20 118C20 66 56 30 100 30s80 36 80 88c0 30-30 52-80 52s-80-22-80-52z" fill="{t}"/><g '
    'stroke="{d}" stroke-width="5" opacity=".5" fill="none"><path d="M100 166V36M72 164 54 52M128 164l18-112M46 156 '
    '26 92M154 156l20-64"/></g><ellipse cx="100" cy="132" rx="48" ry="24" fill="{w}"/><circle cx="112" cy="128" '
    'r="11" fill="{l}"/>',
    "crab": '<ellipse cx="100" cy="116" rx="58" ry="44" fill="{t}"/><g stroke="{d}" stroke-width="9" '
    'stroke-linecap="round" fill="none"><path d="M52 136 24 156M56 150l-22 24M148 136l28 20M144 150l22 24M52 98C30 '
    '88 26 66 34 50M148 98c22-10 26-32 18-48"/></g><g fill="{t}"><path d="M34 56C16 48 18 24 38 18l-2 18 16-12c6 '
    '18-2 34-18 32z"/><path d="M166 56c18-8 16-32-4-38l2 18-16-12c-6 18 2 34 18 32z"/></g><g fill="#2E2420"><circle '
    'cx="82" cy="96" r="6"/><circle cx="118" cy="96" r="6"/></g><path d="M78 132c14 10 30 10 44 0" stroke="{w}" '
    'stroke-width="5" fill="none" stroke-linecap="round"/>',
    "seaweed": '<g fill="none" stroke-linecap="round" stroke-width="18"><path d="M60 178c-26-32 20-48 0-80s10-44 2-70" '
    'stroke="{t}"/><path d="M104 180c-24-36 24-56 2-90s10-50 0-76" stroke="{d}"/><path d="M146 178c-20-30 20-44 2-72s'
    '8-36 2-56" stroke="{t}"/></g><g stroke="{l}" stroke-width="4" fill="none" opacity=".6"><path d="M60 178c-26-32 '
    '20-48 0-80s10-44 2-70M146 178c-20-30 20-44 2-72s8-36 2-56"/></g>',
    "bag": '<path d="M48 50h104c14 40 18 88 10 126H38c-8-38-4-86 10-126z" fill="{t}"/><path d="M52 22c30 10 66 10 96 0l4 '
    '28H48z" fill="{l}"/><path d="M44 50h112" stroke="{d}" stroke-width="8" stroke-linecap="round"/><circle cx="100" '
    'cy="116" r="34" fill="{w}"/><g stroke="{t}" stroke-width="5" stroke-linecap="round" fill="none"><path d="M100 '
    '138V98M100 112l-12-10M100 112l12-10M100 126l-12-10M100 126l12-10"/></g>',
    "noodle": '<path d="M22 100h156c0 44-28 74-78 74s-78-30-78-74z" fill="{t}"/><path d="M22 100h156l-2 16H24z" '
    'fill="{d}" opacity=".4"/><g stroke="#F0D9A0" stroke-width="8" fill="none"><path d="M40 98c10-22 26-22 32-4s24 '
    '18 32 0 24-18 32 0 18 14 24 2"/><path d="M52 90c12-18 26-14 34-2s26 10 34-4"/></g><g stroke="#7A5A3A" '
    'stroke-width="7" stroke-linecap="round"><path d="M118 90l50-70M134 92l54-62"/></g>',
    "nut": '<path d="M38 108c-4-46 26-72 62-72s66 26 62 72c-4 40-30 68-62 68s-58-28-62-68z" fill="{t}"/><path '
    'd="M100 36c-10 40-10 96 0 140" stroke="{d}" stroke-width="5" fill="none"/><g stroke="{d}" stroke-width="4" '
    'fill="none" opacity=".55"><path d="M80 56c-26 14-14 34-26 44s-2 34 10 40M120 56c26 14 14 34 26 44s2 34-10 '
    '40M84 96c-12 10-10 30 0 40M116 96c12 10 10 30 0 40"/></g>',
    "cookie": '<circle cx="100" cy="104" r="74" fill="{t}"/><circle cx="100" cy="104" r="58" fill="none" stroke="{d}" '
    'stroke-width="5" stroke-dasharray="16 12" opacity=".45"/><g fill="#5B3D28"><circle cx="74" cy="84" r="10"/>'
    '<circle cx="120" cy="74" r="8"/><circle cx="132" cy="118" r="10"/><circle cx="88" cy="134" r="9"/><circle '
    'cx="100" cy="104" r="7"/></g><ellipse cx="62" cy="68" rx="14" ry="8" fill="{l}" opacity=".7" '
    'transform="rotate(-40 62 68)"/>',
    "teacup": '<path d="M26 82h120c0 50-20 82-60 82s-60-32-60-82z" fill="{w}"/><path d="M34 82h104c0 8-2 16-4 22H38c-2-6-'
    '4-14-4-22z" fill="{t}"/><path d="M144 94c34-8 42 42-14 44" stroke="{w}" stroke-width="11" fill="none"/><ellipse '
    'cx="86" cy="172" rx="72" ry="10" fill="{l}"/><g stroke="{d}" stroke-width="5" stroke-linecap="round" fill="none" '
    'opacity=".5"><path d="M64 62c-8-12 8-20 0-36M90 62c-8-12 8-20 0-36M116 62c-8-12 8-20 0-36"/></g><path d="M68 '
    '124c10-16 28-18 40-12-6 16-24 22-40 12z" fill="{t}"/>',
    "coffee": '<ellipse cx="72" cy="82" rx="40" ry="56" fill="{t}" transform="rotate(-28 72 82)"/><path d="M52 36c-8 34 '
    '44 54 42 92" stroke="{w}" stroke-width="6" fill="none" opacity=".75"/><ellipse cx="138" cy="130" rx="34" ry="48" '
    'fill="{d}" transform="rotate(34 138 130)"/><path d="M162 94c2 30-44 40-48 72" stroke="{w}" stroke-width="5" '
    'fill="none" opacity=".6"/>',
}

VESSELS: Final = {
    "oil": '<path d="M82 44h36c0 26 24 34 24 62v66c0 6-4 10-10 10H68c-6 0-10-4-10-10v-66c0-28 24-36 24-62z" fill="{l}"/>'
    '<path d="M60 104h80v68c0 6-4 8-8 8H68c-4 0-8-2-8-8z" fill="{t}"/><rect x="80" y="18" width="40" height="28" rx="5" '
    'fill="{d}"/><rect x="72" y="118" width="56" height="40" rx="4" fill="{w}" opacity=".9"/><path d="M100 124c10 12 '
    '10 26 0 28-10-2-10-16 0-28z" fill="{t}"/>',
    "jar": '<rect x="42" y="56" width="116" height="122" rx="22" fill="{l}"/><path d="M42 92h116v64c0 12-10 22-22 '
    '22H64c-12 0-22-10-22-22z" fill="{t}"/><rect x="50" y="26" width="100" height="34" rx="9" fill="{d}"/><rect x="62" '
    'y="104" width="76" height="48" rx="6" fill="{w}" opacity=".92"/><path d="M76 120h48M76 136h32" stroke="{d}" '
    'stroke-width="5" stroke-linecap="round" opacity=".5"/>',
    "pouch": '<path d="M46 26h108l8 18c-6 40-6 84 2 136H36c8-52 8-96 2-136z" fill="{t}"/><path d="M38 44h124" '
    'stroke="{w}" stroke-width="4" stroke-dasharray="7 6"/><path d="M60 74h80c8 0 12 6 12 12v56c0 6-4 12-12 12H60c-8 0-'
    '12-6-12-12V86c0-6 4-12 12-12z" fill="{w}" opacity=".92"/><circle cx="100" cy="106" r="20" fill="{l}"/><path '
    'd="M76 140h48" stroke="{d}" stroke-width="5" stroke-linecap="round" opacity=".5"/>',
    "bottle": '<path d="M80 48h40v18c18 8 26 20 26 38v66c0 8-6 12-12 12H66c-6 0-12-4-12-12v-66c0-18 8-30 26-38z" '
    'fill="{t}"/><rect x="80" y="20" width="40" height="28" rx="5" fill="{d}"/><rect x="54" y="106" width="92" '
    'height="48" fill="{w}" opacity=".92"/><path d="M70 122h60M70 138h38" stroke="{d}" stroke-width="5" '
    'stroke-linecap="round" opacity=".5"/><path d="M66 96c2-10 8-16 16-20" stroke="{l}" stroke-width="6" '
    'stroke-linecap="round" fill="none"/>',
    "tube": '<path d="M58 20h84l-10 128H68z" fill="{t}"/><path d="M58 20h84l-1 16H59z" fill="{d}" opacity=".4"/><rect '
    'x="72" y="148" width="56" height="34" rx="6" fill="{d}"/><rect x="76" y="60" width="48" height="58" rx="24" '
    'fill="{w}" opacity=".92"/><path d="M100 74c12 14 12 30 0 32-12-2-12-18 0-32z" fill="{t}"/>',
    "pump": '<rect x="48" y="80" width="104" height="102" rx="16" fill="{t}"/><rect x="74" y="58" width="52" height="24" '
    'rx="5" fill="{d}"/><path d="M100 58V34M100 34H60v12" stroke="{d}" stroke-width="11" fill="none" '
    'stroke-linejoin="round"/><rect x="84" y="20" width="46" height="16" rx="6" fill="{d}"/><rect x="64" y="104" '
    'width="72" height="52" rx="6" fill="{w}" opacity=".92"/><path d="M78 122h44M78 138h26" stroke="{d}" '
    'stroke-width="5" stroke-linecap="round" opacity=".5"/>',
    "dropper": '<rect x="56" y="92" width="88" height="90" rx="14" fill="{t}"/><path d="M78 92V76h44v16z" fill="{l}"/>'
    '<rect x="76" y="54" width="48" height="26" rx="4" fill="{d}"/><path d="M86 54V30c0-18 28-18 28 0v24z" '
    'fill="{d}"/><rect x="70" y="114" width="60" height="46" rx="4" fill="{w}" opacity=".92"/><path d="M100 120c10 12 '
    '10 26 0 30-10-4-10-18 0-30z" fill="{t}"/><path d="M160 128c10 14 10 28 0 30-10-2-10-16 0-30z" fill="{t}" '
    'opacity=".7"/>',
    "pot": '<rect x="34" y="92" width="132" height="84" rx="20" fill="{t}"/><rect x="28" y="58" width="144" height="40" '
    'rx="10" fill="{d}"/><path d="M28 72h144" stroke="{l}" stroke-width="4" opacity=".4"/><rect x="62" y="116" '
    'width="76" height="38" rx="6" fill="{w}" opacity=".92"/><path d="M78 136h44" stroke="{d}" stroke-width="5" '
    'stroke-linecap="round" opacity=".5"/>',
    "sheet": '<path d="M42 20h104c12 0 18 8 18 18v130c0 8-6 14-14 14H50c-8 0-14-6-14-14V26z" fill="{t}"/><path d="M100 '
    '46c-32 0-46 22-44 52 2 34 22 60 44 60s42-26 44-60c2-30-12-52-44-52z" fill="{w}"/><g fill="{t}"><ellipse cx="80" '
    'cy="90" rx="12" ry="7"/><ellipse cx="120" cy="90" rx="12" ry="7"/><ellipse cx="100" cy="132" rx="15" ry="6"/></g>'
    '<path d="M100 96v14" stroke="{l}" stroke-width="7" stroke-linecap="round"/>',
    "perfume": '<rect x="44" y="84" width="112" height="96" rx="14" fill="{l}"/><path d="M44 116h112v50c0 8-6 14-14 '
    '14H58c-8 0-14-6-14-14z" fill="{t}"/><rect x="82" y="60" width="36" height="24" fill="{d}"/><rect x="74" y="22" '
    'width="52" height="40" rx="7" fill="{d}"/><rect x="72" y="126" width="56" height="34" rx="4" fill="{w}" '
    'opacity=".9"/><path d="M56 98v60" stroke="{w}" stroke-width="6" stroke-linecap="round" opacity=".6"/>',
    "pan": '<path d="M20 84h124c0 52-20 84-62 84S20 136 20 84z" fill="{t}"/><ellipse cx="82" cy="84" rx="62" ry="17" '
    'fill="{d}"/><ellipse cx="82" cy="86" rx="48" ry="10" fill="{l}" opacity=".45"/><path d="M142 98l46-18" '
    'stroke="#7A5A3A" stroke-width="14" stroke-linecap="round"/><g stroke="{d}" stroke-width="5" fill="none" '
    'opacity=".4" stroke-linecap="round"><path d="M64 56c-8-12 8-18 0-30M98 56c-8-12 8-18 0-30"/></g>',
    "bowl": '<path d="M20 88h160c0 46-26 74-56 80v12H76v-12C46 162 20 134 20 88z" fill="{t}"/><ellipse cx="100" cy="88" '
    'rx="80" ry="18" fill="{w}"/><ellipse cx="100" cy="91" rx="64" ry="11" fill="{l}"/><path d="M40 122c34 18 86 18 120 '
    '0" stroke="{d}" stroke-width="5" fill="none" opacity=".35"/>',
    "flask": '<rect x="58" y="70" width="84" height="112" rx="16" fill="{t}"/><rect x="64" y="26" width="72" height="38" '
    'rx="9" fill="{d}"/><path d="M58 70h84v14H58z" fill="{l}"/><path d="M74 100v58" stroke="{l}" stroke-width="7" '
    'stroke-linecap="round"/><path d="M136 40c24 0 24 28 6 34" stroke="{d}" stroke-width="7" fill="none"/>',
    "cup": '<path d="M48 40h88l-6 128c0 6-6 12-12 12H66c-6 0-12-6-12-12z" fill="{l}"/><path d="M54 92h76l-5 74c0 6-4 8-'
    '9 8H68c-5 0-9-2-9-8z" fill="{t}"/><path d="M134 70c44-4 44 66-4 66" stroke="{d}" stroke-width="10" fill="none" '
    'opacity=".6"/><path d="M64 54l4 96" stroke="{w}" stroke-width="6" stroke-linecap="round" opacity=".8"/>',
}

THINGS: Final = {
    "soap": '<rect x="24" y="80" width="152" height="88" rx="26" fill="{t}"/><rect x="46" y="98" width="108" height="52" '
    'rx="16" fill="none" stroke="{d}" stroke-width="5" opacity=".4"/><g fill="{w}" opacity=".9"><circle cx="64" cy="58" '
    'r="18"/><circle cx="98" cy="44" r="13"/><circle cx="124" cy="62" r="10"/></g>',
    "lipstick": '<path d="M76 86V50c0-8 30-32 48-32v68z" fill="{t}"/><rect x="68" y="84" width="64" height="40" '
    'fill="{l}"/><rect x="60" y="120" width="80" height="62" rx="6" fill="{d}"/><path d="M72 132v38" stroke="{w}" '
    'stroke-width="5" stroke-linecap="round" opacity=".5"/>',
    "compact": '<circle cx="100" cy="66" r="50" fill="{d}"/><circle cx="100" cy="66" r="39" fill="{w}"/><path d="M76 '
    '78l30-34M92 84l26-28" stroke="{l}" stroke-width="6" stroke-linecap="round"/><ellipse cx="100" cy="146" rx="62" '
    'ry="34" fill="{d}"/><ellipse cx="100" cy="140" rx="50" ry="25" fill="{t}"/><ellipse cx="88" cy="134" rx="20" '
    'ry="8" fill="{l}" opacity=".6"/>',
    "pencil": '<g transform="rotate(38 100 100)"><rect x="86" y="8" width="28" height="128" rx="5" fill="{t}"/><path '
    'd="M86 136h28l-14 44z" fill="#E8D2B4"/><path d="M95 164h10l-5 16z" fill="{d}"/><rect x="86" y="8" width="28" '
    'height="30" rx="5" fill="{d}"/><path d="M94 48v78" stroke="{l}" stroke-width="4" opacity=".6"/></g>',
    "dress": '<path d="M74 20c6 14 46 14 52 0l14 6-10 54 36 100H34L70 80 60 26z" fill="{t}"/><path d="M68 84h64" '
    'stroke="{d}" stroke-width="8"/><g stroke="{d}" stroke-width="4" opacity=".35"><path d="M84 92 66 176M100 92v86M116 '
    '92l18 84"/></g>',
    "sweater": '<path d="M70 30h60l50 34-14 96h-24l-2-46v66H60v-66l-2 46H34L20 64z" fill="{t}"/><path d="M70 30c8 22 52 22 '
    '60 0" fill="{d}"/><path d="M60 168h80M34 150h24M142 150h24" stroke="{d}" stroke-width="8" opacity=".5"/><path '
    'd="M70 96l10 12 10-12 10 12 10-12 10 12 10-12" stroke="{w}" stroke-width="5" fill="none" opacity=".85"/>',
    "shirt": '<path d="M72 26 24 54l14 46 18-8v88h88V92l18 8 14-46-48-28z" fill="{t}"/><path d="M72 26l28 30 28-30-28 '
    '8z" fill="{w}"/><path d="M72 26l28 30-20 16zM128 26l-28 30 20 16z" fill="{l}" stroke="{d}" stroke-width="3"/><path '
    'd="M100 58v120" stroke="{d}" stroke-width="3" opacity=".5"/><g fill="{d}"><circle cx="106" cy="84" r="4"/><circle '
    'cx="106" cy="112" r="4"/><circle cx="106" cy="140" r="4"/></g>',
    "trousers": '<path d="M58 20h84l16 160h-44l-14-98-14 98H42z" fill="{t}"/><path d="M57 34h86" stroke="{d}" '
    'stroke-width="7"/><path d="M100 36v40M74 44l-12 18M126 44l12 18" stroke="{d}" stroke-width="4" opacity=".5" '
    'fill="none"/><path d="M70 84l-8 84M130 84l8 84" stroke="{l}" stroke-width="4" opacity=".5"/>',
    "coat": '<path d="M72 20h56l44 34-10 92-22-4v40H60v-40l-22 4-10-92z" fill="{t}"/><path d="M72 20l28 62 28-62-28 14z" '
    'fill="{w}"/><path d="M72 20 58 54l42 40 42-40-14-34-28 60z" fill="{l}"/><path d="M100 90v90" stroke="{d}" '
    'stroke-width="4"/><g fill="{d}"><circle cx="88" cy="112" r="5"/><circle cx="88" cy="138" r="5"/><circle cx="112" '
    'cy="112" r="5"/><circle cx="112" cy="138" r="5"/></g>',
    "tee": '<path d="M70 28 20 58l18 40 20-8v88h84V90l20 8 18-40-50-30c-8 22-52 22-60 0z" fill="{t}"/><path d="M70 '
    '28c8 22 52 22 60 0" stroke="{d}" stroke-width="7" fill="none" opacity=".55"/><path d="M58 164h84" stroke="{d}" '
    'stroke-width="4" opacity=".3"/>',
    "sock": '<path d="M72 20h56v78c0 14 44 26 44 56 0 20-16 26-36 26-42 0-64-18-64-46z" fill="{t}"/><path d="M72 20h56v24'
    'H72z" fill="{d}"/><path d="M72 62h56M72 80h56" stroke="{w}" stroke-width="6" opacity=".75"/><path d="M172 152c0 20-16 '
    '28-36 28-6 0 0-34 36-28z" fill="{d}"/>',
    "underwear": '<path d="M22 66h156v26c-30 6-52 26-60 54H82c-8-28-30-48-60-54z" fill="{t}"/><path d="M22 66h156v16H22z" '
    'fill="{d}" opacity=".45"/><path d="M86 74c8 10 20 10 28 0" stroke="{w}" stroke-width="4" fill="none"/>',
    "hat": '<path d="M60 108c2-44 14-66 40-66s38 22 40 66z" fill="{t}"/><path d="M60 98h80l2 16H58z" fill="{d}"/><path '
    'd="M56 110h88c16 14 30 30 36 48-50 18-110 18-160 0 6-18 20-34 36-48z" fill="{t}"/><path d="M44 140c34 12 78 12 '
    '112 0" stroke="{l}" stroke-width="4" fill="none" stroke-dasharray="8 6"/>',
    "scarf": '<path d="M48 40c28-22 76-22 104 0 14 14 8 40-8 46-28 12-60 12-88 0-16-6-22-32-8-46z" fill="{t}"/><path '
    'd="M92 88h52l14 76h-58z" fill="{d}"/><path d="M72 84h40v80H66z" fill="{t}"/><g stroke="{w}" stroke-width="5" '
    'opacity=".7"><path d="M70 108h44M68 132h46M102 120h50"/></g><g stroke="{d}" stroke-width="5"><path d="M72 '
    '164v16M84 164v16M96 164v16M108 164v16M124 164v16M140 164v16M154 164v16"/></g>',
    "tote": '<path d="M66 78V56c0-44 68-44 68 0v22" stroke="{d}" stroke-width="10" fill="none"/><path d="M36 74h128l8 '
    '106H28z" fill="{t}"/><path d="M36 88h128" stroke="{d}" stroke-width="4" stroke-dasharray="8 6" opacity=".6"/>'
    '<circle cx="100" cy="132" r="22" fill="{w}" opacity=".9"/><path d="M90 132c6-12 18-12 22-6-2 12-12 16-22 6z" '
    'fill="{t}"/>',
    "belt": '<circle cx="92" cy="106" r="62" fill="none" stroke="{t}" stroke-width="26"/><circle cx="92" cy="106" r="36" '
    'fill="none" stroke="{d}" stroke-width="18"/><path d="M92 31h84v26H92z" fill="{t}"/><rect x="132" y="22" width="40" '
    'height="44" rx="6" fill="none" stroke="#C9A24B" stroke-width="8"/><path d="M134 44h28" stroke="#C9A24B" '
    'stroke-width="6"/>',
    "quilt": '<path d="M24 92h152v78c0 6-4 10-10 10H34c-6 0-10-4-10-10z" fill="{t}"/><rect x="34" y="52" width="62" '
    'height="42" rx="14" fill="{w}"/><rect x="104" y="52" width="62" height="42" rx="14" fill="{w}"/><path d="M24 '
    '92h152v26H24z" fill="{l}"/><g stroke="{d}" stroke-width="4" opacity=".35" fill="none"><path d="M24 150h152M62 '
    '118v62M100 118v62M138 118v62"/></g><path d="M24 40v50M176 40v50" stroke="{d}" stroke-width="9" '
    'stroke-linecap="round"/>',
    "pillow": '<path d="M22 64c48-18 108-18 156 0 10 26 10 62 0 92-48 14-108 14-156 0-10-30-10-66 0-92z" fill="{t}"/>'
    '<path d="M40 84c38-10 82-10 120 0" stroke="{w}" stroke-width="7" stroke-linecap="round" fill="none" opacity=".8"/>'
    '<path d="M40 136c38 8 82 8 120 0" stroke="{d}" stroke-width="5" fill="none" opacity=".3"/>',
    "towel": '<rect x="26" y="128" width="148" height="48" rx="20" fill="{t}"/><rect x="34" y="84" width="132" height="46" '
    'rx="20" fill="{l}"/><rect x="42" y="42" width="116" height="44" rx="20" fill="{w}"/><g stroke="{d}" '
    'stroke-width="5" opacity=".4" stroke-linecap="round"><path d="M52 152h94M60 107h80M66 64h68"/></g>',
    "curtain": '<path d="M20 26h160" stroke="{d}" stroke-width="10" stroke-linecap="round"/><path d="M28 32h58c4 60-10 '
    '100-30 146H28z" fill="{t}"/><path d="M172 32h-58c-4 60 10 100 30 146h28z" fill="{t}"/><g stroke="{d}" '
    'stroke-width="4" opacity=".4" fill="none"><path d="M44 34v142M64 34c2 60-6 100-14 142M156 34v142M136 34c-2 60 6 '
    '100 14 142"/></g><circle cx="100" cy="84" r="18" fill="#F3D98B"/>',
    "knife": '<g transform="rotate(-24 100 100)"><path d="M20 70h112v48c-50 4-92-8-112-48z" fill="{l}"/><path d="M20 '
    '70h112v14H26z" fill="{w}" opacity=".9"/><path d="M132 70h52c6 0 8 4 8 10v6c0 6-2 10-8 10h-52z" fill="#6B4A34"/><g '
    'fill="{w}"><circle cx="148" cy="83" r="4"/><circle cx="172" cy="83" r="4"/></g><path d="M20 70c20 40 62 52 112 '
    '48" stroke="{d}" stroke-width="4" fill="none"/></g>',
    "board": '<path d="M84 20h32c6 0 8 4 8 10v22h32c10 0 16 6 16 16v98c0 10-6 16-16 16H44c-10 0-16-6-16-16V68c0-10 6-16 '
    '16-16h32V30c0-6 2-10 8-10z" fill="{t}"/><circle cx="100" cy="36" r="7" fill="{w}"/><g stroke="{d}" '
    'stroke-width="4" opacity=".4"><path d="M28 86h144M28 118h144M28 150h144"/></g>',
    "box": '<path d="M24 76h152v96c0 6-4 10-10 10H34c-6 0-10-4-10-10z" fill="{t}"/><path d="M18 48h164v32H18z" '
    'fill="{d}"/><rect x="74" y="104" width="52" height="32" rx="6" fill="{w}" opacity=".92"/><path d="M86 120h28" '
    'stroke="{d}" stroke-width="5" stroke-linecap="round"/><path d="M24 160h152" stroke="{l}" stroke-width="4" '
    'opacity=".6"/>',
    "basket": '<path d="M48 84c4-76 100-76 104 0" stroke="{d}" stroke-width="9" fill="none"/><path d="M24 82h152l-16 98'
    'H40z" fill="{t}"/><g stroke="{d}" stroke-width="5" opacity=".5" fill="none"><path d="M30 110h140M34 134h132M38 158h124M'
    '62 84l8 94M100 84v94M138 84l-8 94"/></g><path d="M20 82h160" stroke="{l}" stroke-width="11" stroke-linecap="round"/>',
    "hanger": '<path d="M100 70c-2-12 16-16 16-30 0-18-28-20-30-2" stroke="{d}" stroke-width="8" fill="none" '
    'stroke-linecap="round"/><path d="M100 70 24 134c-12 12-6 26 10 26h132c16 0 22-14 10-26z" fill="none" stroke="{t}" '
    'stroke-width="15" stroke-linejoin="round"/><path d="M40 148h120" stroke="{l}" stroke-width="4"/>',
    "brush": '<g transform="rotate(28 100 100)"><rect x="90" y="4" width="20" height="118" rx="9" fill="{d}"/><rect x="64" '
    'y="116" width="72" height="26" rx="7" fill="{t}"/><g stroke="{l}" stroke-width="8" stroke-linecap="round"><path '
    'd="M72 146v34M86 146v38M100 146v40M114 146v38M128 146v34"/></g></g>',
}

SHAPES: Final = FOOD | VESSELS | THINGS
