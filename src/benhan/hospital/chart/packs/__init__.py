"""The pack of a ward: what its people need of their patients when server and database are down (ADR 37).

`contents` gathers it with the ward's eyes, `writing` writes it every few minutes, `folder` is how it lies on a disk,
`viewer` a small server that opens it with nothing else there, `book` the log of who opened what. Called by the program
itself and by `benhan pack`. Source: CV 365/TTYQG-GPQLCL III.1.2; Luật KCB 15/2023 Đ69; TT 13/2025/TT-BYT Đ5.
"""
