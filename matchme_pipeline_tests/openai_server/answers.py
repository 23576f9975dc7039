"""What a well-behaved model answers: insights that quote the posts, starters about the pairs, vectors of words."""

import json
import re
import zlib
from functools import lru_cache
from typing import Any

import numpy as np

CATEGORIES = ["values", "personality", "lifestyle", "interests", "family"]


def complete(user_message: str, insights_a_post: float = 1.0) -> dict[str, Any]:
    """The answer to the user message of a chat completion, by its JSON."""
    data = json.loads(user_message)
    if "posts" in data:
        return {"insights": [insight for post in data["posts"] for insight in insights(post, insights_a_post)]}
    if any(isinstance(pair["a"], list) for pair in data["pairs"]):
        return {"reviews": [review(pair) for pair in data["pairs"]]}
    return {"previews": [preview(pair) for pair in data["pairs"]]}


def posts_well_answered(user_message: str, choice: dict[str, Any]) -> list[str]:
    """The texts of the posts on which a chat choice holds at least one insight that keeps every rule."""
    posts = {post["id"]: post["text"] for post in json.loads(user_message).get("posts", ())}
    message = choice["message"]
    if choice["finish_reason"] != "stop" or message["refusal"] or not message["content"]:
        return []
    try:
        entries = json.loads(message["content"].removeprefix("```json\n").removesuffix("\n```")).get("insights", [])
    except ValueError:
        return []
    return list(
        {
            posts[entry["post_id"]]
            for entry in entries
            if {"title", "post_id"} <= entry.keys()
            and entry["post_id"] in posts
            and len(entry["title"]) <= 80
            and entry["confidence"] <= 100
            and entry["source_quote"] in posts[entry["post_id"]]
        }
    )


def insights(post: dict[str, Any], wanted: float = 1.0) -> list[dict[str, Any]]:
    """On average so many insights, each on the next but one sentence that holds no mask, as far as there are any."""
    sentences = [s for s in re.findall(r"[^.!?\n]+", post["text"]) if "[" not in s and any(c.isalpha() for c in s)]
    number = int(wanted + zlib.crc32(post["text"].encode()) % 1000 / 1000)
    return [insight(post["id"], sentence.strip()[:120].strip()) for sentence in sentences[: 2 * number : 2]]


def insight(post_id: str, quote: str) -> dict[str, Any]:
    """One insight, about as long as the prompt asks for."""
    words = re.findall(r"\w+", quote)
    return {
        "post_id": post_id,
        "category": CATEGORIES[zlib.crc32(quote.encode()) % 5],
        "title": f"Speaks of {words[-1].lower()[:40]}",
        "description": "They come back to this in their own words.",
        "source_quote": quote,
        "confidence": 60 + zlib.crc32(quote.encode()) % 40,
    }


def preview(pair: dict[str, Any]) -> dict[str, Any]:
    """Two starters a level, by what the first side shows."""
    titles = [i["title"] for side in ("a", "b") for i in pair[side].get("insights", [])] or ["your week"]
    return {
        "pair_id": pair["id"],
        "level_1": [f"What do you enjoy most about this: {titles[0]}?", "What made you smile this week?"],
        "level_2": [f"What does this mean to you: {titles[-1]}?", "What does a good home feel like to you?"],
    }


def review(pair: dict[str, Any]) -> dict[str, Any]:
    """A fit that depends on what is shown of the two alone."""
    shown = json.dumps([pair["a"], pair["b"]], sort_keys=True)
    return {"pair_id": pair["id"], "fit": zlib.crc32(shown.encode()) % 101}


def embedding(text: str, dimensions: int) -> Any:
    """A sum of one random direction a word: texts that share words are alike."""
    words = re.findall(r"\w+", text.lower()) or [""]
    vector = np.sum([_direction(word, dimensions) for word in words], axis=0)
    return vector / np.linalg.norm(vector)


@lru_cache(maxsize=50_000)
def _direction(word: str, dimensions: int) -> Any:
    return np.random.default_rng(zlib.crc32(word.encode())).standard_normal(dimensions).astype(np.float32)
