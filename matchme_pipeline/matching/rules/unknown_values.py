"""The names of unknown attributes in a match's sentence, and the rule for unknown values.

The app never fills some columns and members leave others empty, so a missing value says nothing about a person. Gender
and age are always required: members without them are not matched. For the hard preferences in
`settings.UNKNOWN_MAY_BE_STRICT`, a pair with an unknown value is eligible: it loses points of the factor `stated`, and
the match names the attribute. `MATCHME_STRICT_UNKNOWN` makes attributes strict: an unknown value then excludes the
pair. A known value that contradicts a preference always excludes it.
"""

NAMES = {
    "distance": "place",
    "education": "education",
    "marital_status": "marital status",
    "children": "children",
    "religiosity": "religious practice",
    "sect": "sect",
    # The app has no column for it; members may say so among their tags.
    "hijab": "hijab",
}
