"""Who can meet whom, how well they suit each other, and whom each member is shown."""
