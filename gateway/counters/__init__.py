"""What is counted while requests run: cooldowns today, rates and budgets later."""
