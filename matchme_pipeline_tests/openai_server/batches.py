"""Files and batches of the fake server."""

import json
import random
import re
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Json = dict[str, Any]


class FakeBatches:
    """The Batch API: a batch is over after `looks` looks at it.

    `end`: how it ends (completed, expired, failed); an expired one has answered half of its requests. `error_share` of
    the requests of a completed one end in the error file. `lose_create_answers`: so many answers to the creation of a
    batch get lost, though the batch is there; `deaf_looks`: so many looks end in an error. `offered`: whether there is
    a Batch API at all; `most_lines`: a batch of more fails for too many waiting tokens.
    """

    def __init__(self, answer: Callable[[str, Json], Json]) -> None:
        self.looks = 2
        self.end = "completed"
        self.error_share = 0.0
        self.lose_create_answers = 0
        self.deaf_looks = 0
        self.offered = True
        self.most_lines: int | None = None
        self.files: dict[str, bytes] = {}
        # Everything that was ever uploaded.
        self.uploaded: list[bytes] = []
        self.batches: dict[str, Json] = {}
        self.deleted: list[str] = []
        self._answer = answer
        self._random = random.Random(5)

    def routes(self, at_times_faulty: Callable[[str, Any], Any]) -> list[Route]:
        """The routes; `at_times_faulty(area, serve)` puts an area's faults before what it serves."""
        served = [
            ("/v1/files", self._upload, "POST"),
            ("/v1/files/{id}/content", self._content, "GET"),
            ("/v1/files/{id}", self._delete, "DELETE"),
            ("/v1/batches", self._create, "POST"),
            ("/v1/batches", self._list, "GET"),
            ("/v1/batches/{id}", self._retrieve, "GET"),
            ("/v1/batches/{id}/cancel", self._cancel, "POST"),
        ]
        return [
            Route(path, at_times_faulty("files" if "/files" in path else "batches", serve), methods=[method])
            for path, serve, method in served
        ]

    async def _upload(self, request: Request) -> Response:
        if not self.offered:
            return JSONResponse({"detail": "Not Found"}, 404)
        boundary = re.search(r"boundary=(\S+)", request.headers["content-type"])
        assert boundary is not None
        parts = (await request.body()).split(b"--" + boundary[1].strip('"').encode())
        content = next(p.split(b"\r\n\r\n", 1)[1][:-2] for p in parts if b"filename=" in p)
        file_id = self._keep(content)
        self.uploaded.append(content)
        return JSONResponse(
            {"id": file_id, "object": "file", "bytes": len(content), "created_at": 0, "filename": "x.jsonl",
             "purpose": "batch", "status": "processed"}
        )  # fmt: skip

    async def _content(self, request: Request) -> Response:
        content = self.files.get(request.path_params["id"])
        if content is None:
            return JSONResponse({"error": {"message": "No such File object", "code": None}}, 404)
        return Response(content, media_type="application/jsonl")

    async def _delete(self, request: Request) -> Response:
        file_id = request.path_params["id"]
        self.deleted.append(file_id)
        self.files.pop(file_id, None)
        return JSONResponse({"id": file_id, "object": "file", "deleted": True})

    async def _create(self, request: Request) -> Response:
        wanted = await request.json()
        batch = {
            "id": f"batch_{len(self.batches) + 1}", "object": "batch", "status": "in_progress", "created_at": 0,
            "completion_window": "24h", "endpoint": wanted["endpoint"], "input_file_id": wanted["input_file_id"],
            "metadata": wanted["metadata"], "output_file_id": None, "error_file_id": None, "looks": 0,
        }  # fmt: skip
        self.batches[batch["id"]] = batch
        if self.lose_create_answers:
            self.lose_create_answers -= 1
            return JSONResponse({"error": {"message": "lost", "code": "server_error"}}, 500)
        return JSONResponse(batch)

    async def _list(self, request: Request) -> Response:
        newest = list(reversed(self.batches.values()))
        after = request.query_params.get("after")
        start = next((i + 1 for i, b in enumerate(newest) if b["id"] == after), 0)
        page = newest[start : start + int(request.query_params.get("limit", 20))]
        return JSONResponse({"object": "list", "data": page, "has_more": start + len(page) < len(newest)})

    async def _retrieve(self, request: Request) -> Response:
        if self.deaf_looks:
            self.deaf_looks -= 1
            return JSONResponse({"error": {"message": "down", "code": "server_error"}}, 500)
        batch = self.batches[request.path_params["id"]]
        batch["looks"] += 1
        if batch["looks"] >= self.looks and batch["status"] in ("in_progress", "cancelling"):
            self._finish(batch, "cancelled" if batch["status"] == "cancelling" else self.end)
        return JSONResponse(batch)

    async def _cancel(self, request: Request) -> Response:
        batch = self.batches[request.path_params["id"]]
        if batch["status"] == "in_progress":
            batch["status"] = "cancelling"
            batch["looks"] = self.looks
        return JSONResponse(batch)

    def _finish(self, batch: Json, end: str) -> None:
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].decode().splitlines()]
        if self.most_lines is not None and len(lines) > self.most_lines:
            error = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "line": None}
            batch["errors"] = {"object": "list", "data": [error]}
            end = "failed"
        batch["status"] = end
        if end == "failed":
            return
        answered, failed = [], []
        for number, line in enumerate(lines):
            if end in ("expired", "cancelled") and number >= len(lines) // 2:
                error = {"code": "batch_expired", "message": "not executed"}
                failed.append({"id": "x", "custom_id": line["custom_id"], "response": None, "error": error})
            elif self._random.random() < self.error_share:
                response = {"status_code": 500, "request_id": "req_b", "body": {"error": {"code": "server_error"}}}
                failed.append({"id": "x", "custom_id": line["custom_id"], "response": response, "error": None})
            else:
                body = self._answer(line["url"], line["body"])
                response = {"status_code": 200, "request_id": f"req_b{number}", "body": body}
                answered.append({"id": "x", "custom_id": line["custom_id"], "response": response, "error": None})
        self._random.shuffle(answered)
        batch["output_file_id"] = self._keep_lines(answered)
        batch["error_file_id"] = self._keep_lines(failed)

    def _keep_lines(self, lines: list[Json]) -> str | None:
        return self._keep("\n".join(map(json.dumps, lines)).encode()) if lines else None

    def _keep(self, content: bytes) -> str:
        file_id = f"file-{len(self.files) + len(self.deleted) + 1}"
        self.files[file_id] = content
        return file_id
