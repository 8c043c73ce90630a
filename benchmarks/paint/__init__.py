"""What a browser paints, and when."""
