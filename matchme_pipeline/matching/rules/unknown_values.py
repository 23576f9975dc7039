"""How a match names an attribute that somebody asks for and the other has not stated.

The app never fills some columns and members leave others empty, so a missing value says nothing about a person. Gender
and age are always needed: who states none is not matched at all. For the attributes below (the hard preferences that
`settings.UNKNOWN_MAY_BE_STRICT` lists) an unknown value lets a pair meet: it costs points of the factor `stated`, and
the match names what is not stated. `MATCHME_STRICT_UNKNOWN` makes attributes strict: an unknown value then keeps the
pair apart. A known value against a stated wish always excludes.
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
