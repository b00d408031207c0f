"""What makes a ballot verifiable: encodings, hashes, trees, notes and tokens."""
