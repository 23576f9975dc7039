"""Prices of tokens from a versioned file; a model without a price is rejected before anything is spent."""

from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.llm.cache_keys import hash_of
from matchme_pipeline.settings import REHEARSAL

Mode = Literal["standard", "flex", "batch"]
MILLION = Decimal(1_000_000)
# The ledger's numeric(18, 10).
USD_STEP = Decimal("1e-10")


@dataclass(frozen=True)
class TokenUsage:
    """The billed tokens of one call; `input_tokens` includes tokens read from and written to the cache."""

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens


class Price(BaseModel):
    """USD per million tokens; without their own prices, cached and written tokens cost the same as other input."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Decimal = Field(ge=0, allow_inf_nan=False)
    cached_input: Decimal | None = Field(None, ge=0, allow_inf_nan=False)
    cache_write: Decimal | None = Field(None, ge=0, allow_inf_nan=False)
    output: Decimal = Field(Decimal(0), ge=0, allow_inf_nan=False)

    def cost_usd(self, usage: TokenUsage) -> Decimal:
        """input x (tokens - cached - written) + cached price x cached + write price x written + output x output."""
        cached = min(usage.cached_input_tokens, usage.input_tokens)
        written = min(usage.cache_write_tokens, usage.input_tokens - cached)
        total = (
            self.input * (usage.input_tokens - cached - written)
            + (self.input if self.cached_input is None else self.cached_input) * cached
            + (self.input if self.cache_write is None else self.cache_write) * written
            + self.output * usage.output_tokens
        )
        return (total / MILLION).quantize(USD_STEP)

    @property
    def highest_input(self) -> Decimal:
        """The most that an input token can cost."""
        return max(self.input, self.cached_input or Decimal(0), self.cache_write or Decimal(0))


class ModelEntry(BaseModel):
    """One model: its provider, its prices by mode and its supported parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["chat", "embedding"]
    # The folder of llm/ that translates requests to it.
    provider: str = Field("openai", pattern="^[a-z][a-z0-9_]*$")
    standard: Price
    flex: Price | None = None
    batch: Price | None = None
    temperature: bool = False
    reasoning_effort: str | None = None
    # Additional output tokens for billed thinking, beside the answer itself.
    thinking_tokens: int = Field(0, ge=0)
    dimensions: bool = False

    def price(self, mode: Mode) -> Price:
        """The price in `mode`; a mode that the model does not offer is billed as standard."""
        return getattr(self, mode) or self.standard

    @property
    def parameters(self) -> str:
        """The request parameters that affect an answer, for the cache key."""
        return hash_of({"reasoning_effort": self.reasoning_effort, "temperature": self.temperature})[:12]

    def mode_for(self, mode: Mode) -> Mode:
        """`mode` if the model offers it, else standard."""
        return mode if getattr(self, mode) is not None else "standard"


class PriceTable(BaseModel):
    """The models that may be called, and the version of their prices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    models: dict[str, ModelEntry]

    def entry(self, model: str, kind: Literal["chat", "embedding"], variable: str | None = None) -> ModelEntry:
        """The entry of `model`; raises ConfigurationError for a model without a price or of the other kind.

        `variable` names the setting that chose it.
        """
        found = self.models.get(model)
        if found is None or found.kind != kind:
            known = ", ".join(
                name for name, entry in self.models.items() if entry.kind == kind and entry.provider != "rehearsal"
            )
            variable = variable or ("MATCHME_INSIGHT_MODEL" if kind == "chat" else "MATCHME_EMBEDDING_MODEL")
            raise ConfigurationError(
                f"{variable}: the {kind} model '{model}' has no price. Choose one of {known}, "
                "or add its price in the file that MATCHME_PRICES_FILE names."
            )
        return found


def load_prices(override: Path | None = None) -> PriceTable:
    """The prices that ship with the package; models in the file `override` replace them."""
    shipped = _parse(resources.files("matchme_pipeline.llm").joinpath("prices.yaml").read_text("utf-8"), "prices.yaml")
    if override is None:
        return _with_rehearsals(shipped)
    try:
        text = override.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"MATCHME_PRICES_FILE: {override} cannot be read ({error}).") from None
    own = _parse(text, str(override))
    return _with_rehearsals(
        PriceTable(version=f"{shipped.version}+{own.version}", models={**shipped.models, **own.models})
    )


def _with_rehearsals(table: PriceTable) -> PriceTable:
    """The prices with a copy of each OpenAI model for rehearsals, labelled, at list prices."""
    rehearsed = {
        f"{REHEARSAL}{name}": entry.model_copy(update={"provider": "rehearsal"})
        for name, entry in table.models.items()
        if entry.provider == "openai"
    }
    return table.model_copy(update={"models": {**table.models, **rehearsed}})


def _parse(text: str, name: str) -> PriceTable:
    try:
        return PriceTable.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        where = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else "no valid YAML"
        raise ConfigurationError(
            f"The price file {name} is wrong ({where}). See llm/prices.yaml for the format."
        ) from None
