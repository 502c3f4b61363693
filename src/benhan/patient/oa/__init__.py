"""The Official Account: connected by a facility's administrator, it carries messages to patients and answers them.

`accounts`: which account serves a facility, its tokens; `sending`: the two ways by which its messages go; `pages`: the
administrator's page. Zalo's behaviour: shared/zalo/README.md; why it is built so: docs/why/messages.md.
"""
