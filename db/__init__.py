"""The database: tables and every SQL statement. Knows no door."""
