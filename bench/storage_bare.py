"""What storage is measured beside: `python bench/storage_bare.py PORT FILE` writes every body to FILE as it comes."""

import os
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route


def app(path: Path) -> Starlette:
    """The plainest app that keeps a body: no rights, no row, no thread."""

    async def write(request: Request) -> Response:
        with path.open("wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        return JSONResponse({"done": True})

    async def read(_request: Request) -> Response:
        return FileResponse(path)

    return Starlette(routes=[Route("/file", write, methods=["PUT"]), Route("/file", read)])


if __name__ == "__main__":
    uvicorn.run(app(Path(sys.argv[2])), port=int(sys.argv[1]), log_level="warning", access_log=False)
