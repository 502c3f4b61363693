"""Every URI the program writes: identifier systems, code systems, extensions, tags.

VN Core (http://fhir.ehealth.gov.vn/core, draft, CC0) where it has one; `https://benhan.vn/fhir/` for our own.
"""

from __future__ import annotations

from typing import Final

VN_CORE: Final = "http://fhir.ehealth.gov.vn/core"
BENHAN: Final = "https://benhan.vn/fhir"

# Identifiers of people. Source: VN Core NamingSystem drafts.
CCCD: Final = f"{VN_CORE}/sid/citizen_id"
CMND: Final = f"{VN_CORE}/sid/national_id"
BHYT: Final = f"{VN_CORE}/sid/insurance_number"
PASSPORT: Final = f"{VN_CORE}/sid/passport_number"
DRIVING_LICENCE: Final = f"{VN_CORE}/sid/driver-license-number"
PATIENT_NUMBER: Final = f"{VN_CORE}/sid/patient-internal-id"

# Identifiers of facilities and staff. VN Core's file for provider-code repeats the licence's by mistake.
PROVIDER_CODE: Final = f"{VN_CORE}/sid/provider-code"
PROVIDER_LICENCE: Final = f"{VN_CORE}/sid/provider-license-number"
PRACTICE_CERTIFICATE: Final = f"{VN_CORE}/sid/provider-medical-license-number"
EMPLOYEE_NUMBER: Final = f"{VN_CORE}/sid/healthworker-employee-number"
DEPARTMENT_CODE: Final = f"{BENHAN}/sid/department-code"
ROOM_CODE: Final = f"{BENHAN}/sid/room-code"

# Identifiers of acts and papers.
BOOKING_CODE: Final = f"{BENHAN}/sid/booking-code"
VISIT_NUMBER: Final = f"{BENHAN}/sid/visit-number"
TICKET: Final = f"{BENHAN}/sid/ticket"
PRESCRIPTION_CODE: Final = f"{BENHAN}/sid/prescription-code"
ORDER_NUMBER: Final = f"{BENHAN}/sid/order-number"
SAMPLE_NUMBER: Final = f"{BENHAN}/sid/sample-number"
ACCESSION_NUMBER: Final = f"{BENHAN}/sid/accession-number"
REPORT_NUMBER: Final = f"{BENHAN}/sid/report-number"
SERVICE_CODE: Final = f"{BENHAN}/sid/service-code"
MEDICINE_CODE: Final = f"{BENHAN}/sid/medicine-code"
#: The code of the booking that something belongs to (a payment, a photo): several may.
OF_BOOKING: Final = f"{BENHAN}/sid/of-booking"
#: The number of the visit that ended with an admission.
OF_VISIT: Final = f"{BENHAN}/sid/of-visit"
#: What a payment is called in a transfer and in an order; what the bank, who tells of its money, and Zalo call it.
PAYMENT_REFERENCE: Final = f"{BENHAN}/sid/payment-reference"
BANK_TRANSACTION: Final = f"{BENHAN}/sid/bank-transaction"
BANK_NOTICE: Final = f"{BENHAN}/sid/bank-notice"
CHECKOUT_TRANSACTION: Final = f"{BENHAN}/sid/checkout-transaction"

# Code systems of the world.
ICD10: Final = "http://hl7.org/fhir/sid/icd-10"
LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
UCUM: Final = "http://unitsofmeasure.org"
ATC: Final = "http://www.whocc.no/atc"
CURRENCY: Final = "urn:iso:std:iso:4217"
DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
#: Kinds of a MedicationRequest: inpatient.
MEDICATION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"
BCP13: Final = "urn:ietf:bcp:13"

# Code systems of HL7.
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
NULL_FLAVOR: Final = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
MARITAL_STATUS: Final = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
ROLE_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
IDENTIFIER_TYPE: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
INTERPRETATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
OBSERVATION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
CONDITION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/condition-category"
CONDITION_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/condition-clinical"
CONDITION_VERIFICATION: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
VACCINES: Final = "http://hl7.org/fhir/sid/cvx"
ALLERGY_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
ALLERGY_VERIFICATION: Final = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
DIAGNOSIS_ROLE: Final = "http://terminology.hl7.org/CodeSystem/diagnosis-role"
ACT_PRIORITY: Final = "http://terminology.hl7.org/CodeSystem/v3-ActPriority"
ADMIT_SOURCE: Final = "http://terminology.hl7.org/CodeSystem/admit-source"
#: State of a bed: table 0116 of HL7 v2.
BED_STATUS: Final = "http://terminology.hl7.org/CodeSystem/v2-0116"
DISCHARGE: Final = "http://terminology.hl7.org/CodeSystem/discharge-disposition"
DIAGNOSTIC_SERVICE: Final = "http://terminology.hl7.org/CodeSystem/v2-0074"
ORGANIZATION_TYPE: Final = "http://terminology.hl7.org/CodeSystem/organization-type"
LOCATION_PHYSICAL_TYPE: Final = "http://terminology.hl7.org/CodeSystem/location-physical-type"
PRACTITIONER_ROLE: Final = "http://terminology.hl7.org/CodeSystem/practitioner-role"
APPOINTMENT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v2-0276"
PROVENANCE_PARTICIPANT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
DATA_OPERATION: Final = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
DOCUMENT_COMPLETION: Final = "http://terminology.hl7.org/CodeSystem/v3-DocumentCompletion"

# Code systems of Vietnam. Administrative units, peoples and occupations: VN Core.
ADDRESS: Final = f"{VN_CORE}/CodeSystem/vn-core-administrative-address"
ETHNICITY: Final = f"{VN_CORE}/CodeSystem/vn-core-ethic"
OCCUPATION: Final = f"{VN_CORE}/CodeSystem/vn-core-occupation-4069"
#: Technical services, the Ministry's common codes. Source: TT 23/2024/TT-BYT.
SERVICES: Final = f"{BENHAN}/CodeSystem/dich-vu-ky-thuat-tt23"
#: Medicines, the Ministry's common codes.
MEDICINES: Final = f"{BENHAN}/CodeSystem/thuoc-qd7603"
#: Diseases by their names in traditional medicine.
TRADITIONAL_DISEASES: Final = f"{BENHAN}/CodeSystem/benh-yhct"
#: Kinds of people served first.
PRIORITY_GROUP: Final = f"{BENHAN}/CodeSystem/doi-tuong-uu-tien"

# Code systems of Benhan.
QUEUE: Final = f"{BENHAN}/CodeSystem/queue"
CHANNEL: Final = f"{BENHAN}/CodeSystem/channel"
ROOM_TYPE: Final = f"{BENHAN}/CodeSystem/room-type"
SPECIALTY: Final = f"{BENHAN}/CodeSystem/specialty"
OUTCOME: Final = f"{BENHAN}/CodeSystem/visit-outcome"
#: What is done with a stay: transferred, a doctor called (`hospital/ward`); what came of the treatment.
STAY: Final = f"{BENHAN}/CodeSystem/stay"
#: What a doctor orders of nursing on the daily sheet: level of care, monitoring (`hospital/daily.py`).
CARE_ORDER: Final = f"{BENHAN}/CodeSystem/care-order"
TREATMENT_RESULT: Final = f"{BENHAN}/CodeSystem/treatment-result"
ALLERGY_CLASS: Final = f"{BENHAN}/CodeSystem/allergy-class"
#: N narcotic, H psychotropic or precursor, C other. Source: TT 26/2025/TT-BYT.
PRESCRIPTION_KIND: Final = f"{BENHAN}/CodeSystem/prescription-kind"
#: Names of ingredients in one spelling, so that "amoxicillin" finds "Amoxicilin".
INGREDIENT: Final = f"{BENHAN}/CodeSystem/ingredient"
#: What a patient asks for about her data, by which way, and why it is refused (`core/access/rights.py`).
RIGHTS: Final = f"{BENHAN}/CodeSystem/patient-request"
#: What patients say of the house: praise, complaint, idea; of what (`hospital/feedback`).
FEEDBACK: Final = f"{BENHAN}/CodeSystem/feedback"
FEEDBACK_TOPIC: Final = f"{BENHAN}/CodeSystem/feedback-topic"
FEEDBACK_CODE: Final = f"{BENHAN}/sid/feedback-code"
#: What the price list calls a service: the Ministry's code, or a specialty for its examination.
PRICE: Final = f"{BENHAN}/CodeSystem/price"
PAYMENT_TYPE: Final = "http://terminology.hl7.org/CodeSystem/payment-type"
#: A question to a doctor, and a further line of its thread (`hospital/questions`).
QUESTION: Final = f"{BENHAN}/CodeSystem/question"
#: What somebody is registered for beside her work: answering questions (`hospital/questions/roster.py`).
DUTY: Final = f"{BENHAN}/CodeSystem/duty"
#: What a patient says when she asks for a consultation at a distance (`hospital/remote`).
REMOTE: Final = f"{BENHAN}/CodeSystem/remote-consultation"
#: What is asked after a visit (`hospital/feedback/survey.py`).
SURVEY: Final = f"{BENHAN}/Questionnaire/after-visit"
#: News of the house (`hospital/noticeboard`).
NEWS: Final = f"{BENHAN}/CodeSystem/news"
TAG: Final = f"{BENHAN}/CodeSystem/tag"
#: For what a patient consents (`core/access/consents.py`).
CONSENT: Final = f"{BENHAN}/CodeSystem/consent-purpose"

#: A DocumentManifest that is the record file of a visit (`core/store/archive.py`).
RECORD_FILE: Final = f"{BENHAN}/CodeSystem/record-file"
#: States of a record that a consent may open (`core/access/vocabulary.State`).
RECORD_STATE: Final = f"{BENHAN}/CodeSystem/record-state"

#: A form of the Ministry, "01/BV1", and the code printed before a box of it (`hospital/chart/forms`).
FORM: Final = f"{BENHAN}/sid/form"
FORM_BOX: Final = f"{BENHAN}/CodeSystem/form-box"

#: The code of a signed paper, which its QR carries; and what kind of paper it is (`hospital/signing.py`).
SIGNED_PAPER: Final = f"{BENHAN}/sid/signed-paper"
PAPER: Final = f"{BENHAN}/CodeSystem/paper"
#: The number of a sheet that was written on while the system was away.
LATE_PAPER: Final = f"{BENHAN}/sid/late-paper"

# Extensions.
EXTENSION: Final = f"{BENHAN}/StructureDefinition"
#: What a hospital's medicine list says and Medication has no element for: unit, route, strength, pack, sample.
EXTENSION_MEDICINE: Final = f"{EXTENSION}/medicine"
#: How a Consent was given or withdrawn: channel, by whom, who was witness; of a given one the SHA-256 of the text.
EXTENSION_CONSENT_PROOF: Final = f"{EXTENSION}/consent-proof"
#: How a signature with a certificate came about: method, SHA-256 of the PDF, certificate, what its issuers said.
EXTENSION_SIGNING: Final = f"{EXTENSION}/signing-evidence"
#: How content somebody was, from 1 to 5.
EXTENSION_RATING: Final = f"{EXTENSION}/rating"
#: Who pays for what is booked: insurance, or the patient herself.
EXTENSION_PAYER: Final = f"{EXTENSION}/payer"
#: Until when somebody was told that she has her answer.
EXTENSION_DUE: Final = f"{EXTENSION}/due"
#: From which day to which something is shown.
EXTENSION_SHOWN: Final = f"{EXTENSION}/shown"
#: The package of examinations that was booked (`hospital/packages.py`).
EXTENSION_PACKAGE: Final = f"{EXTENSION}/package"
#: Of an item of a form: a record is not closed without it; on the paper, asked no more; what its source leaves open.
EXTENSION_REQUIRED_AT_CLOSING: Final = f"{EXTENSION}/required-at-closing"
EXTENSION_HIDDEN_SINCE: Final = f"{EXTENSION}/hidden-since"
EXTENSION_UNCLEAR: Final = f"{EXTENSION}/unclear"
#: Of a stay: what came of the treatment (`hospital/stay.RESULTS`); when somebody on leave is awaited back.
EXTENSION_RESULT: Final = f"{EXTENSION}/treatment-result"
EXTENSION_AWAITED: Final = f"{EXTENSION}/awaited-back"
#: Of an order, and of the entry that writes it down: when it was given by word of mouth (`hospital/ward/daily.py`).
EXTENSION_VERBAL: Final = f"{EXTENSION}/verbal-order"
#: Of what was done with a dose: the hour for which it was ordered (`hospital/ward/giving.py`).
EXTENSION_DOSE_DUE: Final = f"{EXTENSION}/dose-due"
#: Of a medicine that is carried on: the day it was first given.
EXTENSION_COURSE_BEGAN: Final = f"{EXTENSION}/course-began"
#: What a request without an element for it takes the place of. Source: HL7 FHIR R4 extension request-replaces.
EXTENSION_REPLACES: Final = "http://hl7.org/fhir/StructureDefinition/request-replaces"
#: Of a note that was entered from paper: when it was written, and by whom (`hospital/chart/records/late.py`).
EXTENSION_LATE: Final = f"{EXTENSION}/late-entry"
#: A form whole, as the program reads it, in the Questionnaire that keeps its version (`hospital/chart/records`).
EXTENSION_FORM: Final = f"{EXTENSION}/form"
#: What is asked about a record: that it is opened again (`hospital/chart/records/reopening.py`).
RECORD_REQUEST: Final = f"{BENHAN}/CodeSystem/record-request"
EXTENSION_ETHNICITY: Final = f"{VN_CORE}/StructureDefinition/extension-ethic"
EXTENSION_OCCUPATION: Final = f"{VN_CORE}/StructureDefinition/extension-occupation"
EXTENSION_NATIONALITY: Final = f"{VN_CORE}/StructureDefinition/extension-nationality"
EXTENSION_TIMEZONE: Final = "http://hl7.org/fhir/StructureDefinition/timezone"
EXTENSION_DATA_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
