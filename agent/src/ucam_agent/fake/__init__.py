"""Parts of a board that behave like the real ones and remember what was done to them: for tests and demonstrations."""
