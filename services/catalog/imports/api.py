"""HTTP for product imports."""

from datetime import datetime
from pathlib import PurePath
from typing import Annotated
from uuid import UUID

from fastapi import File, UploadFile

from services.catalog.imports.files import count_rows
from services.catalog.imports.storage import ImportState, ProductImport, ProductImports
from services.catalog.imports.usecases import resume_import, start_import
from services.catalog.resources import Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import BodyTooLarge, View
from shared.http.callers import AnyOperator, Editor
from shared.http.paging import After, Limit, Page, page_of, place_after, plain_text, whole_number
from shared.http.problems import NotFound
from shared.http.work import Now, Work

MOST_BYTES = 5 * 1024 * 1024

router = service_router("/operator/product-imports", tags=["product imports"])


class ImportView(View):
    """How far an import is; ``rows_done`` of ``rows_total`` were created, updated, unchanged or failed."""

    import_id: UUID
    file_name: str
    sha256: str
    state: ImportState
    rows_total: int
    rows_done: int
    rows_created: int
    rows_updated: int
    rows_unchanged: int
    rows_failed: int
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, product_import: ProductImport) -> "ImportView":
        """The view of a stored import."""
        values = {
            name: getattr(product_import, name) for name in cls.model_fields if hasattr(product_import, name)
        }
        counted = ("rows_created", "rows_updated", "rows_unchanged", "rows_failed")
        return cls(import_id=product_import.id, rows_done=sum(values[name] for name in counted), **values)


class ImportErrorView(View):
    """One thing that is wrong with one row; the row of column names is number 1."""

    row_number: int
    column: str
    reason: str


@router.post("", status_code=202)
async def upload(file: Annotated[UploadFile, File()], caller: Editor, work: Work, now: Now) -> ImportView:
    """Upload a CSV file of at most 5 MiB and 50,000 rows; the worker takes it over."""
    content = await file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BodyTooLarge(f"At most {MOST_BYTES} bytes.")
    product_import = await start_import(
        work,
        content,
        file_name=PurePath(file.filename or "").name[:200],
        rows_total=count_rows(content),
        by=caller.subject,
        at=now,
    )
    view = ImportView.of(product_import)
    await work.audit_log.record(
        "product-import.start",
        f"product-import/{product_import.id}",
        by=caller,
        at=now,
        after={"sha256": view.sha256, "rows_total": view.rows_total},
    )
    return view


@router.get("/{import_id}")
async def show_import(import_id: UUID, caller: AnyOperator, resources: Own) -> ImportView:
    """How far an import is."""
    async with reading(resources.engine) as connection:
        return ImportView.of(_found(await ProductImports(connection).find(import_id)))


@router.get("/{import_id}/errors")
async def list_errors(
    import_id: UUID, caller: AnyOperator, resources: Own, after: After = None, limit: Limit = 50
) -> Page[ImportErrorView]:
    """What is wrong with which rows."""
    async with reading(resources.engine) as connection:
        imports = ProductImports(connection)
        _found(await imports.find(import_id))
        row_number, column = place_after(after, whole_number(below=2**31), plain_text) or [0, ""]
        errors = await imports.errors(import_id, after=(row_number, column), limit=limit + 1)
    items = [
        ImportErrorView(row_number=error.row_number, column=error.column, reason=error.reason)
        for error in errors
    ]
    return page_of(items, limit, place=lambda each: (each.row_number, each.column))


@router.post("/{import_id}/resume")
async def resume(import_id: UUID, caller: Editor, work: Work, now: Now) -> ImportView:
    """Go on now with an import that stopped, after its last whole batch."""
    product_import = await resume_import(work, import_id, at=now)
    await work.audit_log.record("product-import.resume", f"product-import/{import_id}", by=caller, at=now)
    return ImportView.of(product_import)


def _found(product_import: ProductImport | None) -> ProductImport:
    if product_import is None:
        raise NotFound()
    return product_import
