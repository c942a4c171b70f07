"""Everything with a widget."""
