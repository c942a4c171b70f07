"""What answers. No Qt."""
