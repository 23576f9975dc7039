"""Files and batches of the rehearsal's server, in memory; a restart loses them, and runs send them again."""

import json
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from matchme_pipeline.llm.rehearsal.wire import Json, error

_MISSING = error("No such object", "not_found")


class Batches:
    """The Batch API; a batch is finished at the first poll at least `seconds` after its creation."""

    def __init__(self, answer: Callable[[str, Json], Json], seconds: float) -> None:
        self._answer = answer
        self._seconds = seconds
        self._files: dict[str, bytes] = {}
        self._batches: dict[str, Json] = {}
        self._made = 0

    def routes(self) -> list[Route]:
        """The routes under /v1."""
        return [
            Route("/v1/files", self._upload, methods=["POST"]),
            Route("/v1/files/{id}/content", self._content, methods=["GET"]),
            Route("/v1/files/{id}", self._delete, methods=["DELETE"]),
            Route("/v1/batches", self._create, methods=["POST"]),
            Route("/v1/batches", self._list, methods=["GET"]),
            Route("/v1/batches/{id}", self._retrieve, methods=["GET"]),
            Route("/v1/batches/{id}/cancel", self._cancel, methods=["POST"]),
        ]

    async def _upload(self, request: Request) -> Response:
        async with request.form(max_part_size=200_000_000) as form:
            file = form["file"]
            if isinstance(file, str):
                return JSONResponse(error("file is no file", "invalid_request_error"), 400)
            content = await file.read()
        return JSONResponse(
            {
                "id": self._keep(content),
                "object": "file",
                "bytes": len(content),
                "created_at": int(time.time()),
                "filename": "batch.jsonl",
                "purpose": "batch",
                "status": "processed",
            }
        )

    async def _content(self, request: Request) -> Response:
        content = self._files.get(request.path_params["id"])
        if content is None:
            return JSONResponse(_MISSING, 404)
        return Response(content, media_type="application/jsonl")

    async def _delete(self, request: Request) -> Response:
        self._files.pop(request.path_params["id"], None)
        return JSONResponse({"id": request.path_params["id"], "object": "file", "deleted": True})

    async def _create(self, request: Request) -> Response:
        wanted = await request.json()
        if wanted["input_file_id"] not in self._files:
            return JSONResponse(_MISSING, 404)
        self._made += 1
        batch = {
            "id": f"batch_{self._made}_{time.time_ns()}",
            "object": "batch",
            "status": "in_progress",
            "created_at": int(time.time()),
            "completion_window": "24h",
            "endpoint": wanted["endpoint"],
            "input_file_id": wanted["input_file_id"],
            "metadata": wanted.get("metadata"),
            "output_file_id": None,
            "error_file_id": None,
        }
        self._batches[str(batch["id"])] = batch | {"due": time.monotonic() + self._seconds}
        return JSONResponse(batch)

    async def _list(self, request: Request) -> Response:
        newest = list(reversed(self._batches.values()))
        after = request.query_params.get("after")
        start = next((number + 1 for number, batch in enumerate(newest) if batch["id"] == after), 0)
        page = newest[start : start + int(request.query_params.get("limit", 20))]
        return JSONResponse(
            {"object": "list", "data": list(map(_shown, page)), "has_more": start + len(page) < len(newest)}
        )

    async def _retrieve(self, request: Request) -> Response:
        batch = self._batches.get(request.path_params["id"])
        if batch is None:
            return JSONResponse(_MISSING, 404)
        if batch["status"] == "in_progress" and time.monotonic() >= batch["due"]:
            self._finish(batch)
        return JSONResponse(_shown(batch))

    async def _cancel(self, request: Request) -> Response:
        batch = self._batches.get(request.path_params["id"])
        if batch is None:
            return JSONResponse(_MISSING, 404)
        if batch["status"] == "in_progress":
            batch["status"] = "cancelled"
        return JSONResponse(_shown(batch))

    def _finish(self, batch: Json) -> None:
        lines = [json.loads(line) for line in self._files[batch["input_file_id"]].decode().splitlines() if line]
        answered = []
        for number, line in enumerate(lines):
            body = self._answer(line["url"], line["body"])
            response = {"status_code": 200, "request_id": f"req_{batch['id']}_{number}", "body": body}
            answered.append({"id": "x", "custom_id": line["custom_id"], "response": response, "error": None})
        batch["status"] = "completed"
        batch["output_file_id"] = self._keep("\n".join(map(json.dumps, answered)).encode())

    def _keep(self, content: bytes) -> str:
        self._made += 1
        file_id = f"file-{self._made}-{time.time_ns()}"
        self._files[file_id] = content
        return file_id


def _shown(batch: Json) -> Json:
    return {name: value for name, value in batch.items() if name != "due"}
