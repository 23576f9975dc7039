"""Estimates the number of tokens in a text without downloading a tokenizer; pure."""

# The API's own rule for embeddings requests, and approximately right for English chat.
BYTES_PER_TOKEN = 4


def estimated_tokens(text: str) -> int:
    """The likely number: UTF-8 bytes / 4, at least one."""
    return max(1, -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN))


def most_tokens(text: str) -> int:
    """A number that is rarely exceeded: a third of the ASCII characters plus all other characters.

    Byte-level encodings use about one token for four ASCII characters, and one to three per character in other scripts.
    """
    ascii_characters = sum(character < "\x80" for character in text)
    return -(-ascii_characters // 3) + (len(text) - ascii_characters) + 1


def certain_tokens(text: str) -> int:
    """A number that is never exceeded: a token of a byte-level encoding has at least one byte."""
    return len(text.encode("utf-8", "surrogatepass"))
