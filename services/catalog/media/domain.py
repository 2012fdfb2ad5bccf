"""Which files are pictures, and how they may be shown."""

from shared.http.problems import Problem

MOST_BYTES = 5 * 1024 * 1024
SVG = "image/svg+xml"

_BEGINNINGS = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
    SVG: (b"<svg", b"<?xml", b"<!--"),
}


class NotAPicture(Problem):
    """Only PNG, JPEG, GIF, WebP and SVG are kept, and only when the file is what it says."""

    slug, title, status = "catalog/not-a-picture", "The file is not a picture of a known kind", 415


def check_picture(content_type: str, content: bytes) -> None:
    """A file must be what its content type says; raises NotAPicture."""
    beginning = content.removeprefix(b"\xef\xbb\xbf").lstrip() if content_type == SVG else content
    if not beginning.startswith(_BEGINNINGS.get(content_type, ())):
        raise NotAPicture()
    if content_type == "image/webp" and content[8:12] != b"WEBP":
        raise NotAPicture()


def headers_of(content_type: str) -> dict[str, str]:
    """What keeps a browser from running anything it finds in a picture."""
    headers = {"x-content-type-options": "nosniff", "cross-origin-resource-policy": "cross-origin"}
    if content_type == SVG:
        headers["content-security-policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return headers
