"""How well the score predicts mutual likes, week by week, and how even members' exposure is."""
