"""What must hold for security, by the numbers of the checklist that the house builds by."""
