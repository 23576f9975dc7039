"""Learning from members' answers: members' tendencies and a model of pairs. Pure: arrays in, arrays out."""
