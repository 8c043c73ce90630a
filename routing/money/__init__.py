"""What a category costs, what others would cost, what switching saved, and when a GPU of one's own pays off."""
