"""The model: conversations to batches, LLaVA from parts, one training stage, decoding."""
