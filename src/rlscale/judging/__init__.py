"""Is a response right? Answers by rule, programs in a sandbox. No torch."""
