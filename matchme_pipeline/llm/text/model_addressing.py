"""Detects texts that address the model, in several languages and disguises; pure."""

import re

from matchme_pipeline.llm.text.hidden_readings import compact, readings

_RULES = r"(?:instruction|rule|prompt|guideline|direction|command|above|previous|prior|earlier)"
_FOLLOW_NOT = r"pay no attention to|(?:do not|don'?t|stop) (?:follow|obey)\w*"
_MODEL = r"(?:ai|assistant|model|bot|machine|computer|analyst)"
_ADDRESSES = re.compile(
    rf"\b(?:ignor\w*|disregard|forget|overrid\w*|bypass|{_FOLLOW_NOT})\b.{{0,40}}\b{_RULES}"
    r"|\b(?:system|assistant|developer)\s*(?:prompt|message|note)?\s*[:>,\]]"
    r"|\b(?:language model|chatgpt|gpt|llm|prompts?|json|as an ai|jailbreak|developer mode|openai|anthropic)\b"
    rf"|\b(?:dear|hey|hi|hello|attention|note to|message (?:to|for)) (?:the )?{_MODEL}\b"
    r"|\b(?:you are now|from now on,? you|pretend (?:to be|that you)) (?:an? |the )?\w+"
    r"|\bact as (?:an? |the )?(?:ai|assistant|judge)\b"
    r"|\b(?:respond|reply|return|output)\b.{0,25}\b(?:only with|exactly|insights?|confidence|the following)\b"
    r"|\b(?:give|rate|score|mark)\b.{0,30}\b(?:100|hundred|top|highest|perfect|maximum)\b.{0,20}\b(?:fit|rating|confidence)"
    r"|\bconfidence\s*(?:[:=]|of|is)?\s*\d|\bnew instructions?\b|\bother (?:members|users)\b"
    r"|\boutput\b.{0,40}\binsights?\b|</?\w+>|[{}\[\]]\s*\"|<\|\w|\[/?inst\]|```|###"
    # The same in other languages that members write.
    r"|(?:تجاهل|انس|أهمل|تخط|لا تتبع).{0,25}(?:التعليمات|الأوامر|القواعد|ما سبق|السابقة)"
    r"|(?:ہدایات|احکامات|قواعد).{0,25}(?:نظر ?انداز|بھول|رد کر)|(?:نظر ?انداز|بھول).{0,20}ہدایات"
    r"|(?:دستور|قوانین).{0,25}(?:نادیده|فراموش)"
    r"|(?:नि?र्देश|नियम).{0,25}(?:अनदेखा|नज़रअंदाज़|नजरअंदाज|भूल|उपेक्षा)|নির্দেশ.{0,25}(?:উপেক্ষা|ভুলে|অগ্রাহ্য)"
    r"|(?:игнорир|забудь|не следуй|отмени).{0,40}(?:инструкц|указани|правил)"
    r"|(?:忽略|无视|無視|忘记|忘記|不要遵守).{0,15}(?:指令|指示|规则|規則|提示|说明)"
    r"|(?:指示|命令|ルール).{0,10}無視|(?:지시|명령|규칙).{0,10}(?:무시|잊)"
    r"|\b(?:ignor\w*|oublie[zr]?|olvid\w*|vergiss|vergesst|missachte|dimentica\w*|esquec\w*|negeer)\b.{0,40}"
    r"\b(?:consignes|instructions|règles|anweisung|regeln|instrucciones|reglas|instruções|regras|istruzioni|regole)"
    r"|\b(?:talimat|kural|yönerge)\w*.{0,30}(?:yok say|unut|görmezden|dikkate alma|uyma)"
    r"|\b(?:abaikan|lupakan|jangan ikut)\w*\b.{0,40}\b(?:instruksi|perintah|arahan|peraturan)"
    r"|\b(?:hidayaa?t|instructions?|ahkam)\b.{0,25}\b(?:nazar ?andaa?z|bhool|bhul|ignore)"
    r"|\btajahal\b.{0,25}\bta[3a']?limat",
    re.IGNORECASE | re.DOTALL,
)
# Without separators between the letters.
_COMPACT = re.compile(
    r"(?:ignore|disregard|forget|override|bypass)(?:all|any|the|every|these|those|your|my)*"
    r"(?:previous|prior|above|earlier|former|system|given)*(?:instruction|rule|prompt|guideline|direction|command)"
    r"|systemprompt|languagemodel|newinstructions|asanai(?:language|model|assistant)|youarenow(?:an?)?(?:ai|bot|assistant|free)"
)


def addresses_a_model(text: str) -> bool:
    """May `text` address a model? Such an item is asked about alone, so that it cannot influence other answers."""
    return any(_ADDRESSES.search(reading) or _COMPACT.search(compact(reading)) for reading in readings(text))
