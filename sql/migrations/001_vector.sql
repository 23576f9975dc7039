-- Vectors are stored as vector(1536). Supabase keeps extensions in a schema of their own that is on the search path.
create extension if not exists vector;
