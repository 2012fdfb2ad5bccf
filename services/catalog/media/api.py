"""HTTP for pictures."""

from typing import Annotated

from fastapi import Path, Request
from starlette.responses import Response

from services.catalog.media.domain import MOST_BYTES, check_picture, headers_of
from services.catalog.media.storage import MediaFiles
from services.catalog.resources import Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import BodyTooLarge, View
from shared.http.callers import Editor
from shared.http.problems import NotFound
from shared.http.work import Now, Work

router = service_router(tags=["media"])

MediaPath = Annotated[
    str, Path(max_length=200, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,5}$")
]
MAX_AGE_SECONDS = 3600


class MediaView(View):
    """Where a stored picture is found."""

    url: str
    content_type: str
    size_bytes: int
    etag: str


@router.get("/media/{path:path}", response_class=Response)
async def show_media(path: MediaPath, request: Request, resources: Own) -> Response:
    """A picture; 304 when the client has it already."""
    async with reading(resources.engine) as connection:
        file = await MediaFiles(connection).find(path, known=request.headers.get("if-none-match"))
    if file is None:
        raise NotFound()
    headers = {"etag": file.etag, "cache-control": f"public, max-age={MAX_AGE_SECONDS}"}
    if file.content is None:
        return Response(status_code=304, headers=headers)
    return Response(
        file.content, headers=headers | headers_of(file.content_type), media_type=file.content_type
    )


@router.put("/operator/media/{path:path}")
async def put_media(path: MediaPath, request: Request, caller: Editor, work: Work, now: Now) -> MediaView:
    """Keep a picture of at most 5 MiB at a path; the body is the file itself."""
    content = await _body(request)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    check_picture(content_type, content)
    etag = await MediaFiles(work.connection).save(path, content_type, content, at=now)
    view = MediaView(url=f"/media/{path}", content_type=content_type, size_bytes=len(content), etag=etag)
    await work.audit_log.record("media.save", f"media/{path}", by=caller, at=now, after=view)
    return view


async def _body(request: Request) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MOST_BYTES:
            raise BodyTooLarge(f"At most {MOST_BYTES} bytes.")
        chunks.append(chunk)
    return b"".join(chunks)
