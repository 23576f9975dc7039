"""Every model call: what the stages ask, how it is asked, retried, stored and paid."""
