"""What is counted while requests run: cooldowns, places, retries, limits and budgets; in memory, or in Redis."""
