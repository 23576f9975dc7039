"""Detects texts that address the model, in several languages and disguises; pure."""

import re
from dataclasses import dataclass

from matchme_pipeline.llm.text.hidden_readings import compact, readings
from matchme_pipeline.llm.text.literals import may_hold

_RULES = r"(?:instruction|rule|prompt|guideline|direction|command|above|previous|prior|earlier)"
_FOLLOW_NOT = r"pay no attention to|(?:do not|don'?t|stop) (?:follow|obey)\w*"
_MODEL = r"(?:ai|assistant|model|bot|machine|computer|analyst)"


@dataclass(frozen=True)
class _Sign:
    """A pattern, and words in small letters of which one occurs in every text that it matches."""

    words: tuple[str, ...]
    pattern: re.Pattern[str]


def _sign(words: str, pattern: str) -> _Sign:
    return _Sign(tuple(words.split("|")), re.compile(pattern, re.IGNORECASE | re.DOTALL))


_SIGNS = (
    _sign(
        "ignor|disregard|forget|overrid|bypass|pay no attention|follow|obey",
        rf"\b(?:ignor\w*|disregard|forget|overrid\w*|bypass|{_FOLLOW_NOT})\b.{{0,40}}\b{_RULES}",
    ),
    _sign(
        "system|assistant|developer",
        r"\b(?:system|assistant|developer)\s*(?:prompt|message|note)?\s*[:>,\]]|\bdeveloper mode\b",
    ),
    _sign(
        "language model|gpt|llm|prompt|json|as an ai|jailbreak|openai|anthropic",
        r"\b(?:language model|chatgpt|gpt|llm|prompts?|json|as an ai|jailbreak|openai|anthropic)\b",
    ),
    _sign(
        "dear |hey |hi |hello |attention |note to |message to |message for ",
        rf"\b(?:dear|hey|hi|hello|attention|note to|message (?:to|for)) (?:the )?{_MODEL}\b",
    ),
    _sign(
        "you are now|from now on|pretend ",
        r"\b(?:you are now|from now on,? you|pretend (?:to be|that you)) (?:an? |the )?\w+",
    ),
    _sign("act as ", r"\bact as (?:an? |the )?(?:ai|assistant|judge)\b"),
    _sign(
        "respond|reply|return|output",
        r"\b(?:respond|reply|return|output)\b.{0,25}\b(?:only with|exactly|insights?|confidence|the following)\b"
        r"|\boutput\b.{0,40}\binsights?\b",
    ),
    _sign(
        "fit|rating|confidence",
        r"\b(?:give|rate|score|mark)\b.{0,30}\b(?:100|hundred|top|highest|perfect|maximum)\b.{0,20}"
        r"\b(?:fit|rating|confidence)|\bconfidence\s*(?:[:=]|of|is)?\s*\d",
    ),
    _sign("new instruction|other member|other user", r"\bnew instructions?\b|\bother (?:members|users)\b"),
    _sign("<|{|}|[|]|```|###", r"</?\w+>|[{}\[\]]\s*\"|<\|\w|\[/?inst\]|```|###"),
    # The same in other languages that members write.
    _sign(
        "تجاهل|انس|أهمل|تخط|لا تتبع",
        r"(?:تجاهل|انس|أهمل|تخط|لا تتبع).{0,25}(?:التعليمات|الأوامر|القواعد|ما سبق|السابقة)",
    ),
    _sign(
        "ہدایات|احکامات|قواعد",
        r"(?:ہدایات|احکامات|قواعد).{0,25}(?:نظر ?انداز|بھول|رد کر)|(?:نظر ?انداز|بھول).{0,20}ہدایات",
    ),
    _sign("دستور|قوانین", r"(?:دستور|قوانین).{0,25}(?:نادیده|فراموش)"),
    _sign("र्देश|नियम", r"(?:नि?र्देश|नियम).{0,25}(?:अनदेखा|नज़रअंदाज़|नजरअंदाज|भूल|उपेक्षा)"),
    _sign("নির্দেশ", r"নির্দেশ.{0,25}(?:উপেক্ষা|ভুলে|অগ্রাহ্য)"),
    _sign("игнорир|забудь|не следуй|отмени", r"(?:игнорир|забудь|не следуй|отмени).{0,40}(?:инструкц|указани|правил)"),
    _sign(
        "忽略|无视|無視|忘记|忘記|不要遵守",
        r"(?:忽略|无视|無視|忘记|忘記|不要遵守).{0,15}(?:指令|指示|规则|規則|提示|说明)",
    ),
    _sign("無視", r"(?:指示|命令|ルール).{0,10}無視"),
    _sign("지시|명령|규칙", r"(?:지시|명령|규칙).{0,10}(?:무시|잊)"),
    _sign(
        "ignor|oublie|olvid|vergiss|vergesst|missachte|dimentica|esquec|negeer",
        r"\b(?:ignor\w*|oublie[zr]?|olvid\w*|vergiss|vergesst|missachte|dimentica\w*|esquec\w*|negeer)\b.{0,40}"
        r"\b(?:consignes|instructions|règles|anweisung|regeln|instrucciones|reglas|instruções|regras|istruzioni|regole)",
    ),
    _sign(
        "talimat|kural|yönerge",
        r"\b(?:talimat|kural|yönerge)\w*.{0,30}(?:yok say|unut|görmezden|dikkate alma|uyma)",
    ),
    _sign(
        "abaikan|lupakan|jangan ikut",
        r"\b(?:abaikan|lupakan|jangan ikut)\w*\b.{0,40}\b(?:instruksi|perintah|arahan|peraturan)",
    ),
    _sign(
        "hidaya|instruction|ahkam",
        r"\b(?:hidayaa?t|instructions?|ahkam)\b.{0,25}\b(?:nazar ?andaa?z|bhool|bhul|ignore)",
    ),
    _sign("tajahal", r"\btajahal\b.{0,25}\bta[3a']?limat"),
)
# In an ASCII text only these are looked for.
_WORDS = tuple(dict.fromkeys(word for sign in _SIGNS for word in sign.words))
_ASCII_WORDS = tuple(word for word in _WORDS if word.isascii())
# Without separators between the letters, and the words of which each match has one.
_COMPACT_WORDS = (
    *("ignore", "disregard", "forget", "override", "bypass", "systemprompt", "languagemodel", "newinstructions"),
    *("asanai", "youarenow"),
)
_COMPACT = re.compile(
    r"(?:ignore|disregard|forget|override|bypass)(?:all|any|the|every|these|those|your|my)*"
    r"(?:previous|prior|above|earlier|former|system|given)*(?:instruction|rule|prompt|guideline|direction|command)"
    r"|systemprompt|languagemodel|newinstructions|asanai(?:language|model|assistant)|youarenow(?:an?)?(?:ai|bot|assistant|free)"
)


def addresses_a_model(text: str) -> bool:
    """May `text` address a model? Such an item is asked about alone, so that it cannot influence other answers."""
    return any(_has_sign(reading) or _has_compact_sign(compact(reading)) for reading in readings(text))


def _has_sign(reading: str) -> bool:
    if not may_hold(reading, _ASCII_WORDS if reading.isascii() else _WORDS):
        return False
    return any(may_hold(reading, sign.words) and sign.pattern.search(reading) for sign in _SIGNS)


def _has_compact_sign(letters: str) -> bool:
    return any(map(letters.__contains__, _COMPACT_WORDS)) and _COMPACT.search(letters) is not None
