"""Loads the prompts in `prompts/`: instructions, answer schema, settings, and a version derived from all three."""

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from matchme_pipeline.llm.cache_keys import hash_of
from matchme_pipeline.llm.tasks.answer_parsing import PARSER_VERSION


class PromptSettings(BaseModel):
    """The contents of a prompt's YAML file; tokens are estimated tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float
    max_output_tokens: int
    request_tokens: int
    request_items: int
    item_characters: int = 12_000


@dataclass(frozen=True)
class Prompt:
    """One prompt; `version` changes with every change of its files or of the parser."""

    name: str
    instructions: str
    schema: dict[str, Any]
    settings: PromptSettings
    version: str


@lru_cache
def load_prompt(name: str) -> Prompt:
    """The prompt called `name` (insights, previews, review)."""
    folder = resources.files("matchme_pipeline.llm.prompts")
    instructions = folder.joinpath(f"{name}.md").read_text("utf-8").strip()
    schema = json.loads(folder.joinpath(f"{name}.schema.json").read_text("utf-8"))
    settings = PromptSettings.model_validate(yaml.safe_load(folder.joinpath(f"{name}.yaml").read_text("utf-8")))
    # Packing does not affect the answer to one item; these settings do.
    asked = {"temperature": settings.temperature, "item_characters": settings.item_characters}
    version = hash_of([instructions, schema, asked, PARSER_VERSION])[:12]
    return Prompt(name, instructions, schema, settings, f"{name}-{version}")
