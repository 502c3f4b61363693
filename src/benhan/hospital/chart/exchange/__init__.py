"""Records that leave the house and come into it: HoSoBenhAn (CV 365), a FHIR document, a package that can be verified.

`facts` reads a closed record as flat names, `mapping` puts them into the Ministry's fields (hosobenhan.toml), `tree`
writes and reads the document as JSON and XML and says what is wrong with one, `package` puts it all into one file with
its hashes and signature, `month` does that for a month of a hospital. Called by Phòng KHTH and by `benhan chart`.
Source: CV 365/TTYQG-GPQLCL III.1.1 d; Luật KCB 15/2023 Đ69; HL7 FHIR R4 3.3 (documents).
"""
