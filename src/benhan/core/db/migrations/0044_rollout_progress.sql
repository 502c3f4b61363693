-- The self-assessment and the project plan of a followed facility (benhan.province.rollout.criteria and .plan, ADR 34).
--
-- Both are entries: criterion, sent, reviewed, approved, reading; work, checked, training, device, phase. What they come
-- to stands in the site's row beside the rest, so that lists and counts need no history.
alter table rollout_site
    add assessment text collate "C" not null default '',    -- filling, sent, returned, approved
    add gate text collate "C" not null default '',          -- shut, open; empty: no plan
    add blocked int not null default 0;                     -- items of the plan that are blocked
