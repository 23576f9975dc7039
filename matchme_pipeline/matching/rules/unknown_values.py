"""What a value that is not known means for a stated wish: the one place where that is set for every attribute.

The app never fills some columns and members leave others empty, so a missing value says nothing about a person. Gender
and age are always needed: who states none is not matched at all. For the attributes below, `False` (lenient) lets a
pair with an unknown value meet; it costs points of the factor `stated`, and the match names what is not stated. `True`
(strict) keeps such a pair apart. `MATCHME_STRICT_UNKNOWN` makes attributes strict. A known value against a stated wish
always excludes.
"""

UNKNOWN_EXCLUDES = {
    "distance": False,
    "education": False,
    "marital_status": False,
    "children": False,
    "religiosity": False,
    "sect": False,
    # The app has no column for it; members may say so among their tags.
    "hijab": False,
}
# How a match names an attribute that somebody asks for and the other has not stated.
NAMES = {
    "distance": "place",
    "education": "education",
    "marital_status": "marital status",
    "children": "children",
    "religiosity": "religious practice",
    "sect": "sect",
    "hijab": "hijab",
}
