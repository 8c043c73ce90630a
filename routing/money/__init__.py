"""What a category costs, what others would cost, what switching saved, and when an own GPU pays."""
