"""Message batches of the fake server."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Json = dict[str, Any]


class FakeMessageBatches:
    """The Message Batches API: a batch has ended after `looks` looks at it.

    `end`: how its requests end (succeeded, expired for the second half, errored); `error_share` of the requests of one
    that succeeds are errored. `lose_create_answers`: so many answers to the creation of a batch get lost, though the
    batch is there; `offered`: whether there is such an API at all.
    """

    def __init__(self, answer: Callable[[Json], Json], url: Callable[[], str]) -> None:
        self.looks = 2
        self.end = "succeeded"
        self.error_share = 0.0
        self.lose_create_answers = 0
        self.offered = True
        self.batches: dict[str, Json] = {}
        # The results of batches that are not deleted.
        self.files: dict[str, bytes] = {}
        self.deleted: list[str] = []
        # Half a file, once, in the place of the results.
        self.halve_results = False
        self._requests: dict[str, list[Json]] = {}
        self._looked: dict[str, int] = {}
        self._answer = answer
        self._url = url
        self._random = random.Random(5)

    def routes(self, at_times_faulty: Callable[[str, Any], Any]) -> list[Route]:
        """The routes; `at_times_faulty(area, serve)` puts an area's faults before what it serves."""
        served = [
            ("/v1/messages/batches", self._create, "POST", "batches"),
            ("/v1/messages/batches", self._list, "GET", "batches"),
            ("/v1/messages/batches/{id}", self._retrieve, "GET", "batches"),
            ("/v1/messages/batches/{id}", self._delete, "DELETE", "batches"),
            ("/v1/messages/batches/{id}/cancel", self._cancel, "POST", "batches"),
            ("/v1/messages/batches/{id}/results", self._results, "GET", "results"),
        ]
        return [Route(path, at_times_faulty(area, serve), methods=[method]) for path, serve, method, area in served]

    async def _create(self, request: Request) -> Response:
        if not self.offered:
            return JSONResponse({"type": "error", "error": {"type": "not_found_error", "message": "Not found"}}, 404)
        wanted = (await request.json())["requests"]
        now = datetime.now(UTC).isoformat()
        batch = {
            "id": f"msgbatch_{len(self.batches) + 1}", "type": "message_batch", "processing_status": "in_progress",
            "created_at": now, "expires_at": now, "ended_at": None, "cancel_initiated_at": None, "archived_at": None,
            "results_url": None, "request_counts": _counts(processing=len(wanted)),
        }  # fmt: skip
        self.batches[batch["id"]] = batch
        self._requests[batch["id"]] = wanted
        self._looked[batch["id"]] = 0
        if self.lose_create_answers:
            self.lose_create_answers -= 1
            return JSONResponse({"type": "error", "error": {"type": "api_error", "message": "lost"}}, 500)
        return JSONResponse(batch)

    async def _list(self, request: Request) -> Response:
        newest = list(reversed(self.batches.values()))
        after = request.query_params.get("after_id")
        start = next((i + 1 for i, b in enumerate(newest) if b["id"] == after), 0)
        page = newest[start : start + int(request.query_params.get("limit", 20))]
        # A look at the list moves batches on as a look at one does.
        page = [self._looked_at(batch["id"]) for batch in page]
        more = start + len(page) < len(newest)
        ends = {"first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None}
        return JSONResponse({"data": page, "has_more": more, **ends})

    async def _retrieve(self, request: Request) -> Response:
        if request.path_params["id"] not in self.batches:
            return JSONResponse({"type": "error", "error": {"type": "not_found_error", "message": "Not found"}}, 404)
        return JSONResponse(self._looked_at(request.path_params["id"]))

    async def _results(self, request: Request) -> Response:
        content = self.files[request.path_params["id"]]
        if self.halve_results:
            self.halve_results = False
            content = content[: len(content) // 2]
        return Response(content, media_type="application/x-jsonl")

    async def _delete(self, request: Request) -> Response:
        name = request.path_params["id"]
        self.deleted.append(name)
        self.files.pop(name, None)
        return JSONResponse({"id": name, "type": "message_batch_deleted"})

    async def _cancel(self, request: Request) -> Response:
        batch = self.batches[request.path_params["id"]]
        if batch["processing_status"] == "in_progress":
            batch["processing_status"] = "canceling"
            self._looked[batch["id"]] = self.looks
        return JSONResponse(batch)

    def _looked_at(self, name: str) -> Json:
        batch = self.batches[name]
        self._looked[name] += 1
        if batch["processing_status"] != "ended" and self._looked[name] >= self.looks:
            self._finish(batch, "canceled" if batch["processing_status"] == "canceling" else self.end)
        return batch

    def _finish(self, batch: Json, end: str) -> None:
        requests, lines = self._requests[batch["id"]], []
        for number, request in enumerate(requests):
            if end in ("expired", "canceled") and number >= len(requests) // 2:
                result: Json = {"type": end}
            elif end == "errored" or self._random.random() < self.error_share:
                error = {"type": "error", "error": {"type": "api_error", "message": "Internal server error"}}
                result = {"type": "errored", "error": error}
            else:
                result = {"type": "succeeded", "message": self._answer(request["params"])}
            lines.append({"custom_id": request["custom_id"], "result": result})
        self._random.shuffle(lines)
        self.files[batch["id"]] = "".join(json.dumps(line) + "\n" for line in lines).encode()
        kinds = [line["result"]["type"] for line in lines]
        batch["request_counts"] = _counts(**{kind: kinds.count(kind) for kind in kinds})
        batch["processing_status"] = "ended"
        batch["ended_at"] = datetime.now(UTC).isoformat()
        batch["results_url"] = f"{self._url()}/v1/messages/batches/{batch['id']}/results"


def _counts(**known: int) -> Json:
    return {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0, **known}
