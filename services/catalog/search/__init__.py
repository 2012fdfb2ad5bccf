"""Finding goods by what people type: characters, words, pinyin, with a slip of the finger (SE-01, SE-02)."""
