"""Templates that try the kit's behaviours where `/kit` has nothing to lose: saving, refusal, live parts, paper."""
