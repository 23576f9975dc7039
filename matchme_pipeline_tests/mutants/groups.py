"""Which modules are mutated together, and which tests must notice."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Modules below `matchme_pipeline/`, and the tests below `matchme_pipeline_tests/` that are run on each mutant.

    The tests need no database, so that a mutant costs about a second. `left_out`: slow tests that notice little more,
    as for pytest's `-k`.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    left_out: str = ""


GROUPS = {
    "masking": Group(
        (
            "llm/text/contact_masking.py",
            "llm/text/addresses.py",
            "llm/text/handles.py",
            "llm/text/names.py",
            "llm/text/ordinary_numbers.py",
            "llm/text/spelt_numbers.py",
            "llm/text/phone_numbers.py",
            "llm/text/folding.py",
            "llm/text/hidden_readings.py",
            "llm/text/model_addressing.py",
            "llm/text/plain_text.py",
        ),
        ("llm/test_contact_corpus.py", "llm/test_grounding.py", "llm/test_shown_text.py", "llm/test_names.py"),
        "very_long_text",
    ),
    "eligibility": Group(
        ("matching/rules/eligibility.py", "matching/rules/limits.py", "matching/rules/unknown_values.py"),
        ("matching/test_eligibility.py",),
    ),
    "score": Group(
        ("matching/rules/compatibility.py",),
        ("matching/test_engine.py", "matching/test_eligibility.py"),
    ),
    "dna": Group(
        ("dna/fixed_point.py", "dna/rarity.py", "dna/habits.py", "dna/depth.py", "dna/behaviour.py",
         "dna/originality.py", "dna/culture.py", "dna/score.py", "dna/text.py"),
        ("dna/test_rules.py", "dna/test_against_plain.py"),
    ),
    "allocation": Group(
        ("matching/engine/allocation.py", "matching/engine/place_flow.py", "matching/engine/regions.py",
         "matching/engine/odd_regions.py", "matching/engine/tie_breaking.py"),
        ("matching/test_allocation.py",),
    ),
    "grounding": Group(
        ("llm/text/quote_grounding.py", "llm/text/sentences.py"),
        ("llm/test_sentences.py", "llm/test_grounding.py", "llm/test_shown_text.py"),
        "mask or dialling_prefix or phone or days_and_times",
    ),
    "packing": Group(
        ("llm/tasks/packing.py", "llm/text/token_estimates.py"),
        ("llm/test_packing.py",),
    ),
    "budget": Group(
        ("llm/execution/budget_cover.py", "llm/execution/billing.py", "llm/execution/circuit_breaker.py"),
        ("llm/test_usage.py", "llm/test_budget_rules.py"),
    ),
    "backoff": Group(
        ("llm/execution/adaptive_limiter.py", "llm/execution/rate_headers.py", "operations/missing_weeks.py"),
        ("llm/test_pacing.py", "operations/test_week_plan.py"),
        "processes or tokens_than_allowed or connections",
    ),
}  # fmt: skip
