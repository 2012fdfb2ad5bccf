"""Only pictures are kept, and an SVG can run nothing (SEC13)."""

import pytest

from services.catalog.media.domain import NotAPicture, check_picture, headers_of

PNG = b"\x89PNG\r\n\x1a\n..."


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("image/png", PNG),
        ("image/jpeg", b"\xff\xd8\xff\xe0"),
        ("image/webp", b"RIFF\x00\x00\x00\x00WEBPVP8 "),
        ("image/svg+xml", b"\xef\xbb\xbf <svg xmlns='http://www.w3.org/2000/svg'/>"),
    ],
)
def test_a_picture_is_what_it_says(content_type: str, content: bytes) -> None:
    check_picture(content_type, content)


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("text/html", b"<html>"),
        ("image/png", b"<html>"),
        ("image/svg+xml", b"<html>"),
        ("image/webp", b"RIFF\x00\x00\x00\x00WAVE"),
        ("", PNG),
        ("image/png", b""),
        ("application/octet-stream", PNG),
    ],
)
def test_anything_else_is_refused(content_type: str, content: bytes) -> None:
    with pytest.raises(NotAPicture):
        check_picture(content_type, content)


def test_an_svg_is_served_so_that_nothing_in_it_runs() -> None:
    assert headers_of("image/svg+xml")["content-security-policy"].startswith("default-src 'none'")
    assert headers_of("image/png")["x-content-type-options"] == "nosniff"
