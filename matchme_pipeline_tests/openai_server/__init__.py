"""A small server that speaks OpenAI's protocol, with every fault on demand; it counts what it would bill."""

from matchme_pipeline_tests.openai_server.server import FakeOpenAI

__all__ = ["FakeOpenAI"]
