"""What other FHIR servers did, and what we aim for: requests a second at 8 clients, 20,000 records.

Measured with ../shared/bench/fhirbench.py on one loaded two-core machine of this kind, default fsync, no access rules
and no audit of reads switched on (components.md). Its generator cost more than ours, so a peer may gain a little here.
"""

AIMS = {
    "read": 8800, "identifier": 5700, "family": 5700, "sorted": 3600, "include": 2400, "chained": 2300, "total": 1570,
    "create Patient": 3000, "create Observation": 3000, "transaction of 50": 100, "$import": 12000,
}  # fmt: skip
PEERS = {
    "WSO2 fhir-server (Go)": {
        "read": 8772, "identifier": 1126, "family": 3671, "sorted": 1028, "include": 253, "chained": 772, "total": 243,
        "create Patient": 845, "create Observation": 786, "transaction of 50": 36, "$import": 1569,
    },
    "Medplum 5 (Node)": {
        "read": 2408, "identifier": 1918, "family": 1907, "sorted": 1194, "include": 789, "chained": 713, "total": 522,
        "create Patient": 605, "create Observation": 509, "transaction of 50": 12, "$import": 450,
    },
    "SEKMET (Python)": {
        "read": 283, "identifier": 255, "family": 201, "sorted": 19, "include": 7, "chained": 230, "total": 65,
        "create Patient": 146, "create Observation": 166, "transaction of 50": 16, "$import": 1035,
    },
}  # fmt: skip
#: What the names of the operations stand for.
ASKED = {
    "read": "read by id", "identifier": "Patient by identifier", "family": "Patient by family",
    "sorted": "Observation by patient and code, `_sort=-date`", "include": "Observation by patient with `_include`",
    "chained": "Observation by `subject:Patient.identifier`", "total": "Observation by code, `_total=accurate`",
    "one row": "a value in one record, sorted by date", "half of all": "a value in half of all, sorted by date",
    "both": "the two together", "ward": "ward mix",
}  # fmt: skip
