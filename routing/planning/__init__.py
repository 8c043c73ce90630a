"""Planning votes: how many days a decision takes with so many people."""
