"""Files of this machine that tools may read: those of one folder that the settings name, and no others.

A path comes from a model, so it is data: one that leads out of the folder, also by a link, is refused.
"""

from pathlib import Path

from smeboost_shared.errors import FieldProblem, InvalidInput, NotFound, TooLarge


def read_file(folder: Path | None, name: str, *, bytes_max: int) -> tuple[str, bytes]:
    """The name and the bytes of a file below `folder`.

    Raises:
        InvalidInput: no folder is set, or the path leads out of it.
        NotFound: there is no such file.
        TooLarge: it has more than `bytes_max` bytes.
    """
    path = _inside(folder, name)
    try:
        size = path.stat().st_size
        if size > bytes_max:
            problem = FieldProblem(field="path", message=f"has {size} bytes; {bytes_max} can be uploaded")
            raise TooLarge("The file is too large to upload.", errors=[problem])
        return path.name, path.read_bytes()
    except (OSError, ValueError) as exc:
        problem = FieldProblem(field="path", message="cannot be read")
        raise NotFound("There is no such file.", errors=[problem]) from exc


def _inside(folder: Path | None, name: str) -> Path:
    if folder is None:
        hint = "Set AIRTABLE_FILES_DIR to a folder, or give the content itself."
        problem = FieldProblem(field="path", message="files of this machine are closed to tools")
        raise InvalidInput("No folder is open to this server.", hint=hint, errors=[problem])
    root = folder.resolve()
    try:
        path = (root / name).resolve()
    except (OSError, ValueError):  # a NUL, half a character, a circle of links
        path = root
    if path == root or not path.is_relative_to(root):
        raise InvalidInput(
            "The path leads out of the folder.", errors=[FieldProblem(field="path", message="is outside")]
        )
    return path
