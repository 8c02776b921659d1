"""The model: batches of conversations, LLaVA from its parts, one training stage, decoding."""
