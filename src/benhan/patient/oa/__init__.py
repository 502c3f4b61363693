"""The Official Account: connected by a facility's administrator, it carries messages to patients and answers them.

`accounts`: which account serves a facility, its tokens; `connecting`, `pages`: the administrator's; `sending`: the two
ways by which its messages go; `webhooks`, `events`: what it hears; `talk`, `inbox`: conversations. Zalo's behaviour:
shared/zalo/README.md; why it is built so: docs/why/messages.md.
"""
