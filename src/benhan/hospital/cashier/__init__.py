"""The cashier: the price list, what is paid before a visit (VietQR, Zalo's Checkout), confirming it, giving it back.

Called by the patient's app, by Zalo's server and by the cashier's screens. Charges of a visit, deposits and electronic
invoices are not built yet. Source: Luật KCB 15/2023 Đ110 (prices); shared/zalo/README.md (Checkout SDK).
"""
