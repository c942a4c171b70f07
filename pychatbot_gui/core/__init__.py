"""Values and rules: no Qt, no model library, no database."""
