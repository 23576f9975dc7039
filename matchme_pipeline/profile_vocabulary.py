"""The vocabulary of profiles: one table of spellings for the hard preferences and MySoul DNA.

Each column lists its values in the order of matching's codes, and each value lists its spellings in plain form (see
`plain`). `matching.rules.vocabulary` derives codes from the table, `dna.traits` derives traits, and the SQL of the
member search receives the codes as JSON. A spelling outside the table is unknown to matching; DNA treats it as
a separate trait. Add new spellings here.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

_EDUCATION = {
    # No degree: school certificates, and studies without a final award.
    "high school": {
        "highschool",
        "highschooldiploma",
        "secondary",
        "secondaryschool",
        "secondaryeducation",
        "sixthform",
    }
    | {"alevel", "alevels", "aslevel", "aslevels", "olevel", "olevels", "gcse", "gcses", "igcse", "igcses", "ged"}
    | {"internationalbaccalaureate", "leavingcertificate", "matric", "matriculation", "diploma"}
    | {"somecollege", "someuniversity", "somehighereducation"},
    "vocational": {"vocational", "vocationaltraining", "vocationalqualification", "tradevocational", "trade"}
    | {"tradeschool", "technicalschool", "apprenticeship", "apprentice", "nvq", "svq", "btec", "cityandguilds"}
    | {"hnc", "hnd", "highernationalcertificate", "highernationaldiploma", "foundationdegree"}
    | {"associate", "associates", "associatedegree", "associatesdegree"},
    "bachelors": {"bachelor", "bachelors", "bachelordegree", "bachelorsdegree", "undergraduate", "undergraduatedegree"}
    | {"undergrad", "graduate", "degree", "universitydegree", "collegedegree", "honoursdegree", "firstdegree"}
    | {"ba", "bahons", "bs", "bsc", "bschons", "beng", "benghons", "be", "btech", "bed", "bba", "bcom", "bfa", "barch"}
    | {"bca", "bpharm", "llb", "llbhons", "mbbs", "mbchb", "mbbch", "bds", "bachelorofarts", "bachelorofscience"}
    | {"bachelorofengineering", "bachelorofeducation", "bachelorofcommerce", "bacheloroflaw", "bacheloroflaws"}
    | {"bachelorofmedicine", "bachelorofbusinessadministration"},
    "masters": {"master", "masters", "masterdegree", "mastersdegree", "postgraduate", "postgraduatedegree", "postgrad"}
    | {"postgraduatediploma", "pgdip", "pgce", "graduatedegree", "graduateschool", "gradschool"}
    | {"ma", "ms", "msc", "msci", "mba", "meng", "mtech", "mphil", "mres", "med", "mfa", "mpa", "mph", "march", "mca"}
    | {"mcom", "mpharm", "mchem", "mphys", "mmath", "llm", "masterofarts", "masterofscience", "masterofengineering"}
    | {"masterofbusinessadministration", "masterofeducation", "masteroflaw", "masteroflaws", "masterofphilosophy"},
    "phd": {"phd", "phddegree", "dphil", "doctor", "doctorate", "doctoratephd", "doctoral", "doctoraldegree"}
    | {"doctorofphilosophy", "doctorofmedicine", "md", "edd", "engd", "dba", "jd", "jurisdoctor", "pharmd", "psyd"}
    | {"dds", "postdoc"},
    "other": {"other"},
}
# `profiles.religion.practiceLevel`. The app accepts free text: labels of the screen, the app's `moderate`, and common
# synonyms.
_PRACTICE = {
    "very practicing": {"verypracticing", "verypractising", "verypracticingmuslim", "devout", "verydevout", "devoted"}
    | {"strict", "verystrict", "veryreligious", "highlyreligious", "highlypracticing", "fullypracticing"}
    | {"conservative", "veryobservant", "orthodox"},
    "practicing": {"practicing", "practising", "practicingmuslim", "practisingmuslim", "religious", "observant"}
    | {"committed", "fairlypracticing", "mostlypracticing"},
    "moderate": {"moderate", "moderatelypracticing", "moderatelypractising", "moderatelyreligious"}
    | {"somewhatpracticing", "somewhatreligious", "somewhat", "average", "medium", "balanced"},
    "cultural": {"cultural", "culturalmuslim", "culturally", "notverypracticing", "notverypractising"}
    | {
        "notveryreligious",
        "nonpracticing",
        "nonpractising",
        "notpracticing",
        "notpractising",
        "occasionally",
        "casual",
    },
    "learning": {"learning", "flexible", "liberal", "secular", "exploring", "revert", "newtoislam", "beginner", "open"},
}
_SECT = {
    "sunni": {"sunni", "sunnimuslim", "sunniislam"},
    "shia": {"shia", "shiah", "shiamuslim", "shiaislam", "shiite", "shiitemuslim"},
    "ahmadiyya": {"ahmadiyya", "ahmadiyyamuslim", "ahmadi", "ahmadimuslim"},
    "other": {"other"},
}
# The app's database allows only these values. Files may write them with spaces or capitals.
_PRAYER = {
    "five daily": {"fivedaily"},
    "most": {"most"},
    "some": {"some"},
    "jummah": {"jummah"},
    "learning": {"learning"},
}
_MARITAL = {"never married": {"nevermarried"}, "divorced": {"divorced"}, "widowed": {"widowed"}}
_FAMILY_VALUES = {"traditional": {"traditional"}, "balanced": {"balanced"}, "modern": {"modern"}}

# By column, as DNA names it: each value with its spellings.
VOCABULARY: Mapping[str, Mapping[str, set[str]]] = {
    "education_level": _EDUCATION,
    "practice_level": _PRACTICE,
    "sect": _SECT,
    "prayer_frequency": _PRAYER,
    "marital_status": _MARITAL,
    "family_values": _FAMILY_VALUES,
}
_VALUE = {
    column: {spelling: value for value, spellings in values.items() for spelling in spellings}
    for column, values in VOCABULARY.items()
}


def value_of(column: str, written: str) -> str | None:
    """The value that `written` spells; None if the table has no such spelling or column."""
    values = _VALUE.get(column)
    return values.get(plain(written)) if values is not None else None


def codes_of(column: str) -> dict[str, int]:
    """The code of each spelling: its value's place in the column's list."""
    return {spelling: code for code, spellings in enumerate(VOCABULARY[column].values()) for spelling in spellings}


# Members choose from the same few labels.
@lru_cache(maxsize=4_096)
def plain(value: str) -> str:
    """A spelling's plain form: its letters a to z alone, in lower case, without accents and width.

    `matchme_plain` in SQL gives the same.
    """
    return re.sub(r"[^A-Za-z]", "", unicodedata.normalize("NFKD", value)).lower()
