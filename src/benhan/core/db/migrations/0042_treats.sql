-- Whether an organization of the platform treats anybody. A Sở Y tế has accounts and figures and no patients: it stands in no
-- list that a patient chooses from. Those that are there already are known by their accounts: somebody
-- reads the figures of a province, and nobody receives or treats.
alter table facility add column treats boolean not null default true;
update facility f set treats = false
where exists (select from account a where a.facility = f.key and 'province' = any(a.roles))
  and not exists (select from account a where a.facility = f.key and a.roles && '{doctor,nurse,reception}');
