"""What we claim about speed, as commands: `python -m bench.visit`, `python -m bench.store`, `python bench/codes.py`.

Called by whoever changes something on a hot path; `docs/why/speed.md` quotes them. Issue 2, "It holds when".
"""
