-- Who tells a facility that money came to its account (hospital/cashier/notices.py), with the secret that signs it,
-- encrypted; and orders at Zalo's Checkout whose callback has not come yet (hospital/cashier/status.py).
alter table payee
    add column contract text not null default '',       -- of which provider; empty: nobody tells
    add column secret text not null default '';         -- encrypted

create table checkout_order (
    facility int not null,
    reference text not null,                             -- what we call the payment
    id text not null,                                    -- what Zalo calls the order
    asked int not null default 0,
    due timestamptz not null,                            -- when Zalo is asked next
    primary key (facility, reference, id)
);
create index checkout_order_due on checkout_order (due);

alter table checkout_order enable row level security;
alter table checkout_order force row level security;
create policy write on checkout_order using (in_reach(facility)) with check (in_reach(facility));
grant select, insert, update, delete on checkout_order to benhan_app;
