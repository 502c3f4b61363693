-- Where a facility receives money that patients pay before a visit (hospital/cashier/payee.py): its account for VietQR,
-- and its merchant at Zalo's Checkout with the private key, encrypted.
create table payee (
    facility int primary key,
    bank text not null default '',                      -- BIN at NAPAS
    number text not null default '',
    holder text not null default '',
    app text not null default '',                       -- id of the Mini App whose Checkout is used; empty: none
    key text not null default '',                       -- encrypted
    changed timestamptz not null default now(),
    changed_by text not null
);

alter table payee enable row level security;
alter table payee force row level security;
create policy write on payee using (in_reach(facility)) with check (in_reach(facility));
grant select, insert, update, delete on payee to benhan_app;
