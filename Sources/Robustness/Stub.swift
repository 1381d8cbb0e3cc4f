// Robustness
