"""Who is calling: tokens, keys, administrators, audit."""
