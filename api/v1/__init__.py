"""Version 1 of the API: shapes, queries and views of each resource."""
