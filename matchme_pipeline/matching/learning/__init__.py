"""What is learned from members' answers: their tendencies, and what makes a pair work. Pure: arrays in, arrays out."""
