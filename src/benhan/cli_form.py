"""What `benhan form` does: a form of the record as it is read, to be held beside the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from benhan.core.fhir.outcome import NotFound

console = Console(highlight=False)


def form(
    code: Annotated[str, typer.Argument(help="Mã mẫu, ví dụ 01/BV1; để trống thì liệt kê.")] = "",
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Ghi mẫu trống để in vào tệp này.")] = None,
) -> None:
    """Print a form with its blocks in place and what is marked about it; without a code, list the forms."""
    from benhan.core.kit.printing import render_now
    from benhan.hospital.chart import forms
    from benhan.hospital.chart.forms import sheets
    from benhan.hospital.chart.forms.printing import outline

    if not code:
        for one in forms.forms().values():
            console.print(f"{one.code}  {one.title}")
        return
    try:
        found = forms.form(code)
    except NotFound as unknown:
        raise typer.BadParameter(str(unknown)) from None
    if pdf:
        pdf.write_bytes(render_now(sheets.TEMPLATE, sheets.sheet(found)))
        return
    for line in outline(found):
        console.print(Text(line), soft_wrap=True)
