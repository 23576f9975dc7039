"""A small server that speaks Anthropic's protocol, with every fault on demand; it counts what it would bill."""

from matchme_pipeline_tests.anthropic_server.server import FakeAnthropic

__all__ = ["FakeAnthropic"]
